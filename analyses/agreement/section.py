"""The chapter on agreement: overlaps as pictures, IoU beside chance and ceiling, and what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from reportgen.analysis import wording
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.shown import shown_note
from reportgen.report.blocks import (
    Block,
    Cell,
    Column,
    Facts,
    Heading,
    Listing,
    Picture,
    Section,
    Table,
    Text,
)
from reportgen.report.document import Warning_
from reportgen.utils.json_types import JSON

from ..lime.result import LimeResult
from .charts import Rows, Run, complexity_scatter, iou_bars, threshold_curves
from .figures import overlap_figures, overlap_picture
from .findings import agreement_findings
from .result import AgreementResult, Comparison

TERMS_USED = ("IoU", "mask", "chance level", "ceiling", "superpixel", "rank correlation")
RULES_IN_WORDS = {
    "otsu": "Otsu's threshold on the map",
    "area:lime": "the map's strongest pixels, as many as LIME's mask holds",
    "max": "pixels of at least {share} of the map's maximum",
    "area": "the map's strongest pixels, {share} of the frame",
}


def reduce_agreement(run: Run) -> Contribution:
    """Write Grad-CAM's masks, the overlap pictures and the charts, and make the section."""
    compared, entries, pictures = [], [], {}
    for position, image in enumerate(run.images):
        result = run.result("agreement", position, AgreementResult)
        compared.append(result.comparison)
        entries.append(entry(result.comparison, run.files.mask(f"masks/{image.slug}/gradcam.png", result.gradcam)))
        if image.name in run.shown.images:
            pictures[position] = overlap_picture(run, position, image, result)
    warnings = [
        Warning_(code="no-iou", text="Both masks are empty: there is no IoU to report.", image=image.name)
        for image, comparison in zip(run.images, compared, strict=True)
        if comparison.iou is None
    ]
    otsu = run.settings.threshold == "otsu"
    return Contribution(
        Section(id="agreement", title="Agreement of Grad-CAM and LIME", blocks=_blocks(run, compared, pictures)),
        per_image=entries,
        findings=agreement_findings(compared),
        gates={"iou_above_chance": _mean([comparison.above_chance for comparison in compared])},
        warnings=warnings,
        references=[*(["otsu1979"] if otsu else []), "bonett2000", "jaccard1912", "spearman1904"],
        terms=(*TERMS_USED, *(["Otsu's threshold"] if otsu else [])),
    )


def entry(comparison: Comparison, mask: str) -> dict[str, JSON]:
    """The entry of one image in report.json; `mask` is the file of Grad-CAM's."""
    return {**asdict(comparison), "gradcam_mask": mask}


def _blocks(run: Run, compared: Sequence[Comparison], pictures: Mapping[int, Picture]) -> list[Block]:
    """The chapter; `pictures` are those of the images that have figures, by position."""
    order = sorted(range(len(compared)), key=lambda i: (-_or_below(compared[i].iou), run.images[i].name))
    rows = [(run.images[i], compared[i]) for i in order]
    return [
        *_approach(run),
        Heading(text="IoU"),
        Listing(role="observation", items=_observations(run, compared)),
        *shown_note(run.shown, run.files.place("masks/")),
        *overlap_figures([pictures[i] for i in order if i in pictures]),
        *iou_bars(run, rows),
        _table(run, rows),
        *threshold_curves(run, rows),
        Heading(text="Complexity and regions"),
        *complexity_scatter(run, rows),
        _complexity_table(run, rows),
        _regions_table(run, rows),
        Listing(role="limit", items=_limits(run, len(compared))),
    ]


def _or_below(iou: float | None) -> float:
    return -1.0 if iou is None else iou


def _approach(run: Run) -> list[Block]:
    rule = run.settings.threshold
    name, _, share = rule.partition(":")
    words = RULES_IN_WORDS.get(rule) or RULES_IN_WORDS[name].format(share=wording.percent(float(share)))
    return [
        Heading(text="Approach"),
        Text(
            text="Both explanations of an image are turned into binary masks in the model's input frame, for the "
            "same target class, and "
            f"compared as arrays. Grad-CAM's mask is {words}; LIME's mask is the one of the section before. The "
            "intersection over union "
            "(IoU) of two masks depends much on their areas, so each IoU stands beside the IoU that masks of these "
            "areas reach by chance, "
            "the ceiling that these areas allow, and the IoU when Grad-CAM's mask is cut to LIME's area."
        ),
        Facts(
            title="Definitions",
            items=[
                ("Grad-CAM mask", f"{rule}: {words}"),
                ("IoU", "|A ∩ B| / |A ∪ B|; none where both masks are empty"),
                ("Chance", "ab / (a + b − ab) for masks that cover shares a and b of the frame"),
                ("Ceiling", "min(a, b) / max(a, b)"),
            ],
        ),
    ]


def _regions_table(run: Run, rows: Rows) -> Table:
    columns = [
        Column(key="image", label="Image"),
        Column(key="gradcam_components", label="Grad-CAM parts", decimals=0),
        Column(key="lime_components", label="LIME parts", decimals=0),
        Column(key="gradcam_edge_gradient", label="Gradient, Grad-CAM border", decimals=3),
        Column(key="lime_edge_gradient", label="Gradient, LIME border", decimals=3),
        Column(key="shifted_edge_gradient", label="Gradient, LIME mask shifted", decimals=3),
    ]
    cells = [
        [
            image.name,
            entry.components.gradcam,
            entry.components.lime,
            entry.edge_gradient.gradcam,
            entry.edge_gradient.lime,
            entry.edge_gradient.shifted_lime,
        ]
        for image, entry in rows
    ]
    return run.files.table(
        Table(
            id="agreement-regions",
            caption="Connected parts of each mask, and the image's mean gradient along its border (1 is a full step from black to "
            "white). Shifted: the same mask at random places, the level that its shape alone would give.",
            columns=columns,
            rows=cells,
            row_images=[image.name for image, _ in rows],
        )
    )


def _complexity_table(run: Run, rows: Rows) -> Table:
    columns = [
        Column(key="image", label="Image"),
        Column(key="iou", label="IoU", decimals=3),
        Column(key="iou_above_chance", label="IoU above chance", decimals=3),
        Column(key="superpixels", label="Superpixels", decimals=0),
        Column(key="edge_density", label="Edge density", unit="% of frame", decimals=1, percent=True),
        Column(key="entropy", label="Grey-level entropy", unit="bits", decimals=2),
    ]
    cells: list[list[Cell]] = [
        [
            image.name,
            entry.iou,
            entry.above_chance,
            entry.complexity.superpixels,
            entry.complexity.edge_density,
            entry.complexity.entropy,
        ]
        for image, entry in rows
    ]
    return run.files.table(
        Table(
            id="agreement-complexity",
            caption="How complex each image is, computed from its pixels, beside its IoU.",
            columns=columns,
            rows=cells,
            row_images=[image.name for image, _ in rows],
        )
    )


def _table(run: Run, rows: Rows) -> Table:
    columns = [
        Column(key="image", label="Image"),
        Column(key="iou", label="IoU", decimals=3, headline=True),
        Column(key="chance", label="Chance", decimals=3, headline=True),
        Column(key="ceiling", label="Ceiling", decimals=3),
        Column(key="cam_area", label="Grad-CAM area", unit="% of frame", decimals=1, percent=True),
        Column(key="lime_area", label="LIME area", unit="% of frame", decimals=1, percent=True),
        Column(key="iou_area_matched", label="IoU at equal area", decimals=3),
    ]
    measured = [
        (e.iou, e.chance, e.ceiling, e.cam_area, e.lime_area, e.iou_area_matched) for _, e in rows
    ]  # in the order of the columns
    cells: list[list[Cell]] = [[image.name, *values] for (image, _), values in zip(rows, measured, strict=True)]
    means = [_mean(column) for column in zip(*measured, strict=True)]
    return run.files.table(
        Table(
            id="agreement",
            caption="IoU between Grad-CAM's and LIME's masks, sorted, with what the areas alone explain.",
            columns=columns,
            rows=cells,
            summary=[["Mean", *means]],
            row_images=[image.name for image, _ in rows],
        )
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _observations(run: Run, compared: Sequence[Comparison]) -> list[str]:
    known = [
        (image, entry.iou, entry.chance)
        for image, entry in zip(run.images, compared, strict=True)
        if entry.iou is not None and entry.chance is not None
    ]
    if not known:
        return ["No image has an IoU: both masks are empty everywhere."]
    iou, chance = np.array([iou for _, iou, _ in known]), np.array([chance for _, _, chance in known])
    above = int((iou > chance).sum())
    items = [
        f"The mean IoU over {wording.count(len(known), 'image')} is {iou.mean():.3f} (from {iou.min():.3f} to "
        f"{iou.max():.3f}); masks of "
        f"the same areas reach {chance.mean():.3f} by chance.",
        f"The IoU lies above chance on {above} of {len(known)}, by {np.mean(iou - chance):+.3f} on average.",
    ]
    below = [image.name for image, iou_of, chance_of in known if iou_of <= chance_of]
    if below:
        items.append(f"No better than chance: {wording.listed(below)}.")
    if len(known) > 2 and np.ptp(iou) > 0 and np.ptp(chance) > 0:
        items.append(
            f"Across images IoU and its chance level correlate with r = {np.corrcoef(iou, chance)[0, 1]:.2f} (n = "
            f"{len(known)})."
        )
    return items


def _limits(run: Run, n: int) -> list[str]:
    repeats = len(run.result("lime", 0, LimeResult).masks)
    draws = f"{repeats} LIME draws" if repeats > 1 else "one LIME draw"
    return [
        "Agreement is no proof of correctness: two explanations can agree on the wrong region.",
        f"With {wording.count(n, 'image')} and {draws} each, small differences between images may be noise of the draw.",
    ]
