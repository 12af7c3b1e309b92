"""How the verdicts on labels and predictions are made."""

from __future__ import annotations

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
    "Neither is decided on exploratory labels, or on labels made from the very images that are explained.",
)
