"""Text of lines that a terminal shows: counts, and what is untrusted in them, file names, answers of servers, entries of files."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache


def printable(text: str, most: int | None = None) -> str:
    """`text` on one line: control, format and unassigned characters as escapes, so that none reaches the terminal.

    Args:
        most: characters shown; the rest is cut and marked with an ellipsis.
    """
    cut = most is not None and len(text) > most
    shown = text[:most] if cut else text
    if not shown.isprintable():
        shown = "".join(map(_escaped, shown))
    return f"{shown}…" if cut else shown


@lru_cache(maxsize=4096)
def _escaped(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "C" or category in ("Zl", "Zp"):
        return character.encode("unicode_escape").decode()
    return character


def first_of(
    items: Sequence[str], most: int, between: str = ", ", last: str = " and ", told: Callable[[str], str] = str
) -> str:
    """`a, b and 4 more`: the first `most` of several things, and how many others there are.

    Args:
        between: what parts them; last: what stands before the number of the others; told: how each of the first is written.
    """
    more = len(items) - most
    return between.join(map(told, items[:most])) + (f"{last}{more} more" if more > 0 else "")


def counted(number: int, thing: str) -> str:
    """`1 image`, `2 images`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
