"""A logit as a sum over the units of the last feature map.

With global average pooling and one linear layer the logit of class c is exactly sum_k W_ck mean(A_k) + b_c (Zhou et al., 2016). Every other
head is differentiated at the feature map: gradient times activation (Shrikumar et al., 2017), which is first order.
"""

from __future__ import annotations

import numpy as np

from reportgen.analysis.view import View

from .result import AttributionResult

CARRIED = 0.8


def decompose(view: View, target: int) -> AttributionResult:
    """The terms of the target's logit; no pass but the one that every analysis shares."""
    activations, logits = view.forward.activations[0], view.forward.logits[0]
    means = activations.mean((1, 2))
    head = view.engine.linear_head
    if head is not None:
        terms, bias = head.weight[target].astype(np.float64) * means, float(head.bias[target])
    else:
        gradient = view.engine.head_gradient(view.forward, target).astype(np.float64)
        terms, bias = (gradient * activations).sum((1, 2)), 0.0
    return AttributionResult(target, head is not None, means, logits, terms, bias, view.engine.layer)


def units_that_carry(terms: np.ndarray, share: float = CARRIED) -> int:
    """The fewest units whose terms reach a share of the positive sum; 0 where no term is positive.

    Args:
        terms: (C,), of any sign.
        share: in (0, 1].
    """
    positive = np.sort(terms[terms > 0])[::-1]
    if not len(positive):
        return 0
    sums = np.cumsum(positive)
    # A hair below, so that rounding never asks for one unit more.
    return int(np.searchsorted(sums, share * sums[-1] * (1 - 1e-12))) + 1
