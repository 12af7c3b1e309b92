"""The parts of a manuscript as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from reportgen.rendering.latex.escape import heading, text
from reportgen.rendering.latex.tables import pairs, table
from reportgen.rendering.manuscript.parts import (
    Bullets,
    Cites,
    Facts,
    Figure,
    Finding,
    Heading,
    Inline,
    Legend,
    Manuscript,
    Notice,
    Panel,
    Paragraph,
    Part,
    Span,
    Table,
    Works,
)

LINE = 643  # CSS pixels that a chart as wide as the line has
HIGHEST = 0.72  # of all pictures of one figure together, as a share of the page
SHORT = 90  # letters of a caption in a list of figures
KINDS = {"figure": "fig", "table": "tab", "section": "sec", "finding": "find"}
HEADINGS = ("chapter", "heading", "subheading")
FIRST_LINE = "% made by reportgen; \\input{preamble} has the packages and macros that it uses"


class Body:
    """Writes parts of one manuscript; `pictures` says what its pictures are called in the folder of figures."""

    def __init__(self, document: Manuscript, pictures: Mapping[str, str]) -> None:
        self._anchors = document.anchors
        self._pictures = pictures

    def text(self, parts: Sequence[Part]) -> str:
        """Parts as a file to \\input."""
        numbered = True
        blocks = [FIRST_LINE]
        for part, following in zip(parts, [*parts[1:], None], strict=True):
            if isinstance(part, Heading) and isinstance(following, Works):
                continue  # the bibliography brings its own
            if isinstance(part, Heading) and part.level == 1:
                numbered = bool(part.number)
            blocks += self._heading(part, numbered) if isinstance(part, Heading) else self._blocks(part)
        return "\n\n".join(filter(None, blocks)) + "\n"

    def line(self, spans: Inline) -> str:
        """Spans within a paragraph."""
        return "".join(map(self._span, spans)).strip(" ")

    def logo(self, panel: Panel) -> str:
        return rf"\noindent{self._picture(panel, r'height=1.6cm')}"

    def _span(self, span: Span) -> str:
        shown = text(span.text)
        if span.style in ("strong", "code") and span.text.strip():
            inner = shown.strip(" ")
            before, after = shown[: shown.index(inner)], shown[shown.index(inner) + len(inner) :]
            shown = rf"{before}\text{'bf' if span.style == 'strong' else 'tt'}{{{inner}}}{after}"
        if span.to not in self._anchors:
            return shown
        number = re.fullmatch(r"(.*?)\d+(.*)", span.text) if span.numbered else None
        if number:
            return rf"{text(number[1])}\ref{{{label(span.to)}}}{text(number[2])}"
        return rf"\hyperref[{label(span.to)}]{{{shown}}}"

    def _heading(self, part: Heading, numbered: bool) -> Iterator[str]:
        anchor = rf"\label{{{label(part.anchor)}}}" if part.anchor else ""
        title, macro = heading(part.text), f"\\reportgen{HEADINGS[min(part.level, 3) - 1]}"
        if part.level == 1 and not numbered:
            yield rf"\reportgenplain{{{title}}}{anchor}"
        else:
            yield rf"{macro}{'' if numbered else '*'}{{{title}}}{anchor}"

    def _blocks(self, part: Part) -> Iterator[str]:
        match part:
            case Paragraph():
                yield _lead(part.lead) + self.line(part.spans)
            case Bullets():
                yield _lead(part.lead).strip()
                yield self._listed(part.items, "enumerate" if part.ordered else "itemize")
            case Facts():
                if part.rows:
                    yield pairs(text(part.title), [(self.line(name), self.line(value)) for name, value in part.rows])
            case Notice():
                yield rf"\reportgennotice{{{text(part.title)}}}{{{self.line(part.spans)}}}"
            case Figure():
                yield self._figure(part)
            case Table():
                yield self._table(part)
            case Finding():
                yield from self._finding(part)
            case Cites():
                yield rf"{text(part.lead)}: \cite{{{','.join(work.key for work in part.works)}}}"

    def _listed(self, items: Sequence[Inline], kind: str, size: str = "") -> str:
        rows = (rf"\item {self.line(item)}" for item in items)
        return (
            "\n".join(
                [
                    rf"\begin{{{kind}}}[leftmargin=*,itemsep=0.3ex,parsep=0pt,topsep=0.4ex]{size}",
                    *rows,
                    rf"\end{{{kind}}}",
                ]
            )
            if items
            else ""
        )

    def _finding(self, finding: Finding) -> Iterator[str]:
        anchor = rf"\reportgenanchor{{{label(finding.anchor)}}}" if finding.anchor else ""
        shown = "".join(f"{{{text(item)}}}" for item in (finding.word, finding.name, finding.claim))
        yield rf"\reportgenfinding{shown}{anchor}{text(finding.text)}"
        yield rf"{{\small {text(finding.note)}\par}}" if finding.note else ""
        yield self._listed(finding.evidence, "itemize", r"\small")

    def _table(self, part: Table) -> str:
        if not part.columns:
            return rf"\textbf{{{text(part.label)}.}} {text(part.caption)}"
        return table(
            part, label(part.anchor), short(part.caption), lambda cell: self.line((cell,)), self.line(part.note)
        )

    # --- figures ---

    def _figure(self, figure: Figure) -> str:
        grid = list(self._grid(figure))
        legend = [self._legend(figure.legend)] if figure.legend else []
        if not figure.label:
            return "\n\n".join([*grid, *legend])
        title = rf"\textbf{{{text(figure.title)}}} " if figure.title else ""
        caption = rf"\caption[{{{text(short(figure.title or figure.caption))}}}]{{{title}{text(figure.caption)}}}"
        return "\n".join(
            [
                r"\begin{figure}[H]",
                r"\centering" if figure.columns == 1 else "",
                *(f"{row}\\par" for row in grid),
                *legend,
                rf"{caption}\label{{{label(figure.anchor)}}}" if figure.anchor else caption,
                r"\end{figure}",
            ]
        )

    def _grid(self, figure: Figure) -> Iterator[str]:
        rows = figure.grid
        height = HIGHEST / max(len(rows), 1) if figure.label else HIGHEST / 4
        columns = figure.columns
        share = (1 - 0.015 * (columns - 1)) / columns
        for row in rows:
            if columns == 1:
                (panel,) = row
                size = (
                    f"width={min(panel.width / LINE, 1):.3f}\\linewidth,height={height:.3f}\\textheight,keepaspectratio"
                )
                yield rf"\noindent{self._picture(panel, size)}{_labels(panel)}"
                continue
            size = rf"width=\linewidth,height={height:.3f}\textheight,keepaspectratio"
            cells = (
                rf"\begin{{minipage}}[t]{{{share:.4f}\linewidth}}\centering"
                rf"{self._picture(panel, size)}{_labels(panel)}\end{{minipage}}"
                for panel in row
            )
            yield "\\noindent" + "\\hspace{0.015\\linewidth}%\n".join(cells)

    def _picture(self, panel: Panel, size: str) -> str:
        alt = heading(panel.alt)
        return rf"\includegraphics[{size},alt={{{alt}}}]{{\reportgenfigures {self._pictures[panel.file]}}}"

    def _legend(self, legend: Legend) -> str:
        pieces = [text(legend.title)] if legend.title else []
        if legend.scale:
            scale = self._picture(legend.scale, "width=3cm,height=1.2ex")
            pieces.append(f"{text(legend.low)} {scale} {text(legend.high)}")
        for color, name in legend.entries:
            swatch = rf"\textcolor[HTML]{{{color[1:].upper()}}}{{\rule{{1ex}}{{1ex}}}} " if color else ""
            pieces.append(swatch + text(name))
        return "{\\small\\noindent " + r"\quad ".join(pieces) + r"\par}"


def label(anchor: str) -> str:
    """An anchor as a label: `figure-agreement-iou` as `fig:agreement-iou`."""
    kind, _, name = anchor.partition("-")
    return f"{KINDS[kind]}:{name}" if kind in KINDS and name else f"part:{anchor}"


def short(caption: str) -> str:
    """A caption's first sentence, or as much of it as a list can bear."""
    first = re.split(r"(?<=[.:;]) ", caption, maxsplit=1)[0].rstrip(".:;")
    return first if len(first) <= SHORT else f"{first[:SHORT].rsplit(' ', 1)[0]}…"


def _labels(panel: Panel) -> str:
    lines = (rf"\\{{\scriptsize {text(line)}}}" for line in panel.lines)
    return "".join(lines)


def _lead(lead: str) -> str:
    return rf"\textbf{{{text(lead)}}} " if lead else ""
