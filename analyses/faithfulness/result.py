"""Whether the model follows the maps of one image: the result that other analyses may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reportgen.images.ground_truth.annotation import TruthNote
from reportgen.storage.codec import Array


@dataclass(frozen=True)
class Score:
    """One map on the two curves.

    Attributes:
        deletion, insertion: areas under the curves, 0 to 1; a good map has a small and a large one.
        draws: orders of equal pixels that they are means of; constant: whether the map has one value everywhere.
    """

    deletion: float
    insertion: float
    draws: int
    constant: bool

    @property
    def by_measure(self) -> Mapping[str, float]:
        return {"deletion": self.deletion, "insertion": self.insertion}


@dataclass(frozen=True)
class Localisation:
    """One map and the marked object; see `analyses.faithfulness.localisation`."""

    pointing: float
    energy: float
    iou: float

    @property
    def by_measure(self) -> Mapping[str, float]:
        return {"pointing": self.pointing, "energy": self.energy, "iou": self.iou}


@dataclass(frozen=True)
class HiddenMask:
    """What hiding LIME's mask does.

    Attributes:
        probability, hidden: of the class, on the whole image and with the mask in the mean colour.
        area: of the mask, as a share of the frame.
        random: as `hidden`, for random superpixels of the same number of pixels.
    """

    probability: float
    hidden: float
    area: float
    random: tuple[float, ...]


@dataclass(frozen=True)
class MarkedObject:
    """Where the ground truth came from, its share of the frame, 0 where the crop removed it, and what its files call it."""

    source: str
    area: float
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measurements:
    """The numbers of one image.

    Attributes:
        labels: by map, explanations before controls, what pages call it; a CAM that could not be computed is not among them.
        scores: by map, in that order.
        truth: None where the user marked no object that fits the image; localisation: by map, None without an object in the frame.
        truth_notes: how what the user marked fits the image, where a reader must know.
    """

    labels: Mapping[str, str]
    scores: Mapping[str, Score]
    lime_hidden: HiddenMask
    forward_passes: int
    truth: MarkedObject | None
    localisation: Mapping[str, Localisation] | None
    truth_notes: tuple[TruthNote, ...] = ()


@dataclass(frozen=True)
class FaithfulnessResult:
    """The curves of one image, (maps, steps + 1) float32 probabilities in the order of `measured.labels`, and its numbers."""

    deletion: Array
    insertion: Array
    measured: Measurements

    @property
    def curves(self) -> Mapping[str, Mapping[str, np.ndarray]]:
        """By measure and map, (steps + 1,) float64."""
        rows = {"deletion": self.deletion, "insertion": self.insertion}
        return {m: dict(zip(self.measured.labels, of.astype(float), strict=True)) for m, of in rows.items()}
