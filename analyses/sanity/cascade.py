"""Cascading re-initialisation (Adebayo et al., 2018): a trained network loses its weights from the head downwards.

A stage's convolutions and linear layers are drawn anew from a normal distribution with a variance of one over a unit's
inputs (LeCun et al., 1998), and its normalisation layers are set back to where training begins.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn

from reportgen.models.classifiers.base import Network
from reportgen.models.classifiers.splitting.split import linear_head
from reportgen.utils.concurrency import engine_lock
from reportgen.utils.hashing import seed_from

HEAD = "head"
# A network whose stages are not known is cut into so many parts of equally many layers.
PARTS = 5


def stages_from_the_head(network: Network) -> list[tuple[str, list[nn.Module]]]:
    """(name, layers with weights) of each stage, output side first; together they are the whole network.

    A stage holds every layer after the stage before it, so that the input's own layers belong to the first; what follows
    the last stage is the head. Layers count in the order in which the network's library lists them.
    """
    modules = dict(network.model.named_modules())
    layers = [path for path, module in modules.items() if any(True for _ in module.parameters(recurse=False))]
    position = {path: i for i, path in enumerate(modules)}
    if network.stages:
        ends = {
            name: max(position[inner] for inner in modules if inner == path or inner.startswith(f"{path}."))
            for name, path in network.stages.items()
        }
    else:
        below = layers[:-1]
        cuts = [round(len(below) * (i + 1) / PARTS) for i in range(PARTS)]
        ends = {f"part {i + 1} of {PARTS}": position[below[cut - 1]] for i, cut in enumerate(cuts) if cut > 0}
    groups: list[tuple[str, list[nn.Module]]] = []
    start = -1
    for name, end in [*ends.items(), (HEAD, len(modules))]:
        groups.append((name, [modules[path] for path in layers if start < position[path] <= end]))
        start = max(start, end)
    return [(name, found) for name, found in reversed(groups) if found]


def cascade(network: Network, shape: tuple[int, ...], seed: int) -> Iterator[tuple[str, Network]]:
    """The network after each step down, as (name of the stage that just lost its weights, network on the CPU).

    Every step changes the same copy in place: use a network before asking for the next. `network` itself stays.

    Args:
        shape: (C, h, w) of the trunk's output.
    """
    with engine_lock():  # another thread may have put hooks on it for the length of a pass
        made = copy.deepcopy(network)
    for name, layers in stages_from_the_head(made):
        made.model.cpu()
        made.trunk.cpu()
        made.head.cpu()
        for number, layer in enumerate(layers):
            reinitialise(layer, torch.Generator().manual_seed(seed_from(seed, name, number)))
        # A head that reads more than the map is no pooling and a linear layer.
        yield name, replace(made, linear=linear_head(made.head, shape) if network.linear is not None else None)


def reinitialise(layer: nn.Module, generator: torch.Generator) -> None:
    """Draw a layer's own weights anew, in place; its biases become 0, its scales 1, its running statistics those of noise."""
    with torch.no_grad():
        for name, values in layer.named_parameters(recurse=False):
            if values.ndim > 1:
                deviation = values[0].numel() ** -0.5
                values.copy_(torch.randn(values.shape, generator=generator) * deviation)
            else:
                values.fill_(0 if "bias" in name else 1)
        for name, buffer in layer.named_buffers(recurse=False):
            if name in ("running_mean", "running_var"):
                buffer.fill_(0 if name == "running_mean" else 1)


class Thinned(nn.Module):
    """A trunk whose output keeps some channels, drawn at random; the others are zero."""

    def __init__(self, trunk: nn.Module, channels: int, kept: int, seed: int) -> None:
        super().__init__()
        self.trunk = trunk
        chosen = torch.randperm(channels, generator=torch.Generator().manual_seed(seed))[:kept]
        self.register_buffer("keep", torch.zeros(1, channels, 1, 1).index_fill_(1, chosen, 1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features, *context = self.trunk(x)
        return (features * self.keep, *context)
