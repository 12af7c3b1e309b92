"""What a model says of an image: its prediction, and the frame that it saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reportgen.analysis.view import View
from reportgen.images.decode import PictureRemark
from reportgen.models.classifiers import ClassifierSpec
from reportgen.pipeline.models import Model
from reportgen.report.document import ClassProbability, Prediction
from reportgen.storage.codec import Array
from reportgen.utils.errors import UsageError

OBSERVATION, OBSERVATION_VERSION = "observation", "5"


@dataclass(frozen=True)
class Deviation:
    """What reduced precision does to one image's answer.

    Attributes:
        logits: largest difference, as a share of the largest exact logit; probability: largest difference.
        same_class: whether the first choice is the same.
    """

    logits: float
    probability: float
    same_class: bool


@dataclass(frozen=True)
class Observation:
    """One image as one model sees it.

    Attributes:
        width, height: of the upright original, pixels.
        perceptual_hash: of the original (`reportgen.images.copies`).
        deviation: None where it was computed in exact precision.
        remarks: what a reader must know of how the picture was read.
        frame: (H, W, 3) uint8, the input frame; None for a model whose frames are not drawn.
    """

    width: int
    height: int
    prediction: Prediction
    perceptual_hash: str
    deviation: Deviation | None = None
    remarks: tuple[PictureRemark, ...] = ()
    frame: Array | None = None


def observed(
    view: View,
    model: Model,
    image: str,
    size: tuple[int, int],
    perceptual_hash: str,
    *,
    keep_frame: bool,
    remarks: tuple[PictureRemark, ...] = (),
) -> Observation:
    """Make the observation.

    Args:
        image: the image's name, for messages.
        size: width and height of the original; perceptual_hash: of its pixels; remarks: of how they were read.

    Raises:
        UsageError: the model's answer is no number.
    """
    logits = view.forward.logits[0]
    if not np.isfinite(logits).all():
        raise UsageError(f"{model.spec.name}: its answer to {image!r} is no number; are its weights whole?")
    exact = None if model.exact is model.engine else model.exact.forward(view.input[None]).logits[0]
    return Observation(
        width=size[0],
        height=size[1],
        prediction=_prediction(logits, model.spec),
        perceptual_hash=perceptual_hash,
        deviation=None if exact is None else _deviation(logits, exact, model.spec),
        remarks=remarks,
        frame=view.frame if keep_frame else None,
    )


def _prediction(logits: np.ndarray, spec: ClassifierSpec) -> Prediction:
    probabilities, names = spec.probabilities(logits), spec.classes.names
    # Stable: of equally likely classes, the one with the lower index is named.
    top = np.argsort(-logits, kind="stable")[:5]
    top5 = [ClassProbability(index=int(i), name=names[i], probability=float(probabilities[i])) for i in top]
    return Prediction(**top5[0].model_dump(), logit=float(logits[top[0]]), top5=top5)


def _deviation(fast: np.ndarray, exact: np.ndarray, spec: ClassifierSpec) -> Deviation:
    return Deviation(
        # Logits of nothing but zero leave no share to state.
        logits=float(np.abs(fast - exact).max() / (np.abs(exact).max() or 1)),
        probability=float(np.abs(spec.probabilities(fast) - spec.probabilities(exact)).max()),
        same_class=int(fast.argmax()) == int(exact.argmax()),
    )
