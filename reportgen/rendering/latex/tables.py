"""Tables as LaTeX, of the width of the line at most."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reportgen.rendering.latex.escape import text
from reportgen.rendering.manuscript.parts import Column, Span, Table
from reportgen.rendering.manuscript.widths import GAP, layout

# Size of the letters -> how many of them stand on a line of 16 cm.
SIZES = (("footnotesize", 108), ("scriptsize", 124), ("tiny", 165))


def table(part: Table, label: str, short: str, cell: Callable[[Span], str], note: str) -> str:
    """A numbered table that goes on over pages, its head on each.

    Args:
        label: what it is referred to by; empty where by nothing.
        short: its caption in a list of tables.
        cell: a cell as LaTeX.
        note: which rows stand, as LaTeX; empty where all do.
    """
    chosen, shares = layout(part, [letters for _, letters in SIZES])
    size = SIZES[chosen][0]
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
