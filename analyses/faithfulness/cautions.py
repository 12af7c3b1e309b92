"""What a reader of the chapter on faithfulness must know first: maps that say nothing, and ground truth that does not fit."""

from __future__ import annotations

from collections.abc import Sequence

from reportgen.analysis import wording
from reportgen.images.ground_truth.annotation import warnings_of
from reportgen.report.document import ImageRecord, Warning_

from .compare import Standing
from .findings import Labels, in_a_sentence
from .maps import CLASS_BLIND, CONTROLS
from .result import Measurements
from .score_table import ScoreTable

# The images that were measured.
Rows = Sequence[tuple[ImageRecord, Measurements]]


def cautions(rows: Rows, table: ScoreTable) -> list[Warning_]:
    """Every warning of the chapter."""
    return [*_beaten(table), *_constant(rows), *_outside(rows), *_unfit(rows)]


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


def _constant(rows: Rows) -> list[Warning_]:
    text = "{} has one value everywhere: its pixels went in random order, and its curves say nothing of it."
    return [
        Warning_(
            code="empty-map", name="A map has one value everywhere", text=text.format(v.labels[name]), image=image.name
        )
        for image, v in rows
        for name, score in v.scores.items()
        if score.constant and name not in CONTROLS
    ]


def _outside(rows: Rows) -> list[Warning_]:
    text = (
        "The marked object covers no pixel of the model's frame (it lies outside the centre crop, or is too small): this image "
        "counts in no localisation measure."
    )
    return [
        Warning_(code="truth-outside-frame", name="The marked object is outside the frame", text=text, image=image.name)
        for image, v in rows
        if v.truth is not None and v.truth.area == 0
    ]


def _unfit(rows: Rows) -> list[Warning_]:
    """What of the ground truth does not fit the image that it lies beside, one warning for each kind."""
    return warnings_of((image.name, note) for image, v in rows for note in v.truth_notes)
