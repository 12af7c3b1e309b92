"""Which units the images of a run drive: those that one image drives harder than nearly all images of the probe set do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .labelling import HIGH
from .labels import DissectedModel, Layer, Spread, most_frequent_first
from .probing import DissectionRun
from .result import DissectionResult


@dataclass(frozen=True)
class Driven:
    """The units of one layer under the run's images.

    Attributes:
        z: (images, units): how many standard deviations of the probe set an image's activation lies above its mean.
        beyond: (images, units) bool: above what 99 % of the probe set's images reach.
    """

    layer: Layer
    z: np.ndarray
    beyond: np.ndarray

    @property
    def expected(self) -> float:
        """How many units an image of the probe set drives, on average."""
        return (1 - HIGH) * self.layer.n_units

    def strongest(self, image: int, most: int) -> list[tuple[int, float]]:
        """The labelled units that an image drives, with their z, largest first."""
        driven = np.flatnonzero(self.beyond[image] & self.layer.labelled)
        order = driven[np.argsort(-self.z[image, driven], kind="stable")][:most]
        return [(int(unit), float(self.z[image, unit])) for unit in order]

    def concepts(self, images: Sequence[int]) -> dict[str, int]:
        """By concept how many of the images drive a unit that carries it, most first."""
        counts: Counter[str] = Counter()
        for image in images:
            units = np.flatnonzero(self.beyond[image] & self.layer.labelled)
            counts.update({self.layer.concepts[unit] for unit in units})
        return most_frequent_first(counts)


def driven(run: DissectionRun, model: DissectedModel, layers: Sequence[Layer]) -> list[Driven]:
    """What the images drive in some of the model's layers; every image is read once.

    A layer is passed over where the labels do not say how the units behave over their probe set; all are where the labels are of
    these very images, and where the run's images were not dissected (`--probe`).
    """
    if model.origin.computed or run.has_probe:
        return []
    known = [(layer, layer.spread) for layer in layers if layer.spread is not None]
    rows: list[list[np.ndarray]] = [[] for _ in known]
    for image in range(len(run.images) if known else 0):
        means = run.result("dissection", image, DissectionResult, model.model).means
        for kept, (layer, _) in zip(rows, known, strict=True):
            kept.append(means[layer.name])
    return [_under(layer, spread, np.stack(kept)) for kept, (layer, spread) in zip(rows, known, strict=True)]


def _under(layer: Layer, spread: Spread, activations: np.ndarray) -> Driven:
    values, std = activations.astype(np.float64), np.where(spread.std > 0, spread.std, 1).astype(np.float64)
    return Driven(layer, (values - spread.mean) / std, values > spread.high)
