"""Do models differ in what their units respond to, by more than the halves of one probe set make the labels of one model differ?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .labels import DissectedModel, Layer

DRAWS = 2000


@dataclass(frozen=True)
class Overlap:
    """Jaccard indices of the concepts that label units, each side labelled by another half of the probe set.

    Attributes:
        between: mean over pairs of models and layers; within: the same of one model with itself, mean over models and layers.
        p: one-sided, that within exceeds between by so much where units were dealt to the models at random.
        layers: matched from the output side; units: labelled ones in all of them.
    """

    between: float
    within: float
    p: float
    layers: int
    units: int


def overlap(models: Sequence[DissectedModel], seed: int) -> Overlap | None:
    """Compare models whose labels come from the same halves of the same probe set.

    The test deals the labelled units of a layer, each with both of its labels, to the models at random, as many to each as it has.
    None where there are fewer than two models, or a layer of one has no labels of halves.
    """
    depth = min((len(model.layers) for model in models), default=0)
    matched = [[model.layers[-back] for model in models] for back in range(depth, 0, -1)]
    matched = [layers for layers in matched if all(layer.halves is not None and layer.n_labelled for layer in layers)]
    if len(models) < 2 or not matched:
        return None
    found = [_Dealt(layers) for layers in matched]
    observed = np.mean([one.overlaps(one.owner) for one in found], axis=0)
    random = np.random.default_rng(seed)
    apart = observed[0] - observed[1]
    reached = 0
    for _ in range(DRAWS):
        within, between = np.mean([one.overlaps(random.permutation(one.owner)) for one in found], axis=0)
        reached += within - between >= apart - 1e-12
    units = sum(len(one.owner) for one in found)
    return Overlap(float(observed[1]), float(observed[0]), (1 + reached) / (1 + DRAWS), len(matched), units)


class _Dealt:
    """The labelled units of one layer of every model, and what either half calls them."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        halves = [layer.halves for layer in layers]
        names: list[list[str]] = [[], []]
        for layer, of_layer in zip(layers, halves, strict=True):
            assert of_layer is not None  # see `overlap`
            for half, given in enumerate((of_layer.first, of_layer.second)):
                names[half] += [c for c, yes in zip(given, layer.labelled, strict=True) if yes]
        self.owner = np.repeat(np.arange(len(layers)), [layer.n_labelled for layer in layers])
        self._models = len(layers)
        known, codes = np.unique(np.array(names), return_inverse=True)
        self._codes = codes.reshape(2, -1)
        self._unlabelled = int(np.flatnonzero(known == "")[0]) if "" in known else None
        self._concepts = len(known)

    def overlaps(self, owner: np.ndarray) -> tuple[float, float]:
        """Mean Jaccard index of a model with itself, and of two models, if unit i were `owner[i]`'s."""
        there = np.zeros((self._models, 2, self._concepts), bool)
        for half in (0, 1):
            there[owner, half, self._codes[half]] = True
        if self._unlabelled is not None:
            there[:, :, self._unlabelled] = False
        within = [_jaccard(one[0], one[1]) for one in there]
        pairs = combinations(range(self._models), 2)
        between = [_jaccard(there[i, a], there[j, 1 - a]) for i, j in pairs for a in (0, 1)]
        return float(np.mean(within)), float(np.mean(between))


def _jaccard(a: np.ndarray, b: np.ndarray) -> float:
    either = int((a | b).sum())
    return int((a & b).sum()) / either if either else 0.0
