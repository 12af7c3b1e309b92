"""Words of the field that only the chapter on agreement uses."""

from __future__ import annotations

from reportgen.report.document import Term

TERMS = (
    Term(term="ceiling", text="The largest IoU that two masks of the given areas can have."),
    Term(
        term="Otsu's threshold",
        text="The cut of a histogram at which the two sides differ most in their means, weighed by size.",
    ),
)
