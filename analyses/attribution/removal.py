"""Does removing a concept's units remove the class? Units set to zero on a head that is pooling and one linear layer.

Without a unit the logits are lower by its mean activation times its weights: algebra, and no forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reportgen.models.classifiers.base import Activation, LinearHead, probabilities

from .grouping import Grouping

# Of so many units with the nearest mean activation one is drawn.
NEAREST = 10


@dataclass(frozen=True)
class Removal:
    """What removing the units of one set, and of others like it, does to one image.

    Attributes:
        units: how many are removed.
        drop: of the target's probability; changed: whether another class comes first then.
        matched: drops for random sets of as many units of equal mean activation.
    """

    concept: str
    units: int
    drop: float
    changed: bool
    matched: tuple[float, ...]


def removed(head: LinearHead, means: np.ndarray, logits: np.ndarray, sets: Sequence[np.ndarray]) -> np.ndarray:
    """(sets, classes) float64: the logits when the units of each set give zero everywhere.

    Args:
        means: (C,) mean activations; logits: (classes,) with every unit.
        sets: indices of units.
    """
    # Set by set: a set holds a few of the units, and a product over all of them would take a hundred times as long.
    lost = np.array([head.weight[:, units] @ means[units] for units in sets], np.float64)
    left: np.ndarray = logits.astype(np.float64) - lost
    return left


def drops(
    head: LinearHead,
    means: np.ndarray,
    logits: np.ndarray,
    target: int,
    sets: Sequence[np.ndarray],
    activation: Activation = "softmax",
) -> tuple[np.ndarray, np.ndarray]:
    """(sets,) drop of the target's probability, and (sets,) bool whether another class comes first then.

    Args:
        activation: what makes probabilities of logits.
    """
    if not sets:
        return np.zeros(0), np.zeros(0, bool)
    after = removed(head, means, logits, sets)
    before = probabilities(logits.astype(np.float64), activation)[target]
    return before - probabilities(after, activation)[:, target], after.argmax(axis=1) != logits.argmax()


def matched_sets(means: np.ndarray, units: np.ndarray, draws: int, rng: np.random.Generator) -> list[np.ndarray]:
    """`draws` random sets of as many units, of equal mean activation, none of them in `units`.

    For each unit of the set, the strongest first, one is drawn from the ten units outside the set whose mean activations on this image
    are nearest to its own, among those that the draw has not taken yet.

    Args:
        means: (C,) mean activations of one image; units: indices of the set.

    Raises:
        ValueError: fewer units lie outside the set than in it.
    """
    outside = np.setdiff1d(np.arange(len(means)), units)
    if len(outside) < len(units):
        raise ValueError(f"{len(units)} of {len(means)} units: too few others to match them")
    # Strongest first, ties by index: the same set in any order is matched alike.
    ordered = sorted(units.tolist(), key=lambda unit: (-means[unit], unit))
    taken = np.zeros((draws, len(means)), bool)
    chosen = np.empty((draws, len(ordered)), np.int64)
    for place, unit in enumerate(ordered):
        # As many more as may be taken already leave ten free ones, or all that there are.
        near = outside[np.argsort(np.abs(means[outside] - means[unit]), kind="stable")[: NEAREST + place]]
        free = ~taken[:, near]
        free &= np.cumsum(free, axis=1) <= NEAREST
        picked = near[np.where(free, rng.random(free.shape), -1.0).argmax(axis=1)]
        taken[np.arange(draws), picked] = True
        chosen[:, place] = picked
    return list(chosen)


def remove_concepts(
    head: LinearHead,
    means: np.ndarray,
    logits: np.ndarray,
    target: int,
    concepts: Sequence[tuple[str, np.ndarray]],
    draws: int,
    seed: int,
    activation: Activation = "softmax",
) -> list[Removal]:
    """Each concept's units removed by themselves, beside `draws` matched sets.

    Args:
        concepts: name, and indices of its units; those that leave too few others to match are left out.
    """
    rng = np.random.default_rng(seed)
    concepts = [(name, units) for name, units in concepts if 2 * len(units) <= len(means)]
    controls = [matched_sets(means, units, draws, rng) for _, units in concepts]
    sets = [units for _, units in concepts] + [units for drawn in controls for units in drawn]
    drop, changed = drops(head, means, logits, target, sets, activation)
    random = drop[len(concepts) :].reshape(len(concepts), draws)
    return [
        Removal(name, len(units), float(drop[i]), bool(changed[i]), tuple(random[i].tolist()))
        for i, (name, units) in enumerate(concepts)
    ]


def relabelled_drops(
    head: LinearHead,
    means: np.ndarray,
    logits: np.ndarray,
    target: int,
    grouping: Grouping,
    terms: np.ndarray,
    concepts: int,
    draws: int,
    seed: int,
    activation: Activation = "softmax",
) -> tuple[float, ...]:
    """The same removal where labels mean nothing: for each of `draws` permutations of the labels over the units, the mean drop of the
    `concepts` groups with the largest sums.

    Whatever groups are made, the largest ones among them matter more than random units: what labels add is what they have over these.

    Args:
        terms: (C,) of the target's logit.
    """
    rng, sets = np.random.default_rng(seed), []
    for _ in range(draws):
        dealt = replace(grouping, of_unit=rng.permutation(grouping.of_unit))
        order = np.argsort(-dealt.sums(terms)[:-1], kind="stable")[:concepts]
        sets += [dealt.units(int(word)) for word in order]
    drop, _ = drops(head, means, logits, target, sets, activation)
    return tuple(drop.reshape(draws, -1).mean(axis=1).tolist())
