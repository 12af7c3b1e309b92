"""What a classifier is: a cheap description that names its weights, and the network behind it.

A `ClassifierSpec` costs nothing to make and imports no torch: a run whose results are all in the store
never loads a network. `load()` gives the `Network`: trunk and head, split after the last activation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from reportgen.models.classifiers.layout import LayoutKind
from reportgen.report.provenance import HeadKind
from reportgen.utils.json_types import JSON
from reportgen.utils.softmax import sigmoid, softmax

if TYPE_CHECKING:
    import openvino
    from torch import nn

# What an analysis may need of a classifier besides its answers: the feature map, with the head that follows it; the network's weights;
# feature maps that can be dissected.
Need = Literal["activations", "weights", "stages"]
# What turns a classifier's logits into probabilities.
Activation = Literal["softmax", "sigmoid"]
# Pillow's filters, by their names there.
Interpolation = Literal["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]
Geometry = Literal["crop", "squash"]


@dataclass(frozen=True)
class Preprocessing:
    """From pixels to the network's input, as the weights were evaluated.

    Attributes:
        size: side of the square input frame, pixels.
        resize: length before the centre crop, pixels: of the short side (`geometry` "crop"), of both ("squash_crop").
        mean, std: of each RGB channel, on pixels in [0, 1].
        geometry: "crop" resizes the short side and crops the centre; "squash" goes straight to the frame; "squash_crop" resizes
            both sides to `resize` and crops the centre.
        grey: the frame is made grey, three equal channels: the network looks at one.
        channels: the order in which the network takes them; `mean` and `std` are RGB in either.
        crop_start: where the centre crop begins if it would be between two pixels: "even", at the even one of them, as in
            torchvision, or "before", at the first, as in transformers.
    """

    size: int
    resize: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Interpolation
    geometry: Literal["crop", "squash", "squash_crop"] = "crop"
    grey: bool = False
    channels: Literal["RGB", "BGR"] = "RGB"
    crop_start: Literal["even", "before"] = "even"

    def in_grey(self) -> Preprocessing:
        """The same for a network of one channel: mean and standard deviation are the means over the three."""
        mean, std = (sum(values) / 3 for values in (self.mean, self.std))
        return replace(self, mean=(mean,) * 3, std=(std,) * 3, grey=True)

    def normalise(self, frame: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 pixels -> (3, H, W) float32 network input; the one place where this happens."""
        mean = np.asarray(self.mean, np.float32)
        std = np.asarray(self.std, np.float32)
        scaled = (frame.astype(np.float32) / np.float32(255) - mean) / std
        ordered = scaled if self.channels == "RGB" else scaled[..., ::-1]
        return np.ascontiguousarray(ordered.transpose(2, 0, 1))


@dataclass(frozen=True)
class ClassList:
    """Names of the output classes in index order, and their WordNet ids where the classes are ImageNet's."""

    names: tuple[str, ...]
    wnids: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class LinearHead:
    """A head that is global average pooling and one linear layer: logits = mean(A) W^T + b.

    Attributes:
        weight: (classes, channels) float32.
        bias: (classes,) float32.
    """

    weight: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True)
class FeatureLayer:
    """The layer whose output class activation maps read.

    Attributes:
        path: of the module in the network; "" where it is no module's output.
        kind: how the network holds it: (N, C, h, w), (N, h, w, C), or tokens.
        prefix_tokens: class, distillation and register tokens beside those of the positions.
        class_token: whether the logits are read from those alone, so that positions count by way of attention.
        branches: whether the logits are read from other branches of the network as well, of which no map here knows.
        attention_layers: of self-attention over all tokens, whose weights can be read; 0 where there is other attention, or none.
    """

    path: str = ""
    kind: LayoutKind = "channels-first"
    prefix_tokens: int = 0
    class_token: bool = False
    branches: bool = False
    attention_layers: int = 0


def both_sides(head: LinearHead) -> LinearHead:
    """A closed form of one output as that of its `heads.BinaryHead`."""
    return LinearHead(np.concatenate([-head.weight, head.weight]), np.concatenate([-head.bias, head.bias]))


@dataclass(frozen=True)
class Network:
    """A network split in two: `head(*trunk(x))` are its logits.

    Attributes:
        trunk: (N, 3, H, W) -> a tuple: (N, C, h, w), the feature map *after* its activation; then the context, what the head
            reads besides, each (N, ...): nothing, for a network whose head reads the map alone.
        head: what `trunk` returns -> (N, classes).
        model: the whole network as its library built it, for stages before the last.
        layer: where the feature map stands in it.
        linear: the head in closed form, or None where it is anything but pooling and a linear layer.
        stages: name -> path in `model` of the module whose output is that stage after its activation, the last five,
            input side first; empty where they are not known.
    """

    trunk: nn.Module
    head: nn.Module
    model: nn.Module
    linear: LinearHead | None
    stages: Mapping[str, str] = field(default_factory=dict)
    layer: FeatureLayer = field(default_factory=FeatureLayer)


def probabilities(logits: np.ndarray, activation: Activation) -> np.ndarray:
    """(..., classes) logits of a classifier -> probabilities of the same shape and type; the one place where this happens.

    "softmax": they sum to 1 over the classes. "sigmoid": each class has its own.
    """
    return softmax(logits) if activation == "softmax" else sigmoid(logits)


@dataclass(frozen=True)
class Graph:
    """A network that OpenVINO reads from a file of its own, in the place of a torch network.

    Attributes:
        model: one input (1, 3, side, side) float32; outputs (1, classes) logits and, where `linear` is known, (1, C, h, w) activations.
        linear: what follows the activations; None where the graph does not end so, and there are no activations.
    """

    model: openvino.Model
    linear: LinearHead | None


@dataclass(frozen=True)
class ClassifierSpec:
    """A classifier by name: where its weights come from and what it expects.

    Attributes:
        source: where the weights came from, in words for the report.
        weights_sha256: of the weights file's bytes; of a Hugging Face model, of them and of config.json, which builds the network.
        packages: packages whose version can change the logits.
        load: the torch network. Where `graph` is given there is none, and it raises UsageError.
        graph: reads the graph that OpenVINO runs instead.
        lacks: what analyses cannot have of this classifier, and why, in words that may follow a "because".
        activation: what turns its logits into probabilities.
        binary: it has one output z, read as two classes whose logits are -z and z (`heads.BinaryHead`); then `activation` is
            "sigmoid", so that their probabilities are 1 - p and p.
        architecture: the network that a file of the user's own fills; "" where the name says it. One file may fill two whose
            tensors are alike and whose outputs are not (timm's efficientnet_b0 and tf_efficientnet_b0).
    """

    name: str
    source: str
    weights_sha256: str
    preprocessing: Preprocessing
    classes: ClassList
    packages: tuple[str, ...]
    load: Callable[[], Network]
    activation: Activation = "softmax"
    binary: bool = False
    graph: Callable[[], Graph] | None = None
    lacks: Mapping[Need, str] = field(default_factory=dict)
    architecture: str = ""

    @property
    def head_kind(self) -> HeadKind:
        """How the outputs are read, in one word."""
        if self.binary:
            return "binary"
        return "softmax" if self.activation == "softmax" else "multilabel"

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """(..., classes) logits of this classifier -> probabilities."""
        return probabilities(logits, self.activation)

    def record(self) -> dict[str, JSON]:
        """The preprocessing as the report prints it."""
        p = self.preprocessing
        unusual = {"channels": p.channels, "crop_start": p.crop_start}
        return {
            "size": p.size,
            "resize": p.resize,
            "geometry": p.geometry,
            "interpolation": p.interpolation,
            "mean": list(p.mean),
            "std": list(p.std),
            # Said where it is so: the settings of every other model's results stay as they were.
            **({"grey": True} if p.grey else {}),
            **{key: value for key, value in unusual.items() if value not in ("RGB", "even")},
        }
