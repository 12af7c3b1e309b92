"""How the verdict on a claim of no difference is made."""

from __future__ import annotations

from reportgen.analysis.verdicts import ALPHA

RULES = (
    "That a measure is the same under two models is decided by an equivalence test, two one-sided sign-flip tests that the mean difference "
    f"over images lies within the smallest effect of interest on either side, both with p < {ALPHA:g}. It is contradicted when the "
    "paired rule finds the measure larger under one of them: p of the sign-flip test below the level, and a Hodges-Lehmann shift "
    "beyond the smallest effect of interest.",
)
