"""How well a concept fits a unit: CLIP-Dissect's similarity functions (Oikarinen and Weng, 2023), as its code defines them.

All take `cosines` (N, concepts), cos(image, concept), and `activations` (N, units), spatially averaged, over the same N probe
images, and return (units, concepts) float64: higher fits better. The units given together are one layer: softWPMI and WPMI weigh
a concept by how likely it is for any of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reportgen.utils.softmax import softmax

SOFT_START, SOFT_END = 0.998, 0.97
FLOOR = 1e-7
# Numbers in one working array: 64 MiB of float64.
BLOCK = 2**23
REORDER_SHARE, REORDER_POWER, REORDER_SCALE, REORDER_DRAWS = 0.05, 3, 0.5, 5
SMALLEST_NORM = 1e-3


def top_images(activations: np.ndarray, count: int) -> np.ndarray:
    """(count, units) positions of the images with the largest activations, largest first; of equal ones the first."""
    return np.argsort(-activations, axis=0, kind="stable")[:count]


def soft_wpmi(
    cosines: np.ndarray, activations: np.ndarray, *, top_k: int, temperature: float, lam: float, block: int = BLOCK
) -> np.ndarray:
    """log p(t|k) - lam (logsumexp_k log p(t|k) - log units), log p(t|k) = sum_i log(1 + p_i (P_it - 1) + 1e-7).

    P = softmax over concepts of temperature * cos; i runs over unit k's `top_k` images (all N where there are fewer), strongest
    first; p_i falls linearly from 0.998 towards 0.97, which it would reach at i = top_k (as in the authors' code).

    Args:
        block: numbers in one working array; changes nothing but memory and time.
    """
    count = min(top_k, len(activations))
    belief = SOFT_START - (SOFT_START - SOFT_END) * np.arange(count) / count
    return _pointwise_information(cosines, activations, belief, temperature, lam, block)


def wpmi(
    cosines: np.ndarray, activations: np.ndarray, *, top_k: int, temperature: float, lam: float, block: int = BLOCK
) -> np.ndarray:
    """As `soft_wpmi` with every p_i = 1: each of the top images belongs to the concept for certain."""
    count = min(top_k, len(activations))
    return _pointwise_information(cosines, activations, np.ones(count), temperature, lam, block)


def _pointwise_information(
    cosines: np.ndarray, activations: np.ndarray, belief: np.ndarray, temperature: float, lam: float, block: int
) -> np.ndarray:
    n_units, n_concepts = activations.shape[1], cosines.shape[1]
    parts = (top_images(activations[:, units], len(belief)) for units in _blocks(n_units, len(activations), block))
    images = np.concatenate(list(parts), axis=1)
    # Softmax only over the rows that some unit needs.
    needed, rows = np.unique(images, return_inverse=True)
    probabilities = np.empty((len(needed), n_concepts), np.float32)
    for some in _blocks(len(needed), n_concepts, block):
        probabilities[some] = softmax(temperature * cosines[needed[some]].astype(np.float32))
    rows = rows.reshape(images.shape)
    fit = np.empty((n_units, n_concepts))
    # Where the pairs of all images and ranks fill no more than one working array, no units need a block of their own.
    pairs = len(needed) * len(belief) * n_concepts
    for units in _blocks(n_units, len(belief) * n_concepts if pairs > block else 0, block):
        fit[units] = _summed_logs(probabilities, rows[:, units], belief)
    if lam:
        fit -= lam * prior(fit)
    return fit


def prior(fit: np.ndarray) -> np.ndarray:
    """(concepts,): how likely each concept is for any of the units, log of the mean over (units, concepts) log likelihoods."""
    from scipy.special import logsumexp

    values: np.ndarray = logsumexp(fit, axis=0) - np.log(len(fit))
    return values


def _summed_logs(probabilities: np.ndarray, rows: np.ndarray, belief: np.ndarray) -> np.ndarray:
    """(units, concepts): the sum over a unit's images of log(1 + p (P - 1) + floor).

    The same image at the same rank gives the same logarithms to every unit: each such pair is computed once, and a sparse
    matrix of ones picks a unit's.
    """
    from scipy.sparse import csr_matrix

    ranks = np.broadcast_to(np.arange(len(belief))[:, None], rows.shape)
    pairs, at = np.unique(ranks * len(probabilities) + rows, return_inverse=True)
    rank, row = np.divmod(pairs, len(probabilities))
    logs = probabilities[row].astype(np.float64)
    logs -= 1
    logs *= belief[rank][:, None]
    logs += 1 + FLOOR
    np.log(logs, out=logs)
    units = np.broadcast_to(np.arange(rows.shape[1]), rows.shape)
    picks = csr_matrix((np.ones(rows.size), (units.ravel(), at.ravel())), shape=(rows.shape[1], len(pairs)))
    summed: np.ndarray = picks @ logs
    return summed


def _blocks(count: int, numbers_each: int, block: int) -> Iterator[slice]:
    """Slices of `count` things so that the numbers of each fill one working array; all at once where each needs none."""
    size = max(1, block // numbers_each) if numbers_each else max(1, count)
    for start in range(0, count, size):
        yield slice(start, start + size)


def cosine(cosines: np.ndarray, activations: np.ndarray) -> np.ndarray:
    """The cosine of a unit's N activations with a concept's N cosines; 0 for a unit that is zero everywhere."""
    values: np.ndarray = _unit_columns(activations, 0.0).T @ _unit_columns(cosines, 0.0)
    return values


def cosine_cubed(cosines: np.ndarray, activations: np.ndarray) -> np.ndarray:
    """As `cosine`, after each column's mean is taken off and what is left is cubed; norms count as at least 1e-3."""
    centred = [(values - values.mean(axis=0, dtype=np.float64)) ** 3 for values in (activations, cosines)]
    result: np.ndarray = _unit_columns(centred[0], SMALLEST_NORM).T @ _unit_columns(centred[1], SMALLEST_NORM)
    return result


def _unit_columns(values: np.ndarray, smallest: float) -> np.ndarray:
    values = values.astype(np.float64)
    norms = np.maximum(np.linalg.norm(values, axis=0), smallest)
    return values / np.where(norms > 0, norms, 1)


def rank_reorder(cosines: np.ndarray, activations: np.ndarray, *, seed: int) -> np.ndarray:
    """Minus the error of a unit's strongest activations put into the order of the concept's cosines, over that of a random order.

    Over the strongest 5 % of the images (two at least): mean |q_i - q'_i|^3, where q' holds the same activations, the largest at
    the image with the largest cosine; divided by its mean over five random orders (drawn from `seed`), and by the square root of the
    images' mean cosine to the concept (1e-3 at least).
    """
    count = max(2, int(len(activations) * REORDER_SHARE))
    random = np.random.default_rng(seed)
    images = top_images(activations, count)
    fit = np.empty((activations.shape[1], cosines.shape[1]))
    for unit, rows in enumerate(images.T):
        strongest = activations[rows, unit].astype(np.float64)
        shuffled = np.stack([random.permutation(strongest) for _ in range(REORDER_DRAWS)])
        baseline = (np.abs(strongest[::-1] - shuffled) ** REORDER_POWER).mean()
        ranks = np.argsort(np.argsort(cosines[rows], axis=0, kind="stable"), axis=0, kind="stable")
        errors = (np.abs(strongest[:, None] - strongest[::-1][ranks]) ** REORDER_POWER).mean(axis=0)
        likeness = np.maximum(cosines[rows].mean(axis=0, dtype=np.float64), SMALLEST_NORM)
        fit[unit] = -errors / (baseline or 1.0) / likeness**REORDER_SCALE
    return fit
