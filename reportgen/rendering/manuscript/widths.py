"""How wide the columns of a table are: as wide as what they hold needs, and never wider together than the line."""

from __future__ import annotations

from collections.abc import Sequence

from reportgen.rendering.manuscript.parts import Table

GAP = 1.4  # letters between two columns
LONGEST_CELL, LONGEST_WORD = 44, 22
WIDE, BOLD = 1.1, 1.25  # of the width of a common letter: in a word with capitals, and in a bold one


def layout(table: Table, lines: Sequence[float]) -> tuple[int, list[float]]:
    """The size of the letters, and of every column its share of the line.

    Args:
        lines: for each size that may be used, the largest first, how many letters stand on a line.

    Returns:
        which size, and the shares; with the gaps their sum is at most one.
    """
    rows = [*table.rows, *table.summary]
    cells = [[column.head, *(row[i].text for row in rows)] for i, column in enumerate(table.columns)]
    least = [max(_least(column[0], BOLD), *(_least(text, WIDE) for text in column)) + 0.5 for column in cells]
    whole = [max(low, min(_wanted(column), LONGEST_CELL)) for low, column in zip(least, cells, strict=True)]
    gaps = GAP * (len(cells) - 1)
    size = next((i for i, letters in enumerate(lines) if sum(least) <= letters - gaps), len(lines) - 1)
    letters = lines[size]
    room = max(letters - gaps, 1)
    if sum(whole) <= room:
        return size, [width / letters for width in whole]
    spare, wanted = max(room - sum(least), 0), sum(whole) - sum(least)
    widths = [low + spare * (full - low) / (wanted or 1) for low, full in zip(least, whole, strict=True)]
    return size, [width * room / max(sum(widths), room) / letters for width in widths]


def _least(text: str, weight: float) -> float:
    """Letters that the longest word of a text takes; a very long one may be broken."""
    return weight * min(max(map(len, text.split()), default=1), LONGEST_WORD)


def _wanted(column: list[str]) -> float:
    """Letters that every cell takes on one line, and the head on two."""
    head, *cells = column
    return max(BOLD * len(head) / 2, *(WIDE * len(cell) for cell in cells), 0) + 0.5
