"""A user's list of class names in index order, in the forms and encodings that people have.

Text, one name a line (Places365: with the index behind it); CSV, `index,name` or `name`; JSON, a list, `id2label`,
`label2id`, or a table with one of them or `names`.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reportgen.utils.encodings import unicode_encoding
from reportgen.utils.errors import UsageError
from reportgen.utils.terminal_text import printable
from reportgen.utils.untrusted_files import is_file, read_at_most

# categories_places365.txt: "/a/airport_terminal 2", "/a/apartment_building/outdoor 8".
_PLACES_LINE = re.compile(r"/\w/(\S+) (\d+)")
# "0 cat", and with a mark between them that no name has: "0: cat", "0. cat", "0) cat", "0|cat".
_NUMBERED_LINE = re.compile(r"([0-9]{1,6})(?:\s*[:|=]\s*|[.)]\s+|\s+-\s+|\s+)(\S.*)")
_MARKED_LINE = re.compile(r"([0-9]{1,6})(?:\s*[:|=]\s*|[.)]\s+|\s+-\s+)(\S.*)")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_DELIMITERS = ("\t", ";", ",")
_HEADER_INDEX = frozenset({"index", "idx", "id", "class_id", "class_index", "label_id", "number", "class_idx"})
_HEADER_NAME = frozenset({"name", "class", "class_name", "classname", "label", "label_name"})


@dataclass(frozen=True)
class ClassFile:
    """Class names in index order, no two alike; `notes` says what was done to them, for the report."""

    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_class_names(path: Path, expected: int | None = None) -> tuple[str, ...]:
    """The names alone; see `read_class_file`."""
    return read_class_file(path, expected).names


def read_class_file(path: Path, expected: int | None = None) -> ClassFile:
    """Class names in index order. A Places365 category `/a/apartment_building/outdoor 8` reads as class 8, `apartment
    building, outdoor`. Of names that stand twice each gets its index, since nothing tells two classes of one name apart.

    Args:
        expected: how many the network has; None for any number.

    Raises:
        UsageError: no such file, of no encoding or form that is read, a doubled or missing index, a blank line between
            names, or another number of names.
    """
    if not is_file(path):
        raise UsageError(f"{path}: no such file of class names")
    text = _decoded(path)
    start = text.lstrip()[:1]
    names = _from_json(path, text) if start in ("{", "[") else _from_lines(path, text)
    _require_text(path, names)
    if not names or (expected is not None and len(names) != expected):
        raise UsageError(f"{path}: {len(names)} class names, {expected or 'at least one'} expected")
    return ClassFile(*unique_names(names))


def _require_text(path: Path, names: Sequence[str]) -> None:
    """Refuse names that a terminal would obey, or that turn the text around them; joiners within words are text."""
    for index, name in enumerate(names):
        plain = name.replace("\u200c", "").replace("\u200d", "")
        if printable(plain) != plain:
            raise UsageError(
                f"{path}: class {index} has a character that cannot be printed: {printable(name, 60)}; take it out"
            )


def unique_names(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names with the index behind each that stands twice, and a note for the report where there is one."""
    doubled = {name for name, count in Counter(names).items() if count > 1}
    if not doubled:
        return tuple(names), ()
    # A name that is made may itself stand there.
    unique = [f"{name} ({index})" if name in doubled else name for index, name in enumerate(names)]
    if len(set(unique)) < len(unique):
        unique = [f"{name} ({index})" for index, name in enumerate(names)]
    shown = ", ".join(sorted(doubled)[:3]) + (", …" if len(doubled) > 3 else "")
    return tuple(unique), (f"class names that stand more than once carry their index ({shown})",)


def names_by_index(pairs: Sequence[tuple[object, object]]) -> tuple[str, ...] | None:
    """Names from (index, name), in any order; an index may be text. None unless the indices are 0, 1, 2, ... once each."""
    by_index: dict[int, str] = {}
    for index, name in pairs:
        plain = type(index) is int or (isinstance(index, str) and index.strip().isascii() and index.strip().isdigit())
        if not plain or not isinstance(name, str) or len(str(index)) > 9:
            return None
        by_index[int(str(index))] = name.strip()
    if len(by_index) != len(pairs) or set(by_index) != set(range(len(pairs))):
        return None
    return tuple(by_index[index] for index in range(len(pairs)))


def _decoded(path: Path) -> str:
    data = read_at_most(path)
    try:
        text = data.decode(unicode_encoding(data))
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not text in UTF-8 or UTF-16; save it as UTF-8") from None
    if "\0" in text:
        raise UsageError(f"{path}: not a text file of class names; save it as UTF-8, one name a line")
    return text


# --- JSON ----------------------------------------------------------------------------------------


def _from_json(path: Path, text: str) -> tuple[str, ...]:
    try:
        value = json.loads(text, object_pairs_hook=_table_of)
    except _DoubledKey as doubled:
        raise UsageError(f"{path}: {printable(str(doubled), 60)!r} stands twice; take one of the two out") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{path}: begins like JSON and is not; check its brackets and commas") from None
    for key in ("id2label", "label2id", "names", "classes", "class_names"):
        if isinstance(value, dict) and isinstance(value.get(key), dict | list):
            value = value[key]
            break
    if isinstance(value, list):
        if not all(isinstance(name, str) and name.strip() for name in value):
            raise UsageError(f"{path}: a list of class names holds text only, none of it blank")
        return tuple(name.strip() for name in value)
    pairs = list(value.items())
    indices = bool(pairs) and all(_is_index(value) for _, value in pairs)
    # {"0": "7"} is a class 0 called 7.
    if indices and (all(type(value) is int for _, value in pairs) or not all(_is_index(key) for key, _ in pairs)):
        pairs = [(index, name) for name, index in pairs]
    # Keras's imagenet_class_index.json: {"0": ["n01440764", "tench"]}.
    pairs = [(index, name[1] if isinstance(name, list) and len(name) == 2 else name) for index, name in pairs]
    return _ordered(path, pairs)


class _DoubledKey(Exception):
    """A table that says two things of one key: the last would count, and nobody would know."""


def _table_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise _DoubledKey(next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1))
    return table


def _is_index(value: object) -> bool:
    return type(value) is int or (isinstance(value, str) and value.isascii() and value.isdigit())


def _ordered(path: Path, pairs: Sequence[tuple[object, object]]) -> tuple[str, ...]:
    names = names_by_index(pairs)
    if names is None:
        raise UsageError(f"{path}: the indices of its {len(pairs)} classes are not 0 to {len(pairs) - 1}, each once")
    if not all(names):
        raise UsageError(f"{path}: class {names.index('')} has no name")
    return names


# --- lines ---------------------------------------------------------------------------------------


def _from_lines(path: Path, text: str) -> tuple[str, ...]:
    lines = [line.strip() for line in text.strip("\r\n \t").splitlines()]
    if not text.strip():
        return ()
    if "" in lines:
        raise UsageError(
            f"{path}: line {lines.index('') + 1 + _blank_before(text)} is blank, and every name behind it would be another class's; "
            "take it out, or name the class"
        )
    places = [_PLACES_LINE.fullmatch(line) for line in lines]
    if all(places):
        pairs = [(int(match[2]), match[1].replace("/", ", ").replace("_", " ")) for match in places if match]
        return _ordered(path, pairs)
    numbered = _numbered(path, lines)
    if numbered is not None:
        return numbered
    rows = _rows(path, lines)
    if rows is None:
        return tuple(lines)
    return _from_rows(path, rows)


def _numbered(path: Path, lines: Sequence[str]) -> tuple[str, ...] | None:
    """Names of lines with a number in front of each, in the order of the numbers; None where they are plain names ("7 up")."""
    matches = [_NUMBERED_LINE.fullmatch(line) for line in lines]
    pairs = [(int(match[1]), match[2]) for match in matches if match]
    if len(pairs) < len(lines):
        return None
    if {number for number, _ in pairs} == set(range(len(lines))):
        return _ordered(path, pairs)
    # A mark behind every number makes them a list, which counts from 1 or has a hole: nobody knows whose names these are.
    return _ordered(path, pairs) if len(lines) > 1 and all(_MARKED_LINE.fullmatch(line) for line in lines) else None


def _blank_before(text: str) -> int:
    """Lines before the first name."""
    return text[: len(text) - len(text.lstrip())].count("\n")


def _rows(path: Path, lines: Sequence[str]) -> list[list[str]] | None:
    """The lines as a table of an index and a name, or of names alone in quotes or under a header; None where they are plain
    names (which may hold commas)."""
    for delimiter in _DELIMITERS:
        try:
            rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
        except csv.Error:
            continue
        numbered = [_index_column(row) is not None for row in rows]
        if rows and (_is_header(rows[0]) or all(numbered)):
            return rows
        if len(rows) > 1 and all(len(row) > 2 and row[0].isascii() and row[0].isdigit() for row in rows):
            raise UsageError(
                f"{path}: its rows have {len(rows[0])} columns and no header; write index,name, or name the columns in the first line"
            )
        if 2 * sum(numbered) > len(rows) > 2:
            raise UsageError(f"{path}: line {numbered.index(False) + 1} has no index and name, as most lines have")
    if lines[0].strip('"').lower() in _HEADER_NAME and len(lines) > 1:
        return [[_unquoted(line)] for line in lines]
    return [[_unquoted(line)] for line in lines] if all(_QUOTED.fullmatch(line) for line in lines) else None


def _unquoted(line: str) -> str:
    return line[1:-1].replace('""', '"').strip() if _QUOTED.fullmatch(line) else line


def _is_header(row: Sequence[str]) -> bool:
    cells = set(_header_cells(row))
    return bool(cells & _HEADER_INDEX) and bool(cells & _HEADER_NAME)


def _header_cells(row: Sequence[str]) -> list[str]:
    """As the names of columns are known here: "Class ID" is "class_id"."""
    return [re.sub(r"[\s-]+", "_", cell.lower()) for cell in row]


def _index_column(row: Sequence[str]) -> int | None:
    """Where the index stands in a row of two: the first or the last."""
    if len(row) != 2:
        return None
    return next((at for at in (0, 1) if row[at].isascii() and row[at].isdigit()), None)


def _from_rows(path: Path, rows: list[list[str]]) -> tuple[str, ...]:
    if len(rows[0]) == 1:
        return tuple(row[0] for row in rows[rows[0][0].lower() in _HEADER_NAME :])
    if _is_header(rows[0]):
        long = next(
            (number for number, row in enumerate(rows, 1) if len([cell for cell in row if cell]) > len(rows[0])), None
        )
        if long is not None:
            raise UsageError(f"{path}: row {long} has more columns than the header; put a name with commas in quotes")
        cells = _header_cells(rows[0])
        index = next(at for at, cell in enumerate(cells) if cell in _HEADER_INDEX)
        name = next(at for at, cell in enumerate(cells) if cell in _HEADER_NAME)
        rows = rows[1:]
    else:
        columns = {_index_column(row) for row in rows}
        index = 0 if 0 in columns else 1
        name = 1 - index
    if any(len(row) <= max(index, name) for row in rows):
        raise UsageError(f"{path}: a row has no name; each has an index and a name")
    return _ordered(path, [(row[index], row[name]) for row in rows])
