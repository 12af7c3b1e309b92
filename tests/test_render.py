"""The report as files: what stands in them, what cannot get in, and that they are the same every time."""

from __future__ import annotations

import ctypes
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import combinations, pairwise
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
import pytest

from fixtures import HOSTILE_NAMES, make_report
from reportgen.rendering.context import page_context
from reportgen.rendering.environment import environment, page_chunks
from reportgen.rendering.filters import csp_hash, number, percent, prose, raw, significant, slug, visible, words
from reportgen.rendering.render import render
from reportgen.rendering.sources import sources
from reportgen.rendering.templates import shipped_templates, template_folders
from reportgen.rendering.words import english
from reportgen.report.blocks import Column, Figure, Heading, Section, Table, Text
from reportgen.report.document import ClassProbability, Document, Report, Summary
from reportgen.utils.errors import ReportgenError, UsageError

MM = 72 / 25.4  # PDF points
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Page(HTMLParser):
    """The elements of a page, in order: (tag, attributes, all text inside)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[tuple[str, list[str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        inside: list[str] = []
        self.elements.append((tag, dict(attrs), inside))
        if tag not in VOID:
            self._open.append((tag, inside))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for _, inside in self._open:
            inside.append(data)

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attrs, "".join(inside)) for name, attrs, inside in self.elements if name == tag]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    return make_report(tmp_path_factory.mktemp("hostile"), len(HOSTILE_NAMES), names=HOSTILE_NAMES)


@pytest.fixture(scope="module")
def complaints() -> Iterator[list[str]]:
    """What the PDF library complained about in this module."""
    messages: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    handler = Keep()
    logging.getLogger("reportgen.rendering.pdf").addHandler(handler)
    yield messages
    logging.getLogger("reportgen.rendering.pdf").removeHandler(handler)


@pytest.fixture(scope="module")
def out(made: tuple[Report, Path], complaints: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    written = render(*made, folder)
    assert written == [folder / "report.pdf", folder / "report.html"]
    return folder


@pytest.fixture(scope="module")
def page(out: Path) -> Page:
    return Page((out / "report.html").read_text("utf-8"))


@pytest.fixture(scope="module")
def pdf(out: Path) -> Iterator[pdfium.PdfDocument]:
    document = pdfium.PdfDocument(out / "report.pdf")
    yield document
    document.close()


@pytest.fixture(scope="module")
def pdf_text(pdf: pdfium.PdfDocument) -> str:
    return "".join(leaf.get_textpage().get_text_range() for leaf in pdf)


# --- untrusted names ------------------------------------------------------------------------


def shown(name: str) -> str:
    return " ".join(visible(name).split())


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_come_out_as_text_in_html(page: Page, name: str) -> None:
    names = [text for attrs, text in page.all("bdi") if attrs["class"] == "name"]
    assert names.count(shown(name)) >= 4, "contact sheet, two figures and a table"


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_come_out_as_text_in_pdf(pdf_text: str, name: str) -> None:
    squeezed = re.sub(r"\s", "", pdf_text)
    assert re.sub(r"\s", "", shown(name)) in squeezed


def test_names_bring_no_markup_in(page: Page) -> None:
    tags = {tag for tag, _, _ in page.elements}
    assert not tags & {"iframe", "object", "embed", "link", "base", "form"}
    assert len(page.all("script")) == 1, "the template's own"
    assert all(not key.startswith("on") for _, attrs, _ in page.elements for key in attrs)
    assert all(attrs.get("src", "data:").startswith("data:image/") for attrs, _ in page.all("img"))
    assert "49" not in {text for attrs, text in page.all("bdi")}


def test_characters_that_turn_text_around_are_written_out() -> None:
    assert visible("a\u202egpj.exe\n") == "a\\u202egpj.exe\\n"
    assert "\u202e" not in prose("see a\u202eb")


# --- the HTML file -------------------------------------------------------------------------------


def test_html_asks_for_nothing_outside_itself(page: Page, out: Path) -> None:
    for tag, attrs, _ in page.elements:
        for key in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
            value = attrs.get(key) or "#"
            assert value.startswith(("#", "data:")), f"{tag} {key}={value[:60]}"
    styles = page.all("style")
    assert len(styles) == 1
    text = styles[0][1]
    assert "@import" not in text
    assert all(url.startswith(('"data:font/woff2;', "data:")) for url in re.findall(r"url\(([^)]{0,40})", text))
    assert not re.search(r"https?://", re.sub(r"data:[^\"')]*", "", (out / "report.html").read_text("utf-8")))


def test_html_is_built_for_people_and_screen_readers(page: Page, made: tuple[Report, Path]) -> None:
    report, _ = made
    (html, _), *_ = page.all("html")
    assert html["lang"] == "en"
    assert page.all("title")[0][1] == report.title
    metas = {attrs.get("name") or attrs.get("http-equiv"): attrs.get("content") for attrs, _ in page.all("meta")}
    assert "width=device-width" in (metas["viewport"] or "")
    assert (metas["Content-Security-Policy"] or "").startswith(
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:"
    )
    assert metas["dcterms.created"] == "2026-08-05T12:30:00Z"
    assert all(attrs.get("alt") for attrs, _ in page.all("img"))
    assert all(attrs.get("scope") in ("row", "col") for attrs, _ in page.all("th"))
    assert all(len(page.all(tag)) == 1 for tag in ("main", "nav", "header", "h1"))
    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {attrs["href"].removeprefix("#") for attrs, _ in page.all("a") if attrs.get("href")}
    assert targets <= set(ids)


def test_headings_skip_no_level(page: Page) -> None:
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_figures_and_tables_are_numbered_in_order(page: Page) -> None:
    captions = [
        text for attrs, text in page.all("p") + page.all("span") if "number" in (attrs.get("class") or "").split()
    ]
    figures = [int(text.split()[1]) for text in captions if text.startswith("Figure")]
    assert figures == list(range(1, len(figures) + 1))
    assert len(figures) == len(page.all("figure"))
    assert [text for text in captions if text.startswith("Table")] == ["Table 1", "Table 2"]


def test_tables_round_and_mark_what_is_missing(page: Page) -> None:
    cells = [text for _, text in page.all("td")]
    assert {"0.612", "12\u202f681", "−6.5", "17.0", "–no value"} <= set(cells)


def test_evidence_is_written_for_people(page: Page) -> None:
    """A number with its words, unit, interval, n and p; its name stays in report.json."""
    [said] = [text for attributes, text in page.all("p") if attributes.get("class") == "evidence" and "Area" in text]
    said = " ".join(said.replace("\xa0", " ").split())
    assert said.startswith(
        "Area of the map, AblationCAM minus Grad-CAM: 1.2 %, 95 % interval 0.3 to 2 %, n = 8, p = 0.002 uncorrected ("
    )
    assert not [text for _, text in page.all("p") if "area_difference" in text]
    notes = [text for attributes, text in page.all("p") if attributes.get("class") == "tested"]
    assert [note.partition(";")[2].partition(":")[0] for note in notes] == [" corrected for the 2 claims tested"] * 2


def test_templates_name_no_result(made: tuple[Report, Path]) -> None:
    """Sentences about results stand in the data: an empty report has none."""
    report, run = made
    nothing: dict[str, object] = {key: [] for key in ("images", "sections", "findings", "warnings", "skipped")}
    empty = report.model_copy(update={**nothing, "settings": {}})
    render(empty, run, run.parent / "empty", formats=("html",))
    text = " ".join(inside for _, inside in Page((run.parent / "empty/report.html").read_text("utf-8")).all("main"))
    assert not re.search(r"\b(consistent|highlight|focus|best|worst|mostly)", text, re.IGNORECASE)


# --- the PDF file --------------------------------------------------------------------------------


def test_pdf_library_has_nothing_to_complain_about(out: Path, complaints: list[str]) -> None:
    unexpected = [message for message in complaints if ".notdef glyph" not in message]  # no emoji font here
    assert unexpected == []


def test_pdf_is_tagged_named_and_bookmarked(pdf: pdfium.PdfDocument, made: tuple[Report, Path]) -> None:
    report, _ = made
    assert pdfium_c.FPDFCatalog_IsTagged(pdf)
    assert pdf.get_metadata_value("Title") == report.title
    assert pdf.get_metadata_value("CreationDate").startswith("D:20260805123000")
    assert pdf.get_metadata_value("Creator") == "reportgen 0.1.0"
    bookmarks = [bookmark.get_title() for bookmark in pdf.get_toc()]
    assert [section.title in " ".join(bookmarks) for section in report.sections] == [True] * 3
    assert "Settings" in bookmarks


def test_pdf_says_its_language_and_variant(out: Path, made: tuple[Report, Path]) -> None:
    data = (out / "report.pdf").read_bytes()
    assert data.startswith(b"%PDF-1.7")
    streams = b"".join(_inflated(data))
    assert b"/Lang (en)" in streams + data
    assert b"pdfuaid" in streams + data


def test_every_figure_of_the_pdf_has_an_alternative_text(pdf: pdfium.PdfDocument) -> None:
    alts = [alt for leaf in pdf for alt in _figure_alts(leaf)]
    assert len(alts) > 60
    assert all(alts)


def test_contents_give_page_numbers(pdf: pdfium.PdfDocument) -> None:
    text = pdf[1].get_textpage().get_text_range()
    assert re.search(r"How to repeat this run\s*(\d+)", text)


@pytest.mark.parametrize("paragraphs", [1, 26, 28])
def test_contents_stand_on_one_page_beside_a_summary_of_any_length(paragraphs: int, tmp_path: Path) -> None:
    report, run = make_report(tmp_path, 1)
    headings = [Heading(text=f"Part {i}") for i in range(20)]
    section = Section(id="many", title="Many parts", blocks=[*headings, Text(text="The end.")])
    long = " ".join(["A sentence of a summary that fills its line and the next."] * 2 * paragraphs)
    summary = Summary(images=long, findings=[], rest="")
    render(
        report.model_copy(update={"summary": summary, "sections": [section]}), run, tmp_path / "out", formats=("pdf",)
    )
    with pdfium.PdfDocument(tmp_path / "out/report.pdf") as document:
        texts = [leaf.get_textpage().get_text_range() for leaf in document]
    contents = next(text for text in texts if "Contents" in text)
    assert "Many parts" in contents and "How to repeat this run" in contents
    assert "Part 0" not in contents, "on paper a chapter takes one line"


def _inflated(data: bytes) -> Iterator[bytes]:
    import zlib

    for match in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL):
        try:
            yield zlib.decompress(match[1])
        except zlib.error:
            continue


def test_a_legend_stands_on_the_page_of_its_caption(tmp_path: Path) -> None:
    report, run = make_report(tmp_path, 1)
    figure = next(block for block in report.sections[1].blocks if isinstance(block, Figure) and block.legend)
    assert figure.legend
    # Higher than its caption, so that at some height of the page the caption would fit, and the legend would not.
    names = [("#000000", f"legend name {word} of a line") for word in ("one", "two", "three", "four")]
    legend = figure.legend.model_copy(update={"entries": names})
    blocks: list[Text | Figure] = []
    for place in range(60):
        blocks += [Text(text="word " * 15)] * (place % 6 + 1)
        blocks.append(
            figure.model_copy(
                update={"id": f"f{place}", "pictures": figure.pictures[:1], "columns": 4, "legend": legend}
            )
        )
    section = report.sections[1].model_copy(update={"blocks": blocks})
    render(
        report.model_copy(update={"sections": [section], "findings": [], "warnings": []}),
        run,
        tmp_path,
        formats=("pdf",),
    )
    with pdfium.PdfDocument(tmp_path / "report.pdf") as document:
        pages = [leaf.get_textpage().get_text_range() for leaf in document]
    assert sum(text.count("name one") for text in pages) == 60
    for page_number, text in enumerate(pages, start=1):
        assert text.count("name four") == len(re.findall(r"Figure\s\d", text)), (
            f"page {page_number} has part of a figure"
        )


def _figure_alts(leaf: pdfium.PdfPage) -> Iterator[str]:
    tree = pdfium_c.FPDF_StructTree_GetForPage(leaf)
    count = pdfium_c.FPDF_StructTree_CountChildren(tree)
    stack = [pdfium_c.FPDF_StructTree_GetChildAtIndex(tree, i) for i in range(count)]
    while stack:
        element = stack.pop()
        if not element:
            continue
        if _string(pdfium_c.FPDF_StructElement_GetType, element) == "Figure":
            yield _string(pdfium_c.FPDF_StructElement_GetAltText, element)
        count = pdfium_c.FPDF_StructElement_CountChildren(element)
        stack += [pdfium_c.FPDF_StructElement_GetChildAtIndex(element, i) for i in range(count)]
    pdfium_c.FPDF_StructTree_Close(tree)


def _string(get, element) -> str:  # type: ignore[no-untyped-def]
    length = get(element, None, 0)
    buffer = ctypes.create_string_buffer(length)
    get(element, buffer, length)
    return buffer.raw.decode("utf-16-le").rstrip("\x00")


# --- strips: an image at a glance, on paper ---------------------------------------------------------


def on_paper(report: Report) -> str:
    """The page that the PDF is laid out from; pictures stand by their files."""
    words = english()
    env = environment(template_folders("writeup"), url=str, asset=str)
    return "".join(page_chunks(env, page_context(report, "pdf", words=words)))


def strips_of(page: str) -> list[Page]:
    return [Page(strip) for strip in re.findall(r'<article class="strip".*?</article>', page, re.DOTALL)]


def test_each_image_has_one_strip_with_all_that_lies_over_its_photograph(made: tuple[Report, Path]) -> None:
    report, _ = made
    strips = strips_of(on_paper(report))
    assert len(strips) == len(report.images)
    for image, strip in zip(report.images, strips, strict=True):
        figures = [b for s in report.sections for b in s.blocks if isinstance(b, Figure) and b.image == image.name]
        pictures = [image.picture, *(picture for figure in figures for picture in figure.pictures[1:])]
        assert [(attrs["src"], attrs["alt"]) for attrs, _ in strip.all("img")] == [
            (picture.file, visible(picture.alt)) for picture in pictures
        ]
        labels = [text for attrs, text in strip.all("p") if attrs["class"] == "panel-label"]
        assert labels == ["Input", "Grad-CAM", "AblationCAM", "ScoreCAM", "Strongest superpixels", "Signed weights"]
        assert shown(image.name) in [text for attrs, text in strip.all("bdi")]


def test_a_layer_that_two_figures_show_stands_once(made: tuple[Report, Path]) -> None:
    report, _ = made
    again = Section(id="again", title="Again", blocks=[b for b in report.sections[0].blocks if b.type == "figure"])
    context = page_context(report.model_copy(update={"sections": [*report.sections, again]}), "pdf")
    assert [layer["label"] for layer in context["images"][0]["layers"]] == [
        "Grad-CAM", "AblationCAM", "ScoreCAM", "Strongest superpixels", "Signed weights",
    ]  # fmt: skip


def test_a_strip_has_the_headline_measures_as_their_table_rounds_them(made: tuple[Report, Path]) -> None:
    report, _ = made
    agreement = report.sections[-1]
    table = next(block for block in agreement.blocks if isinstance(block, Table))
    area = Column(key="area", label="Area", unit="% of frame", decimals=1, percent=True, headline=True)
    wider = table.model_copy(
        update={
            "columns": [*table.columns, area],
            "rows": [[*row, 0.12345] for row in table.rows],
            "summary": [[*row, None] for row in table.summary],
        }
    )
    blocks = [wider if block is table else block for block in agreement.blocks]
    sections = [*report.sections[:-1], agreement.model_copy(update={"blocks": blocks})]
    first, second, *_ = strips_of(on_paper(report.model_copy(update={"sections": sections})))
    for strip, iou in ((first, "0.635"), (second, "–")):
        heads, cells = ([text for _, text in strip.all(tag)] for tag in ("th", "td"))
        assert (heads, cells) == (["IoU", "Area (% of frame)"], [iou, "12.3"]), "Chance is no headline"


def test_a_strip_has_the_choices_after_the_first(made: tuple[Report, Path]) -> None:
    report, _ = made
    image = report.images[0]
    others = [ClassProbability(index=i, name=f"<b>other {i}", probability=0.1 / i) for i in (2, 3)]
    prediction = image.prediction.model_copy(update={"top5": [*image.prediction.top5, *others]})
    changed = image.model_copy(update={"prediction": prediction})
    strip, *_ = strips_of(on_paper(report.model_copy(update={"images": [changed, *report.images[1:]]})))
    assert [text for _, text in strip.all("th")][:2] == ["<b>other 2", "<b>other 3"]
    assert [text for _, text in strip.all("td")][:2] == ["5.0\u202f%", "3.3\u202f%"]


def test_an_image_with_nothing_over_its_photograph_keeps_its_card(made: tuple[Report, Path]) -> None:
    report, _ = made
    page = on_paper(report.model_copy(update={"sections": report.sections[-1:]}))
    assert strips_of(page) == [] and page.count('<li class="card"') == len(report.images)
    assert english()["how_to_read_images"] in page and english()["how_to_read_strips"] not in page
    cams = report.sections[0]
    first = next(block for block in cams.blocks if isinstance(block, Figure))
    page = on_paper(report.model_copy(update={"sections": [cams.model_copy(update={"blocks": [first]})]}))
    assert len(strips_of(page)) == 1 and page.count('<li class="card"') == len(report.images) - 1
    assert english()["how_to_read_images"] in page and english()["how_to_read_strips"] in page


def test_no_link_of_the_paper_page_leads_nowhere(made: tuple[Report, Path]) -> None:
    page = Page(on_paper(made[0]))
    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {(attrs["href"] or "").removeprefix("#") for attrs, _ in page.all("a")}
    assert targets <= set(ids)
    anchors = {image["anchor"] for image in page_context(made[0], "pdf")["images"]}
    assert anchors <= set(ids) and anchors <= targets


def test_strips_are_only_on_paper(out: Path, page: Page, made: tuple[Report, Path]) -> None:
    assert not [attributes for attributes, _ in page.all("article") if attributes.get("class") == "strip"]
    assert (out / "report.html").read_text("utf-8").count('<li class="card') == len(made[0].images)


def test_a_strip_is_bookmarked_and_stays_whole(pdf: pdfium.PdfDocument, made: tuple[Report, Path]) -> None:
    marks = [(bookmark.level, bookmark.get_title(), bookmark.get_dest()) for bookmark in pdf.get_toc()]
    chapter = next(i for i, (_, title, _) in enumerate(marks) if title == "The images")
    strips = marks[chapter + 1 : chapter + 1 + len(made[0].images)]
    squeezed = [re.sub(r"\s", "", title) for _, title, _ in strips]
    assert squeezed == [re.sub(r"\s", "", visible(image.name)) for image in made[0].images]
    assert {level for level, _, _ in strips} == {marks[chapter][0] + 1}
    pages = range(strips[0][2].get_index(), strips[-1][2].get_index() + 1)
    texts = [pdf[page].get_textpage().get_text_range() for page in pages]
    firsts, lasts = ([text.count(label) for text in texts] for label in ("Input", "Signed weights"))
    assert firsts == lasts and sum(firsts) == len(strips)


def test_long_names_stay_in_the_column_of_their_strip(pdf: pdfium.PdfDocument, made: tuple[Report, Path]) -> None:
    long = next(i for i, image in enumerate(made[0].images) if len(image.name) > 250)
    first = next(i for i, mark in enumerate(pdf.get_toc()) if mark.get_title() == "The images") + 1
    strip, after = (mark.get_dest() for mark in list(pdf.get_toc())[first + long : first + long + 2])
    top = strip.get_view()[1][1]
    bottom = after.get_view()[1][1] if after.get_index() == strip.get_index() else 20 * MM
    text = pdf[strip.get_index()].get_textpage()
    boxes = [box for i in range(text.count_rects()) if bottom < (box := text.get_rect(i))[1] < top]
    side = [box for box in boxes if box[0] < 77 * MM]
    assert len(side) > 8, "the name takes lines"
    assert all(left > 18 * MM - 1 and right < 75 * MM + 1 for left, _, right, _ in side)
    assert all(left > 80 * MM - 1 for left, *_ in boxes if left >= 77 * MM)
    overlaps = [(a, b) for a, b in combinations(side, 2) if min(a[2], b[2]) > max(a[0], b[0]) and _shared(a, b) > 2]
    assert overlaps == []


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_panels_stand_beside_the_first_choice(small: tuple[Report, Path], paper: str) -> None:
    report, run = small
    changed = report.model_copy(update={"document": Document(paper=paper), "sections": report.sections[:1]})
    [file] = render(changed, run, run.parent / "out", formats=("pdf",))
    with pdfium.PdfDocument(file) as document:
        mark = next(mark for mark in document.get_toc() if mark.get_title() == shown(report.images[0].name))
        leaf, top = document[mark.get_dest().get_index()], mark.get_dest().get_view()[1][1]
        pictures = [item.get_bounds() for item in leaf.get_objects([pdfium_c.FPDF_PAGEOBJ_IMAGE])]
        margin = (leaf.get_width() - 174 * MM) / 2
    row = sorted(bounds for bounds in pictures if 0 < top - bounds[3] < 5 * MM)
    assert [round((left - margin) / MM) for left, *_ in row] == [62, 91, 119, 148]


def _shared(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """How high two boxes lie over each other, in points; lines of small type touch."""
    return min(a[3], b[3]) - max(a[1], b[1])


# --- the same bytes ------------------------------------------------------------------------------

RENDER = """
import sys
from pathlib import Path
from reportgen.report.document import Report
from reportgen.rendering.render import render
source, run, out, formats = sys.argv[1:]
render(Report.model_validate_json(Path(source).read_text("utf-8")), Path(run), Path(out), formats=formats.split(","))
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "matplotlib", "weasyprint", "analyses"}))
"""


def in_another_process(source: Path, run: Path, out: Path, formats: str) -> list[str]:
    """Render there; returns which of the heavy packages were imported."""
    done = subprocess.run(
        [sys.executable, "-c", RENDER, source, run, out, formats],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    return done.stdout.split()


def test_another_process_and_folder_give_the_same_bytes(tmp_path: Path, made: tuple[Report, Path], out: Path) -> None:
    report, run = made
    (tmp_path / "report.json").write_text(report.model_dump_json(), "utf-8")
    shutil.copytree(run, tmp_path / "moved")
    heavy = in_another_process(tmp_path / "report.json", tmp_path / "moved", tmp_path / "out", "pdf,html")
    assert heavy == ["weasyprint"]
    for name in ("report.html", "report.pdf"):
        assert (tmp_path / "out" / name).read_bytes() == (out / name).read_bytes(), name


def test_html_needs_no_heavy_import(tmp_path: Path, made: tuple[Report, Path]) -> None:
    report, run = made
    (tmp_path / "report.json").write_text(report.model_dump_json(), "utf-8")
    assert in_another_process(tmp_path / "report.json", run, tmp_path / "out", "html") == []


# --- templates of one's own ----------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> tuple[Report, Path]:
    return make_report(tmp_path, 1)


def html_of(small: tuple[Report, Path], files: dict[str, str]) -> str:
    report, run = small
    folder = run.parent / "template"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    render(report, run, run.parent / "out", template=folder, formats=("html",))
    return (run.parent / "out/report.html").read_text("utf-8")


def test_a_folder_overrides_a_block_and_keeps_the_rest(small: tuple[Report, Path]) -> None:
    text = html_of(
        small,
        {
            "report.html": '{% extends "base/report.html" %}'
            "{% block cover %}<p>ACME</p>{{ super() }}{% endblock %}"
            "{% block appendix %}<section><h2>Own</h2>{{ file_name(images[0].name) }}</section>{% endblock %}",
            "extra.css": ":root { --accent: #123456; }",
        },
    )
    assert "<p>ACME</p>" in text and "<h1>" in text and "<h2>Own</h2>" in text and "--accent: #123456" in text


def test_a_folder_replaces_a_part(small: tuple[Report, Path]) -> None:
    text = html_of(small, {"parts/notice.html": "<p>NOTE {{ block.title }}</p>"})
    assert text.count("NOTE Related") == 1


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("\n{{ report.nonsense }}", r"report\.html, line 2: .*nonsense"),
        ("{% if %}", r"report\.html, line 1"),
        ("{{ ''.__class__.__mro__ }}", "unsafe|undefined"),
        ("{{ report.__class__.__init__.__globals__ }}", "unsafe|undefined"),
        ("{{ report.images.append(1) }}", "not safely callable|unsafe"),
        ("{% for i in range(10 ** 9) %}{% endfor %}", "range"),
        ("{% include '../../../etc/passwd' %}", "passwd"),
        ("{% include '/etc/passwd' %}", "passwd"),
        ("{% include 'link.html' %}", "link"),
        ("{{ 'figures/../../secret.jpg' | url }}", "no such picture"),
        ("{{ '/etc/passwd' | url }}", "no such picture"),
        ("{{ '../../secret.jpg' | asset }}", "no such asset"),
        ("{{ 'link.html' | asset }}", "no such asset"),
        ("{{ 'report.html' | asset }}", "shows only"),
    ],
)
def test_a_template_cannot_go_wrong_silently_or_leave_its_folder(
    small: tuple[Report, Path], template: str, says: str
) -> None:
    _, run = small
    (run.parent / "secret.jpg").write_bytes(b"secret")
    (run.parent / "template").mkdir()
    (run.parent / "template/link.html").symlink_to("/etc/passwd")
    with pytest.raises(ReportgenError, match=says) as caught:
        html_of(small, {"report.html": template})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("file:///etc/passwd", "refused"),
        ("http://127.0.0.1:9/x.png", "refused"),
        ("https://example.org/x.png", "refused"),
        ("//example.org/x.png", "refused|relative"),
        ("ftp://example.org/x.png", "refused"),
        ("run:../secret.jpg", "no such picture"),
        ("run:figures/unnamed.jpg", "no such picture"),
        ("run:figures/..%2f..%2fsecret.jpg", "no such picture"),
        ("template:..%2f..%2fpyproject.toml", "no such asset"),
        ("template:link.html", "no such asset"),
    ],
)
def test_fetcher_serves_only_the_run_and_the_template(small: tuple[Report, Path], address: str, says: str) -> None:
    from weasyprint.urls import FatalURLFetchingError

    from reportgen.rendering.fetcher import RunFetcher

    report, run = small
    (run.parent / "secret.jpg").write_bytes(b"secret")
    (run / "figures/unnamed.jpg").write_bytes(b"not named by the report")
    folder = run.parent / "template"
    folder.mkdir()
    (folder / "link.html").symlink_to("/etc/passwd")
    fetcher = RunFetcher(sources(report, run, template_folders(folder)))
    with pytest.raises(FatalURLFetchingError, match=says):
        fetcher(address)
    assert fetcher(f"run:{report.images[0].picture.file}").read().startswith(b"\xff\xd8")


def test_a_pdf_that_asks_for_a_foreign_file_is_not_written(small: tuple[Report, Path]) -> None:
    report, run = small
    folder = run.parent / "template"
    folder.mkdir()
    page = '{% extends "base/report.html" %}{% block cover %}<img alt="x" src="file:///etc/passwd">{% endblock %}'
    (folder / "report.html").write_text(page, "utf-8")
    with pytest.raises(ReportgenError, match="refused"):
        render(report, run, run.parent / "out", template=folder, formats=("pdf",))
    assert list((run.parent / "out").iterdir()) == []


def test_a_picture_that_links_out_of_the_run_is_not_read(small: tuple[Report, Path]) -> None:
    report, run = small
    secret = run.parent / "secret.jpg"
    secret.write_bytes(b"secret")
    picture = run / report.images[0].picture.file
    picture.unlink()
    picture.symlink_to(secret)
    with pytest.raises(ReportgenError, match="no such picture in"):
        render(report, run, run.parent / "out", formats=("html",))


def test_a_failed_rendering_leaves_the_old_file(small: tuple[Report, Path]) -> None:
    report, run = small
    out = run.parent / "out"
    render(report, run, out, formats=("html",))
    before = (out / "report.html").read_bytes()
    (run / report.images[0].picture.file).unlink()
    with pytest.raises(ReportgenError):
        render(report, run, out, formats=("html",))
    assert (out / "report.html").read_bytes() == before
    assert [path.name for path in out.iterdir()] == ["report.html"]


def test_unknown_names_are_usage_errors(small: tuple[Report, Path]) -> None:
    with pytest.raises(UsageError, match="writeup"):
        render(*small, small[1], template="nonsense")
    with pytest.raises(UsageError, match="html"):
        render(*small, small[1], formats=("doc",))


def test_missing_pango_is_one_line_that_says_what_to_install(
    small: tuple[Report, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import builtins

    real = builtins.__import__

    def without_pango(name: str, *args: object, **kwargs: object) -> object:
        if name == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0'")
        return real(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without_pango)
    with pytest.raises(ReportgenError, match=r"apt-get install libpango-1\.0-0") as caught:
        render(*small, small[1].parent / "out", formats=("pdf",))
    assert "\n" not in str(caught.value)


def test_context_is_plain_data(made: tuple[Report, Path]) -> None:
    def plain(value: object) -> bool:
        if isinstance(value, dict):
            return all(isinstance(key, str) and plain(item) for key, item in value.items())
        if isinstance(value, (list, tuple)):
            return all(map(plain, value))
        return value is None or type(value) in (str, int, float, bool)

    assert plain(page_context(made[0], "html"))


def test_context_names_what_lies_over_a_photograph(made: tuple[Report, Path]) -> None:
    context = page_context(made[0], "html")
    figures = [block for section in context["sections"] for block in section["blocks"] if block["type"] == "figure"]
    anchor = context["images"][0]["anchor"]
    assert [(picture["over"], picture["layer"]) for picture in figures[0]["pictures"]] == [
        (anchor, ""), (anchor, "Grad-CAM"), (anchor, "AblationCAM"), (anchor, "ScoreCAM"),
    ]  # fmt: skip
    assert {picture["over"] for picture in figures[-1]["pictures"]} == {""}, "neither figure nor picture names an image"


def test_a_picture_of_another_shape_lies_over_nothing_and_a_named_one_does(made: tuple[Report, Path]) -> None:
    report, _ = made
    image = report.images[1]
    chart = image.picture.model_copy(update={"file": "figures/a.svg", "height": 20, "label": "A chart"})
    mask = image.picture.model_copy(update={"file": "figures/b.jpg", "image": image.name, "layer": "Mask"})
    figures = [
        Figure(id="one", caption="", pictures=[chart], image=image.name),
        Figure(id="two", kind="sheet", caption="", pictures=[mask]),
    ]
    section = Section(id="s", title="S", blocks=figures)
    [placed] = page_context(report.model_copy(update={"sections": [section]}), "html")["sections"]
    assert [figure["pictures"][0]["layer"] for figure in placed["blocks"]] == ["", "Mask"]
    assert [figure["pictures"][0]["over"] for figure in placed["blocks"]] == ["", "image-image-001"]


def test_context_gathers_what_tables_measure_on_single_images(made: tuple[Report, Path]) -> None:
    context = page_context(made[0], "html")
    measures = [(measure["id"], measure["label"]) for measure in context["measures"]]
    assert measures == [("iou.iou", "IoU"), ("iou.chance", "Chance")], "not the table with three rows an image"
    assert context["images"][0]["measured"] == [0.6352194, 0.2]
    assert context["images"][1]["measured"] == [None, 0.201]


def test_the_page_carries_each_picture_no_more_often_than_it_shows_it(page: Page, made: tuple[Report, Path]) -> None:
    report, _ = made
    figures = [block for section in report.sections for block in section.blocks if isinstance(block, Figure)]
    scales = [figure for figure in figures if figure.legend and figure.legend.file]
    shown = len(report.images) + sum(len(figure.pictures) for figure in figures) + len(scales)
    # Pictures of the gallery are carried there, once, and drawn from there wherever they come again.
    carried = [attributes["href"] for attributes, _ in page.all("image")]
    assert len(carried) == len(set(carried)) and carried
    assert len(page.all("img")) + len(carried) < shown
    drawn = [attributes for attributes, _ in page.all("svg") if attributes.get("class") == "picture"]
    assert len(page.all("img")) + len(drawn) == shown + len(carried)


def test_fonts_cover_what_reports_write_and_stay_small() -> None:
    from fontTools.ttLib import TTFont

    fonts = sorted((shipped_templates() / "writeup/fonts").glob("*.woff2"))
    assert sum(font.stat().st_size for font in fonts) < 600_000
    assert len(fonts) == 8
    for font in fonts:
        if "Mono" not in font.name:
            missing = set("ΔρΣσ≥≤×±−–—…≈→²√∑✓") - set(map(chr, TTFont(font).getBestCmap()))
            assert not missing, f"{font.name} lacks {missing}"
    assert "Open Font License" in (shipped_templates() / "writeup/fonts/OFL.txt").read_text("utf-8").title()


# --- filters -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (-0.5, 2, "−0.50"),
        (-0.0004, 3, "0.000"),
        (12681, None, "12\u202f681"),
        (1280, None, "1280"),
        (1234.5678, 1, "1234.6"),
        (0.25, None, "0.25"),
        (None, 2, "–"),
        (float("nan"), 2, "–"),
        (float("-inf"), 2, "−∞"),
    ],
)
def test_number(value: float | None, decimals: int | None, text: str) -> None:
    assert number(value, decimals) == text


def test_other_filters() -> None:
    assert percent(0.925, 1) == "92.5\u202f%"
    assert (significant(0.46123), significant(0.012), significant(1234.5), significant(-1.5e-7)) == (
        "0.461", "0.012", "1230", "−1.5e−7",
    )  # fmt: skip
    assert slug("Δ Grad-CAM & LIME!") == "grad-cam-lime" and slug("日本") == "x"
    assert words("n02098286_West_Highland_white_terrier.JPEG: IoU 0.39") == [
        ["n02098286_", "West_Highland_", "white_", "terrier.JPEG:"], ["IoU"], ["0.39"],
    ]  # fmt: skip
    assert "".join(*words("x" * 255)) == "x" * 255 and max(map(len, *words("x" * 255))) <= 28
    assert raw('a\r"b') == '"a\\r\\"b"' and (raw(0.1), raw(1e-7), raw(True), raw(None)) == ("0.1", "1e-07", "True", "")
    assert csp_hash("alert(1)") == "sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI="  # by openssl
    assert prose("31 % of n = 10 in Table 2") == "31\u00a0% of n\u00a0=\u00a010 in Table\u00a02"
    assert prose("rho -0.39 (from -1.5 to 2), -2.0.") == "rho\u00a0−0.39 (from −1.5 to 2), −2.0."
    assert prose(plain := "--probe of 1e-06, img-3.jpg, 3-4.5, a/-5.5, -2+3.png, -5.png, -5.5.png") == plain
