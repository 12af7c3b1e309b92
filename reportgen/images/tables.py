"""A table in a text file, in the dialect that it was written in: separator, quoting, line ends, encoding."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.texts import readings

# Where several part a table equally well, the first: a comma is more often part of a cell.
SEPARATORS = ("\t", ";", "|", ",")
MAX_TABLE_BYTES, MAX_CELLS = 64 * 2**20, 16_000_000
_SAMPLE, _SAMPLE_ROWS = 64 * 2**10, 50
# Excel's own first line, which no other program takes for one of the table.
_DECLARED = re.compile(r'\ufeff?"?sep=(.)"?[ \t]*(?:\r\n|\r|\n|$)', re.IGNORECASE)

Row = tuple[int, tuple[str, ...]]


@dataclass(frozen=True)
class Table:
    """Cells stripped of blanks around them.

    Attributes:
        file: its name.
        header: the first row that is not blank, be it a header or not.
        rows: (line in the file, cells) of the others, without blank ones. One may have fewer or more cells than the header.
        header_line: the line in the file that the header ends in.
        separator: what parts its cells.
    """

    file: str
    header: tuple[str, ...]
    rows: Sequence[Row]
    header_line: int = 1
    separator: str = ","

    def column(self, words: Sequence[str]) -> int | None:
        """The place of the column that is called by one of these words, the first word first; whatever case, blank or line in it."""
        called = [plain_word(cell) for cell in self.header]
        return next((called.index(word) for word in words if word in called), None)


def plain_word(cell: str) -> str:
    """`File Name`, `file-name` and `file_name` are one word."""
    return "".join(character for character in cell.casefold() if character.isalnum())


def read_table(file: InputFile, fits: Callable[[Table], int] | None = None) -> Table:
    """Read a table.

    Args:
        fits: how many known things a table names; where its encoding or separator cannot be told for sure, the reading that names
            most holds.

    Raises:
        UnreadableFile: no text, no row, too large, or not as any separator parts a table; the reason names the line where there is one.
    """
    tables: list[Table] = []
    failure = UnreadableFile("an empty table")
    for text in readings(file.read(MAX_TABLE_BYTES), unsure=fits is not None):
        declared = _DECLARED.match(text)
        for separator in declared[1] if declared else _separators(text):
            try:
                tables.append(
                    _table_of(file.name, text[declared.end() :] if declared else text, separator, declared is not None)
                )
            except UnreadableFile as error:
                failure = error
            if fits is None and tables:
                return tables[0]
    if not tables:
        raise failure
    return max(tables, key=fits) if fits is not None and len(tables) > 1 else tables[0]


def _table_of(name: str, text: str, separator: str, below: int) -> Table:
    """Args: below: how many lines of the file stand above the text."""
    if text.count(separator) > MAX_CELLS:
        raise UnreadableFile(f"a table of more than {MAX_CELLS} cells")
    rows: list[Row] = []
    for line, cells in _rows(text, separator):
        rows.append((line + below, cells))
        if len(rows) > MAX_CELLS // 8:
            raise UnreadableFile(f"a table of more than {MAX_CELLS // 8} rows")
    if not rows:
        raise UnreadableFile("an empty table")
    return Table(name, rows[0][1], rows[1:], rows[0][0], separator)


def _rows(text: str, separator: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            # A second byte order mark stands in front where a program wrote its own before another's.
            cells = tuple(cell.strip("\ufeff\u200b").strip() for cell in row)
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise UnreadableFile(f"line {max(1, reader.line_num)}: not a table ({error})") from None


def _separators(text: str) -> list[str]:
    """Those that part the first rows into the same number of cells most often, at least two; a comma where none does."""
    sample = text[:_SAMPLE]

    def consistency(separator: str) -> float:
        reader = csv.reader(io.StringIO(sample, newline=""), delimiter=separator, skipinitialspace=True)
        widths: list[int] = []
        try:
            for row in reader:
                if any(cell.strip() for cell in row) and not row[0].startswith("#"):
                    widths.append(len(row))
                if len(widths) == _SAMPLE_ROWS:
                    break
        except csv.Error:  # said with its line when the table is read
            pass
        return widths.count(widths[0]) / len(widths) if widths and widths[0] > 1 else 0.0

    found = {separator: consistency(separator) for separator in SEPARATORS}
    best = max(found.values())
    return [separator for separator in SEPARATORS if found[separator] == best] if best > 0 else [","]
