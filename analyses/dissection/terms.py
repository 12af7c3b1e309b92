"""Words that only the chapter on network dissection uses."""

from __future__ import annotations

from reportgen.report.document import Term

TERMS = (
    Term(term="margin", text="How far a unit's best concept leads the runner-up."),
    Term(term="probe set", text="The images on which units are dissected."),
    Term(
        term="unit",
        text="One channel of a layer, or one dimension of its tokens, with its activations over all positions.",
    ),
)
