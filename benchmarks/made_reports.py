"""The claims of a made-up report, decided by the product's own rules and by those that stood before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from benchmarks import former_rules as former
from benchmarks.made_data import Overlaps, Shape, differences, masks, overlaps, related
from reportgen.analysis import stats, verdicts
from reportgen.analysis.settle import Observed, settled
from reportgen.analysis.stats import Pairing
from reportgen.analysis.verdicts import Decision
from reportgen.report.document import Verdict
from reportgen.settings.model import StatisticsSettings

# Which of the report's paired measures a claim is tested on. `all`: every part must hold; `any`: any can decide.
PAIRED: dict[str, tuple[str, Sequence[int]]] = {
    "C2": ("all", [0]),
    "L1": ("all", [1]),
    "L3": ("all", [2]),
    "D6": ("all", [3]),
    "C3": ("all", [4, 5]),
    "C4": ("all", [6, 7]),
    "A2": ("all", [8, 9]),
    "C6": ("any", [10, 11]),
    "C7": ("any", [12, 13]),
    "L4": ("any", [14, 15]),
}
EXTENTS = [16, 17, 18]  # of the three pairs of methods in C5
MEASURES = 19
# Claims that the report did not make while the former rules stood.
NEW_CLAIMS = ("D5", "D6")
# What a difference is measured in: its standard deviation is five times the smallest effect of interest.
DEVIATION = 0.1
SMALLEST = StatisticsSettings()


@dataclass(frozen=True)
class Made:
    """What was measured on n images.

    Attributes:
        differences: (MEASURES, n); outcomes: (2, n), of A1, and complexities: (3, n); votes: (2, n) bool, of A3.
        masks: (4, n, pixels): Grad-CAM's, AblationCAM's and ScoreCAM's, and LIME's; labels: (n, n), of D5.
    """

    differences: np.ndarray
    outcomes: np.ndarray
    complexities: np.ndarray
    votes: np.ndarray
    masks: np.ndarray
    labels: np.ndarray

    def of(self, images: Sequence[int]) -> Made:
        """The same, of some of the images."""
        at = list(images)
        flat = {
            name: getattr(self, name)[:, at] for name in ("differences", "outcomes", "complexities", "votes", "masks")
        }
        return Made(**flat, labels=self.labels[np.ix_(at, at)])


@dataclass(frozen=True)
class Decided:
    """A claim before it is corrected for the others, and its verdict by the former rules (None: a new claim)."""

    now: Decision
    before: Verdict | None


def null(seed: int, n: int, shape: Shape = "normal") -> Made:
    """A report in which nothing is there to be found: masks share the centre, and nothing else."""
    rng = np.random.default_rng([seed, n])
    return Made(
        differences=DEVIATION * differences(rng, MEASURES, n, shape),
        outcomes=related(rng, np.broadcast_to(rng.standard_normal(n), (2, n)), 0.9),
        complexities=rng.standard_normal((3, n)),
        votes=rng.random((2, n)) < 0.5,
        masks=masks(rng, 4, n, 0.0),
        labels=rng.standard_normal((n, n)) + rng.standard_normal(n),  # some labels fit every class
    )


def with_effects(
    made: Made, seed: int, *, shift: float = 0.0, rho: float = 0.0, share: float = 0.5, shared: float = 0.0
) -> Made:
    """The same report with effects that are there.

    Args:
        shift: of every difference and of D5's labels, in standard deviations.
        rho: of A1's outcomes with the first complexity (negative, as the claim has it); share: of the votes.
        shared: of what makes the masks of one image, the part that all methods have in common.
    """
    n = made.votes.shape[1]
    rng = np.random.default_rng([seed, n, 1])
    outcomes = related(rng, np.broadcast_to(made.complexities[0], (2, n)), -rho) if rho else made.outcomes
    return Made(
        differences=made.differences + shift * DEVIATION,
        outcomes=outcomes,
        complexities=made.complexities,
        votes=rng.random((2, n)) < share if share != 0.5 else made.votes,
        masks=masks(rng, 4, n, shared) if shared else made.masks,
        labels=made.labels + shift * np.eye(n),
    )


def decided(made: Made, only: Sequence[str] | None = None) -> dict[str, Decided]:
    """The claims of a report (`only`: some of them)."""
    grad_cam_and_lime = _overlap(made, 0, 3)
    pairing = cache(lambda: stats.pairing_test(grad_cam_and_lime.matrix))
    makers = {
        **{name: (lambda name=name: _paired(made, *PAIRED[name], name in NEW_CLAIMS)) for name in PAIRED},
        "A1": lambda: _simple_images(made),
        "A3": lambda: _one_blob(made),
        "L2": lambda: _consistent(grad_cam_and_lime, pairing()),
        "A4": lambda: _iou_measures(grad_cam_and_lime, pairing()),
        "C5": lambda: _same_region(made),
        "D5": lambda: Decided(verdicts.of_pairing(stats.pairing_test(made.labels)), None),
    }
    return {name: make() for name, make in makers.items() if only is None or name in only}


def reported(claims: Mapping[str, Decided]) -> dict[str, Verdict]:
    """The verdicts of a report: corrected for one another."""
    # What is planned from an undecided claim takes time, and changes no verdict.
    made = [verdicts.claim(name, "", "", replace(claim.now, pilots=()), "") for name, claim in claims.items()]
    findings, _ = settled(made, Observed(images=1, different=1, classes=1))
    return {finding.id: finding.verdict for finding in findings}


def _overlap(made: Made, a: int, b: int) -> Overlaps:
    return overlaps(made.masks[a], made.masks[b])


def _paired(made: Made, how: str, measures: Sequence[int], new: bool) -> Decided:
    tests = len(measures) if how == "any" else 1
    values = made.differences[measures]
    parts = [verdicts.of_paired(stats.shifted(row), SMALLEST.share, tests) for row in values]
    now = parts[0] if len(parts) == 1 else verdicts.any_of(parts) if how == "any" else verdicts.all_of(parts)
    if new:
        return Decided(now, None)
    before = [former.of_paired(row, tests) for row in values]
    return Decided(now, former.combined(before) if how == "any" else former.of_all(before))


def _simple_images(made: Made) -> Decided:
    found = [stats.spearman(outcome, complexity) for complexity in made.complexities for outcome in made.outcomes]
    tests = len(found)
    now = verdicts.any_of([verdicts.of_correlation(c, -1, SMALLEST.correlation, tests) for c in found])
    return Decided(now, former.combined([former.of_correlation(c, -1, tests) for c in found]))


def _one_blob(made: Made) -> Decided:
    counts = [(int(votes.sum()), int((~votes).sum())) for votes in made.votes]
    now = verdicts.all_of([verdicts.of_majority(*both) for both in counts])
    return Decided(now, former.of_all([former.of_majority(*both) for both in counts]))


def _consistent(found: Overlaps, pairing: Pairing) -> Decided:
    now = verdicts.of_pairing(pairing, SMALLEST.iou)
    return Decided(now, former.of_overlap(found.iou, found.chance))


def _iou_measures(found: Overlaps, pairing: Pairing) -> Decided:
    follows = [stats.spearman(found.iou, other) for other in (found.chance, found.ceiling)]
    both = verdicts.of_pairing(pairing, SMALLEST.iou)
    now = verdicts.all_of([both, *(verdicts.of_independence(c, SMALLEST.shared) for c in follows)])
    before = [former.of_overlap(found.iou, found.chance), *map(former.of_independence, follows)]
    return Decided(now, former.of_all(before))


def _same_region(made: Made) -> Decided:
    """C5: every two methods belong together, and the extents of some two differ, whichever is larger."""
    found = [_overlap(made, a, b) for a, b in ((0, 1), (0, 2), (1, 2))]
    extents = [verdicts.of_paired(stats.shifted(made.differences[i]), SMALLEST.area, len(EXTENTS)) for i in EXTENTS]
    differ = verdicts.any_of([_either_way(extent) for extent in extents])
    now = verdicts.all_of([*(verdicts.of_pairing(stats.pairing_test(o.matrix), SMALLEST.iou) for o in found), differ])
    apart = any(former.of_paired(made.differences[i], len(EXTENTS)) != "undecided" for i in EXTENTS)
    overlap = [former.of_overlap(o.iou, o.chance) for o in found]
    return Decided(now, former.of_all([*overlap, "supported" if apart else "undecided"]))


def _either_way(decision: Decision) -> Decision:
    return replace(decision, verdict="undecided" if decision.verdict == "undecided" else "supported")
