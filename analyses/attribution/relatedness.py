"""Are the labels of the units that carry a prediction related to its class? Names compared, and the labels permuted over the units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reportgen.analysis.stats import FEWEST_PAIRINGS, Pairing

BATCH = 500


@dataclass(frozen=True)
class RelatedUnits:
    """What the names of a layer's labels say of the classes of the run.

    Attributes:
        cosines: by class name and label, of the two names.
        units: by class name (C,) bool, the units whose label is related to the class.
    """

    cosines: Mapping[str, Mapping[str, float]]
    units: Mapping[str, np.ndarray]


def related_units(
    concepts: Sequence[str | None], classes: Sequence[str], words: Sequence[str], cosines: np.ndarray, least: float
) -> RelatedUnits:
    """Which units have a label that is related to which class.

    Args:
        concepts: (C,) the label of each unit, None for an unlabelled one, which is related to no class.
        words: the distinct labels.
        cosines: (classes, words) of class names and labels; least: from which on a label is related.
    """
    column = {word: i for i, word in enumerate(words)}
    # One column more, of nothing, for units without a label.
    near = np.concatenate([cosines >= least, np.zeros((len(classes), 1), bool)], axis=1)
    of_unit = np.array([len(words) if concept is None else column[concept] for concept in concepts])
    return RelatedUnits(
        cosines={
            name: dict(zip(words, map(float, row), strict=True)) for name, row in zip(classes, cosines, strict=True)
        },
        units={name: row[of_unit] for name, row in zip(classes, near, strict=True)},
    )


def positive_shares(terms: np.ndarray) -> np.ndarray:
    """(C,): each unit's share of the positive sum; zero for a term that is not positive, and all zero where none is."""
    positive = np.maximum(terms, 0)
    total = positive.sum()
    shares: np.ndarray = positive / total if total > 0 else positive
    return shares


@dataclass(frozen=True)
class ClassShares:
    """The images of one class taken together.

    Attributes:
        images: how many; total: (C,) the sum of their `positive_shares`.
    """

    images: int
    total: np.ndarray


def permuted_means(
    of_class: Mapping[str, ClassShares], units: Mapping[str, np.ndarray], permutations: int, seed: int
) -> np.ndarray:
    """(permutations,): the mean over images of the share under related labels, when labels are dealt to the units at random.

    All labels of the layer are permuted over all its units, unlabelled ones among them, alike for every image.

    Args:
        of_class: by class its images; units: by class (C,) bool, the related units as the labels stand.
    """
    count = len(next(iter(units.values())))
    rows = [(np.flatnonzero(units[name]), shares.total) for name, shares in of_class.items()]
    sums, rng = np.zeros(permutations), np.random.default_rng(seed)
    for start in range(0, permutations, BATCH):
        size = min(BATCH, permutations - start)
        order = rng.permuted(np.tile(np.arange(count, dtype=np.int32), (size, 1)), axis=1)
        for related, total in rows:
            # Where the related labels land is all that counts: the sum over a random subset of the units.
            sums[start : start + size] += total[order[:, related]].sum(axis=1)
    means: np.ndarray = sums / sum(shares.images for shares in of_class.values())
    return means


@dataclass(frozen=True)
class LabelTest:
    """The share of the positive sum under related labels, against permuted labels.

    Attributes:
        pairing: own: the mean share over images; other: the mean that permuted labels have, which is the mean over images of
            the share of the units that are related; differences: an image's share less that of its class' units; p: of the
            permutation.
        high: 97.5th percentile of the permuted means; 0 where none were drawn.
        without: classes to which no label of the layer is related.
    """

    pairing: Pairing
    high: float
    without: tuple[str, ...]

    @property
    def n(self) -> int:
        return self.pairing.n


class LabelTally:
    """Collects the images that count as one observation each, and then permutes the labels over the units.

    What it holds does not grow with the pixels, and by C numbers only with the classes.
    """

    def __init__(self, related: RelatedUnits) -> None:
        self._related = related
        self._of_class: dict[str, ClassShares] = {}
        self._own: list[float] = []
        self._chance: list[float] = []

    def add(self, shares: np.ndarray, name: str) -> None:
        """One image: (C,) its `positive_shares`, and the class that the model says."""
        units = self._related.units[name]
        before = self._of_class.get(name, ClassShares(0, np.zeros(len(shares))))
        self._of_class[name] = ClassShares(before.images + 1, before.total + shares)
        self._own.append(float(shares[units].sum()))
        self._chance.append(float(units.mean()))

    def tested(self, permutations: int, seed: int) -> LabelTest | None:
        """None where no image was added.

        p is one-sided, (1 + permutations whose mean share is at least the observed one) / (1 + permutations); there
        is none for fewer than 6 images.
        """
        if not self._own:
            return None
        observed, p, high = float(np.mean(self._own)), None, 0.0
        if len(self._own) >= FEWEST_PAIRINGS:
            means = permuted_means(self._of_class, self._related.units, permutations, seed)
            p = (1 + int((means >= observed - 1e-12).sum())) / (1 + permutations)
            high = float(np.quantile(means, 0.975))
        differences = tuple((np.array(self._own) - np.array(self._chance)).tolist())
        return LabelTest(
            pairing=Pairing(observed, float(np.mean(self._chance)), differences, p, exact=False),
            high=high,
            without=tuple(name for name in self._of_class if not self._related.units[name].any()),
        )
