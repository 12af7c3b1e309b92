"""The table that says how far the masks of an image hold."""

from __future__ import annotations

from collections.abc import Sequence

from reportgen.analysis.run_view import RunView
from reportgen.report.blocks import Cell, Column, Table

from .measured import Measured
from .rules import STABLE_JACCARD
from .settings import LimeSettings

Run = RunView[LimeSettings]


def stability_table(run: Run, measured: Sequence[Measured]) -> list[Table]:
    number, varied = run.settings.compared, run.settings.varied
    if not number:
        return []
    over = f"{number} seeds" if varied == "seeds" else f"{number} resamples (bootstrap) of its samples"
    rows: list[list[Cell]] = []
    for image, entry in zip(run.images, measured, strict=True):
        stable = "no masks" if entry.stable is None else "stable" if entry.stable else "unstable"
        jaccard = (entry.jaccard_seeds, entry.jaccard_half_samples, entry.jaccard_half_features)
        rows.append([image.name, *jaccard, min(entry.r2_seeds), max(entry.r2_seeds), stable])
    table = Table(
        id="lime-stability",
        caption=f"How LIME's masks of an image hold over {over} (mean Jaccard index of all pairs): as they are, with half "
        f"the samples of each, and with half the features. A mask is called stable from a mean of {STABLE_JACCARD:g}.",
        detail=True,
        columns=[
            Column(key="image", label="Image"),
            Column(key="jaccard_seeds", label=f"Jaccard, {varied}", decimals=3, headline=True),
            Column(key="jaccard_half_samples", label="with half the samples", decimals=3),
            Column(key="jaccard_half_features", label="with half the features", decimals=3),
            Column(key="r2_low", label="R², lowest", decimals=3),
            Column(key="r2_high", label="R², highest", decimals=3),
            Column(key="stable", label="Verdict"),
        ],
        rows=rows,
        row_images=[image.name for image in run.images],
    )
    return [run.files.table(table)]
