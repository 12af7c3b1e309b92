"""What a reader of the chapter on faithfulness must know first: maps that say nothing, and ground truth that does not fit."""

from __future__ import annotations

from collections.abc import Sequence

from reportgen.analysis import wording
from reportgen.analysis.run_view import RunView
from reportgen.images.ground_truth.annotation import warnings_of
from reportgen.report.document import Warning_

from .compare import Standing
from .findings import Labels, in_a_sentence
from .maps import CLASS_BLIND, CONTROLS
from .result import Measurements
from .score_table import ScoreTable
from .settings import FaithfulnessSettings

Run = RunView[FaithfulnessSettings]
Values = Sequence[Measurements]


def cautions(run: Run, values: Values, table: ScoreTable) -> list[Warning_]:
    """Every warning of the chapter; `values` are of all images."""
    return [*_beaten(table), *_constant(run, values), *_outside(run, values), *_unfit(run, values)]


def _beaten(table: ScoreTable) -> list[Warning_]:
    """One warning a map whose typical difference to the best control is not on its side on some measure."""
    lost: dict[str, list[Standing]] = {}
    labels, n = table.labels, len(table.scores)
    for rows in table.standings.values():
        for standing in rows:
            if standing.by is not None and standing.beats != "yes" and standing.by.shift <= 0:
                lost.setdefault(standing.name, []).append(standing)
    return [
        Warning_(
            code="not-better-than-control",
            name="A map is no better than a control",
            text=f"{labels[name]} is not shown to say more than a map that knows nothing of {_unknown(rows)}: "
            + wording.listed([_lost(s, labels) for s in rows])
            + f" ({wording.count(n, 'image')}{wording.small(n)}).",
        )
        for name, rows in lost.items()
    ]


def _unknown(lost: Sequence[Standing]) -> str:
    """What the controls that were not beaten do not know."""
    return "the class" if any(standing.against == CLASS_BLIND for standing in lost) else "the model"


def _lost(standing: Standing, labels: Labels) -> str:
    control = in_a_sentence(str(standing.against), labels)
    word = "does better" if standing.beats == "no" else "typically does as well or better"
    return f"in {standing.measure} {control} {word}"


def _constant(run: Run, values: Values) -> list[Warning_]:
    text = "{} has one value everywhere: its pixels went in random order, and its curves say nothing of it."
    return [
        Warning_(
            code="empty-map", name="A map has one value everywhere", text=text.format(v.labels[name]), image=image.name
        )
        for image, v in zip(run.images, values, strict=True)
        for name, score in v.scores.items()
        if score.constant and name not in CONTROLS
    ]


def _outside(run: Run, values: Values) -> list[Warning_]:
    text = (
        "The marked object covers no pixel of the model's frame (it lies outside the centre crop, or is too small): this image "
        "counts in no localisation measure."
    )
    return [
        Warning_(code="truth-outside-frame", name="The marked object is outside the frame", text=text, image=image.name)
        for image, v in zip(run.images, values, strict=True)
        if v.truth is not None and v.truth.area == 0
    ]


def _unfit(run: Run, values: Values) -> list[Warning_]:
    """What of the ground truth does not fit the image that it lies beside, one warning for each kind."""
    return warnings_of(
        (image.name, note) for image, v in zip(run.images, values, strict=True) for note in v.truth_notes
    )
