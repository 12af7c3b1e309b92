"""A timm model as timm saves it for Hugging Face: config.json with `architecture` and `pretrained_cfg`, and weights beside it.

transformers' TimmWrapper writes the same file; its weights have a prefix.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportgen.models.classifiers.base import ClassList, Geometry, Interpolation, Network, Preprocessing
from reportgen.models.classifiers.hugging_face.class_names import MOST_CLASSES, of_timm
from reportgen.models.classifiers.hugging_face.processors import FILTERS, LARGEST
from reportgen.models.classifiers.hugging_face.repository import require_depth
from reportgen.models.classifiers.timm_zoo import evaluated_geometry
from reportgen.models.classifiers.weights import load_weights, read_state_dict
from reportgen.utils.errors import UsageError, first_line
from reportgen.utils.json_types import JSON
from reportgen.utils.terminal_text import printable

if TYPE_CHECKING:
    from torch import nn

WRAPPER_PREFIX = "timm_model."
# Of `timm.create_model`: they name files, or what this module decides.
_NOT_OF_THE_NETWORK = frozenset(
    {"pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir", "model_name"}
    | {"scriptable", "exportable", "no_jit", "features_only"}
)
# The numbers of a network for each in its weights file, which leaves out at most what the network makes itself.
_MOST_TIMES = 4
# Of a pretrained_cfg, what builds the network.
_OF_THE_NETWORK = ("input_size", "fixed_input_size", "pool_size", "first_conv", "classifier")


def is_timm(config: Mapping[str, JSON]) -> bool:
    """Whether this config.json is timm's."""
    return isinstance(config.get("architecture"), str)


@dataclass(frozen=True)
class TimmModel:
    """What config.json says.

    Attributes:
        path: of config.json, for messages.
        config: its content.
        evaluated: `pretrained_cfg`, or the file itself as it was before there was one.
        arguments: of the network, besides its classes.
        count: of the classes.
    """

    path: Path
    architecture: str
    config: Mapping[str, JSON]
    evaluated: Mapping[str, JSON]
    arguments: Mapping[str, JSON]
    count: int

    def classes(self) -> tuple[ClassList, bool]:
        """The classes, and whether their names are placeholders."""
        return of_timm(self.path, {**self.evaluated, **self.config}, self.count)

    def preprocessing(self, geometry: Geometry | None) -> Preprocessing:
        """What the weights were evaluated with, as `timm.data.create_transform` makes it.

        Args:
            geometry: what the user wants instead of the model's own; None keeps that.

        Raises:
            UsageError: it says something that is not understood.
        """
        size = self._size()
        fraction = self.evaluated.get("crop_pct")
        if not isinstance(fraction, int | float) or not size / LARGEST <= fraction <= size:
            raise self._wrong("crop_pct", fraction)
        resize = math.floor(size / fraction)
        return Preprocessing(
            size=size,
            resize=size if geometry == "squash" else resize,
            mean=self._channels("mean"),
            std=self._channels("std"),
            interpolation=self._filter(),
            geometry=geometry or evaluated_geometry(self._mode(), resize, size),
        )

    def _mode(self) -> str:
        mode = self.evaluated.get("crop_mode", "center")
        if mode not in ("center", "squash"):
            raise self._wrong("crop_mode", mode)
        return str(mode)

    def _size(self) -> int:
        given = self.evaluated.get("input_size")
        if not isinstance(given, Sequence) or len(given) != 3 or given[0] != 3 or given[1] != given[2]:
            raise self._wrong("input_size", given)
        side = given[1]
        if not isinstance(side, int) or not 1 <= side <= LARGEST:
            raise self._wrong("input_size", given)
        return side

    def _channels(self, key: str) -> tuple[float, float, float]:
        given = self.evaluated.get(key)
        numbers = [n for n in given if isinstance(n, int | float)] if isinstance(given, Sequence) else []
        if len(numbers) != 3 or not all(math.isfinite(n) for n in numbers) or (key == "std" and 0 in numbers):
            raise self._wrong(key, given)
        red, green, blue = map(float, numbers)
        return red, green, blue

    def _filter(self) -> Interpolation:
        given = self.evaluated.get("interpolation")
        found = next((name for name in FILTERS if name == given), None)
        if found is None:
            raise self._wrong("interpolation", given)
        return found

    def _wrong(self, key: str, value: JSON) -> UsageError:
        said = "is missing" if value is None else f"{printable(repr(value), 80)} is not supported"
        return UsageError(f"{self.path}: {key} {said}")


def read(path: Path, config: Mapping[str, JSON]) -> TimmModel:
    """What config.json says of the network.

    Raises:
        UsageError: timm has no such architecture, or an entry is not what it should be.
    """
    import timm

    architecture = str(config.get("architecture"))
    if not timm.is_model(architecture):
        raise UsageError(f"{path}: timm has no architecture {printable(repr(architecture), 80)}")
    evaluated, arguments = config.get("pretrained_cfg") or config, config.get("model_args") or {}
    if not isinstance(evaluated, Mapping) or not isinstance(arguments, Mapping):
        raise UsageError(f"{path}: pretrained_cfg and model_args must be JSON objects")
    refused = _NOT_OF_THE_NETWORK & set(arguments)
    if refused:
        raise UsageError(f"{path}: model_args says {min(refused)}, which is no argument of a network")
    count = config.get("num_classes", evaluated.get("num_classes"))
    if not isinstance(count, int) or not 1 <= count <= MOST_CLASSES:
        raise UsageError(f"{path}: num_classes {printable(repr(count), 60)} is no number from 1 to {MOST_CLASSES}")
    return TimmModel(path, architecture, config, evaluated, arguments, count)


def _require_size(model: TimmModel, build: Callable[[], nn.Module], numbers: int) -> None:
    """Refuse a network far larger than its weights before memory is set aside for it: config.json comes from strangers.

    Args:
        build: makes the network.
        numbers: in the weights file.

    Raises:
        UsageError: it is.
    """
    import torch

    try:
        with torch.device("meta"):  # shapes without values
            described = sum(value.numel() for value in build().state_dict().values())
    except (NotImplementedError, RuntimeError):  # a network that needs values while it is built
        return
    if described > _MOST_TIMES * numbers:
        raise UsageError(f"{model.path}: describes a network of {described} numbers, and its weights are {numbers}")


def load(name: str, model: TimmModel, weights: Path, size: int) -> Network:
    """The network on the weights.

    Args:
        size: side of its input, pixels.

    Raises:
        UsageError: timm cannot build it, the file does not fit, or it takes no such image.
    """
    import timm
    import torch

    from reportgen.models.classifiers.splitting.split import split_timm

    state = {key.removeprefix(WRAPPER_PREFIX): value for key, value in read_state_dict(weights).items()}
    require_depth(model.path, model.arguments, len(state))
    built = {key: model.evaluated[key] for key in _OF_THE_NETWORK if model.evaluated.get(key) is not None}
    arguments: dict[str, Any] = {**model.arguments, "num_classes": model.count}
    build = partial(timm.create_model, model.architecture, pretrained=False, pretrained_cfg=built, **arguments)
    try:
        _require_size(model, build, sum(value.numel() for value in state.values()))
        network = build()
    except UsageError:
        raise
    except Exception as error:  # of a stranger's arguments: timm raises nearly anything
        reason = printable(first_line(error), 160)
        raise UsageError(f"{model.path}: timm cannot build {model.architecture} of it ({reason})") from None
    load_weights(network, state, weights, name)
    network.eval()
    try:
        with torch.no_grad():
            network(torch.zeros(1, 3, size, size))
    except Exception as error:  # each network checks its input in its own way
        reason = printable(first_line(error), 160)
        raise UsageError(f"{model.path}: the network takes no image of {size} x {size} ({reason})") from None
    return split_timm(network, size, name)
