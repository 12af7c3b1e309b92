"""Every sentence on what was found, made from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reportgen.analysis import wording

from .approach import n, unlabelled
from .chapter import Chapter
from .concepts import colour_term
from .labels import DissectedModel, differences, jaccard
from .settings import POINTWISE

MOST_CONCEPTS = 4
# Labels hold where two halves of the probe set agree on at least half of them.
HELD = 0.5


def of_model(model: DissectedModel) -> str:
    """One paragraph on one model."""
    size = (
        f"{model.model}: {wording.count(model.n_units, 'unit')} in {wording.count(len(model.layers), 'layer')}, "
        f"{wording.whole(model.labelled)} of them labelled ({wording.percent(model.labelled / model.n_units)})"
    )
    if not model.counts:
        return f"{size}. {n([model])}"
    first, *others = list(model.counts.items())[:MOST_CONCEPTS]
    # Not "the most frequent one": two concepts may label as many units.
    names = wording.listed([_units(*first, model), *(f"{concept} ({count})" for concept, count in others)])
    are = "are" if others else "is"
    return f"{size}, with {wording.count(len(model.counts), 'distinct concept')}. Most frequent {are} {names}. {n([model])}"


def _units(concept: str, count: int, model: DissectedModel) -> str:
    return f"{concept} ({wording.count(count, 'unit')}, {wording.percent(count / model.n_units)} of all)"


def colour_bars(model: DissectedModel) -> str:
    """What the second colour of the bars means, where there is one."""
    return "Orange bars are colour terms. " if any(layer.colour_units for layer in model.layers) else ""


def own_concepts(chapter: Chapter) -> str:
    """What the table of the images' own concepts is about."""
    images = chapter.run.images
    labelled = sum(image.label is not None for image in images)
    source = {
        len(images): "their labels",
        0: "the model's own predictions, because no labels are known",
    }.get(labelled, f"their labels for {labelled} and the model's own predictions for {len(images) - labelled}")
    return (
        f"The classes of the images, {source}, each with the concept whose embedding is nearest to the class name, and how "
        "many units carry that concept."
    )


# --- observations --------------------------------------------------------------------------------


def observations(chapter: Chapter) -> list[str]:
    """What this run found; every sentence with its numbers and N."""
    models = chapter.models
    items = [*_leading(models), *_colours(models), *_own(chapter), *_image_words(chapter)]
    if len(models) > 1:
        items += _overlaps(models)
    return [*items, *_agreement(models), *_unlabelled(models)]


def _leading(models: Sequence[DissectedModel]) -> list[str]:
    leaders = []
    for model in models:
        if model.counts:
            concept, count = next(iter(model.counts.items()))
            leaders.append(f"{concept} for {model.model} ({wording.percent(count / model.n_units)} of its units)")
    return [f"The concept that labels most units: {wording.listed(leaders)}. {n(models)}"] if leaders else []


def _colours(models: Sequence[DissectedModel]) -> list[str]:
    if len(models) > 1 and not any(layer.colour_units for model in models for layer in model.layers):
        return ["No unit of any of the models is labelled with a colour term."]
    items = []
    for model in models:
        counts = [layer.colour_units for layer in model.layers]
        shares = [layer.colour_units / layer.n_units for layer in model.layers]
        if not any(counts):
            items.append(f"{model.model}: no unit is labelled with a colour term.")
            continue
        if len(counts) == 1:
            items.append(
                f"{model.model}: {wording.count(counts[0], 'colour unit')}, {wording.percent(shares[0])} of its one layer."
            )
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


def _own(chapter: Chapter) -> list[str]:
    items = []
    for model in chapter.models:
        found = [(name, concept, model.rank(concept)) for name, concept, _ in chapter.nearest[model.model]]
        first = [f"{concept} ({name})" for name, concept, rank in found if rank == 1]
        carried = [rank for _, _, rank in found if rank is not None]
        lead = f"first is {wording.listed(first)}" if first else "none of them is first"
        items.append(
            f"{model.model}: the concepts nearest to the images' {wording.count(len(found), 'class', 'classes')} label units in "
            f"{len(carried)} of {len(found)} cases; {lead}."
        )
    return items


def _image_words(chapter: Chapter) -> list[str]:
    """How far labels that this run made repeat what single images say."""
    probing, models = chapter.probing, [model for model in chapter.models if model.origin.computed]
    words = {probing.concepts.words[i] for i in probing.cosines.argmax(axis=1)}
    total = sum(model.labelled for model in models)
    if not total:
        return []
    same = sum(count for model in models for concept, count in model.counts.items() if concept in words)
    return [
        f"{wording.percent(same / total)} of all labelled units carry a concept that is the nearest one of some probe image by itself; "
        f"there are {len(words)} such concepts. {n(models)}"
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


def hardly_hold(models: Sequence[DissectedModel]) -> str:
    """That two halves of the probe set give most labelled units another label; empty where they do not, or where it is not known."""
    shares = []
    for model in models:
        same = _same_label(model)
        if same is not None and same[0] < HELD:
            shares.append(f"{wording.percent(same[0])} ({model.model})")
    if not shares:
        return ""
    return (
        f"Labels of units hardly hold: two halves of their probe set give the same label to {wording.listed(shares)} of the labelled "
        f"units. "
        "Read single labels, and the claims on them, with care."
    )


def _same_label(model: DissectedModel) -> tuple[float, float] | None:
    """Of a model's labelled units the share to which both halves give the same label, and that share by chance; None where it
    is not known."""
    known = [(layer.agreement, layer.n_labelled) for layer in model.layers if layer.agreement]
    total = sum(count for _, count in known)
    if not total:
        return None
    same, chance = (sum(both[i] * count for both, count in known) / total for i in (0, 1))
    return same, chance


def _agreement(models: Sequence[DissectedModel]) -> list[str]:
    """How far the two halves of the probe set give a unit the same label, or at least a near one."""
    items = []
    for model in models:
        known = [(layer, layer.halves, layer.agreement) for layer in model.layers if layer.halves and layer.agreement]
        shares = _same_label(model)
        if shares is None:
            continue
        same, chance = shares
        units = sum(layer.n_units for layer, _, _ in known)
        near = sum(float(halves.cosine.sum()) for _, halves, _ in known) / units
        near_by_chance = sum(halves.cosine_by_chance * layer.n_units for layer, halves, _ in known) / units
        items.append(
            f"{model.model}: two halves of the probe set give {wording.percent(same)} of the labelled units the same label, against "
            f"{wording.percent(chance)} by chance. In the encoder's space the two labels of a unit have a mean cosine of {near:.2f}, "
            f"those of two different units {near_by_chance:.2f}."
        )
    return items


def _unlabelled(models: Sequence[DissectedModel]) -> list[str]:
    parts = []
    for model in models:
        constant = sum(int(layer.constant.sum()) for layer in model.layers)
        aside = f", {constant} of them with the same activation on every image" if constant else ""
        parts.append(
            f"{model.model} {wording.whole(model.n_units - model.labelled)} of {wording.whole(model.n_units)}{aside}"
        )
    recipe = next((model.origin.recipe for model in models if model.origin.recipe is not None), None)
    why = "" if recipe is None else f" ({unlabelled(recipe)})"
    return [f"Unlabelled units{why}: {'; '.join(parts)}."]


# --- limits --------------------------------------------------------------------------------------


def limits(chapter: Chapter) -> list[str]:
    """What the data do not support."""
    models, probing = chapter.models, chapter.probing
    recipes = [model.origin.recipe for model in models]
    items = (
        list(probing.encoder.limits)
        if any(r is not None and r.encoder == probing.encoder.name for r in recipes)
        else []
    )
    sizes = list(dict.fromkeys(wording.whole(recipe.concepts_size) for recipe in recipes if recipe is not None))
    of_them = f"the {wording.listed(sizes)} concepts of this set" if sizes else "the concepts of its set"
    items.append(
        f"A label is the best of {of_them}, not a name for what "
        "the unit detects; another concept set, another encoder or another probe set gives other labels."
    )
    if any(recipe is not None and recipe.min_margin is None for recipe in recipes):
        items.append(
            "Of units with shuffled activations 5 % would count as labelled, by construction: where hardly more of a layer do, its labels "
            "are no better than chance."
        )
    if any(layer.halves is not None for model in models for layer in model.layers):
        items.append(
            "The two halves of a probe set share no image, and, where it has few images a class, hardly a class: that their labels "
            "differ says how far a label hangs on single images."
        )
    if any(recipe is not None and recipe.similarity in POINTWISE for recipe in recipes):
        items.append(
            "A unit's score depends on the other units of its layer, so that scores of two layers cannot be compared."
        )
    near = {concept for found in chapter.nearest.values() for _, concept, _ in found}
    shadow = sorted(concept for concept in near if colour_term(concept))
    if shadow:
        carried = sum(model.counts.get(concept, 0) for model in models for concept in shadow)
        items.append(
            f"The nearest concept of a class of these images is also a colour term ({wording.listed(shadow)}): the "
            f"{wording.count(carried, 'unit')} so labelled count as colour units, whichever is meant."
        )
    same = [recipe is not None and recipe.concepts_sha256 == probing.concepts.sha256 for recipe in recipes]
    if all(same) and not any(colour_term(word) for word in probing.concepts.words):
        items.append(
            "The concept set holds no colour term: that no unit is labelled with a colour says nothing about the models."
        )
    return items
