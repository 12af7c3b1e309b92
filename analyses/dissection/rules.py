"""How the verdicts on claims about units are made."""

from __future__ import annotations

# A concept dominates a model from this share of all units on.
DOMINANT_SHARE = 0.1
# Two models differ where the concepts of a layer have less than this median Jaccard index.
DIFFERENT_JACCARD = 0.5
RULES = (
    f"A concept is said to dominate a model from {DOMINANT_SHARE * 100:.0f} % of its units on, and two models to differ where "
    f"the median Jaccard index of their concepts is under {DIFFERENT_JACCARD:g}. No claim about units is decided on an "
    "exploratory probe set.",
)
