"""Words of the field that only the chapter on faithfulness uses."""

from __future__ import annotations

from reportgen.report.document import Term

TERMS = (
    Term(term="deletion", text="Taking pixels away, most important first, and watching the probability fall."),
    Term(
        term="insertion",
        text="Bringing pixels back into a blurred copy, most important first, and watching the probability rise.",
    ),
)
