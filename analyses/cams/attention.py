"""What a network's attention says: maps of their own for networks of tokens, where a class activation map sees one layer alone.

With A_l the (heads, T, T) weights of self-attention layer l, row i being what token i takes from all tokens:

- Attention rollout (Abnar and Zuidema, 2020): R = product over layers, the last first, of (mean over heads of A_l + I) / 2. Half of each
  layer is its residual connection. Whatever the class: the map is the same for all.
- Gradient-weighted attention (Chefer et al., 2021, "Generic attention-model explainability"): R starts as the identity, and each layer,
  the first first, adds (mean over heads of the positive part of A_l times the gradient of the target logit by A_l) R.

The map is the mean of R's rows of those tokens that the logits are read from, at the tokens that are patches. They are those by whose
attention in the last layer the gradient of the target logit is not zero: the class token, or all patches where they are averaged.
"""

from __future__ import annotations

import numpy as np

from reportgen.analysis.view import View

from .library import MethodFailure
from .maps import Cam, in_frame


def attention_rollout(view: View, target: int) -> Cam:
    """Attention rollout; `target` changes nothing but, through its gradient, which tokens the logits are known to be read from.

    Raises:
        MethodFailure: the network has no attention that can be read.
    """
    layers = _layers(view, target)
    rolled = np.eye(layers[0][0].shape[-1])
    for weights, _ in layers:
        mixed = weights.mean(0, dtype=np.float64) + np.eye(len(rolled))
        rolled = mixed / mixed.sum(-1, keepdims=True) @ rolled
    return _map(view, rolled, layers[-1][1])


def gradient_attention(view: View, target: int) -> Cam:
    """Gradient-weighted attention of class `target`.

    Raises:
        MethodFailure: the network has no attention that can be read.
    """
    layers = _layers(view, target)
    relevance = np.eye(layers[0][0].shape[-1])
    for weights, gradient in layers:
        relevance += np.maximum(weights.astype(np.float64) * gradient, 0).mean(0) @ relevance
    return _map(view, relevance, layers[-1][1])


def _layers(view: View, target: int) -> list[tuple[np.ndarray, np.ndarray]]:
    if not view.engine.layer.attention_layers:
        raise MethodFailure("this network has no self-attention over all of its tokens that can be read")
    return view.attention(target)


def _map(view: View, relevance: np.ndarray, last: np.ndarray) -> Cam:
    """The map of (T, T) relevance; `last` is the gradient by the last layer's attention, (heads, T, T)."""
    prefix, grid = view.engine.layer.prefix_tokens, view.forward.activations.shape[2:]
    read = last.any((0, 2))
    rows = relevance[read] if read.any() else relevance
    patches = rows.mean(0)[prefix:].reshape(grid)
    # Every token's relevance to itself, the same for all patches that are averaged, is no place.
    saliency, degenerate = in_frame(patches - patches.min(), view.frame.shape[:2], float(np.abs(patches).max()))
    return Cam(saliency, None, forward_passes=1, head_passes=0, degenerate=degenerate)
