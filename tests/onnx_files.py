"""Small ONNX files: exports of torch networks, and graphs made by hand."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

SIDE = 32


def exported(model: nn.Module, path: Path, side: int = SIDE, *, dynamic: Sequence[int] = ()) -> Path:
    """A torch network as torch writes it; `dynamic` are the axes of the input whose length is left open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is the older one
        torch.onnx.export(
            model.eval(),
            (torch.zeros(1, 3, side, side),),
            str(path),
            dynamo=False,
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": {axis: f"axis{axis}" for axis in dynamic}, "y": {0: "axis0"}} if dynamic else None,
        )
    return path


class Body(nn.Module):
    """A convolution, a batch norm and a ReLU: (N, 3, H, W) -> (N, channels, H / 4, W / 4)."""

    def __init__(self, channels: int = 6, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.Sequential(nn.Conv2d(3, channels, 7, 4, 3), nn.BatchNorm2d(channels), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class Classifier(nn.Module):
    """`body`, global average pooling, one linear layer, and `end`."""

    def __init__(self, end: nn.Module | None = None, *, classes: int = 5, channels: int = 6) -> None:
        super().__init__()
        self.body = Body(channels)
        self.linear = nn.Linear(channels, classes)
        self.end = end or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.end(self.linear(self.body(x).mean((2, 3))))


def by_hand(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    weights: dict[str, np.ndarray],
    *,
    inputs: dict[str, Sequence[int | str]] | None = None,
    kind: int = TensorProto.FLOAT,
    outputs: Sequence[str] = ("y",),
) -> Path:
    """A graph of these nodes over these weights."""
    graph = helper.make_graph(
        list(nodes),
        "made",
        [
            helper.make_tensor_value_info(name, kind, shape)
            for name, shape in (inputs or {"x": [1, 3, SIDE, SIDE]}).items()
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def random_weights(channels: int = 6, classes: int = 5) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0).standard_normal
    shapes = {"k": (channels, 3, 7, 7), "w": (classes, channels), "b": (classes,)}
    return {name: draw(shape, dtype=np.float32) for name, shape in shapes.items()}
