"""A report's part of a model card: a section between two marks, and metadata that the user has not given.

What lies between the marks is ours and is written anew; nothing else of the file changes. So are lines between the same marks in
the metadata (YAML between two lines `---`): keys that the user has keep their values, and ours stand only where there is none.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from reportgen.rendering.context import page_context
from reportgen.rendering.manuscript.pictures import own_place
from reportgen.rendering.markdown.card import TASK, Card, card, picture_name
from reportgen.rendering.sources import sources
from reportgen.rendering.templates import BASE, find_template
from reportgen.rendering.words import chosen_language, read_words
from reportgen.report.document import Report
from reportgen.utils.errors import UsageError
from reportgen.utils.files import write_file
from reportgen.utils.untrusted_files import is_file, read_at_most

START, END = "<!-- reportgen:start -->", "<!-- reportgen:end -->"
YAML_START, YAML_END = "# reportgen:start", "# reportgen:end"
_FRONT = re.compile(r"\A(\ufeff?---[ \t]*\r?\n)(.*?)(^---[ \t]*(?:\r?\n|\Z))", re.DOTALL | re.MULTILINE)
_OWN = re.compile(rf"^{YAML_START}[ \t]*\r?\n.*?^{YAML_END}[ \t]*\r?\n", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Written:
    """What `write_card` did: the card's text, the pictures beside it, and keys that the user has kept."""

    text: str
    pictures: tuple[Path, ...]
    kept: tuple[str, ...]


def write_card(report: Report, run: Path, into: Path | None = None, pictures: Path | None = None) -> Written:
    """Write the section of a report into a model card, or make a card of it alone.

    Args:
        run: the folder that holds the report's pictures.
        into: the card; made where it is missing; None: nothing is written but the pictures.
        pictures: the folder that a few pictures are copied into; None: the card shows none.

    Raises:
        UsageError: the card is no text, its metadata are no YAML, or its marks are not a pair.
        ReportgenError: a picture is missing, or a file cannot be written.
    """
    template = find_template(BASE)
    language = chosen_language(template, report.document.language)
    context = page_context(report, "manuscript", template.file, language, read_words(template, language))
    made = card(context, _link(pictures, into))
    old = _read(into) if into is not None and into.exists() else ""
    text, kept = merged(old, made)
    copied = []
    if pictures is not None:
        files = sources(report, run, template.folders)
        for picture in made.pictures:
            own_place(picture.file, pictures)
            target = pictures / picture_name(picture.file)
            write_file(target, files.picture(picture.file).read_bytes())
            copied.append(target)
    if into is not None:
        write_file(into, text.encode())
    return Written(text, tuple(copied), tuple(kept))


def merged(old: str, made: Card) -> tuple[str, list[str]]:
    """The card's text with this report in it, and the keys of metadata that were the user's and stayed.

    Args:
        old: the card so far; empty: there is none.

    Raises:
        UsageError: see `write_card`.
    """
    end = "\r\n" if "\r\n" in old else "\n"
    metadata, rest, kept = _with_metadata(old, made, end)
    blocks = "\n\n".join(made.blocks).replace("\n", end)
    section = f"{START}{end}{end}{blocks}{end}{end}{END}"
    starts, ends = (list(re.finditer(rf"^{mark}(?=\s*$)", rest, re.MULTILINE)) for mark in (START, END))
    if not starts and not ends:
        gap = "" if not rest.strip() else end if rest.endswith("\n") else end + end
        return f"{metadata}{rest}{gap}{section}{end}", kept
    if len(starts) != 1 or len(ends) != 1 or ends[0].start() < starts[0].start():
        raise UsageError(f"the card has {START} and {END} not once each, in this order: take out what is left of them")
    return metadata + rest[: starts[0].start()] + section + rest[ends[0].end() :], kept


def _read(path: Path) -> str:
    if not is_file(path):
        raise UsageError(f"{path}: is no file; give the card's file with --into")
    try:
        return read_at_most(path).decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is no UTF-8 text; save it as that, or give another file") from None


def _link(pictures: Path | None, into: Path | None) -> str | None:
    """The folder of the pictures as seen from the card."""
    if pictures is None:
        return None
    link = os.path.relpath(pictures.resolve(), (into.resolve().parent if into else Path.cwd()))
    return "" if link == "." else Path(link).as_posix()


# --- metadata ------------------------------------------------------------------------------------


def _with_metadata(old: str, made: Card, end: str) -> tuple[str, str, list[str]]:
    """The metadata with ours, what follows them, and which keys of the user's stayed in place of ours."""
    found = _FRONT.match(old)
    if found is None:
        return f"---{end}{_own_lines(made, set(), end)}---{end}{end}", old, []
    front = _OWN.sub("", found[2])
    keys = _keys(front)
    kept = sorted(keys & set(_entries(made)))
    if front and not front.endswith("\n"):
        front += end
    return found[1] + front + _own_lines(made, keys, end) + found[3], old[found.end() :], kept


def _keys(front: str) -> set[str]:
    """The keys of the user's own metadata; read as a tree, so that nothing of it is made or unfolded."""
    try:
        tree = yaml.compose(front, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise UsageError(f"the card's metadata, between its lines ---, are no YAML: {reason}") from None
    if tree is None:
        return set()
    if not isinstance(tree, yaml.MappingNode) or tree.flow_style:
        raise UsageError("the card's metadata, between its lines ---, are no keys with values, a line each")
    return {str(key.value) for key, _ in tree.value}


def _own_lines(made: Card, keys: set[str], end: str) -> str:
    """Our keys that the user has not, between marks."""
    lines = [line for key, own in _entries(made).items() if key not in keys for line in own]
    return "".join(line + end for line in (YAML_START, *lines, YAML_END)) if lines else ""


def _entries(made: Card) -> dict[str, Sequence[str]]:
    """What the metadata may say, by key: lines of YAML."""
    entries: dict[str, Sequence[str]] = {"pipeline_tag": [f"pipeline_tag: {TASK}"]}
    if made.metrics and made.model:
        entries["model-index"] = list(_model_index(made))
    return entries


def _model_index(made: Card) -> Iterator[str]:
    """Results as the hub reads them (huggingface_hub, `ModelCardData`)."""
    yield "model-index:"
    yield f"- name: {_quoted(made.model)}"
    yield "  results:"
    yield from ("  - task:", f"      type: {TASK}", "    dataset:", "      type: imagefolder")
    yield f"      name: {_quoted(made.images)}"
    yield "    metrics:"
    for metric in made.metrics:
        yield f"    - type: {_quoted(metric.kind)}"
        yield f"      name: {_quoted(metric.name)}"
        yield f"      value: {metric.value!r}"


def _quoted(text: str) -> str:
    """A text in double quotes, which YAML reads back as it is; what YAML may not hold is escaped as YAML escapes."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if " " <= c <= "~" or (c.isalnum() and ord(c) < 0x10000) else _escape(c) for c in quoted)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"
