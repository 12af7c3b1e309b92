"""Which units the images of a run drive: those that one image drives harder than nearly all images of the probe set do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .labelling import HIGH
from .labels import DissectedModel, Layer, most_frequent_first
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


def driven(run: DissectionRun, model: DissectedModel, place: int = -1) -> Driven | None:
    """What the images drive in one of the layers, the last unless said otherwise.

    None where the labels do not say how the units behave over their probe set, or are of these very images, and where the run's
    images were not dissected (`--probe`).
    """
    layer = model.layers[place]
    if layer.spread is None or model.origin.computed or run.has_probe:
        return None
    rows = [
        run.result("dissection", image, DissectionResult, model.model).means[layer.name]
        for image in range(len(run.images))
    ]
    activations = np.stack(rows).astype(np.float64)
    spread = layer.spread
    std = np.where(spread.std > 0, spread.std, 1).astype(np.float64)
    return Driven(layer, (activations - spread.mean) / std, activations > spread.high)
