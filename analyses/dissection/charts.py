"""The drawings of the chapter on network dissection. Each takes what was found and returns a matplotlib figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reportgen.analysis import wording
from reportgen.figures import charts, colors

from .concepts import colour_term
from .labels import DissectedModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOP_CONCEPTS, TOP_IN_LAYER = 15, 6
# Under so many bars the axis and the legend would need more height than the bars.
LEAST_BARS = 4
PANELS_A_ROW = 3
LONGEST_LABEL = 22
MARKERS = "osD^v"


def top_concepts(model: DissectedModel) -> Figure:
    """One bar a concept, most units first; a bar's label and its length come from one row."""
    rows = list(model.counts.items())[:TOP_CONCEPTS]
    with charts.style():
        room = max(len(rows), LEAST_BARS)
        figure, axes = charts.chart(charts.FULL_MM, 10 + 3.8 * room)
        _bars(axes, rows, least=room)
        axes.set_xlabel(f"labelled units of {wording.whole(model.n_units)} in {len(model.layers)} layers")
        if any(colour_term(concept) for concept, _ in rows):
            for colour, name in ((colors.BLUE, "concept"), (colors.ORANGE, "colour term")):
                axes.barh([np.nan], [np.nan], color=colour, label=name)
            axes.legend(loc="lower right")
    return figure


def layer_histograms(model: DissectedModel) -> Figure:
    """Small multiples: for each layer the concepts that label most of its units."""
    columns = min(PANELS_A_ROW, len(model.layers))
    lines = -(-len(model.layers) // columns)
    with charts.style():
        room = max(min(len(layer.counts), TOP_IN_LAYER) for layer in model.layers)
        figure, panels = _grid(lines, columns, (6 + 3.1 * room) * lines)
        for panel, layer in zip(panels, model.layers, strict=False):
            _bars(panel, list(layer.counts.items())[:TOP_IN_LAYER], least=room)
            # Each bar carries its count, and the panels have no scale in common: an axis would only take room.
            panel.set_xticks([])
            panel.spines["bottom"].set_visible(False)
            panel.set_title(
                f"{layer.name}: {wording.whole(int(layer.labelled.sum()))} of {wording.whole(layer.n_units)} units"
            )
        for panel in panels[len(model.layers) :]:
            panel.set_axis_off()
    return figure


def _bars(axes: Axes, rows: Sequence[tuple[str, int]], least: int = 1) -> None:
    """Horizontal bars, the first on top; `least` rows of height are kept free, so that panels share one bar width."""
    from matplotlib.ticker import MaxNLocator

    positions = np.arange(len(rows))
    colours = [colors.ORANGE if colour_term(concept) else colors.BLUE for concept, _ in rows]
    drawn = axes.barh(positions, [count for _, count in rows], color=colours, height=0.7)
    axes.bar_label(drawn, padding=2, fontsize=7)
    axes.set_yticks(positions, [short(concept) for concept, _ in rows])
    axes.set_ylim(max(len(rows), least) - 0.4, -0.6)
    axes.set_xlim(0, max((count for _, count in rows), default=1) * 1.14)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")


def short(concept: str) -> str:
    """A concept as an axis shows it."""
    return concept if len(concept) <= LONGEST_LABEL else f"{concept[: LONGEST_LABEL - 1]}…"


def layer_comparison(models: Sequence[DissectedModel]) -> Figure:
    """Distinct concepts, colour units and their share, layer by layer, a line a model."""
    from matplotlib.ticker import MaxNLocator

    with charts.style():
        figure, panels = _grid(1, 3, 56)
        for place, model in enumerate(models):
            layers = model.layers
            # A small shift to the side: models that agree would hide one another.
            x = np.arange(1, len(layers) + 1) + 0.09 * (place - (len(models) - 1) / 2)
            colour, marker = colors.PALETTE[place % len(colors.PALETTE)], MARKERS[place % len(MARKERS)]
            distinct, colours = [len(layer.counts) for layer in layers], [layer.colour_units for layer in layers]
            shares = [100 * layer.colour_units / layer.n_units for layer in layers]
            series: tuple[Sequence[float], ...] = (distinct, colours, shares)
            for panel, values in zip(panels, series, strict=True):
                panel.plot(x, values, color=colour, marker=marker, label=model.model, clip_on=False)
        titles = ("Distinct concepts", "Colour units", "Colour units, % of the layer")
        deepest = max(len(model.layers) for model in models)
        for panel, title in zip(panels, titles, strict=True):
            panel.set_title(title)
            panel.set_xticks(range(1, deepest + 1))
            panel.set_xlabel("layer, input side first")
            panel.set_ylim(0, max(1.0, panel.dataLim.y1) * 1.1)
            panel.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper left", ncols=3)
    return figure


@dataclass(frozen=True)
class Spread:
    """One layer's values, (units,), and where a unit begins to count; None where there is no such place."""

    layer: str
    values: np.ndarray
    threshold: float | None

    @property
    def median(self) -> float:
        return float(np.median(self.values))


def sureness(models: Mapping[str, Sequence[Spread]], axis: str) -> Figure:
    """By model and layer the middle half, 5 to 95 %, and the median of values, with the threshold of the layer.

    Args:
        axis: what the values are.
    """
    columns = min(PANELS_A_ROW, len(models))
    lines = -(-len(models) // columns)
    deepest = max(len(layers) for layers in models.values())
    every = [layer for layers in models.values() for layer in layers]
    with charts.style():
        figure, panels = _grid(lines, columns, lines * (20 + 6 * deepest))
        ends = [float(np.quantile(layer.values, q)) for layer in every for q in (0.05, 0.95)]
        ends += [layer.threshold for layer in every if layer.threshold is not None]
        low, high = min(0.0, *ends), max(ends)
        for panel, (model, layers) in zip(panels, models.items(), strict=False):
            _spreads(panel, layers)
            panel.set_xlim(low, low + (high - low) * 1.06 or 1)
            panel.set_title(model)
            panel.set_xlabel(axis)
        for panel in panels[len(models) :]:
            panel.set_axis_off()
    return figure


def _spreads(panel: Axes, layers: Sequence[Spread]) -> None:
    for position, layer in enumerate(layers):
        low, lower, middle, upper, high = np.quantile(layer.values, (0.05, 0.25, 0.5, 0.75, 0.95))
        panel.plot([low, high], [position] * 2, color=colors.BLUE, linewidth=1.2)
        panel.plot([lower, upper], [position] * 2, color=colors.BLUE, linewidth=5, solid_capstyle="butt")
        panel.plot([middle], [position], "o", color="white", markeredgecolor=colors.INK, markersize=4.5)
        if layer.threshold is not None:
            ends = [position - 0.42, position + 0.42]
            panel.plot([layer.threshold] * 2, ends, color=colors.VERMILLION, linewidth=1.4, linestyle=(0, (3, 1)))
    panel.set_yticks(range(len(layers)), [layer.layer for layer in layers])
    panel.set_ylim(len(layers) - 0.5, -0.5)
    panel.grid(True, axis="x")
    panel.grid(False, axis="y")


def _grid(lines: int, columns: int, height_mm: float) -> tuple[Figure, list[Axes]]:
    """Panels across the page, in reading order; call inside `charts.style()`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(charts.FULL_MM / 25.4, height_mm / 25.4), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False)
    return figure, list(panels.ravel())
