"""The pictures of the comparison: likeness image by image, and maps side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reportgen.analysis import wording
from reportgen.analysis.run_view import AnyRun
from reportgen.figures import charts, colors, overlays
from reportgen.images.names import slugs
from reportgen.report.blocks import ColorBar, Figure, Picture

from ..cams.result import CamsResult
from .measured import GRADCAM, Compared

PANEL_PX = 448
# So many images are shown side by side at most.
MOST_PICTURED = 6
# Where all models agree, so many stand for the images on which their maps are least alike.
LEAST_ALIKE = 3


def likeness_chart(run: AnyRun, found: Compared, id: str) -> list[Figure]:
    """IoU of every image beside the level of other images, largest first; nothing without maps."""
    known = [(image.name, like) for image, like in zip(found.images[0], found.alike.images, strict=True) if like]
    if not known:
        return []
    ordered = sorted(known, key=lambda item: (-item[1].iou, item[0]))
    shown = charts.both_ends(ordered)
    first, second = found.models
    with charts.style():
        figure, axes = charts.chart(charts.FULL_MM, 22 + 6.5 * len(shown))
        y = np.arange(len(shown))
        axes.barh(y, [like.iou for _, like in shown], color=colors.BLUE, height=0.62, label="same image", zorder=2)
        levels = [np.nan if like.other_iou is None else like.other_iou for _, like in shown]
        if not np.isnan(levels).all():
            axes.plot(levels, y, "|", color=colors.ORANGE, ms=13, mew=2.6, label="other images, mean", zorder=4)
        charts.bar_chart_of_images(axes, [name for name, _ in shown])
        axes.set_xlabel(f"IoU of the Grad-CAM maps of {first} and {second}")
        figure.legend(loc="outside upper left", ncols=2)
    (best, high), (worst, low) = shown[0], shown[-1]
    alt = (
        f"Bars of the IoU of {first}'s and {second}'s Grad-CAM maps for {wording.count(len(shown), 'image')}, from {best} "
        f"({high.iou:.3f}) to {worst} ({low.iou:.3f})."
    )
    left_out = (
        ""
        if len(shown) == len(ordered)
        else f" Shown: the {charts.MOST_BARS // 2} largest and smallest of {len(ordered)}."
    )
    caption = f"How far the Grad-CAM maps of {first} and {second} overlap on each image, and how far maps of different images do.{left_out}"
    picture = run.files.chart(f"figures/{id}-iou.svg", figure, alt=alt)
    return [Figure(id=f"{id}-iou", kind="chart", caption=caption, pictures=[picture])]


def chosen(run: AnyRun, pairs: Sequence[Compared]) -> tuple[list[int], bool]:
    """Which images are shown side by side, and whether that is because the models name different classes on them.

    Among the images that have figures, copies apart: those on which not all models name one class; where there is none, the images on which
    the maps are least alike.
    """
    shown = [i for i in run.observations if run.images[i].name in run.shown.images]
    differ = [i for i in shown if not all(pair.same_class[i] for pair in pairs)]
    if differ:
        return differ[:MOST_PICTURED], True
    lowest = {i: min((like.iou for pair in pairs if (like := pair.alike.images[i])), default=None) for i in shown}
    known = [(iou, i) for i, iou in lowest.items() if iou is not None]
    return [i for _, i in sorted(known)[:LEAST_ALIKE]], False


def side_by_side(run: AnyRun, positions: Sequence[int]) -> list[Figure]:
    """For each image the photograph and every model's Grad-CAM for its own class."""
    if not positions:
        return []
    scale = run.files.photo("figures/heat-scale.jpg", overlays.color_bar(), alt="").file
    names = slugs(run.explained)
    figures = []
    for position in positions:
        image = run.images[position]
        pictures = [image.picture.model_copy(update={"label": f"Input of {run.explained[0]}"})]
        pictures += [_panel(run, position, model, names[model]) for model in run.explained]
        figures.append(
            Figure(
                id=f"comparison-{image.slug}",
                title=image.name,
                caption=f"Grad-CAM of each model for its own class. {_labelled(run, position)}",
                pictures=pictures,
                columns=charts.even_columns(len(pictures)),
                legend=ColorBar(title="Share of each map's maximum", file=scale, low="0", high="1"),
            )
        )
    return figures


def _labelled(run: AnyRun, position: int) -> str:
    label = run.images[position].label
    if label is None:
        return "The image has no label."
    right = [model for model in run.explained if run.images_of(model)[position].correct]
    said = f"named so by {wording.listed(right, most=len(right))}" if right else "named so by none of them"
    return f"Its label is {label.name}, {said}."


def _panel(run: AnyRun, position: int, model: str, slug: str) -> Picture:
    record = run.images_of(model)[position]
    cam = run.result("cams", position, CamsResult, model).maps[GRADCAM]
    frame = overlays.upscale(run.frame(position, model), PANEL_PX)
    heat = np.clip(overlays.upscale(cam.map, PANEL_PX), 0, 1)
    probability = f"{record.target.name}, {record.prediction.probability:.2f}"
    where = "it marks no place" if cam.degenerate else f"its centre of mass at the {wording.place(cam.map)}"
    return run.files.photo(
        f"figures/{record.slug}-compared-{slug}.jpg",
        frame if cam.degenerate else overlays.heat_overlay(frame, heat),
        alt=f"Grad-CAM of {model} for {record.target.name} on {record.name}: {where}.",
        label=f"{model}: {probability}" + (" (degenerate: no map)" if cam.degenerate else ""),
    )
