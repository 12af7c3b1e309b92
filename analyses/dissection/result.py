"""What network dissection and its concept encoder keep of one image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reportgen.storage.codec import Array


@dataclass(frozen=True)
class EmbeddingResult:
    """One image as the concept encoder sees it.

    Attributes:
        kept: what `Encoder.observe` keeps, arrays by the encoder's own names.
    """

    kept: Mapping[str, Array]


@dataclass(frozen=True)
class DissectionResult:
    """How strongly one image drives the units of one model.

    Attributes:
        means: by stage, input side first, (units,) float32: the mean over positions of each unit's activation.
    """

    means: Mapping[str, Array]


@dataclass(frozen=True)
class UnitLabels:
    """What the units of a model's last dissected stage are called, for analyses that read labels.

    Attributes:
        layer: the last dissected stage, whose maps feed the head.
        concepts: a unit's label, in the network's order; None for a unit that counts as unlabelled.
        best: the concept that fits a unit best, whether or not it fits better than chance; None for a unit without any.
        n_images: in the probe set behind the labels.
        source: where the labels come from, in words (`the reference table`, `the images of this run`).
        encoder: the concept encoder's name behind the labels; empty where the file of labels does not say.
        exploratory: whether so few images made the labels that they decide nothing.
        own_images: whether the images that are explained made them.
    """

    model: str
    layer: str
    concepts: tuple[str | None, ...]
    best: tuple[str | None, ...]
    n_images: int | None
    source: str
    encoder: str
    exploratory: bool = False
    own_images: bool = False


@dataclass(frozen=True)
class SharedLabels:
    """What dissection hands on: the labels of each model that it has dissected."""

    models: tuple[UnitLabels, ...]

    def of(self, model: str) -> UnitLabels | None:
        """Those of one model; None where it was not dissected."""
        return next((labels for labels in self.models if labels.model == model), None)
