"""A table in a text file, in the dialect that it was written in: separator, quoting, line ends, encoding."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.texts import text_in

SEPARATORS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Table:
    """Cells stripped of blanks around them. `rows`: (line in the file, cells), without the header and without blank rows.

    A row may have fewer or more cells than the header.
    """

    file: str
    header: tuple[str, ...]
    rows: Sequence[tuple[int, tuple[str, ...]]]

    def column(self, words: Sequence[str]) -> int | None:
        """The place of the column that is called by one of these words, the first word first; whatever case, blank or line in it."""
        called = [plain_word(cell) for cell in self.header]
        return next((called.index(word) for word in words if word in called), None)


def plain_word(cell: str) -> str:
    """`File Name`, `file-name` and `file_name` are one word."""
    return "".join(character for character in cell.casefold() if character.isalnum())


def read_table(file: InputFile) -> Table:
    """Read a table.

    Raises:
        UnreadableFile: no text, no row, or not as any separator parts a table; the reason names the line where there is one.
    """
    text = text_in(file)
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    separator = max(SEPARATORS, key=first.count)  # the first of several that part it as often
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[tuple[int, tuple[str, ...]]] = []
    try:
        for row in reader:
            cells = tuple(cell.strip() for cell in row)
            if any(cells):
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise UnreadableFile(f"line {max(1, reader.line_num)}: not a table ({error})") from None
    if not rows:
        raise UnreadableFile("an empty table")
    return Table(file.name, rows[0][1], rows[1:])
