"""A table of labels: which of its columns names the images, which the classes, and what its rows say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.labels.class_list import ClassNumbers
from reportgen.images.labels.classes import KnownClasses, is_no_class, number_in
from reportgen.images.labels.records import SUFFIXES, read_records
from reportgen.images.labels.words import BESIDE_WORDS, BOX_WORDS, CLASS_WORDS, NAME_WORDS
from reportgen.images.naming import Named, has_image_extension
from reportgen.images.tables import Row, Table, plain_word, read_table

# So many rows tell what a column holds, and so many columns of a table without known words are looked at.
_TELLING_ROWS, _TELLING_COLUMNS = 20_000, 40


class NoLabels(UnreadableFile):
    """A table of images and classes that is not clearly one of labels for this model."""


# Between the classes of a cell that belong to one image.
SEVERAL = " + "


@dataclass(frozen=True)
class Statement:
    """A row. `line`: in the file; `name`: the image, `text`: the class, as they are written, each empty where there is none."""

    line: int
    name: str
    text: str


@dataclass(frozen=True)
class LabelTable:
    """A table that is understood. `names_in`, `classes_in`: its columns, in words."""

    file: str
    names_in: str
    classes_in: str
    rows: tuple[Statement, ...]


def read_label_table(
    file: InputFile, named: Named, known: KnownClasses, numbers: ClassNumbers | None, *, meant: bool
) -> LabelTable | None:
    """What a table says.

    Args:
        numbers: what the folder says that its numbers mean.
        meant: it is called `labels`; any other table is one of labels only where nothing speaks against it.

    Returns:
        None where it is about something else.

    Raises:
        NoLabels: it is not meant, and not clear enough.
        UnreadableFile: it is no table, or which columns name images and classes cannot be told.
    """
    if PurePosixPath(file.name.casefold()).suffix in SUFFIXES:
        found = read_records(file)
        if found is None:
            return None
        table = found
    else:
        table = _with_columns(_uncommented(read_table(file, lambda table: _hits(table, named, known))), named)
    words = [plain_word(cell) for cell in table.header]
    if not meant and len(BOX_WORDS.intersection(words)) > 1:
        return None
    headed = _is_header(table.header, words, named)
    if not headed:
        table = replace(table, rows=((table.header_line, table.header), *table.rows))
        words = [""] * len(words)
    if not table.rows:
        raise UnreadableFile("a header alone, and no row")
    columns = _Columns(table, words, named, known)
    name_at = columns.names(meant=meant or not headed)
    if name_at is None:
        if not meant:
            return None
        raise UnreadableFile(
            "no column is called as one of images is (name, file, image, path), and none names images here"
        )
    if (class_at := columns.classes(name_at, meant=meant)) is not None:
        text = _reader(table, class_at, known if headed else None)
        said = columns.title(class_at)
    elif one_hot := columns.one_hot(name_at):
        text = _one_hot_reader(table, one_hot)
        said = f"a column for each of {len(one_hot)} classes"
    elif meant:
        raise UnreadableFile("no column is called as one of classes is (class, label, target, category)")
    else:
        return None
    rows = tuple(Statement(line, _cell(cells, name_at), text(cells)) for line, cells in table.rows)
    understood = LabelTable(table.file, columns.title(name_at), said, rows)
    if not meant:
        _require_clear(understood, named, known, numbers)
    return understood


def _hits(table: Table, named: Named, known: KnownClasses) -> int:
    """How many images and classes are named in a table, as it was decoded."""
    rows = [table.header, *(cells for _, cells in table.rows[:_TELLING_ROWS])]
    cells = {cell for row in rows for cell in row[:_TELLING_COLUMNS]}
    return sum(bool(named.find(cell)) + bool(known.find_name(cell).indices) for cell in cells)


def _uncommented(table: Table) -> Table:
    """Without lines that begin with `#` before the header; a header may begin so itself."""
    while table.header[0].startswith("#") and table.rows:
        header = (table.header[0].lstrip("# "), *table.header[1:])
        if len(header) > 1 and any(plain_word(cell) in NAME_WORDS for cell in header):
            return replace(table, header=header)
        (line, cells), *rows = table.rows
        table = replace(table, header=cells, header_line=line, rows=rows)
    return table


def _with_columns(table: Table, named: Named) -> Table:
    """A table that blanks part, as lists of images for training are (`a.jpg 3`): image and class."""
    if any(len(cells) > 1 for cells in (table.header, *(cells for _, cells in table.rows))):
        return table

    def parted(cells: tuple[str, ...]) -> tuple[str, ...]:
        first = cells[0].split(None, 1)
        return tuple(first if len(first) < 2 or named.find(first[0]) else cells[0].rsplit(None, 1))

    rows = [(line, parted(cells)) for line, cells in table.rows]
    header = parted(table.header)
    if len(header) < 2:
        raise UnreadableFile("one column alone: no table of images and classes")
    return replace(table, header=header, rows=rows)


def _is_header(cells: Sequence[str], words: Sequence[str], named: Named) -> bool:
    if any(has_image_extension(cell) for cell in cells):
        return False
    called = any(word in NAME_WORDS or word in CLASS_WORDS for word in words)
    return called or not any(named.find(cell) is not None for cell in cells)


class _Columns:
    """Which column is what: by its word, and by what its cells are."""

    def __init__(self, table: Table, words: Sequence[str], named: Named, known: KnownClasses) -> None:
        self._table, self._words, self._named, self._known = table, words, named, known
        self._some = table.rows[:_TELLING_ROWS]

    def title(self, at: int) -> str:
        return f"column {self._table.header[at]!r}" if self._words[at] else f"column {at + 1}"

    def names(self, *, meant: bool) -> int | None:
        """The column of those called so whose cells name most images; else, of a table that is meant, any whose cells do."""
        called = [at for word in NAME_WORDS for at, is_called in enumerate(self._words) if is_called == word]
        best = max(called, key=lambda at: self._images(at, self._some), default=None)
        if best is not None and not any(self._images(best, self._some)):  # the images may be the last of a long table
            best = max(called, key=lambda at: self._images(at, self._table.rows[_TELLING_ROWS:]))
            if meant and not any(self._images(best, self._table.rows[_TELLING_ROWS:])):
                by_cells = self._by_cells(called)
                return best if by_cells is None else by_cells
        return self._by_cells(called) if best is None and meant else best

    def _by_cells(self, called: Sequence[int]) -> int | None:
        """The column, of those that are called otherwise, whose cells name most images; None where none does."""
        others = range(min(len(self._words), _TELLING_COLUMNS))
        pair = self._words == ["", ""]
        found = {at: self._images(at, self._some, numbers=at == 0 or pair) for at in others if at not in called}
        best = max(found, key=lambda at: found[at], default=None)
        return best if best is not None and any(found[best]) else None

    def _images(self, at: int, rows: Sequence[Row], *, numbers: bool = True) -> tuple[bool, int, int]:
        """Whether a column's cells name images with their extension, how many they name, and how many of the cells are no class."""
        cells = {_cell(cells, at) for _, cells in rows}
        found = [cell for cell in cells if (numbers or number_in(cell) is None) and self._named.find(cell) is not None]
        no_class = sum(not self._known.find_name(cell).indices for cell in found)
        return any(map(has_image_extension, found)), len(found), no_class

    def classes(self, name_at: int, *, meant: bool) -> int | None:
        """The column of those called so that holds names rather than numbers; else, of a table that is meant, the one that can be it."""
        places = range(len(self._words))
        called = [at for word in CLASS_WORDS for at in places if self._words[at] == word and at != name_at]
        if called:
            return max(called, key=self._names_classes)
        if not meant and any(self._words):
            return None
        others = [at for at in places if at != name_at and (self._words[at] not in BESIDE_WORDS)]
        others = [at for at in others if any(_cell(cells, at) for _, cells in self._some)]
        if not meant:  # without a header, what is a class in each row is one
            others = [at for at in others if self._names_classes(at) == 1]
        if len(others) == 1:  # numbers under a word that nobody knows may be anybody's age
            called_otherwise = self._words[others[0]] != ""
            return None if called_otherwise and self._names_classes(others[0]) < 0 else others[0]
        by_cells = [at for at in others if self._names_classes(at) >= 0.5]
        return by_cells[0] if len(by_cells) == 1 else None

    def _names_classes(self, at: int) -> float:
        """The share of the different cells that are a class by name; -1 where all are numbers, which may be anything."""
        cells = {cell for _, row in self._some if (cell := _cell(row, at)) and not is_no_class(cell)}
        written = [cell for cell in cells if number_in(cell) is None]
        if not written:
            return -1.0
        return sum(bool(self._known.find_name(cell).indices) for cell in written) / len(cells)

    def one_hot(self, name_at: int) -> dict[int, str]:
        """The columns that are called as classes are and hold 0 or 1 alone; nothing where there are fewer than two."""
        called = [
            at
            for at, title in enumerate(self._table.header)
            if at != name_at and self._words[at] and self._known.find_name(title).index is not None
        ]
        marks = {at: {_cell(cells, at) for _, cells in self._table.rows} for at in called}
        found = {
            at: self._table.header[at]
            for at in called
            if all(cell == "" or _mark(cell) is not None for cell in marks[at])
        }
        return found if len(found) > 1 else {}


def _mark(cell: str) -> bool | None:
    """Whether a cell says yes or no; None where it says something else."""
    number = number_in(cell)
    if number in (0, 1):
        return bool(number)
    return {"true": True, "false": False}.get(cell.casefold())


def _cell(cells: Sequence[str], at: int) -> str:
    return cells[at] if at < len(cells) else ""


def _reader(table: Table, at: int, known: KnownClasses | None) -> Callable[[Sequence[str]], str]:
    """The class of a row; a name with commas that nobody quoted runs over the last column, where the table has a header.

    Args:
        known: None where it has none.
    """
    width, joint = len(table.header), f"{table.separator} "
    if known is None or at < width - 1:
        return lambda cells: _cell(cells, at)

    def text(cells: Sequence[str]) -> str:
        whole = joint.join(cell for cell in cells[at:] if cell)
        return whole if len(cells) <= width or known.find(whole).indices else _cell(cells, at)

    return text


def _one_hot_reader(table: Table, columns: dict[int, str]) -> Callable[[Sequence[str]], str]:
    return lambda cells: SEVERAL.join(title for at, title in columns.items() if _mark(_cell(cells, at)))


def _require_clear(table: LabelTable, named: Named, known: KnownClasses, numbers: ClassNumbers | None) -> None:
    """Raises: NoLabels: a table that is not called `labels` is not clearly one of labels."""
    here = {
        row.text for row in table.rows if row.text and not is_no_class(row.text) and named.find(row.name) is not None
    }
    if not here:
        raise NoLabels("names images and classes, but none of the images here")
    if all(number_in(text) is not None for text in here):
        every = {number_in(row.text) for row in table.rows if row.text} - {None}
        if numbers is None and every != set(range(len(known))):
            raise NoLabels(
                "its classes are numbers, and nothing says which; a classes.txt does, and as labels.csv they are the model's"
            )
    elif 2 * sum(bool(known.find(text, numbers).indices) for text in here) < len(here):
        raise NoLabels("its classes are not those of the model")
