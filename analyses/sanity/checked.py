"""What the check found of one method, over the images of the sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..cams.result import CamsResult
from . import rules
from .correlation import rank_correlation
from .result import SanityResult


@dataclass(frozen=True)
class Checked:
    """One method over the images that it was checked on.

    Attributes:
        label: what pages call it.
        correlation: (images, stages) rank correlations with the trained network's map; a single column for ScoreCAM.
        between_images: the median correlation of the trained network's maps of two different images, what smooth maps have in
            common anyway; None with a single image.
        constant: maps of the cascade that marked no place.
    """

    label: str
    correlation: np.ndarray
    between_images: float | None
    constant: int

    @property
    def n(self) -> int:
        """How many images it was checked on."""
        return len(self.correlation)

    @property
    def last(self) -> list[float]:
        """The correlations when all weights are drawn anew, one an image."""
        return [float(rho) for rho in self.correlation[:, -1]]

    @property
    def median(self) -> float:
        """Of `last`."""
        return float(np.median(self.last))

    @property
    def passes(self) -> bool:
        return rules.passes(self.last, self.between_images)


def checked_methods(results: Sequence[SanityResult], cams: Sequence[CamsResult]) -> list[Checked]:
    """Every method that was checked on any image, in the order of the results.

    Args:
        results, cams: of the same images; of `cams` the labels and maps of the trained network.
    """
    methods = dict.fromkeys(method for result in results for method in result.correlation)
    return [_checked(method, results, cams) for method in methods]


def _checked(method: str, results: Sequence[SanityResult], cams: Sequence[CamsResult]) -> Checked:
    places = [i for i, result in enumerate(results) if method in result.correlation]
    trained = [cams[i].maps[method] for i in places]
    pairs = [rank_correlation(a.map, b.map) for a, b in combinations(trained, 2)]
    return Checked(
        label=trained[0].label,
        correlation=np.array([results[i].correlation[method] for i in places]),
        between_images=float(np.median(pairs)) if pairs else None,
        constant=sum(results[i].constant[method] for i in places),
    )
