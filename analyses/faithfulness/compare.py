"""Maps against each other, image by image: which control is best, and by how much a map is better than another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reportgen.analysis import verdicts
from reportgen.analysis.stats import Paired, paired
from reportgen.report.document import Verdict

# +1 where a larger value is better.
BETTER = {"deletion": -1, "insertion": 1, "pointing": 1, "energy": 1, "iou": 1}

# For each image, by map, its measures.
Scores = Sequence[Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class Standing:
    """One map on one measure.

    Attributes:
        against: the best control, and `by`: positive where the map is better than it; None for a control.
    """

    name: str
    measure: str
    median: float
    against: str | None = None
    by: Paired | None = None

    @property
    def beats(self) -> str:
        """`yes` by the rule for paired claims, `no` where the median difference is not even on the map's side."""
        if self.by is None:
            return ""
        if verdicts.of_paired(self.by) == "supported":
            return "yes"
        return "no" if self.by.median <= 0 else "not shown"


def column(scores: Scores, name: str, measure: str) -> list[float]:
    """One measure of one map over the images."""
    return [image[name][measure] for image in scores]


def median(scores: Scores, name: str, measure: str) -> float:
    """Its median over the images."""
    return float(np.median(column(scores, name, measure)))


def best(scores: Scores, names: Iterable[str], measure: str) -> str:
    """The map with the best median; of equal ones the first."""
    return max(names, key=lambda name: BETTER[measure] * median(scores, name, measure))


def better_by(scores: Scores, a: str, b: str, measure: str) -> Paired:
    """How much better map `a` is than map `b`: positive where `a` is, whichever way the measure counts."""
    of_a, of_b = column(scores, a, measure), column(scores, b, measure)
    return paired(of_a, of_b) if BETTER[measure] > 0 else paired(of_b, of_a)


def standings(scores: Scores, names: Sequence[str], controls: Sequence[str], measure: str) -> list[Standing]:
    """Every map against the control that is best on this measure, then the controls, best first."""
    rival = best(scores, controls, measure)
    maps = [
        Standing(name, measure, median(scores, name, measure), rival, better_by(scores, name, rival, measure))
        for name in names
    ]
    ordered = sorted(controls, key=lambda name: -BETTER[measure] * median(scores, name, measure))
    return [*maps, *(Standing(name, measure, median(scores, name, measure)) for name in ordered)]


def decided(comparisons: Sequence[Paired]) -> Verdict:
    """The claim is that the first map is better; any measure can decide it, and they share the error rate."""
    return verdicts.combined([verdicts.of_paired(by, tests=len(comparisons)) for by in comparisons])
