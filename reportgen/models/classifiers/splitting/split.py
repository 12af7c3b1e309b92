"""Split a network into trunk and head at the last layer that has positions, and see whether the head is linear.

Class activation maps read a feature map (N, C, h, w) and ask what follows it for the logits. In three ways, the first that does:

- timm's networks say it themselves: `forward_features` gives the features after the last activation, `forward_head` the logits.
- A network that can be traced symbolically, as torchvision's, is cut after the last value that is a feature map. Hooking a module
  by hand easily lands before its activation, where ScoreCAM is all zero and AblationCAM depends on the batch size
  (docs/methods.md, Traps in grad-cam).
- Every other is stopped at a module and gone on with (`resume`).

Where the logits are read from a class token alone, patches behind the last attention do not count, and no map could be read from
them: the split is then at the last normalisation in front of which they still do, the one before the last block's attention, as in
the examples of the library `grad-cam`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import fx, nn

from reportgen.models.classifiers.base import FeatureLayer, LinearHead, Network, both_sides
from reportgen.models.classifiers.layout import Hint, Layout, layout_of, lone_tensor
from reportgen.models.classifiers.splitting.attention import attention_layers
from reportgen.models.classifiers.splitting.heads import BinaryHead, require_sound_logits
from reportgen.models.classifiers.splitting.parts import MapAlone, OneOf, TimmHead, TimmTrunk, WithZeros, repeated
from reportgen.models.classifiers.splitting.positions import (
    positional,
    probe,
    some_logit,
    steps_that_count,
    with_stages,
)
from reportgen.models.classifiers.splitting.resume import IMAGES, record, split_at
from reportgen.utils.errors import UsageError, first_line

_NORMALISATION = re.compile(r"norm|affine", re.IGNORECASE)
# What may stand between a layer and what reads it, and changes nothing on the layer's own grid.
INERT = (nn.Dropout, nn.Dropout2d, nn.Identity, nn.AdaptiveAvgPool2d)
# Values with tokens in a head that pools by attention: flattened, transposed, normed, in keys and values. A block has more.
MOST_TOKENS_OF_A_HEAD = 8
NO_POSITIONS = "no layer of it has positions that the logits depend on, so no map can be read from it"


class CannotSplit(UsageError):
    """A way of splitting does not fit a network; the message says why, after the network's name."""


# --- ways to split -------------------------------------------------------------------------------


def split_timm(model: nn.Module, size: int, name: str) -> Network:
    """Split a timm model, and name its stages.

    Args:
        size: side of the square input frame, pixels.
        name: of the classifier, for messages.

    Raises:
        UsageError: it has no layer with positions, cannot be split, or gives the same logits for any image.
    """
    model.eval().requires_grad_(False)
    require_sound_logits(model, size, name)
    hint = Hint(
        prefix=_whole(getattr(model, "num_prefix_tokens", None)),
        grid=_pair(getattr(getattr(model, "patch_embed", None), "grid_size", None)),
        channels_last=getattr(model, "output_fmt", None) == "NHWC",
    )
    stages = [str(stage["module"]) for stage in getattr(model, "feature_info", [])]
    with torch.no_grad():
        features = model.forward_features(probe(size))  # type: ignore[operator]
    layout = layout_of(features.shape, hint) if isinstance(features, torch.Tensor) else None
    if layout is not None:
        trunk, head = TimmTrunk(model, layout), TimmHead(model, layout)
        if _positions_count(trunk, head, size):
            path = _path_of(model, features, size, stages)
            network = _network(trunk, head, model, size, name, FeatureLayer(path, layout.kind, layout.prefix))
            return with_stages(network, size, stages)
    return with_stages(_split_resumed(model, size, name, hint), size, stages)


def split_any(model: nn.Module, size: int, name: str) -> Network:
    """Split any torch network from (N, 3, size, size) to (N, classes), and name its stages.

    Raises:
        UsageError: it has no layer with positions, cannot be split, or gives the same logits for any image.
    """
    model.eval().requires_grad_(False)
    require_sound_logits(model, size, name)
    try:
        network = split_traced(model, size, name)
    except CannotSplit:
        network = _split_resumed(model, size, name, Hint())
    return with_stages(network, size)


def split_traced(model: nn.Module, size: int, name: str) -> Network:
    """Split any torchvision-like network where its last feature map with spatial extent ends.

    The network is traced symbolically; the split is after the last node whose output is a feature map, so that
    the activations in front of the pooling belong to the trunk.

    Raises:
        CannotSplit: the network cannot be traced, or does not end in a feature map and a head that reads it alone.
    """
    model.eval()
    try:
        traced = fx.symbolic_trace(model)
        shapes = _output_shapes(traced, size)
    except Exception as error:  # fx raises whatever the traced code raises
        raise CannotSplit(f"{name}: cannot be split into trunk and head ({error})") from None
    maps = [node for node in traced.graph.nodes if _is_map(shapes.get(node, ()))]
    if not maps:
        raise CannotSplit(f"{name}: {NO_POSITIONS}")
    last = _before_inert(maps[-1], traced, shapes)
    if not _reads_only(traced, last):
        raise CannotSplit(f"{name}: what follows its last feature map also reads the input")
    if _goes_on_as_tokens(traced, last, shapes):
        raise CannotSplit(f"{name}: its last feature map is that of its patches, and goes on as tokens")
    trunk, head = OneOf(_cut(traced, last, keep="before")), _cut(traced, last, keep="after")
    if not _positions_count(trunk, head, size):
        raise CannotSplit(f"{name}: {NO_POSITIONS}")
    path = str(last.target) if last.op == "call_module" else ""
    return _network(trunk, head, model, size, name, FeatureLayer(path))


def _split_resumed(model: nn.Module, size: int, name: str, hint: Hint) -> Network:
    """Split at the last module whose output has positions that the logits depend on.

    Raises:
        UsageError: there is none, or the network cannot be gone on with from there.
    """
    try:
        steps = record(model, probe(size, IMAGES))
    except Exception as error:  # the network's own code
        raise UsageError(f"{name}: cannot be run on images of {size} x {size} ({first_line(error)})") from None
    layouts = positional(steps, IMAGES, hint)
    candidates = [step for step in reversed(steps) if step.path in layouts and lone_tensor(step.output) is not None]
    if not candidates:
        raise UsageError(f"{name}: {NO_POSITIONS}")
    depends = steps_that_count(model, size, hint)
    # The last output with positions, where they count; else they count through attention alone, in front of which a
    # normalisation stands.
    last = [step for step in candidates[:1] if step.path in depends]
    norms = [step for step in candidates if _NORMALISATION.search(type(step.module).__name__) and step.path in depends]
    failure = NO_POSITIONS
    for step in [*last, *norms[:3]]:
        layout = layouts[step.path]
        layer = FeatureLayer(step.path, layout.kind, layout.prefix, class_token=not last)
        try:
            ways = split_at(model, step, steps, layout, size, depends)
        # The network's own code meets what stands in the place of its modules' outputs.
        except Exception as error:
            failure = f"cannot be split into trunk and head at {step.path} ({first_line(error)})"
            continue
        for trunk, head in ways:
            try:
                branches = _other_branches(trunk, layout, size)
                return _network(trunk, head, model, size, name, replace(layer, branches=branches))
            except CannotSplit as error:
                failure = str(error).removeprefix(f"{name}: ")
            except Exception as error:  # as above
                failure = f"cannot be split into trunk and head at {step.path} ({first_line(error)})"
    raise UsageError(f"{name}: {failure}")


@torch.no_grad()
def _other_branches(trunk: nn.Module, layout: Layout, size: int) -> bool:
    """Whether the head reads more than the layer's map, its other tokens, and what the layer adds to: the layer's block's input,
    or its class token."""
    features, *context = trunk(probe(size))
    channels, positions = features.shape[1], layout.grid[0] * layout.grid[1]
    own: list[tuple[int, ...]] = (
        [(count, channels) for count in (layout.prefix, layout.prefix + positions)] if layout.kind == "tokens" else []
    )
    own.append(tuple(layout.from_map(features).shape[1:]))
    left = [tuple(tensor.shape[1:]) for tensor in context[1 if layout.prefix else 0 :]]
    return len(left) > 1 or any(shape not in own for shape in left)


def _positions_count(trunk: nn.Module, head: nn.Module, size: int) -> bool:
    """Whether a logit's gradient by the feature map is not all zero."""
    with torch.no_grad():
        features, *context = trunk(probe(size))
    leaf = features.clone().requires_grad_(True)
    with torch.enable_grad():
        logits = head(leaf, *context)
        if not logits.requires_grad:
            return False
        (gradient,) = torch.autograd.grad(some_logit(logits), leaf, allow_unused=True)
    return gradient is not None and bool(gradient.any())


def _path_of(model: nn.Module, features: torch.Tensor, size: int, stages: Sequence[str]) -> str:
    """The module whose output the features are: of several a stage that the library names, else the outermost that does
    something; "" where they are no module's."""
    steps = record(model, probe(size))
    same = [
        step.path
        for step in steps
        if step.parent is not None
        and not isinstance(step.module, INERT)
        and isinstance(step.output, torch.Tensor)
        and step.output.shape == features.shape
        and torch.equal(step.output, features)
    ]
    return next((path for path in stages if path in same), same[-1] if same else "")


def _is_map(shape: tuple[int, ...]) -> bool:
    """Whether it is (N, C, h, w) with spatial extent."""
    layout = layout_of(shape)
    return layout is not None and layout.kind == "channels-first"


def _reads_only(traced: fx.GraphModule, at: fx.Node) -> bool:
    """Whether the output can be computed from `at` and the weights alone."""
    known = {at}
    for node in traced.graph.nodes:
        if node.op != "placeholder" and all(source in known for source in node.all_input_nodes):
            known.add(node)
    return next(node for node in traced.graph.nodes if node.op == "output") in known


def _goes_on_as_tokens(traced: fx.GraphModule, at: fx.Node, shapes: dict[fx.Node, tuple[int, ...]]) -> bool:
    """Whether the positions of a map stand as tokens (N, h w, C) in several values behind it: as blocks work on them, and not as
    what one pooling by attention reads."""
    grid = shapes[at][2:]
    after = list(traced.graph.nodes)[list(traced.graph.nodes).index(at) + 1 :]
    kept = [layout for node in after if (layout := layout_of(shapes.get(node, ()))) is not None]
    tokens = [layout for layout in kept if layout.kind == "tokens" and layout.grid == tuple(grid)]
    return len(tokens) > MOST_TOKENS_OF_A_HEAD


def _before_inert(node: fx.Node, traced: fx.GraphModule, shapes: dict[fx.Node, tuple[int, ...]]) -> fx.Node:
    """Step back over dropout and over pooling to the same grid: they belong to the head."""
    while node.op == "call_module" and isinstance(traced.get_submodule(str(node.target)), INERT):
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
        Recorder(traced).run(probe(size))
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


# --- the network ---------------------------------------------------------------------------------


def _network(trunk: nn.Module, head: nn.Module, model: nn.Module, size: int, name: str, layer: FeatureLayer) -> Network:
    """The network of a split.

    Raises:
        CannotSplit: trunk and head do not give the network's logits, for one image or for several that share a context.
    """
    for part in (model, trunk, head):
        part.eval().requires_grad_(False)
    x = probe(size, 2)
    with torch.no_grad():
        features, *context = trunk(x)
        if layout_of(features.shape) is None:
            raise CannotSplit(f"{name}: its features have shape {tuple(features.shape)}, not that of a map")
        logits, whole = head(features, *context), model(x)
        # As AblationCAM asks: one image's map, changed, several times over.
        shared = head(features[1:].expand(3, *features.shape[1:]), *(repeated(t[len(t) // 2 :], 3) for t in context))
    if not (_alike(logits, whole) and _alike(shared, whole[1:].expand_as(shared))):
        raise CannotSplit(f"{name}: trunk and head do not reproduce the network's logits")
    if context and _idle(head, features, context, logits):
        shapes = [torch.Size((len(tensor) // len(x), *tensor.shape[1:])) for tensor in context]
        trunk, head, context = MapAlone(trunk).eval(), WithZeros(head, shapes).eval(), []
    if logits.shape[1] == 1:
        head = BinaryHead(head)
    linear = None if context else linear_head(head, tuple(features.shape[1:]))
    if layer.kind == "tokens":
        tokens = layer.prefix_tokens + features.shape[2:].numel()
        layer = replace(layer, attention_layers=attention_layers(model, x[:1], tokens))
    return Network(trunk, head, model, linear, layer=layer)


@torch.no_grad()
def _idle(head: nn.Module, features: torch.Tensor, context: Sequence[torch.Tensor], logits: torch.Tensor) -> bool:
    """Whether the logits are the same, bit for bit, on any context: a mean over patches does not read the class token beside them."""
    if not all(tensor.is_floating_point() for tensor in context):
        return False
    generator = torch.Generator().manual_seed(3)
    other = (torch.randn(tensor.shape, generator=generator) for tensor in context)
    return torch.equal(head(features, *other), logits) and torch.equal(
        head(features, *map(torch.zeros_like, context)), logits
    )


def _alike(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-4)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _pair(value: object) -> tuple[int, int] | None:
    return (value[0], value[1]) if isinstance(value, tuple) and len(value) == 2 else None


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
