"""The chapter on network dissection: for each model what its units respond to, then the models compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reportgen.analysis import wording
from reportgen.analysis.protocol import Contribution
from reportgen.report.blocks import Block, Cell, Column, Figure, Heading, Listing, Notice, Section, Table, Text
from reportgen.report.document import Warning_
from reportgen.utils.json_types import JSON

from . import charts, comparison, wordings
from .concepts import colour_term
from .findings import dissection_findings
from .labels import DissectedModel, Layer, min_margin
from .probing import DissectionRun, Probing, dissect, probe
from .works import works_behind

THUMB_PX, THUMB_GAP, THUMBS_A_ROW = 200, 12, 3
UNITS_TABLE = "dissection-units"


def reduce_dissection(run: DissectionRun) -> Contribution:
    """Label every unit, draw, and make the section."""
    probing = probe(run)
    models = list(dissect(run, probing))
    _write_units(run, models)
    blocks: list[Block] = [
        *_stamp(probing),
        *wordings.approach(run, probing, models),
        *(block for model in models for block in _model(run, probing, model)),
        *comparison.compare_models(run, probing, models),
        Heading(text="What was found"),
        Listing(role="observation", items=wordings.observations(run, probing, models)),
        Listing(role="limit", items=wordings.limits(run, probing, models)),
    ]
    section = Section(id="dissection", title="Network dissection", blocks=blocks)
    entries = [entry(run, probing, model) for model in models]
    return Contribution(
        section,
        report={"dissection": entries},
        findings=dissection_findings(probing, models),
        references=works_behind(probing.encoder.name),
        terms=("activation", "unit", "probe set", "margin"),
        warnings=_warnings(run, probing),
    )


def _stamp(probing: Probing) -> list[Block]:
    if not probing.exploratory:
        return []
    return [Notice(title="Exploratory", text=wordings.exploratory(probing))]


def _warnings(run: DissectionRun, probing: Probing) -> list[Warning_]:
    found = []
    if probing.exploratory:
        found.append(Warning_(code="exploratory-dissection", text=wordings.exploratory(probing)))
    if run.probe.skipped:
        names = wording.listed([skipped.name for skipped in run.probe.skipped])
        text = f"{wording.count(len(run.probe.skipped), 'file')} of the probe set could not be read: {names}."
        found.append(Warning_(code="probe-skipped", text=text))
    return found


# --- one model -----------------------------------------------------------------------------------


def _model(run: DissectionRun, probing: Probing, model: DissectedModel) -> list[Block]:
    slug = slug_of(model.model)
    blocks: list[Block] = [Heading(text=model.model), Text(role="observation", text=wordings.of_model(probing, model))]
    if model.counts:
        blocks += [_top_concepts(run, probing, model, slug), _histograms(run, probing, model, slug)]
    return [*blocks, *_driving_images(run, probing, model, slug)]


def slug_of(model: str) -> str:
    """A model's name as part of a file name."""
    return "".join(character if character.isalnum() or character in "_." else "-" for character in model)


def _top_concepts(run: DissectionRun, probing: Probing, model: DissectedModel, slug: str) -> Figure:
    rows = list(model.counts.items())[: charts.TOP_CONCEPTS]
    bars = wording.listed([f"{concept} {count}" for concept, count in rows], most=len(rows))
    picture = run.files.chart(
        f"figures/dissection-{slug}-top.svg",
        charts.top_concepts(model),
        alt=f"Horizontal bars, units of {model.model} by concept: {bars}.",
    )
    return Figure(
        id=f"dissection-{slug}-top",
        kind="chart",
        title=f"{model.model}: most frequent concepts",
        caption=f"The {wording.count(len(rows), 'concept')} that label most units of {model.model}, of "
        f"{len(model.counts)} that label any, over all layers. {wordings.colour_bars(model)}{wordings.n(probing)}",
        pictures=[picture],
    )


def _histograms(run: DissectionRun, probing: Probing, model: DissectedModel, slug: str) -> Figure:
    firsts = [(layer.name, *next(iter(layer.counts.items()))) for layer in model.layers if layer.counts]
    leaders = [f"{layer} {concept} ({count})" for layer, concept, count in firsts]
    picture = run.files.chart(
        f"figures/dissection-{slug}-layers.svg",
        charts.layer_histograms(model),
        alt=f"One histogram of concepts for each layer of {model.model}. Most frequent: {', '.join(leaders)}.",
    )
    return Figure(
        id=f"dissection-{slug}-layers",
        kind="chart",
        title=f"{model.model}: concepts by layer",
        caption=f"Units by concept in each layer, input side first: the {charts.TOP_IN_LAYER} most frequent concepts of the layer, "
        "above them its labelled units. "
        f"Each panel has its own scale, because layers differ in size. {wordings.colour_bars(model)}{wordings.n(probing)}",
        pictures=[picture],
    )


def _driving_images(run: DissectionRun, probing: Probing, model: DissectedModel, slug: str) -> list[Figure]:
    """For the first, the middle and the last layer, the unit whose label is surest, and the images that drive it most."""
    places = sorted({0, (len(model.layers) - 1) // 2, len(model.layers) - 1})
    layers = [model.layers[place] for place in places if model.layers[place].labelled.any()]
    if not layers:
        return []
    units = [int(np.where(layer.labelled, layer.margin, -1).argmax()) for layer in layers]
    images = [layer.strongest[:, unit] for layer, unit in zip(layers, units, strict=True)]
    pictures = []
    for layer, unit, row in zip(layers, units, images, strict=True):
        frames = [run.probe.frame(i) for i in row]
        lines = [frames[start : start + THUMBS_A_ROW] for start in range(0, len(frames), THUMBS_A_ROW)]
        shown = wording.listed([run.probe.names[i] for i in row], most=len(row))
        pictures.append(
            run.files.photo(
                f"figures/dissection-{slug}-units-{slug_of(layer.name)}.jpg",
                charts.contact_sheet(lines, THUMB_PX, THUMB_GAP),
                alt=f"The images with the largest mean activation of unit {unit} in {layer.name} of {model.model}, labelled "
                f"{layer.concepts[unit]}: {shown}.",
                label=f"{layer.name}, unit {unit}: {layer.concepts[unit]}",
            )
        )
    margins = wording.listed([f"{layer.margin[unit]:.3f}" for layer, unit in zip(layers, units, strict=True)])
    whose = wording.listed([layer.name for layer in layers])
    return [
        Figure(
            id=f"dissection-{slug}-units",
            title=f"{model.model}: images that drive a unit",
            caption="The probe images that drive a unit most, strongest first, line by line. Shown is, of "
            f"{whose}, the unit whose label leads its runner-up by most (by {margins}). {wordings.n(probing)}",
            pictures=pictures,
            columns=len(pictures),
        )
    ]


# --- data ----------------------------------------------------------------------------------------


def _write_units(run: DissectionRun, models: Sequence[DissectedModel]) -> None:
    """One row a unit, as CSV; too long a table for a page."""
    keys = (
        "model",
        "layer",
        "unit",
        "concept",
        "similarity",
        "runner_up",
        "margin",
        "labelled",
        "colour_term",
        "strongest_image",
    )
    rows: list[list[Cell]] = []
    for model in models:
        for layer in model.layers:
            rows += [_unit_row(run, model, layer, unit) for unit in range(layer.n_units)]
    run.files.table(
        Table(id=UNITS_TABLE, caption="Every unit.", columns=[Column(key=k, label=k) for k in keys], rows=rows)
    )


def _unit_row(run: DissectionRun, model: DissectedModel, layer: Layer, unit: int) -> list[Cell]:
    concept = layer.concepts[unit]
    return [
        model.model,
        layer.name,
        unit,
        concept,
        float(layer.similarity[unit]),
        layer.runners_up[unit],
        float(layer.margin[unit]),
        bool(layer.labelled[unit]),
        colour_term(concept),
        run.probe.names[layer.strongest[0, unit]],
    ]


def entry(run: DissectionRun, probing: Probing, model: DissectedModel) -> dict[str, JSON]:
    """What report.json says of one model under `dissection`."""
    settings = run.settings
    return {
        "model": model.model,
        "layers": [_layer_entry(layer) for layer in model.layers],
        "n_images": probing.n_images,
        "top_k": probing.top_k,
        "exploratory": probing.exploratory,
        "concept_set": {
            "name": probing.concepts.name,
            "size": len(probing.concepts.words),
            "sha256": probing.concepts.sha256,
        },
        "encoder": probing.encoder.name,
        "similarity": settings.similarity,
        "temperature": probing.temperature,
        "lam": settings.lam,
        "min_margin": min_margin(settings),
        "units_table": f"tables/{UNITS_TABLE}.csv",
    }


def _layer_entry(layer: Layer) -> dict[str, JSON]:
    return {
        "name": layer.name,
        "n_units": layer.n_units,
        "labelled": int(layer.labelled.sum()),
        "concepts": layer.counts,
        "distinct_concepts": len(layer.counts),
        "colour_units": layer.colour_units,
        "colour_share": layer.colour_units / layer.n_units,
        "constant_units": int(layer.constant.sum()),
        "mean_similarity": float(layer.similarity.mean()),
        "median_margin": float(sorted(layer.margin)[layer.n_units // 2]),
    }
