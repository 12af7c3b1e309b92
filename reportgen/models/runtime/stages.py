"""The spatial means of a network's stages: what network dissection reads, from one forward pass.

Kept apart from logits and activations, which thousands of passes need and these outputs would slow down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from reportgen.models.classifiers.base import Network
from reportgen.models.classifiers.layout import first_tensor, layout_of
from reportgen.utils.errors import UsageError


class StageMeans(nn.Module):
    """(N, 3, H, W) -> a tuple with (N, units) for each stage: the mean over positions of its output (of tokens, over those that
    stand for a position).

    A module that runs more than once in a pass counts with its last output.
    """

    def __init__(self, model: nn.Module, stages: Mapping[str, str]) -> None:
        super().__init__()
        self.model = model
        self.paths = tuple(stages.values())

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        means: dict[str, torch.Tensor] = {}
        hooks = [self._hook(path, means) for path in self.paths]
        try:
            self.model(x)
        finally:
            for hook in hooks:
                hook.remove()
        return tuple(means[path] for path in self.paths)

    def _hook(self, path: str, means: dict[str, torch.Tensor]) -> torch.utils.hooks.RemovableHandle:
        def keep(module: nn.Module, inputs: object, output: object) -> None:
            values = first_tensor(output)
            layout = None if values is None else layout_of(values.shape)
            if values is None or (layout is None and values.ndim != 4):
                shape = type(output).__name__ if values is None else tuple(values.shape)
                raise UsageError(
                    f"layer {path}: its output is {shape}, without positions; name another in dissection.layers"
                )
            # Now, not later: an activation that works in place may overwrite this very tensor.
            means[path] = (values if layout is None else layout.to_map(values)).mean((2, 3))

        return self.model.get_submodule(path).register_forward_hook(keep)


def chosen_stages(name: str, network: Network, layers: Sequence[str]) -> Mapping[str, str]:
    """Stage name -> module path: `layers` where any are named, else the network's own last five stages.

    Raises:
        UsageError: no such layer, or none is named and the network's stages are not known.
    """
    if not layers and not network.stages:
        raise UsageError(
            f'{name}: its stages are not known; name the modules to dissect with [dissection.layers] "{name}" = ["MODULE", ...], '
            "or leave dissection out with --task"
        )
    modules = dict(network.model.named_modules())
    for layer in layers:
        if layer not in modules:
            raise UsageError(
                f"{name}: has no layer {layer!r}; dissection.layers takes module names such as {_example(modules)}"
            )
    return {layer: layer for layer in layers} or network.stages


def _example(modules: Mapping[str, nn.Module]) -> str:
    return next((path for path in modules if path), "features.0")
