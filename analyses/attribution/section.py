"""The chapter on concept attribution: what carries each prediction, and whether the labels explain it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from reportgen.analysis.entries import Entries
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.shown import shown_note
from reportgen.report.blocks import Block, Heading, Listing, Notice, Section, Text
from reportgen.utils.json_types import JSON

from . import figures, tables, wordings
from .findings import attribution_findings, removal_sentence, unsettling
from .grouping import ConceptSum
from .measured import ImageSum, Measured, Run, measure

TERMS_USED = ("activation", "contribution", "logit", "positive sum", "unit")
TITLE = "Concept attribution"


def reduce_attribution(run: Run) -> Contribution:
    """Add the terms up by label, draw, test, and make the section."""
    measured = measure(run)
    return Contribution(
        Section(id="attribution", title=TITLE, blocks=_blocks(run, measured)),
        per_image=Entries(entry(image, measured) for image in measured.images),
        findings=attribution_findings(measured, run.statistics, run.settings.permutations),
        references=["zhou2016" if measured.exact else "shrikumar2017"],
        terms=(*TERMS_USED, *(("permuted labels", "probe set") if measured.labels is not None else ())),
    )


def _blocks(run: Run, measured: Measured) -> list[Block]:
    blocks: list[Block] = []
    why = "" if measured.labels is None else unsettling(measured.labels)
    if why:
        blocks.append(Notice(title="Exploratory labels", text=why))
    blocks += [
        Heading(text="What carries each prediction"),
        Listing(role="observation", items=wordings.observations(measured)),
    ]
    if measured.labels is not None:
        blocks += shown_note(run, tables.write_concepts(run, measured), arrays=False)
        blocks += figures.bar_figures(run, measured)
    blocks.append(tables.image_table(run, measured))
    if measured.labels is not None:
        blocks += [*figures.driving_figures(run, measured), *_explained(run, measured)]
    return [
        *blocks,
        Listing(role="limit", items=wordings.limits(run, measured)),
        Heading(text="Approach"),
        Text(text=wordings.approach(measured)),
        wordings.settings(run, measured),
    ]


def _explained(run: Run, measured: Measured) -> list[Block]:
    blocks: list[Block] = [
        Heading(text="Do the labels explain the predictions?"),
        Listing(role="observation", items=wordings.explained(measured)),
        tables.related_table(run, measured),
    ]
    if measured.removal is not None:
        blocks += [
            Text(role="observation", text=removal_sentence(measured, measured.removal)),
            tables.removal_table(run, measured),
        ]
    return blocks


# --- report.json ---------------------------------------------------------------------------------


def entry(image: ImageSum, measured: Measured) -> dict[str, JSON]:
    """What report.json says of one image under `attribution`."""
    found: dict[str, JSON] = {
        "head": "linear" if measured.exact else "first order",
        "units": measured.units,
        "logit": image.logit,
        "bias": image.bias,
        "remainder": image.remainder,
        "positive_sum": image.positive,
        "negative_sum": image.negative,
        "units_for_80_percent": image.carriers,
    }
    concepts = image.concepts
    if concepts is None:
        return found
    return {
        **found,
        "for": _listed(concepts.positive),
        "against": _listed(concepts.negative),
        "other_labels": {
            "labels": concepts.rest,
            "for": concepts.rest_positive,
            "against": concepts.rest_negative,
        },
        "unlabelled": {"units": concepts.unlabelled.units, "sum": concepts.unlabelled.sum},
        "related_share": image.related,
        "unlabelled_share": image.unlabelled,
        "better_than_chance_share": image.standing,
        "removals": [asdict(removal) for removal in image.removals],
        "relabelled_drops": list(image.relabelled),
    }


def _listed(concepts: Sequence[ConceptSum]) -> list[JSON]:
    return [
        {
            "label": concept.concept,
            "units": concept.units,
            "sum": concept.sum,
            "better_than_chance": {"units": concept.standing_units, "sum": concept.standing},
        }
        for concept in concepts
    ]
