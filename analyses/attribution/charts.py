"""The bars of the chapter: for each image the labels that carry its logit and those that speak against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reportgen.analysis import wording
from reportgen.figures import charts, colors

from .grouping import ConceptSum

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 2
PANEL_MM, TEXT_MM, LEGEND_MM = 30.0, 14.5, 7.0
LONGEST_LABEL, LONGEST_TITLE = 20, 44
# A bar takes at most this share of its side; the rest is its label's.
BAR_SHARE = 0.42


@dataclass(frozen=True)
class Panel:
    """One image: a title, the labels of either sign, and a line on what the bars leave out."""

    title: str
    positive: Sequence[ConceptSum]
    negative: Sequence[ConceptSum]
    rest: str


def concept_bars(panels: Sequence[Panel], largest: float, rows: int) -> Figure:
    """A panel an image, two a line: bars to the right speak for the class, bars to the left against it.

    Args:
        largest: the longest bar of the chapter, in logits: all panels share one scale; rows: bars of either sign.
    """
    from matplotlib.figure import Figure

    lines = -(-len(panels) // COLUMNS)
    height = lines * (PANEL_MM + TEXT_MM) + LEGEND_MM
    with charts.style():
        figure = Figure(figsize=(charts.FULL_MM / 25.4, height / 25.4), layout="constrained")
        grid = figure.subplots(lines, COLUMNS, squeeze=False).ravel()
        for axes, panel in zip(grid, panels, strict=False):
            _panel(axes, panel, largest or 1.0, rows)
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        for colour, name in ((colors.NEGATIVE, "against the class"), (colors.POSITIVE, "for the class")):
            grid[0].barh([np.nan], [np.nan], color=colour, label=name)
        handles, names = grid[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper left", ncols=2)
    return figure


def _panel(axes: Axes, panel: Panel, largest: float, rows: int) -> None:
    width = largest / BAR_SHARE
    for concepts, sign in ((panel.positive, 1), (panel.negative, -1)):
        colour = colors.POSITIVE if sign > 0 else colors.NEGATIVE
        axes.barh(range(len(concepts)), [concept.sum for concept in concepts], color=colour, height=0.72)
        for row, concept in enumerate(concepts):
            axes.text(
                concept.sum + sign * 0.015 * width,
                row,
                f"{wording.signed(concept.sum)} {_short(concept.concept, LONGEST_LABEL)}"
                if sign > 0
                else f"{_short(concept.concept, LONGEST_LABEL)} {wording.signed(concept.sum)}",
                ha="left" if sign > 0 else "right",
                va="center",
                fontsize=7,
            )
    axes.axvline(0, color=colors.MUTED, linewidth=0.6)
    axes.set_xlim(-width, width)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(_short(panel.title, LONGEST_TITLE), fontsize=8)
    axes.set_xlabel(panel.rest, fontsize=6.5, loc="left")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def strip(frames: Sequence[np.ndarray], side: int, gap: int) -> np.ndarray:
    """Square pictures side by side on white: (side, width, 3) uint8."""
    from PIL import Image

    sheet = Image.new("RGB", (len(frames) * (side + gap) - gap, side), "white")
    for place, frame in enumerate(frames):
        sheet.paste(Image.fromarray(frame).resize((side, side), Image.Resampling.LANCZOS), (place * (side + gap), 0))
    return np.asarray(sheet)
