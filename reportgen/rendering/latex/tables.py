"""Tables as LaTeX: columns as wide as what they hold needs, and never wider together than the line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reportgen.rendering.latex.escape import text
from reportgen.rendering.manuscript.parts import Column, Span, Table

# Size of the letters -> how many of them stand on a line of 16 cm.
SIZES = (("footnotesize", 108), ("scriptsize", 124), ("tiny", 165))
GAP = 1.4  # letters between two columns
LONGEST_CELL, LONGEST_WORD = 44, 15
BOLD = 1.15  # of the width of a common letter


def table(part: Table, label: str, short: str, cell: Callable[[Span], str], note: str) -> str:
    """A numbered table that goes on over pages, its head on each.

    Args:
        label: what it is referred to by; empty where by nothing.
        short: its caption in a list of tables.
        cell: a cell as LaTeX.
        note: which rows stand, as LaTeX; empty where all do.
    """
    size, shares = _layout(part)
    columns = "".join(_column(column, share) for column, share in zip(part.columns, shares, strict=True))
    head = " & ".join(rf"\textbf{{{text(column.head)}}}" for column in part.columns)
    rows = [" & ".join(map(cell, row)) + r" \\" for row in part.rows]
    if part.summary:
        rows += [r"\midrule", *(" & ".join(map(cell, row)) + r" \\" for row in part.summary)]
    place = rf"\label{{{label}}}" if label else ""
    caption = f"{text(part.caption)} {note}".strip()
    return "\n".join(
        [
            rf"\begingroup\{size}\setlength{{\tabcolsep}}{{{GAP / 4:.2f}em}}",
            rf"\begin{{longtable}}{{@{{}}{columns}@{{}}}}",
            rf"\caption[{{{text(short)}}}]{{{caption}}}{place}\\",
            rf"\toprule {head} \\ \midrule \endfirsthead",
            rf"\toprule {head} \\ \midrule \endhead",
            r"\bottomrule \endlastfoot",
            *rows,
            r"\end{longtable}",
            r"\endgroup",
        ]
    )


def pairs(title: str, rows: Sequence[tuple[str, str]]) -> str:
    """Labels and values, without a number."""
    heading = [rf"\par\medskip\noindent\textbf{{{title}}}\nopagebreak"] if title else []
    return "\n".join(
        [
            *heading,
            r"\begingroup\small",
            r"\begin{longtable*}{@{}>{\RaggedRight\arraybackslash}p{0.27\linewidth}"
            r">{\RaggedRight\arraybackslash}p{0.68\linewidth}@{}}",
            r"\toprule \endhead",
            r"\bottomrule \endlastfoot",
            *(rf"{label} & {value} \\" for label, value in rows),
            r"\end{longtable*}",
            r"\endgroup",
        ]
    )


def _column(column: Column, share: float) -> str:
    side = "RaggedLeft" if column.numeric else "RaggedRight"
    return rf">{{\{side}\arraybackslash}}p{{{share:.4f}\linewidth}}"


def _layout(part: Table) -> tuple[str, list[float]]:
    """The size of the letters, and of every column its share of the line."""
    rows = [*part.rows, *part.summary]
    cells = [[column.head, *(row[i].text for row in rows)] for i, column in enumerate(part.columns)]
    least = [max(_least(column[0], BOLD), *(_least(text) for text in column)) + 0.5 for column in cells]
    whole = [max(low, min(_wanted(column), LONGEST_CELL)) for low, column in zip(least, cells, strict=True)]
    gaps = GAP * (len(cells) - 1)
    size, letters = next((fit for fit in SIZES if sum(least) <= fit[1] - gaps), SIZES[-1])
    room = max(letters - gaps, 1)
    if sum(whole) <= room:
        return size, [width / letters for width in whole]
    spare, wanted = max(room - sum(least), 0), sum(whole) - sum(least)
    widths = [low + spare * (full - low) / (wanted or 1) for low, full in zip(least, whole, strict=True)]
    return size, [width * room / max(sum(widths), room) / letters for width in widths]


def _least(text: str, weight: float = 1) -> float:
    """Letters that the longest word of a text takes; a very long one may be broken."""
    return weight * min(max(map(len, text.split()), default=1), LONGEST_WORD)


def _wanted(column: list[str]) -> float:
    """Letters that every cell takes on one line, and the head on two."""
    head, *cells = column
    return max(BOLD * len(head) / 2, *map(len, cells), 0) + 0.5
