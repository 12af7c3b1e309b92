"""The end of a graph: its logits in front of a softmax, and the feature map in front of global pooling and a linear layer.

A graph is walked back from its output through nodes of one input that is no constant. What is found is a guess by the kinds of the
nodes; `graph` checks it by numbers, and takes nothing that does not pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reportgen.models.classifiers.base import LinearHead

if TYPE_CHECKING:
    from openvino import Node, Output

SHAPE_ONLY = ("Reshape", "Squeeze", "Unsqueeze", "Identity", "Convert")
POOLING = ("ReduceMean", "AvgPool")
SOFTMAX, SIGMOID = ("Softmax", "LogSoftmax"), ("Sigmoid",)


@dataclass(frozen=True)
class LinearEnd:
    """Where the graph is cut.

    Attributes:
        features: output of the graph whose shape is (1, C, h, w), or (1, h, w, C) where `channels_last`.
        head: what follows: logits = mean(features) W^T + b.
    """

    features: Output
    channels_last: bool
    head: LinearHead


def ending(output: Output, kinds: tuple[str, ...]) -> Node | None:
    """The node of one of `kinds` that `output` comes from, shapes aside; None where it comes from another node."""
    at: Output | None = output
    while at is not None:
        node = at.get_node()
        if node.get_type_name() in kinds:
            return node
        at = _source(node)[0] if node.get_type_name() in SHAPE_ONLY else None
    return None


def before(output: Output, kinds: tuple[str, ...]) -> Output | None:
    """What goes into that node."""
    node = ending(output, kinds)
    return None if node is None else node.input_value(0)


def is_within_unit(output: Output, depth: int = 16) -> bool:
    """Whether the arithmetic of the graph leaves no value outside [0, 1]: of a sigmoid or softmax, also one written in other
    operations (1 / (1 + exp(-x))), cut off (clip) or turned round (1 - p). False where that cannot be told."""
    node = output.get_node()
    kind = node.get_type_name()
    inputs = [node.input_value(i) for i in range(node.get_input_size())] if depth else []

    def within(at: Output) -> bool:
        return is_within_unit(at, depth - 1)

    if kind in ("Sigmoid", "Softmax", "HardSigmoid"):
        return True
    if kind in (*SHAPE_ONLY, "Transpose", "Clamp") and inputs:
        limits = node.get_attributes() if kind == "Clamp" else {}
        return within(inputs[0]) and limits.get("min", 0) <= 1 and limits.get("max", 1) >= 0
    if kind == "Concat":
        return bool(inputs) and all(map(within, inputs))
    if len(inputs) != 2:
        return False
    constant = next((value for value in map(_number, inputs) if value is not None), None)
    other = [at for at in inputs if _number(at) is None]
    if kind in ("Minimum", "Maximum") and constant is not None and other:
        return within(other[0]) and (constant >= 0 if kind == "Minimum" else constant <= 1)
    if _number(inputs[0]) != 1:
        return False
    return within(inputs[1]) if kind == "Subtract" else kind == "Divide" and _is_one_and_a_power(inputs[1])


def _is_one_and_a_power(output: Output) -> bool:
    """Whether this is 1 + exp(...)."""
    node = output.get_node()
    terms = [node.input_value(i) for i in range(node.get_input_size())] if node.get_type_name() == "Add" else []
    return any(_number(at) == 1 for at in terms) and any(at.get_node().get_type_name() == "Exp" for at in terms)


def _number(output: Output) -> float | None:
    """The value of a constant of one element."""
    node = output.get_node()
    if node.get_type_name() != "Constant" or node.data.size != 1:
        return None
    return float(node.data.reshape(-1)[0])


def linear_end(logits: Output, classes: int) -> LinearEnd | None:
    """The pooling and the linear layer, in either order, that `logits`, (1, classes), come from; None where there are none."""
    walk = _Walk(classes)
    at = logits
    while walk.weight is None or walk.axes is None:
        node = at.get_node()
        source, constant, position = _source(node)
        if source is None or not walk.takes(node, constant, position):
            return None
        at = source
    while at.get_partial_shape().rank != 4 and at.get_node().get_type_name() in SHAPE_ONLY:
        at = at.get_node().input_value(0)
    shape, channels_last = at.get_partial_shape(), walk.axes == (1, 2)
    if len(shape) != 4 or shape.is_dynamic:
        return None
    sides = shape[1:3] if channels_last else shape[2:4]
    channels = shape[3 if channels_last else 1].get_length()
    if channels != walk.weight.shape[1] or all(side.get_length() == 1 for side in sides):
        return None
    head = LinearHead((walk.scale[:, None] * walk.weight).astype(np.float32), walk.bias.astype(np.float32))
    return LinearEnd(at, channels_last, head)


class _Walk:
    """What was met on the way back from the logits: logits = scale * (W x) + bias.

    Attributes:
        weight: (classes, C) of the linear layer; axes: that the pooling takes the mean over. None until they are met.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.scale, self.bias = np.ones(classes), np.zeros(classes)
        self.weight: np.ndarray | None = None
        self.axes: tuple[int, ...] | None = None

    def takes(self, node: Node, constant: np.ndarray | None, position: int) -> bool:
        """Note what a node does; False where it is none that stands between a feature map and logits."""
        kind = node.get_type_name()
        if kind in SHAPE_ONLY:
            return True
        if kind in POOLING and self.axes is None:
            self.axes = _pooled_axes(node, constant)
            return self.axes is not None
        if constant is None or self.weight is not None:
            return False
        if kind in ("Add", "Multiply") and constant.size in (1, self.classes):
            values = constant.astype(np.float64).reshape(-1)
            if kind == "Add":
                self.bias = self.bias + self.scale * values
            else:
                self.scale = self.scale * values
            return True
        self.weight = _weight(node, constant, position)
        return self.weight is not None and len(self.weight) == self.classes


def _weight(node: Node, constant: np.ndarray, position: int) -> np.ndarray | None:
    """(classes, C) of a linear layer or a convolution of 1 x 1; None for any other node."""
    kind, attributes = node.get_type_name(), node.get_attributes()
    if kind == "Convolution" and constant.ndim == 4 and constant.shape[2:] == (1, 1):
        return constant[:, :, 0, 0].astype(np.float64)
    if kind == "MatMul" and constant.ndim == 2 and position == 1 and not attributes["transpose_a"]:
        return (constant if attributes["transpose_b"] else constant.T).astype(np.float64)
    return None


def _pooled_axes(node: Node, constant: np.ndarray | None) -> tuple[int, ...] | None:
    """The axes over which a node takes the mean: those of the grid, or None."""
    rank = len(node.input_value(0).get_partial_shape())
    if node.get_type_name() == "AvgPool":
        out = node.output(0).get_partial_shape()
        whole = rank == 4 and all(out[i].is_static and out[i].get_length() == 1 for i in (2, 3))
        return (2, 3) if whole else None
    axes = () if constant is None else tuple(sorted(int(axis) % rank for axis in constant.reshape(-1)))
    return axes if (rank, axes) in ((4, (2, 3)), (4, (1, 2)), (3, (2,))) else None


def _source(node: Node) -> tuple[Output | None, np.ndarray | None, int]:
    """The one input of a node that is no constant, the last of its constants, and where that stands; no input where there are
    several."""
    source, constant, position = None, None, -1
    for i in range(node.get_input_size()):
        value = node.input_value(i)
        if value.get_node().get_type_name() == "Constant":
            constant, position = value.get_node().data, i
        elif source is not None:
            return None, None, -1
        else:
            source = value
    return source, constant, position
