"""What was done: how units came by their labels, with the settings in force."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reportgen.analysis import wording
from reportgen.report.blocks import Block, Facts, Heading, Notice, Text

from .chapter import Chapter
from .concepts import COLOURS, colour_term
from .labels import DissectedModel
from .recipe import EXPLORATORY, Origin, Recipe
from .settings import POINTWISE

SIMILARITY_NAMES = {
    "softwpmi": "softWPMI",
    "wpmi": "WPMI",
    "rank_reorder": "rank reorder",
    "cosine": "the cosine",
    "cosine_cubed": "the cubed cosine",
}


def n(models: Sequence[DissectedModel]) -> str:
    """The size of the probe set behind the labels, as every caption says it."""
    by_size: dict[int | None, list[str]] = {}
    for model in models:
        by_size.setdefault(model.origin.n_images, []).append(model.model)
    if len(by_size) == 1:
        return f"{_n(next(iter(by_size)))}."
    return f"{wording.listed([f'{_n(size)} for {wording.listed(names)}' for size, names in by_size.items()])}."


def _n(size: int | None) -> str:
    return "N not stated by the file" if size is None else f"N = {wording.count(size, 'probe image')}"


def exploratory(recipe: Recipe, *, lifted: bool = True) -> str:
    """What it means that the probe set is small, and, unless other labels stand, what lifts the stamp."""
    k, size = recipe.top_k, recipe.probe_images
    if size == k:
        shared = (
            f"every unit is described by the same {wording.count(k, 'image')}, and units differ only in the order in which they rank "
            "them: a label says which of these images drives the unit most, in the words of that image"
        )
    else:
        shared = (
            f"a unit is described by the {k} images that drive it most, more than a tenth of all, so that units share most of them: "
            "labels lean towards what is frequent in this probe set"
        )
    text = (
        f"With N = {size} probe images and K = {k}, {shared}. Counts and ranks describe this probe set; they are no evidence "
        "of what the units detect in general."
    )
    if not lifted:
        return text
    return (
        f"{text} A probe set of at least {EXPLORATORY} K images (--probe), or a file of labels made on "
        "one (reportgen dissect), lifts this stamp."
    )


def exploratory_text(chapter: Chapter) -> str:
    """The same of the first model whose labels rest on few images; empty where there is none."""
    recipes = [model.origin.recipe for model in chapter.exploratory]
    return exploratory(recipes[0]) if recipes and recipes[0] is not None else ""


def stamp(chapter: Chapter) -> list[Block]:
    """What a reader must not miss: labels that decide nothing, and tables that do not apply."""
    blocks: list[Block] = []
    text = exploratory_text(chapter)
    if text:
        whose = "" if not chapter.decisive else f" ({wording.listed([m.model for m in chapter.exploratory])})"
        blocks.append(Notice(title=f"Exploratory{whose}", text=text))
    notes = dict.fromkeys(note for model in chapter.models for note in model.origin.notes)
    return [*blocks, *(Text(role="note", text=note) for note in notes)]


def approach(chapter: Chapter) -> list[Block]:
    """What was done, and the settings in force."""
    models = chapter.models
    stages = [(f"Layers of {model.model}", ", ".join(layer.name for layer in model.layers)) for model in models]
    return [
        Heading(text="Approach"),
        Text(text=_text(chapter)),
        Facts(title="Settings", items=[*_sources(models), *_settings(chapter), *stages]),
    ]


def _text(chapter: Chapter) -> str:
    models = chapter.models
    stated = [model.origin.recipe for model in models if model.origin.recipe is not None]
    probes = {"probe": "a probe set of its own", "images": "the images of this run"}.get(
        models[0].origin.kind, "a probe set"
    )
    names = wording.listed([model.model for model in models])
    several = any(len(model.layers) > 1 for model in models)
    read = f"the last stages of {names}" if several else f"the last feature map of {names}"
    sentences = [
        "CLIP-Dissect (Oikarinen and Weng, 2023) asks of each unit which word describes the images that drive it. "
        f"Over {probes} the activations of every unit, averaged over positions, are collected from {read}, "
        "in one forward pass an image and model."
    ]
    if stated:
        sentences.append(
            f"The concept encoder, {stated[0].encoder_title}, puts images and words into one space; a unit's label is the concept whose "
            f"cosines with the images fit the unit's activations best by {SIMILARITY_NAMES[stated[0].similarity]}. Units are scored a "
            "layer at a time."
        )
    if any(recipe.min_margin is None for recipe in stated):
        sentences.append(
            "A unit counts as labelled where its label fits better than the best concept of 95 in 100 units whose activations were "
            "shuffled over the images."
        )
    if chapter.given:
        sentences.append(
            f"The labels of {wording.listed([model.model for model in chapter.given])} were not made from the images of this report: they "
            "are meant to say what the units respond to in general, as far as the controls below bear that out. "
            + ("What these images drive, and what" if chapter.driven else "What")
            + " their own labels would be, follows after."
        )
    return " ".join(sentences)


def _sources(models: Sequence[DissectedModel]) -> list[tuple[str, str]]:
    by_origin: dict[str, list[str]] = {}
    for model in models:
        by_origin.setdefault(_source(model.origin), []).append(model.model)
    return [(f"Labels of {wording.listed(names)}", source) for source, names in by_origin.items()]


def _source(origin: Origin) -> str:
    size = _n(origin.n_images) if origin.recipe is not None else "it does not say how they were made"
    file = "" if origin.computed or origin.kind == "reference" else f" (SHA-256 {origin.sha256[:16]}…)"
    return f"{origin.words}{file}; {size}"


def _settings(chapter: Chapter) -> list[tuple[str, str]]:
    """Of the labels that the chapter is about; of the first model's where they differ."""
    recipe = next((model.origin.recipe for model in chapter.models if model.origin.recipe is not None), None)
    if recipe is None:
        return []
    dropped = chapter.probing.concepts.dropped
    repeated = f", {wording.count(dropped, 'repeated line')} dropped" if dropped else ""
    items = [
        (
            "Concept set",
            f"{recipe.concepts}: {wording.whole(recipe.concepts_size)} concepts{repeated}; SHA-256 {recipe.concepts_sha256[:16]}…",
        ),
        ("Encoder", recipe.encoder_title),
        ("Similarity", definition(recipe)),
    ]
    if recipe.concepts_sha256 == chapter.probing.concepts.sha256:
        colours = sum(colour_term(word) is not None for word in chapter.probing.concepts.words)
        items.append(("Colour terms", f"{', '.join(COLOURS)} (gray counts as grey); {colours} in the concept set"))
    items.append(("Unlabelled", f"{unlabelled(recipe)}; or the same activation on every image"))
    return items


def definition(recipe: Recipe) -> str:
    """The similarity with its constants."""
    name = SIMILARITY_NAMES[recipe.similarity]
    if recipe.similarity not in POINTWISE:
        return name
    return f"{name}, K = {recipe.top_k} images, a = {recipe.temperature:g}, λ = {recipe.lam:g}"


def unlabelled(recipe: Recipe) -> str:
    """Which units count as unlabelled."""
    if recipe.min_margin is None:
        return "similarity to the label, against units with shuffled activations, no larger than what 95 % of these reach with their best"
    share = (
        f", a label less than {wording.percent(np.expm1(recipe.min_margin))} likelier"
        if recipe.similarity in POINTWISE
        else ""
    )
    return f"margin to the runner-up under {recipe.min_margin:g}{share}"
