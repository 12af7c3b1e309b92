"""Where labels come from a table: what the images of this run drive, and, second, what their own labels would be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from reportgen.analysis import wording
from reportgen.report.blocks import Block, Cell, Column, Heading, Listing, Notice, Table
from reportgen.utils.json_types import JSON

from .approach import exploratory, n
from .chapter import Chapter
from .driven import Driven
from .labelling import HIGH
from .labels import DissectedModel

UNITS_SHOWN, CONCEPTS_SHOWN, TOP_OF_MODEL = 5, 5, 3


# --- what these images drive ---------------------------------------------------------------------


def driven_units(chapter: Chapter) -> list[Block]:
    """Which of the labelled units the images drive: a table of the explained model, a sentence on each of the others."""
    if not chapter.driven:
        return []
    blocks: list[Block] = [Heading(text="What these images drive")]
    # Its classes are the explained model's own, which may be another than the first, or none of those that are dissected.
    blocks += [
        _driven_table(chapter, model)
        for model in chapter.models
        if model.model == chapter.run.explained[0] and model.model in chapter.driven
    ]
    items = [_driven_sentence(chapter, model) for model in chapter.models if model.model in chapter.driven]
    return [*blocks, Listing(role="observation", items=items)]


def _driven_table(chapter: Chapter, model: DissectedModel) -> Table:
    run, found = chapter.run, chapter.driven[model.model]
    shown = [i for i, image in enumerate(run.images) if image.name in run.shown.images]
    rows: list[list[Cell]] = []
    for i in shown:
        image, strongest = run.images[i], found.strongest(i, UNITS_SHOWN)
        named = (
            ", ".join(f"{found.layer.concepts[unit]} {z:.1f}" for unit, z in strongest) or "none of them is labelled"
        )
        rows.append([image.name, image.target.name, int(found.beyond[i].sum()), named])
    beyond = f"{HIGH * 100:.0f} %"
    return run.files.table(
        Table(
            id="dissection-driven",
            caption=f"What each image drives in {found.layer.name} of {model.model}: how many of its "
            f"{wording.count(found.layer.n_units, 'unit')} are more active than on {beyond} of the probe images (an image of these: "
            f"{found.expected:.0f} on average), and the labels of the {UNITS_SHOWN} labelled ones among them that are furthest above their "
            f"mean, each with how many standard deviations of the probe set. {n([model])}",
            detail=True,
            columns=[
                Column(key="image", label="Image"),
                Column(key="class", label="Class explained"),
                Column(key="units", label="Units driven", decimals=0),
                Column(key="labels", label="Labels of those driven most"),
            ],
            rows=rows,
            row_images=[run.images[i].name for i in shown],
        )
    )


def _driven_sentence(chapter: Chapter, model: DissectedModel) -> str:
    found = chapter.driven[model.model]
    images = list(chapter.run.observations)  # a copy drives what its image drives, and is no second one
    beyond = found.beyond[images]
    median = float(np.median(beyond.sum(axis=1)))
    share = float(found.layer.labelled[beyond.any(axis=0)].mean()) if beyond.any() else 0.0
    shared = [(concept, count) for concept, count in found.concepts(images).items() if count > 1]
    text = (
        f"{model.model}: an image drives a median of {median:.0f} of {wording.count(found.layer.n_units, 'unit')} of {found.layer.name} "
        f"({found.expected:.0f} on average in the probe set); {wording.percent(share)} of the units that some image drives are labelled."
    )
    of = f"{len(images)} {'images' if len(images) == len(chapter.run.images) else 'different images'}"
    if shared:
        named = wording.listed([f"{concept} ({count})" for concept, count in shared], most=CONCEPTS_SHOWN)
        return f"{text} Labels that several of the {of} drive: {named}."
    return f"{text} No label is driven by two of the {of}." if len(images) > 1 else text


def driven_entry(found: Driven | None, observations: Sequence[int]) -> dict[str, JSON] | None:
    """What report.json says of it: units image by image, and by concept how many of the images that count as one each."""
    if found is None:
        return None
    return {
        "layer": found.layer.name,
        "beyond": HIGH,
        "units": [int(count) for count in found.beyond.sum(axis=1)],
        "expected": found.expected,
        "concepts": found.concepts(observations),
    }


# --- labels of the run's own images --------------------------------------------------------------


def own_labels(chapter: Chapter) -> list[Block]:
    """The labels that this run's images would give, as the write-up made them; short, and never taken for the others."""
    given = chapter.given
    if not given:
        return []
    made = [chapter.computed[model.model] for model in given]
    recipe = made[0].origin.recipe
    whose = "the probe set of this run" if chapter.run.has_probe else "the images of this run alone"
    blocks: list[Block] = [Heading(text=f"Labels from {whose}")]
    if recipe is not None and recipe.exploratory:
        blocks.append(Notice(title="Exploratory", text=exploratory(recipe, lifted=False)))
    return [*blocks, _own_table(chapter, given, whose)]


def _own_table(chapter: Chapter, given: list[DissectedModel], whose: str) -> Table:
    rows: list[list[Cell]] = []
    for model in given:
        own = chapter.computed[model.model]
        top = list(own.counts.items())[:TOP_OF_MODEL]
        same, chance = same_labels(model, own)
        named = ", ".join(f"{concept} {count}" for concept, count in top)
        shares: list[Cell] = [own.labelled / own.n_units, len(own.counts), named, same, chance]
        rows.append([model.model, own.n_units, *shares])
    columns = [
        Column(key="model", label="Model"),
        Column(key="units", label="Units", decimals=0),
        Column(key="labelled", label="Labelled", unit="%", decimals=1, percent=True),
        Column(key="distinct", label="Concepts", decimals=0),
        Column(key="top", label="Most frequent"),
        Column(key="same", label="Same label", unit="%", decimals=1, percent=True),
        Column(key="by_chance", label="by chance", unit="%", decimals=1, percent=True),
    ]
    made = [chapter.computed[model.model] for model in given]
    return chapter.run.files.table(
        Table(
            id="dissection-own-labels",
            caption=f"Labels from {whose}: the share of units labelled (of shuffled ones 5 %), the concepts that label most, "
            "and, of all units, the share whose best concept is the same as in the labels above, beside that share where the labels of a "
            f"layer fall on its units at random. {n(made)}",
            columns=columns,
            rows=rows,
        )
    )


def same_labels(a: DissectedModel, b: DissectedModel) -> tuple[float | None, float | None]:
    """Over the layers of both: the share of units with the same best concept, and that share by chance; None without layers."""
    others = {layer.name: layer for layer in b.layers}
    pairs = [(layer, others[layer.name]) for layer in a.layers if layer.name in others]
    units = sum(layer.n_units for layer, _ in pairs)
    if not units:
        return None, None
    same = sum(x == y for one, other in pairs for x, y in zip(one.concepts, other.concepts, strict=True))
    chance = 0.0
    for one, other in pairs:
        there = Counter(other.concepts)
        chance += sum(count * there[concept] for concept, count in Counter(one.concepts).items()) / one.n_units
    return same / units, chance / units
