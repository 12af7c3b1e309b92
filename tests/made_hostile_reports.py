"""Reports that are valid and would keep a layout busy for ever: each a change to a small report, and to its folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reportgen.report.document import Report
from reportgen.report.open import read_report

FIXTURE = Path(__file__).parent.parent / "templates/_fixture"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="400" height="200">{}</svg>'
Data = dict[str, Any]


def blocks(data: Data, kind: str) -> list[Data]:
    return [block for section in data["sections"] for block in section["blocks"] if block["type"] == kind]


def said(data: Data, text: str) -> None:
    """A text of this report's first section is this one."""
    blocks(data, "text")[0]["text"] = text


def drawing(data: Data, folder: Path, inside: str) -> None:
    """A chart of the report is this drawing."""
    charts = [p["file"] for figure in blocks(data, "figure") for p in figure["pictures"] if p["file"].endswith(".svg")]
    (folder / charts[0]).write_text(SVG.format(inside), "utf-8")


def table(data: Data, columns: int, rows: int, **column: Any) -> None:
    plain = {"key": "k", "label": "L", "unit": "", "decimals": 2, "percent": False, "headline": False, "floor": None}
    blocks(data, "table")[0].update(
        columns=[{**plain, "key": f"k{i}", **column} for i in range(columns)],
        rows=[[0.5] * columns for _ in range(rows)],
        summary=[],
        row_images=[],
    )


def warnings(data: Data, count: int, code: str) -> None:
    one = {"text": "Something is odd.", "image": None, "name": ""}
    data["warnings"] = [{**one, "code": code.format(i), "text": f"Number {i} is odd."} for i in range(count)]


def headings(data: Data, count: int) -> None:
    made = [{"type": "heading", "text": "Again", "level": 2} for _ in range(count)]
    data["sections"][0]["blocks"] += [
        block for one in made for block in (one, {"type": "text", "text": "a", "role": "note"})
    ]


def findings(data: Data, count: int) -> None:
    data["findings"] = [data["findings"][0]] * count


def settings(data: Data, count: int) -> None:
    data["settings"] = {**data["settings"], **{f"key{i}": i for i in range(count)}}


def nested(levels: int) -> str:
    return "<g>" * levels + "</g>" * levels


def doubling(levels: int) -> str:
    """Each group uses the one before it ten times."""
    groups = [f'<g id="a{i}">' + f'<use xlink:href="#a{i - 1}"/>' * 10 + "</g>" for i in range(1, levels)]
    return '<defs><rect id="a0" width="9" height="9"/>' + "".join(groups) + f'</defs><use xlink:href="#a{levels - 1}"/>'


def counters(data: Data) -> None:
    data["document"]["css"] = (
        "main { columns: 9 } p, li, td { counter-increment: a 1 b 2; padding-top: 3000mm; break-before: page }"
        "p::before { content: counters(a, '.') counters(b, '.') }"
    )


def large_file(data: Data, folder: Path) -> None:
    with (folder / data["images"][0]["picture"]["file"]).open("r+b") as file:
        file.truncate(20 << 30)  # sparse


FILTER = '<filter id="f">' + '<feGaussianBlur stdDeviation="900"/><feOffset dx="1"/>' * 500 + "</filter>"
CASES: dict[str, Callable[[Data, Path], None]] = {
    "nothing odd": lambda d, f: None,
    "20,000 equal anchors": lambda d, _: headings(d, 20_000),
    "20,000 equal findings": lambda d, _: findings(d, 20_000),
    "a million warnings of one kind": lambda d, _: warnings(d, 1_000_000, "odd"),
    "100,000 kinds of warnings": lambda d, _: warnings(d, 100_000, "odd-{}"),
    "3000 columns": lambda d, _: table(d, 3000, 20),
    "200,000 rows": lambda d, _: table(d, 3, 200_000),
    "500 million decimals": lambda d, _: table(d, 2, 2, decimals=500_000_000),
    "a negative number of decimals": lambda d, _: table(d, 2, 2, decimals=-3),
    "a word of five million letters": lambda d, _: said(d, "a" * 5_000_000),
    "a million words": lambda d, _: said(d, "ab " * 1_000_000),
    "blanks without end": lambda d, _: said(d, " " * 5_000_000 + "a"),
    "100,000 settings": lambda d, _: settings(d, 100_000),
    "counters and columns": lambda d, _: counters(d),
    "a drawing that uses itself": lambda d, f: drawing(
        d, f, '<g id="a"><use xlink:href="#a"/><use xlink:href="#a"/></g>'
    ),
    "a drawing of ten billion parts": lambda d, f: drawing(d, f, doubling(11)),
    "a drawing nested 100,000 deep": lambda d, f: drawing(d, f, nested(100_000)),
    "a drawing nested 900 deep": lambda d, f: drawing(d, f, nested(900)),
    "a drawing of 30 MB": lambda d, f: drawing(d, f, '<rect width="1" height="1"/>' * 1_000_000),
    "a path of ten million points": lambda d, f: drawing(d, f, f'<path d="M0 0{"L1 1" * 5_000_000}"/>'),
    "a drawing larger than the world": lambda d, f: drawing(
        d, f, '<rect width="1e300" height="1e300" stroke="red" stroke-dasharray="1e-9"/>'
    ),
    "a dashed line without end": lambda d, f: drawing(
        d, f, '<path d="M0 0L1e9 0" stroke="red" stroke-dasharray="0.0001"/>'
    ),
    "a small pattern on a large area": lambda d, f: drawing(
        d,
        f,
        '<pattern id="p" width="1e-7" height="1e-7" patternUnits="userSpaceOnUse"><rect width="1" height="1"/></pattern>'
        '<rect width="400" height="200" fill="url(#p)"/>',
    ),
    "a repeated gradient without width": lambda d, f: drawing(
        d,
        f,
        '<linearGradient id="g" x1="0" x2="1e-9" spreadMethod="repeat"><stop offset="0" stop-color="red"/>'
        '<stop offset="1" stop-color="blue"/></linearGradient><rect width="400" height="200" fill="url(#g)"/>',
    ),
    "a thousand filters": lambda d, f: drawing(d, f, FILTER + '<rect width="9" height="9" filter="url(#f)"/>'),
    "a drawing in a drawing": lambda d, f: drawing(
        d, f, '<image width="9" height="9" xlink:href="data:image/svg+xml;base64,PHN2Zy8+"/>' * 2000
    ),
    "a drawing that reads a file": lambda d, f: drawing(d, f, '<image xlink:href="file:///etc/passwd"/>'),
    "a picture of 20 GiB": large_file,
}


def small(data: Data) -> None:
    """Of the fixture a page or two: a text, a table, a figure of pixels and a drawing."""
    chart = next(f for f in blocks(data, "figure") if f["pictures"][0]["file"].endswith(".svg"))
    kept = [blocks(data, kind)[0] for kind in ("text", "table", "figure")]
    data["sections"] = [{**data["sections"][0], "blocks": [*kept, {**chart, "detail": False}]}]
    data["images"], data["findings"] = data["images"][:1], data["findings"][:1]
    data["document"]["sections"] = ["images", "findings", "settings", data["sections"][0]["id"]]
    data["document"]["notes"] = []
    data["summary"] = None


def hostile(case: str, folder: Path) -> tuple[Report, Path]:
    """The report of one case, and its run folder below `folder`."""
    run = folder / "run"
    shutil.copytree(FIXTURE, run)
    data = json.loads((run / "report.json").read_text("utf-8"))
    small(data)
    CASES[case](data, run)
    (run / "report.json").write_text(json.dumps(data), "utf-8")
    return read_report(run), run
