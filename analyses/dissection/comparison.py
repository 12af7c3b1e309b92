"""The models compared: layer by layer, the images' own concepts, overlap, and how sure the labels are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from reportgen.analysis import wording
from reportgen.report.blocks import Block, Cell, Column, Figure, Heading, Table, Text

from . import charts, wordings
from .approach import SIMILARITY_NAMES, n
from .chapter import Chapter
from .labels import DissectedModel, differences, half_overlap, jaccard
from .probing import DissectionRun

LARGEST_DIFFERENCES = 10


def compare_models(chapter: Chapter) -> list[Block]:
    """Figures and tables over all models."""
    run, models = chapter.run, chapter.models
    several = any(len(model.layers) > 1 for model in models)
    title = "Models and layers compared" if len(models) > 1 else "Layers compared" if several else "The layer"
    blocks: list[Block] = [
        Heading(text=title),
        *([_layers_chart(run, models)] if several else []),
        _layers_table(run, models),
        Heading(text="The images' own concepts"),
        Text(role="note", text=wordings.own_concepts(chapter)),
        _own_concepts_table(chapter),
    ]
    if len(models) > 1:
        blocks += [
            Heading(text="Overlap between models"),
            _overlap_table(run, models),
            *_differences_table(run, models),
        ]
    sure: list[Block] = [*_sureness_chart(run, models), *_controls_table(run, models)]
    return [*blocks, Heading(text="How sure the labels are"), *sure] if sure else blocks


def over_layers(models: Sequence[DissectedModel]) -> str:
    """What counts of a model's units are taken over, where it has several layers."""
    return " over all layers" if any(len(model.layers) > 1 for model in models) else ""


def _layers_chart(run: DissectionRun, models: Sequence[DissectedModel]) -> Figure:
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
        f"share of the layer's units. A count depends on the size of the layer, a share does not. {n(models)}",
        pictures=[picture],
    )


def _layers_table(run: DissectionRun, models: Sequence[DissectedModel]) -> Table:
    columns = [
        Column(key="model", label="Model"),
        Column(key="layer", label="Layer"),
        Column(key="units", label="Units", decimals=0),
        Column(key="labelled", label="Labelled", decimals=0),
        Column(key="distinct", label="Distinct concepts", decimals=0),
        Column(key="colour_units", label="Colour units", decimals=0),
        Column(key="colour_share", label="Colour share", unit="%", decimals=1, percent=True),
        Column(key="mean_similarity", label="Mean similarity", decimals=3),
    ]
    rows: list[list[Cell]] = [
        [
            model.model,
            layer.name,
            layer.n_units,
            layer.n_labelled,
            len(layer.counts),
            layer.colour_units,
            layer.colour_units / layer.n_units,
            float(layer.similarity.mean()),
        ]
        for model in models
        for layer in model.layers
    ]
    return run.files.table(
        Table(
            id="dissection-layers",
            caption=f"Each layer's units and labels. Similarity is that of the label{_by(models)}. {n(models)}",
            columns=columns,
            rows=rows,
            detail=any(len(model.layers) > 1 for model in models),
        )
    )


def _by(models: Sequence[DissectedModel]) -> str:
    names = dict.fromkeys(SIMILARITY_NAMES[m.origin.recipe.similarity] for m in models if m.origin.recipe is not None)
    return f", by {wording.listed(list(names))}" if names else ""


def _own_concepts_table(chapter: Chapter) -> Table:
    run, models = chapter.run, chapter.models
    columns = [Column(key="class", label="Class")]
    rows: list[list[Cell]] = [[name] for name in chapter.class_names]
    shown: list[list[tuple[str, str, float]]] = []
    for model in models:
        nearest = chapter.nearest[model.model]
        if nearest not in shown:  # models with labels of another concept set have other nearest ones
            shown.append(nearest)
            key = f" {len(shown)}" if len(shown) > 1 else ""
            columns += [
                Column(key=f"concept{key}", label="Nearest concept"),
                Column(key=f"cosine{key}", label="Cosine", decimals=2),
            ]
            for row, (_, concept, cosine) in zip(rows, nearest, strict=True):
                row += [concept, cosine]
        columns += [
            Column(key=f"{model.model} units", label=f"{model.model} units", decimals=0),
            Column(key=f"{model.model} rank", label="rank", decimals=0),
        ]
        for row, (_, concept, _) in zip(rows, nearest, strict=True):
            row += [model.counts.get(concept, 0), model.rank(concept)]
    return run.files.table(
        Table(
            id="dissection-own-concepts",
            caption=f"For each class of the images, the nearest concept of the set, the units that it labels{over_layers(models)}, and its "
            f"rank among the model's concepts (1 labels most units; equal counts share a rank). {n(models)}",
            columns=columns,
            rows=rows,
        )
    )


def _overlap_table(run: DissectionRun, models: Sequence[DissectedModel]) -> Table:
    """Layers are matched from the output side, where every network ends; beside them the same by halves of the probe set."""
    pairs = list(combinations(models, 2))
    depth = min(len(model.layers) for model in models)
    between = [[half_overlap(a.layers[-back], b.layers[-back]) for a, b in pairs] for back in range(depth, 0, -1)]
    within = [[half_overlap(m.layers[-back], m.layers[-back]) for m in models] for back in range(depth, 0, -1)]
    halved = any(value is not None for row in between for value in row)
    columns = [Column(key="layer", label="Layer")]
    columns += [Column(key=f"{a.model} {b.model}", label=f"{a.model}, {b.model}", decimals=2) for a, b in pairs]
    if halved:
        columns += [
            Column(key="two_models_by_halves", label="two models, by halves", decimals=2),
            Column(key="one_model_by_halves", label="one model, by halves", decimals=2),
        ]
    rows: list[list[Cell]] = []
    for place, back in enumerate(range(depth, 0, -1)):
        names = dict.fromkeys(model.layers[-back].name for model in models)
        row: list[Cell] = [" / ".join(names), *(jaccard(a.layers[-back], b.layers[-back]) for a, b in pairs)]
        rows.append([*row, _mean(between[place]), _mean(within[place])] if halved else row)
    control = (
        " By halves, either side is labelled by another half of the probe set, and shares no image with the other: the mean over pairs "
        "of models, and, as control, over the models, each with itself."
        if halved
        else ""
    )
    return run.files.table(
        Table(
            id="dissection-overlap",
            caption="Jaccard index of the concepts that label units in a layer of two models: concepts of both over concepts of either. "
            f"Layers are matched from the output side.{control} {n(models)}",
            columns=columns,
            rows=rows,
        )
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _differences_table(run: DissectionRun, models: Sequence[DissectedModel]) -> list[Table]:
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
                caption="The concepts whose shares of the models' units differ most, over all layers. " + n(models),
                columns=columns,
                rows=cells,
                detail=True,
            )
        )
    ]


# --- how sure ------------------------------------------------------------------------------------


def _sureness_chart(run: DissectionRun, models: Sequence[DissectedModel]) -> list[Figure]:
    """The similarity of the labels beside what shuffled activations reach; with a threshold on the margin, that one's."""
    recipes = [model.origin.recipe for model in models]
    least = next((r.min_margin for r in recipes if r is not None and r.min_margin is not None), None)
    if least is not None:
        drawn = [model for model in models if all(layer.margin is not None for layer in model.layers)]
        spreads = {
            m.model: [charts.Spread(x.name, x.margin, least) for x in m.layers if x.margin is not None] for m in drawn
        }
        what, axis, name = "How far the label of a unit leads its runner-up", "margin", "dissection-margins"
        below = f"Left of the dashed line, at {least:g}, a unit counts as unlabelled."
    else:
        drawn = [model for model in models if any(layer.control is not None for layer in model.layers)]
        spreads = {
            m.model: [
                charts.Spread(x.name, x.lift, None if x.control is None else x.control.lift)
                for x in m.layers
                if x.lift is not None
            ]
            for m in drawn
        }
        what, axis, name = "How well the label of a unit fits", "similarity", "dissection-similarity"
        below = (
            "The mark is what 95 of 100 units with shuffled activations stay under with their best concept: left of it a unit counts as "
            "unlabelled."
        )
    if not drawn:
        return []
    medians = [
        f"{model} {wording.listed([f'{one.median:.3f}' for one in layers], most=9)}"
        for model, layers in spreads.items()
    ]
    limits = [
        f"{model} {wording.listed([f'{one.threshold:.3f}' for one in layers if one.threshold is not None] or ['none'], most=9)}"
        for model, layers in spreads.items()
    ]
    picture = run.files.chart(
        f"figures/{name}.svg",
        charts.sureness(spreads, axis),
        alt=f"The {axis} of the labels by layer. Medians over all units, input side first: {'; '.join(medians)}. "
        f"Thresholds: {'; '.join(limits)}.",
    )
    caption = f"{what}, over all units of a layer: the median (dot), the middle half (thick) and 5 to 95 % (thin). {below} {n(drawn)}"
    return [Figure(id=name, kind="chart", caption=caption, pictures=[picture])]


def _controls_table(run: DissectionRun, models: Sequence[DissectedModel]) -> list[Table]:
    rows: list[list[Cell]] = []
    for model in models:
        for layer in model.layers:
            if layer.control is None:
                continue
            agree, chance = layer.agreement or (None, None)
            threshold, lead = layer.control.lift, layer.control.margin
            shares: list[Cell] = [layer.share_beyond, layer.median_margin, lead, agree, chance]
            rows.append([model.model, layer.name, threshold, *shares])
    if not rows:
        return []
    columns = [
        Column(key="model", label="Model"),
        Column(key="layer", label="Layer"),
        Column(key="shuffled_similarity", label="Similarity, shuffled", decimals=3),
        Column(key="share_beyond", label="Units beyond", unit="%", decimals=1, percent=True),
        Column(key="median_margin", label="Median margin", decimals=3),
        Column(key="shuffled_margin", label="Margin, shuffled", decimals=3),
        Column(key="halves_agree", label="Halves agree", unit="%", decimals=1, percent=True),
        Column(key="halves_by_chance", label="by chance", unit="%", decimals=1, percent=True),
    ]
    draws = min(layer.control.draws for model in models for layer in model.layers if layer.control is not None)
    caption = (
        f"Controls. At least {wording.whole(draws)} units of a layer with activations shuffled over the images: the similarity to their "
        "best concept that 95 % of them stay under, the share of the layer's units that fit their label better (of shuffled ones 5 %, by "
        "construction), the median margin over all units of the layer, labelled or not, and the margin that 95 % of the shuffled stay "
        "under. Of the labelled units, the share to which two halves of the probe set give the same label, and that share where labels "
        f"fall on units at random. {n(models)}"
    )
    return [run.files.table(Table(id="dissection-controls", caption=caption, columns=columns, rows=rows, detail=True))]
