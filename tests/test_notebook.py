"""What a notebook shows of a report and its parts: small, escaped, bounded, and nothing from outside the run folder."""

from __future__ import annotations

import ast
import copy
import gc
import json
import re
import tempfile
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import reportgen
from fixtures import HOSTILE_NAMES, make_report
from reportgen import Figure, Report, Section, Table
from reportgen.rendering.notebook import parts, pictures
from reportgen.report.blocks import ColorBar, Column, Picture, Text
from reportgen.report.document import ImageRecord
from reportgen.report.report_json import report_json
from reportgen.utils import progress_bars
from reportgen.utils.progress import Silent
from reportgen.utils.progress_bars import CellBar, watched
from toys import ROOT, imported, photo_path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Report:
    photos = [photo_path(name) for name in ("chelsea", "coffee", "rocket", "astronaut")]
    report, folder = make_report(tmp_path_factory.mktemp("ten"), 10, photos=photos, size=224)
    return report.with_folder(folder)


class Elements(HTMLParser):
    """What a browser would make of an output: elements with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:  # no rule of the style element
            self.text += data

    def sources(self) -> list[str]:
        return [str(attributes["src"]) for tag, attributes in self.elements if tag == "img"]


def shown(part: Report | Section | Figure | Table | ImageRecord) -> Elements:
    return Elements(str(part._repr_html_()))


def every_part(report: Report) -> Iterator[Report | Section | Figure | Table | ImageRecord]:
    yield report
    yield from report.images
    for section in report.sections:
        yield section
        yield from (block for block in section.blocks if isinstance(block, Figure | Table))


# --- what it shows ---------------------------------------------------------------------------------


def test_a_report_shows_its_verdicts_and_every_image_and_stays_small(made: Report) -> None:
    page = shown(made)
    assert len(str(made._repr_html_())) < 300_000
    for finding in made.findings:
        assert finding.id in page.text
        assert finding.verdict in page.text
    assert all(image.name in page.text for image in made.images)
    # The photograph of each, and the first map over it.
    assert len(page.sources()) == 20
    assert "Beside the photograph: Grad-CAM." in page.text
    assert "wrong, labelled kite" in page.text


def test_every_picture_is_inside_the_output(made: Report) -> None:
    for part in (*every_part(made), *made.findings):
        page = Elements(str(part._repr_html_()))
        assert all(
            source.startswith(("data:image/jpeg;base64,", "data:image/svg+xml;base64,")) for source in page.sources()
        )
        assert not any({"href", "srcset", "data", "action"} & set(attributes) for _, attributes in page.elements)
        assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.elements}


def test_a_figure_shows_its_pictures_and_a_section_all_of_its_own(made: Report) -> None:
    figure = made.figure("cams-image-000")
    page = shown(figure)
    assert len(page.sources()) == len(figure.pictures) + 1  # and the scale
    assert all(label in page.text for label in ("Original", "Grad-CAM", "ScoreCAM", "Share of the map's maximum"))
    section = shown(made.section("cams"))
    assert len(section.sources()) <= parts.SECTION_PICTURES
    assert "Which regions drive the prediction" in section.text


def test_a_table_rounds_as_its_columns_say_and_counts_what_it_leaves_out(made: Report) -> None:
    page = shown(made.table("cams-measures"))
    assert "0.612" in page.text and "0.6123" not in page.text
    assert "0.634" in page.text, "the summary row"
    assert '10 more rows: report.table("cams-measures").to_pandas()' in page.text


def test_a_finding_shows_its_evidence(made: Report) -> None:
    finding = next(found for found in made.findings if found.evidence)
    page = Elements(str(finding._repr_html_()))
    assert finding.text.split()[0] in page.text
    assert all((item.words or item.name.replace("_", " ")) in page.text for item in finding.evidence)


def test_plain_text_of_a_part_is_a_line(made: Report) -> None:
    for part in (*every_part(made), *made.findings):
        assert len(repr(part)) < 400
        assert len(str(part)) < 400
        assert "\n" not in repr(part)
    assert repr(made).startswith("Report(title='Explainability report', images=10, ")


def test_reading_and_showing_a_report_imports_nothing_that_computes(made: Report) -> None:
    assert made.folder is not None
    (made.folder / "report.json").write_bytes(report_json(made))
    code = f"from reportgen import read_report\nassert read_report({str(made.folder)!r})._repr_html_()"
    heavy = ["torch", "numpy", "openvino", "matplotlib", "weasyprint", "pandas", "analyses", "reportgen.pipeline"]
    assert imported(code, heavy) == []


# --- strangers -------------------------------------------------------------------------------------


def test_names_of_strangers_are_text_and_nothing_else(tmp_path: Path) -> None:
    report, folder = make_report(tmp_path, 8, names=HOSTILE_NAMES)
    for part in every_part(report.with_folder(folder)):
        page = shown(part)
        assert "script" not in {tag for tag, _ in page.elements}
        assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert "{{7*7}} {% include 'x' %} {# #}.jpg" in shown(report).text
    assert "<script>alert(1)</script>.jpg" in shown(report).text
    assert "right\\u202eto\\u2066left\\u2069.jpg" in shown(report).text


def test_every_text_of_a_report_is_escaped(made: Report) -> None:
    """Whatever a stranger's report.json says, where it may say what it likes."""
    evil = '"><script>alert(1)</script><img src=http://x.example/a onerror=alert(1)>'
    kept = {"type", "kind", "role", "level", "verdict", "file", "id", "created", "name", "head"}

    def poisoned(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            return {inner: poisoned(of, inner) for inner, of in value.items()}
        if isinstance(value, list):
            return [poisoned(of, key) for of in value]
        return evil if isinstance(value, str) and key not in kept and not value.startswith("#") else value

    data = json.loads(report_json(made))
    for part in ("sections", "findings", "images", "summary", "warnings"):
        data[part] = poisoned(data[part])
    data["title"] = evil
    data["images"][0]["name"] = data["sections"][0]["id"] = data["findings"][0]["id"] = evil
    data["sections"][0]["blocks"][-1:] = [
        {"type": "table", "id": evil, "caption": "", "columns": [{"key": "a", "label": "a"}], "rows": [["x"]] * 30}
    ]
    report = Report.model_validate(data).with_folder(made.folder)
    for each in (*every_part(report), *report.findings):
        page = Elements(str(each._repr_html_()))
        assert not {"script", "iframe"} & {tag for tag, _ in page.elements}
        assert all(source.startswith("data:image/") for source in page.sources())
    assert evil in shown(report).text


def test_no_file_outside_of_the_run_folder_is_shown(made: Report, tmp_path: Path) -> None:
    assert made.folder is not None
    secret = tmp_path / "secret.png"
    Image.new("RGB", (8, 8), "red").save(secret)
    (made.folder / "figures" / "link.png").unlink(missing_ok=True)
    (made.folder / "figures" / "link.png").symlink_to(secret)
    relative = Path(*[".."] * len(made.folder.resolve().parts[1:]), *secret.resolve().parts[1:])
    (made.folder / "notes.txt").write_text("private")
    for file in (str(secret), str(relative), "figures/link.png", "notes.txt", "figures", "\0", "figures/gone.jpg"):
        picture = Picture(file=file, width=8, height=8, alt="what it is of")
        page = shown(Figure(id="a", caption="", pictures=[picture]).placed(made.figure("cams-image-000")._home))
        assert page.sources() == []
        assert "what it is of" in page.text


def test_a_damaged_or_huge_picture_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "damaged.jpg").write_bytes(b"\xff\xd8\xff" + b"x" * 99)
    Image.new("L", (300, 300)).save(tmp_path / "huge.png")
    (tmp_path / "chart.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>" + " " * pictures.MOST_SVG_BYTES)
    monkeypatch.setattr(pictures, "MOST_PIXELS", 300 * 299)
    some = pictures.Pictures(tmp_path, most=9, most_bytes=10**6)
    for file in ("damaged.jpg", "huge.png", "chart.svg"):
        assert some.shown(Picture(file=file, width=1, height=1, alt="a"), 100)["uri"] == ""


def test_pictures_of_one_output_are_counted_and_weighed(made: Report) -> None:
    assert made.folder is not None
    file = Picture(file=made.images[0].picture.file, width=224, height=224, alt="")
    few = pictures.Pictures(made.folder, most=2, most_bytes=10**6)
    assert [bool(few.shown(file, 100)["uri"]) for _ in range(3)] == [True, True, False]
    light = pictures.Pictures(made.folder, most=9, most_bytes=100)
    assert light.shown(file, 100)["uri"] == ""


def test_a_colour_of_a_legend_is_a_colour(made: Report) -> None:
    entries = [("url(http://x.example/a)", "track"), ("red; position: fixed", "cover"), ("#0072b2", "for the class")]
    figure = Figure(id="a", caption="", pictures=[], legend=ColorBar(entries=entries))
    html = str(figure._repr_html_())
    assert "background: #0072b2" in html
    assert "x.example" not in html and "fixed" not in html


def test_a_report_without_its_folder_is_described(made: Report) -> None:
    page = shown(Report.model_validate(json.loads(report_json(made))))
    assert page.sources() == []
    assert made.images[0].name in page.text


def test_a_row_longer_than_its_columns_is_cut(made: Report) -> None:
    rows: list[list[str | int | float | bool | None]] = [[7, 2, 3], [8]]
    table = Table(id="a", caption="", columns=[Column(key="x", label="x")], rows=rows)
    assert shown(table).text.split() == ["x", "78"]


# --- parts and their folder ------------------------------------------------------------------------


def test_where_pictures_lie_says_nothing_of_what_is_said(made: Report, tmp_path: Path) -> None:
    other = made.with_folder(tmp_path)
    assert other.sections == made.sections
    assert other.images == made.images
    assert report_json(other) == report_json(made)
    assert shown(made.figure("cams-image-000")).sources(), "the first report keeps its folder"
    assert not shown(other.figure("cams-image-000")).sources()
    assert copy.deepcopy(made.figure("cams-image-000")) == made.figure("cams-image-000")


def test_a_temporary_folder_lives_as_long_as_a_part_of_its_report(tmp_path: Path) -> None:
    report, _ = make_report(tmp_path, 1)
    home = tempfile.TemporaryDirectory()
    place = Path(home.name)
    (tmp_path / "run" / "figures").rename(place / "figures")
    report = report.with_folder(home)
    figure = report.figure("cams-image-000")
    del report, home
    gc.collect()
    assert shown(figure).sources()
    del figure
    gc.collect()
    assert not place.exists()


def test_parts_are_found_by_id_and_an_error_names_the_nearest(made: Report) -> None:
    assert made.section("lime").title.startswith("Which superpixels")
    assert made.finding(made.findings[0].id) is made.findings[0]
    for ask, near in ((made.table, "cams-measures"), (made.figure, "cams-spread"), (made.section, "cams")):
        with pytest.raises(KeyError, match=f"did you mean '{near}'"):
            ask(f"{near[:-1]}")


# --- progress --------------------------------------------------------------------------------------


class Handle:
    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []

    def update(self, data: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.shown.append(data)


def test_a_cell_shows_one_line_of_what_was_done_and_what_was_said() -> None:
    handle = Handle()
    bar = CellBar(handle)
    with bar.standing():
        bar.stage("Explaining images", 2)
        bar.step("<b>a.jpg")
        bar.say("skipped <b>b.jpg")
        bar.step("c.jpg")
    assert any('<progress value="1" max="2"' in data["text/html"] for data in handle.shown)
    assert all("<b>" not in data["text/html"] for data in handle.shown)
    assert handle.shown[-1]["text/plain"].splitlines() == ["Explaining images (2): 0 s", "skipped <b>b.jpg"]


def test_a_cell_of_a_run_that_failed_keeps_its_bar() -> None:
    handle = Handle()
    bar = CellBar(handle)
    with pytest.raises(RuntimeError), bar.standing():
        bar.stage("Explaining images", 2)
        raise RuntimeError
    assert handle.shown[-1]["text/plain"] == "Explaining images 0/2"


def test_who_sees_no_terminal_is_told_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for asked in (None, False):
        with watched(asked) as told:
            told.stage("Explaining images", 1)
            told.say("a line")
    assert capsys.readouterr() == ("", "")
    with watched(True) as told:
        told.stage("Explaining images", 1)
    assert capsys.readouterr().err == "Explaining images (1)\n"


def test_progress_of_the_users_own_is_used_as_it_is() -> None:
    own = Silent()
    with watched(own) as told:
        assert told is own


def test_a_terminal_shows_bars_and_a_notebook_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with watched(None) as told:
        assert isinstance(told, progress_bars.Bars)
    handle = Handle()
    monkeypatch.setattr(progress_bars, "_cell", lambda: CellBar(handle))
    with watched(None) as told:
        told.stage("Explaining images", 1)
    assert handle.shown
    with watched(False) as told:
        assert isinstance(told, Silent)


def test_parts_are_shown_by_several_threads_at_once(made: Report) -> None:
    pages: list[str] = []
    threads = [threading.Thread(target=lambda: pages.append(str(made._repr_html_()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(pages)) == 1 and len(pages) == 4


def test_a_text_block_by_itself_is_plain_data() -> None:
    assert not hasattr(Text(text="a"), "_repr_html_")


# --- the tutorial ----------------------------------------------------------------------------------

TUTORIAL = ROOT / "docs" / "tutorial.ipynb"


def tutorial_cells() -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(TUTORIAL.read_text("utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_the_tutorial_is_python_of_public_names_and_keeps_its_output() -> None:
    assert TUTORIAL.stat().st_size < 1_500_000
    for cell in tutorial_cells():
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reportgen"):
                assert node.module == "reportgen"
                assert {alias.name for alias in node.names} <= set(reportgen.__all__)
    outputs = [output for cell in tutorial_cells() for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    pages = [
        Elements("".join(output["data"]["text/html"])) for output in outputs if "text/html" in output.get("data", {})
    ]
    assert sum(len(page.sources()) for page in pages) > 10
    assert all(source.startswith("data:image/") for page in pages for source in page.sources())


def test_the_tutorial_names_neither_the_machine_nor_the_user() -> None:
    text = TUTORIAL.read_text("utf-8")
    assert not re.search(r"/(?:root|home|work|Users)/", text)


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("REPORTGEN_CACHE_DIR", str(tmp_path))
    made = nbformat.read(TUTORIAL, as_version=4)
    said = [cell["outputs"] for cell in made.cells if cell["cell_type"] == "code"]
    client = NotebookClient(
        made, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(ROOT / "docs")}}
    )
    client.execute()
    again = [cell["outputs"] for cell in made.cells if cell["cell_type"] == "code"]
    assert [[output["output_type"] for output in cell] for cell in again] == [
        [output["output_type"] for output in cell] for cell in said
    ]
