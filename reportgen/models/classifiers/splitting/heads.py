"""Heads: one output becomes two classes, and one that says the same of every image is refused."""

from __future__ import annotations

import torch
from torch import nn

from reportgen.utils.errors import UsageError


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


def require_sound_logits(model: nn.Module, size: int, name: str) -> None:
    """Require that a network tells two images apart, by its numbers on two random ones.

    Equal means equal bit for bit: in a deep network with random weights images all but vanish on the way, and yet it is no constant.

    Args:
        model: (N, 3, size, size) -> (N, classes).

    Raises:
        UsageError: a logit is not finite, or the logits are the same on both.
    """
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        # One at a time: rows of one batch may be rounded differently.
        one, other = (model(torch.randn(1, 3, size, size, generator=generator)) for _ in range(2))
    if not (one.isfinite().all() and other.isfinite().all()):
        raise UsageError(f"{name}: its logits are not finite on a random image; are its weights whole?")
    advice = "there is nothing to explain; give weights that were trained"
    if not (one.any() or other.any()):
        raise UsageError(f"{name}: its head is all zeros: every logit is 0 on any image, and {advice}")
    if torch.equal(one, other):
        raise UsageError(f"{name}: its head is constant: the logits are the same on two different images, and {advice}")
