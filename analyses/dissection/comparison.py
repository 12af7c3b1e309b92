"""The models compared: layer by layer, the images' own concepts, overlap, and how sure the labels are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from reportgen.analysis import wording
from reportgen.report.blocks import Block, Cell, Column, Figure, Heading, Table, Text

from . import charts, wordings
from .labels import DissectedModel, differences, jaccard, min_margin
from .probing import DissectionRun, Probing

LARGEST_DIFFERENCES = 10


def compare_models(run: DissectionRun, probing: Probing, models: Sequence[DissectedModel]) -> list[Block]:
    """Figures and tables over all models."""
    blocks: list[Block] = [
        Heading(text="Layers compared" if len(models) == 1 else "Models and layers compared"),
        _layers_chart(run, probing, models),
        _layers_table(run, probing, models),
        Heading(text="The images' own concepts"),
        Text(role="note", text=wordings.own_concepts(run)),
        _own_concepts_table(run, probing, models),
    ]
    if len(models) > 1:
        blocks += [
            Heading(text="Overlap between models"),
            _overlap_table(run, probing, models),
            *_differences_table(run, probing, models),
        ]
    return [*blocks, Heading(text="How sure the labels are"), _margins_chart(run, probing, models)]


def _layers_chart(run: DissectionRun, probing: Probing, models: Sequence[DissectedModel]) -> Figure:
    parts = [
        f"{model.model} {wording.listed([str(layer.colour_units) for layer in model.layers], most=9)} ("
        f"{wording.listed([wording.percent(layer.colour_units / layer.n_units) for layer in model.layers], most=9)})"
        for model in models
    ]
    picture = run.files.chart(
        "figures/dissection-layers.svg",
        charts.layer_comparison(models),
        alt=f"Three line charts over layers. Colour units, and their share of the layer: {'; '.join(parts)}.",
    )
    return Figure(
        id="dissection-layers",
        kind="chart",
        caption="Distinct concepts that label a unit, and units labelled with one of the eleven basic colour terms, as a count and as a "
        f"share of the layer's units. A count depends on the size of the layer, a share does not. {wordings.n(probing)}",
        pictures=[picture],
    )


def _layers_table(run: DissectionRun, probing: Probing, models: Sequence[DissectedModel]) -> Table:
    columns = [
        Column(key="model", label="Model"),
        Column(key="layer", label="Layer"),
        Column(key="units", label="Units", decimals=0),
        Column(key="labelled", label="Labelled", decimals=0),
        Column(key="distinct", label="Distinct concepts", decimals=0),
        Column(key="colour_units", label="Colour units", decimals=0),
        Column(key="colour_share", label="Colour share", unit="%", decimals=1, percent=True),
        Column(key="mean_similarity", label="Mean similarity", decimals=3),
        Column(key="median_margin", label="Median margin", decimals=3),
    ]
    rows: list[list[Cell]] = [
        [
            model.model,
            layer.name,
            layer.n_units,
            int(layer.labelled.sum()),
            len(layer.counts),
            layer.colour_units,
            layer.colour_units / layer.n_units,
            float(layer.similarity.mean()),
            float(np.median(layer.margin)),
        ]
        for model in models
        for layer in model.layers
    ]
    caption = (
        f"Each layer's units and labels. Similarity is {wordings.SIMILARITY_NAMES[run.settings.similarity]}'s value "
    )
    return run.files.table(
        Table(
            id="dissection-layers",
            caption=f"{caption}for the label, the margin its lead over the runner-up. {wordings.n(probing)}",
            columns=columns,
            rows=rows,
        )
    )


def _own_concepts_table(run: DissectionRun, probing: Probing, models: Sequence[DissectedModel]) -> Table:
    columns = [
        Column(key="class", label="Class"),
        Column(key="concept", label="Nearest concept"),
        Column(key="cosine", label="Cosine", decimals=2),
    ]
    for model in models:
        columns += [
            Column(key=f"{model.model} units", label=f"{model.model} units", decimals=0),
            Column(key=f"{model.model} rank", label="rank", decimals=0),
        ]
    rows: list[list[Cell]] = []
    for name, concept, cosine in probing.nearest_concepts():
        row: list[Cell] = [name, concept, cosine]
        for model in models:
            row += [model.counts.get(concept, 0), model.rank(concept)]
        rows.append(row)
    return run.files.table(
        Table(
            id="dissection-own-concepts",
            caption="For each class of the images, the nearest concept of the set, the units that it labels over all layers, and its "
            f"rank among the model's concepts (1 labels most units; equal counts share a rank). {wordings.n(probing)}",
            columns=columns,
            rows=rows,
        )
    )


def _overlap_table(run: DissectionRun, probing: Probing, models: Sequence[DissectedModel]) -> Table:
    """Layers are matched from the output side, where every network ends."""
    pairs = list(combinations(models, 2))
    depth = min(len(model.layers) for model in models)
    columns = [Column(key="layer", label="Layer")]
    columns += [Column(key=f"{a.model} {b.model}", label=f"{a.model}, {b.model}", decimals=2) for a, b in pairs]
    rows: list[list[Cell]] = []
    for back in range(depth, 0, -1):
        names = dict.fromkeys(model.layers[-back].name for model in models)
        rows.append([" / ".join(names), *(jaccard(a.layers[-back], b.layers[-back]) for a, b in pairs)])
    return run.files.table(
        Table(
            id="dissection-overlap",
            caption="Jaccard index of the concepts that label units in a layer of two models: concepts of both over concepts of either. "
            f"Layers are matched from the output side. {wordings.n(probing)}",
            columns=columns,
            rows=rows,
        )
    )


def _differences_table(run: DissectionRun, probing: Probing, models: Sequence[DissectedModel]) -> list[Table]:
    rows = differences(models)[:LARGEST_DIFFERENCES]
    if not rows:
        return []
    columns = [Column(key="concept", label="Concept")]
    columns += [Column(key=m.model, label=m.model, unit="% of units", decimals=1, percent=True) for m in models]
    columns.append(Column(key="difference", label="Largest difference", unit="points", decimals=1, percent=True))
    cells: list[list[Cell]] = [[concept, *shares, max(shares) - min(shares)] for concept, shares in rows]
    return [
        run.files.table(
            Table(
                id="dissection-differences",
                caption="The concepts whose shares of the models' units differ most, over all layers. "
                + wordings.n(probing),
                columns=columns,
                rows=cells,
            )
        )
    ]


def _margins_chart(run: DissectionRun, probing: Probing, models: Sequence[DissectedModel]) -> Figure:
    threshold = min_margin(run.settings)
    medians = [
        f"{model.model} {wording.listed([f'{np.median(layer.margin):.3f}' for layer in model.layers], most=9)}"
        for model in models
    ]
    picture = run.files.chart(
        "figures/dissection-margins.svg",
        charts.margins(models, threshold),
        alt=f"Margins of the labels by layer. Medians, input side first: {'; '.join(medians)}. The threshold is {threshold:g}.",
    )
    return Figure(
        id="dissection-margins",
        kind="chart",
        caption="How far the label of a unit leads its runner-up: the median (dot), the middle half of the units (thick) and 5 to 95 % "
        f"(thin). Left of the dashed line, at {threshold:g}, a unit counts as unlabelled. {wordings.n(probing)}",
        pictures=[picture],
    )
