"""The figures of the chapter on class activation maps: an image's maps side by side, and how alike the methods are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reportgen.analysis import wording
from reportgen.analysis.run_view import RunView
from reportgen.figures import charts, colors, overlays
from reportgen.report.blocks import ColorBar, Figure
from reportgen.report.document import ImageRecord

from .methods import METHODS
from .result import CamMap, CamsResult, pair_key
from .settings import CamSettings
from .tables import median

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

PANEL_PX = 448
MOST_LISTED = 6
# Of fewer methods the table of pairs is as quickly read as a matrix.
LEAST_IN_MATRIX = 5
# A matrix of so many is as wide as the text, a larger one as the page.
MOST_IN_COLUMN = 8
# From this value on a cell is so dark that white is read more easily on it.
DARK = 0.85


def panels(run: RunView[CamSettings], position: int, image: ImageRecord, result: CamsResult, scale: str) -> Figure:
    """The photograph and every map over it.

    Args:
        scale: file of the colour scale.
    """
    frame = overlays.upscale(run.frame(position), PANEL_PX)
    pictures = [image.picture.model_copy(update={"label": "Input"})]
    for method, cam in result.maps.items():
        heat = np.clip(overlays.upscale(cam.map, PANEL_PX), 0, 1)
        pictures.append(
            run.files.photo(
                f"figures/{image.slug}-{method}.jpg",
                frame if cam.degenerate else overlays.heat_overlay(frame, heat),
                alt=_alt(cam, image),
                label=_panel_label(cam),
            )
        )
    return Figure(
        id=f"cams-{image.slug}",
        title=image.name,
        caption=f"Evidence for {image.target.name} (probability {image.prediction.probability:.2f}). {_extents(result.maps)}"
        f"{_whatever_class(result.maps)}",
        pictures=pictures,
        columns=charts.even_columns(len(pictures)),
        legend=ColorBar(title="Share of each map's maximum", file=scale, low="0", high="1"),
        image=image.name,
    )


def _whatever_class(maps: Mapping[str, CamMap]) -> str:
    """Which maps are no evidence for a class; empty where all are."""
    blind = [cam.label for method, cam in maps.items() if not METHODS[method].of_class]
    if not blind:
        return ""
    return f" {wording.listed(blind)} {'is' if len(blind) == 1 else 'are'} the same for any class."


def _panel_label(cam: CamMap) -> str:
    if cam.failure is not None:
        return f"{cam.label} (not computed)"
    return f"{cam.label} (degenerate: no map)" if cam.degenerate else cam.label


def _extents(maps: Mapping[str, CamMap]) -> str:
    """How much of the frame each map marks, the least and the most of many; empty where no method has a map."""
    areas = {cam.label: float((cam.map > 0.5).mean()) for cam in maps.values() if not cam.degenerate}
    if not areas:
        return ""
    if len(areas) > MOST_LISTED:
        least, most = min(areas, key=lambda name: areas[name]), max(areas, key=lambda name: areas[name])
        extent = f"from {wording.percent(areas[least])} ({least}) to {wording.percent(areas[most])} ({most})"
    else:
        extent = wording.listed([f"{name} {wording.percent(area)}" for name, area in areas.items()])
    return f"Above half of its maximum: {extent} of the frame."


def _alt(cam: CamMap, image: ImageRecord) -> str:
    explained = f"{cam.label} of {image.target.name} on {image.name}"
    if cam.failure is not None:
        return f"{explained} could not be computed."
    if cam.degenerate:
        return f"{explained} is degenerate: it marks no place."
    return (
        f"{explained}: above half of its maximum on {wording.percent(float((cam.map > 0.5).mean()))} of the frame, "
        f"centred at the {wording.place(cam.map)}."
    )


def likeness_figure(run: RunView[CamSettings], results: Sequence[CamsResult]) -> list[Figure]:
    """The table of pairs as a matrix, where there are so many methods that it is hard to read; else nothing."""
    labels = {method: cam.label for method, cam in results[0].maps.items()}
    if len(labels) < LEAST_IN_MATRIX:
        return []
    picture = run.files.chart(
        "figures/cams-likeness.svg",
        likeness_matrix(labels, results),
        alt=f"A matrix of {len(labels)} methods: below the diagonal the rank correlation of every two, above it the IoU.",
    )
    return [
        Figure(
            id="cams-likeness",
            kind="chart",
            caption="How alike every two methods are, medians over images: below the diagonal the rank correlation of the pixels, "
            "above it the IoU of the parts above half of the maximum.",
            pictures=[picture],
        )
    ]


def likeness_matrix(labels: Mapping[str, str], results: Sequence[CamsResult]) -> Drawing:
    """Rank correlations below the diagonal, IoU above it; blue is alike, vermillion the reverse."""
    from matplotlib.colors import LinearSegmentedColormap

    methods = list(labels)
    values = np.full((len(methods), len(methods)), np.nan)
    for i, a in enumerate(methods):
        for j in range(i):
            pairs = [result.pairs[pair_key(methods[j], a)] for result in results]
            known = (median(pair.rank_correlation for pair in pairs), median(pair.iou for pair in pairs))
            values[i, j], values[j, i] = (np.nan if value is None else value for value in known)
    with charts.style():
        width = charts.FULL_MM if len(methods) > MOST_IN_COLUMN else charts.COLUMN_MM
        figure, axes = charts.chart(width, 34 + 7 * len(methods))
        shades = LinearSegmentedColormap.from_list("likeness", [colors.VERMILLION, "white", colors.BLUE])
        axes.pcolormesh(np.ma.masked_invalid(values), cmap=shades, vmin=-1, vmax=1, edgecolors="white", linewidth=0.6)
        _write_values(axes, values)
        at = np.arange(len(methods)) + 0.5
        axes.set_xticks(at, labels.values(), rotation=50, ha="left", rotation_mode="anchor")
        axes.set_yticks(at, labels.values())
        axes.xaxis.tick_top()
        axes.invert_yaxis()
        axes.grid(False)
        axes.spines[:].set_visible(False)
    return figure


def _write_values(axes: Axes, values: np.ndarray) -> None:
    for i, j in zip(*np.nonzero(np.isfinite(values)), strict=True):
        value = values[i, j]
        color = "white" if abs(value) > DARK else colors.INK
        axes.text(
            j + 0.5, i + 0.5, f"{value:.2f}".replace("-", "−"), ha="center", va="center", fontsize=7.5, color=color
        )
