"""Words that only the chapter on concept attribution uses."""

from __future__ import annotations

from reportgen.report.document import Term

TERMS = (
    Term(
        term="contribution",
        text="A unit's term in the sum that makes a logit: its mean activation times its weight for the class.",
    ),
    Term(term="positive sum", text="The sum of all contributions to a logit that are larger than zero."),
    Term(
        term="permuted labels",
        text="The labels of a layer dealt out to its units anew, at random: what remains is how often each label occurs.",
    ),
)
