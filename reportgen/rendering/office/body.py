"""The parts of a manuscript as paragraphs, tables and pictures of Word."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence

from docx.document import Document
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.shared import Emu

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
from reportgen.rendering.manuscript.widths import layout
from reportgen.rendering.office import styles
from reportgen.rendering.office.numbering import restarted
from reportgen.rendering.office.xml import bookmarked, cell, element, field, link, paragraph, row, run, table

PIXEL = 9525  # EMU of a CSS pixel
TWIP = 635  # EMU of a twentieth of a point
LINE = 643  # CSS pixels that a chart as wide as the line has
HIGHEST = 17.5 * 360_000  # EMU, of all pictures of one figure together
# Half points of the letters in a table, and how many of them stand on a line.
CELL_SIZES = ((17, 104.0), (15, 118.0), (13, 138.0))
GAP = 0.98  # of the line that columns take: cells have margins of their own
ENGLISH = "en-US"
LONGEST_BOOKMARK = 40


class Body:
    """Writes parts of one manuscript; `pictures` are the bytes of its pictures, as a kind that Word shows."""

    def __init__(self, document: Document, manuscript: Manuscript, pictures: Mapping[str, bytes]) -> None:
        self._document = document
        self._pictures = pictures
        self._bookmarks = _bookmarks(sorted(manuscript.anchors))
        self._width = styles.text_width(document)
        speaks_english = manuscript.language.split("-")[0] == "en"
        self._data_language = "" if speaks_english else ENGLISH
        self._drawn = 0

    def elements(self, part: Part) -> Iterator[BaseOxmlElement]:
        """One part."""
        match part:
            case Heading():
                yield self._heading(part)
            case Paragraph():
                yield paragraph("Normal", [*_lead(part.lead), *self._runs(part.spans, part.english)])
            case Bullets():
                yield from self._bullets(part)
            case Facts():
                yield from self.facts(part)
            case Notice():
                title = [run(f"{part.title} ", bold=True, color=styles.VERDICTS["undecided"] if part.warning else "")]
                yield paragraph(styles.NOTICE, [*title, *self._runs(part.spans, part.english)])
            case Figure():
                yield from self._figure(part)
            case Table():
                yield from self._table(part)
            case Finding():
                yield from self._finding(part)
            case Works():
                for work in part.works:
                    text = [run(f"[{work.number}] {work.text}", language=self._data_language)]
                    yield paragraph("Normal", self._placed(work.anchor, text))
            case Cites():
                links = [(Span(f"[{work.number}]", to=work.anchor),) for work in part.works]
                runs = [run(f"{part.lead}: ", style="")]
                for i, one in enumerate(links):
                    runs += [*([run(", ")] if i else []), *self._runs(one, False)]
                yield paragraph("Normal", runs)

    def contents(self, headings: Sequence[Heading]) -> Iterator[BaseOxmlElement]:
        """A field that Word keeps up to date. It holds links from the start, and page numbers once Word has made them."""
        begin, instruction, separate, end = field('TOC \\o "1-1" \\h \\z \\u', dirty=True)
        for i, heading in enumerate(headings):
            title = f"{heading.number}  {heading.text}" if heading.number else heading.text
            shown = run(title, language=self._data_language if heading.english else "")
            opening = [begin, instruction, separate] if i == 0 else []
            closing = [end] if i == len(headings) - 1 else []
            yield paragraph("TOC1", [*opening, link(self._bookmarks[heading.anchor], shown), *closing])

    def facts(self, part: Facts) -> Iterator[BaseOxmlElement]:
        """Pairs, under their title."""
        if part.title:
            yield paragraph(styles.FACTS_TITLE, [run(part.title)])
        if not part.rows:
            return
        whole = self._width // TWIP
        widths = [round(whole * 0.3), whole - round(whole * 0.3)]
        rows = (
            row(cell(w, [paragraph(styles.CELL, self._runs(spans))]) for w, spans in zip(widths, pair, strict=True))
            for pair in part.rows
        )
        yield table(styles.FACTS, widths, rows, part.title)
        yield _space()

    def picture(self, panel: Panel, width: float, height: float) -> BaseOxmlElement:
        """A picture in a run, within a frame in EMU, with what it shows in words."""
        scale = min(width / panel.width, height / panel.height)
        size = (Emu(max(round(side * scale), 1)) for side in (panel.width, panel.height))
        inline = self._document.part.new_pic_inline(io.BytesIO(self._pictures[panel.file]), *size)
        self._drawn += 1
        inline.docPr.set("id", str(self._drawn))
        inline.docPr.set("name", f"Picture {self._drawn}")
        inline.docPr.set("descr", panel.alt)
        return element("w:r", element("w:drawing", inline))

    # --- text ---

    def _runs(self, spans: Inline, english: bool = True, half_points: int = 0) -> Iterator[BaseOxmlElement]:
        language = self._data_language if english else ""
        for span in spans:
            place = self._bookmarks.get(span.to, "")
            style = styles.CODE_RUN if span.style == "code" else styles.LINK_RUN if place else ""
            made = run(span.text, bold=span.style == "strong", style=style, half_points=half_points, language=language)
            yield link(place, made) if place else made

    def _placed(self, anchor: str, content: Sequence[BaseOxmlElement]) -> Iterator[BaseOxmlElement]:
        if anchor not in self._bookmarks:
            yield from content
            return
        name = self._bookmarks[anchor]
        number = sorted(self._bookmarks).index(anchor) + 1
        yield from bookmarked(name, number, content)

    def _heading(self, part: Heading) -> BaseOxmlElement:
        title = f"{part.number}  {part.text}" if part.number else part.text
        shown = [run(title, language=self._data_language if part.english else "")]
        return paragraph(f"Heading{min(part.level, 3)}", self._placed(part.anchor, shown))

    def _bullets(self, part: Bullets) -> Iterator[BaseOxmlElement]:
        if part.lead:
            yield paragraph("Normal", _lead(part.lead), element("w:keepNext"))
        own = [restarted(self._document)] if part.ordered else []
        for item in part.items:
            yield paragraph(
                "ListNumber" if part.ordered else "ListBullet", self._runs(item, part.english), *map(_copy, own)
            )

    def _finding(self, part: Finding) -> Iterator[BaseOxmlElement]:
        color = styles.VERDICTS[part.verdict]
        border = element("w:pBdr", element("w:left", val="single", sz=18, space=6, color=color))

        def line(content: Sequence[BaseOxmlElement], *, first: bool = False, last: bool = False) -> BaseOxmlElement:
            space = element("w:spacing", before=160 if first else 0, after=160 if last else 40)
            keep = [] if last else [element("w:keepNext")]
            return paragraph(styles.FINDING, content, *keep, _copy(border), space)

        verdict = [run(part.word, bold=True, color=color), run(f"  {part.name}  ", bold=True)]
        claim = [run(part.claim, bold=True, language=self._data_language)]
        texts: list[Sequence[BaseOxmlElement]] = [[run(part.text, language=self._data_language)]]
        if part.note:
            texts.append([run(part.note, half_points=18, language=self._data_language)])
        texts += [list(self._runs((Span("– "), *item), half_points=18)) for item in part.evidence]
        yield line(list(self._placed(part.anchor, [*verdict, *claim])), first=True)
        for i, text in enumerate(texts):
            yield line(text, last=i == len(texts) - 1)

    # --- figures and tables ---

    def _caption(self, part: Figure | Table, kind: str, *rest: BaseOxmlElement) -> list[BaseOxmlElement]:
        """`Figure 3` with its number as a field, as a place to link to, and what it says."""
        before, number, after = re.fullmatch(r"(.*?)(\d*)(\D*)", part.label).groups()  # type: ignore[union-attr]
        name = [run(before, bold=True), *field(f"SEQ {kind} \\* ARABIC", run(number, bold=True)), run(after, bold=True)]
        return [*self._placed(part.anchor, name), run(". ", bold=True), *rest]

    def _figure(self, part: Figure) -> Iterator[BaseOxmlElement]:
        rows = part.grid
        together = [element("w:keepNext")] if part.label else []
        if part.columns == 1:
            for panel in part.panels:
                width = self._width * min(panel.width / LINE, 1)
                yield paragraph(
                    styles.FIGURE, [self.picture(panel, width, HIGHEST / max(len(rows), 1))], *map(_copy, together)
                )
                yield from self._lines(panel, together)
        elif part.panels:
            whole = self._width // TWIP
            side = whole // part.columns
            height = HIGHEST / max(len(rows) if part.label else 4, 1)
            yield table(
                styles.GRID,
                [side] * part.columns,
                (
                    row(self._panel(panel, side, height, together) for panel in _filled(line, part.columns))
                    for line in rows
                ),
            )
        if part.legend:
            yield paragraph(styles.LABEL, self._legend(part.legend), *map(_copy, together), element("w:jc", val="left"))
        if part.label:
            title = [run(f"{part.title} ", bold=True, language=self._data_language)] if part.title else []
            text = run(part.caption, language=self._data_language)
            yield paragraph("Caption", self._caption(part, "Figure", *title, text))
        else:
            yield _space()

    def _panel(
        self, panel: Panel | None, side: int, height: float, together: Sequence[BaseOxmlElement]
    ) -> BaseOxmlElement:
        if panel is None:
            return cell(side, [paragraph(styles.LABEL)])
        width = (side - 130) * TWIP
        shown = paragraph(styles.LABEL, [self.picture(panel, width, height)], *map(_copy, together))
        return cell(side, [shown, *self._lines(panel, together)])

    def _lines(self, panel: Panel, together: Sequence[BaseOxmlElement]) -> Iterator[BaseOxmlElement]:
        for line in panel.lines:
            yield paragraph(styles.LABEL, [run(line, language=self._data_language)], *map(_copy, together))

    def _legend(self, legend: Legend) -> Iterator[BaseOxmlElement]:
        if legend.title:
            yield run(f"{legend.title}: ")
        if legend.scale:
            yield run(f"{legend.low} ")
            yield self.picture(legend.scale, 160 * PIXEL, 10 * PIXEL)
            yield run(f" {legend.high}   ")
        for color, name in legend.entries:
            if color:
                yield run("■ ", color=color[1:].upper())
            yield run(f"{name}   ")

    def _table(self, part: Table) -> Iterator[BaseOxmlElement]:
        note = self._runs((Span(" "), *part.note), False) if part.note else ()
        text = run(part.caption, language=self._data_language)
        caption = self._caption(part, "Table", text, *note)
        spacing = element("w:spacing", before=200, after=80)
        yield paragraph("Caption", caption, element("w:keepNext"), spacing)
        if not part.columns:
            return
        chosen, shares = layout(part, [letters for _, letters in CELL_SIZES])
        size, whole = CELL_SIZES[chosen][0], self._width // TWIP
        scale = whole * GAP / max(sum(shares), 1 / 3) if sum(shares) > 1 / 3 else whole
        widths = [max(round(share * scale), 1) for share in shares]
        sides = ["right" if column.numeric else "left" for column in part.columns]

        def line(cells: Sequence[Span], *, head: bool = False, bold: bool = False) -> BaseOxmlElement:
            made = []
            for span, width, side in zip(cells, widths, sides, strict=True):
                shown = self._runs((Span(span.text, "strong" if bold else span.style, span.to),), True, size)
                keep = [element("w:keepNext")] if head else []
                made.append(cell(width, [paragraph(styles.CELL, shown, *keep, element("w:jc", val=side))]))
            return row(made, head=head)

        heads = line([Span(column.head) for column in part.columns], head=True, bold=True)
        rows = [heads, *map(line, part.rows), *(line(cells, bold=True) for cells in part.summary)]
        yield table(styles.TABLE, widths, rows, part.label, head=True)
        yield _space()


def _lead(lead: str) -> list[BaseOxmlElement]:
    return [run(f"{lead} ", bold=True)] if lead else []


def _space() -> BaseOxmlElement:
    """An empty line of small height, which Word wants behind a table."""
    return paragraph(styles.LABEL, (), element("w:spacing", before=0, after=60))


def _copy(given: BaseOxmlElement) -> BaseOxmlElement:
    return element(f"w:{given.tag.rpartition('}')[2]}", *map(_copy, given), **_attributes(given))


def _attributes(given: BaseOxmlElement) -> dict[str, str]:
    return {name.rpartition("}")[2]: value for name, value in given.attrib.items()}


def _filled(panels: Sequence[Panel], columns: int) -> list[Panel | None]:
    """A row of the grid, with empty places at its end."""
    return [*panels, *[None] * (columns - len(panels))]


def _bookmarks(anchors: Sequence[str]) -> dict[str, str]:
    """A bookmark for every anchor: letters, digits and underscores, unique, no longer than Word takes."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for number, anchor in enumerate(anchors):
        name = f"r_{re.sub('[^A-Za-z0-9]', '_', anchor)}"[:LONGEST_BOOKMARK]
        if name.lower() in taken:
            ending = f"_{number}"
            name = name[: LONGEST_BOOKMARK - len(ending)] + ending
        taken.add(name.lower())
        names[anchor] = name
    return names
