"""What the units of a model are called: every unit of a layer with its concept, and what is known of how sure that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reportgen.storage.codec import Array

from .concepts import colour_term
from .recipe import Origin

# Of labels about which nothing else is known.
COMPUTED = Origin()


@dataclass(frozen=True)
class Control:
    """What the units of a layer reach when their activations are shuffled over the images.

    Attributes:
        draws: shuffled units behind it.
        lift, margin: the 95th percentile of the best concept's similarity, and of its lead over the second best.
    """

    draws: int
    lift: float
    margin: float


@dataclass(frozen=True)
class Halves:
    """The labels that each half of the probe set gives.

    Attributes:
        first, second: a concept a unit; empty where the unit is the same on every image of the half.
        cosine: (units,) between both concepts in the encoder's space, 0 where one is empty.
        cosine_by_chance: mean over all pairs of a unit's first and another's second concept.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    cosine: Array
    cosine_by_chance: float

    @cached_property
    def agree(self) -> np.ndarray:
        """(units,) bool: both halves give the same concept."""
        return np.array([a == b != "" for a, b in zip(self.first, self.second, strict=True)], bool)


@dataclass(frozen=True)
class Spread:
    """How the units of a layer behave over the probe set, each (units,) float32.

    Attributes:
        mean, std: of the activation over the images; high: what 99 % of the images stay at or below.
    """

    mean: Array
    std: Array
    high: Array


@dataclass(frozen=True)
class Layer:
    """The units of one layer, in the network's order.

    Attributes:
        concepts: the best concept of each unit, whether or not it counts as labelled; runners_up: the second best.
        similarity: (units,) of the best concept; margin: (units,) its lead over the second best.
        constant: (units,) bool; the same activation on every image, so that nothing distinguishes a concept.
        labelled: (units,) bool; not constant, and beyond the threshold in force.
        strongest: (images, units) positions of the images with the largest activations, largest first; six at most, none
            where the labels come from a file.
        lift: (units,): the label's similarity where shuffled units, not the others of the layer, say how likely a concept is for
            any unit: what the control is held against.
        control, halves, spread: None where they were not measured, or the file does not say; so are runners_up, margin and lift.
    """

    name: str
    concepts: tuple[str, ...]
    runners_up: tuple[str, ...] | None
    similarity: Array
    margin: Array | None
    constant: Array
    labelled: Array
    strongest: Array
    lift: Array | None = None
    control: Control | None = None
    halves: Halves | None = None
    spread: Spread | None = None

    @property
    def n_units(self) -> int:
        return len(self.concepts)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Labelled units by concept, most first, then by the alphabet."""
        return most_frequent_first(
            Counter(c for c, labelled in zip(self.concepts, self.labelled, strict=True) if labelled)
        )

    @property
    def n_labelled(self) -> int:
        return int(self.labelled.sum())

    @cached_property
    def colour_units(self) -> int:
        """Labelled units whose concept is a basic colour term."""
        return sum(count for concept, count in self.counts.items() if colour_term(concept))

    @property
    def share_beyond(self) -> float | None:
        """Of all units, the share that fit their label better than 95 in 100 shuffled units fit their best."""
        return None if self.lift is None or self.control is None else float((self.lift > self.control.lift).mean())

    @property
    def median_margin(self) -> float | None:
        """Over all units of the layer, labelled or not."""
        return None if self.margin is None else float(np.median(self.margin))

    def half_concepts(self, half: int) -> frozenset[str]:
        """The concepts that one half of the probe set gives to the labelled units; none where there are no halves."""
        if self.halves is None:
            return frozenset()
        given = (self.halves.first, self.halves.second)[half]
        return frozenset(c for c, labelled in zip(given, self.labelled, strict=True) if labelled and c)

    @property
    def agreement(self) -> tuple[float, float] | None:
        """Of the labelled units the share to which both halves give the same concept, and that share by chance: the mean
        over all ways to pair the first half's concepts with the second's. None where there are no halves, or no labels."""
        if self.halves is None or not self.labelled.any():
            return None
        kept = [(a, b) for a, b, yes in zip(self.halves.first, self.halves.second, self.labelled, strict=True) if yes]
        first, second = (Counter(pair[i] for pair in kept if pair[i]) for i in (0, 1))
        chance = sum(count * second[concept] for concept, count in first.items()) / len(kept) ** 2
        return float(self.halves.agree[self.labelled].mean()), chance


@dataclass(frozen=True)
class DissectedModel:
    """One model: its layers, input side first, and where its labels come from."""

    model: str
    layers: tuple[Layer, ...]
    origin: Origin = COMPUTED

    @property
    def n_units(self) -> int:
        return sum(layer.n_units for layer in self.layers)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Labelled units by concept over all layers, most first, then by the alphabet."""
        total: Counter[str] = Counter()
        for layer in self.layers:
            total.update(layer.counts)
        return most_frequent_first(total)

    @property
    def labelled(self) -> int:
        return sum(self.counts.values())

    def rank(self, concept: str) -> int | None:
        """1 for the concept that labels most units, ties sharing the better rank; None where it labels none."""
        count = self.counts.get(concept, 0)
        return 1 + sum(other > count for other in self.counts.values()) if count else None

    def share(self, concept: str) -> float:
        """Of all units, labelled or not."""
        return self.counts.get(concept, 0) / self.n_units


def most_frequent_first(counts: Counter[str]) -> dict[str, int]:
    """Most first, then by the alphabet."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def jaccard(a: Layer, b: Layer) -> float | None:
    """Concepts that label a unit in both layers, over those that do in either; None where there are none."""
    union = a.counts.keys() | b.counts.keys()
    return len(a.counts.keys() & b.counts.keys()) / len(union) if union else None


def half_overlap(a: Layer, b: Layer) -> float | None:
    """As `jaccard`, each side labelled by another half of the probe set; the mean of both ways round."""
    ways = ((a.half_concepts(0), b.half_concepts(1)), (b.half_concepts(0), a.half_concepts(1)))
    found = [len(one & other) / len(one | other) for one, other in ways if one | other]
    return sum(found) / len(found) if found else None


def differences(models: Sequence[DissectedModel]) -> list[tuple[str, list[float]]]:
    """Concepts with their share of each model's units, the largest difference first."""
    concepts = {concept for model in models for concept in model.counts}
    shares = [(concept, [model.share(concept) for model in models]) for concept in concepts]
    return sorted(shares, key=lambda row: (min(row[1]) - max(row[1]), row[0]))
