"""The drawing of the chapter on the sanity check: what is left of each map as the weights are lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from reportgen.figures import charts, colors

from . import rules
from .checked import Checked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_MM, FURTHER_ROW_MM = 74, 52


def cascade_figure(stages: Sequence[str], methods: Sequence[Checked]) -> Figure:
    """One panel a method; ScoreCAM has only its first and last point.

    Args:
        stages: in the order in which they lose their weights.
    """
    from matplotlib.figure import Figure

    ticks = ["trained", *stages]
    columns = charts.even_columns(len(methods))
    rows = -(-len(methods) // columns)
    height = ROW_MM + FURTHER_ROW_MM * (rows - 1)
    with charts.style():
        figure = Figure(figsize=(charts.FULL_MM / 25.4, height / 25.4), layout="constrained")
        panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for number, (axes, method) in enumerate(zip(panels.flat, methods, strict=False)):
            _panel(axes, ticks, method)
            if number + columns < len(methods):  # another panel stands below, with the same stages
                axes.tick_params(labelbottom=False)
        for axes in panels.flat[len(methods) :]:
            axes.set_axis_off()
        for first in panels[:, 0]:
            first.set_ylabel("rank correlation")
        figure.supxlabel("last stage that lost its weights", fontsize=8.5)
    return figure


def _panel(axes: Axes, ticks: Sequence[str], method: Checked) -> None:
    x = np.arange(len(ticks))
    at = x[-method.correlation.shape[1] :]
    # The trained network's map correlates with itself; dotted over stages that were not computed.
    lines, at = np.insert(method.correlation, 0, 1.0, axis=1), np.insert(at, 0, 0)
    dotted = ":" if len(at) < len(x) else "-"
    axes.plot(at, lines.T, color=colors.SKY, linewidth=0.8, linestyle=dotted)
    axes.plot(at, np.median(lines, axis=0), dotted, color=colors.BLUE, linewidth=1.8, marker="o", markersize=4)
    axes.axhline(0, color=colors.MUTED, linewidth=0.6)
    axes.axhline(rules.limit(method.between_images), color=colors.VERMILLION, linestyle="--", linewidth=1)
    axes.set_title(method.label)
    axes.set_xticks(x, ticks, rotation=50, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.3, len(ticks) - 0.7)
    axes.set_ylim(-1.05, 1.05)
