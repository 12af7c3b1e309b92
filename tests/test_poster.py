"""The template poster: one page on every paper, whatever the size of the run, with nothing cut off and nothing left out unsaid."""

from __future__ import annotations

import re
from pathlib import Path

import pypdfium2 as pdfium
import pytest

from fixtures import HOSTILE_NAMES, make_report
from pdf_checks import problems
from reportgen.rendering.render import render, require_renderable
from reportgen.rendering.templates import find_template
from reportgen.report.document import Document, Gate, Report, Warning_
from reportgen.utils.errors import UsageError

POINTS = {"A3": (841.9, 1190.6), "A1": (1683.8, 2383.9), "A4": (595.3, 841.9), "Letter": (612.0, 792.0)}
# Where the foot begins, as a share of the sheet from above; all else stands above it (poster.css).
FOOT = 93.3 / 99.2
LONG = "A sentence that goes on and on and says the same thing again in other words, " * 4


def poster(report: Report, run: Path, out: Path, paper: str | None = None, language: str | None = None) -> Path:
    document = Document(
        authors=["Ada Lovelace", "Grace Hopper"],
        affiliation="Institute",
        course="Optics",
        paper=paper,  # type: ignore[arg-type]
        language=language,
    )
    [file] = render(report.model_copy(update={"document": document}), run, out, "poster", ("pdf",))
    return file


def the_page(file: Path) -> tuple[tuple[float, float], str, str]:
    """Size, all text, and the text of the foot, of the only page."""
    with pdfium.PdfDocument(file) as document:
        [page] = document
        width, height = page.get_size()
        text = page.get_textpage()
        foot = text.get_text_bounded(left=0, bottom=0, right=width, top=height * (1 - FOOT))
        return (width, height), " ".join(text.get_text_range().split()), " ".join(foot.split())


@pytest.mark.parametrize(
    ("n", "paper"),
    [(1, None), (2, "A3"), (3, "A1"), (4, "A3"), (10, "A3"), (100, "A3"), (10, "A1"), (10, "A4"), (10, "Letter")],
)
def test_a_poster_is_one_page(tmp_path: Path, n: int, paper: str | None) -> None:
    report, run = make_report(tmp_path, n, size=32)
    size, text, foot = the_page(poster(report, run, tmp_path / "out", paper))
    assert size == pytest.approx(POINTS[paper or "A3"], abs=0.2)
    for wanted in (
        "Explainability report",
        "Ada Lovelace and Grace Hopper",
        "Photographs and maps",
        "Grad-CAM",
        "What was found",
        "What the data do not support",
        "IoU 0.635" if n == 1 else "0.635",
        "few images",
    ):
        assert wanted in text, wanted
    assert foot.startswith("Methods: "), "nothing else reaches down there"
    assert ("5 of 100 images" in text) == (n == 100)
    assert ("rows between these: tables/iou.csv" in text) == (n == 100)


def test_a_thousand_images_and_long_texts_are_bounded_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    report, run = make_report(tmp_path, 12, names=HOSTILE_NAMES, size=32)
    images = [report.images[i % 12].model_copy(update={"name": f"many/{i:04d}.jpg"}) for i in range(1000)]
    findings = [report.findings[i % 4].model_copy(update={"id": f"f{i}", "claim": LONG}) for i in range(60)]
    big = report.model_copy(
        update={
            "title": "A title that is far too long " * 10,
            "images": [*report.images, *images],
            "findings": findings,
            "warnings": [Warning_(code=f"code-{i}-" + "x" * 60, text=LONG) for i in range(30)],
            "skipped": report.skipped * 50,
            "gates": [Gate(name="min", measure=LONG, bound="at least", limit=1, value=None, passed=False)],
        }
    )
    _, text, foot = the_page(poster(big, run, tmp_path / "out", "Letter"))
    assert foot.startswith("Methods: ")
    for wanted in (
        "5 of 1012 images",
        "What the data do not support",
        "26 more kinds of warning",
        "more: report.json",
    ):
        assert wanted in text, wanted


@pytest.mark.parametrize("language", [None, "de", "es", "fr"])
def test_a_poster_is_accessible_in_every_language(tmp_path: Path, language: str | None) -> None:
    report, run = make_report(tmp_path, 5, names=HOSTILE_NAMES[:5], size=32)
    file = poster(report, run, tmp_path / "out", language=language)
    assert problems(file) == []
    assert the_page(file)[2].startswith(
        {None: "Methods", "de": "Verfahren", "es": "Métodos", "fr": "Méthodes"}[language]
    )


@pytest.mark.parametrize("n", [1, 5, 30])
def test_without_maps_photographs_take_the_room(tmp_path: Path, n: int) -> None:
    report, run = make_report(tmp_path, n, size=32)
    bare = report.model_copy(update={"sections": [], "findings": [], "warnings": []})
    file = poster(bare, run, tmp_path / "out")
    _, text, foot = the_page(file)
    assert "What" not in text and foot.startswith("efficientnet_lite0")
    with pdfium.PdfDocument(file) as document:
        pictures = [item for item in document[0].get_objects() if item.type == 3]
        assert len(pictures) == min(n, 12)
        lowest = min(item.get_bounds()[1] for item in pictures)
        assert lowest > POINTS["A3"][1] * (1 - FOOT)


def test_a_map_of_every_section_comes_before_a_second_of_one(tmp_path: Path) -> None:
    report, run = make_report(tmp_path, 6, size=32)
    _, text, _ = the_page(poster(report, run, tmp_path / "out"))
    assert "Strongest superpixels" in text, "LIME's first"
    assert "ScoreCAM" not in text.partition("What was found")[0], "the third of the first section"


def test_no_link_of_the_poster_leads_nowhere(tmp_path: Path) -> None:
    report, run = make_report(tmp_path, 12, names=HOSTILE_NAMES, size=32)
    [file] = render(report, run, tmp_path / "out", "poster", ("html",))
    page = file.read_text("utf-8")
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= ids


# --- paper -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["writeup", "brief"])
@pytest.mark.parametrize("paper", ["A3", "A1"])
def test_a_sheet_for_a_wall_is_refused_by_a_report_in_one_line(tmp_path: Path, template: str, paper: str) -> None:
    with pytest.raises(UsageError, match=f"^paper is {paper}, and this template is laid out on A4 or Letter: ") as told:
        require_renderable(template, ("pdf",), paper=paper)  # type: ignore[arg-type]
    assert "\n" not in str(told.value) and "poster" in str(told.value)
    require_renderable(template, ("html",), paper=paper)  # type: ignore[arg-type]
    report, run = make_report(tmp_path, 1, size=32)
    with pytest.raises(UsageError, match="paper is"):
        render(report.model_copy(update={"document": Document(paper=paper)}), run, tmp_path / "out", template)


def test_a_template_has_the_papers_of_its_base_or_its_own(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text('{% extends "base/report.html" %}')
    assert find_template(tmp_path).file.papers == ["A4", "Letter"]
    (tmp_path / "template.toml").write_text('base = "poster"')
    found = find_template(tmp_path).file
    assert (found.paper, found.papers) == ("A3", ["A3", "A1", "A4", "Letter"])
    (tmp_path / "template.toml").write_text('papers = ["A1"]\npaper = "A1"')
    require_renderable(tmp_path, ("pdf",))
    with pytest.raises(UsageError, match="laid out on A1: "):
        require_renderable(tmp_path, ("pdf",), paper="A4")
