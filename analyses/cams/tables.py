"""The tables of the chapter on class activation maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from reportgen.analysis import wording
from reportgen.analysis.baselines import centred_gaussian
from reportgen.analysis.layer_words import words_of
from reportgen.analysis.stats import Pairing
from reportgen.report.blocks import Cell, Column, Table
from reportgen.report.document import ImageRecord

from .algebra import relation
from .measures import measures
from .result import CamsResult, pair_key

# So many columns of numbers stand side by side on a page; the areas of more methods are several tables.
MOST_COLUMNS = 5
Results = Sequence[CamsResult]


def area_tables(images: Sequence[ImageRecord], results: Results) -> list[Table]:
    """The area of every map, an image a row, and what ScoreCAM's weights rest on; several where a page is too narrow for one."""
    columns = _measured(results)
    parts = np.array_split(np.arange(len(columns)), -(-len(columns) // MOST_COLUMNS))
    logits: list[Cell] = [result.target_logit for result in results]
    tables = []
    for number, part in enumerate(parts, start=1):
        stands = [(Column(key="target_logit", label="Target logit", decimals=2), logits)] if number == 1 else []
        stands += [columns[i] for i in part]
        rows: list[list[Cell]] = [
            [image.name, image.target.name, *(values[i] for _, values in stands)] for i, image in enumerate(images)
        ]
        tables.append(
            Table(
                id="cams" if number == 1 else f"cams-{number}",
                caption=_area_caption(
                    number,
                    len(parts),
                    words_of(results[0].layer).unit
                    if any(column.key == "effective_channels" for column, _ in stands)
                    else "",
                ),
                columns=[
                    Column(key="image", label="Image"),
                    Column(key="target", label="Target class"),
                    *(column for column, _ in stands),
                ],
                rows=rows,
                row_images=[image.name for image in images],
                detail=True,
            )
        )
    return tables


def _measured(results: Results) -> list[tuple[Column, list[Cell]]]:
    """Each column of numbers with a value an image."""
    columns: list[tuple[Column, list[Cell]]] = [
        (
            Column(
                key=f"{method}_area_above_half",
                label=f"{cam.label} area",
                unit="% of frame",
                decimals=1,
                percent=True,
                headline=method == "gradcam",
            ),
            [result.maps[method].area_above_half for result in results],
        )
        for method, cam in results[0].maps.items()
    ]
    if "scorecam" in results[0].maps:
        scorecam, unit = [result.maps["scorecam"] for result in results], words_of(results[0].layer).unit
        columns += [
            (
                Column(key="effective_channels", label=f"ScoreCAM effective {unit}s", decimals=1),
                [cam.effective_channels for cam in scorecam],
            ),
            (
                Column(key="forward_passes", label="ScoreCAM forward passes", decimals=0),
                [cam.forward_passes for cam in scorecam],
            ),
        ]
    return columns


def _area_caption(number: int, of: int, unit: str) -> str:
    """Args: unit: what ScoreCAM's weights are of, where they stand in the table; else empty."""
    caption = "Area of each map above half of its maximum"
    if unit:
        caption += f", and the {unit}s that own ScoreCAM's weights (1 / sum of squared weights)"
    return f"{caption}." if of == 1 else f"{caption}: part {number} of {of}."


def measures_table(results: Results, frame: tuple[int, int]) -> Table:
    """The shape of the maps, a method a row, and of the control."""
    rows: list[list[Cell]] = []
    for method, cam in results[0].maps.items():
        maps = [result.maps[method] for result in results]
        rows.append(
            [
                cam.label,
                sum(not found.degenerate for found in maps),
                median(found.area_above_half for found in maps),
                median(found.gini for found in maps),
                median(found.total_variation for found in maps),
                median(found.centre_offset for found in maps),
            ]
        )
    control = measures(centred_gaussian(*frame))
    rows.append(
        [
            "Control: centred Gaussian",
            None,
            control.area_above_half,
            control.gini,
            control.total_variation,
            control.centre_offset,
        ]
    )
    return Table(
        id="cams-measures",
        caption="The shape of the maps: medians over the images that have a map, and the same of a Gaussian that knows "
        "nothing of the image. Gini: 0 even, towards 1 concentrated. Total variation: small is smooth. Centre offset: "
        "distance of the centre of mass from the frame's centre, in half diagonals.",
        columns=[
            Column(key="method", label="Method"),
            Column(key="n", label="Images", decimals=0),
            Column(key="area_above_half", label="Area above half", unit="% of frame", decimals=1, percent=True),
            Column(key="gini", label="Gini index", decimals=3),
            Column(key="total_variation", label="Total variation", decimals=2),
            Column(key="centre_offset", label="Centre offset", decimals=3),
        ],
        rows=rows,
    )


def pairs_table(results: Results, of: CamsResult, alike: Mapping[str, Pairing]) -> Table:
    """How alike the methods' maps are, a pair a row.

    Args:
        results: of each observation.
        of: says what holds for the network.
        alike: by `pair_key`, the pair on one image and on two.
    """
    rows: list[list[Cell]] = []
    maps, sampled = results[0].maps, 0
    for a, b in combinations(maps, 2):
        pairs = [result.pairs[pair_key(a, b)] for result in results]
        found, n = alike.get(pair_key(a, b)), sum(pair.iou is not None for pair in pairs)
        if found is not None and found.n < n:
            sampled = max(sampled, found.n)
        rows.append(
            [
                f"{maps[a].label} and {maps[b].label}",
                n,
                median(pair.rank_correlation for pair in pairs),
                median(pair.iou for pair in pairs),
                median(pair.chance for pair in pairs),
                None if found is None else found.own,
                None if found is None else found.other,
                None if found is None else found.p,
                relation(a, b, of),
            ]
        )
    sample = f", over a seeded sample of {wording.count(sampled, 'image')} at most" if sampled else ""
    return Table(
        id="cams-pairs",
        caption="How alike the methods' maps are: medians over images of the pixels' rank correlation and of the IoU of the "
        "parts above half of the maximum, with the IoU that parts of these areas have by chance anywhere in the frame; then the mean IoU "
        f"on one image and on two different ones, and the p of permuting the images (not corrected){sample}. Related by algebra: the two "
        "are built from the same weights on this head, so that likeness is no evidence.",
        columns=[
            Column(key="pair", label="Methods"),
            Column(key="n", label="Images", decimals=0),
            Column(key="rank_correlation", label="Rank correlation", decimals=3),
            Column(key="iou", label="IoU", decimals=3),
            Column(key="chance", label="Chance by area", decimals=3),
            Column(key="iou_mean", label="Mean IoU", decimals=3),
            Column(key="other_images", label="Other images", decimals=3),
            Column(key="p", label="p", decimals=3, floor=0.001),
            Column(key="related", label="Related by algebra"),
        ],
        rows=rows,
    )


def median(values: Iterable[float | None]) -> float | None:
    """Of the values that are known; None where none is."""
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None
