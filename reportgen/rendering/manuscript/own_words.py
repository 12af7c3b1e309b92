"""The author's own words as parts of a manuscript: each under a line that says whose they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reportgen.rendering.manuscript.inline import clean, name
from reportgen.rendering.manuscript.parts import Bullets, Heading, Inline, Paragraph, Part, Span, Style
from reportgen.rendering.plain import Plain

# Of a manuscript's headings: 1 is a chapter, and a note stands in one.
_FIRST_LEVEL, _LAST_LEVEL = 2, 3
_PAGE_LEVEL = 3  # of the first heading of a note on a page (`reportgen.rendering.own_words`)


def own_chapter(context: Plain, place: str) -> Iterator[Part]:
    """Introduction or conclusion, as a chapter of its own; nothing where there is none."""
    note = context["notes"][place]
    if note:
        yield Heading(1, clean(context["words"][place]), place, english=False)
        yield from own_parts(note)


def own_parts(note: Plain | None) -> Iterator[Part]:
    """A note (see `page_context`), after whose it is; nothing where there is none."""
    if note:
        by = f", {clean(note['by'])}" if note["by"] else ""
        yield Paragraph((Span(f"{clean(note['label'])}{by}", "strong"),), "aside", english=False)
        yield from _blocks(note["nodes"])


def _blocks(nodes: Sequence[Plain]) -> Iterator[Part]:
    for node in nodes:
        kind = node["type"]
        if kind == "heading":
            level = min(_FIRST_LEVEL + node["level"] - _PAGE_LEVEL, _LAST_LEVEL)
            yield Heading(level, "".join(span.text for span in _spans(node["nodes"])), "", english=False)
        elif kind in ("bullets", "numbers"):
            items = tuple(tuple(_spans(_flat(item["nodes"]))) for item in node["nodes"])
            yield Bullets(items, kind == "numbers", english=False)
        elif kind == "quotation":
            yield from _blocks(node["nodes"])
        elif kind == "code_block":
            yield from (
                Paragraph(name(line, "code"), english=False) for line in node["text"].splitlines() if line.strip()
            )
        elif kind == "paragraph":
            yield Paragraph(tuple(_spans(node["nodes"])), english=False)


def _flat(nodes: Sequence[Plain]) -> Iterator[Plain]:
    """What is said in an item of a list, whatever blocks it is in, as one run: a manuscript's lists have one level."""
    for i, node in enumerate(nodes):
        if i:
            yield {"type": "text", "text": " "}
        if node["type"] in ("paragraph", "item", "bullets", "numbers", "quotation", "heading"):
            yield from _flat(node["nodes"])
        elif node["type"] == "code_block":
            yield {"type": "code", "text": node["text"]}
        else:
            yield node


def _spans(nodes: Sequence[Plain] | Iterator[Plain], style: Style = "") -> Iterator[Span]:
    for node in nodes:
        kind = node["type"]
        if kind == "text":
            yield Span(clean(node["text"]), style)
        elif kind == "code":
            yield from name(node["text"], "code")
        elif kind == "break":
            yield Span(" ")
        elif kind == "link":
            yield from _linked(tuple(_spans(node["nodes"], style)), node["href"])
        elif kind in ("strong", "emphasis"):
            yield from _spans(node["nodes"], "strong" if kind == "strong" else style)


def _linked(spans: Inline, href: str) -> Iterator[Span]:
    """A link into the report; an address elsewhere stands written out behind its words, as on paper."""
    if href.startswith("#"):
        yield from (replace(span, to=href[1:]) for span in spans)
        return
    yield from spans
    if href and href != "".join(span.text for span in spans):
        yield Span(f" ({clean(href)})")
