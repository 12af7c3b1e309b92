"""The chapter on network dissection: for each model what its units respond to, then the models compared."""

from __future__ import annotations

import numpy as np

from reportgen.analysis import wording
from reportgen.analysis.protocol import Contribution
from reportgen.figures import overlays
from reportgen.report.blocks import Block, Cell, Column, Figure, Heading, Listing, Section, Table
from reportgen.report.document import Warning_
from reportgen.utils.json_types import JSON

from . import charts, comparison, wordings
from .approach import approach, exploratory_text, n, stamp
from .chapter import Chapter, chapter
from .concepts import colour_term
from .driven import driven
from .findings import dissection_findings
from .labelling import STRONGEST
from .labels import DissectedModel, Layer
from .probing import DissectionRun
from .result import SharedLabels, UnitLabels
from .these_images import driven_entry, driven_units, own_labels
from .works import works_behind

THUMB_PX, THUMB_GAP, THUMBS_A_ROW = 200, 12, 3
UNITS_TABLE = "dissection-units"


def reduce_dissection(run: DissectionRun) -> Contribution:
    """Label every unit, draw, and make the section."""
    found = chapter(run)
    _write_units(found)
    blocks: list[Block] = [
        *stamp(found),
        Listing(
            role="observation",
            items=[*(wordings.of_model(model) for model in found.models), *wordings.observations(found)],
        ),
        Heading(text="What units respond to"),
        *(block for model in found.models for block in _model(found, model)),
        *driven_units(found),
        *comparison.compare_models(found),
        *own_labels(found),
        Listing(role="limit", items=wordings.limits(found)),
        *approach(found),
    ]
    section = Section(id="dissection", title="Network dissection", blocks=blocks)
    return Contribution(
        section,
        report={"dissection": [entry(found, model) for model in found.models]},
        findings=dissection_findings(found),
        references=works_behind(found.probing.encoder.name),
        terms=("activation", "unit", "probe set", "margin"),
        warnings=_warnings(found),
        shared=SharedLabels(
            tuple(labels for model in found.models if (labels := unit_labels(found, model)) is not None)
        ),
    )


def unit_labels(found: Chapter, model: DissectedModel) -> UnitLabels | None:
    """What the last dissected stage of a model is labelled with; None where a file leaves that stage out."""
    last, recipe = model.layers[-1], model.origin.recipe
    if last.name != found.computed[model.model].layers[-1].name:
        return None
    return UnitLabels(
        model=model.model,
        layer=last.name,
        concepts=tuple(c if yes else None for c, yes in zip(last.concepts, last.labelled, strict=True)),
        best=tuple(None if flat else c for c, flat in zip(last.concepts, last.constant, strict=True)),
        n_images=model.origin.n_images,
        source=model.origin.words,
        encoder="" if recipe is None else recipe.encoder,
        exploratory=model.origin.exploratory,
        own_images=model.origin.kind == "images",
    )


def _warnings(found: Chapter) -> list[Warning_]:
    run, warnings = found.run, []
    stamped = exploratory_text(found)
    if stamped:
        warnings.append(
            Warning_(
                code="exploratory-dissection", name="Few probe images: labels of units are exploratory", text=stamped
            )
        )
    weak = wordings.hardly_hold(found.decisive)
    if weak:
        warnings.append(Warning_(code="labels-hardly-hold", name="Labels of units hardly hold", text=weak))
    if run.probe.skipped:
        names = wording.listed([skipped.name for skipped in run.probe.skipped])
        text = f"{wording.count(len(run.probe.skipped), 'file')} of the probe set could not be read: {names}."
        warnings.append(Warning_(code="probe-skipped", name="Probe images that could not be read", text=text))
    return warnings


# --- one model -----------------------------------------------------------------------------------


def _model(found: Chapter, model: DissectedModel) -> list[Block]:
    slug = slug_of(model.model)
    blocks: list[Block] = []
    if model.counts:
        blocks.append(_top_concepts(found.run, model, slug))
    if model.counts and len(model.layers) > 1:
        blocks.append(_histograms(found.run, model, slug))
    return [*blocks, *(_images_of_driven(found, model, slug) or _driving_images(found, model, slug))]


def slug_of(model: str) -> str:
    """A model's name as part of a file name."""
    return "".join(character if character.isalnum() or character in "_." else "-" for character in model)


def _top_concepts(run: DissectionRun, model: DissectedModel, slug: str) -> Figure:
    rows, over = list(model.counts.items())[: charts.TOP_CONCEPTS], comparison.over_layers([model])
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
        f"{len(model.counts)} that label any{over and f',{over}'}. {wordings.colour_bars(model)}{n([model])}",
        pictures=[picture],
        detail=len(model.layers) > 1,  # the histograms by layer and the chapter's first sentences say as much
    )


def _histograms(run: DissectionRun, model: DissectedModel, slug: str) -> Figure:
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
        f"Each panel has its own scale, because layers differ in size. {wordings.colour_bars(model)}{n([model])}",
        pictures=[picture],
    )


def _driving_images(found: Chapter, model: DissectedModel, slug: str) -> list[Figure]:
    """For the first, the middle and the last layer, the unit whose label fits best, and the images that drive it most."""
    made = {layer.name: layer for layer in found.computed[model.model].layers}
    shown = []
    for layer in _three(model):
        unit = int(np.where(layer.labelled, layer.similarity, -np.inf).argmax())
        shown.append((layer, unit, [found.probing.images[i] for i in made[layer.name].strongest[:, unit]]))
    if not shown:
        return []
    images = "probe images" if model.origin.computed or found.run.has_probe else "images of this run"
    caption = (
        f"The {images} that drive a unit most, strongest first, line by line. Shown is, of {_names(shown)}, the unit whose label "
        f"fits best. {n([model])}"
    )
    return _units_figure(found, model, slug, shown, caption)


def _images_of_driven(found: Chapter, model: DissectedModel, slug: str) -> list[Figure]:
    """For the same layers, the labelled unit that one of this run's images drives furthest, and the images in its order."""
    shown, reached = [], []
    for under in driven(found.run, model, _three(model)):
        layer = under.layer
        z = np.where(layer.labelled, under.z, -np.inf)
        unit = int(z.max(axis=0).argmax())
        order = np.argsort(-under.z[:, unit], kind="stable")[:STRONGEST]
        shown.append((layer, unit, [int(i) for i in order]))
        reached.append(wording.signed(float(under.z[order[0], unit]), 1))
    if not shown:
        return []
    caption = (
        "The images of this run that drive a unit most, strongest first, line by line. Shown is, of "
        f"{_names(shown)}, the labelled unit that one of them drives furthest above its mean over the probe set (by "
        f"{wording.listed(reached)} standard deviations); its label comes from the probe set. {n([model])}"
    )
    return _units_figure(found, model, slug, shown, caption)


Shown = list[tuple[Layer, int, list[int]]]


def _three(model: DissectedModel) -> list[Layer]:
    """The first, the middle and the last layer, those with a labelled unit."""
    places = sorted({0, (len(model.layers) - 1) // 2, len(model.layers) - 1})
    return [model.layers[place] for place in places if model.layers[place].labelled.any()]


def _names(shown: Shown) -> str:
    return wording.listed([layer.name for layer, _, _ in shown])


def _units_figure(found: Chapter, model: DissectedModel, slug: str, shown: Shown, caption: str) -> list[Figure]:
    """Layers with a unit each, and positions of images in the probe set, the strongest first."""
    probe, pictures = found.run.probe, []
    for layer, unit, row in shown:
        frames = [probe.frame(i) for i in row]
        lines = [frames[start : start + THUMBS_A_ROW] for start in range(0, len(frames), THUMBS_A_ROW)]
        names = wording.listed([probe.names[i] for i in row], most=len(row))
        pictures.append(
            found.run.files.photo(
                f"figures/dissection-{slug}-units-{slug_of(layer.name)}.jpg",
                overlays.contact_sheet(lines, THUMB_PX, THUMB_GAP),
                alt=f"The images with the largest mean activation of unit {unit} in {layer.name} of {model.model}, labelled "
                f"{layer.concepts[unit]}: {names}.",
                label=f"{layer.name}, unit {unit}: {layer.concepts[unit]}",
            )
        )
    if not pictures:
        return []
    title = f"{model.model}: images that drive a unit"
    return [
        Figure(
            id=f"dissection-{slug}-units",
            title=title,
            caption=caption,
            pictures=pictures,
            columns=len(pictures),
            detail=model.model != found.models[0].model,
        )
    ]


# --- data ----------------------------------------------------------------------------------------


def _write_units(found: Chapter) -> None:
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
        "halves_agree",
        "colour_term",
        "strongest_image",
        "concept_of_these_images",
    )
    rows: list[list[Cell]] = []
    for model in found.models:
        made = {layer.name: layer for layer in found.computed[model.model].layers}
        for layer in model.layers:
            rows += [_unit_row(found, model.model, layer, made[layer.name], unit) for unit in range(layer.n_units)]
    found.run.files.table(
        Table(id=UNITS_TABLE, caption="Every unit.", columns=[Column(key=k, label=k) for k in keys], rows=rows)
    )


def _unit_row(found: Chapter, model: str, layer: Layer, made: Layer, unit: int) -> list[Cell]:
    """`made` is the same layer as this run's images label it."""
    concept = layer.concepts[unit]
    return [
        model,
        layer.name,
        unit,
        concept,
        float(layer.similarity[unit]),
        None if layer.runners_up is None else layer.runners_up[unit],
        None if layer.margin is None else float(layer.margin[unit]),
        bool(layer.labelled[unit]),
        None if layer.halves is None else bool(layer.halves.agree[unit]),
        colour_term(concept),
        found.run.probe.names[found.probing.images[made.strongest[0, unit]]],
        made.concepts[unit],
    ]


def entry(found: Chapter, model: DissectedModel) -> dict[str, JSON]:
    """What report.json says of one model under `dissection`; `own` are the labels of the run's images where others stand."""
    made = found.computed[model.model]
    own = None if model.origin.computed else _labels_entry(made)
    return {
        "model": model.model,
        **_labels_entry(model),
        "driven": driven_entry(found.driven.get(model.model), found.run.observations),
        "own": own,
        "units_table": f"tables/{UNITS_TABLE}.csv",
    }


def _labels_entry(model: DissectedModel) -> dict[str, JSON]:
    origin, recipe = model.origin, model.origin.recipe
    stated: dict[str, JSON] = {
        key: None if recipe is None else getattr(recipe, key)
        for key in ("top_k", "encoder", "similarity", "temperature", "lam", "min_margin")
    }
    return {
        "layers": [_layer_entry(layer) for layer in model.layers],
        "n_images": origin.n_images,
        "exploratory": origin.exploratory,
        "concept_set": None
        if recipe is None
        else {"name": recipe.concepts, "size": recipe.concepts_size, "sha256": recipe.concepts_sha256},
        **stated,
        "labels": {
            "source": origin.kind,
            "file": origin.file or None,
            "sha256": origin.sha256 or None,
            "n_images": origin.n_images,
            "probe_sha256": None if recipe is None else recipe.probe_sha256,
            "weights_sha256": None if recipe is None else recipe.weights_sha256,
            "notes": list(origin.notes),
        },
    }


def _layer_entry(layer: Layer) -> dict[str, JSON]:
    control, agreement = layer.control, layer.agreement or (None, None)
    return {
        "name": layer.name,
        "n_units": layer.n_units,
        "labelled": layer.n_labelled,
        "concepts": layer.counts,
        "distinct_concepts": len(layer.counts),
        "colour_units": layer.colour_units,
        "colour_share": layer.colour_units / layer.n_units,
        "constant_units": int(layer.constant.sum()),
        "mean_similarity": float(layer.similarity.mean()),
        # Over all units of the layer, labelled or not.
        "median_margin": layer.median_margin,
        "control": None
        if control is None
        else {
            "draws": control.draws,
            "similarity": control.lift,
            "margin": control.margin,
            "share_beyond": layer.share_beyond,
        },
        "halves_agree": agreement[0],
        "halves_agree_by_chance": agreement[1],
    }
