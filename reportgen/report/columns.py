"""Parquet files of a run of many images: all images a row each, and all rows of a long table. Written and read by row groups.

    write_images(path, images, warnings)   images.parquet, from images that are never all held at once
    write_rows(path, table)                a table's rows
    open_images(path, records)             context: names and hashes of all images, and the record of any
    read_rows(path, table)                 a table with all of its rows

images.parquet has for each image its name, slug, hash and size, every number and text that its record holds outside of lists, under dotted
keys (`cams.gradcam.gini`), its warnings, and under `record` the whole record as JSON. Equal images give equal bytes; no date is in it.

A file may come from anybody. Its size and hash have to be those that the report says, what is read at once is bounded, texts that repeat
are not written out, and records go through the document's own model. pyarrow is an extra, and imported where it is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from reportgen.report.blocks import Cell, Table
from reportgen.report.document import ImageRecord, Records, Warning_
from reportgen.report.limits import DEFAULT_LIMITS, ReadLimits
from reportgen.utils.errors import ReportgenError, UsageError
from reportgen.utils.hashing import file_sha256
from reportgen.utils.json_types import JSON
from reportgen.utils.untrusted_files import is_file

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.parquet import ParquetFile

T = TypeVar("T")

IMAGES_FILE = "images.parquet"
RECORD, WARNINGS = "record", "warnings"
# Images or rows that are written together, and read together at most.
GROUP = 500
NEEDS = "needs pyarrow, which is not installed: pip install 'reportgen[columns]'"
# Of an image what is a name, a place or a hash, and no number.
NO_NUMBERS = ("name", "slug", "sha256", "picture")
_FIRST = ("name", "slug", "sha256")
_INTEGERS = range(-(2**63), 2**63)


def require_writable(images: int, most: int) -> None:
    """Require what a run of more than `most` images needs.

    Raises:
        UsageError: pyarrow is not installed.
    """
    if images <= most:
        return
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise UsageError(
            f"{images} images are more than document.records = {most}, and {IMAGES_FILE} {NEEDS}"
        ) from None


def scalars_of(image: ImageRecord) -> Iterator[tuple[str, Cell]]:
    """Whatever the record of an image says that is no list, under dotted keys; names, places and hashes are left out."""
    data = image.model_dump(mode="json", exclude=set(NO_NUMBERS))
    for group in ("label", "prediction", "target"):
        values = data.pop(group) or {}
        yield group, values.pop("name", None)
        yield from _scalars(values, f"{group}.")
    yield from _scalars(data, "")


def _scalars(values: Mapping[str, object], prefix: str) -> Iterator[tuple[str, Cell]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _scalars(value, f"{prefix}{key}.")
        elif value is None or isinstance(value, str | int | float):
            yield f"{prefix}{key}", value


# --- writing -------------------------------------------------------------------------------------


def write_images(path: Path, images: Iterable[ImageRecord], warnings: Mapping[str, Sequence[Warning_]]) -> None:
    """Write images.parquet.

    Args:
        images: in the run's order; walked twice, for the columns are known when every image was looked at.
        warnings: by name of an image those about it.
    """
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    kinds: dict[str, set[type]] = {}
    for image in images:
        for key, cell in scalars_of(image):
            kinds.setdefault(key, set()).add(_kind(cell))
    taken = (*_FIRST, WARNINGS, RECORD)
    types = {key: _type(found) for key, found in kinds.items() if key not in taken}
    text = pyarrow.string()
    said = pyarrow.list_(pyarrow.struct([("code", text), ("text", text), ("name", text)]))
    ends = [(key, text) for key in _FIRST], [(WARNINGS, said), (RECORD, text)]
    schema = pyarrow.schema([*ends[0], *types.items(), *ends[1]])
    dictionaries = [key for key, type_ in types.items() if type_ == text]
    with ParquetWriter(path, schema, compression="zstd", use_dictionary=dictionaries) as writer:
        for group in _grouped(images):
            cells = [dict(scalars_of(image)) for image in group]
            columns: dict[str, list[object]] = {key: [getattr(image, key) for image in group] for key in _FIRST}
            columns |= {key: [_fit(row.get(key), type_, text) for row in cells] for key, type_ in types.items()}
            columns[WARNINGS] = [[_said(one) for one in warnings.get(image.name, ())] for image in group]
            columns[RECORD] = [_json(image.model_dump(mode="json")) for image in group]
            writer.write_table(pyarrow.table(columns, schema=schema), row_group_size=GROUP)


def write_rows(path: Path, table: Table) -> None:
    """Write a table's rows, a column for each key. A column of numbers and texts is one of texts."""
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    text, places = pyarrow.string(), {column.key: i for i, column in enumerate(table.columns)}
    types = {key: _type({_kind(row[i]) for row in table.rows}) for key, i in places.items()}
    schema = pyarrow.schema(list(types.items()))
    dictionaries = [key for key, type_ in types.items() if type_ == text]
    with ParquetWriter(path, schema, compression="zstd", use_dictionary=dictionaries) as writer:
        for group in _grouped(table.rows):
            columns = {key: [_fit(row[i], types[key], text) for row in group] for key, i in places.items()}
            writer.write_table(pyarrow.table(columns, schema=schema), row_group_size=GROUP)


def _grouped(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while group := list(islice(rest, GROUP)):
        yield group


def _kind(cell: Cell) -> type:
    """What a cell asks of its column; of an integer that no column of integers holds, a text."""
    return str if isinstance(cell, int) and cell not in _INTEGERS else type(cell)


def _type(kinds: set[type]) -> pyarrow.DataType:
    """The type of a column: of numbers, of truth values, or else of texts; numbers where nothing stands in it."""
    import pyarrow

    found = kinds - {type(None)}
    if found == {bool}:
        return pyarrow.bool_()
    if found == {int}:
        return pyarrow.int64()
    return pyarrow.float64() if found <= {int, float} else pyarrow.string()


def _fit(cell: Cell, type_: pyarrow.DataType, text: pyarrow.DataType) -> Cell:
    return json.dumps(cell) if type_ == text and cell is not None and not isinstance(cell, str) else cell


def _said(warning: Warning_) -> dict[str, str]:
    return {"code": warning.code, "text": warning.text, "name": warning.name}


def _json(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


# --- reading -------------------------------------------------------------------------------------


class ImagesFile:
    """An open images.parquet."""

    def __init__(self, path: Path, file: ParquetFile, records: Records) -> None:
        self._path, self._file = path, file
        groups = file.metadata.num_row_groups
        self._sizes = [file.metadata.row_group(i).num_rows for i in range(groups)]
        if sum(self._sizes) != records.count or any(size > GROUP for size in self._sizes):
            raise UsageError(f"{path}: does not hold the {records.count} images of its report as reportgen writes them")
        self._held: tuple[int, list[str]] = -1, []

    def texts(self, column: str) -> list[str]:
        """A column of texts that every image has: `name`, `slug`, `sha256`."""
        with _reading(self._path):
            found = self._file.read(columns=[column]).column(column).to_pylist()
        if not all(isinstance(text, str) for text in found):
            raise UsageError(f"{self._path}: its column {column} lacks a value")
        return [str(text) for text in found]

    def scalars(self) -> dict[str, list[Cell]]:
        """The columns of what images' records say outside of lists, by their dotted keys."""
        apart = (*_FIRST, WARNINGS, RECORD)
        with _reading(self._path):
            schema = self._file.schema_arrow
            return {
                key: self._file.read(columns=[key]).column(key).to_pylist() for key in schema.names if key not in apart
            }

    def record(self, position: int) -> ImageRecord:
        """The record of an image; the images written beside it are at hand until another is asked for."""
        group = 0
        while position >= self._sizes[group]:
            position, group = position - self._sizes[group], group + 1
        if self._held[0] != group:
            self._held = group, self._group(group)
        try:
            return ImageRecord.model_validate_json(self._held[1][position])
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(str(part) for part in problem["loc"]) or "its first line"
            raise UsageError(f"{self._path}: holds no image of a report (at {where}: {problem['msg']})") from None

    def warnings(self) -> Iterator[Warning_]:
        """What a reader must know of single images, in their order."""
        for group in range(len(self._sizes)):
            with _reading(self._path):
                rows = self._file.read_row_group(group, columns=["name", WARNINGS]).to_pylist()
            for row in rows:
                for said in row[WARNINGS] or ():
                    try:
                        yield Warning_(image=row["name"], **said)
                    except (ValidationError, TypeError):
                        raise UsageError(f"{self._path}: its column {WARNINGS} is damaged") from None

    def _group(self, group: int) -> list[str]:
        with _reading(self._path):
            # As a dictionary: a text that is repeated is not written out.
            column = self._file.read_row_group(group, columns=[RECORD]).column(0)
            return [str(cell.as_py()) for cell in column]


@contextmanager
def open_images(path: Path, records: Records, limits: ReadLimits = DEFAULT_LIMITS) -> Iterator[ImagesFile]:
    """Open the images of a report.

    Raises:
        UsageError: pyarrow is not installed; the file is missing, is not the one that the report names, or cannot be read.
    """
    if not is_file(path):
        raise UsageError(f"{path}: no such file; every image of this report stands in it, so give the whole run folder")
    if path.stat().st_size != records.bytes or file_sha256(path) != records.sha256:
        raise UsageError(f"{path}: is not the file that the report describes; give the run folder as it was made")
    with _opened(path, limits, dictionaries=[RECORD]) as file:
        _require(path, file, ("name", "slug", "sha256", RECORD, WARNINGS))
        yield ImagesFile(path, file, records)


def read_rows(path: Path, table: Table, limits: ReadLimits = DEFAULT_LIMITS) -> Table:
    """The table with all of its rows.

    Raises:
        UsageError: see `open_images`.
    """
    if not is_file(path):
        raise UsageError(f"{path}: no such file; all rows of the table stand in it, so give the whole run folder")
    with _opened(path, limits) as file:
        keys = [column.key for column in table.columns]
        _require(path, file, keys)
        if file.metadata.num_rows != table.count:
            raise UsageError(f"{path}: does not hold the {table.count} rows of its table")
        with _reading(path):
            rows = [
                [row[key] for key in keys]
                for batch in file.iter_batches(GROUP, columns=keys)
                for row in batch.to_pylist()
            ]
    return table.model_copy(update={"rows": rows, "row_images": [], "all_rows": None})


def row_groups(path: Path, limits: ReadLimits = DEFAULT_LIMITS) -> Iterator[list[dict[str, JSON]]]:
    """The rows of a file of this run, some at a time, each by its columns; `record` as the JSON that it is.

    Raises:
        UsageError: see `open_images`.
    """
    with _opened(path, limits) as file, _reading(path):
        for batch in file.iter_batches(GROUP):
            rows = batch.to_pylist()
            yield [{**row, **({RECORD: json.loads(row[RECORD])} if RECORD in row else {})} for row in rows]


@contextmanager
def _opened(path: Path, limits: ReadLimits, dictionaries: Sequence[str] = ()) -> Iterator[ParquetFile]:
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise UsageError(f"{path}: reading it {NEEDS}") from None
    with _reading(path):
        if path.stat().st_size > limits.columns:
            raise UsageError(f"{path}: is larger than {limits.columns >> 30} GiB")
        bounds = {"thrift_string_size_limit": limits.file, "thrift_container_size_limit": limits.entries}
        with ParquetFile(path, pre_buffer=False, **bounds) as first:
            known = [key for key in dictionaries if key in first.schema_arrow.names]
        file = ParquetFile(path, read_dictionary=known, pre_buffer=False, **bounds)
    with file:
        found = file.metadata
        sizes = [found.row_group(i).total_byte_size for i in range(found.num_row_groups)]
        if any(size > limits.file for size in sizes) or found.num_columns > limits.entries:
            raise UsageError(f"{path}: a part of it is larger than {limits.file >> 20} MiB")
        yield file


def _require(path: Path, file: ParquetFile, keys: Sequence[str]) -> None:
    missing = [key for key in keys if key not in file.schema_arrow.names]
    if missing:
        raise UsageError(f"{path}: has no column {missing[0][:80]!r}, which every such file of reportgen's has")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """While it lasts, whatever goes wrong with a file of unknown origin is one line."""
    try:
        yield
    except ReportgenError:
        raise
    except Exception as error:  # a parser fed with untrusted bytes: whatever it meets, the file is at fault
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UsageError(f"{path}: not a Parquet file that can be read ({reason})") from None
