"""Words of the field that only the chapter on LIME uses."""

from __future__ import annotations

from reportgen.report.document import Term

TERMS = (
    Term(term="R²", text="The share of variance that a fitted model explains; 1 is all of it."),
    Term(term="surrogate", text="A simple model fitted to what the network answers around one image."),
)
