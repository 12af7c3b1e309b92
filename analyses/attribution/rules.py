"""How the verdicts on labels and predictions are made."""

from __future__ import annotations

# With fewer probe images the labels say more of those images than of the units.
FEWEST_PROBE_IMAGES = 500
RULES = (
    "That the labels of the units that carry a prediction are related to its class is decided by permuting the labels "
    "over all units of the "
    "layer, one-sided: the mean share of the positive sum under related labels has to be larger than that of the permuted "
    "labels, by more "
    "than the smallest effect of interest for a share. It is contradicted when a one-sided sign-flip test over images shows that it is "
    "larger by less than that.",
    "That removing a concept's units removes the class has two parts, both paired over images: the probability falls "
    "further than without "
    "random units of equal mean activation, and further than without the largest groups that permuted labels make. The second is there "
    "because the concepts removed are chosen by how much they carry, and the largest of any groups carry more than random units.",
    f"Neither is decided on labels from fewer than {FEWEST_PROBE_IMAGES} probe images, or from the very images that are explained.",
)
