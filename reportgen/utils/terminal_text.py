"""Text of lines that a terminal shows: counts, and what is untrusted in them, file names, answers of servers, entries of files."""

from __future__ import annotations

import unicodedata


def printable(text: str, most: int | None = None) -> str:
    """`text` on one line: control, format and unassigned characters as escapes, so that none reaches the terminal.

    Args:
        most: characters shown; the rest is cut and marked with an ellipsis.
    """
    cut = most is not None and len(text) > most
    shown = "".join(_escaped(character) for character in (text[:most] if cut else text))
    return f"{shown}…" if cut else shown


def _escaped(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "C" or category in ("Zl", "Zp"):
        return character.encode("unicode_escape").decode()
    return character


def counted(number: int, thing: str) -> str:
    """`1 image`, `2 images`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
