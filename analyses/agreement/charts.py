"""The charts of the agreement chapter; each alt text is computed from what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reportgen.analysis import wording
from reportgen.analysis.run_view import RunView
from reportgen.analysis.stats import spearman
from reportgen.figures import charts, colors
from reportgen.report.blocks import Figure
from reportgen.report.document import ImageRecord

from .findings import COMPLEXITY
from .other_images import Compared
from .overlap import THRESHOLDS
from .settings import AgreementSettings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

Run = RunView[AgreementSettings]
Rows = Sequence[tuple[ImageRecord, Compared]]
# Past this many a line each is a smear, and a heavy file: the range of the middle 80 % says more.
MOST_LINES = 40


@dataclass(frozen=True)
class Bar:
    """The bar of one image: IoU, what knows nothing of it (other images, a centred Gaussian), ceiling, and the range over LIME's masks."""

    name: str
    iou: float
    other: float | None
    gaussian: float
    ceiling: float
    low: float
    high: float


def _bars(rows: Rows) -> list[Bar]:
    """One bar for each image that has an IoU."""
    bars = []
    for image, compared in rows:
        e = compared.masks
        if e.iou is not None and e.iou_gaussian is not None and e.ceiling is not None:
            seeds = [iou for iou in e.iou_seeds if iou is not None]
            bars.append(Bar(image.name, e.iou, compared.iou_other, e.iou_gaussian, e.ceiling, min(seeds), max(seeds)))
    return bars


def iou_bars(run: Run, rows: Rows) -> list[Figure]:
    """IoU of each image, largest first, with the IoU of others and of a Gaussian, the ceiling, and the range over LIME's masks."""
    bars = _bars(rows)
    if not bars:
        return []
    shown = charts.both_ends(bars)
    with charts.style():
        figure, axes = charts.chart(charts.FULL_MM, 20 + 6.5 * len(shown))
        _draw_bars(axes, shown)
        figure.legend(loc="outside upper left", ncols=5)
    best, worst = shown[0], shown[-1]
    alt = f"Bars of IoU for {wording.count(len(shown), 'image')}, from {_in_alt(best)} to {_in_alt(worst)}."
    left_out = (
        "" if len(shown) == len(bars) else f" Shown: the {charts.MOST_BARS // 2} largest and smallest of {len(bars)}."
    )
    caption = (
        "IoU of each image. What knows nothing of it: the mean IoU with the masks of other images, and LIME's mask with a centred Gaussian "
        "of Grad-CAM's area. The ceiling is the most that masks of these areas can reach; thin lines: the range over LIME's "
        f"masks of the same image.{left_out}"
    )
    return [_chart_figure(run, "agreement-iou", figure, alt, caption)]


def _in_alt(bar: Bar) -> str:
    other = "" if bar.other is None else f", other images {bar.other:.3f}"
    return f"{bar.name} ({bar.iou:.3f}{other}, Gaussian {bar.gaussian:.3f})"


def _draw_bars(axes: Axes, shown: Sequence[Bar]) -> None:
    iou, low, high = (np.array([getattr(bar, key) for bar in shown]) for key in ("iou", "low", "high"))
    y = np.arange(len(shown))
    axes.barh(y, iou, color=colors.BLUE, height=0.62, label="IoU", zorder=2)
    if (high > low).any():
        axes.errorbar(
            iou,
            y,
            xerr=[iou - low, high - iou],
            fmt="none",
            ecolor="black",
            capsize=2.5,
            lw=1,
            label="range over LIME's masks",
            zorder=3,
        )
    other = [np.nan if bar.other is None else bar.other for bar in shown]
    if not np.isnan(other).all():
        axes.plot(other, y, "|", color=colors.ORANGE, ms=13, mew=2.6, label="other images", zorder=4)
    gaussian, ceiling = [bar.gaussian for bar in shown], [bar.ceiling for bar in shown]
    axes.plot(gaussian, y, "o", color="white", mec=colors.INK, mew=1.1, ms=5.5, label="centred Gaussian", zorder=4)
    axes.plot(ceiling, y, "d", color=colors.MUTED, ms=5, label="ceiling for these areas", zorder=4)
    charts.bar_chart_of_images(axes, [bar.name for bar in shown])
    axes.set_xlabel("IoU of Grad-CAM's and LIME's masks")


def threshold_curves(run: Run, rows: Rows) -> list[Figure]:
    """IoU when Grad-CAM's mask holds all pixels from a share of the map's maximum on."""
    curves = np.array([[np.nan if v is None else v for v in e.masks.iou_by_threshold] for _, e in rows])
    chances = np.array([[np.nan if v is None else v for v in e.masks.chance_by_threshold] for _, e in rows])
    if np.isnan(curves).all():
        return []
    mean, chance = np.nanmean(curves, axis=0), np.nanmean(chances, axis=0)
    at = int(np.nanargmax(mean))
    with charts.style():
        figure, axes = charts.chart(charts.FULL_MM, 62)
        if len(curves) <= MOST_LINES:
            axes.plot(THRESHOLDS, curves.T, color=colors.SKY, lw=0.7, alpha=0.7, zorder=2)
            axes.plot([], [], color=colors.SKY, lw=0.7, label="one image")
        else:
            low, high = np.nanquantile(curves, (0.1, 0.9), axis=0)
            axes.fill_between(THRESHOLDS, low, high, color=colors.SKY, alpha=0.5, lw=0, label="middle 80 % of images")
        axes.plot(THRESHOLDS, mean, color=colors.BLUE, lw=2.2, label="mean", zorder=4)
        axes.plot(
            THRESHOLDS, chance, color=colors.ORANGE, lw=2, ls="--", label="mean chance level of the areas", zorder=3
        )
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_xlabel("Grad-CAM's mask: pixels from this share of the map's maximum")
        axes.set_ylabel("IoU with LIME's mask")
        figure.legend(loc="outside upper left", ncols=3)
    alt = (
        f"IoU against the threshold of Grad-CAM's mask for {wording.count(len(rows), 'image')}: the mean is largest, {mean[at]:.3f}, at "
        f"{THRESHOLDS[at]:.2f} of the maximum, where chance is {chance[at]:.3f}."
    )
    caption = (
        f"How the IoU depends on the threshold. The mean is largest at {THRESHOLDS[at]:.2f} of the maximum ({mean[at]:.3f}; chance "
        f"{chance[at]:.3f}); a threshold chosen after looking at this curve would flatter the agreement."
    )
    return [_chart_figure(run, "agreement-thresholds", figure, alt, caption)]


def complexity_scatter(run: Run, rows: Rows) -> list[Figure]:
    """IoU against each computed complexity, one panel each."""
    known = [(e.masks.iou, e.masks.complexity) for _, e in rows if e.masks.iou is not None]
    if len(known) < 3:
        return []
    from matplotlib.figure import Figure as Canvas

    iou = [iou for iou, _ in known]
    drawn = charts.points(len(known))
    said = []
    with charts.style():
        canvas = Canvas(figsize=(charts.FULL_MM / 25.4, 58 / 25.4), layout="constrained")
        panels = canvas.subplots(1, len(COMPLEXITY), sharey=True)
        for axes, (words, of) in zip(panels, COMPLEXITY.values(), strict=True):
            values = [of(complexity) for _, complexity in known]
            found = spearman(iou, values)
            rho = (
                "rho undefined"
                if found.rho is None or found.p is None
                else f"rho {wording.signed(found.rho)}, {wording.probability(found.p)}"
            )
            axes.plot(
                [values[i] for i in drawn],
                [iou[i] for i in drawn],
                "o",
                color=colors.BLUE,
                ms=4.5,
                mec="white",
                mew=0.5,
            )
            axes.set_xlabel(words)
            axes.set_title(rho, loc="left")
            axes.set_ylim(0, 1)
            axes.margins(x=0.12)
            said.append(f"{words} {rho}")
        panels[0].set_ylabel("IoU")
    alt = f"IoU against complexity for {wording.count(len(known), 'image')}: {'; '.join(said)}."
    caption = (
        "IoU against three measures of how complex an image is. Above each panel: Spearman's rho and its permutation p, "
        f"before any correction for several tests (n = {len(known)})."
    )
    if len(drawn) < len(known):
        caption += f" Points: {len(drawn)} of them, drawn at random."
    return [_chart_figure(run, "agreement-complexity-plot", canvas, alt, caption)]


def _chart_figure(run: Run, name: str, drawn: Canvas, alt: str, caption: str) -> Figure:
    picture = run.files.chart(f"figures/{name}.svg", drawn, alt=alt)
    return Figure(id=name, kind="chart", caption=caption, pictures=[picture])
