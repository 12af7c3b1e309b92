"""Which modules of a network put out maps with positions, at which of them the logits depend on the positions, and which are its
stages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import nn

from reportgen.models.classifiers.base import Network
from reportgen.models.classifiers.layout import Hint, Layout, first_tensor, layout_of, lone_tensor
from reportgen.models.classifiers.splitting.resume import IMAGES, Step, record

# Stages whose units are dissected, at most.
STAGES = 5


def probe(size: int, images: int = 1) -> torch.Tensor:
    """(images, 3, size, size): the same noise whenever it is asked for."""
    return torch.rand(images, 3, size, size, generator=torch.Generator().manual_seed(0))


def some_logit(logits: torch.Tensor) -> torch.Tensor:
    """A sum of logits that no symmetry makes zero, as the sum of all may be."""
    weights = torch.rand(logits.shape, generator=torch.Generator().manual_seed(2))
    return (logits * weights).sum()


def positional(steps: Sequence[Step], images: int, hint: Hint | None = None) -> dict[str, Layout]:
    """How the output of each module holds a map, in the order in which the modules end; only of those that run once."""
    often = {step.path for step in steps if step.call[1] > 0}
    outputs = {
        step.path: output
        for step in steps
        if step.parent is not None and step.path not in often and (output := first_tensor(step.output)) is not None
    }
    # (N, heads, tokens, tokens) is what attention weighs, and no map of so many by so many positions.
    tokens = {output.shape[1] for output in outputs.values() if output.ndim == 3}
    found = {}
    for path, output in outputs.items():
        layout = layout_of(output.shape, hint) if len(output) == images else None
        if layout is not None and not (layout.kind == "channels-first" and layout.grid[0] in tokens):
            found[path] = layout
    return found


def steps_that_count(model: nn.Module, size: int, hint: Hint) -> set[str]:
    """Paths of the modules at whose outputs the gradient of a logit is not zero at some position but the first few."""
    x = probe(size).requires_grad_(True)
    steps = record(model, x, gradients=True)
    logits = steps[-1].output
    assert isinstance(logits, torch.Tensor)
    with torch.enable_grad():
        some_logit(logits).backward()
    found = set()
    for step in steps[:-1]:
        output = lone_tensor(step.output)
        gradient = output.grad if output is not None and output.requires_grad else None
        layout = None if gradient is None else layout_of(gradient.shape, hint)
        if gradient is not None and layout is not None and bool(layout.to_map(gradient).any()):
            found.add(step.path)
    return found


def with_stages(network: Network, size: int, known: Sequence[str] = ()) -> Network:
    """The network with the stages whose units are dissected, at most five, the input side first.

    A convolutional network's are those that its library knows. Of others the last is the layer that maps are read from, and
    in front of it stand the library's, or else the last module of each grid, or the blocks before the layer's own.

    Args:
        known: modules of the network's stages, where its library says which.
    """
    if network.layer.kind == "channels-first" and known:
        return replace(network, stages={path: path for path in known[-STAGES:]})
    layouts = positional(record(network.model, probe(size, IMAGES)), IMAGES)
    order = list(layouts)
    if network.layer.path in layouts:
        order = order[: order.index(network.layer.path) + 1]
    if not order:
        return network
    before = [path for path in known if path in order] or _last_of_each_grid(order, layouts) or _blocks_before(order)
    chosen = [path for path in before if path != order[-1]][-(STAGES - 1) :]
    paths = [*chosen, order[-1]]
    return replace(network, stages={path: path for path in paths})


def _last_of_each_grid(order: Sequence[str], layouts: Mapping[str, Layout]) -> list[str]:
    """The module that ends last on each grid, of the outermost two levels; none where grids do not shrink at least twice."""
    by_grid: dict[tuple[int, int], list[str]] = {}
    for path in order:
        by_grid.setdefault(layouts[path].grid, []).append(path)
    last = [
        next(path for path in reversed(paths) if path.count(".") <= 1 + min(other.count(".") for other in paths))
        for paths in by_grid.values()
    ]
    last.sort(key=order.index)
    return last if len(last) > 2 else []


def _blocks_before(order: Sequence[str]) -> list[str]:
    """Of `a.11.b`, the last of `order`: a.0 to a.10 as far as they have maps, or a.0.b to a.10.b; else whatever is numbered."""
    numbered = re.match(r"(.*?\.)(\d+)(\..*|$)", order[-1])
    if numbered:
        for suffix in ("", numbered[3]):
            pattern = re.escape(numbered[1]) + r"\d+" + re.escape(suffix)
            if len(paths := [path for path in order if re.fullmatch(pattern, path)]) > 1:
                return paths
    blocks = [path for path in order if re.search(r"(^|\.)\d+$", path)]
    shortest = min((path.count(".") for path in blocks), default=0)
    return [path for path in blocks if path.count(".") == shortest]
