"""report.md: GitHub flavoured Markdown beside the pictures that it shows.

The only HTML in it is ours: `<a id="..."></a>` where something can be linked to, `<br>` between a picture and its label.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

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
from reportgen.rendering.manuscript.pictures import own_place
from reportgen.rendering.manuscript.walk import contents, manuscript
from reportgen.rendering.markdown.escape import at_start, line, text
from reportgen.rendering.plain import Plain
from reportgen.rendering.sources import Sources
from reportgen.utils.files import write_file

FILE = "report.md"


def write_markdown(context: Plain, sources: Sources, out: Path) -> list[Path]:
    """Write `out`/report.md, and below `out` the pictures that it shows, where that is not the run folder itself.

    Returns:
        the files written, report.md first.

    Raises:
        ReportgenError: a picture is missing, or named so that it could lie outside `out`.
    """
    document = manuscript(context)
    copied = []
    for picture in document.pictures:
        source, target = sources.picture(picture.file), own_place(picture.file, out)
        if target.resolve() != source:
            write_file(target, source.read_bytes())
            copied.append(target)
    write_file(out / FILE, markdown(document).encode())
    return [out / FILE, *copied]


def markdown(document: Manuscript) -> str:
    """The manuscript as Markdown; pictures by their path in the run folder."""
    blocks = [*_cover(document), *_contents(document)]
    for part in document.parts:
        blocks += markdown_blocks(part, document.anchors)
    return "\n\n".join(block for block in blocks if block) + "\n"


def markdown_blocks(part: Part, anchors: Collection[str], deeper: int = 1) -> Iterator[str]:
    """One part as blocks that blank lines separate.

    Args:
        anchors: what can be linked to.
        deeper: how many levels a heading stands below its own.
    """
    match part:
        case Heading():
            number = f"{part.number} " if part.number else ""
            yield f"{'#' * (part.level + deeper)} {_anchor(part.anchor)}{text(number + part.text)}"
        case Paragraph():
            yield _lead(part.lead) + line(part.spans, anchors)
        case Bullets():
            yield _lead(part.lead).strip()
            yield _listed(part.items, anchors, part.ordered)
        case Facts():
            yield _facts(part, anchors)
        case Notice():
            yield f"> [!{'WARNING' if part.warning else 'NOTE'}]\n> **{text(part.title)}** {line(part.spans, anchors)}"
        case Figure():
            yield from _figure(part)
        case Table():
            yield from _table(part, anchors)
        case Finding():
            yield from _finding(part, anchors)
        case Works():
            yield "\n".join(f"{work.number}. {_anchor(work.anchor)}{at_start(text(work.text))}" for work in part.works)
        case Cites():
            links = (f"[{text(f'[{work.number}]')}](#{work.anchor})" for work in part.works)
            yield f"{text(part.lead)}: {', '.join(links)}"


def _cover(document: Manuscript) -> Iterator[str]:
    cover = document.cover
    yield f"# {text(cover.title)}"
    if cover.logo:
        yield _picture(cover.logo)
    yield at_start(text(cover.lead))
    yield at_start(text(", ".join(cover.authors)))
    for given in cover.lines:
        yield at_start(text(given))
    yield at_start(text(cover.made))
    yield at_start(" · ".join(text(count) for count in cover.counts))
    yield at_start(text(cover.language_note))
    yield _facts(cover.explained, document.anchors)


def _contents(document: Manuscript) -> Iterator[str]:
    headings = contents(document)
    yield f"## {text(document.words['contents'])}"
    yield "\n".join(f"- [{text(_numbered(heading))}](#{heading.anchor})" for heading in headings)


def _numbered(heading: Heading) -> str:
    return f"{heading.number} {heading.text}" if heading.number else heading.text


def _anchor(anchor: str) -> str:
    return f'<a id="{anchor}"></a>' if anchor else ""


def _lead(lead: str) -> str:
    return f"**{text(lead)}** " if lead else ""


def _listed(items: Sequence[Inline], anchors: Collection[str], ordered: bool = False) -> str:
    marks = (f"{number}." for number in range(1, len(items) + 1)) if ordered else ["-"] * len(items)
    return "\n".join(f"{mark} {line(item, anchors)}" for mark, item in zip(marks, items, strict=True))


def _rows(rows: Sequence[Sequence[str]], alignment: Sequence[str]) -> str:
    """A table; the first row is its head."""
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, f"|{'|'.join(alignment)}|", *body])


def _facts(facts: Facts, anchors: Collection[str]) -> str:
    if not facts.rows:
        return ""
    rows = [[line(label, anchors), line(value, anchors)] for label, value in facts.rows]
    return _rows([[_lead(facts.title).strip(), ""], *rows], ["---", "---"])


def _figure(figure: Figure) -> Iterator[str]:
    if figure.wide and figure.columns == 1 and not any(panel.lines for panel in figure.panels):
        for panel in figure.panels:
            yield _picture(panel)
    elif figure.panels:
        cells = [[_cell(panel) for panel in row] for row in figure.grid]
        columns = len(cells[0])
        yield _rows([[*row, *[""] * (columns - len(row))] for row in cells], [":---:"] * columns)
    if figure.legend:
        yield _legend(figure.legend)
    if figure.label:
        title = f"**{text(figure.title)}** " if figure.title else ""
        yield f"{_anchor(figure.anchor)}**{text(figure.label)}.** {title}{text(figure.caption)}"


def _picture(panel: Panel) -> str:
    return f"![{text(panel.alt)}]({quote(panel.file)})"


def _cell(panel: Panel) -> str:
    return "<br>".join([_picture(panel), *map(text, panel.lines)])


def _legend(legend: Legend) -> str:
    title = f"{text(legend.title)}: " if legend.title else ""
    scale = f"{text(legend.low)} {_picture(legend.scale)} {text(legend.high)}" if legend.scale else ""
    entries = "; ".join(f"{text(name)} (`{color}`)" if color else text(name) for color, name in legend.entries)
    return at_start(title + "; ".join(filter(None, [scale, entries])))


def _table(table: Table, anchors: Collection[str]) -> Iterator[str]:
    note = f" {line(table.note, anchors)}" if table.note else ""
    yield f"{_anchor(table.anchor)}**{text(table.label)}.** {text(table.caption)}{note}"
    if not table.columns:
        return
    rows = [[line((cell,), anchors) for cell in row] for row in table.rows]
    summary = [[line((Span(cell.text, "strong"),)) for cell in row] for row in table.summary]
    alignment = ["---:" if column.numeric else "---" for column in table.columns]
    yield _rows([[text(column.head) for column in table.columns], *rows, *summary], alignment)


def _finding(finding: Finding, anchors: Collection[str]) -> Iterator[str]:
    verdict = f"{_anchor(finding.anchor)}**{text(finding.word)}** · {text(finding.name)}"
    yield f"{verdict} · **{text(finding.claim)}**" if finding.claim.strip() else verdict
    yield at_start(text(finding.text))
    yield at_start(text(finding.note))
    yield _listed(finding.evidence, anchors)
