"""The numbers of every image of a run side by side, over the maps that all images have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reportgen.settings.model import StatisticsSettings

from .compare import Scores, Standing, best, standings
from .maps import GAUSSIAN, controls_among
from .result import Measurements

MEASURES = ("deletion", "insertion")


@dataclass(frozen=True)
class ScoreTable:
    """What is compared over the images of a run, copies counted once.

    Attributes:
        labels: what pages call the maps that were measured on every image, explanations before controls.
        partial: what they call those that were measured on some images alone; they stand in no comparison.
        scores: by image the areas under the curves; located: the measures of localisation, for the images with an object.
        standings: by measure of the curves, every map against the best control.
        placed: every map against the centred Gaussian in IoU with the object; empty without an object.
    """

    labels: Mapping[str, str]
    partial: Mapping[str, str]
    scores: Scores
    located: Scores
    standings: Mapping[str, Sequence[Standing]]
    placed: Sequence[Standing]

    @property
    def explanations(self) -> Mapping[str, str]:
        """The labels without those of the controls."""
        return {name: label for name, label in self.labels.items() if name not in controls_among(self.labels)}

    @property
    def rivals(self) -> Mapping[str, str]:
        """By measure of the curves, the control that is best on it."""
        return rivals_of(self.scores)


def rivals_of(scores: Scores) -> dict[str, str]:
    """By measure of the curves, the control that is best on it."""
    return {measure: best(scores, controls_among(scores[0]), measure) for measure in MEASURES}


def score_table(images: Sequence[Measurements], statistics: StatisticsSettings) -> ScoreTable:
    """What the images of a run have in common, in the order of the first.

    Args:
        images: that count as one observation each.
    """
    known = {name: label for image in images for name, label in image.labels.items()}
    labels = {name: label for name, label in known.items() if all(name in image.labels for image in images)}
    scores = [{name: image.scores[name].by_measure for name in labels} for image in images]
    located = [
        {name: image.localisation[name].by_measure for name in labels}
        for image in images
        if image.localisation is not None
    ]
    controls = controls_among(labels)
    names = [name for name in labels if name not in controls]
    return ScoreTable(
        labels=labels,
        partial={name: label for name, label in known.items() if name not in labels},
        scores=scores,
        located=located,
        standings=standings(scores, names, controls, rivals_of(scores), statistics),
        placed=standings(located, names, controls, {"iou": GAUSSIAN}, statistics)["iou"] if located else [],
    )
