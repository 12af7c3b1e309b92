"""Untrusted names, from the file system to every file of the report: text everywhere, and nothing but text."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from PIL import Image

from made_runs import analyse_toy
from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject
from reportgen.rendering.filters import TRICKS, visible
from reportgen.rendering.render import render
from reportgen.report.blocks import Column, Figure, Section, Table, Text
from reportgen.report.document import Document, Finding, Report, Warning_
from reportgen.report.open import read_report
from reportgen.report.report_json import report_json
from reportgen.settings.group import NoSettings
from reportgen.storage.run_folder import RunFolder

NAMES = (
    "<script>alert(1)</script>.png",
    "<img src=x onerror=alert(1)>.png",
    "a \"quoted\" & 'single' name.png",
    "{{7*7}} {% include 'x' %} {# #}.png",
    "two\nlines\r.png",
    "tab\tbell\x07.png",
    "right\u202eto\u2066left\u2069 gnp.png",
    "\u05e9\u05dc\u05d5\u05dd.png",
    "🐠 fish.png",
    "Ünï-Δρ 漢字.png",
    "x" * 251 + ".png",
    "=cmd|'calc'!A1.png",
    "+1+1.png",
    "-2+3.png",
    "@SUM(A1).png",
    "${7*7} `id` $(id) ;id.png",
    "%s%n%d {0} \\u202e.png",
    "con.png",
    "--out=x.png",
    "]]></style>.png",
)


@dataclass(frozen=True)
class Nothing:
    """An analysis that finds nothing of an image."""


class Named(Analysis[NoSettings, Nothing]):
    """An analysis that shows every image's name wherever a report can show one."""

    name, title, version, order = "named", "Named", "1", 1

    def map(self, subject: Subject[NoSettings]) -> Nothing:
        return Nothing()

    def reduce(self, run: RunView[NoSettings]) -> Contribution:
        images = run.images
        columns = [Column(key="image", label="Image"), Column(key="iou", label="IoU", decimals=3)]
        rows = [[image.name, -0.5] for image in images]
        names = [image.name for image in images]
        table = Table(id="iou", caption=f"Of {names[0]}", columns=columns, rows=rows, row_images=names)
        figures = [
            Figure(id=f"f-{i.slug}", title=i.name, caption=f"See {i.name}.", pictures=[i.picture], image=i.name)
            for i in images
        ]
        blocks = [*figures, run.files.table(table), *[Text(text=f"About {name}.") for name in names]]
        return Contribution(
            section=Section(id="named", title="Named", blocks=blocks),
            findings=[Finding(id="n1", section="named", claim=f"On {names[0]}", verdict="undecided", text=names[-1])],
            warnings=[Warning_(code="named", text=f"See {name}.", image=name) for name in names],
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[Report, Path, list[str]]:
    """A run over real files of these names; the report, its folder, and the names that the file system took."""
    photos, out = tmp_path_factory.mktemp("photos"), tmp_path_factory.mktemp("out")
    taken = []
    for i, name in enumerate(NAMES):
        try:
            Image.new("RGB", (40 + i, 30), (10 * i, 90, 200)).save(photos / name, "PNG")
        except (OSError, ValueError):  # a file system that knows no such names
            continue
        taken.append(name)
    assert len(taken) > 10
    report, _ = analyse_toy(photos, out, tmp_path_factory.mktemp("store"), [Named()], title=NAMES[0])
    (out / "report.json").write_bytes(report_json(report))
    render(report, out, out)
    render(report, out, out / "brief", "brief")
    return report, out, taken


def test_report_json_has_every_name_as_it_is(made: tuple[Report, Path, list[str]]) -> None:
    _, out, taken = made
    data = json.loads((out / "report.json").read_bytes())
    found = {unicodedata.normalize("NFC", image["name"]) for image in data["images"]}  # a Mac takes names apart
    assert found == {unicodedata.normalize("NFC", name) for name in taken}
    assert report_json(read_report(out)) == report_json(made[0])


def test_files_of_the_run_have_safe_names(made: tuple[Report, Path, list[str]]) -> None:
    report, out, _ = made
    files = [path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()]
    assert all(re.fullmatch(r"[A-Za-z0-9._/-]+", file) and len(Path(file).name) <= 100 for file in files)
    slugs = [image.slug for image in report.images]
    assert len({slug.casefold() for slug in slugs}) == len(slugs)
    assert all(not slug.startswith((".", "con.")) and slug != "con" for slug in slugs)


def test_a_spreadsheet_runs_no_cell_of_a_csv(made: tuple[Report, Path, list[str]]) -> None:
    report, out, taken = made
    text = (out / "tables/iou.csv").read_bytes().decode()
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert header == ["image", "iou"]
    assert [value for _, value in rows] == ["-0.5"] * len(taken), "a number stays a number"
    for (cell, _), image in zip(rows, report.images, strict=True):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        assert cell in (image.name, f"'{image.name}")
        assert cell.startswith("'") == image.name.startswith(("=", "+", "-", "@"))


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("folder", [".", "brief"])
def test_html_shows_names_and_gains_no_element_from_them(made: tuple[Report, Path, list[str]], folder: str) -> None:
    _, out, taken = made
    page = _Page((out / folder / "report.html").read_text("utf-8"))
    text = squeezed("".join(page.text))
    if folder == ".":
        for name in taken:
            assert text.count(squeezed(visible(name))) >= 5, name
    assert squeezed(visible(NAMES[0])) in text
    scripts = [attrs for tag, attrs in page.tags if tag == "script"]
    assert all("src" not in attrs for attrs in scripts) and len(scripts) <= 2, "none but the template's own"
    assert not {tag for tag, _ in page.tags} & {"iframe", "object", "embed", "link", "base", "form"}
    assert not [key for _, attrs in page.tags for key in attrs if key.startswith("on")]
    assert all((attrs["src"] or "").startswith("data:image/") for tag, attrs in page.tags if tag == "img")
    raw = "".join(page.text) + "".join(value or "" for _, attrs in page.tags for value in attrs.values())
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\u2066-\u2069]", raw), (
        "nothing that turns text around"
    )


def test_pdf_shows_names_as_text(made: tuple[Report, Path, list[str]]) -> None:
    _, out, taken = made
    with pdfium.PdfDocument(out / "report.pdf") as document:
        text = squeezed("".join(page.get_textpage().get_text_range() for page in document))
        title = document.get_metadata_value("Title")
    assert title == NAMES[0]
    for name in taken:
        shown = squeezed(visible(name))
        # Letters that no font of this machine has come out as boxes; Hebrew comes out in the order it is drawn.
        if all(ord(c) < 0x500 for c in shown):
            assert shown in text, name


def test_a_users_template_shows_names_as_text_too(made: tuple[Report, Path, list[str]], tmp_path: Path) -> None:
    report, out, taken = made
    mine = tmp_path / "mine"
    mine.mkdir()
    shown = '{% for i in images %}<p class="{{ i.name }}">{{ i.name }}</p>{% endfor %}'
    page = '{% extends "base/report.html" %}{% block appendix %}' + shown + "{% endblock %}"
    (mine / "report.html").write_text(page)
    named = report.model_copy(update={"document": Document(authors=list(taken), affiliation=NAMES[1])})
    render(named, out, tmp_path / "out", mine, ("html",))
    found = _Page((tmp_path / "out/report.html").read_text("utf-8"))
    classes = {attrs.get("class") for tag, attrs in found.tags if tag == "p"}
    assert classes >= {visible(name, TRICKS) for name in taken if "\r" not in name}, (
        "HTML reads a carriage return as a line feed"
    )
    assert not [key for _, attrs in found.tags for key in attrs if key.startswith("on")]


def test_a_run_folder_writes_formulas_as_text(tmp_path: Path) -> None:
    cells = ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1", "a=1", "1-1", ""]
    table = Table(id="t", caption="", columns=[Column(key="c", label="C")], rows=[[cell] for cell in cells])
    RunFolder(tmp_path).table(table)
    rows = [
        row[0] if row else ""
        for row in csv.reader(io.StringIO((tmp_path / "tables/t.csv").read_bytes().decode(), newline=""))
    ]
    assert rows[1:] == [*(f"'{cell}" for cell in cells[:7]), *cells[7:]]
