"""Which methods are related by algebra, so that their likeness is no evidence that either is right.

On a head of pooling and one linear layer, logits = W mean(A) + b, the gradient of a logit by channel k is the same number,
W_k / (h w), at every position. With g_k for it, m_k for the channel's mean activation, n for h w and y for the logit, all of
these are sum_k w_k A_k:

- Grad-CAM: w_k = g_k. HiResCAM: the sum of g_k A_k, the same. XGrad-CAM: w_k = sum of g_k A_k / sum of A_k, the same (the
  library adds 1e-7 to what it divides by).
- AblationCAM: w_k = n g_k m_k / y.
- Grad-CAM++: w_k = n max(g_k, 0) g_k^2 / (2 g_k^2 + n m_k g_k^3) (1e-6 added to what it divides by).
- LayerCAM: w_k = max(g_k, 0). Element-wise Grad-CAM: the sum of max(g_k A_k, 0), which is the same where no activation is negative.

So each is the layer's weights for the class, as they are or times a function of them and of the channel's mean activation.
Eigen-Grad-CAM projects g_k A_k on its first principal component, Seg-Eigen-CAM |g_k| A_k: turning channels around turns their
entries of the component around, and what is projected stays, so that the two differ by the component's sign alone.
That LayerCAM and element-wise Grad-CAM are one map where no activation is negative holds on every head, for then
max(g A, 0) = max(g, 0) A at each position.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

from reportgen.analysis import wording
from reportgen.analysis.layer_words import words_of

from .methods import label
from .result import CamsResult

Relation = Literal["the same map", "yes", "no"]
ONE_GRADIENT = ("gradcam", "hirescam", "xgradcam")
POSITIVE_GRADIENT = ("layercam", "gradcamelementwise")
SIGN_APART = {"eigengradcam", "segeigencam"}
LAYER_WEIGHTS = (*ONE_GRADIENT, "ablationcam", "gradcam++", *POSITIVE_GRADIENT)


def relation(a: str, b: str, of: CamsResult) -> Relation:
    """How two methods are related on the network that a result is of."""
    pair = {a, b}
    if of.non_negative and pair <= set(POSITIVE_GRADIENT):
        return "the same map"
    if not of.linear_head:
        return "no"
    if pair <= set(ONE_GRADIENT):
        return "the same map"
    if pair == SIGN_APART:
        return "yes"
    needed = () if of.non_negative else ("gradcamelementwise",)
    return "yes" if pair <= set(LAYER_WEIGHTS) - set(needed) else "no"


def same_maps(methods: Sequence[str], of: CamsResult) -> list[tuple[str, ...]]:
    """Groups of two or more of `methods` that give one map, in their order."""
    groups = (tuple(m for m in methods if m in family) for family in (ONE_GRADIENT, POSITIVE_GRADIENT))
    return [
        group
        for group in groups
        if len(group) > 1 and all(relation(a, b, of) == "the same map" for a, b in combinations(group, 2))
    ]


def related_sentences(methods: Sequence[str], of: CamsResult) -> list[str]:
    """What a reader must know before taking likeness for agreement; empty where no two of `methods` are related."""
    words = words_of(of.layer)
    unit, sentences = words.unit, []
    on_head = f"Where the head is {words.linear_head},"
    for group in same_maps(methods, of):
        labels = wording.listed([label(method) for method in group])
        where = (
            f"{on_head} the gradient of a {unit} is one number, so that"
            if group[0] in ONE_GRADIENT
            else "Where no activation is negative, as here,"
        )
        sentences.append(f"{where} {labels} are one map. Their likeness is an identity and no evidence.")
    if {"gradcam", "ablationcam"} <= set(methods) and of.linear_head:
        sentences.append(
            f"{on_head} Grad-CAM's weights are the layer's own weights for the class, and "
            f"AblationCAM's are the same weights times the {unit}'s mean activation. The two are related by algebra, so that "
            "their agreement is no evidence that either is right."
        )
    if set(methods) >= SIGN_APART and of.linear_head:
        sentences.append(f"{on_head} Eigen-Grad-CAM and Seg-Eigen-CAM are the same component, with either sign.")
    family = [m for m in methods if m in LAYER_WEIGHTS]
    related = [m for m in family if any(relation(m, other, of) == "yes" for other in family if other != m)]
    if set(related) - {"gradcam", "ablationcam"}:
        labels = wording.listed([label(m) for m in related], most=len(related))
        sentences.append(
            f"{on_head} {labels} all start from the layer's weights for the class and change them "
            f"by nothing but their own sign and size and the {unit}'s mean activation. They are related by algebra."
        )
    return sentences
