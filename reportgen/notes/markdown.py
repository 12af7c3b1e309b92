"""CommonMark with references -> a tree of nodes: the only form in which an author's words reach a page.

No node holds markup. Raw HTML is text like any other; a picture is its description; a link leads to the web, to a mailbox,
or to a place of the report. Besides CommonMark there are, outside code, where a backslash keeps the braces as they are:

    {{ ... }}                   a number of the report, or a link to a finding: `values`
    @fig:ID @table:ID           a link to a figure, table or section by its id; @fig:{ID} where a letter follows
    [text](#fig:ID)             the same in words of one's own: fig, table, section, finding, image

A report may come from anybody: what is nested without end, or longer than a note may be, is refused.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal, TypeAlias
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from reportgen.notes.limits import (
    MOST_BRACKETS,
    MOST_BYTES,
    MOST_EXPRESSION,
    MOST_MARKS,
    MOST_NESTED,
    MOST_REFERENCES,
    MOST_TOGETHER,
)
from reportgen.utils.errors import UsageError

Kind: TypeAlias = Literal[
    "heading", "paragraph", "bullets", "numbers", "item", "quotation", "code_block", "rule",
    "text", "strong", "emphasis", "code", "break", "space", "link", "reference", "expression",
]  # fmt: skip
TARGETS = ("fig", "table", "section", "finding", "image")
SCHEMES = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x1f\x7f]+", re.IGNORECASE)
_EXPRESSION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_MENTION = re.compile(r"@(fig|table|section):(?:\{([^{}\n]{1,200})\}|([^\W_](?:[\w.@~-]{0,198}\w)?))")
_NESTING = {
    "heading": "heading", "paragraph": "paragraph", "bullet_list": "bullets", "ordered_list": "numbers", "list_item": "item",
    "blockquote": "quotation", "strong": "strong", "em": "emphasis", "link": "link",
}  # fmt: skip


@dataclass(frozen=True)
class Node:
    """A piece of an author's words.

    Attributes:
        line: in the note, from 1.
        text: of text and code; of a link the address; of a reference the id; of an expression what stands in the braces.
        level: of a heading as written, 1 to 6; the first number of a list.
        target: what a reference is to, one of `TARGETS`.
        fault: what a reader does not get, in words for the author: a picture, an address that is not followed.
    """

    kind: Kind
    line: int
    text: str = ""
    level: int = 0
    target: str = ""
    fault: str = ""
    children: tuple[Node, ...] = ()


def parse(text: str, name: str) -> tuple[Node, ...]:
    """The nodes of a note.

    Args:
        name: of the note, for messages.

    Raises:
        UsageError: it is larger than a note may be, nested too deep, or full of brackets.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise UsageError(f"{name}: larger than {MOST_BYTES >> 10} KiB; a note is a text, and not a book")
    if text.count("[") > MOST_BRACKETS:
        raise UsageError(f"{name}: more than {MOST_BRACKETS} opening brackets")
    if text.count("*") + text.count("_") > MOST_MARKS:
        raise UsageError(f"{name}: more than {MOST_MARKS} asterisks and underscores")
    if text.count("{{") + text.count("@") > MOST_REFERENCES:
        raise UsageError(f"{name}: more than {MOST_REFERENCES} references")
    tokens = _parser().parse(text)
    for token in tokens:
        if max([token.level, *(inner.level for inner in token.children or ())]) > MOST_NESTED:
            line = token.map[0] + 1 if token.map else 1
            raise UsageError(f"{name} line {line}: lists, quotations or emphases nested more than {MOST_NESTED} deep")
    return _nodes(tokens, 1)


def require_bounded(texts: Sequence[str], name: str) -> None:
    """Raises: UsageError: the notes of a report, together, are more than is laid out; `name` is what messages call them."""
    if sum(map(len, texts)) > MOST_TOGETHER:
        raise UsageError(f"{name}: the notes are larger than {MOST_TOGETHER >> 20} MiB together")


def walk(nodes: Sequence[Node]) -> Iterator[Node]:
    """Every node, in reading order."""
    for node in nodes:
        yield node
        yield from walk(node.children)


def words_of(nodes: Sequence[Node]) -> str:
    """The text of nodes without what marks it."""
    return "".join(" " if node.kind in ("break", "space") else node.text for node in walk(nodes) if node.kind != "link")


@cache
def _parser() -> MarkdownIt:
    # One level more than is taken, so that what is too deep is seen and not lost.
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 4 * MOST_NESTED})
    # Addresses are judged by `_link`, which can say so; here a refused one would stay as brackets.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    parser.inline.ruler.before("escape", "expression", _expression_rule)
    parser.inline.ruler.before("escape", "mention", _mention_rule)
    return parser


def _expression_rule(state: StateInline, silent: bool) -> bool:
    """`{{ ... }}`; without an end it is an expression too, whose fault is said."""
    if not state.src.startswith("{{", state.pos):
        return False
    match = _EXPRESSION.match(state.src, state.pos, min(state.posMax, state.pos + MOST_EXPRESSION + 4))
    if not silent:
        token = state.push("expression", "", 0)
        token.content = match[1].strip() if match else ""
        token.meta = {"at": state.pos}
    state.pos = match.end() if match else state.pos + 2
    return True


def _mention_rule(state: StateInline, silent: bool) -> bool:
    """`@fig:ID`, where no word goes before it (an address of e-mail)."""
    match = _MENTION.match(state.src, state.pos, state.posMax) if state.src[state.pos] == "@" else None
    if match is None or (state.pos and re.match(r"\w", state.src[state.pos - 1])):
        return False
    if not silent:
        token = state.push("mention", "", 0)
        token.content = match[2] or match[3]
        token.meta = {"at": state.pos, "target": match[1]}
    state.pos = match.end()
    return True


# --- tokens -> nodes -----------------------------------------------------------------------------


def _nodes(tokens: Sequence[Token], line: int) -> tuple[Node, ...]:
    """Nested nodes of a flat list of tokens that open and close."""
    made: list[Node] = []
    start = 0
    while start < len(tokens):
        token = tokens[start]
        here = token.map[0] + 1 if token.map else line
        if token.nesting == 1:
            end = _end(tokens, start)
            inner = _nodes(tokens[start + 1 : end], here)
            made += inner if token.hidden else [_nested(token, inner, here)]  # a paragraph of a tight list is none
            start = end
        elif token.type == "inline":
            made += _inline(token.children or [], here, partial(_line_of, here, _line_ends(token.content)))
        else:
            made += _leaf(token, here)
        start += 1
    return tuple(made)


def _inline(tokens: Sequence[Token], here: int, line_of: Callable[[int], int]) -> tuple[Node, ...]:
    """The nodes of a paragraph, or of a part of it that begins in line `here`; `line_of` knows the line of a place in it."""
    made: list[Node] = []
    start = 0
    while start < len(tokens):
        token = tokens[start]
        if token.nesting == 1:
            end = _end(tokens, start)
            inner = tokens[start + 1 : end]
            made.append(_nested(token, _inline(inner, here, line_of), here))
            here += sum(one.type in ("softbreak", "hardbreak") for one in inner)
            start = end
        else:
            made += _leaf(token, line_of(token.meta["at"]) if "at" in token.meta else here)
            here += token.type in ("softbreak", "hardbreak")
        start += 1
    return tuple(made)


def _line_ends(text: str) -> list[int]:
    return [match.start() for match in re.finditer("\n", text)]


def _line_of(first: int, ends: Sequence[int], at: int) -> int:
    """The line of a place of a text that begins in line `first`."""
    return first + bisect_left(ends, at)


def _end(tokens: Sequence[Token], start: int) -> int:
    """Where what opens at `start` closes."""
    depth = 0
    for end in range(start, len(tokens)):
        depth += tokens[end].nesting
        if depth == 0:
            return end
    raise ValueError("markdown-it-py closes what it opens")


def _nested(token: Token, children: tuple[Node, ...], line: int) -> Node:
    kind = _NESTING[token.type.removesuffix("_open")]
    if kind == "link":
        return _link(str(token.attrs.get("href", "")), children, line)
    level = int(token.tag[1]) if kind == "heading" else int(token.attrs.get("start", 1)) if kind == "numbers" else 0
    return Node(kind, line, level=level, children=children)  # type: ignore[arg-type]


def _leaf(token: Token, line: int) -> tuple[Node, ...]:
    content = token.content
    match token.type:
        case "text" | "text_special" | "entity":
            return (Node("text", line, content),) if content else ()
        case "code_inline":
            return (Node("code", line, content),)
        case "fence" | "code_block":
            return (Node("code_block", line, content.removesuffix("\n")),)
        case "hr":
            return (Node("rule", line),)
        case "softbreak":
            return (Node("space", line),)
        case "hardbreak":
            return (Node("break", line),)
        case "mention":
            return (Node("reference", line, content, target=str(token.meta["target"])),)
        case "expression":
            return (Node("expression", line, content),)
        case "image":
            fault = "a picture is not shown, its description is; refer to a figure of the report with @fig:ID"
            return (Node("text", line, content or "…", fault=fault),)
    raise ValueError(f"markdown-it-py makes a {token.type}")


def _link(address: str, children: tuple[Node, ...], line: int) -> Node:
    """A link to the web, to a mailbox, or to a place of the report; any other address is not followed."""
    if address.startswith("#"):
        target, colon, name = unquote(address[1:]).partition(":")
        if not (colon and target in TARGETS):
            # Sections and findings have ids that none of the others has.
            target, name = "", unquote(address[1:])
        return Node("reference", line, name, target=target or "any", children=children)
    if SCHEMES.fullmatch(address):
        return Node("link", line, address, children=children)
    fault = "a link leads to http, https or mailto, or to a place of the report (#fig:ID); this one is not followed"
    return Node("link", line, "", fault=fault, children=children)
