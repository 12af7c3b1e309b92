"""How a tensor holds a feature map: channels first, channels last, or as tokens, some of which stand for no position."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

LayoutKind = Literal["channels-first", "channels-last", "tokens"]
# Class, distillation and register tokens together: DINOv2's and v3's five are the most that a known network has.
MOST_PREFIX_TOKENS = 8


@dataclass(frozen=True)
class Layout:
    """Where the positions of a tensor's feature map stand.

    Attributes:
        kind: "channels-first" is (N, C, h, w), "channels-last" (N, h, w, C), "tokens" (N, prefix + h w, C) row by row.
        grid: (h, w).
        prefix: tokens in front that stand for no position (class, distillation, register tokens); 0 for other kinds.
    """

    kind: LayoutKind
    grid: tuple[int, int]
    prefix: int = 0

    def to_map(self, tensor: torch.Tensor) -> torch.Tensor:
        """(N, C, h, w): the positions alone."""
        if self.kind == "channels-last":
            return tensor.permute(0, 3, 1, 2).contiguous()
        if self.kind == "tokens":
            return tensor[:, self.prefix :].transpose(1, 2).reshape(len(tensor), -1, *self.grid)
        return tensor

    def rest(self, tensor: torch.Tensor) -> torch.Tensor:
        """(N, prefix, C): the tokens that stand for no position."""
        return tensor[:, : self.prefix]

    def from_map(self, features: torch.Tensor, rest: torch.Tensor | None = None) -> torch.Tensor:
        """The tensor whose positions are `features`, (N, C, h, w), and whose other tokens are `rest`, (N, prefix, C)."""
        if self.kind == "channels-last":
            return features.permute(0, 2, 3, 1)
        if self.kind == "tokens":
            import torch

            tokens = features.flatten(2).transpose(1, 2)
            return tokens if rest is None else torch.cat([rest, tokens], 1)
        return features


@dataclass(frozen=True)
class Hint:
    """What a library says of its network's tensors.

    Attributes:
        prefix: tokens in front that stand for no position; None where it does not say.
        grid: of the patches at the input; None where there is none.
        channels_last: whether four dimensions are (N, h, w, C); None where it does not say.
    """

    prefix: int | None = None
    grid: tuple[int, int] | None = None
    channels_last: bool | None = None


def layout_of(shape: Sequence[int], hint: Hint | None = None) -> Layout | None:
    """How a tensor of this shape holds a map with spatial extent, or None where it holds none.

    Frames are square, and so are maps: (N, C, h, w) has h = w > 1. Of tokens the fewest in front are taken that leave a square,
    unless `hint` knows better.
    """
    hint = hint or Hint()
    if len(shape) == 4:
        first, last = shape[2] == shape[3] > 1, shape[1] == shape[2] > 1
        if last and (hint.channels_last or not first):
            return Layout("channels-last", (shape[1], shape[2]))
        return Layout("channels-first", (shape[2], shape[3])) if first else None
    if len(shape) != 3 or shape[2] == 1:  # what is pooled to (N, C, 1) has channels there, not positions
        return None
    count = shape[1]
    if hint.grid is not None and hint.prefix is not None and count == hint.prefix + math.prod(hint.grid):
        return Layout("tokens", hint.grid, hint.prefix)
    prefixes = range(MOST_PREFIX_TOKENS + 1)
    if hint.prefix is not None:
        prefixes = range(hint.prefix, hint.prefix + 1)
    for prefix in prefixes:
        side = math.isqrt(max(count - prefix, 0))
        if side > 1 and side * side == count - prefix:
            return Layout("tokens", (side, side), prefix)
    return None


def first_tensor(output: object) -> torch.Tensor | None:
    """What a module puts out: its tensor, or the first of a tuple, as of blocks that pass a size on; None where that is none."""
    import torch

    if isinstance(output, tuple | list) and output:
        output = output[0]
    return output if isinstance(output, torch.Tensor) and output.ndim > 0 else None


def lone_tensor(output: object) -> torch.Tensor | None:
    """As `first_tensor`, where what stands beside it in a tuple is no tensor (a size, a None): it alone goes on from the module."""
    import torch
    from torch.utils import _pytree as pytree

    if isinstance(output, torch.Tensor):
        return first_tensor(output)
    # A plain tuple, which can be made anew.
    if type(output) is not tuple or any(isinstance(leaf, torch.Tensor) for leaf in pytree.tree_leaves(output[1:])):
        return None
    return first_tensor(output)
