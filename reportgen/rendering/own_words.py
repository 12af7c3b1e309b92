"""The author's own words -> plain nodes that templates/writeup/parts/note.html writes as elements, each of them by name.

No markup is made here and nothing is marked as safe: what a note can become is what that template can write. References get their
places and numbers on this page, expressions their values; what a report from anybody else refers to in vain stands as it was written.

A node is a dict: `type` (`NODES`), and by type `nodes` (what is in it), `text`, `href` (an address or `#anchor`; empty: no
link), `level` (of a heading, 3 to 6), `start` (of a list), `measured` (whether the text is a value of the report).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reportgen.notes.check import Known
from reportgen.notes.markdown import Node, parse, require_bounded
from reportgen.notes.values import Data, Expression, Unknown, Value, by_path, find, read
from reportgen.rendering.filters import filled, join_words, number, percent, prose, significant, slug
from reportgen.rendering.plain import Plain

NODES = (
    "heading", "paragraph", "bullets", "numbers", "item", "quotation", "code_block", "rule",
    "text", "strong", "emphasis", "code", "break", "link",
)  # fmt: skip
_FIRST_LEVEL, _LAST_LEVEL = 3, 6  # a section's own heading is the second
_LEAVES = ("code", "code_block", "rule", "break")


@dataclass(frozen=True)
class Places:
    """Where on this page what notes refer to stands: by (what, id) its anchor, empty where it is left out, and what it is called."""

    anchors: Mapping[tuple[str, str], tuple[str, str]]

    @property
    def known(self) -> Known:
        ids: dict[str, list[str]] = {}
        for target, name in self.anchors:
            ids.setdefault(target, []).append(name)
        return Known(ids)


def places(
    data: Plain, sections: Sequence[Plain], images: Mapping[str, str], stands: Mapping[str, bool], words: Plain
) -> Places:
    """Args: sections: of the page. images: anchors by name. stands: which parts the page has."""
    known: dict[tuple[str, str], tuple[str, str]] = {}
    for section in data["sections"]:  # first those of the report, that this page may leave out
        known["section", section["id"]] = "", filled(words["not_here"], {"name": section["title"]})
        for block in section["blocks"]:
            if block["type"] in ("figure", "table"):
                name = filled(words["not_here"], {"name": block["id"]})
                known["fig" if block["type"] == "figure" else "table", block["id"]] = "", name
    for section in reversed(sections):  # of two figures of one id the first
        name = filled(words["section"], {"n": section["number"], "title": section["title"]})
        known["section", section["id"]] = section["anchor"], name
        for block in reversed(section["blocks"]):
            if block["type"] in ("figure", "table"):
                name = filled(words[block["type"]], {"n": block["number"]})
                anchor = block["anchor"] if block["stands"] else ""
                known["fig" if block["type"] == "figure" else "table", block["id"]] = anchor, name
    for finding in data["findings"]:
        known["finding", finding["id"]] = f"finding-{slug(finding['id'])}" if stands["findings"] else "", finding["id"]
    known.update({("image", name): (anchor, name) for name, anchor in images.items()})
    return Places(known)


def own_words(
    data: Plain, places: Places, authors: Sequence[str], words: Plain, language: str
) -> dict[tuple[str, str], Plain]:
    """By place and what of (`Note`): the author's words as `nodes`; `label`, who says it (`by`, empty where nobody is named), `language`.

    Raises:
        UsageError: the notes of a report are larger than notes may be, or nested without end.
    """
    notes = data["document"]["notes"]
    require_bounded([note["text"] for note in notes], "report.json")
    page = _Page(places, places.known, by_path(data), words)
    said = {"label": words["own_words"], "by": join_words(authors, words["and"]), "language": language}
    made = {}
    for note in notes:
        nodes = [page.node(node) for node in _levelled(parse(note["text"], f"note {note['name']}"), [])]
        if nodes:
            made[note["place"], note["of"]] = {**said, "nodes": nodes}
    return made


def _levelled(nodes: Sequence[Node], opened: list[int]) -> list[Node]:
    """Headings below the page's own, none of them more than one level below the one before it."""
    made = []
    for node in nodes:
        level = node.level
        if node.kind == "heading":
            while opened and opened[-1] >= node.level:
                opened.pop()
            opened.append(node.level)
            level = min(_FIRST_LEVEL + len(opened) - 1, _LAST_LEVEL)
        children = tuple(_levelled(node.children, opened))
        made.append(Node(node.kind, node.line, node.text, level, node.target, node.fault, children))
    return made


@dataclass(frozen=True)
class _Page:
    places: Places
    known: Known
    data: Data
    words: Plain

    def node(self, node: Node, linked: bool = False) -> Plain:
        """A node for the page. `linked`: it stands in a link, and is none itself."""
        if node.kind == "reference":
            return self._reference(node, linked)
        if node.kind == "expression":
            return self._expression(node.text, linked)
        if node.kind in ("text", "space"):
            return _text(node.text or " ")
        if node.kind in _LEAVES:
            return {"type": node.kind, "text": node.text}
        # An address that is not followed leaves its words.
        href = "" if linked else node.text
        nodes = [self.node(child, linked or node.kind == "link") for child in node.children]
        made: Plain = {"type": node.kind, "nodes": nodes}
        if node.kind == "link":
            return {**made, "href": href}
        return {**made, "level": node.level} if node.kind == "heading" else {**made, "start": node.level}

    def _reference(self, node: Node, linked: bool) -> Plain:
        meant = self.known.meant(node)
        anchor, name = self.places.anchors[meant] if meant else ("", "")
        nodes = [self.node(child, True) for child in node.children]
        return self._link(anchor, linked, nodes or [_text(name or node.text)])

    def _expression(self, text: str, linked: bool) -> Plain:
        try:
            expression = read(text)
            if expression.finding:
                return self._reference(Node("reference", 0, expression.finding, target="finding"), linked)
            found = find(expression, self.data)
        except Unknown:
            return _text(f"{{{{ {text} }}}}" if text else "{{")
        anchor, _ = self.places.anchors.get((found.target, found.of), ("", ""))
        return self._link(anchor, linked, [{**_text(shown_value(found, expression, self.words)), "measured": True}])

    def _link(self, anchor: str, linked: bool, nodes: list[Plain]) -> Plain:
        return {"type": "link", "href": f"#{anchor}" if anchor and not linked else "", "nodes": nodes}


def _text(text: str) -> Plain:
    return {"type": "text", "text": prose(re.sub("[\t\n\r]", " ", text)), "measured": False}


def shown_value(found: Value, expression: Expression, words: Plain) -> str:
    """A value as a sentence has it: rounded as asked for, or as findings are; in the language of the page where it is a word."""
    value = found.value
    if value is None:
        return str(words["no_value"])
    if found.role == "verdict":
        return str(words["verdict"].get(value, value))
    if isinstance(value, bool):
        return str(words["yes" if value else "no"])
    if found.role == "p" and isinstance(value, float) and expression.decimals is None and not expression.percent:
        return "< 0.001" if value < 0.001 else number(value, 3)
    if found.role == "interval" and isinstance(value, Sequence):
        low, high = (_number(end, expression, found.unit) for end in value)
        return filled(words["interval"], {"low": low, "high": high})
    return _number(value, expression, found.unit) if isinstance(value, int | float) else str(value)


def _number(value: object, expression: Expression, unit: str) -> str:
    if not isinstance(value, int | float):
        return str(value)
    if expression.percent or unit == "%":
        decimals = expression.decimals
        return (
            percent(value, decimals)
            if decimals is not None
            else f"{significant(100 * value)}\N{NARROW NO-BREAK SPACE}%"
        )
    text = significant(value) if expression.decimals is None else number(value, expression.decimals)
    return f"{text}\N{NO-BREAK SPACE}{unit}" if unit else text
