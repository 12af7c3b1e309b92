"""The tables of the comparison: an image a row, and a measure a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reportgen.analysis import wording
from reportgen.report.blocks import Cell, Column, Table

from .measured import Compared
from .statistics import Row


def images_table(found: Compared, id: str) -> Table:
    """What both models say of each image, and how alike their Grad-CAM maps are; the means count copies once."""
    first, second = found.models
    columns = [
        Column(key="image", label="Image"),
        Column(key="class_first", label=f"Class, {first}"),
        Column(key="class_second", label=f"Class, {second}"),
        Column(key="iou", label="IoU", decimals=3),
        Column(key="other_iou", label="IoU, other images", decimals=3),
        Column(key="rank_correlation", label="Rank correlation", decimals=3),
        Column(key="other_rank_correlation", label="Rank correlation, other images", decimals=3),
    ]
    rows: list[list[Cell]] = []
    for a, b, likeness in zip(*found.images, found.alike.images, strict=True):
        numbers: list[Cell] = [None] * 4
        if likeness is not None:
            numbers = [
                likeness.iou,
                likeness.other_iou,
                likeness.rank_correlation,
                likeness.other_rank_correlation,
            ]
        rows.append([a.name, a.target.name, b.target.name, *numbers])
    means = [_mean([rows[position][i] for position in found.observations]) for i in range(3, len(columns))]
    return Table(
        id=id,
        caption=f"The Grad-CAM maps of {first} and {second}, each for the model's own class: IoU of the parts above half of the "
        "maximum and rank correlation of the pixels, on the part of the image that both see. Other images: the mean of either "
        "model's map of this image with the other model's of different images.",
        columns=columns,
        rows=rows,
        summary=[["Mean", None, None, *means]],
        row_images=[image.name for image in found.images[0]],
    )


def _mean(values: Sequence[Cell]) -> float | None:
    known = [value for value in values if isinstance(value, float)]
    return float(np.mean(known)) if known else None


def measures_table(found: Compared, rows: Sequence[Row], id: str) -> Table:
    """The measures of both models, paired over the images."""
    first, second = found.models
    columns = [
        Column(key="measure", label="Measure"),
        Column(key="n", label="Images", decimals=0),
        Column(key="median_first", label=f"Median, {first}", decimals=3),
        Column(key="median_second", label=f"Median, {second}", decimals=3),
        Column(key="shift", label="First minus second", decimals=3),
        Column(key="low", label="95 % from", decimals=3),
        Column(key="high", label="to", decimals=3),
        Column(key="p", label="p", decimals=3, floor=0.001),
    ]
    cells: list[list[Cell]] = []
    for row in rows:
        low, high = row.by.ci or (None, None)
        cells.append([row.measure.words, row.by.n, *row.medians, row.by.shift, low, high, row.by.p])
    most = max(row.by.n for row in rows)
    gains = ""
    if any(row.measure.gain for row in rows):
        gains = "; better than a random order: by how much of the area under the curve, on the same image and model"
    return Table(
        id=id,
        caption=f"The same measures on the maps of {first} and {second}, over {wording.count(most, 'image')}{wording.small(most)}: "
        "medians, and the Hodges-Lehmann shift of the first minus the second, with its interval and the p of the sign-flip "
        f"test before any correction. Areas are shares of the frame{gains}.",
        columns=columns,
        rows=cells,
    )
