"""How the logit of one image is made up of the units of the last feature map."""

from __future__ import annotations

from dataclasses import dataclass, field

from reportgen.models.classifiers.base import FeatureLayer
from reportgen.storage.codec import Array


@dataclass(frozen=True)
class AttributionResult:
    """One image, unit by unit; a unit is a channel of the last feature map.

    Attributes:
        target: index of the explained class.
        exact: whether the head is pooling and one linear layer, so that the terms and the bias add up to the logit.
        means: (C,) float32, the mean over positions of each unit's activation.
        logits: (classes,) float32.
        terms: (C,) float64, each unit's term of the target's logit: W_ck mean(A_k) where `exact`; else gradient times activation,
            summed over positions, which is first order.
        bias: of the target class; 0 where the head has no closed form.
        layer: whose units they are.
    """

    target: int
    exact: bool
    means: Array
    logits: Array
    terms: Array
    bias: float
    layer: FeatureLayer = field(default_factory=FeatureLayer)

    @property
    def logit(self) -> float:
        """The target's."""
        return float(self.logits[self.target])

    @property
    def remainder(self) -> float:
        """What the terms and the bias leave of the logit: rounding where `exact`, else all that is not of first order."""
        return self.logit - float(self.terms.sum()) - self.bias
