"""A head in closed form as a torch module, for a classifier that is no torch network."""

from __future__ import annotations

import torch
from torch import nn

from reportgen.models.classifiers.base import LinearHead


class PooledLinear(nn.Module):
    """(N, C, h, w) activations -> (N, classes) logits: mean(A) W^T + b."""

    def __init__(self, head: LinearHead) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(head.weight), requires_grad=False)
        self.bias = nn.Parameter(torch.from_numpy(head.bias), requires_grad=False)

    def forward(self, activations: torch.Tensor) -> torch.Tensor:
        return activations.mean((2, 3)) @ self.weight.T + self.bias
