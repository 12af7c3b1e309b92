"""A classifying end that a trainer has put in the place of the library's own, rebuilt from the shapes of its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from reportgen.models.checkpoints.file import BadFile
from reportgen.models.classifiers.fitting.skeleton import Shape

if TYPE_CHECKING:
    from torch import nn

_MOST_INDEX = 64
_BATCH_NORM = {"weight", "bias", "running_mean", "running_var"}


@dataclass(frozen=True)
class Layer:
    """One layer. `index` is its place in the `nn.Sequential`, None where the layer stands alone."""

    kind: Literal["linear", "batch norm", "layer norm", "ReLU"]
    index: int | None
    inputs: int
    outputs: int
    bias: bool = True

    def __str__(self) -> str:
        sizes = f" {self.inputs} to {self.outputs}" if self.kind == "linear" else ""
        return f"{self.kind}{sizes}{' (assumed)' if self.kind == 'ReLU' else ''}"


def plain_layers(shapes: Mapping[str, Shape], features: int) -> tuple[Layer, ...]:
    """The layers whose tensors these are, input side first.

    A linear layer, or `nn.Sequential` of linear layers, batch and layer norms. What has no tensors is not in a file: between
    two linear layers a gap in the numbers is taken for a ReLU, and any further gap for dropout, which does nothing in
    use; a sequence without a gap has none.

    Args:
        shapes: of its tensors by name, "weight" or "0.weight"; without counters of batches.
        features: what the first layer takes.

    Raises:
        BadFile: it is anything else, in words that follow "its head".
    """
    groups: dict[int | None, dict[str, Shape]] = {}
    for name, shape in shapes.items():
        place, _, tensor = name.rpartition(".")
        if place and not (place.isascii() and place.isdigit() and int(place) < _MOST_INDEX):
            raise BadFile(f"has a tensor {name}, which no plain sequence of linear layers and norms has")
        groups.setdefault(int(place) if place else None, {})[tensor] = shape
    if None in groups and len(groups) > 1:
        raise BadFile("is a layer and a sequence at once")
    layers: list[Layer] = []
    current = features
    for index in sorted(groups, key=lambda index: -1 if index is None else index):
        layer = _layer(index, groups[index], current)
        _add_activation(layers, layer)
        layers.append(layer)
        current = layer.outputs
    if not any(layer.kind == "linear" for layer in layers):
        raise BadFile("has no linear layer")
    return tuple(layers)


def _layer(index: int | None, tensors: Mapping[str, Shape], inputs: int) -> Layer:
    weight, place = tensors.get("weight", ()), "" if index is None else f" {index}"
    if len(weight) == 2 and set(tensors) <= {"weight", "bias"}:
        if weight[1] != inputs or tensors.get("bias", weight[:1]) != weight[:1]:
            raise BadFile(f"takes {weight[1]} features in its layer{place}, and {inputs} come")
        return Layer("linear", index, inputs, weight[0], "bias" in tensors)
    if set(tensors) in (_BATCH_NORM, {"weight", "bias"}) and set(tensors.values()) == {(inputs,)}:
        return Layer("batch norm" if "running_mean" in tensors else "layer norm", index, inputs, inputs)
    raise BadFile(f"has a layer{place} that is neither linear nor a norm ({', '.join(sorted(tensors))})")


def _add_activation(layers: list[Layer], following: Layer) -> None:
    """A ReLU at the first free number between the last linear layer and this one."""
    if following.kind == "ReLU" or not any(layer.kind == "linear" for layer in layers):
        return
    since = next(i for i in range(len(layers) - 1, -1, -1) if layers[i].kind == "linear")
    if any(layer.kind == "ReLU" for layer in layers[since:]):
        return
    last = layers[-1].index
    if last is not None and following.index is not None and following.index > last + 1:
        layers.append(Layer("ReLU", last + 1, following.inputs, following.inputs))


def build_layers(layers: tuple[Layer, ...]) -> nn.Module:
    """The layers as a module whose tensors have the names of the file."""
    from torch import nn

    def module(layer: Layer) -> nn.Module:
        if layer.kind == "linear":
            return nn.Linear(layer.inputs, layer.outputs, layer.bias)
        if layer.kind == "ReLU":
            return nn.ReLU()
        return nn.BatchNorm1d(layer.inputs) if layer.kind == "batch norm" else nn.LayerNorm(layer.inputs)

    if layers[0].index is None:
        return module(layers[0])
    made = nn.Sequential()
    for layer in layers:
        made.add_module(str(layer.index), module(layer))
    return made
