"""What one map call is given: an image as a model sees it, the class to explain, and what it may read besides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np

from reportgen.images.ground_truth.annotation import Truth, TruthNote
from reportgen.models.encoders import Encoder
from reportgen.models.runtime import Engine, Forward, LayerAttention
from reportgen.settings.group import SettingsGroup

S = TypeVar("S", bound=SettingsGroup, covariant=True)
R = TypeVar("R")


@dataclass(frozen=True)
class View:
    """One image as one model sees it; its forward pass is made once and shared by every analysis.

    Attributes:
        frame: (H, W, 3) uint8 RGB, the model's input frame; the same array for every method.
        engine: the model's forward passes.
    """

    frame: np.ndarray
    engine: Engine
    _attention: dict[int, list[LayerAttention]] = field(default_factory=dict, repr=False, compare=False)

    def attention(self, target: int) -> list[LayerAttention]:
        """`Engine.attention` of this image and class, made once."""
        if target not in self._attention:
            self._attention[target] = self.engine.attention(self.input, target)
        return self._attention[target]

    @cached_property
    def input(self) -> np.ndarray:
        """(3, H, W) float32: the normalised network input."""
        return self.engine.normalise(self.frame)

    @cached_property
    def forward(self) -> Forward:
        """Logits (1, classes) and trunk activations (1, C, h, w) of this image."""
        return self.engine.forward(self.input[None])


# The map of a required analysis, on another view and under other settings: (name, view, changes) -> its result.
Again = Callable[[str, View, Mapping[str, object]], object]


@dataclass(frozen=True)
class Subject(Generic[S]):
    """Everything that one map call may read.

    Attributes:
        target: index of the class to explain.
        seed: derived from the run's seed and the image's bytes; the same wherever the image stands.
        run_seed: the run's own, for what must be the same for all images.
        settings: of the analysis that is asked.
        results: by analysis that it requires, the result for this image and model.
        timed: `with subject.timed("scorecam"):` adds the block's seconds to timings.json, the only place for seconds.
        encoder: the concept encoder of a name; nothing is loaded.
        again: see `Again`; nothing of it is kept.
        explained: the name of the explained model, of several the first; for checks alone: no result may depend on it.
        truth: where the object is, for an analysis that declares `uses_truth`; None where the user marked none that fits.
        truth_notes: how what the user marked fits the image, where a reader must know.
    """

    view: View
    target: int
    seed: int
    run_seed: int
    settings: S
    results: Mapping[str, object]
    timed: Callable[[str], AbstractContextManager[None]]
    encoder: Callable[[str], Encoder]
    again: Again
    explained: str = ""
    truth: Truth | None = field(default=None)
    truth_notes: tuple[TruthNote, ...] = ()

    def required(self, analysis: str, kind: type[R]) -> R:
        """The result of a required analysis, which is a `kind`."""
        return of_kind(self.results[analysis], kind, analysis)


def of_kind(result: object, kind: type[R], analysis: str) -> R:
    """The result of an analysis, known to be a `kind`.

    Raises:
        TypeError: it is not; a mistake of the analysis that asks.
    """
    if not isinstance(result, kind):
        raise TypeError(f"the result of {analysis} is a {type(result).__name__}, not a {kind.__name__}")
    return result
