"""Deletion and insertion curves of a map, and the areas under them (RISE, Petsiuk et al., 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .removal import Removals

STEPS = 28
# Of a map in which a larger share of the frame has one value the order is a matter of chance, and is drawn again.
TIED_SHARE = 0.01


@dataclass(frozen=True)
class Plan:
    """Which image of a `Removals` stands at each point of a map's two curves.

    Attributes:
        deletion, insertion: (draws, STEPS + 1) positions, one row for each order of tied pixels.
    """

    deletion: np.ndarray
    insertion: np.ndarray


def step_edges(pixels: int) -> np.ndarray:
    """(STEPS + 1,) int: how many pixels are gone after each step; steps are equal to within a pixel."""
    return np.rint(np.arange(STEPS + 1) * pixels / STEPS).astype(int)


def order_ranks(saliency: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """(H, W) int: 0 for the most important pixel; of equal pixels the one with the larger (H, W) noise comes first."""
    order = np.lexsort((-noise.ravel(), -saliency.ravel()))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return ranks.reshape(saliency.shape)


def has_ties(saliency: np.ndarray) -> bool:
    """Whether more than TIED_SHARE of the frame shares one value, as in a map of superpixels or an empty one."""
    counts = np.unique(saliency, return_counts=True)[1]
    return bool(counts.max() > TIED_SHARE * saliency.size)


def orders(saliency: np.ndarray, noise: np.ndarray) -> list[np.ndarray]:
    """The ranks of the pixels of a (H, W) map: once where it has no ties, else for each of the (draws, H, W) noise."""
    return [order_ranks(saliency, drawn) for drawn in (noise if has_ties(saliency) else noise[:1])]


def plan(removals: Removals, drawn: Sequence[np.ndarray]) -> Plan:
    """Ask `removals` for every image on the two curves of a map, given the ranks of its pixels."""
    edges = step_edges(drawn[0].size)
    return Plan(
        deletion=np.array([[removals.hidden(ranks < edge) for edge in edges] for ranks in drawn]),
        insertion=np.array([[removals.revealed(ranks < edge) for edge in edges] for ranks in drawn]),
    )


def area_under(curve: np.ndarray) -> float:
    """Trapezoid area under a (STEPS + 1,) curve over the share of pixels, 0 to 1."""
    return float((curve[1:] + curve[:-1]).sum() / 2 / (len(curve) - 1))


def stacked(
    plans: Mapping[str, Plan], probabilities: np.ndarray, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Deletion and insertion curves: (names, STEPS + 1), the mean over the draws of each map."""
    deletion = np.stack([probabilities[plans[name].deletion].mean(axis=0) for name in names])
    insertion = np.stack([probabilities[plans[name].insertion].mean(axis=0) for name in names])
    return deletion, insertion
