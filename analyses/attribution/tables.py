"""The tables of the chapter."""

from __future__ import annotations

import numpy as np

from reportgen.analysis import wording
from reportgen.report.blocks import Cell, Column, Table

from .measured import ImageSum, Measured, Run

CONCEPTS_TABLE = "attribution-concepts"
# A cell holds so many names.
MOST_NAMES = 6


def image_table(run: Run, measured: Measured) -> Table:
    """A row an image: the sum, how many units carry it, and its largest labels."""
    last = (
        Column(key="bias", label="Bias", decimals=2)
        if measured.exact
        else Column(key="remainder", label="Not of first order", decimals=2)
    )
    columns = [
        Column(key="image", label="Image"),
        Column(key="target", label="Class"),
        Column(key="logit", label="Logit", decimals=2),
        Column(key="positive", label="Positive sum", decimals=2),
        Column(key="negative", label="Negative sum", decimals=2),
        last,
        Column(key="carriers", label="Units for 80 %", decimals=0, headline=True),
    ]
    if measured.labels is not None:
        columns += [
            Column(key="largest_for", label="Largest label for"),
            Column(key="largest_against", label="Largest label against"),
            Column(key="related", label="Under related labels", unit="% of positive sum", decimals=1, percent=True),
        ]
    rows = [_image_row(image, measured) for image in measured.images]
    terms = "contributions" if measured.exact else "first-order contributions"
    return run.files.table(
        Table(
            id="attribution",
            caption=f"The logit of each image's class as a sum of the {terms} of {wording.whole(measured.units)} units, and the fewest "
            "units that carry 80 % of its positive sum.",
            columns=columns,
            rows=rows,
            row_images=[image.name for image in measured.images],
        )
    )


def _image_row(image: ImageSum, measured: Measured) -> list[Cell]:
    last = image.bias if measured.exact else image.remainder
    row: list[Cell] = [image.name, image.target, image.logit, image.positive, image.negative, last, image.carriers]
    if image.concepts is None:
        return row
    positive, negative = image.concepts.positive, image.concepts.negative
    return [
        *row,
        positive[0].concept if positive else None,
        negative[0].concept if negative else None,
        image.related,
    ]


def write_concepts(run: Run, measured: Measured) -> str:
    """Write every image's largest labels of either sign, and what they leave, as CSV; returns where."""
    columns = [
        Column(key="image", label="Image"),
        Column(key="part", label="Part"),
        Column(key="label", label="Label"),
        Column(key="units", label="Units", decimals=0),
        Column(key="sum", label="Sum", decimals=3),
        Column(key="units_better_than_chance", label="Units whose label fits better than chance", decimals=0),
        Column(key="sum_better_than_chance", label="Their sum", decimals=3),
        Column(key="cosine", label="Cosine with the class", decimals=2),
    ]
    rows: list[list[Cell]] = []
    for image in measured.images:
        concepts = image.concepts
        if concepts is None or measured.related is None:
            continue
        cosines = measured.related.cosines[image.target]
        for part, found in (("for", concepts.positive), ("against", concepts.negative)):
            rows += [
                [image.name, part, c.concept, c.units, c.sum, c.standing_units, c.standing, cosines[c.concept]]
                for c in found
            ]
        none = concepts.unlabelled
        rows += [
            [image.name, part, None, units, total, None, None, None]
            for part, units, total in (
                ("other labels, for", None, concepts.rest_positive),
                ("other labels, against", None, concepts.rest_negative),
                ("unlabelled", none.units, none.sum),
                ("bias", None, image.bias),
                ("remainder", None, image.remainder),
            )
        ]
    caption = "The labels that add most to each image's logit, those that take most from it, and what they leave."
    return run.files.table(Table(id=CONCEPTS_TABLE, caption=caption, columns=columns, rows=rows)).file


def related_table(run: Run, measured: Measured) -> Table:
    """A row a class: which labels of the layer are related to it."""
    related, grouping = measured.related, measured.grouping
    assert related is not None and grouping is not None
    columns = [
        Column(key="class", label="Class"),
        Column(key="labels", label="Related labels of the layer (cosine)"),
        Column(key="units", label="Units", decimals=0),
        Column(key="share", label="Share of the units", unit="%", decimals=1, percent=True),
    ]
    rows: list[list[Cell]] = []
    for name, units in related.units.items():
        labels = measured.related_labels(name)
        near = sorted(
            ((cosine, word) for word, cosine in related.cosines[name].items() if word in labels),
            key=lambda found: (-found[0], found[1]),
        )
        words = wording.listed([f"{word} ({cosine:.2f})" for cosine, word in near], MOST_NAMES) if near else "none"
        rows.append([name, words, int(units.sum()), float(units.mean())])
    return run.files.table(
        Table(
            id="attribution-related",
            caption="The labels of the layer that are related to each class: the cosine of the two names is at least "
            f"{run.settings.related:g}. Permuted labels put this share of the units, and so on average of the positive sum, under them.",
            detail=True,
            columns=columns,
            rows=rows,
        )
    )


def removal_table(run: Run, measured: Measured) -> Table:
    """A row an image: what removing its largest labels does to the probability."""
    columns = [
        Column(key="image", label="Image"),
        Column(key="labels", label="Labels removed, one at a time"),
        Column(key="units", label="Units, mean", decimals=1),
        Column(key="drop", label="Drop of probability, mean", decimals=3),
        Column(key="matched", label="Random units of equal activation", decimals=3),
        Column(key="relabelled", label="Largest groups of permuted labels", decimals=3),
        Column(key="changed", label="Another class first", unit="removals", decimals=0),
    ]
    images = [image for image in measured.images if image.removals]
    rows: list[list[Cell]] = [
        [
            image.name,
            ", ".join(removal.concept for removal in image.removals),
            float(np.mean([removal.units for removal in image.removals])),
            image.drop,
            image.matched_drop,
            image.relabelled_drop,
            sum(removal.changed for removal in image.removals),
        ]
        for image in images
    ]
    draws = run.settings.draws
    return run.files.table(
        Table(
            id="attribution-removal",
            caption="How far the probability of the class falls when the units of one label give zero, for the labels that carry most of "
            f"each image; beside it the mean of {wording.count(draws, 'random set')} of as many units for each label, and of "
            f"{wording.count(draws, 'permutation')} of the labels.",
            detail=True,
            columns=columns,
            rows=rows,
            row_images=[image.name for image in images],
        )
    )
