"""Whether everything that notes refer to is there: before a run as far as it can be known, afterwards all of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reportgen.notes.folder import nearest, of_name
from reportgen.notes.markdown import Node, parse, require_bounded, walk
from reportgen.notes.values import ROOTS, Data, Expression, Unknown, by_path, find, read, shown
from reportgen.report.document import Note, Report
from reportgen.utils.errors import Problems, UsageError
from reportgen.utils.terminal_text import printable

_DECIMAL = re.compile(r"(?<![\w.,])(?:0\.\d{3}|[1-9]\.\d\d|[1-9]\d\.\d)(?![\w%]|[.,]\d)")


@dataclass(frozen=True)
class Known:
    """What references may be to, by what they are to: ids of figures (`fig`), tables, sections, findings, names of images."""

    ids: Mapping[str, Sequence[str]]

    def meant(self, node: Node) -> tuple[str, str] | None:
        """(what, id) that a reference is to; None where nothing is."""
        targets = ("section", "finding") if node.target == "any" else (node.target,)
        found = ((target, of_name(node.text, self.ids.get(target, ()))) for target in targets)
        return next(((target, name) for target, name in found if name is not None), None)

    def fault(self, node: Node) -> str:
        """Why a reference is to nothing; empty where it is to something, or where that is not known yet."""
        targets = ("section", "finding") if node.target == "any" else (node.target,)
        if any(target not in self.ids for target in targets) or self.meant(node):
            return ""
        what = "section or finding" if node.target == "any" else {"fig": "figure"}.get(node.target, node.target)
        near = nearest(node.text, [name for target in targets for name in self.ids[target]])
        return f"no {what} is called '{printable(node.text, 80)}'{near}"


def known_of(report: Report) -> Known:
    """What a report has; figures and tables of sections that its pages leave out too."""
    blocks = [block for section in report.sections for block in section.blocks]
    return Known(
        {
            "fig": [block.id for block in blocks if block.type == "figure"],
            "table": [block.id for block in blocks if block.type == "table"],
            "section": [section.id for section in report.sections],
            "finding": [finding.id for finding in report.findings],
            "image": [image.name for image in (*report.images, *(report.records.cards if report.records else ()))],
        }
    )


def require_possible(notes: Sequence[Note], images: Sequence[str], own: Sequence[str], folder: str) -> None:
    """Before a run: every note can be read, every expression means something, every image is there.

    Args:
        own: names of the analyses, which may add numbers to the report.
        folder: what messages call the folder of the notes.

    Raises:
        Problems: what is wrong, a line each.
    """

    def fault(expression: Expression) -> str:
        root = expression.path[0] if expression.path else ""
        if root and root not in (*ROOTS, *own):
            return f"nothing is called '{printable(str(root), 60)}' here{nearest(str(root), [*ROOTS, *own])}"
        if root == "images" and len(expression.path) > 1 and of_name(str(expression.path[1]), images) is None:
            name = str(expression.path[1])
            return f"no image is called '{printable(name, 80)}'{nearest(name, images)}"
        return ""

    _require(notes, Known({"image": images}), fault, folder)


def require_known(notes: Sequence[Note], report: Report, folder: str) -> list[str]:
    """After a run: every reference is to something that the report has.

    Returns:
        what an author should know, a line each: pictures that are not shown, addresses that are not followed, numbers without a
        value, and numbers that are typed where they could be taken from the report.

    Raises:
        Problems: what is wrong, a line each.
    """
    data, known = by_path(report.model_dump(mode="json")), known_of(report)

    def fault(expression: Expression) -> str:
        if expression.finding:
            return known.fault(Node("reference", 0, expression.finding, target="finding"))
        try:
            find(expression, data)
        except Unknown as error:
            if report.records is None or expression.path[:1] != ("images",):
                raise
            return f"{error} (report.json holds the numbers of images with figures: name the image in document.show)"
        return ""

    _require(notes, known, fault, folder)
    return [*_without_value(notes, data, folder), *_typed(notes, report, folder)]


def _require(notes: Sequence[Note], known: Known, fault: Callable[[Expression], str], folder: str) -> None:
    require_bounded([note.text for note in notes], folder)
    lines = []
    for note in notes:
        name = printable(f"{folder}/{note.name}")
        try:
            nodes = parse(note.text, name)
        except UsageError as error:
            lines.append(str(error))
            continue
        for node in walk(nodes):
            problem = known.fault(node) if node.kind == "reference" else ""
            if node.kind == "expression":
                try:
                    problem = fault(read(node.text))
                except Unknown as error:
                    problem = str(error)
            if problem:
                lines.append(f"{name} line {node.line}: {problem}")
    if lines:
        raise Problems(list(dict.fromkeys(lines)))


def _without_value(notes: Sequence[Note], data: Data, folder: str) -> Iterator[str]:
    for note in notes:
        name = printable(f"{folder}/{note.name}")
        for node in walk(parse(note.text, name)):
            if node.fault:
                yield f"{name} line {node.line}: {node.fault}"
            if node.kind == "expression":
                expression = read(node.text)
                if expression.path and find(expression, data).value is None:
                    yield f"{name} line {node.line}: {printable(node.text, 120)} has no value in this run, and the page says so"


def _typed(notes: Sequence[Note], report: Report, folder: str) -> Iterator[str]:
    """Numbers of three digits or more that a finding has too: typed by hand, they stay when the run's change."""
    measured: dict[str, str] = {}
    for finding in report.findings:
        for item in finding.evidence:
            if isinstance(item.value, float):
                value = abs(item.value) * (100 if item.unit == "%" else 1)
                measured.setdefault(f"{value:.3g}", shown(("findings", finding.id, "evidence", item.name)))
    for note in notes:
        for node in walk(parse(note.text, note.name)):
            for number in _DECIMAL.findall(node.text if node.kind == "text" else ""):
                if number in measured:
                    name = printable(f"{folder}/{note.name}")
                    yield f"{name} line {node.line}: {number} is also measured; {{{{ {measured[number]} }}}} would change with the run"
