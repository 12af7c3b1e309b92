"""Every sentence of the chapter on network dissection, made from what was found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reportgen.analysis import wording
from reportgen.report.blocks import Block, Facts, Heading, Text

from .concepts import COLOURS, colour_term
from .labels import DissectedModel, differences, jaccard, min_margin
from .probing import EXPLORATORY, DissectionRun, Probing

SIMILARITY_NAMES = {
    "softwpmi": "softWPMI",
    "wpmi": "WPMI",
    "rank_reorder": "rank reorder",
    "cosine": "the cosine",
    "cosine_cubed": "the cubed cosine",
}
_POINTWISE = ("softwpmi", "wpmi")


def n(probing: Probing) -> str:
    """The size of the probe set, as every caption says it."""
    return f"N = {probing.n_images} probe {'image' if probing.n_images == 1 else 'images'}."


def exploratory(probing: Probing) -> str:
    """What it means that the probe set is small."""
    k = probing.top_k
    if probing.n_images == k:
        shared = (
            f"every unit is described by the same {wording.count(k, 'image')}, and units differ only in the order in which they rank "
            "them: a label says which of these images drives the unit most, in the words of that image"
        )
    else:
        shared = (
            f"a unit is described by the {k} images that drive it most, a tenth of all or more, so that units share most of them: "
            "labels lean towards what is frequent in this probe set"
        )
    return (
        f"With N = {probing.n_images} probe images and K = {k}, {shared}. Counts and ranks describe this probe set; they are no evidence "
        f"of what the units detect in general. A probe set of more than {EXPLORATORY} K images (--probe) lifts this stamp."
    )


def approach(run: DissectionRun, probing: Probing, models: Sequence[DissectedModel]) -> list[Block]:
    """What was done, and the settings in force."""
    settings = run.settings
    own = not run.has_probe
    probes = "the images of this run" if own else "a probe set of its own"
    text = (
        f"CLIP-Dissect (Oikarinen and Weng, 2023) asks of each unit which word describes the images that drive it. Over {probes} "
        f"the activations of every unit, averaged over positions, are collected from the last stages of "
        f"{wording.listed([model.model for model in models])}, after their activation functions, in one forward pass an image and model. "
        f"The concept encoder, {probing.encoder.title}, puts images and words into one space; a unit's label is the concept whose cosines "
        f"with the images fit the unit's activations best by {SIMILARITY_NAMES[settings.similarity]}. Units are scored a layer at a time."
    )
    stages = [(model.model, ", ".join(layer.name for layer in model.layers)) for model in models]
    return [
        Heading(text="Approach"),
        Text(text=text),
        Facts(
            title="Settings",
            items=[*_settings(run, probing), *((f"Layers of {name}", layers) for name, layers in stages)],
        ),
    ]


def _settings(run: DissectionRun, probing: Probing) -> list[tuple[str, str]]:
    settings, concepts = run.settings, probing.concepts
    dropped = f", {wording.count(concepts.dropped, 'repeated line')} dropped" if concepts.dropped else ""
    items = [
        (
            "Probe set",
            f"{wording.count(probing.n_images, 'image')}" + ("" if not run.has_probe else " of --probe"),
        ),
        (
            "Concept set",
            f"{concepts.name}: {wording.whole(len(concepts.words))} concepts{dropped}; SHA-256 {concepts.sha256[:16]}…",
        ),
        ("Encoder", probing.encoder.title),
        ("Similarity", _definition(run, probing)),
    ]
    colours = sum(colour_term(word) is not None for word in concepts.words)
    items.append(("Colour terms", f"{', '.join(COLOURS)} (gray counts as grey); {colours} in the concept set"))
    threshold = min_margin(settings)
    share = (
        f", a label less than {wording.percent(np.expm1(threshold))} likelier"
        if settings.similarity in _POINTWISE
        else ""
    )
    items.append(
        ("Unlabelled", f"margin to the runner-up under {threshold:g}{share}; or the same activation on every image")
    )
    return items


def _definition(run: DissectionRun, probing: Probing) -> str:
    settings = run.settings
    name = SIMILARITY_NAMES[settings.similarity]
    if settings.similarity not in _POINTWISE:
        return name
    return f"{name}, K = {probing.top_k} images, a = {probing.temperature:g}, λ = {settings.lam:g}"


def of_model(probing: Probing, model: DissectedModel) -> str:
    """One paragraph on one model."""
    size = (
        f"{model.model}: {wording.whole(model.n_units)} units in {len(model.layers)} layers, "
        f"{wording.whole(model.labelled)} of them labelled"
    )
    if not model.counts:
        return f"{size}. No label leads its runner-up by enough. {n(probing)}"
    first, *others = list(model.counts.items())[:4]
    # Not "the most frequent one": two concepts may label as many units.
    names = wording.listed([_units(*first, model), *(f"{concept} ({count})" for concept, count in others)])
    are = "are" if others else "is"
    return f"{size}, with {wording.count(len(model.counts), 'distinct concept')}. Most frequent {are} {names}. {n(probing)}"


def _units(concept: str, count: int, model: DissectedModel) -> str:
    return f"{concept} ({wording.count(count, 'unit')}, {wording.percent(count / model.n_units)} of all)"


def colour_bars(model: DissectedModel) -> str:
    """What the second colour of the bars means, where there is one."""
    return "Orange bars are colour terms. " if any(layer.colour_units for layer in model.layers) else ""


def own_concepts(run: DissectionRun) -> str:
    """What the table of the images' own concepts is about."""
    labelled = sum(image.label is not None for image in run.images)
    source = {
        len(run.images): "their labels",
        0: "the model's own predictions, because no labels are known",
    }.get(labelled, f"their labels for {labelled} and the model's own predictions for {len(run.images) - labelled}")
    return (
        f"The classes of the images, {source}, each with the concept whose embedding is nearest to the class name, and how "
        "many units carry that concept."
    )


# --- observations --------------------------------------------------------------------------------


def observations(run: DissectionRun, probing: Probing, models: Sequence[DissectedModel]) -> list[str]:
    """What this run measured; every sentence with its numbers and N."""
    items = [*_leading(probing, models), *_colours(models), *_own(probing, models), *_image_words(probing, models)]
    if len(models) > 1:
        items += _overlaps(models)
    return [*items, *_unlabelled(run, models)]


def _leading(probing: Probing, models: Sequence[DissectedModel]) -> list[str]:
    leaders = []
    for model in models:
        if model.counts:
            concept, count = next(iter(model.counts.items()))
            leaders.append(f"{concept} for {model.model} ({wording.percent(count / model.n_units)} of its units)")
    return [f"The concept that labels most units: {wording.listed(leaders)}. {n(probing)}"] if leaders else []


def _colours(models: Sequence[DissectedModel]) -> list[str]:
    items = []
    for model in models:
        counts = [layer.colour_units for layer in model.layers]
        shares = [layer.colour_units / layer.n_units for layer in model.layers]
        if not any(counts):
            items.append(f"{model.model}: no unit is labelled with a colour term.")
            continue
        items.append(
            f"{model.model}: colour units from the first layer to the last: {wording.listed([str(c) for c in counts], most=9)}; as a "
            f"share of the layer {wording.listed([wording.percent(s) for s in shares], most=9)}. The count {trend(counts)}, "
            f"the share {trend(shares)}."
        )
    return items


def trend(values: Sequence[float]) -> str:
    """In words how values move from the first to the last: `never falls`, `rises, then falls`."""
    steps = np.sign(np.diff(values))
    if not steps.any():
        return "stays the same"
    if (steps >= 0).all():
        return "never falls"
    if (steps <= 0).all():
        return "never rises"
    turns = steps[steps != 0]
    if (np.diff(turns) != 0).sum() == 1:
        return "rises, then falls" if turns[0] > 0 else "falls, then rises"
    return "goes up and down"


def _own(probing: Probing, models: Sequence[DissectedModel]) -> list[str]:
    items = []
    for model in models:
        found = [(name, concept, model.rank(concept)) for name, concept, _ in probing.nearest_concepts()]
        first = [f"{concept} ({name})" for name, concept, rank in found if rank == 1]
        carried = [rank for _, _, rank in found if rank is not None]
        lead = f"first is {wording.listed(first)}" if first else "none of them is first"
        items.append(
            f"{model.model}: the concepts nearest to the images' {wording.count(len(found), 'class', 'classes')} label units in "
            f"{len(carried)} of {len(found)} cases; {lead}."
        )
    return items


def _image_words(probing: Probing, models: Sequence[DissectedModel]) -> list[str]:
    """How far labels repeat what single images say."""
    words = {probing.concepts.words[i] for i in probing.cosines.argmax(axis=1)}
    total = sum(model.labelled for model in models)
    if not total:
        return []
    same = sum(count for model in models for concept, count in model.counts.items() if concept in words)
    return [
        f"{wording.percent(same / total)} of all labelled units carry a concept that is the nearest one of some probe image by itself; "
        f"there are {len(words)} such concepts. {n(probing)}"
    ]


def _overlaps(models: Sequence[DissectedModel]) -> list[str]:
    first, last = models[0], models[1:]
    values = [(other.model, jaccard(first.layers[-1], other.layers[-1])) for other in last]
    known = [f"{name} {value:.2f}" for name, value in values if value is not None]
    items = []
    if known:
        items.append(f"Jaccard index of the last layer's concepts, {first.model} with {wording.listed(known)}.")
    largest = differences(models)
    if largest:
        concept, shares = largest[0]
        named = [f"{model.model} {wording.percent(share)}" for model, share in zip(models, shares, strict=True)]
        items.append(f"The shares differ most for {concept}: {wording.listed(named)} of the units.")
    return items


def _unlabelled(run: DissectionRun, models: Sequence[DissectedModel]) -> list[str]:
    threshold = min_margin(run.settings)
    parts = []
    for model in models:
        constant = sum(int(layer.constant.sum()) for layer in model.layers)
        unlabelled = model.n_units - model.labelled
        aside = f", {constant} of them with the same activation on every image" if constant else ""
        parts.append(f"{model.model} {wording.whole(unlabelled)} of {wording.whole(model.n_units)}{aside}")
    return [f"Unlabelled units, at a margin threshold of {threshold:g}: {'; '.join(parts)}."]


# --- limits --------------------------------------------------------------------------------------


def limits(run: DissectionRun, probing: Probing, models: Sequence[DissectedModel]) -> list[str]:
    """What the data do not support."""
    items = list(probing.encoder.limits)
    items.append(
        f"A label is the best of the {wording.whole(len(probing.concepts.words))} concepts of this set, not a name for what "
        "the unit detects; another concept set, another encoder or another probe set gives other labels."
    )
    if run.settings.similarity in _POINTWISE:
        items.append(
            "A unit's score depends on the other units of its layer, so that scores of two layers cannot be compared."
        )
    shadow = [concept for _, concept, _ in probing.nearest_concepts() if colour_term(concept)]
    if shadow:
        carried = sum(model.counts.get(concept, 0) for model in models for concept in set(shadow))
        items.append(
            f"The nearest concept of a class of these images is also a colour term ({wording.listed(sorted(set(shadow)))}): the "
            f"{wording.count(carried, 'unit')} so labelled count as colour units, whichever is meant."
        )
    if not any(colour_term(word) for word in probing.concepts.words):
        items.append(
            "The concept set holds no colour term: that no unit is labelled with a colour says nothing about the models."
        )
    return items
