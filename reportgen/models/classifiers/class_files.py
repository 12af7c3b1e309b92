"""A user's list of class names: one a line, in index order, or with the index behind it as in Places365."""

from __future__ import annotations

import re
from pathlib import Path

from reportgen.utils.errors import UsageError
from reportgen.utils.untrusted_files import is_file, read_at_most

# categories_places365.txt: "/a/airport_terminal 2", "/a/apartment_building/outdoor 8".
_PLACES_LINE = re.compile(r"/\w/(\S+) (\d+)")


def read_class_names(path: Path, expected: int | None = None) -> tuple[str, ...]:
    """Class names in index order. A Places365 category `/a/apartment_building/outdoor 8` reads as class 8, `apartment
    building, outdoor`.

    Args:
        expected: how many the network has; None for any number.

    Raises:
        UsageError: no such file, not text, a doubled or missing index, or another number of names.
    """
    if not is_file(path):
        raise UsageError(f"{path}: no such file of class names")
    try:
        lines = [line.strip() for line in read_at_most(path).decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a text file of class names, one a line ({error})") from None
    lines = [line for line in lines if line]
    places = [_PLACES_LINE.fullmatch(line) for line in lines]
    names = lines
    if lines and all(places):
        by_index = {int(match[2]): match[1].replace("/", ", ").replace("_", " ") for match in places if match}
        if sorted(by_index) != list(range(len(lines))):
            raise UsageError(
                f"{path}: the indices of its {len(lines)} classes are not 0 to {len(lines) - 1}, each once"
            )
        names = [by_index[index] for index in range(len(lines))]
    if not names or (expected is not None and len(names) != expected):
        raise UsageError(f"{path}: {len(names)} class names, {expected or 'at least one'} expected")
    return tuple(names)
