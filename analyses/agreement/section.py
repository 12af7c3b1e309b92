"""The chapter on agreement: overlaps as pictures, IoU beside chance and ceiling, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from reportgen.analysis import wording
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.shown import shown_note
from reportgen.figures import overlays
from reportgen.report.blocks import (
    Block,
    Cell,
    ColorBar,
    Column,
    Facts,
    Figure,
    Heading,
    Listing,
    Picture,
    Section,
    Table,
    Text,
)
from reportgen.report.document import ImageRecord, Warning_

from ..lime.result import LimeResult
from .charts import Rows, Run, complexity_scatter, iou_bars, threshold_curves
from .findings import agreement_findings
from .result import AgreementResult, Comparison

PANEL_PX = 448
# At most two rows a figure, of four or five pictures: whichever leaves fewer places empty.
ROWS, ACROSS = 2, (4, 5)
RULES = {
    "otsu": "Otsu's threshold on the map",
    "area:lime": "the map's strongest pixels, as many as LIME's mask holds",
    "max": "pixels of at least {share} of the map's maximum",
    "area": "the map's strongest pixels, {share} of the frame",
}


def reduce_agreement(run: Run) -> Contribution:
    """Write Grad-CAM's masks, the overlap pictures and the chart, and make the section."""
    compared, files, pictures = [], [], {}
    for position, image in enumerate(run.images):
        result = run.result("agreement", position, AgreementResult)
        compared.append(result.comparison)
        files.append(run.files.mask(f"masks/{image.slug}/gradcam.png", result.gradcam))
        if image.name in run.shown.images:
            pictures[position] = _overlap_picture(run, position, image, result)
    order = sorted(range(len(compared)), key=lambda i: (-_or_below(compared[i].iou), run.images[i].name))
    rows = [(run.images[i], compared[i]) for i in order]
    blocks: list[Block] = [
        *_approach(run),
        Heading(text="IoU"),
        Listing(role="observation", items=_observations(run, compared)),
        *shown_note(run.shown, "masks/"),
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
    warnings = [
        Warning_(code="no-iou", text="Both masks are empty: there is no IoU to report.", image=image.name)
        for image, entry in zip(run.images, compared, strict=True)
        if entry.iou is None
    ]
    section = Section(id="agreement", title="Agreement of Grad-CAM and LIME", blocks=blocks)
    otsu = ["otsu1979"] if run.settings.threshold == "otsu" else []
    return Contribution(
        section,
        per_image=[{**asdict(entry), "gradcam_mask": file} for entry, file in zip(compared, files, strict=True)],
        findings=agreement_findings(compared),
        gates={"iou_above_chance": _mean([entry.above_chance for entry in compared])},
        warnings=warnings,
        references=[*otsu, "bonett2000", "jaccard1912", "spearman1904"],
        terms=(
            "IoU",
            "mask",
            "chance level",
            "ceiling",
            "superpixel",
            "rank correlation",
            *(["Otsu's threshold"] if otsu else []),
        ),
    )


def _or_below(iou: float | None) -> float:
    return -1.0 if iou is None else iou


def _overlap_picture(run: Run, position: int, image: ImageRecord, result: AgreementResult) -> Picture:
    mask, iou, lime = result.gradcam, result.comparison.iou, run.result("lime", position, LimeResult).mask
    gradcam = overlays.upscale(mask, PANEL_PX)
    pixels = overlays.overlap(
        overlays.upscale(run.frame(position), PANEL_PX), gradcam, overlays.upscale(lime, PANEL_PX)
    )
    # In grey print the two single colours are alike: a line says which side is Grad-CAM's.
    pixels = overlays.bordered(pixels, gradcam)
    value = "no IoU" if iou is None else f"IoU {iou:.3f}"
    alt = (
        f"Masks for {image.target.name} on {image.name}: Grad-CAM covers {wording.percent(float(mask.mean()))} of "
        "the frame, LIME "
        f"{wording.percent(float(lime.mean()))}, both {wording.percent(float((mask & lime).mean()))}; {value}."
    )
    picture = run.files.photo(f"figures/{image.slug}-overlap.jpg", pixels, alt=alt, label=f"{value}: {image.name}")
    return picture.model_copy(update={"image": image.name, "layer": "Both masks"})


def overlap_figures(pictures: Sequence[Picture]) -> list[Figure]:
    figures = []
    across = (
        min(ACROSS, key=lambda columns: -len(pictures) % columns)
        if len(pictures) > max(ACROSS)
        else max(1, len(pictures))
    )
    for number, start in enumerate(range(0, len(pictures), ROWS * across), start=1):
        shown = list(pictures[start : start + ROWS * across])
        end = start + len(shown)
        part = f" ({_range(start + 1, end)} of {len(pictures)})" if len(shown) < len(pictures) else ""
        figures.append(
            Figure(
                id=f"overlaps-{number}",
                caption=f"Grad-CAM's and LIME's masks over the input, by falling IoU{part}. "
                "The white line is the border of Grad-CAM's mask.",
                pictures=shown,
                columns=across,
                legend=ColorBar(entries=overlays.overlap_legend("Grad-CAM", "LIME")),
            )
        )
    return figures


def _range(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first} to {last}"


def _approach(run: Run) -> list[Block]:
    rule = run.settings.threshold
    name, _, share = rule.partition(":")
    words = RULES.get(rule) or RULES[name].format(share=wording.percent(float(share)))
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
