"""What a report must satisfy beyond its types, so that whoever reads one need not ask again.

    require_sound(report)     every rule; the first that is broken is named, with its place

Types say what stands in one field. Here is said what fields of several nodes owe each other (lengths, ids, references, counts) and
within which bounds a number makes a page. A rule is here where breaking it would make a page wrong, endless or impossible, or send
a reader to a file outside the run; what is only unusual passes: no image with a label, a section without blocks, a figure without
pictures, a title in any script, a key of an analysis that is not installed, a figure, a row or a warning about an image that is not
among the report's own (it has no link then).

The same is asked of a report that a run has made, before it is written, so that none is written that could not be read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from pydantic import BaseModel

from reportgen.report.blocks import Figure, Picture, Section, Table
from reportgen.report.document import Finding, ImageRecord, Records, Report
from reportgen.report.json_text import LARGEST_INTEGER, Misplaced, Path
from reportgen.utils.terminal_text import printable

PICTURES = (".jpg", ".jpeg", ".png", ".svg")
LONGEST_SIDE = 65_535  # of a picture, in pixels: what a JPEG can hold
MOST_DECIMALS = 20
MOST_COLUMNS = 100  # of pictures in a figure
LONGEST_NAME = 1_000  # of an id, or of a file
ROUNDING = 1e-6  # by which a probability may lie outside of 0 and 1

Fault = tuple[Path, str]


def require_sound(report: Report) -> None:
    """Require every rule of a report.

    Raises:
        Misplaced: the first that is broken, and where.
    """
    for path, problem in faults(report):
        raise Misplaced(path, problem)


def faults(report: Report) -> Iterator[Fault]:
    """Every rule that a report breaks: where, and how."""
    yield from _unbounded(report, ())
    yield from _provenance(report)
    yield from _images(report)
    yield from _shown(report)
    yield from _sections(report)
    yield from _claims(report)
    yield from _around(report)


def is_plain_path(name: str) -> bool:
    """Whether a name is that of a file below a folder, on any system."""
    plain = bool(name) and len(name) <= LONGEST_NAME and not any(character in name for character in "\\:\0")
    return plain and not name.startswith("/") and ".." not in PurePosixPath(name).parts


def is_plain_picture(name: str) -> bool:
    """Whether a name is that of a picture below a folder, on any system."""
    return is_plain_path(name) and name.lower().endswith(PICTURES)


# --- numbers -------------------------------------------------------------------------------------

_SHARES = ("probability", "p", "p_corrected")
_COUNTS = ("n", "needed", "count", "index", "classes")


def _unbounded(node: BaseModel, path: Path) -> Iterator[Fault]:
    """Numbers that are none, or too large, in every field that has a type; text may have been read as one ("nan", "9" 400 times).

    Values without a type (settings, what analyses add) and cells are bounded where JSON is read.
    """
    for name in type(node).model_fields:
        value = getattr(node, name)
        if isinstance(value, str) or value is None:
            continue
        here = (*path, name)
        if isinstance(value, BaseModel):
            yield from _unbounded(value, here)
        elif isinstance(value, int | float):
            yield from _number(name, value, here)
        elif isinstance(value, list | tuple):
            for position, inner in enumerate(value):
                if isinstance(inner, BaseModel):
                    yield from _unbounded(inner, (*here, position))
                elif isinstance(inner, int | float):
                    yield from _number("", inner, (*here, position))
        elif isinstance(value, dict):
            for key, inner in value.items():
                if isinstance(inner, BaseModel):
                    yield from _unbounded(inner, (*here, key))


def _number(name: str, value: float, path: Path) -> Iterator[Fault]:
    if isinstance(value, float) and not math.isfinite(value):
        yield path, "is no finite number"
    elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        yield path, "is an integer of more than 64 bits"
    elif name in _SHARES and not -ROUNDING <= value <= 1 + ROUNDING:
        yield path, "lies outside of 0 and 1"
    elif name in _COUNTS and value < 0:
        yield path, "is less than 0"


# --- names and references ------------------------------------------------------------------------


def _unique(names: Iterable[tuple[str, Path]], what: str) -> Iterator[Fault]:
    """Names that stand twice, are empty, or too long to be one."""
    seen: set[str] = set()
    for name, path in names:
        if not name or len(name) > LONGEST_NAME:
            yield path, f"a {what} has a name of {len(name)} characters; 1 to {LONGEST_NAME} are allowed"
        elif name in seen:
            yield path, f"a second {what} is called {printable(name, 60)!r}"
        seen.add(name)


def _known(names: Iterable[tuple[str | None, Path]], known: Iterable[str], what: str) -> Iterator[Fault]:
    """Names that nothing has; None names nothing."""
    there = set(known)
    for name, path in names:
        if name is not None and name not in there:
            yield path, f"no {what} of this report is called {printable(name, 60)!r}"


def _picture(picture: Picture, path: Path) -> Iterator[Fault]:
    for side in ("width", "height"):
        if not 1 <= getattr(picture, side) <= LONGEST_SIDE:
            yield (*path, side), f"a picture has sides of 1 to {LONGEST_SIDE} pixels"
    yield from _picture_file(picture.file, (*path, "file"))


def _picture_file(name: str, path: Path) -> Iterator[Fault]:
    if not is_plain_picture(name):
        yield (
            path,
            f"{printable(name, 80)!r} is no picture ({', '.join(PICTURES)}), or could lie outside the report's folder",
        )


# --- parts ---------------------------------------------------------------------------------------


def _provenance(report: Report) -> Iterator[Fault]:
    models = report.provenance.models
    if not models:
        yield ("provenance", "models"), "names no model"
    yield from _unique(((m.name, ("provenance", "models", i, "name")) for i, m in enumerate(models)), "model")


def _images(report: Report) -> Iterator[Fault]:
    placed: list[tuple[ImageRecord, Path]] = [(image, ("images", i)) for i, image in enumerate(report.images)]
    if report.records is not None:
        placed += [(card, ("records", "cards", i)) for i, card in enumerate(report.records.cards)]
        yield from _records(report.records, len(report.images), len(placed))
    for key, what in (("name", "image"), ("slug", "folder of an image")):
        yield from _unique(((getattr(image, key), (*path, key)) for image, path in placed), what)
    for image, path in placed:
        yield from _image(image, path)


def _records(records: Records, images: int, placed: int) -> Iterator[Fault]:
    """Args: images: that the report holds in full; placed: these and the small cards."""
    path, positions = ("records",), records.positions
    if len(positions) != images or sorted(set(positions)) != positions:
        yield (*path, "positions"), f"are no {images} ascending places of the report's images"
    elif positions and not 0 <= positions[0] <= positions[-1] < records.count:
        yield (*path, "positions"), f"lie outside of the {records.count} images"
    if records.count < placed:
        yield (*path, "count"), f"is {records.count}, and the report names {placed} images"
    if not 0 <= records.correct <= records.labelled <= records.count:
        yield (*path, "correct"), "exceeds the labelled images, or these exceed all"


def _image(image: ImageRecord, path: Path) -> Iterator[Fault]:
    for side in ("width", "height"):
        if getattr(image, side) < 1:
            yield (*path, side), "a photograph has sides of at least 1 pixel"
    yield from _picture(image.picture, (*path, "picture"))


def _shown(report: Report) -> Iterator[Fault]:
    shown, path = report.shown, ("shown",)
    if shown is None:
        return
    if shown.of != report.counts.images:
        yield (*path, "of"), f"is {shown.of}, and the report has {report.counts.images} images"
    if shown.reasons and len(shown.reasons) != len(shown.images):
        yield (*path, "reasons"), f"holds {len(shown.reasons)} reasons for {len(shown.images)} images"
    named = [(name, (*path, "images", i)) for i, name in enumerate(shown.images)]
    yield from _unique(named, "shown image")
    yield from _known(named, (image.name for image in report.images), "image")


def _sections(report: Report) -> Iterator[Fault]:
    yield from _unique(((s.id, ("sections", i, "id")) for i, s in enumerate(report.sections)), "section")
    for i, section in enumerate(report.sections):
        for j, block in enumerate(section.blocks):
            path: Path = ("sections", i, "blocks", j)
            if isinstance(block, Figure):
                yield from _figure(block, path)
            elif isinstance(block, Table):
                yield from _table(block, path)
    for kind in (Figure, Table):
        yield from _unique(_ids(report.sections, kind), kind.__name__.lower())


def _ids(sections: Sequence[Section], kind: type[Figure | Table]) -> Iterator[tuple[str, Path]]:
    for i, section in enumerate(sections):
        for j, block in enumerate(section.blocks):
            if isinstance(block, kind):
                yield block.id, ("sections", i, "blocks", j, "id")


def _figure(figure: Figure, path: Path) -> Iterator[Fault]:
    if not 1 <= figure.columns <= MOST_COLUMNS:
        yield (*path, "columns"), f"a figure has 1 to {MOST_COLUMNS} columns"
    if figure.legend is not None and figure.legend.file:
        yield from _picture_file(figure.legend.file, (*path, "legend", "file"))
    for i, picture in enumerate(figure.pictures):
        yield from _picture(picture, (*path, "pictures", i))


def _table(table: Table, path: Path) -> Iterator[Fault]:
    for part, rows in (("rows", table.rows), ("summary", table.summary)):
        for i, row in enumerate(rows):
            if len(row) != len(table.columns):
                yield (*path, part, i), f"holds {len(row)} cells for {len(table.columns)} columns"
    if table.row_images and len(table.row_images) != len(table.rows):
        yield (*path, "row_images"), f"holds {len(table.row_images)} names for {len(table.rows)} rows"
    yield from _unique(((c.key, (*path, "columns", i, "key")) for i, c in enumerate(table.columns)), "column")
    for i, column in enumerate(table.columns):
        if column.decimals is not None and not 0 <= column.decimals <= MOST_DECIMALS:
            yield (*path, "columns", i, "decimals"), f"a number has 0 to {MOST_DECIMALS} digits after its point"
    whole = table.all_rows
    if whole is not None and whole.count < len(table.rows):
        yield (*path, "all_rows", "count"), f"is {whole.count}, and {len(table.rows)} rows stand here"
    if whole is not None and not is_plain_path(whole.file):
        yield (*path, "all_rows", "file"), f"{printable(whole.file, 80)!r} could lie outside the report's folder"
    if table.file and not is_plain_path(table.file):
        yield (*path, "file"), f"{printable(table.file, 80)!r} could lie outside the report's folder"


def _claims(report: Report) -> Iterator[Fault]:
    """Findings, and what refers to them."""
    findings = report.findings
    yield from _unique(((f.id, ("findings", i, "id")) for i, f in enumerate(findings)), "finding")
    sections, ids = [section.id for section in report.sections], [finding.id for finding in findings]
    yield from _known(((f.section, ("findings", i, "section")) for i, f in enumerate(findings)), sections, "section")
    sources = [name for kind in (Figure, Table) for name, _ in _ids(report.sections, kind)]
    yield from _known(_named_sources(findings), sources, "table or figure")
    yield from _known(((name, ("tested", i)) for i, name in enumerate(report.tested)), ids, "finding")
    if report.summary is not None:
        named = ((name, ("summary", "findings", i)) for i, name in enumerate(report.summary.findings))
        yield from _known(named, ids, "finding")
    yield from _unique(((gate.name, ("gates", i, "name")) for i, gate in enumerate(report.gates)), "gate")


def _named_sources(findings: Sequence[Finding]) -> Iterator[tuple[str | None, Path]]:
    for i, finding in enumerate(findings):
        for j, evidence in enumerate(finding.evidence):
            yield evidence.source, ("findings", i, "evidence", j, "source")


def _around(report: Report) -> Iterator[Fault]:
    """Works, files, the author's own words, the logo."""
    yield from _unique(((w.key, ("references", i, "key")) for i, w in enumerate(report.references)), "work")
    for i, note in enumerate(report.files):
        if not is_plain_path(note.path):
            yield ("files", i, "path"), f"{printable(note.path, 80)!r} could lie outside the report's folder"
    if report.document.logo is not None:
        yield from _picture(report.document.logo, ("document", "logo"))
    there = {"section": [s.id for s in report.sections], "image": [image.name for image in report.images]}
    for i, own in enumerate(report.document.notes):
        if own.place == "image" and report.records is not None:  # it may be about any image of the run
            continue
        known = there.get(own.place, [""])
        yield from _known([(own.of, ("document", "notes", i, "of"))], known, own.place)
