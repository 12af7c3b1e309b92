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
from reportgen.models.runtime import LayerAttention

from .library import MethodFailure
from .maps import Cam, in_frame


def attention_rollout(view: View, target: int) -> Cam:
    """Attention rollout; `target` changes nothing but, through its gradient, which tokens the logits are known to be read from.

    Raises:
        MethodFailure: the network has no attention that can be read.
    """
    layers = _layers(view, target)
    rolled = np.eye(len(layers[0].mean))
    for layer in layers:
        mixed = layer.mean + np.eye(len(rolled))
        rolled = mixed / mixed.sum(-1, keepdims=True) @ rolled
    return _map(view, rolled, layers[-1].read)


def gradient_attention(view: View, target: int) -> Cam:
    """Gradient-weighted attention of class `target`.

    Raises:
        MethodFailure: the network has no attention that can be read.
    """
    layers = _layers(view, target)
    relevance = np.eye(len(layers[0].mean))
    for layer in layers:
        relevance += layer.weighted @ relevance
    return _map(view, relevance, layers[-1].read)


def _layers(view: View, target: int) -> list[LayerAttention]:
    if not view.engine.layer.attention_layers:
        raise MethodFailure("this network has no self-attention over all of its tokens that can be read")
    return view.attention(target)


def _map(view: View, relevance: np.ndarray, read: np.ndarray) -> Cam:
    """The map of (T, T) relevance; `read` says which tokens the logits are read from, (T,) bool."""
    prefix, grid = view.engine.layer.prefix_tokens, view.forward.activations.shape[2:]
    rows = relevance[read] if read.any() else relevance
    patches = rows.mean(0)[prefix:].reshape(grid)
    # Every token's relevance to itself, the same for all patches that are averaged, is no place.
    saliency, degenerate = in_frame(patches - patches.min(), view.frame.shape[:2], float(np.abs(patches).max()))
    return Cam(saliency, None, forward_passes=1, head_passes=0, degenerate=degenerate)
