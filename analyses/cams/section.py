"""The chapter on class activation maps: panels, table, and what was measured on them."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from reportgen.analysis import wording
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.shown import shown_note
from reportgen.figures import overlays
from reportgen.report.document import (
    Block,
    ColorBar,
    Column,
    Facts,
    Figure,
    Heading,
    ImageRecord,
    Listing,
    Section,
    Table,
    Text,
    Warning_,
)
from reportgen.storage.store import Result

from .findings import LABELS, cam_findings, pair_key
from .measures import centred_gaussian, measures

PANEL_PX = 448
WORKS = {"gradcam": "selvaraju2017", "ablationcam": "desai2020", "scorecam": "wang2020"}

DEFINITIONS = {
    "gradcam": "Grad-CAM weighs each channel by the mean gradient of the target logit over the channel's positions.",
    "ablationcam": "AblationCAM weighs each channel by the share of the target logit that is lost when it is set to zero.",
    "scorecam": "ScoreCAM masks the input with each channel in turn and weighs the channel by the softmax, over "
    "channels, of the target logit on the masked input.",
}


def reduce_cams(run: RunView) -> Contribution:
    """Write maps and panels, measure them, and make the section."""
    scale = run.files.photo("figures/heat-scale.jpg", overlays.color_bar(), alt="")
    figures, entries, warnings = [], [], []
    for position, image in enumerate(run.images):
        result = run.result("cams", position, Result)
        entries.append(_entry(run, image, result))
        if image.name in run.shown.images:
            figures.append(_panels(run, position, image, result, scale.file))
        warnings += _warnings(image, result)
    first = run.result("cams", 0, Result).values
    blocks: list[Block] = [
        *_approach(run, first),
        Heading(text="Maps"),
        Text(role="note", text=_how_to_read(run)),
        *shown_note(run.shown, "maps/"),
        *figures,
        Heading(text="Measurements"),
        _table(run, entries),
        _measures_table(run, entries),
        *_pairs_table(run, entries),
        Listing(role="observation", items=_observations(run, entries)),
        Listing(role="limit", items=_limits(run, first)),
    ]
    section = Section(id="cams", title="Grad-CAM, AblationCAM and ScoreCAM", blocks=blocks)
    findings = cam_findings(entries, run.settings.methods, run.frame(0).shape[:2])
    return Contribution(
        section,
        per_image=entries,
        findings=findings,
        warnings=warnings,
        references=[*(WORKS[method] for method in run.settings.methods), "hurley2009", "spearman1904"],
        terms=("activation", "saliency map", "IoU", "chance level", "rank correlation", "control"),
    )


def _entry(run: RunView, image: ImageRecord, result: Result) -> dict[str, Any]:
    entry: dict[str, Any] = {"target_logit": result.values["target_logit"]}
    for method in run.settings.methods:
        entry[method] = {
            "map": run.files.array(f"maps/{image.slug}/{method}.npy", result.arrays[method]),
            **result.values[method],
        }
    entry["pairs"] = result.values["pairs"]
    return entry


def _panels(run: RunView, position: int, image: ImageRecord, result: Result, scale: str) -> Figure:
    frame = overlays.upscale(run.frame(position), PANEL_PX)
    pictures = [image.picture.model_copy(update={"label": "Input"})]
    for method in run.settings.methods:
        heat = np.clip(overlays.upscale(result.arrays[method], PANEL_PX), 0, 1)
        degenerate = result.values[method]["degenerate"]
        pictures.append(
            run.files.photo(
                f"figures/{image.slug}-{method}.jpg",
                frame if degenerate else overlays.heat_overlay(frame, heat),
                alt=_alt(method, image, result),
                label=f"{LABELS[method]} (degenerate: no map)" if degenerate else LABELS[method],
            )
        )
    return Figure(
        id=f"cams-{image.slug}",
        title=image.name,
        caption=f"Evidence for {image.target.name} (probability {image.prediction.probability:.2f}). {_extents(run, result)}",
        pictures=pictures,
        columns=len(pictures),
        legend=ColorBar(title="Share of each map's maximum", file=scale, low="0", high="1"),
        image=image.name,
    )


def _extents(run: RunView, result: Result) -> str:
    """How much of the frame each map marks; empty where no method has a map."""
    areas = [
        f"{LABELS[method]} {wording.percent(float((result.arrays[method] > 0.5).mean()))}"
        for method in run.settings.methods
        if not result.values[method]["degenerate"]
    ]
    return f"Above half of its maximum: {wording.listed(areas)} of the frame." if areas else ""


def _alt(method: str, image: ImageRecord, result: Result) -> str:
    if result.values[method]["degenerate"]:
        return f"{LABELS[method]} of {image.target.name} on {image.name} is degenerate: it marks no place."
    heat = result.arrays[method]
    return (
        f"{LABELS[method]} of {image.target.name} on {image.name}: above half of its maximum on "
        f"{wording.percent(float((heat > 0.5).mean()))} of the frame, centred at the {wording.place(heat)}."
    )


def _approach(run: RunView, first: dict[str, Any]) -> list[Block]:
    grid, methods = first["grid"], run.settings.methods
    text = (
        f"Each map explains the model's own top class of an image, {run.models[0]}'s, resolved once and "
        "given to every method. "
        f"All methods read the output of the last feature stage after its activation, {first['channels']} channels "
        "on a "
        f"{grid[0]} × {grid[1]} grid, and return the positive part of a weighted sum of channels, interpolated to "
        "the input "
        f"frame and scaled to [0, 1]. They differ in the weights:"
    )
    head = (
        "global average pooling and one linear layer"
        if first["linear_head"]
        else "more than pooling and one linear layer"
    )
    computed = (
        "Grad-CAM and AblationCAM are then exact closed forms and need no forward pass beyond the one that all "
        "maps share"
        if first["linear_head"]
        else "AblationCAM then reruns what follows the feature stage once for each channel that is not zero"
    )
    return [
        Heading(text="Approach"),
        Text(text=text),
        Listing(items=[DEFINITIONS[method] for method in methods]),
        Text(
            text=(
                f"The head of this network is {head}. {computed}. For ScoreCAM, channels with one mask share "
                "one pass: those active in the same single position, and all that are constant."
            )
        ),
        Facts(
            title="Settings",
            items=[
                ("Model", run.models[0]),
                ("Methods", ", ".join(LABELS[method] for method in methods)),
                ("Target class", "top-1 prediction of each image"),
                (
                    "Feature map",
                    f"{first['channels']} channels, {grid[0]} × {grid[1]}, after the last activation",
                ),
            ],
        ),
    ]


def _how_to_read(run: RunView) -> str:
    return (
        "Where a map is low the photograph shows through in grey; bright colours mark what speaks for the target "
        "class. "
        "Colours are comparable inside one map, not between maps: each is scaled to its own maximum."
    )


def _table(run: RunView, entries: list[dict[str, Any]]) -> Table:
    methods = run.settings.methods
    columns = [
        Column(key="image", label="Image"),
        Column(key="target", label="Target class"),
        Column(key="target_logit", label="Target logit", decimals=2),
        *(
            Column(
                key=f"{m}_area_above_half",
                label=f"{LABELS[m]} area",
                unit="% of frame",
                decimals=1,
                percent=True,
                headline=m == "gradcam",
            )
            for m in methods
        ),
    ]
    if "scorecam" in methods:
        columns += [
            Column(key="effective_channels", label="ScoreCAM effective channels", decimals=1),
            Column(key="forward_passes", label="ScoreCAM forward passes", decimals=0),
        ]
    rows = []
    for image, entry in zip(run.images, entries, strict=True):
        row = [
            image.name,
            image.target.name,
            entry["target_logit"],
            *(entry[m]["area_above_half"] for m in methods),
        ]
        if "scorecam" in methods:
            row += [entry["scorecam"]["effective_channels"], entry["scorecam"]["forward_passes"]]
        rows.append(row)
    return run.files.table(
        Table(
            id="cams",
            caption="Area of each map above half of its maximum, and the channels that own ScoreCAM's weights "
            "(1 / sum of squared weights).",
            columns=columns,
            rows=rows,
            row_images=[image.name for image in run.images],
        )
    )


def _measures_table(run: RunView, entries: list[dict[str, Any]]) -> Table:
    names = ("area_above_half", "gini", "total_variation", "centre_offset")
    rows: list[list[Any]] = []
    for method in run.settings.methods:
        medians = [_median([e[method][name] for e in entries]) for name in names]
        rows.append([LABELS[method], sum(not e[method]["degenerate"] for e in entries), *medians])
    height, width = run.frame(0).shape[:2]
    control = measures(centred_gaussian(height, width))
    rows.append(["Control: centred Gaussian", None, *(control[name] for name in names)])
    return run.files.table(
        Table(
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
    )


def _pairs_table(run: RunView, entries: list[dict[str, Any]]) -> list[Table]:
    linear_head = run.result("cams", 0, Result).values["linear_head"]
    rows: list[list[Any]] = []
    for a, b in combinations(run.settings.methods, 2):
        known = [p for p in (e["pairs"][pair_key(a, b)] for e in entries) if p["iou"] is not None]
        medians = [_median([p[key] for p in known]) for key in ("rank_correlation", "iou", "chance")]
        above = sum(p["iou"] > p["chance"] for p in known)
        related = "yes" if linear_head and {a, b} == {"gradcam", "ablationcam"} else "no"
        rows.append([f"{LABELS[a]} and {LABELS[b]}", len(known), *medians, above, related])
    if not rows:
        return []
    table = Table(
        id="cams-pairs",
        caption="How alike the methods' maps are: medians over images of the pixels' rank correlation and of the IoU of the "
        "parts above half of the maximum, with the IoU that parts of these areas have by chance. Related by algebra: the two "
        "are built from the same weights on this head, so that likeness is no evidence.",
        columns=[
            Column(key="pair", label="Methods"),
            Column(key="n", label="Images", decimals=0),
            Column(key="rank_correlation", label="Rank correlation", decimals=3),
            Column(key="iou", label="IoU", decimals=3),
            Column(key="chance", label="Chance", decimals=3),
            Column(key="above_chance", label="Above chance", unit="images", decimals=0),
            Column(key="related", label="Related by algebra"),
        ],
        rows=rows,
    )
    return [run.files.table(table)]


def _median(values: list[Any]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def _observations(run: RunView, entries: list[dict[str, Any]]) -> list[str]:
    methods, n = run.settings.methods, len(entries)
    areas = {m: [e[m]["area_above_half"] for e in entries if not e[m]["degenerate"]] for m in methods}
    medians = [f"{LABELS[m]} {wording.percent(float(np.median(areas[m])))}" for m in methods if areas[m]]
    items = []
    if medians:
        items.append(
            f"Median area above half of the maximum, over {wording.count(n, 'image')}: {wording.listed(medians)} "
            "of the frame."
        )
    if "scorecam" in methods:
        effective = [e["scorecam"]["effective_channels"] for e in entries]
        passes = sum(e["scorecam"]["forward_passes"] for e in entries)
        items.append(
            f"ScoreCAM's weights rest on {np.median(effective):.1f} effective channels in the median image "
            f"(from {min(effective):.1f} to {max(effective):.1f}) and took {wording.whole(passes)} forward passes over all images."
        )
    for method in methods:
        flat = [image.name for image, e in zip(run.images, entries, strict=True) if e[method]["degenerate"]]
        if flat:
            items.append(
                f"{LABELS[method]} is degenerate, with nothing left after the ReLU, on {wording.listed(flat)}."
            )
    return items


def _limits(run: RunView, first: dict[str, Any]) -> list[str]:
    limits = []
    if first["linear_head"] and {"gradcam", "ablationcam"} <= set(run.settings.methods):
        limits.append(
            "On a head of pooling and one linear layer Grad-CAM's channel weights are the layer's own weights for "
            "the class, and "
            "AblationCAM's are the same weights times the channel's mean activation. The two are related by "
            "algebra, so that "
            "their agreement is no evidence that either is right."
        )
    limits.append(
        f"A map of {first['grid'][0]} × {first['grid'][1]} cells cannot resolve outlines; the smooth edges come "
        "from interpolation. "
        "A bright region shows what raises the logit under the method's own definition, not that the model would "
        "fail without it."
    )
    return limits


def _warnings(image: ImageRecord, result: Result) -> list[Warning_]:
    found = []
    for method, label in LABELS.items():
        if result.values.get(method, {}).get("degenerate"):
            text = f"{label} is degenerate: nothing of the map is left after the ReLU, and none is drawn."
            found.append(Warning_(code="degenerate-map", text=text, image=image.name))
    logit = result.values["target_logit"]
    if logit <= 0 and "ablationcam" in result.values:
        text = (
            f"The target logit is {logit:.2f}; AblationCAM divides by it, so its map is turned around and "
            "marks what speaks against the class."
        )
        found.append(Warning_(code="negative-logit", text=text, image=image.name))
    return found
