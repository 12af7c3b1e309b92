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
PANEL_MM, TEXT_MM, LINE_MM, LEGEND_MM = 27.0, 12.5, 3.0, 7.0
# Of a panel's width each side keeps so much for the labels of its bars; the bars share the rest.
LABEL_MM, WIDTH_MM, GAP_MM = 29.0, 80.0, 0.8
LABEL_PT, TITLE_PT, REST_PT = 7.0, 8.0, 6.5
RELATED = "*"
PALE = 0.35


@dataclass(frozen=True)
class Panel:
    """One image: a title, the labels of either sign, and a line on what the bars leave out.

    Attributes:
        related: labels that are related to the class; they carry an asterisk.
    """

    title: str
    positive: Sequence[ConceptSum]
    negative: Sequence[ConceptSum]
    rest: str
    related: frozenset[str] = frozenset()


def concept_bars(panels: Sequence[Panel], rows: int, *, chance: bool) -> Figure:
    """A panel an image, two a line: bars to the right speak for the class, bars to the left against it.

    Args:
        rows: bars of either sign.
        chance: whether some labels fit no better than chance: their part of a bar is pale.
    """
    from matplotlib.figure import Figure

    lines = -(-len(panels) // COLUMNS)
    rests = [_wrapped(panel.rest) for panel in panels]
    further = max(rest.count("\n") for rest in rests)
    height = lines * (PANEL_MM + TEXT_MM + further * LINE_MM) + LEGEND_MM
    with charts.style():
        figure = Figure(figsize=(charts.FULL_MM / 25.4, height / 25.4), layout="constrained")
        grid = figure.subplots(lines, COLUMNS, squeeze=False).ravel()
        for axes, panel, rest in zip(grid, panels, rests, strict=False):
            _panel(axes, panel, rest, rows)
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        for colour, name in ((colors.NEGATIVE, "against the class"), (colors.POSITIVE, "for the class")):
            grid[0].barh([np.nan], [np.nan], color=colour, label=name)
        if chance:
            grid[0].barh([np.nan], [np.nan], color=colors.MUTED, alpha=PALE, label="label no better than chance")
        handles, names = grid[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper left", ncols=3)
    return figure


def _panel(axes: Axes, panel: Panel, rest: str, rows: int) -> None:
    left, right = (max((abs(c.sum) for c in of), default=0.0) for of in (panel.negative, panel.positive))
    a_mm = (left + right or 1.0) / (WIDTH_MM - 2 * LABEL_MM)
    for concepts, sign in ((panel.positive, 1), (panel.negative, -1)):
        colour = colors.POSITIVE if sign > 0 else colors.NEGATIVE
        places = range(len(concepts))
        axes.barh(places, [concept.sum for concept in concepts], color=colour, height=0.72, alpha=PALE, lw=0)
        axes.barh(places, [_solid(concept) for concept in concepts], color=colour, height=0.72, lw=0)
        for row, concept in enumerate(concepts):
            axes.text(
                concept.sum + sign * GAP_MM * a_mm,
                row,
                _label(concept, sign, concept.concept in panel.related),
                ha="left" if sign > 0 else "right",
                va="center",
                fontsize=LABEL_PT,
            )
    axes.axvline(0, color=colors.MUTED, linewidth=0.6)
    axes.set_xlim(-left - LABEL_MM * a_mm, right + LABEL_MM * a_mm)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(_short(panel.title, WIDTH_MM, TITLE_PT, weight=600), fontsize=TITLE_PT)
    axes.set_xlabel(rest, fontsize=REST_PT, loc="left")


def _solid(concept: ConceptSum) -> float:
    """The part of a bar that is due to units whose label fits better than chance: of its sign, and no longer than it."""
    return float(np.clip(concept.standing, min(concept.sum, 0.0), max(concept.sum, 0.0)))


def _label(concept: ConceptSum, sign: int, related: bool) -> str:
    """As wide as its side of the panel at most."""
    value = wording.signed(concept.sum, 2 if abs(concept.sum) >= 0.005 else 3)
    mark = RELATED if related else ""
    left = LABEL_MM - GAP_MM - charts.text_mm(f"{value} {mark}", LABEL_PT)
    name = _short(concept.concept, left, LABEL_PT) + mark
    return f"{value} {name}" if sign > 0 else f"{name} {value}"


def _short(text: str, most_mm: float, size: float, weight: int = 400) -> str:
    """The text, or as much of its beginning as is no wider."""
    for kept in range(len(text), 0, -1):
        shown = text if kept == len(text) else f"{text[:kept].rstrip()}…"
        if charts.text_mm(shown, size, weight) <= most_mm:
            return shown
    return "…"


def _wrapped(rest: str) -> str:
    """The parts of what the bars leave out, in as few lines as a panel is wide enough for."""
    lines = [""]
    for part in rest.split("; "):
        longer = f"{lines[-1]}; {part}" if lines[-1] else part
        if charts.text_mm(longer, REST_PT) <= WIDTH_MM or not lines[-1]:
            lines[-1] = longer
        else:
            lines[-1] += ";"
            lines.append(part)
    return "\n".join(lines)
