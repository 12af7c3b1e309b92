"""What a model card on the Hugging Face hub says of a report: a section in Markdown, and metadata, where the data give any.

Sentences are the report's own. Metadata say only what was measured: the accuracy where images have labels, and what gates measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from reportgen.rendering import filters
from reportgen.rendering.manuscript.inline import clean, counted, fill, name, plain, prose, said
from reportgen.rendering.manuscript.parts import Bullets, Figure, Heading, Manuscript, Panel, Paragraph, Part
from reportgen.rendering.manuscript.walk import manuscript
from reportgen.rendering.markdown.writer import markdown_blocks
from reportgen.rendering.plain import Plain

TASK = "image-classification"
FIGURES = 3  # as many as stand in a card
NOTES = 8  # warnings that are written out


@dataclass(frozen=True)
class Metric:
    """One number for the card's metadata: `kind` is the hub's word for it, or the gate's."""

    kind: str
    name: str
    value: float


@dataclass(frozen=True)
class Card:
    """A model card's part: `blocks` of Markdown, the pictures that they show, and what the metadata may say.

    Attributes:
        images: what the metrics were measured on.
    """

    blocks: tuple[str, ...]
    pictures: tuple[Panel, ...]
    model: str
    images: str
    metrics: tuple[Metric, ...]


def card(context: Plain, pictures: str | None) -> Card:
    """The card of a report.

    Args:
        context: see `reportgen.rendering.context.page_context`, with medium "manuscript".
        pictures: the folder of the pictures as the card's links name it; None: the card shows none.
    """
    document, words = manuscript(context), context["words"]
    figures = [] if pictures is None else list(islice(_figures(document), FIGURES))
    parts = [*_answer(document, context), *(_in_folder(figure, pictures or "") for figure in figures)]
    parts.append(Paragraph(fill(words["card_end"], maker=document.cover.made), english=False))
    blocks = [block for part in parts for block in markdown_blocks(part, ()) if block]
    shown = tuple({panel.file: panel for figure in figures for panel in _panels(figure)}.values())
    images = plain(counted(words, context["totals"]["labelled"], words["card_images"]))
    model = clean(context["explained"][0]) if context["explained"] else ""
    return Card(tuple(blocks), shown, model, images, tuple(_metrics(context)))


def _answer(document: Manuscript, context: Plain) -> Iterator[Part]:
    """The summary of the report, with what a reader must know before trusting it."""
    words, totals = context["words"], context["totals"]
    yield Heading(1, clean(words["examination"]), "")
    yield Paragraph(name(document.cover.lead))
    yield Paragraph(name(" · ".join(document.cover.counts)))
    if document.cover.language_note:
        yield Paragraph(name(document.cover.language_note))
    in_summary = False
    for part in document.body:
        if isinstance(part, Heading) and part.level == 1:
            in_summary = part.anchor in ("summary", "gates")
            if in_summary:
                yield replace(part, level=2, anchor="")
        elif in_summary:
            yield part
    notes = [said(note["text"]) for group in context["warnings"] for note in group["notes"][:1]]
    if notes:
        yield Heading(2, clean(words["warnings"]), "")
        yield Bullets(tuple(notes[:NOTES]))
        count = counted(words, totals["warnings"], words["warning_count"])
        records = context["report"]["records"]
        place = "; " + (records["file"] if records else "report.json, warnings")
        yield Paragraph((*count, *name(place)), "aside", english=False)
    yield replace(document.cover.explained, title=prose(document.cover.explained.title))


def _figures(document: Manuscript) -> Iterator[Figure]:
    """Of every chapter the first figure that is made of pictures."""
    taken = False
    for part in document.body:
        if isinstance(part, Heading) and part.level == 1:
            taken = False
        elif isinstance(part, Figure) and part.label and part.columns > 1 and not taken:
            taken = True
            yield part


def _panels(figure: Figure) -> tuple[Panel, ...]:
    scale = (figure.legend.scale,) if figure.legend and figure.legend.scale else ()
    return (*figure.panels, *scale)


def _in_folder(figure: Figure, folder: str) -> Figure:
    """The figure without its number, its pictures in another folder."""

    def moved(panel: Panel) -> Panel:
        return replace(panel, file=f"{folder}/{picture_name(panel.file)}" if folder else picture_name(panel.file))

    legend = figure.legend
    if legend and legend.scale:
        legend = replace(legend, scale=moved(legend.scale))
    return replace(figure, anchor="", panels=tuple(map(moved, figure.panels)), legend=legend)


def picture_name(file: str) -> str:
    """What a picture of the run is called in the card's folder: `figures/a/b.jpg` as `a-b.jpg`."""
    stem, _, ending = file.removeprefix("figures/").rpartition(".")
    return f"{filters.slug(stem)}.{filters.slug(ending)}"


def _metrics(context: Plain) -> Iterator[Metric]:
    totals, words = context["totals"], context["words"]
    if totals["labelled"]:
        label = plain(counted(words, totals["labelled"], words["accuracy"]))
        yield Metric("accuracy", label, totals["correct"] / totals["labelled"])
    for gate in context["report"]["gates"]:
        if gate["value"] is not None and math.isfinite(gate["value"]):
            kind = gate["name"].removeprefix("min_").removeprefix("max_")
            yield Metric(clean(kind), clean(gate["measure"]), gate["value"])
