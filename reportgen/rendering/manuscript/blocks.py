"""The blocks of a section as parts of a manuscript."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from reportgen.rendering import filters
from reportgen.rendering.manuscript.inline import clean, fill, name, plain, prose, said, verdict_word
from reportgen.rendering.manuscript.parts import (
    Bullets,
    Column,
    Facts,
    Figure,
    Finding,
    Heading,
    Inline,
    Legend,
    Notice,
    Panel,
    Paragraph,
    Part,
    Span,
    Table,
)
from reportgen.rendering.plain import Plain

MOST_COLUMNS = 8  # pictures side by side
HEX = re.compile("#[0-9a-fA-F]{6}")
WIDE = 480  # CSS pixels from which on a chart takes the whole width


def block_parts(block: Plain, words: Plain, places: Mapping[str, str]) -> Iterator[Part]:
    """One block of a section.

    Args:
        block: of `sections` of the page's context.
        places: image -> anchor of the first figure about it.
    """
    kind = block["type"]
    if kind == "heading":
        yield Heading(block["level"], clean(block["text"]), block["anchor"])
    elif kind == "text":
        yield Paragraph(said(block["text"]), block["role"], _lead(block, words))
    elif kind == "listing":
        items = tuple(said(item) for item in block["items"])
        yield Bullets(items, block["ordered"], block["role"], _lead(block, words))
    elif kind == "facts":
        rows = tuple((name(label), said(value)) for label, value in block["items"])
        yield Facts(clean(block["title"]), rows)
    elif kind == "notice":
        yield Notice(clean(block["title"]), said(block["text"]), block["level"] == "warning")
    elif kind == "figure":
        yield _figure(block, words)
    elif kind == "table":
        yield _table(block, words, places)


def _lead(block: Plain, words: Plain) -> str:
    """What a run of paragraphs of one role begins with."""
    if not block["opens"]:
        return ""
    return clean({"limit": words["not_shown"], "note": words["how_to_read"]}.get(block["role"], ""))


def panel(picture: Plain, *lines: str) -> Panel:
    """A picture of the report; its sizes may come from anybody."""
    width, height = (min(max(side, 1), 20_000) for side in (picture["width"], picture["height"]))
    shown = tuple(clean(line) for line in lines if line)
    return Panel(picture["file"], width, height, clean(picture["alt"]), shown)


def _figure(block: Plain, words: Plain) -> Figure:
    chart = block["kind"] == "chart"
    pictures = block["pictures"]
    return Figure(
        block["anchor"],
        plain(fill(words["figure"], n=str(block["number"]))),
        clean(block["title"]),
        prose(block["caption"]),
        tuple(panel(picture, "" if chart else picture["label"]) for picture in pictures),
        1 if chart else min(max(block["columns"], 1), MOST_COLUMNS),
        not chart or any(picture["width"] > WIDE for picture in pictures),
        _legend(block["legend"], words) if block["legend"] else None,
    )


def _legend(legend: Plain, words: Plain) -> Legend:
    low, high = clean(legend["low"]), clean(legend["high"])
    alt = plain(fill(words["colour_scale"], low=low, high=high))
    scale = Panel(legend["file"], 160, 10, alt) if legend["file"] else None
    entries = tuple((color if HEX.fullmatch(color) else "", clean(text)) for color, text in legend["entries"])
    return Legend(clean(legend["title"]), scale, low, high, entries)


def _table(block: Plain, words: Plain, places: Mapping[str, str]) -> Table:
    columns = block["columns"]
    about = block["row_images"] or [None] * len(block["rows"])
    rows = tuple(_row(block["rows"][i], columns, places.get(about[i] or "", "")) for i in block["shown_rows"])
    return Table(
        block["anchor"],
        plain(fill(words["table"], n=str(block["number"]))),
        prose(block["caption"]),
        _which_rows(block, words),
        tuple(Column(_head(column), filters.is_numeric(column)) for column in columns),
        rows,
        tuple(_row(row, columns) for row in block["summary"]),
    )


def _row(row: list[str | int | float | bool | None], columns: list[Plain], to: str = "") -> tuple[Span, ...]:
    """The cells of a row, as many as there are columns; the first links to what the row is about."""
    given = [*row, *[None] * len(columns)][: len(columns)]
    texts = [clean(filters.cell(value, column)) or filters.DASH for value, column in zip(given, columns, strict=True)]
    return tuple(Span(text, to=to if i == 0 else "") for i, text in enumerate(texts))


def _head(column: Plain) -> str:
    unit = column["unit"] or ("%" if column["percent"] else "")
    return clean(f"{column['label']} ({unit})" if unit else column["label"])


def _which_rows(block: Plain, words: Plain) -> Inline:
    if block["kept"] == "all":
        return ()
    return fill(
        words["some_rows_of_file"] if block["file"] else words["some_rows"],
        n=filters.number(len(block["shown_rows"])),
        total=filters.number(block["count"]),
        which=words["kept"][block["kept"]],
        file=name(block["file"], "code"),
    )


def finding_part(finding: Plain, words: Plain) -> Finding:
    """A finding with the numbers behind it."""
    return Finding(
        finding_anchor(finding),
        finding["verdict"],
        verdict_word(finding["verdict"], words),
        clean(finding["claim_id"]),
        prose(finding["claim"]),
        prose(finding["text"]),
        prose(finding["note"]),
        tuple(_evidence(item, words) for item in finding["evidence"]),
    )


def finding_anchor(finding: Plain) -> str:
    return f"finding-{filters.slug(finding['id'])}"


def _evidence(item: Plain, words: Plain) -> Inline:
    times = 100 if item["unit"] == "%" else 1
    unit = f"\N{NO-BREAK SPACE}{item['unit']}" if item["unit"] else ""
    text = f"{item['words'] or item['name'].replace('_', ' ')}: {_value(item['value'], times)}{unit}"
    spans = list(name(text))
    if item["ci"]:
        low, high = (filters.significant(bound * times) for bound in item["ci"])
        spans += (Span(", "), *fill(words["interval"], low=low, high=f"{high}{unit}"))
    if item["n"] is not None:
        spans += name(f", n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{item['n']}")
    if item["p"] is not None:
        p = "< 0.001" if item["p"] < 0.001 else f"= {filters.number(item['p'], 3)}"
        spans += (Span(", "), *fill(words["uncorrected"], p=p))
    if item["anchor"]:
        spans += (Span(" ("), Span(clean(item["place"]), to=item["anchor"], numbered=True), Span(")"))
    return tuple(spans)


def _value(value: str | int | float | bool | None, times: int) -> str:
    if value is None:
        return filters.DASH
    if isinstance(value, bool | str):
        return str(value)
    return filters.significant(value * times)
