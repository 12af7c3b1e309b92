"""From activations to labels: every unit of a layer with its concept, its runner-up and the margin between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from . import similarity
from .concepts import colour_term
from .settings import DissectionSettings

# Nats: with softWPMI and WPMI, a label that leads by less is under 1 % likelier than the runner-up.
MIN_MARGIN = {"softwpmi": 0.01, "wpmi": 0.01}
STRONGEST = 6


@dataclass(frozen=True)
class Layer:
    """The units of one layer, in the network's order.

    Attributes:
        concepts, runners_up: the best and second best concept of each unit, whether or not it counts as labelled.
        similarity: (units,) of the best concept; margin: (units,) its lead over the second best.
        constant: (units,) bool; the same activation on every image, so that nothing distinguishes a concept.
        labelled: (units,) bool; not constant, and the margin reaches the threshold.
        strongest: (images, units) positions of the images with the largest activations, largest first; six at most.
    """

    name: str
    concepts: tuple[str, ...]
    runners_up: tuple[str, ...]
    similarity: np.ndarray
    margin: np.ndarray
    constant: np.ndarray
    labelled: np.ndarray
    strongest: np.ndarray

    @property
    def n_units(self) -> int:
        return len(self.concepts)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Labelled units by concept, most first, then by the alphabet."""
        return most_frequent_first(
            Counter(c for c, labelled in zip(self.concepts, self.labelled, strict=True) if labelled)
        )

    @cached_property
    def colour_units(self) -> int:
        """Labelled units whose concept is a basic colour term."""
        return sum(count for concept, count in self.counts.items() if colour_term(concept))


@dataclass(frozen=True)
class DissectedModel:
    """One model: its layers, input side first."""

    model: str
    layers: tuple[Layer, ...]

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


def min_margin(settings: DissectionSettings) -> float:
    """The threshold in force, in the similarity's own unit."""
    return MIN_MARGIN.get(settings.similarity, 0.0) if settings.min_margin is None else settings.min_margin


def label_layer(
    name: str,
    activations: np.ndarray,
    cosines: np.ndarray,
    words: Sequence[str],
    settings: DissectionSettings,
    temperature: float,
    seed: int,
) -> Layer:
    """Label the units of one layer.

    Args:
        activations: (N, units), spatially averaged, over the N probe images.
        cosines: (N, len(words)), of image and concept.
        temperature: a of softmax(a cos).
        seed: of rank_reorder's random orders.
    """
    fit = _similarity(activations, cosines, settings, temperature, seed)
    units = np.arange(len(fit))
    best = fit.argmax(axis=1)
    highest = fit[units, best]
    fit[units, best] = -np.inf
    second = fit.argmax(axis=1)
    margin = highest - fit[units, second]
    constant = np.ptp(activations, axis=0) == 0
    return Layer(
        name=name,
        concepts=tuple(words[i] for i in best),
        runners_up=tuple(words[i] for i in second),
        similarity=highest,
        margin=margin,
        constant=constant,
        labelled=~constant & (margin >= min_margin(settings)),
        strongest=similarity.top_images(activations, STRONGEST),
    )


def _similarity(
    activations: np.ndarray, cosines: np.ndarray, settings: DissectionSettings, temperature: float, seed: int
) -> np.ndarray:
    if settings.similarity == "cosine":
        return similarity.cosine(cosines, activations)
    if settings.similarity == "cosine_cubed":
        return similarity.cosine_cubed(cosines, activations)
    if settings.similarity == "rank_reorder":
        return similarity.rank_reorder(cosines, activations, seed=seed)
    function = similarity.soft_wpmi if settings.similarity == "softwpmi" else similarity.wpmi
    return function(cosines, activations, top_k=settings.top_k, temperature=temperature, lam=settings.lam)


def jaccard(a: Layer, b: Layer) -> float | None:
    """Concepts that label a unit in both layers, over those that do in either; None where there are none."""
    union = a.counts.keys() | b.counts.keys()
    return len(a.counts.keys() & b.counts.keys()) / len(union) if union else None


def differences(models: Sequence[DissectedModel]) -> list[tuple[str, list[float]]]:
    """Concepts with their share of each model's units, the largest difference first."""
    concepts = {concept for model in models for concept in model.counts}
    shares = [(concept, [model.share(concept) for model in models]) for concept in concepts]
    return sorted(shares, key=lambda row: (min(row[1]) - max(row[1]), row[0]))
