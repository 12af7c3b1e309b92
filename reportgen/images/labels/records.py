"""Labels as JSON: `{image: class}`, a list of records, or a record a line, as a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.tables import MAX_CELLS, MAX_TABLE_BYTES, Row, Table
from reportgen.images.texts import text_of
from reportgen.utils.json_types import JSON

SUFFIXES = (".json", ".jsonl", ".ndjson")
_MOST_KEYS = 100


def read_records(file: InputFile) -> Table | None:
    """The table that JSON of records is; None where it is anything else. Its lines count records.

    Raises:
        UnreadableFile: it is no text, or too large.
    """
    text = text_of(file.read(MAX_TABLE_BYTES))
    try:
        data = _records(text, by_line=PurePosixPath(file.name.casefold()).suffix != ".json")
    except (ValueError, RecursionError):
        return None
    if isinstance(data, Mapping) and data and all(isinstance(value, str | int | float) for value in data.values()):
        rows: list[Row] = [(line, (name, str(value))) for line, (name, value) in enumerate(data.items(), 1)]
        return Table(file.name, ("name", "class"), rows)
    if not isinstance(data, list) or not data or not all(isinstance(one, Mapping) for one in data):
        return None
    keys = list(dict.fromkeys(key for one in data[:_MOST_KEYS] for key in list(one)[:_MOST_KEYS]))[:_MOST_KEYS]
    if len(keys) * len(data) > MAX_CELLS:
        raise UnreadableFile(f"a table of more than {MAX_CELLS} cells")
    return Table(file.name, tuple(keys), [(line, tuple(_cells(one, keys))) for line, one in enumerate(data, 1)])


def _records(text: str, *, by_line: bool) -> JSON:
    return [json.loads(line) for line in text.split("\n") if line.strip()] if by_line else json.loads(text)


def _cells(record: JSON, keys: list[str]) -> Iterator[str]:
    assert isinstance(record, Mapping)
    for key in keys:
        value = record.get(key)
        yield str(value).strip() if isinstance(value, str | int | float) else ""
