"""A report and its parts -> HTML for the output of a notebook's cell. Every text is escaped by the template."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Template

from reportgen.rendering.environment import environment
from reportgen.rendering.notebook.pictures import Pictures
from reportgen.rendering.plain import Plain
from reportgen.report.blocks import Block, Facts, Figure, Heading, Listing, Notice, Picture, Section, Table, Text
from reportgen.report.document import Finding, ImageRecord, Report
from reportgen.utils.terminal_text import counted

# What an output holds; the rest is counted, and where it stands is said.
GALLERY, FINDINGS, ROWS, COLUMNS = 12, 40, 20, 24
FIGURE_PICTURES, SECTION_PICTURES = 24, 48
REPORT_BYTES, FIGURE_BYTES, SECTION_BYTES = 200_000, 1_500_000, 2_500_000
# Longer sides, pixels: in the gallery, of a record, in a figure of several pictures, of a single one.
THUMB, PORTRAIT, PANEL, WIDE = 120, 224, 300, 720

# A report may come from anybody, and a colour is written into a style.
_COLOR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


def part_html(part: object, folder: Path | None) -> str:
    """A part of a report as a notebook shows it.

    Args:
        folder: of the run; without it pictures are described.

    Raises:
        TypeError: it is no part of a report that is shown by itself.
    """
    if isinstance(part, Report):
        return _render("report", **_report(part, folder))
    if isinstance(part, Section):
        pictures = Pictures(folder, most=SECTION_PICTURES, most_bytes=SECTION_BYTES)
        return _render("section", title=part.title, blocks=[_block(block, pictures) for block in part.blocks])
    if isinstance(part, Figure):
        return _render("block", block=_block(part, Pictures(folder, most=FIGURE_PICTURES, most_bytes=FIGURE_BYTES)))
    if isinstance(part, Table):
        return _render("block", block=_block(part, Pictures(None, most=0, most_bytes=0)))
    if isinstance(part, Finding):
        return _render("finding", finding=part.model_dump(mode="json"))
    if isinstance(part, ImageRecord):
        photo = Pictures(folder, most=1, most_bytes=FIGURE_BYTES).shown(part.picture, PORTRAIT)
        return card_html(part.name, facts_of(part), [photo])
    raise TypeError(f"a notebook shows parts of a report, not a {type(part).__name__}")


def card_html(title: str, facts: Sequence[tuple[str, str]], pictures: Sequence[Plain], note: str = "") -> str:
    """One image: its name, what is said of it, and pictures as `reportgen.rendering.notebook.pictures` makes them."""
    return _render("card", title=title, facts=list(facts), pictures=list(pictures), note=note)


def facts_of(image: ImageRecord) -> list[tuple[str, str]]:
    """What every model's record of an image says, a label and a text each."""
    likeliest = ", ".join(f"{top.name} {top.probability:.2f}" for top in image.prediction.top5[:3])
    facts = [("predicted", likeliest)]
    if image.label is not None:
        facts.append(("label", f"{image.label.name} (from {image.label.source}): {_judged(image)}"))
    return [*facts, ("explained for", image.target.name), ("size", f"{image.width} × {image.height} pixels")]


def _judged(image: ImageRecord) -> str:
    return "right" if image.correct else "wrong"


@cache
def _template() -> Template:
    here = Path(__file__).parent
    return environment((here,), url=lambda file: "", asset=lambda name: "").get_template("notebook.html")


def _render(kind: str, **values: object) -> str:
    return _template().render(kind=kind, **values)


# --- the report ----------------------------------------------------------------------------------


def _report(report: Report, folder: Path | None) -> Plain:
    pictures = Pictures(folder, most=2 * GALLERY, most_bytes=REPORT_BYTES)
    shown = report.images if report.shown is None else [i for i in report.images if i.name in set(report.shown.images)]
    layers = {name: layer for section in reversed(report.sections) for name, layer in _first_layers(section).items()}
    cards = [_card(image, layers.get(image.name), pictures) for image in shown[:GALLERY]]
    models = list(dict.fromkeys(model.name for model in report.provenance.models))
    counts = [
        (report.counts.images, "image"),
        (len(report.sections), "section"),
        (len(report.findings), "finding"),
        (report.counts.warnings, "warning"),
        (len(report.skipped), "skipped file"),
    ]
    return {
        "title": report.title,
        "summary": report.summary.images if report.summary else "",
        "counts": [counted(count, word) for count, word in counts if count],
        "models": models[:6],
        "findings": [finding.model_dump(mode="json") for finding in report.findings[:FINDINGS]],
        "more_findings": max(0, len(report.findings) - FINDINGS),
        "cards": cards,
        "beside": list(dict.fromkeys(of["label"] for card in cards for of in card["pictures"][1:] if of["uri"])),
        "more_images": report.counts.images - len(cards),
        "sections": [section.id for section in report.sections],
        "example": report.images[0].name if report.images else "",
    }


def _first_layers(section: Section) -> dict[str, Figure]:
    """By image the first figure of the section that is about it."""
    found: dict[str, Figure] = {}
    for block in section.blocks:
        if isinstance(block, Figure) and block.image is not None and block.kind == "panels":
            found.setdefault(block.image, block)
    return found


def _card(image: ImageRecord, figure: Figure | None, pictures: Pictures) -> Plain:
    """The photograph, and the first map that the first figure about it lays over it."""
    over = [p for p in (figure.pictures if figure else ()) if p.file != image.picture.file]
    return {
        "name": image.name,
        "pictures": [pictures.shown(picture, THUMB) for picture in (image.picture, *over[:1])],
        "prediction": image.prediction.name,
        "probability": image.prediction.probability,
        "correct": image.correct,
        "label": image.label.name if image.label else "",
    }


# --- blocks --------------------------------------------------------------------------------------


def _block(block: Block, pictures: Pictures) -> Plain:
    if isinstance(block, Figure):
        side, entries = WIDE if len(block.pictures) == 1 else PANEL, block.legend.entries if block.legend else []
        return {
            "type": "figure",
            "title": block.title,
            "caption": block.caption,
            "columns": block.columns if block.columns > 0 else 1,
            "pictures": [pictures.shown(picture, side) for picture in block.pictures[:FIGURE_PICTURES]],
            "more": max(0, len(block.pictures) - FIGURE_PICTURES),
            "swatches": [(color, name) for color, name in entries if _COLOR.fullmatch(color)],
            "scale": _scale(block, pictures),
        }
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Heading):
        return {"type": "heading", "text": block.text}
    if isinstance(block, Text):
        return {"type": "text", "text": block.text, "role": block.role}
    if isinstance(block, Listing):
        return {"type": "listing", "items": block.items, "ordered": block.ordered}
    if isinstance(block, Notice):
        return {"type": "notice", "title": block.title, "text": block.text}
    assert isinstance(block, Facts)
    return {"type": "facts", "title": block.title, "items": block.items}


def _scale(figure: Figure, pictures: Pictures) -> Plain | None:
    """The colours of a map from its low to its high end; None where the figure has no such legend."""
    legend = figure.legend
    if legend is None or not legend.file:
        return None
    bar = pictures.shown(Picture(file=legend.file, width=1, height=1, alt=legend.title), PANEL)
    return {**bar, "title": legend.title, "low": legend.low, "high": legend.high} if bar["uri"] else None


def _table(table: Table) -> Plain:
    width = min(len(table.columns), COLUMNS)  # a row of a stranger's report may be longer
    return {
        "type": "table",
        "id": table.id,
        "caption": table.caption,
        "columns": [column.model_dump() for column in table.columns[:width]],
        "rows": [row[:width] for row in table.rows[:ROWS]],
        "summary": [row[:width] for row in table.summary[:ROWS]],
        "more_rows": max(0, table.count - ROWS),
        "more_columns": max(0, len(table.columns) - COLUMNS),
    }
