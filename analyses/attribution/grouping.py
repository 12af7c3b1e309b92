"""The terms of a logit grouped by the labels of their units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Grouping:
    """The units of a layer by their labels.

    Attributes:
        words: the distinct labels, sorted.
        of_unit: (C,) position of each unit's label in `words`; len(words) for an unlabelled unit.
        stands: (C,) bool, the units whose label fits better than chance.
    """

    words: tuple[str, ...]
    of_unit: np.ndarray
    stands: np.ndarray

    @classmethod
    def of(cls, concepts: Sequence[str | None], stands: Sequence[bool] | None = None) -> Grouping:
        """Units by their labels; those that fit better than chance are all that have one, where nothing else is said."""
        words = tuple(sorted({concept for concept in concepts if concept is not None}))
        place = {word: i for i, word in enumerate(words)}
        of_unit = np.array([len(words) if c is None else place[c] for c in concepts], np.int64)
        return cls(words, of_unit, of_unit < len(words) if stands is None else np.asarray(stands, bool))

    @cached_property
    def sizes(self) -> np.ndarray:
        """(len(words) + 1,) units of each label, unlabelled ones last."""
        return np.bincount(self.of_unit, minlength=len(self.words) + 1)

    def sums(self, terms: np.ndarray) -> np.ndarray:
        """(len(words) + 1,): the terms added up by label, unlabelled units last."""
        return np.bincount(self.of_unit, weights=terms, minlength=len(self.words) + 1)

    def units(self, word: int) -> np.ndarray:
        """Indices of the units of one label, by its position."""
        return np.flatnonzero(self.of_unit == word)


@dataclass(frozen=True)
class ConceptSum:
    """One label and what its units add to a logit together.

    Attributes:
        standing, standing_units: of those units whose label fits better than chance.
    """

    concept: str
    sum: float
    units: int
    standing: float
    standing_units: int


@dataclass(frozen=True)
class Concepts:
    """The labels of one image's units by what they add to the logit.

    Attributes:
        positive, negative: the labels with the largest sums of either sign, largest first.
        rest_positive, rest_negative: the sums of all other labels of either sign; rest: how many those are.
        unlabelled: the sum of the unlabelled units.
    """

    positive: tuple[ConceptSum, ...]
    negative: tuple[ConceptSum, ...]
    rest_positive: float
    rest_negative: float
    rest: int
    unlabelled: ConceptSum


def by_concept(grouping: Grouping, terms: np.ndarray, most: int) -> Concepts:
    """The terms of one image, (C,), by label; `most` labels of either sign by name. Equal sums stand in the labels' order."""
    sums = grouping.sums(terms)
    standing = grouping.sums(np.where(grouping.stands, terms, 0.0))
    named, sizes = sums[:-1], grouping.sizes
    standing_units = np.bincount(grouping.of_unit[grouping.stands], minlength=len(sums))

    def made(i: int, concept: str) -> ConceptSum:
        return ConceptSum(concept, float(sums[i]), int(sizes[i]), float(standing[i]), int(standing_units[i]))

    def listed(positions: np.ndarray) -> tuple[ConceptSum, ...]:
        return tuple(made(i, grouping.words[i]) for i in positions)

    order = np.argsort(-named, kind="stable")
    positive = [i for i in order[:most] if named[i] > 0]
    negative = [i for i in np.argsort(named, kind="stable")[:most] if named[i] < 0]
    left = np.ones(len(named), bool)
    left[[*positive, *negative]] = False
    others = named[left]
    return Concepts(
        positive=listed(np.array(positive, int)),
        negative=listed(np.array(negative, int)),
        rest_positive=float(others[others > 0].sum()),
        rest_negative=float(others[others < 0].sum()),
        rest=int(left.sum()),
        unlabelled=made(len(sums) - 1, ""),
    )
