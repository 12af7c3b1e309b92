"""Which labels stand for a model: a file of the user's, the table that comes along, or those that this run makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from reportgen.utils.errors import UsageError
from reportgen.utils.untrusted_files import is_file, user_path

from .label_file import LabelFile, read_label_file
from .labels import DissectedModel, Layer
from .probing import DissectionRun, with_margin
from .recipe import Origin, Recipe
from .settings import OWN, REFERENCE, DissectionSettings
from .shipped import TABLES, shipped_labels

# What has to be the same for two recipes to ask the same question; in words.
ASKED = {
    "encoder_identity": "the concept encoder",
    "concepts_sha256": "the concept set",
    "similarity": "the similarity",
    "temperature": "the temperature",
    "lam": "lambda",
}


def given_file(settings: DissectionSettings) -> LabelFile | None:
    """The user's file of labels, where the settings name one.

    Raises:
        UsageError: it is missing, or something is wrong with it.
    """
    if settings.labels in (None, OWN, REFERENCE):
        return None
    path = user_path(str(settings.labels))
    if not is_file(path):
        raise UsageError(
            f"{path}: no such file of labels; dissection.labels takes {REFERENCE}, {OWN}, or a file's path"
        )
    return read_label_file(path)


def require_fit(file: LabelFile, model: str, weights: str, units: Mapping[str, int]) -> None:
    """Whether the labels are those of a model.

    Args:
        units: by dissected layer its number of units.

    Raises:
        UsageError: the file was made for other weights, names none of the layers, or another number of units.
    """
    made = file.recipe
    if made is not None and made.weights_sha256 != weights:
        raise UsageError(
            f"{file.name}: labels of {made.model} with weights {made.weights_sha256[:16]}…; this run's are {weights[:16]}…"
        )
    shared = [layer for layer in units if layer in file.layers]
    if not shared:
        raise UsageError(
            f"{file.name}: names none of the layers of {model} ({', '.join(units)}), but {', '.join(list(file.layers)[:6])}"
        )
    for layer in shared:
        if file.layers[layer].n_units != units[layer]:
            raise UsageError(
                f"{file.name}: {file.layers[layer].n_units} units in {layer}, where {model} has {units[layer]}"
            )


def labelled_models(run: DissectionRun, computed: Mapping[str, DissectedModel]) -> list[DissectedModel]:
    """By model of the run the labels that its chapter is about, each with where they come from.

    Args:
        computed: by model the labels that this run made.

    Raises:
        UsageError: the user's file does not fit.
    """
    file = given_file(run.settings)
    owner = None if file is None else file_owner(file, run.models, run.explained[0])
    models = []
    for model in run.models:
        made = computed[model]
        if file is not None and model == owner:
            models.append(_from_file(run, file, made, "file"))
            continue
        table, why = _reference(run, made)
        if table is not None:
            models.append(_from_file(run, table, made, "reference"))
        else:
            models.append(replace(made, origin=replace(made.origin, notes=tuple([why] if why else ()))))
    return models


def file_owner(file: LabelFile, models: Sequence[str], explained: str) -> str:
    """The model that a file is about; one that names none is about the explained model, of several the first.

    Raises:
        UsageError: it is about a model that is not in the run.
    """
    owner = file.owner(explained)
    if owner not in models:
        named = "" if file.recipe is not None else "names no model, and so is about the one explained: "
        raise UsageError(
            f"{file.name}: {named}labels of {owner}, which is not among the models of this run ({', '.join(models)})"
        )
    return owner


def _reference(run: DissectionRun, computed: DissectedModel) -> tuple[LabelFile | None, str]:
    """The table that comes along, or why it does not stand, in a sentence (empty where nobody asked for it)."""
    model, mine = computed.model, computed.origin.recipe
    if run.settings.labels in (None, OWN) or run.has_probe or mine is None:
        return None, ""
    table = shipped_labels(model)
    if table is None or table.recipe is None:
        damaged = model in TABLES
        why = "was changed since it was made, and is not read" if damaged else "comes with reportgen"
        subject = "The table of labels that comes with reportgen" if damaged else "No table of labels"
        return None, (
            f"{subject} for {model} {why}: its units are labelled on the images of this run. reportgen dissect makes a table on a folder "
            "of many images, and dissection.labels takes it; --probe labels them in the run."
        )
    if table.recipe.weights_sha256 != mine.weights_sha256:
        return None, (
            f"The table of labels that comes with reportgen is of other weights of {model} than this run's: its units are labelled on "
            f"the images of this run."
        )
    other = [words for key, words in ASKED.items() if getattr(table.recipe, key) != getattr(mine, key)]
    if other:
        return None, (
            f"The settings ask otherwise than the table of labels that comes with reportgen for {model} ({' and '.join(other)}): its "
            f"units are labelled on the images of this run."
        )
    return table, ""


def _from_file(
    run: DissectionRun, file: LabelFile, computed: DissectedModel, kind: Literal["reference", "file"]
) -> DissectedModel:
    model, units = computed.model, {layer.name: layer.n_units for layer in computed.layers}
    require_fit(file, model, run.weights[model], units)
    min_margin = run.settings.min_margin
    layers = [file.layers[stage] for stage in units if stage in file.layers]
    notes = []
    absent = [stage for stage in units if stage not in file.layers]
    if absent:
        notes.append(f"{file.name} names no unit of {', '.join(absent)}: left out here.")
    made = file.recipe
    if made is not None and min_margin is not None:
        layers = [with_margin(layer, min_margin) for layer in layers]
        made = made.model_copy(update={"min_margin": min_margin})
    return DissectedModel(model, tuple(layers), Origin(kind, made, file.name, file.sha256, tuple(notes)))


def same_question(a: Recipe | None, b: Recipe | None) -> bool:
    """Whether two recipes differ in the model alone, so that their labels can be compared half by half."""
    if a is None or b is None:
        return False
    keys = (*ASKED, "probe_sha256", "seed", "top_k")
    return all(getattr(a, key) == getattr(b, key) for key in keys)


def words_of(layers: Sequence[Layer]) -> tuple[str, ...]:
    """Every concept that the layers name, once, in order."""
    return tuple(dict.fromkeys(concept for layer in layers for concept in layer.concepts))
