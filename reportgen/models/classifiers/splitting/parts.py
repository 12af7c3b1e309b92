"""Trunks and heads: a part of a network as a torch module of its own, with a trunk's tuple between them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from reportgen.models.classifiers.layout import Layout


class TimmTrunk(nn.Module):
    """timm's `forward_features`: by timm's convention the features after the last activation."""

    def __init__(self, model: nn.Module, layout: Layout) -> None:
        super().__init__()
        self.model, self.layout = model, layout

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        tensor: torch.Tensor = self.model.forward_features(x)  # type: ignore[operator]
        features = self.layout.to_map(tensor)
        return (features, self.layout.rest(tensor)) if self.layout.prefix else (features,)


class TimmHead(nn.Module):
    """timm's `forward_head`: everything that follows the features."""

    def __init__(self, model: nn.Module, layout: Layout) -> None:
        super().__init__()
        self.model, self.layout = model, layout

    def forward(self, features: torch.Tensor, rest: torch.Tensor | None = None) -> torch.Tensor:
        tensor: torch.Tensor = self.model.forward_head(self.layout.from_map(features, rest))  # type: ignore[operator]
        return tensor


class OneOf(nn.Module):
    """A traced part of a network, whose one output becomes a trunk's tuple."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.part(x),)


class MapAlone(nn.Module):
    """A trunk whose context the head does not read: the map alone."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.trunk(x)[0],)


class WithZeros(nn.Module):
    """A head that does not read its context, which is zeros.

    Args:
        shapes: of the context's tensors, for one image.
    """

    def __init__(self, head: nn.Module, shapes: Sequence[torch.Size]) -> None:
        super().__init__()
        self.head, self.shapes = head, tuple(shapes)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        zeros = (features.new_zeros(len(features) * shape[0], *shape[1:]) for shape in self.shapes)
        logits: torch.Tensor = self.head(features, *zeros)
        return logits


def repeated(context: torch.Tensor, times: int) -> torch.Tensor:
    """One image's context, (k, ...) where a network keeps k rows of it for each image, for so many copies of the image."""
    if len(context) == 1:
        return context.expand(times, *context.shape[1:])
    return context.repeat(times, *(1,) * (context.ndim - 1))
