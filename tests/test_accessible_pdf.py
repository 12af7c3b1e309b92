"""The PDF is PDF/UA-1 as far as a machine can tell, and PDF/A-3a on request."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pikepdf
import pytest

from fixtures import HOSTILE_NAMES, make_report
from pdf_checks import problems
from reportgen.rendering.render import render
from reportgen.report.document import Report


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    return make_report(tmp_path_factory.mktemp("made"), 3, names=HOSTILE_NAMES[2:5])


@pytest.fixture(scope="module")
def path(made: tuple[Report, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(*made, tmp_path_factory.mktemp("out"), formats=("pdf",))[0]


@pytest.fixture
def pdf(path: Path) -> Iterator[pikepdf.Pdf]:
    with pikepdf.open(path) as document:
        yield document


def test_a_report_is_accessible(path: Path) -> None:
    assert problems(path) == []


def test_links_say_where_they_lead(pdf: pikepdf.Pdf, made: tuple[Report, Path]) -> None:
    said = {str(annotation.Contents) for page in pdf.pages for annotation in page.get("/Annots") or []}
    assert {f"Image {made[0].images[0].name}", "Figure 1", "Table 2", "Settings"} <= said
    assert f"Section 1, {made[0].sections[0].title}" in said


def test_its_syntax_is_sound(pdf: pikepdf.Pdf) -> None:
    assert pdf.check_pdf_syntax() == []


def test_an_archive_is_pdf_a_3a(made: tuple[Report, Path], tmp_path: Path) -> None:
    (path,) = render(*made, tmp_path, formats=("pdf",), archive=True)
    with pikepdf.open(path) as pdf:
        metadata = pdf.Root.Metadata.read_bytes()
        assert re.search(rb'pdfaid:part="3"', metadata) and re.search(rb'pdfaid:conformance="A"', metadata)
        assert pdf.Root.OutputIntents[0].S == "/GTS_PDFA1"
        files = list(pdf.Root.AF)
        assert all(str(file.AFRelationship) in ("/Source", "/Supplement") for file in files)
        assert {str(file.UF) for file in files} >= {"report.json", "manifest.json", "figures/spread.svg"}
        assert all("/F" in file and "/UF" in file and "/Subtype" in file.EF.F for file in files)
        images = [item for item in pdf.objects if isinstance(item, pikepdf.Stream) and item.get("/Subtype") == "/Image"]
        assert images and not any(item.get("/Interpolate") for item in images)
        assert not any(item.get("/Subtype") == "/Link" and item.get("/F") != 4 for item in _dictionaries(pdf))
        assert b"".join(bytes(part) for part in pdf.trailer.ID), "an archive has an identifier"
    # It can claim one standard only; in all that a reader meets it is the same.
    assert [problem.partition(":")[0] for problem in problems(path)] == [
        "pdfua UA-28-004",
        "does not say that it is PDF/UA-1",
    ]


def _dictionaries(pdf: pikepdf.Pdf) -> list[pikepdf.Dictionary]:
    return [item for item in pdf.objects if isinstance(item, pikepdf.Dictionary)]


# --- the checks see what they are there to see ---------------------------------------------------


def _elements(pdf: pikepdf.Pdf, kind: str) -> list[pikepdf.Dictionary]:
    return [item for item in _dictionaries(pdf) if item.get("/S") == kind]


def _untagged(pdf: pikepdf.Pdf) -> None:
    pdf.pages[1].contents_add(b"0 0 10 10 re f")


def _no_alt(pdf: pikepdf.Pdf) -> None:
    del _elements(pdf, "/Figure")[0]["/Alt"]


def _skip(pdf: pikepdf.Pdf) -> None:
    for element in _elements(pdf, "/H2"):
        element.S = pikepdf.Name.P


def _no_scope(pdf: pikepdf.Pdf) -> None:
    del next(e for e in _elements(pdf, "/TH") if "/A" in e).A["/Scope"]


def _no_names(pdf: pikepdf.Pdf) -> None:
    del pdf.Root.StructTreeRoot["/IDTree"]


def _no_language(pdf: pikepdf.Pdf) -> None:
    del pdf.Root["/Lang"]


def _silent_link(pdf: pikepdf.Pdf) -> None:
    next(item for item in _dictionaries(pdf) if item.get("/Subtype") == "/Link").Contents = ""


def _loose_font(pdf: pikepdf.Pdf) -> None:
    font = next(item for item in _dictionaries(pdf) if item.get("/Type") == "/FontDescriptor")
    for key in ("/FontFile2", "/FontFile3"):
        if key in font:
            del font[key]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_untagged, "outside of any tag"),
        (_no_alt, "no alternative text"),
        (_skip, "skip a level"),
        (_no_scope, "no scope"),
        (_no_names, "no header"),
        (_no_language, "no language"),
        (_silent_link, "says nothing"),
        (_loose_font, "not embedded"),
    ],
)
def test_the_checks_find_damage(
    damage: Callable[[pikepdf.Pdf], None], says: str, pdf: pikepdf.Pdf, tmp_path: Path
) -> None:
    damage(pdf)
    pdf.save(tmp_path / "damaged.pdf")
    assert any(says in problem for problem in problems(tmp_path / "damaged.pdf"))


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("<html><title>t</title><h1>t</h1></html>", "lang"),
        ("<html lang=en><title>t</title><h1>t</h1><img src={{ images[0].picture.file | url }}></html>", "alt"),
        ("<html lang=en><title>t</title><style>p { nonsense: 1 }</style><h1>t</h1></html>", "nonsense"),
        ("<html lang=en><title>t</title><h1>t</h1><a href='#nowhere'>x</a></html>", "nowhere"),
    ],
)
def test_what_the_library_complains_about_is_passed_on(
    made: tuple[Report, Path], tmp_path: Path, page: str, complaint: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "template").mkdir()
    (tmp_path / "template/report.html").write_text(page)
    render(*made, tmp_path, template=tmp_path / "template", formats=("pdf",))
    assert complaint in " ".join(record.getMessage() for record in caplog.records)
