"""Split a network into trunk and head after its last activation, and see whether the head is linear.

Class activation maps read the last convolutional feature map. Hooking a module by hand easily lands before
its activation, where ScoreCAM is all zero and AblationCAM depends on the batch size (docs/methods.md, Traps in grad-cam).
"""

from __future__ import annotations

import operator

import numpy as np
import torch
from torch import fx, nn

from reportgen.models.classifiers.base import LinearHead, Network
from reportgen.models.classifiers.heads import BinaryHead, both_sides, require_sound_head
from reportgen.utils.errors import UsageError


class TimmTrunk(nn.Module):
    """timm's `forward_features`: by timm's convention the feature map after its last activation."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tensor: torch.Tensor = self.model.forward_features(x)  # type: ignore[operator]
        return tensor


class TimmHead(nn.Module):
    """timm's `forward_head`: everything that follows the feature map."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tensor: torch.Tensor = self.model.forward_head(x)  # type: ignore[operator]
        return tensor


def split_timm(model: nn.Module, size: int, name: str) -> Network:
    """Split a timm model.

    Raises:
        UsageError: its features are not a (N, C, h, w) map, as in a transformer.
    """
    return _network(TimmTrunk(model), TimmHead(model), model, size, name)


def split_traced(model: nn.Module, size: int, name: str) -> Network:
    """Split any torchvision-like network where its last feature map with spatial extent ends.

    The network is traced symbolically; the split is after the last node whose output is a feature map, so that
    the activations in front of the pooling belong to the trunk.

    Raises:
        UsageError: the network cannot be traced, or does not end in a feature map and a head that reads it alone.
    """
    model.eval()
    try:
        traced = fx.symbolic_trace(model)
    except Exception as error:  # fx raises whatever the traced code raises
        raise UsageError(f"{name}: cannot be split into trunk and head ({error})") from None
    shapes = _output_shapes(traced, size)
    maps = [node for node in traced.graph.nodes if _is_map(shapes.get(node, ()))]
    if not maps:
        raise UsageError(f"{name}: has no convolutional feature map to explain")
    last = _before_inert(maps[-1], traced, shapes)
    if not _reads_only(traced, last):
        raise UsageError(f"{name}: what follows its last feature map also reads the input; use a convolutional network")
    return _network(_cut(traced, last, keep="before"), _cut(traced, last, keep="after"), model, size, name)


def _is_map(shape: tuple[int, ...]) -> bool:
    """Whether it is (N, C, h, w) with spatial extent. Inputs are square, so h = w; channels-last shows as h != w."""
    return len(shape) == 4 and shape[2] == shape[3] > 1


def _reads_only(traced: fx.GraphModule, at: fx.Node) -> bool:
    """Whether the output can be computed from `at` and the weights alone."""
    known = {at}
    for node in traced.graph.nodes:
        if node.op != "placeholder" and all(source in known for source in node.all_input_nodes):
            known.add(node)
    return next(node for node in traced.graph.nodes if node.op == "output") in known


def _before_inert(node: fx.Node, traced: fx.GraphModule, shapes: dict[fx.Node, tuple[int, ...]]) -> fx.Node:
    """Step back over dropout and over pooling to the same grid: they belong to the head."""
    inert = (nn.Dropout, nn.Dropout2d, nn.Identity, nn.AdaptiveAvgPool2d)
    while node.op == "call_module" and isinstance(traced.get_submodule(str(node.target)), inert):
        source = node.all_input_nodes[0]
        if shapes.get(source) != shapes[node]:
            break
        node = source
    return node


def _output_shapes(traced: fx.GraphModule, size: int) -> dict[fx.Node, tuple[int, ...]]:
    shapes: dict[fx.Node, tuple[int, ...]] = {}

    class Recorder(fx.Interpreter):
        def run_node(self, n: fx.Node) -> object:
            value = super().run_node(n)
            if isinstance(value, torch.Tensor) and n.op not in ("placeholder", "output", "get_attr"):
                shapes[n] = tuple(value.shape)
            return value

    with torch.no_grad():
        Recorder(traced).run(torch.zeros(1, 3, size, size))
    return shapes


def _cut(traced: fx.GraphModule, at: fx.Node, keep: str) -> fx.GraphModule:
    """The part of the graph up to `at` (which becomes the output), or after it (it becomes the input)."""
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    if keep == "after":
        copies[at] = graph.placeholder("features")
    for node in traced.graph.nodes:
        if keep == "before":
            copies[node] = graph.node_copy(node, lambda n: copies[n])
            if node is at:
                graph.output(copies[node])
                break
        elif node not in copies and all(source in copies for source in node.all_input_nodes):
            if node.op == "placeholder" or (node.op == "get_attr" and not node.users):
                continue
            copies[node] = graph.node_copy(node, lambda n: copies[n])
    graph.lint()
    return fx.GraphModule(traced, graph).eval()


def _network(trunk: nn.Module, head: nn.Module, model: nn.Module, size: int, name: str) -> Network:
    model.eval().requires_grad_(False)
    trunk.eval()
    head.eval()
    x = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = trunk(x)
        shape = tuple(features.shape)
        if not _is_map(shape):
            raise UsageError(
                f"{name}: its features have shape {shape}, not a (N, C, h, w) map; use a convolutional network"
            )
        logits, whole = head(features), model(x)
    if not torch.allclose(logits, whole, rtol=1e-4, atol=1e-4, equal_nan=True):
        raise UsageError(f"{name}: trunk and head do not reproduce the network's logits")
    require_sound_head(trunk, head, size, name)
    if logits.shape[1] == 1:
        head = BinaryHead(head)
    return Network(trunk, head, model, linear_head(head, tuple(features.shape[1:])))


def linear_head(head: nn.Module, shape: tuple[int, ...]) -> LinearHead | None:
    """The head as pooling and one linear layer, if that is what it computes; else None.

    Checked by its numbers, not by its layers: on random features of both signs, shape (C, h, w), the head
    must equal mean(A) W^T + b to float32 accuracy.
    """
    if isinstance(head, BinaryHead):
        one = linear_head(head.head, shape)
        return None if one is None else both_sides(one)
    layers = [m for m in head.modules() if isinstance(m, nn.Linear | nn.Conv2d) and _channels(m) == shape[0]]
    if not layers:
        return None
    layer = layers[-1]
    weight = layer.weight.detach().flatten(1)
    bias = layer.bias.detach() if layer.bias is not None else torch.zeros(len(weight))
    features = torch.randn(2, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits = head(features)
        closed = features.mean((2, 3)) @ weight.T + bias if weight.shape[1] == shape[0] else None
    if closed is None or closed.shape != logits.shape or not torch.allclose(closed, logits, rtol=1e-4, atol=1e-4):
        return None
    return LinearHead(np.array(weight.numpy(), np.float32), np.array(bias.numpy(), np.float32))


def _channels(layer: nn.Module) -> int:
    attribute = "in_features" if isinstance(layer, nn.Linear) else "in_channels"
    return int(operator.attrgetter(attribute)(layer))
