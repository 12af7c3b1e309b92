"""The figures of the chapter on faithfulness: the curves of every map, a few maps to a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reportgen.analysis import wording
from reportgen.analysis.run_view import RunView
from reportgen.figures import charts
from reportgen.report.blocks import Figure

from .charts import ROWS, curves_figure
from .findings import in_a_sentence
from .result import FaithfulnessResult
from .score_table import ScoreTable
from .settings import FaithfulnessSettings

# Maps in a figure; more stand in further figures, as many in each as can be.
ACROSS = 5

# By measure and map, (images, steps + 1) probabilities.
Curves = Mapping[str, Mapping[str, np.ndarray]]


def curve_figures(run: RunView[FaithfulnessSettings], positions: Sequence[int], table: ScoreTable) -> list[Figure]:
    """The curves of every explanation beside those of the best control, over the images at these positions."""
    n = len(positions)
    of_images = [run.result("faithfulness", position, FaithfulnessResult).curves for position in positions]
    curves = {m: {name: np.stack([of[m][name] for of in of_images]) for name in table.labels} for m in ROWS}
    names = list(table.explanations)
    across = charts.even_columns(len(names), ACROSS)
    caption = (
        f"Deletion (the lower the better) and insertion (the higher the better) over {wording.count(n, 'image')}. "
        f"Best control: {_rivals(table)}."
    )
    figures = []
    for part, start in enumerate(range(0, len(names), across), 1):
        shown = names[start : start + across]
        name = "faithfulness-curves" + (f"-{part}" if part > 1 else "")
        picture = run.files.chart(
            f"figures/{name}.svg",
            curves_figure(curves, {of: table.labels[of] for of in shown}, table.rivals, across),
            alt=_alt(curves, shown, table, n),
        )
        which = "" if len(shown) == len(names) else f" Maps {start + 1} to {start + len(shown)} of {len(names)}."
        figures.append(Figure(id=name, kind="chart", caption=f"{caption}{which}", pictures=[picture]))
    return figures


def _rivals(table: ScoreTable) -> str:
    controls = {m: in_a_sentence(rival, table.labels) for m, rival in table.rivals.items()}
    if len(set(controls.values())) == 1:
        return f"{controls['deletion']} in both"
    return " and ".join(f"{control} in {m}" for m, control in controls.items())


def _alt(curves: Curves, shown: Sequence[str], table: ScoreTable, n: int) -> str:
    said = "; ".join(_halfway(curves[m], [*shown, table.rivals[m]], table.labels, m) for m in ROWS)
    return (
        f"Deletion and insertion curves, means over {wording.count(n, 'image')}. Probability with half of the pixels "
        f"removed or brought back: {said}."
    )


def _halfway(curves: Mapping[str, np.ndarray], names: Sequence[str], labels: Mapping[str, str], measure: str) -> str:
    means = [f"{labels[name]} {curves[name][:, curves[name].shape[1] // 2].mean():.2f}" for name in names]
    return f"{measure}, {wording.listed(means, most=len(means))}"
