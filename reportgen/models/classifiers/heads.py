"""Heads: one output becomes two classes, and one that says the same of every image is refused."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from reportgen.models.classifiers.base import LinearHead
from reportgen.utils.errors import UsageError

# By how many units in the last place logits of two inputs may differ and still be the same.
ROUNDING = 4 * float(np.finfo(np.float32).eps)


class BinaryHead(nn.Module):
    """A head of one output z as two classes, whose logits are -z and z.

    The sigmoid of these is 1 - p and p, and each side has a gradient of its own: Grad-CAM of the first explains -z.
    """

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, *features: torch.Tensor) -> torch.Tensor:
        """What the head reads -> (N, 2)."""
        z: torch.Tensor = self.head(*features)
        return torch.cat([-z, z], dim=1)


def both_sides(head: LinearHead) -> LinearHead:
    """A closed form of one output as that of its `BinaryHead`."""
    return LinearHead(np.concatenate([-head.weight, head.weight]), np.concatenate([-head.bias, head.bias]))


def require_sound_head(trunk: nn.Module, head: nn.Module, size: int, name: str) -> None:
    """Require that a network tells two images apart, as far as two random ones say.

    The head is asked by itself too: in a deep network with random weights images all but vanish before they reach it, and yet it is
    no constant.

    Args:
        trunk: (N, 3, size, size) -> what the head reads, a tensor or several.

    Raises:
        UsageError: a logit is not finite, or the logits are the same for any input.
    """
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        # One at a time: rows of one batch may be rounded differently.
        images = [torch.randn(1, 3, size, size, generator=generator) for _ in range(2)]
        read = [features if isinstance(features, tuple) else (features,) for features in map(trunk, images)]
        one, other = (head(*features) for features in read)
        drawn, again = (head(*(_drawn(tensor, generator) for tensor in read[0])) for _ in range(2))
    if not all(logits.isfinite().all() for logits in (one, other, drawn, again)):
        raise UsageError(f"{name}: its logits are not finite on a random image; are its weights whole?")
    advice = "there is nothing to explain; give weights that were trained"
    if not (drawn.any() or again.any()):
        raise UsageError(f"{name}: its head is all zeros: every logit is 0 on any image, and {advice}")
    if float((drawn - again).abs().max()) <= ROUNDING * float(drawn.abs().max()):
        raise UsageError(f"{name}: its head is constant: the logits are the same on any image, and {advice}")
    if torch.equal(one, other):
        raise UsageError(f"{name}: its logits are the same on two different images, and {advice}")


def _drawn(like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Random features of the shape of `like`; what is no feature (indices) stays."""
    return torch.randn(like.shape, generator=generator, dtype=like.dtype) if like.is_floating_point() else like
