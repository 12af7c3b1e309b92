"""What tables say of the images: rows are held against their names, and against each other."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from reportgen.images.folder import Folder
from reportgen.images.labels.class_list import NOBODYS, ClassLists, ClassNumbers
from reportgen.images.labels.classes import KnownClasses, Meaning, is_no_class, number_in
from reportgen.images.labels.said import LeftOver, Said
from reportgen.images.labels.table import SEVERAL, LabelTable, Statement
from reportgen.images.labels.words import SPLIT_WORDS
from reportgen.images.naming import Match, Named

_Spoken = tuple[int, LabelTable, Statement]  # how far the name was bent to be that of the image


def said_by_tables(
    tables: Sequence[LabelTable], given: Folder, named: Named, known: KnownClasses, lists: ClassLists, left: LeftOver
) -> dict[str, Said]:
    """The class of each image of which these tables, together, say one; an image of which they say several has none.

    Args:
        left: where everything is noted that is of no use.
    """
    of_image: dict[str, list[_Spoken]] = defaultdict(list)
    numbers: dict[str, ClassNumbers | None] = {}
    others = {*given.beside, *(skipped.name for skipped in given.skipped)}
    for table in tables:
        numbers[table.file] = _numbers_of(table, known, lists, left)
        folder = str(PurePosixPath(table.file).parent)
        for row in table.rows:
            found = _match(row.name, folder, named)
            theirs = _last_folder(row.name) if found.bent else ""
            images = [image for image in found.images if not theirs or not _elsewhere(theirs, image, known)]
            if len(images) == 1:
                of_image[images[0]].append((found.bent, table, row))
            elif images:
                left.several.setdefault(table.file, []).append(row.name)
            elif row.name not in others:
                left.absent.setdefault(table.file, []).append(row.name)
    said = {}
    for image, rows in of_image.items():
        nearest = min(bent for bent, _, _ in rows)
        spoken = [(table, row) for bent, table, row in rows if bent == nearest]
        if (one := _of_rows(image, spoken, known, numbers, left)) is not None:
            said[image] = one
    return said


def _match(written: str, folder: str, named: Named) -> Match:
    """The images of a name, which may be one under the folder of the table."""
    if folder != ".":
        inside = named.match(f"{folder}/{written}")
        if inside.images and inside.bent <= 2:
            return inside
    return named.match(written)


def _elsewhere(theirs: str, image: str, known: KnownClasses) -> bool:
    """Whether a name's folder and an image's are two of a kind: what is said of `val/1.jpg` is not said of `train/1.jpg`."""
    here = _last_folder(image)
    if not here or theirs == here:
        return False
    if theirs in SPLIT_WORDS or here in SPLIT_WORDS:
        return theirs in SPLIT_WORDS and here in SPLIT_WORDS
    if theirs.isdigit() and here.isdigit():
        return True
    return bool(known.find_name(theirs).indices and known.find_name(here).indices)


def _last_folder(name: str) -> str:
    parts = [part for part in unicodedata.normalize("NFC", name).replace("\\", "/").split("/") if part not in ("", ".")]
    return parts[-2].casefold() if len(parts) > 1 else ""


def _of_rows(
    image: str,
    spoken: Sequence[tuple[LabelTable, Statement]],
    known: KnownClasses,
    numbers: Mapping[str, ClassNumbers | None],
    left: LeftOver,
) -> Said | None:
    """What all rows of one image say; None where no row says anything.

    Args:
        numbers: by table what its numbers mean.
    """
    told: list[tuple[LabelTable, Statement, Meaning]] = []
    for table, row in spoken:
        meaning = known.find(row.text, numbers[table.file])
        if meaning.indices or not is_no_class(row.text):
            told.append((table, row, meaning))
    if not told:
        left.empty.setdefault(spoken[0][0].file, []).append(image)
        return None
    table, row, first = told[0]
    common = set(first.indices).intersection(*(meaning.indices for _, _, meaning in told))
    if len(common) == 1:
        return Said(common.pop(), table.file)
    if any(numbers[table.file] is NOBODYS and number_in(row.text) is not None for table, row, _ in told):
        return Said(None, table.file)
    different = {meaning.indices or row.text.casefold() for _, row, meaning in told}
    if len(different) > 1 or _holds_several(row.text, known):
        files = " and ".join(dict.fromkeys(table.file for table, _, _ in told[:3]))
        left.contradicted.setdefault(files, []).append(image)
    else:
        left.no_class(table.file, row.line, row.text, first.indices, image)
    return Said(None, table.file)


def _holds_several(text: str, known: KnownClasses) -> bool:
    parts = text.split(SEVERAL)
    return len(parts) > 1 and all(known.find_name(part).indices for part in parts)


def _numbers_of(table: LabelTable, known: KnownClasses, lists: ClassLists, left: LeftOver) -> ClassNumbers | None:
    """What the numbers of a table mean: by a list in the folder, else (None) they are the model's indices, which may be doubted.

    Where it counts all classes of the model from 1 on they are not its indices, and nobody says what they are.
    """
    numbers = {number for row in table.rows if (number := number_in(row.text)) is not None}
    if not numbers:
        return None
    own = lists.of(str(PurePosixPath(table.file).parent))
    if own is not None:
        left.asked.update(own.files)
        if any(known.find(str(number), own).index != number for number in numbers):
            left.own_numbers[table.file] = own.files
        return own
    first, many = min(numbers), len(numbers)
    from_one = first == 1 and max(numbers) == many == len(known)
    if from_one or (first in (0, 1) and max(numbers) == first + many - 1 and 2 <= many <= len(known) // 2):
        left.doubtful_numbers[table.file] = (first, many)
    return NOBODYS if from_one else None
