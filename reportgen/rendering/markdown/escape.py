"""Text as Markdown that says that text and nothing else: no markup, no HTML, no link.

CommonMark 0.31 with GitHub's tables, strikethrough, alerts and mathematics. A backslash before ASCII punctuation makes it that
character (CommonMark, 2.4); what only counts where a line begins is escaped there.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from reportgen.rendering.manuscript.parts import Inline, Span

_ALWAYS = re.compile(r"([\\`*_\[\]<>&~|$#@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
_AT_START = re.compile(r"^(\d{1,9}|)((?<=\d)[.)](?=\s|$)|(?<!\d)[-+](?=[-\s]|$)|(?<!\d)=)")


def text(given: str) -> str:
    """A text within a line."""
    return _ALWAYS.sub(r"\\\1", " ".join(given.split(" ")))


def line(spans: Inline, anchors: Collection[str] = ()) -> str:
    """Spans as one line that may stand where a block begins."""
    return at_start("".join(_span(span, anchors) for span in spans).strip(" "))


def at_start(escaped: str) -> str:
    """An escaped line whose beginning is no list, heading, rule or underline."""
    return _AT_START.sub(r"\1\\\2", escaped)


def _span(span: Span, anchors: Collection[str]) -> str:
    inner = span.text.strip(" ")
    if not inner:
        return span.text and " "
    before, after = span.text.startswith(" ") * " ", span.text.endswith(" ") * " "
    shown = text(inner)
    if span.style == "code" and not set(inner) & set("`|"):
        shown = f"`{inner}`"
    elif span.style == "strong":
        shown = f"**{shown}**"
    if span.to and span.to in anchors:
        shown = f"[{shown}](#{span.to})"
    return f"{before}{shown}{after}"
