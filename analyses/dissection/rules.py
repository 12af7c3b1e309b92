"""How the verdicts on claims about units are made."""

from __future__ import annotations

# A concept dominates a model from this share of all units on.
DOMINANT_SHARE = 0.1
RULES = (
    "That the data set's own concept leads is decided by counting units, model by model, and beside chance: it is supported where it leads "
    "and, of as many classes drawn at random from all, fewer than 5 of 100 draws would hold a class with that concept; contradicted where "
    "another concept leads, which is a count and has no p. It and the claim on an unrelated concept take at least six different images.",
    f"A concept is said to dominate a model from {DOMINANT_SHARE * 100:.0f} % of its units on.",
    "That the share of colour units rises over layers is decided by the Cochran-Armitage test for a trend, with the units as "
    "observations, where the fitted rise from the first layer to the last is larger than the smallest effect of interest for shares; "
    "contradicted when the share falls so.",
    "That models differ in what they learn is decided by the overlap (Jaccard index) of the concepts of two models, each labelled by "
    "another half of the probe set, against that of the two halves of one model: where units are dealt to the models at random, "
    "as many to each, the difference must be as large in fewer than 5 of 100 deals, and larger than the smallest effect of interest "
    "for an IoU.",
    "No claim about units is decided on an exploratory probe set.",
)
