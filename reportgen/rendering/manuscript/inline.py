"""Texts of a report and words of a page as spans."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reportgen.rendering import filters
from reportgen.rendering.manuscript.parts import Inline, Span, Style
from reportgen.rendering.plain import Plain

# No XML may hold these, and no UTF-8 the first: halves of a surrogate pair, and what is no character.
UNWRITABLE = re.compile("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
SYMBOLS = {"supported": "✓", "contradicted": "✗", "undecided": "?", "not measured": "–"}


def clean(text: str) -> str:
    """A name or value on one line, with what hides, turns or breaks the text around it written out: `\\u202e`."""
    return UNWRITABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", filters.visible(text))


def prose(text: str) -> str:
    """A sentence, cleaned, whose numbers stay with their sign or unit."""
    return clean(filters.prose(text))


def said(text: str, style: Style = "") -> Inline:
    """A sentence as one span."""
    return (Span(prose(text), style),)


def name(text: str, style: Style = "", to: str = "") -> Inline:
    """A name or value as one span."""
    return (Span(clean(text), style, to),)


def fill(text: str, **values: str | Inline) -> Inline:
    """Words with spans, or plain values, in their places: `Figure {n}`."""
    spans: list[Span] = []
    for i, part in enumerate(filters.PLACE.split(text)):
        if i % 2 == 0:
            spans += name(part) if part else ()
        else:
            value = values[part]
            spans += name(value) if isinstance(value, str) else value
    return tuple(spans)


def counted(words: Plain, count: int, forms: Sequence[str], **values: str | Inline) -> Inline:
    """The form of the words that goes with a count, filled."""
    return fill(forms[0 if count in words["one"] else -1], n=filters.number(count), **values)


def plain(spans: Inline) -> str:
    """The text of spans, without their styles and links."""
    return "".join(span.text for span in spans)


def joined(parts: Sequence[Inline], separator: str = ", ") -> Inline:
    """Several pieces of text in a row."""
    spans: list[Span] = []
    for i, part in enumerate(parts):
        spans += (Span(separator), *part) if i else part
    return tuple(spans)


def verdict_word(verdict: str, words: Plain) -> str:
    """A verdict as a page says it: a symbol and a word, so that colour is never the only sign."""
    return f"{SYMBOLS[verdict]} {clean(words['verdict'][verdict])}"
