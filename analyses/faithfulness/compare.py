"""Maps against each other, image by image: which control is best, and by how much a map is better than another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reportgen.analysis import verdicts
from reportgen.analysis.stats import Paired, holm, paired
from reportgen.settings.model import StatisticsSettings

# +1 where a larger value is better.
BETTER = {"deletion": -1, "insertion": 1, "pointing": 1, "energy": 1, "iou": 1}

# For each image, by map, its measures.
Scores = Sequence[Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class Standing:
    """One map on one measure.

    Attributes:
        against: the control to beat, and `by`: positive where the map is better than it; None for a control.
        p_corrected: p of `by` by Holm's method over the table that the row stands in; None where `by` has no p.
        smallest: the smallest effect of interest on this measure.
    """

    name: str
    measure: str
    median: float
    against: str | None = None
    by: Paired | None = None
    p_corrected: float | None = None
    smallest: float = 0.0

    @property
    def beats(self) -> str:
        """`yes` and `no` by the rule for paired claims and the corrected p: better, and worse; everything between is not shown."""
        if self.by is None:
            return ""
        verdict = verdicts.of_paired(replace(self.by, p=self.p_corrected), self.smallest).verdict
        return {"supported": "yes", "contradicted": "no"}.get(verdict, "not shown")


def smallest_of(measure: str, statistics: StatisticsSettings) -> float:
    """The smallest effect of interest on a measure."""
    return {"energy": statistics.share, "iou": statistics.iou}.get(measure, statistics.auc)


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


def standings(
    scores: Scores,
    names: Sequence[str],
    controls: Sequence[str],
    rivals: Mapping[str, str],
    statistics: StatisticsSettings,
) -> dict[str, list[Standing]]:
    """By measure every map against the control to beat, then the controls, best first: the rows of one table.

    Args:
        rivals: by measure the control to beat.
    """
    compared = {(m, name): better_by(scores, name, rival, m) for m, rival in rivals.items() for name in names}
    known = {place: by.p for place, by in compared.items() if by.p is not None}
    corrected = dict(zip(known, holm(list(known.values())), strict=True))
    table: dict[str, list[Standing]] = {}
    for m, rival in rivals.items():
        smallest = smallest_of(m, statistics)
        maps = [
            Standing(name, m, median(scores, name, m), rival, compared[m, name], corrected.get((m, name)), smallest)
            for name in names
        ]
        ordered = sorted(controls, key=lambda name: -BETTER[m] * median(scores, name, m))
        table[m] = [*maps, *(Standing(name, m, median(scores, name, m)) for name in ordered)]
    return table


def decided(comparisons: Mapping[str, Paired], statistics: StatisticsSettings) -> verdicts.Decision:
    """The claim is that the first map is better; by measure the comparisons, any of which can decide it."""
    return verdicts.any_of(
        [verdicts.of_paired(by, smallest_of(m, statistics), tests=len(comparisons)) for m, by in comparisons.items()]
    )
