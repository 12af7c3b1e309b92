"""From activations to labels, with the two controls: activations shuffled over the images, and halves of the probe set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reportgen.utils.hashing import seed_from

from . import similarity
from .labels import Control, Halves, Layer, Spread
from .recipe import EXPLORATORY
from .settings import POINTWISE, DissectionSettings

STRONGEST = 6
# Shuffled units behind a percentile: its share is then known to half a percentage point (standard error 0.005), and to one on a
# probe set that decides nothing.
DRAWS, DRAWS_EXPLORATORY = 2000, 500
QUANTILE = 0.95
# An image drives a unit where the activation lies above this share of the probe set's.
HIGH = 0.99


@dataclass(frozen=True)
class Task:
    """What the units of every layer are held against.

    Attributes:
        cosines: (N, concepts), of image and concept.
        words: the concepts; rows: (concepts, D), unit rows, where they lie in the encoder's space.
        temperature: a of softmax(a cos).
    """

    cosines: np.ndarray
    words: Sequence[str]
    rows: np.ndarray
    settings: DissectionSettings
    temperature: float
    seed: int

    def prior_of(self, raw: np.ndarray) -> np.ndarray:
        """(concepts,): what the similarity takes off for how likely a concept is for any of the units, (units, concepts)."""
        weighs = self.settings.similarity in POINTWISE and self.settings.lam > 0
        return self.settings.lam * similarity.prior(raw) if weighs else np.zeros(raw.shape[1])

    def of(self, images: np.ndarray, top_k: int) -> Task:
        """The same over some of the images."""
        settings = self.settings.model_copy(update={"top_k": top_k})
        return Task(self.cosines[images], self.words, self.rows, settings, self.temperature, self.seed)


@dataclass(frozen=True)
class Fit:
    """Of each unit, (units,): the positions of its best and second best concept, the best one's similarity, and its lead."""

    best: np.ndarray
    second: np.ndarray
    similarity: np.ndarray
    margin: np.ndarray


def label_layer(name: str, activations: np.ndarray, task: Task) -> Layer:
    """Label the units of one layer.

    Args:
        activations: (N, units), spatially averaged, over the N probe images.
    """
    raw = _before_prior(activations, task)
    found = fit(raw - task.prior_of(raw))
    constant = np.ptp(activations, axis=0) == 0
    control, chance_prior = shuffled(name, activations[:, ~constant], task)
    lift = raw[np.arange(len(raw)), found.best] - chance_prior[found.best]
    return Layer(
        name=name,
        concepts=tuple(task.words[i] for i in found.best),
        runners_up=tuple(task.words[i] for i in found.second),
        similarity=found.similarity,
        margin=found.margin,
        constant=constant,
        labelled=labelled(lift, found.margin, constant, control, task.settings.min_margin),
        strongest=similarity.top_images(activations, STRONGEST),
        lift=lift,
        control=control,
        halves=halves(name, activations, task),
        spread=Spread(
            mean=activations.mean(axis=0, dtype=np.float64).astype(np.float32),
            std=activations.std(axis=0, dtype=np.float64).astype(np.float32),
            high=np.quantile(activations, HIGH, axis=0).astype(np.float32),
        ),
    )


def labelled(
    lift: np.ndarray, margin: np.ndarray, constant: np.ndarray, control: Control | None, min_margin: float | None
) -> np.ndarray:
    """(units,) bool: which units count as labelled.

    Those whose label fits better than the best concept of 95 in 100 shuffled units; with a `min_margin`, those whose margin
    reaches it instead. A unit that is the same on every image never does.
    """
    if min_margin is not None:
        return ~constant & (margin >= min_margin)
    return ~constant & (lift > control.lift) if control is not None else np.zeros(len(lift), bool)


def fit(values: np.ndarray) -> Fit:
    """The best and the second best concept of each unit, of (units, concepts) similarities, which it overwrites."""
    units = np.arange(len(values))
    best = values.argmax(axis=1)
    highest = values[units, best]
    values[units, best] = -np.inf
    second = values.argmax(axis=1)
    return Fit(best, second, highest, highest - values[units, second])


def _before_prior(activations: np.ndarray, task: Task) -> np.ndarray:
    """(units, concepts): the similarity, softWPMI's and WPMI's without the term that the other units of the layer make."""
    settings, cosines = task.settings, task.cosines
    if settings.similarity == "cosine":
        return similarity.cosine(cosines, activations)
    if settings.similarity == "cosine_cubed":
        return similarity.cosine_cubed(cosines, activations)
    if settings.similarity == "rank_reorder":
        return similarity.rank_reorder(cosines, activations, seed=task.seed)
    function = similarity.soft_wpmi if settings.similarity == "softwpmi" else similarity.wpmi
    return function(cosines, activations, top_k=settings.top_k, temperature=task.temperature, lam=0.0)


# --- controls ------------------------------------------------------------------------------------


def shuffled(name: str, activations: np.ndarray, task: Task) -> tuple[Control | None, np.ndarray]:
    """The layer with each unit's activations permuted over the images, as often as it takes for so many units.

    Where the similarity weighs a concept by how likely it is for any unit, that is any of the shuffled ones: in a layer where many
    units respond to one thing, their own prior would take away what they have in common. The percentiles are values that were
    seen, so that at most 5 % of the shuffled units lie above.

    Args:
        name: of the layer, part of the seed; activations: (N, units), none of them constant.

    Returns:
        The control, None for a layer without such units; and what to take off each concept's similarity, (concepts,).
    """
    n_units = activations.shape[1]
    if n_units == 0:
        return None, np.zeros(len(task.words))
    random = np.random.default_rng(seed_from("shuffled", task.seed, name))
    draws = DRAWS_EXPLORATORY if len(activations) < EXPLORATORY * min(task.settings.top_k, len(activations)) else DRAWS
    if n_units > draws:  # so many units, drawn at random, stand for all
        activations = activations[:, np.sort(random.choice(n_units, draws, replace=False))]
        n_units = draws
    times = -(-draws // n_units)
    raw = np.empty((times * n_units, len(task.words)), np.float32)  # thousands of units: half the memory
    for start in range(0, len(raw), n_units):
        raw[start : start + n_units] = _before_prior(random.permuted(activations, axis=0), task)
    prior = np.asarray(task.prior_of(raw), np.float32)
    raw -= prior
    found = fit(raw)
    high = [float(np.quantile(values, QUANTILE, method="higher")) for values in (found.similarity, found.margin)]
    return Control(draws=len(raw), lift=high[0], margin=high[1]), prior.astype(np.float64)


def halves(name: str, activations: np.ndarray, task: Task) -> Halves | None:
    """The labels of two halves of the images, drawn at random; K is half as large, so that it is the same share of them.

    The same halves for every layer and model. None for fewer than four images.
    """
    n = len(activations)
    if n < 4:
        return None
    order = np.random.default_rng(seed_from("halves", task.seed, n)).permutation(n)
    top_k = max(1, min(task.settings.top_k, n) // 2)
    best, known = [], []
    for images in (order[: n // 2], order[n // 2 :]):
        half = task.of(images, top_k)
        raw = _before_prior(activations[images], half)
        best.append(fit(raw - half.prior_of(raw)).best)
        known.append(np.ptp(activations[images], axis=0) > 0)
    rows = [task.rows[some] * there[:, None] for some, there in zip(best, known, strict=True)]
    both = known[0] & known[1]
    concepts = [
        tuple(task.words[i] if there else "" for i, there in zip(*of_half, strict=True))
        for of_half in zip(best, known, strict=True)
    ]
    pairs = max(1, int(known[0].sum()) * int(known[1].sum()))
    return Halves(
        first=concepts[0],
        second=concepts[1],
        cosine=np.where(both, (rows[0] * rows[1]).sum(axis=1), 0).astype(np.float32),
        cosine_by_chance=float(rows[0].sum(axis=0, dtype=np.float64) @ rows[1].sum(axis=0, dtype=np.float64) / pairs),
    )
