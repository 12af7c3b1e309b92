"""Tables of boxes, a row a box: `boxes.csv` of our own, and as TensorFlow, Open Images, Kaggle and pandas write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from reportgen.images.files import InputFile
from reportgen.images.formats import EXTENSIONS
from reportgen.images.ground_truth.reading import Reading, size_of
from reportgen.images.ground_truth.shapes import Box, Flaw, box, box_of_sides, number
from reportgen.images.tables import Table

BOXES = "a table of boxes"
_NAMES = (
    "filename", "file", "name", "image", "imagename", "imagefile", "imagepath", "filepath", "path", "imageid",
    "imgid", "img", "imgname", "id", "photo", "picture",
)  # fmt: skip
_CLASSES = (
    "class", "label", "category", "classname", "labelname", "categoryname", "classid", "categoryid", "labels",
    "target", "object", "name",
)  # fmt: skip
_CORNERS = tuple(
    tuple(words.split())
    for words in (
        "x0 y0 x1 y1",
        "xmin ymin xmax ymax",
        "x1 y1 x2 y2",
        "left top right bottom",
        "xleft ytop xright ybottom",
        "startx starty endx endy",
        "bboxx1 bboxy1 bboxx2 bboxy2",
        "bboxxmin bboxymin bboxxmax bboxymax",
        "xtl ytl xbr ybr",
    )
)
_SIDES = tuple(
    tuple(words.split())
    for words in (
        "x y width height",
        "x y w h",
        "bboxx bboxy bboxwidth bboxheight",
        "bboxx bboxy bboxw bboxh",
        "left top width height",
        "xmin ymin width height",
    )
)
_CENTRES = tuple(
    tuple(words.split())
    for words in (
        "xcenter ycenter width height",
        "xcentre ycentre width height",
        "cx cy w h",
        "centerx centery width height",
    )
)
_WHOLE = ("bbox", "box", "boundingbox")  # all four in one cell: `[10, 20, 30, 40]`
_WIDTHS, _HEIGHTS = ("imagewidth", "imgwidth", "imgw"), ("imageheight", "imgheight", "imgh")

_LOOKED_AT = 50  # rows, to tell which column names images

# Four cells -> a box.
_Maker = Callable[[Sequence[object]], Box]


@dataclass(frozen=True)
class _Columns:
    """Where a table has what: `box` are four columns, or one that holds all; `size` are those of the image's sides."""

    name: int
    box: tuple[int, ...]
    make: _Maker
    category: int | None = None
    size: tuple[int, int] | None = None


def is_box_table(table: Table) -> bool:
    """Whether a table marks boxes: it has a column of names, and columns of corners, or of a corner or centre and two sides."""
    return _columns(table) is not None


def read_boxes(file: InputFile, table: Table, reading: Reading) -> None:
    """Add what a table that `is_box_table` marks."""
    columns = _columns(table)
    assert columns is not None
    columns = _named_by_images(table, columns, reading)
    reading.remarks.use(file.name)
    rows = [*([] if _without_header(table) is None else [(1, table.header)]), *table.rows]
    relative = _are_shares([cells for _, cells in rows], columns.box)
    for line, cells in rows:
        with reading.object(file.name, f"line {line}"):
            if len(cells) <= max(columns.name, *columns.box):
                raise Flaw("a row with too few cells")
            values = _values(cells, columns.box)
            if not any(values):
                continue  # an image in which there is nothing to mark
            made = columns.make(values)
            image = reading.image(cells[columns.name], file.name)
            if image is not None:
                size = None if relative or columns.size is None else size_of(*(_at(cells, i) for i in columns.size))
                reading.mark(BOXES, image, made, size=size, relative=relative, category=_at(cells, columns.category))


def _columns(table: Table) -> _Columns | None:
    if (bare := _without_header(table)) is not None:
        return bare
    name = table.column(_NAMES)
    if name is None:
        return None
    category = next((i for word in _CLASSES if (i := table.column((word,))) is not None and i != name), None)
    stated = _both(table, _WIDTHS, _HEIGHTS)
    if (corners := _first(table, _CORNERS)) is not None:
        return _Columns(name, corners, _of_corners, category, stated or _both(table, ("width", "w"), ("height", "h")))
    for words, make in ((_CENTRES, _of_centre), (_SIDES, _of_sides)):
        if (found := _first(table, words)) is not None and name not in found:
            return _Columns(name, found, make, category, stated)
    whole = table.column(_WHOLE)
    if whole is not None and whole != name:
        width = stated or _both(table, ("width",), ("height",))
        return _Columns(name, (whole,), _of_sides, category, width)
    return None


def _named_by_images(table: Table, columns: _Columns, reading: Reading) -> _Columns:
    """The columns, with the name taken from where images are named: in `image,name,xmin,...` the name is the class's."""
    taken = {*columns.box, *(columns.size or ())}
    places = [place for word in _NAMES if (place := table.column((word,))) is not None and place not in taken]
    if _without_header(table) is not None or len(places) < 2:
        return columns
    first = table.rows[:_LOOKED_AT]
    found = {place: sum(reading.is_here(_at(cells, place)) for _, cells in first) for place in dict.fromkeys(places)}
    name = max(found, key=found.__getitem__)
    others = (table.column((word,)) for word in _CLASSES)
    return replace(columns, name=name, category=next((i for i in others if i is not None and i != name), None))


def _without_header(table: Table) -> _Columns | None:
    """The columns of a table whose first row is a box already: of RetinaNet, or of makesense.ai."""
    cells = table.header
    if len(cells) < 5 or not all(_is_number(cell) or not cell for cell in cells[1:5]):
        return None
    if _is_picture(cells[0]):  # a.jpg,x0,y0,x1,y1,class
        return _Columns(0, (1, 2, 3, 4), _of_corners, 5)
    if len(cells) > 5 and _is_picture(cells[5]):  # class,x,y,width,height,a.jpg,120,80
        return _Columns(5, (1, 2, 3, 4), _of_sides, 0, (6, 7))
    return None


def _is_picture(cell: str) -> bool:
    return PurePosixPath(cell.replace("\\", "/")).suffix.lower() in EXTENSIONS


def _first(table: Table, groups: Sequence[Sequence[str]]) -> tuple[int, ...] | None:
    """The columns of the first group of which the table has all."""
    for words in groups:
        found = [table.column((word,)) for word in words]
        if all(place is not None for place in found):
            return tuple(place for place in found if place is not None)
    return None


def _both(table: Table, first: Sequence[str], second: Sequence[str]) -> tuple[int, int] | None:
    width, height = table.column(first), table.column(second)
    return None if width is None or height is None else (width, height)


def _values(cells: Sequence[str], places: Sequence[int]) -> list[str]:
    """The four cells of a box. Raises: Flaw: a cell that should hold four numbers does not."""
    if len(places) > 1:
        return [cells[place] for place in places]
    values = cells[places[0]].strip("[](){} ").replace(",", " ").split()
    if values and len(values) != 4:
        raise Flaw("a box that is not four numbers")
    return values


def _are_shares(rows: Sequence[Sequence[str]], places: Sequence[int]) -> bool:
    """Whether all numbers of a table are shares of the image's sides: none beyond 1, and some that are no whole pixels."""
    between = False
    for cells in rows:
        try:
            values = [number(value) for value in _values(cells, places) if value]
        except (Flaw, IndexError):
            continue
        if any(abs(value) > 1.0 for value in values):
            return False
        between = between or any(not value.is_integer() for value in values)
    return between


def _of_corners(values: Sequence[object]) -> Box:
    return box(*values)


def _of_sides(values: Sequence[object]) -> Box:
    return box_of_sides(*values)


def _of_centre(values: Sequence[object]) -> Box:
    x, y, width, height = (number(value) for value in values)
    return box_of_sides(x - width / 2, y - height / 2, width, height)


def _at(cells: Sequence[str], place: int | None) -> str:
    return cells[place] if place is not None and place < len(cells) else ""


def _is_number(cell: str) -> bool:
    try:
        number(cell)
    except Flaw:
        return False
    return True
