"""The drawing of the chapter on faithfulness: deletion and insertion curves as small multiples."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from reportgen.figures import charts, colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Below and above the band lies a tenth of the images each.
BAND = (0.1, 0.9)
# A longer title takes a second line: of five panels each is 30 mm wide.
TITLE_CHARACTERS = 18
ROWS = {"deletion": "Deletion", "insertion": "Insertion"}


def curves_figure(
    curves: Mapping[str, Mapping[str, np.ndarray]], names: Mapping[str, str], rivals: Mapping[str, str], columns: int
) -> Figure:
    """One row a measure, one column a map; the best control and the random map in every panel.

    Args:
        curves: by measure and map, (images, steps + 1) probabilities.
        names: the maps to draw, with their labels; rivals: the best control of each measure.
        columns: at least as many as there are maps; the rest stays empty, so that panels of several figures are as wide.
    """
    from matplotlib.figure import Figure

    with charts.style():
        figure = Figure(figsize=(charts.FULL_MM / 25.4, 104 / 25.4), layout="constrained")
        grid = figure.subplots(len(ROWS), columns, sharex=True, sharey=True, squeeze=False)
        for row, measure in zip(grid, ROWS, strict=True):
            for axes, name in zip(row, names, strict=False):
                _panel(axes, curves[measure], name, rivals[measure])
            row[0].set_ylabel(f"{ROWS[measure]}:\nprobability")
            for axes in row[len(names) :]:
                axes.set_axis_off()
        for axes, label in zip(grid[0], names.values(), strict=False):
            axes.set_title(fill(label, TITLE_CHARACTERS, break_on_hyphens=False), fontsize=8.5)
        figure.supxlabel("share of the frame's pixels removed (deletion) or brought back (insertion)", fontsize=8.5)
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=4)
    return figure


def _panel(axes: Axes, curves: Mapping[str, np.ndarray], name: str, rival: str) -> None:
    own = curves[name]
    x = np.linspace(0, 1, own.shape[1])
    low, high = np.quantile(own, BAND, axis=0)
    axes.fill_between(x, low, high, color=colors.SKY, alpha=0.35, linewidth=0, label="middle 80 % of images")
    if rival != "random":
        axes.plot(x, curves["random"].mean(axis=0), color=colors.MUTED, linestyle=":", label="random map, mean")
    axes.plot(x, curves[rival].mean(axis=0), color=colors.VERMILLION, linestyle="--", label="best control, mean")
    axes.plot(x, own.mean(axis=0), color=colors.BLUE, linewidth=1.8, label="this map, mean")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    axes.set_yticks(np.linspace(0, 1, 6))  # whatever the height that titles leave
