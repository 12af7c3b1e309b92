"""reportgen.report.pdf_data and open: a report goes into a PDF and comes back; what is no such PDF is one line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pypdf
import pytest

from fixtures import make_report
from reportgen.rendering.render import render
from reportgen.report.document import Report
from reportgen.report.limits import DEFAULT_LIMITS, ReadLimits
from reportgen.report.manifest import manifest_json
from reportgen.report.open import open_report, read_report, unpack_report
from reportgen.report.pdf_data import attachments
from reportgen.report.pictures import named_pictures
from reportgen.report.report_json import report_json
from reportgen.utils.errors import UsageError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    report, run = make_report(tmp_path_factory.mktemp("made"), 2, names=("a <b>.jpg", "b.jpg"))
    (run / "report.json").write_bytes(report_json(report))
    (run / "maps").mkdir()
    (run / "maps/a.npy").write_bytes(b"values")
    files = {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}
    entries = {name: (hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()}
    (run / "manifest.json").write_bytes(manifest_json({**entries, "report.html": ("0" * 64, 1)}))
    return report, run


@pytest.fixture(scope="module")
def pdf(made: tuple[Report, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(*made, tmp_path_factory.mktemp("out"), formats=("pdf",))[0]


def test_a_report_comes_back_with_its_pictures(made: tuple[Report, Path], pdf: Path, tmp_path: Path) -> None:
    report, run = made
    again = unpack_report(pdf, tmp_path / "back")
    assert again.model_dump() == report.model_dump()
    assert (tmp_path / "back/report.json").read_bytes() == (run / "report.json").read_bytes()
    for name in named_pictures(report):
        assert (tmp_path / "back" / name).read_bytes() == (run / name).read_bytes(), name


def test_the_manifest_lists_the_run_but_not_what_is_rendered(made: tuple[Report, Path], pdf: Path) -> None:
    _, run = made
    whole = json.loads((run / "manifest.json").read_bytes())["files"]
    carried = json.loads(attachments(pdf)["manifest.json"])["files"]
    assert carried == {name: entry for name, entry in whole.items() if name != "report.html"}
    assert "maps/a.npy" in carried


def test_the_same_pdf_comes_out_of_the_pdf(pdf: Path, tmp_path: Path) -> None:
    with open_report(pdf) as (report, folder):
        (again,) = render(report, folder, tmp_path, formats=("pdf",))
        assert again.read_bytes() == pdf.read_bytes()
    assert not folder.exists()


def test_a_picture_is_in_the_pdf_once(made: tuple[Report, Path], pdf: Path) -> None:
    attached = {entry.name: entry for entry in pypdf.PdfReader(pdf).attachment_list}
    pictures = set(named_pictures(made[0]))
    assert set(attached) == {"report.json", "manifest.json", *(n for n in pictures if not n.endswith(".jpg"))}
    assert list(attached) == sorted(attached)
    assert {str(entry.creation_date) for entry in attached.values()} == {"2026-08-05 12:30:00+00:00"}


def test_a_page_that_shows_few_pictures_carries_the_others(made: tuple[Report, Path], tmp_path: Path) -> None:
    report, run = made
    (tmp_path / "template").mkdir()
    page = "<html lang=en><title>t</title><h1>t</h1><img alt=x src={{ images[0].picture.file | url }}></html>"
    (tmp_path / "template/report.html").write_text(page)
    (small,) = render(report, run, tmp_path, template=tmp_path / "template", formats=("pdf",))
    again = unpack_report(small, tmp_path / "back")
    render(again, tmp_path / "back", tmp_path / "whole", formats=("html",))
    render(report, run, tmp_path / "first", formats=("html",))
    assert (tmp_path / "whole/report.html").read_bytes() == (tmp_path / "first/report.html").read_bytes()


def test_open_report_takes_a_folder_and_its_json_as_they_are(made: tuple[Report, Path]) -> None:
    report, run = made
    for source in (run, run / "report.json"):
        with open_report(source) as (found, folder):
            assert (found.title, folder) == (report.title, run)


# --- untrusted PDFs -------------------------------------------------------------------------------


def forged(path: Path, files: dict[str, bytes], edit: Callable[[pypdf.PdfWriter], None] = lambda _: None) -> Path:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    for name, data in files.items():
        writer.add_attachment(name, data)
    edit(writer)
    writer.write(path)
    return path


def carried(pdf: Path, **changes: bytes) -> dict[str, bytes]:
    """What a PDF carries, some of it changed."""
    entries = {entry.name: entry.content for entry in pypdf.PdfReader(pdf).attachment_list}
    return {**entries, **{name.replace("_", "."): data for name, data in changes.items()}}


def refused(path: Path, into: Path, says: str, limits: ReadLimits = DEFAULT_LIMITS) -> None:
    with pytest.raises(UsageError, match=says) as error:
        unpack_report(path, into, limits)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"%PDF-1.7\n", b"%PDF-1.7\ntrailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF"]
)
def test_what_is_no_pdf_is_one_line(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.pdf").write_bytes(content)
    refused(tmp_path / "x.pdf", tmp_path / "back", "not a PDF that can be read|carries no report.json")
    assert not caplog.records
    assert capsys.readouterr() == ("", "")


def test_a_cut_or_damaged_pdf_never_gets_past_one_line(pdf: Path, tmp_path: Path) -> None:
    data = pdf.read_bytes()
    broken = tmp_path / "broken.pdf"
    for place in range(0, len(data), len(data) // 12):
        for damaged in (data[:place], data[:place] + b"\0" * 40 + data[place + 40 :]):
            broken.write_bytes(damaged)
            try:
                unpack_report(broken, tmp_path / "back")
            except UsageError as error:
                assert "\n" not in str(error)


def test_places_without_a_pdf_are_named(tmp_path: Path) -> None:
    refused(tmp_path / "gone.pdf", tmp_path / "back", "no such file")
    refused(tmp_path, tmp_path / "back", "cannot be read")


def test_any_other_pdf_carries_no_report(tmp_path: Path) -> None:
    refused(forged(tmp_path / "x.pdf", {}), tmp_path / "back", "carries no report.json")
    refused(forged(tmp_path / "x.pdf", {"report.json": b"{}"}), tmp_path / "back", "carries no manifest.json")


def test_an_encrypted_pdf_is_named(pdf: Path, tmp_path: Path) -> None:
    path = forged(tmp_path / "x.pdf", carried(pdf), lambda writer: writer.encrypt("word", algorithm="RC4-128"))
    refused(path, tmp_path / "back", "encrypted")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("report_json", b"{}", "report.json: not a report of schema version 1"),
        ("report_json", b"[" * 100_000, "not a report"),
        ("manifest_json", b"[]", "not a manifest"),
        ("manifest_json", b'{"schema_version": 1, "files": {"a": {"sha256": "../x", "bytes": 1}}}', "not a manifest"),
        ("manifest_json", b'{"schema_version": 1, "files": {}}', "does not hold figures/"),
        ("figures/spread_svg", b"<svg/>", "does not hold figures/spread.svg as its manifest describes it"),
    ],
)
def test_wrong_data_in_a_pdf_is_one_line(pdf: Path, tmp_path: Path, name: str, content: bytes, says: str) -> None:
    reader = pypdf.PdfReader(pdf)
    path = forged(
        tmp_path / "x.pdf",
        carried(pdf, **{name: content}),
        lambda writer: writer.append_pages_from_reader(reader),  # the JPEGs stay in the pages
    )
    refused(path, tmp_path / "back", says)


@pytest.mark.parametrize(
    "name", ["../out.jpg", "/tmp/out.jpg", "a\\..\\out.jpg", "C:out.jpg", "a/../../out.jpg", "run.sh"]
)
def test_a_picture_cannot_be_written_elsewhere(made: tuple[Report, Path], tmp_path: Path, name: str) -> None:
    report, run = made
    picture = report.images[0].picture
    data = json.loads(report_json(report))
    data["images"][0]["picture"]["file"] = name
    content = (run / picture.file).read_bytes()
    manifest = manifest_json({name: (hashlib.sha256(content).hexdigest(), len(content))})
    files = {"report.json": json.dumps(data).encode(), "manifest.json": manifest, name: content}
    refused(forged(tmp_path / "x.pdf", files), tmp_path / "deep/back", "could lie outside|does not hold")
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {"x.pdf", "report.json", "manifest.json"}


def test_a_bomb_is_not_unpacked(pdf: Path, tmp_path: Path) -> None:
    files = carried(pdf, manifest_json=b"0" * 2_000_000)

    def compressed(writer: pypdf.PdfWriter) -> None:
        for number, item in enumerate(writer._objects):
            if isinstance(item, pypdf.generic.DecodedStreamObject):
                writer._objects[number] = item.flate_encode()

    path = forged(tmp_path / "x.pdf", files, compressed)
    assert path.stat().st_size < 1_000_000
    refused(path, tmp_path / "back", "[Ll]imit|larger than", ReadLimits(file=1_000_000))
    refused(path, tmp_path / "back", "larger than", ReadLimits(file=1_000_000, pdf=1000))


def test_pictures_are_bounded_together(pdf: Path, tmp_path: Path) -> None:
    refused(pdf, tmp_path / "back", "of pictures", ReadLimits(pictures=5000))


def test_what_another_tool_rewrote_still_reads(pdf: Path, made: tuple[Report, Path], tmp_path: Path) -> None:
    import pikepdf

    with pikepdf.open(pdf) as document:
        document.save(tmp_path / "linear.pdf", linearize=True)
    assert unpack_report(tmp_path / "linear.pdf", tmp_path / "back").title == made[0].title
    assert read_report(tmp_path / "back").title == made[0].title
