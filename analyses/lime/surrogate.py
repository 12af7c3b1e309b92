"""LIME for images (Ribeiro et al., 2016) with the `lime` library's definitions and its perturbation loop vectorised.

Superpixels by quickshift; each sample hides a random half of them; a ridge regression, weighted by how close a sample
is to the whole image, says how much each superpixel adds to the class probability. Under the same random state the
perturbed images and the fitted weights are those of `lime.lime_image.LimeImageExplainer` (tests hold them to it).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from reportgen.analysis.view import View
from reportgen.models.runtime import SHOWN, Blend
from reportgen.utils.concurrency import PROCESS_WIDE

from .result import Surrogate
from .settings import LimeSettings


def superpixels(frame: np.ndarray, settings: LimeSettings) -> np.ndarray:
    """(H, W) int: quickshift segments of the (H, W, 3) uint8 frame, numbered from 0 without gaps."""
    from skimage.segmentation import quickshift

    segments = quickshift(
        frame,
        kernel_size=settings.quickshift_kernel_size,
        max_dist=settings.quickshift_max_dist,
        ratio=settings.quickshift_ratio,
        rng=42,  # scikit-image's default; lime's own seed never reaches it
    )
    return numbered(segments)


def numbered(segments: np.ndarray) -> np.ndarray:
    """(H, W) int: the same segments, numbered from 0 without gaps.

    A segmentation that starts at 1 or skips a number would leave a superpixel that is never hidden.
    """
    return np.unique(segments, return_inverse=True)[1].reshape(segments.shape).astype(np.int32)


def perturbations(count: int, superpixel_count: int, random_state: np.random.RandomState) -> np.ndarray:
    """(count, superpixels) of 0 (hidden) and 1; the first row is all ones. The library's own draw."""
    data = random_state.randint(0, 2, count * superpixel_count).reshape(count, superpixel_count)
    data[0] = 1
    return data


def hidden_frame(frame: np.ndarray, segments: np.ndarray, hide_color: int | None) -> np.ndarray:
    """(H, W, 3) uint8: what shows where a superpixel is hidden; a grey level, or None for the superpixel's mean."""
    if hide_color is not None:
        return np.full_like(frame, hide_color)
    flat = segments.ravel()
    counts = np.bincount(flat)
    means = [np.bincount(flat, frame[..., channel].ravel()) / counts for channel in range(3)]
    values: np.ndarray = np.stack(means, axis=-1)[segments].astype(frame.dtype)  # truncated, as the library assigns it
    return values


@dataclass(frozen=True)
class Draw:
    """The samples under one seed.

    Attributes:
        data: (samples, superpixels) of 0 (hidden) and 1.
        probabilities: (samples, classes) float32, the model's.
    """

    data: np.ndarray
    probabilities: np.ndarray


def draw(view: View, segments: np.ndarray, settings: LimeSettings, random_state: np.random.RandomState) -> Draw:
    """Perturb the image and ask the model.

    Args:
        segments: (H, W) int superpixels of `view.frame`, numbered from 0.
        random_state: its next draw decides which superpixels each sample hides.
    """
    data = perturbations(settings.num_samples, int(segments.max()) + 1, random_state)
    return Draw(data, sample_probabilities(view, segments, data, settings.hide_color))


def explain(
    view: View, segments: np.ndarray, target: int, settings: LimeSettings, random_state: np.random.RandomState
) -> Surrogate:
    """Fit the surrogate of class `target` to one draw."""
    drawn = draw(view, segments, settings, random_state)
    return fit(drawn.data, drawn.probabilities, target, settings, random_state)


def sample_probabilities(view: View, segments: np.ndarray, data: np.ndarray, hide_color: int | None) -> np.ndarray:
    """(samples, classes) float32 probabilities of the perturbed images.

    Pixels are normalised once; each sample is written straight into the engine's input.
    """
    blend = Blend(view.input, view.engine.normalise(hidden_frame(view.frame, segments, hide_color)))
    places: dict[bytes, int] = {}  # of each distinct sample: with few superpixels the same one comes again
    which = [places.setdefault(row.tobytes(), len(places)) for row in data.astype(np.uint32) * SHOWN]
    keep = [np.frombuffer(row, np.uint32) for row in places]
    mask, place = np.empty(segments.shape, np.uint32), segments.astype(np.intp)

    def perturbed_input(i: int, out: np.ndarray) -> None:
        np.take(keep[i], place, out=mask, mode="clip")  # without it the take is buffered, at twice the time
        blend(mask, out)

    return view.engine.probabilities(len(keep), perturbed_input)[which]


def fit(
    data: np.ndarray,
    probabilities: np.ndarray,
    target: int,
    settings: LimeSettings,
    random_state: np.random.RandomState,
) -> Surrogate:
    """The library's weighted ridge regression of class `target` on (samples, superpixels) 0/1 data."""
    from lime.lime_base import LimeBase

    with PROCESS_WIDE:  # scikit-learn changes the warning filters for a while
        intercept, weights, r2, prediction = LimeBase(
            partial(_closeness, width=settings.kernel_width), random_state=random_state
        ).explain_instance_with_data(data, probabilities, _distances(data, settings), target, settings.num_features)
    return Surrogate(
        weights=tuple((int(superpixel), float(weight)) for superpixel, weight in weights),
        intercept=float(intercept),
        prediction=float(np.ravel(prediction)[0]),
        r2=float(r2),
        probability=float(probabilities[0, target]),
        top_class=int(probabilities[0].argmax()),
        forward_passes=len({row.tobytes() for row in data}),
    )


def sample_weights(data: np.ndarray, settings: LimeSettings) -> np.ndarray:
    """(samples,) float64: what each of the (samples, superpixels) 0/1 rows counts in the fit, by how close it is to the whole image."""
    with PROCESS_WIDE:
        return _closeness(_distances(data, settings), settings.kernel_width)


def _distances(data: np.ndarray, settings: LimeSettings) -> np.ndarray:
    from sklearn.metrics import pairwise_distances

    distances: np.ndarray = pairwise_distances(data, data[:1], metric=settings.distance_metric).ravel()
    return distances


def _closeness(distances: np.ndarray, width: float) -> np.ndarray:
    return np.sqrt(np.exp(-(distances**2) / width**2))


def positive_mask(segments: np.ndarray, surrogate: Surrogate, num_features: int) -> np.ndarray:
    """(H, W) bool: the `num_features` strongest superpixels whose weight is positive."""
    return np.isin(segments, positive_superpixels(surrogate, num_features))


def positive_superpixels(surrogate: Surrogate, num_features: int) -> list[int]:
    """The `num_features` strongest superpixels whose weight is positive, strongest first."""
    return [superpixel for superpixel, weight in surrogate.weights if weight > 0][:num_features]
