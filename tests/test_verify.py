"""reportgen.sharing.verify and report.archive: what was changed is named, and a hostile zip is refused in one line."""

from __future__ import annotations

import random
import shutil
import stat
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pypdf
import pytest
from PIL import Image

from fixtures import finish_run, make_report
from reportgen.cli import main as cli
from reportgen.rendering.render import render
from reportgen.rendering.templates import template_sha256
from reportgen.report.archive import open_zip, write_zip
from reportgen.report.document import ImageRecord
from reportgen.report.limits import ReadLimits
from reportgen.report.manifest import manifest_json, read_manifest
from reportgen.report.open import open_report, read_report
from reportgen.report.provenance import TemplateRecord
from reportgen.report.report_json import report_json
from reportgen.sharing.bundle import bundle
from reportgen.sharing.verify import verify
from reportgen.utils.errors import CheckFailed, UsageError
from reportgen.utils.hashing import file_sha256
from reportgen.utils.versions import own_version, versions


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    (folder / "sub").mkdir()
    for i, name in enumerate(("a.png", "sub/b.png")):
        Image.new("RGB", (30 + i, 30), "red").save(folder / name)
    return folder


@pytest.fixture(scope="module")
def made(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    report, run = make_report(tmp_path_factory.mktemp("made"), 2, names=("a.png", "sub/b.png"))
    images = [ImageRecord(**{**dict(image), "sha256": file_sha256(photos / image.name)}) for image in report.images]
    # The versions of this machine, as in a run made here.
    template = TemplateRecord(name="writeup", sha256=template_sha256("writeup"))
    here = {"reportgen": own_version(), "packages": versions(), "template": template}
    provenance = report.provenance.model_copy(update=here)
    return finish_run(report.model_copy(update={"images": images, "provenance": provenance}), run)


@pytest.fixture(scope="module")
def zipped(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zipped") / "run.zip"
    bundle(made, path)
    return path


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


# --- a folder ------------------------------------------------------------------------------------


def test_a_run_as_it_was_made(made: Path) -> None:
    found = verify(made)
    assert found.ok
    assert found.matched == len(read_manifest(made) or {})
    assert (found.changed, found.missing, found.extra) == ([], [], [])


def test_what_was_changed_is_missing_or_new_is_named(run: Path) -> None:
    path = run / "maps/image-000/gradcam.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    (run / "tables/iou.csv").unlink()
    (run / "notes.txt").write_text("mine")
    found = verify(run)
    assert not found.ok
    assert (found.changed, found.missing, found.extra) == (
        ["maps/image-000/gradcam.npy"],
        ["tables/iou.csv"],
        ["notes.txt"],
    )
    assert found.summary == "1 changed, 1 missing, 1 not in the manifest"


def test_a_file_more_is_no_fault_of_a_run_folder(run: Path) -> None:
    (run / "notes.txt").write_text("mine")
    assert verify(run).ok


def test_a_file_changed_together_with_the_manifest_is_found_by_the_pdfs_own(run: Path) -> None:
    forged = b"image,iou\na,0.99\n"
    (run / "tables/iou.csv").write_bytes(forged)
    entries = read_manifest(run) or {}
    entries["tables/iou.csv"] = (file_sha256(run / "tables/iou.csv"), len(forged))
    (run / "manifest.json").write_bytes(manifest_json(entries))
    found = verify(run)
    assert found.changed == ["tables/iou.csv (report.pdf carries another hash of it)"]
    bundle_of_the_forger = run.parent / "forged.zip"
    write_zip(
        bundle_of_the_forger,
        ((path.relative_to(run).as_posix(), path.read_bytes()) for path in sorted(run.rglob("*")) if path.is_file()),
    )
    assert verify(bundle_of_the_forger).changed == found.changed


def test_a_file_taken_out_together_with_its_line_is_found_by_the_pdfs_own(run: Path) -> None:
    (run / "tables/iou.csv").unlink()
    entries = read_manifest(run) or {}
    del entries["tables/iou.csv"]
    (run / "manifest.json").write_bytes(manifest_json(entries))
    assert verify(run).missing == ["tables/iou.csv (report.pdf lists it, manifest.json does not)"]
    del entries["report.json"]
    (run / "manifest.json").write_bytes(manifest_json(entries))
    with pytest.raises(CheckFailed, match=r"lists no report\.json"):
        verify(run)


def test_a_run_rendered_again_in_its_place_is_whole(run: Path) -> None:
    before = (run / "report.html").read_bytes()
    render(read_report(run), run, run, "brief", ("html",))
    assert (run / "report.html").read_bytes() != before
    assert verify(run).ok


def test_a_run_rendered_into_from_its_pdf_is_whole(run: Path) -> None:
    before = (run / "report.html").read_bytes()
    with open_report(run / "report.pdf") as (report, folder):
        render(report, folder, run, "brief", ("html",))
    assert (run / "report.html").read_bytes() != before
    assert verify(run).ok


@pytest.mark.parametrize("damaged", [False, True])
def test_no_pages_are_written_over_those_of_another_run(run: Path, tmp_path: Path, damaged: bool) -> None:
    report, folder = make_report(tmp_path / "other", 1)
    if damaged:
        report, folder = read_report(run), Path(shutil.copytree(run, tmp_path / "copy"))
        (run / "report.json").write_bytes(b"{}")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match="run: holds the finished run of another report; give another folder with -o"):
        render(report, folder, run, formats=("html",))
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    (run / "manifest.json").unlink()
    render(report, folder, run, formats=("html",))
    assert not (run / "manifest.json").exists(), "a folder without a manifest stays without one"


def test_no_manifest_no_finished_run(run: Path) -> None:
    (run / "manifest.json").unlink()
    with pytest.raises(CheckFailed, match=r"has no manifest\.json, so it is no finished run"):
        verify(run)
    (run / "manifest.json").write_text("[]")
    with pytest.raises(CheckFailed, match=r"manifest\.json is not a manifest of schema version 1"):
        verify(run)


def test_a_manifest_or_a_link_cannot_have_a_file_outside_read(run: Path) -> None:
    outside = run.parent / "outside"
    outside.write_bytes(b"secret")
    entries = read_manifest(run) or {}
    sha = (file_sha256(outside), 6)
    (run / "link").symlink_to(outside)
    (run / "manifest.json").write_bytes(manifest_json({**entries, "../outside": sha, str(outside): sha, "link": sha}))
    found = verify(run)
    assert set(found.changed + found.missing) == {"../outside", str(outside), "link"}


# --- images --------------------------------------------------------------------------------------


def test_a_byte_changed_in_an_image_is_named(made: Path, zipped: Path, photos: Path, tmp_path: Path) -> None:
    assert verify(made, photos).matched == verify(made).matched + 2
    folder = Path(shutil.copytree(photos, tmp_path / "photos"))
    data = bytearray((folder / "sub/b.png").read_bytes())
    data[-20] ^= 1
    (folder / "sub/b.png").write_bytes(data)
    (folder / "a.png").unlink()
    Image.new("RGB", (9, 9)).save(folder / "c.png")
    for source in (made, zipped):
        found = verify(source, folder)
        assert (found.changed, found.missing, found.extra) == (["image sub/b.png"], ["image a.png"], ["image c.png"])
        assert not found.ok


# --- a zip ---------------------------------------------------------------------------------------


def test_a_bundle_as_it_was_made(zipped: Path) -> None:
    found = verify(zipped)
    assert found.ok
    assert not [note for note in found.notes if "packed again" in note]
    assert read_report(zipped).title == "Explainability report"


def test_the_pages_of_a_bundle_are_made_again_from_it(made: Path, zipped: Path, tmp_path: Path) -> None:
    """Whatever it is called."""
    for name in ("run.zip", "run.bundle"):
        path = Path(shutil.copy(zipped, tmp_path / name))
        with open_report(path) as (report, folder):
            (again,) = render(report, folder, tmp_path / "again", formats=("html",))
            assert again.read_bytes() == (made / "report.html").read_bytes()
            assert report.folder == folder
        assert not folder.exists()
        assert read_report(path).folder is None


def test_a_changed_byte_anywhere_in_a_zip_is_found(zipped: Path, tmp_path: Path) -> None:
    """In a file it is named; in the zip's own bookkeeping the zip is unreadable, or not as it was written."""
    good = zipped.read_bytes()
    with zipfile.ZipFile(zipped) as opened:
        spans = {info.filename: (info.header_offset, info.compress_size) for info in opened.infolist()}
    draw, bad = random.Random(3), tmp_path / "bad.zip"
    named = 0
    places = [draw.randrange(len(good)) for _ in range(25)] + [
        draw.randrange(len(good) - 3000, len(good)) for _ in range(25)
    ]
    for at in places:
        bad.write_bytes(good[:at] + bytes([good[at] ^ (1 << draw.randrange(8))]) + good[at + 1 :])
        try:
            found = verify(bad)
        except CheckFailed as refused:
            assert "\n" not in str(refused)
            continue
        assert not found.ok or [note for note in found.notes if "packed again" in note], at
        for name, (start, size) in spans.items():
            if start + 30 + len(name) <= at < start + 30 + len(name) + size:
                assert name in [line.partition(" ")[0] for line in (*found.changed, *found.missing)], (at, name)
                named += 1
    assert named > 15


def test_a_file_added_to_a_bundle_is_a_fault(zipped: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(zipped, tmp_path / "more.zip"))
    with zipfile.ZipFile(path, "a") as opened:
        opened.writestr("figures/one-more.jpg", b"x")
    found = verify(path)
    assert (found.extra, found.ok) == (["figures/one-more.jpg"], False)


def test_a_bundle_packed_again_is_whole_and_says_so(zipped: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(zipped) as old, zipfile.ZipFile(tmp_path / "again.zip", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    found = verify(tmp_path / "again.zip")
    assert found.ok
    assert [note for note in found.notes if "packed again" in note]


def named_entry(name: str, mode: int = stat.S_IFREG | 0o644) -> Callable[[zipfile.ZipFile], None]:
    def add(made: zipfile.ZipFile) -> None:
        entry = zipfile.ZipInfo("x" * len(name.encode()))
        entry.external_attr = mode << 16
        made.writestr(entry, b"content")
        # zipfile tidies names when an entry is made; another tool does not.
        entry.filename = entry.orig_filename = name

    return add


def twice(first: str, second: str) -> Callable[[zipfile.ZipFile], None]:
    def add(made: zipfile.ZipFile) -> None:
        named_entry(first)(made)
        named_entry(second)(made)

    return add


def bomb(made: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("zeros")
    info.compress_type = zipfile.ZIP_DEFLATED
    with made.open(info, "w") as entry:
        for _ in range(300):
            entry.write(bytes(1 << 20))


def claims_to_be_huge(made: zipfile.ZipFile) -> None:
    named_entry("huge")(made)
    made.filelist[-1].file_size = 5 << 30


def encrypted(made: zipfile.ZipFile) -> None:
    named_entry("secret")(made)
    made.filelist[-1].flag_bits |= 1


def lzma(made: zipfile.ZipFile) -> None:
    made.writestr("a", b"x" * 100, compress_type=zipfile.ZIP_LZMA)


def many(made: zipfile.ZipFile) -> None:
    for number in range(100):
        made.writestr(f"file {number}", b"")


def overlapping(made: zipfile.ZipFile) -> None:
    named_entry("a")(made)
    made.filelist[-1].compress_size = made.filelist[-1].file_size = 1 << 20


HOSTILE: dict[str, tuple[Callable[[zipfile.ZipFile], None], str]] = {
    "parent": (named_entry("../evil"), "leads out of the archive's own folder"),
    "deep parent": (named_entry("figures/../../evil"), "leads out"),
    "absolute": (named_entry("/etc/evil"), "leads out"),
    "backslash": (named_entry("..\\evil"), "leads out"),
    "drive": (named_entry("C:evil"), "leads out"),
    "empty part": (named_entry("a//b"), "leads out"),
    "dot": (named_entry("./a"), "leads out"),
    "nul": (named_entry("a\0b"), "leads out"),
    "link": (named_entry("figures/link", stat.S_IFLNK | 0o777), "is a link or a device"),
    "device": (named_entry("figures/device", stat.S_IFCHR | 0o666), "is a link or a device"),
    "twice": (twice("report.pdf.x", "report.pdf.x"), "twice"),
    "twice by case": (twice("Report", "report"), "twice"),
    "twice by accent": (twice("\u00e9", "e\u0301"), "twice"),
    "bomb": (bomb, "bytes would unpack to"),
    "huge": (claims_to_be_huge, "bytes would unpack to"),
    "encrypted": (encrypted, "is encrypted"),
    "lzma": (lzma, "is compressed in a way that no bundle is"),
    "overlapping": (overlapping, "overlap"),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_zip_is_refused_in_one_line_and_nothing_is_written(
    kind: str, zipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, said = HOSTILE[kind]
    monkeypatch.chdir(tmp_path)
    path = Path(shutil.copy(zipped, tmp_path / "run.zip"))
    with zipfile.ZipFile(path, "a") as opened:
        spoil(opened)
        opened._didModify = True  # type: ignore[attr-defined]
    before = sorted(tmp_path.rglob("*"))
    for command in (["verify", "run.zip"], ["diff", "run.zip", "run.zip"]):
        monkeypatch.setattr(sys, "argv", ["reportgen", *command])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        err = capsys.readouterr().err
        assert stop.value.code == 1
        assert len(err.splitlines()) == 1
        assert err.startswith("reportgen: run.zip: refused, ")
        assert said in err
        assert "\0" not in err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_zip_of_too_many_entries_is_refused_in_one_line(
    zipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(shutil.copy(zipped, tmp_path / "run.zip")).relative_to(tmp_path)
    with zipfile.ZipFile(path, "a") as opened:
        many(opened)
    limits = ReadLimits(entries=100)
    for read in (lambda: verify(path, limits=limits), lambda: read_report(path, limits)):
        with pytest.raises(CheckFailed, match=r"^run\.zip: refused, .* entries, more than 100$") as refused:
            read()
        assert refused.value.exit_code == 1
        assert len(refused.value.lines) == len(str(refused.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "run.zip"]


def test_an_honest_dense_file_is_no_bomb(tmp_path: Path) -> None:
    """A map of zeros packs a thousand times."""
    write_zip(tmp_path / "a.zip", [("map.npy", bytes(8 << 20))])
    with open_zip(tmp_path / "a.zip") as opened:
        assert opened.sha256("map.npy")
    assert (tmp_path / "a.zip").stat().st_size < 20_000


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_bundle_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(CheckFailed, match=r"a\.zip: (not a zip that can be read|has no manifest\.json)"):
        verify(tmp_path / "a.zip")
    with pytest.raises(UsageError, match="gone: no such file"):
        verify(tmp_path / "gone")


# --- a PDF alone ---------------------------------------------------------------------------------


def test_a_pdf_alone_is_checked_against_what_it_carries(made: Path, photos: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(made / "report.pdf", tmp_path / "mine.pdf"))
    found = verify(path, photos)
    assert found.ok
    assert found.matched == 4, "its data, its pages, and two images"
    assert "its pages are those that its data give, byte for byte" in found.notes
    assert read_report(path).model_dump() == read_report(made).model_dump()


def edited(pdf: Path, out: Path, edit: Callable[[pypdf.PdfWriter], None]) -> Path:
    writer = pypdf.PdfWriter(clone_from=pdf)
    edit(writer)
    writer.write(out)
    return out


def test_a_pdf_saved_by_another_program_still_says_what_its_data_give(made: Path, tmp_path: Path) -> None:
    found = verify(edited(made / "report.pdf", tmp_path / "saved.pdf", lambda writer: None))
    assert found.ok
    assert "its pages say and show what its data give; another machine drew them" in found.notes


def test_a_page_that_was_changed_or_taken_out_is_named(made: Path, tmp_path: Path) -> None:
    def swap(writer: pypdf.PdfWriter) -> None:
        third = writer.pages[2]
        content = third.get_contents()
        assert content is not None
        lines = content.get_data().replace(b" Tj", b" Tj ").split(b"BT")
        content.set_data(b"BT".join(lines[:-2]))
        third.replace_contents(content)
        writer.remove_page(len(writer.pages) - 1)

    found = verify(edited(made / "report.pdf", tmp_path / "a.pdf", swap))
    pages = len(pypdf.PdfReader(made / "report.pdf").pages)
    assert found.changed == [f"page {n} (not what the data that the PDF carries give)" for n in (3, pages)]


def test_a_photograph_that_was_changed_is_found(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    data = bytearray((made / "report.pdf").read_bytes())
    photo = (made / "figures/cam-000-0.jpg").read_bytes()
    at = bytes(data).index(photo)
    data[at + len(photo) // 2] ^= 1
    path.write_bytes(data)
    found = verify(path)
    assert not found.ok
    assert "figures/cam-000-0.jpg" in found.changed[0]


def test_data_that_were_changed_are_found(made: Path, tmp_path: Path) -> None:
    report = read_report(made)
    forged = report_json(report.model_copy(update={"title": "Forged"}))

    def replace(writer: pypdf.PdfWriter) -> None:
        for attachment in writer.attachment_list:
            if attachment.name == "report.json":
                attachment.content = forged

    found = verify(edited(made / "report.pdf", tmp_path / "a.pdf", replace))
    assert found.changed == ["report.json (the data that the PDF carries)"]


def test_a_pdf_that_carries_nothing(tmp_path: Path) -> None:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.write(tmp_path / "a.pdf")
    with pytest.raises(CheckFailed, match=r"carries no report\.json; it was not made by reportgen"):
        verify(tmp_path / "a.pdf")
    with pytest.raises(UsageError, match=r"carries no report\.json"):
        read_report(tmp_path / "a.pdf")
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.7 and no more")
    with pytest.raises(UsageError, match="not a PDF that can be read"):
        verify(tmp_path / "b.pdf")


# --- the command ---------------------------------------------------------------------------------


def test_the_command_prints_what_it_found(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["reportgen", "verify", str(run)])
    cli.main()
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == f"{len(read_manifest(run) or {})} as they were made"
    assert shown[1].startswith("SHA-256 of the manifest: ")
    (run / "explain_params.pkl").write_bytes(b"other")
    (run / "a\x1b[31mred").write_text("")
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out, err = capsys.readouterr()
    assert stop.value.code == 1
    assert "changed: explain_params.pkl" in out.splitlines()
    assert r"not in the manifest: a\x1b[31mred" in out.splitlines()
    assert err == f"reportgen: {run}: 1 changed, 1 not in the manifest\n"
