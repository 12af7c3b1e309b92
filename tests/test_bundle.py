"""reportgen.sharing.bundle, anonymous and picture_metadata: equal runs give equal zips, and an anonymous one names nobody."""

from __future__ import annotations

import getpass
import io
import json
import re
import shutil
import socket
import stat
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from fixtures import finish_run, make_report
from reportgen.report.blocks import Picture, Text
from reportgen.report.document import Document, Report
from reportgen.report.manifest import entry_of, manifest_json
from reportgen.report.open import read_report
from reportgen.sharing import anonymous
from reportgen.sharing.bundle import bundle
from reportgen.sharing.picture_metadata import without_metadata
from reportgen.sharing.verify import verify
from reportgen.utils.errors import CheckFailed, ReportgenError, UsageError

AUTHORS = ["Ann Lee", "Jörg Größe", "李小龙", "Pat O'Neil & Sons"]
PLACES = {"affiliation": "Institute of Seeing", "course": "Vision 101"}
SECRETS = [*AUTHORS, *PLACES.values(), "/home/ann", "ann-laptop", "Canon EOS", "48.1374"]


def entries(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finish_run(*make_report(tmp_path_factory.mktemp("made"), 2))


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that names its authors wherever one can, and whose pictures hold more than pixels."""
    report, run = make_report(tmp_path_factory.mktemp("signed"), 2)
    Image.new("RGB", (40, 20), "red").save(run / "figures/logo.png")
    logo = Picture(file="figures/logo.png", width=40, height=20, alt="Logo of Institute of Seeing")
    settings = {**report.settings, "document": {"authors": AUTHORS, **PLACES, "logo": "logo.png", "accent": "#0b5a8c"}}
    section = report.sections[0]
    placed = section.model_copy(
        update={"blocks": [*section.blocks, Text(text="Read from /home/ann/photos/cat.jpg today.")]}
    )
    report = report.model_copy(
        update={
            "document": Document(authors=AUTHORS, logo=logo, **PLACES),
            "settings": settings,
            "sections": [placed, *report.sections[1:]],
        }
    )
    photograph(run / report.images[0].picture.file)
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "Ann Lee on ann-laptop", zip=True)
    Image.open(run / "figures/color-bar.png").save(run / "figures/color-bar.png", pnginfo=info)
    return finish_run(report, run)


def photograph(path: Path) -> None:
    """Give a JPEG what a camera writes: model, place, a comment, a thumbnail after its end."""
    exif = Image.Exif()
    exif[0x0110], exif[0x013B] = "Canon EOS", "Ann Lee"
    exif.get_ifd(0x8825)[29] = "48.1374"
    Image.open(path).save(path, exif=exif, comment=b"taken by Ann Lee", quality=90)
    path.write_bytes(path.read_bytes() + b"\xff\xd8 thumbnail by Ann Lee \xff\xd9")


# --- bytes ---------------------------------------------------------------------------------------


def test_equal_runs_give_equal_bytes(made: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "another name"
    shutil.copytree(made, copy)
    (copy / "report.json").chmod(0o600)
    (copy / "timings.json").write_text("{}")
    names = bundle(made, tmp_path / "a.zip")
    assert bundle(copy, tmp_path / "b" / "b.zip") == names
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b/b.zip").read_bytes()


def test_a_bundle_holds_the_run_and_what_explains_it(made: Path, tmp_path: Path) -> None:
    bundle(made, tmp_path / "a.zip")
    found = entries(tmp_path / "a.zip")
    run = json.loads((made / "manifest.json").read_bytes())["files"]
    assert set(found) == {*run, "README.txt", "settings.json", "manifest.json"}
    for name in run:
        assert found[name] == (made / name).read_bytes()
    assert json.loads(found["settings.json"]) == read_report(made).settings
    listed = json.loads(found["manifest.json"])["files"]
    assert set(listed) == set(found) - {"manifest.json"}
    assert {name: listed[name] for name in run} == run
    readme = found["README.txt"].decode()
    assert readme.startswith("Explainability report\n\n2 images explained for efficientnet_lite0;")
    assert "explain_params.pkl" in readme
    assert "references.bib" not in readme, "this run has none"
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        infos = archive.infolist()
    assert [info.filename for info in infos] == sorted(found)
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert {info.external_attr >> 16 for info in infos} == {stat.S_IFREG | 0o644}
    assert {info.extra for info in infos} == {b""}


def test_a_run_that_is_unfinished_or_was_changed_is_not_packed(made: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(made, tmp_path / "run"))
    (run / "tables/iou.csv").write_bytes(b"image,iou\na,0.9\n")
    with pytest.raises(CheckFailed, match=r"not as it was made \(1 changed, the first is tables/iou.csv\)"):
        bundle(run, tmp_path / "a.zip")
    (run / "manifest.json").unlink()
    with pytest.raises(CheckFailed, match=r"has no manifest\.json"):
        bundle(run, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_too_many_pages(made: Path, tmp_path: Path) -> None:
    pages = len(pypdfium2.PdfDocument(made / "report.pdf"))
    bundle(made, tmp_path / "a.zip", max_pages=pages)
    with pytest.raises(CheckFailed, match=rf"report\.pdf: has {pages} pages, and {pages - 1} are allowed"):
        bundle(made, tmp_path / "b.zip", max_pages=pages - 1)
    assert not (tmp_path / "b.zip").exists()


def test_pages_cannot_be_counted_without_a_pdf(tmp_path: Path) -> None:
    run = finish_run(*make_report(tmp_path, 1), formats=("html",))
    with pytest.raises(UsageError, match=r"has no report\.pdf whose pages could be counted"):
        bundle(run, tmp_path / "a.zip", max_pages=5)


# --- anonymous -----------------------------------------------------------------------------------


def streams(data: bytes) -> list[bytes]:
    """An independent way to look into a PDF: itself, and whatever in it inflates."""
    found = [data]
    for match in re.finditer(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
        try:
            found.append(zlib.decompressobj().decompress(match[1]))
        except zlib.error:
            continue
    return found


def test_the_signed_run_does_name_its_authors(signed: Path, tmp_path: Path) -> None:
    """What the next test looks for is there to be found."""
    bundle(signed, tmp_path / "a.zip")
    whole = b"".join(layer for data in entries(tmp_path / "a.zip").values() for layer in streams(data))
    for secret in [*AUTHORS[:3], *PLACES.values(), "/home/ann", "Canon EOS", "thumbnail by"]:
        assert secret.encode() in whole, secret
    assert AUTHORS[1] in pypdfium2.PdfDocument(signed / "report.pdf")[0].get_textpage().get_text_range()


def test_an_anonymous_bundle_names_nobody_in_any_byte(signed: Path, tmp_path: Path) -> None:
    bundle(signed, tmp_path / "a.zip", anonymous=True)
    found = entries(tmp_path / "a.zip")
    assert "figures/logo.png" not in found
    for name, data in found.items():
        for layer in streams(data):
            for secret in SECRETS:
                for form in (secret.encode(), secret.encode("utf-16-be"), secret.encode("utf-16-be").hex().encode()):
                    assert form.lower() not in layer.lower(), (name, secret)
    for name in ("report.json", "report.html", "settings.json", "README.txt", "manifest.json"):
        for folder in (Path.home(), Path.cwd(), signed):
            assert str(folder) not in found[name].decode(), (name, folder)
        for word in {getpass.getuser(), socket.gethostname()} - anonymous.COMMON:
            assert not re.search(rf"(?<![\w/+]){re.escape(word)}(?![\w/+=])", found[name].decode()), (name, word)
    document = pypdfium2.PdfDocument(found["report.pdf"])
    text = " ".join(page.get_textpage().get_text_range() for page in document)
    assert "Read from cat.jpg today." in " ".join(text.split())
    assert not [secret for secret in SECRETS if secret in text]
    report = Report.model_validate_json(found["report.json"])
    assert report.document.authors == report.settings["document"]["authors"] == []
    assert report.settings["document"]["accent"] == "#0b5a8c", "the rest of the settings stands"


def test_an_anonymous_bundle_keeps_pixels_and_numbers_and_verifies(signed: Path, tmp_path: Path) -> None:
    bundle(signed, tmp_path / "a.zip", anonymous=True)
    bundle(signed, tmp_path / "b.zip", anonymous=True)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    found = entries(tmp_path / "a.zip")
    for name, data in found.items():
        if name.endswith((".jpg", ".png")):
            assert np.array_equal(pixels(data), pixels((signed / name).read_bytes())), name
    before, after = read_report(signed), Report.model_validate_json(found["report.json"])
    assert (after.images, after.findings) == (before.images, before.findings)
    assert verify(tmp_path / "a.zip").ok
    (tmp_path / "report.pdf").write_bytes(found["report.pdf"])
    checked = verify(tmp_path / "report.pdf")
    assert checked.ok
    assert "its pages are those that its data give, byte for byte" in checked.notes


@pytest.mark.parametrize(
    ("where", "what", "said"),
    [
        ("title", "Report by ann lee", r"report\.html holds 'Ann Lee'"),
        ("table", "image,by\na,J\u00f6rg Gr\u00f6\u00dfe\n", r"tables/iou\.csv holds 'Jörg Größe'"),
        ("title", "Kept in /home/ann", "report.* holds the path '/home/ann'"),
        ("title", "By /Users/Ann Smith/x.jpg", "report.* holds the path '/Users/Ann'"),
        ("table", "image,by\na,李小龙\n", r"tables/iou\.csv holds '李小龙'"),
        ("table", "image\nC:\\Users\\ann\\cat.jpg\n", r"tables/iou\.csv holds the path"),
        ("table", "image\nQUILLON\n", r"tables/iou\.csv holds 'quillon', the name of this machine or its user"),
    ],
)
def test_what_still_names_somebody_is_found_and_named(
    signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, what: str, said: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "quillon")
    report, run = read_report(signed), Path(shutil.copytree(signed, tmp_path / "run"))
    for name in ("manifest.json", "report.pdf", "report.html", "report.json", "timings.json"):
        (run / name).unlink()
    if where == "title":
        report = report.model_copy(update={"title": what})
    run = finish_run(report, run, formats=("html",))
    if where == "table":
        (run / "tables/iou.csv").write_text(what)
        files = {**_manifest(run), "tables/iou.csv": entry_of(what.encode())}
        (run / "manifest.json").write_bytes(manifest_json(files))
    with pytest.raises(CheckFailed, match=f"not anonymous: {said}"):
        bundle(run, tmp_path / "a.zip", anonymous=True)
    assert not (tmp_path / "a.zip").exists()
    if "quillon" in said:
        bundle(run, tmp_path / "a.zip", anonymous=True, allowed=("quillon",))


# What stands in a text, and what is left of it where folders are cut away.
CUT = [
    ("Read from /data/ann/photos/cat.jpg.", "Read from cat.jpg."),
    ("(/srv/a/b.png)", "(b.png)"),
    ("--out=/opt/ann/run/a.json", "--out=a.json"),
    ("path:/data/a/b.csv", "path:b.csv"),
    ("ann@host:/data/a/b.csv", "ann@host:b.csv"),
    ("a,/data/a/b.csv,1", "a,b.csv,1"),
    ("/mnt2/a.jpg", "a.jpg"),
    ("/Volumes/Disk/a/b.tif and /nfs/c/d.tif", "b.tif and d.tif"),
    ("/données/été/a.jpg", "a.jpg"),
    ("见/home/ann/图/a.jpg", "见a.jpg"),
    ("file:///data/ann/a.jpg", "a.jpg"),
    (r"D:\data\ann\cat.jpg", "cat.jpg"),
    ("x D:/work/cat.jpg y", "x cat.jpg y"),
    (r"\\server\share\cat.jpg", "cat.jpg"),
    ("sftp://lab/home/ann/x.jpg", "x.jpg"),
    ("git+file:///home/ann/x.jpg", "x.jpg"),
    ("sqlite:////home/ann/d.db", "d.db"),
    ("-I/home/ann/inc.h", "-Iinc.h"),
    ("see https://a.org/b/c,/data/ann/cat.jpg", "see https://a.org/b/c,cat.jpg"),
]
# What stands in a text, and the path that is found in it and not cut.
REFUSED = [
    ("Kept in /data/ann.", "/data/ann."),
    ("/media/ann", "/media/ann"),
    ("By /data/ann.lee", "/data/ann.lee"),
    ("mounted at /srv/j.smith, today", "/srv/j.smith"),
    ("By /srv/Ann Smith/x.jpg", "/srv/Ann"),
    ("/export/home/ann", "/export/home/ann"),
    (r"E:\ann\work", r"E:\ann\work"),
    (r"C:\Users\ann", r"C:\Users\ann"),
    (r"\\server\share", r"\\server\share"),
]
NO_PATHS = [
    "image/png or text/html; charset=utf-8",
    "1/2 and 3/4/5 of 7 / 8 / 9, or /2/3",
    "2026/11/23, 23/11/2026",
    "and/or, he/she/they, größe/höhe/breite, m²/s/K, n/a",
    "https://example.org/home/ann/a?b=/data/c#/d/e and http://a.b:80/c/d, ftp://x.y/z/a.",
    "See (https://example.org/a/b).",
    "figures/a.svg, rooms/home/cat.jpg, ./a/b, ../a/b, ~/a/b",
    "cats!/home/a.jpg, （1）/b/c.jpg, a@/b/c.jpg, R&D/b/c.jpg",
    "P(a)/P(b)/P(c), 50%/30%/20%, 5'/6'/7'",
    "<p>a</p></div><br/><!-- c --><b>d</b>/<i>e</i>",
    "/* a comment */ // and another /x",
    "/kæt/ and (/dɔg/) are said; /tag",
    "ratio a:b/c, C: or D:, 12:30/13:30",
    r"a\b\c, \\alpha",
]


def paths_in(text: str, name: str = "a.txt") -> list[str]:
    return [line.partition(" holds the path ")[2] for line in anonymous.leaks(name, text.encode(), [], [], [])]


def cut(report: Report, text: str) -> str:
    return anonymous.without_authors(report.model_copy(update={"title": text})).title


@pytest.mark.parametrize(("text", "left"), CUT)
def test_folders_of_any_root_are_cut_away(made: Path, text: str, left: str) -> None:
    assert paths_in(text)
    assert cut(read_report(made), text) == left
    assert not paths_in(left)


@pytest.mark.parametrize(("text", "path"), REFUSED)
def test_a_path_that_may_end_with_a_user_is_left_to_be_refused(made: Path, text: str, path: str) -> None:
    assert cut(read_report(made), text) == text
    for name, data in (("a.csv", text), ("a.json", json.dumps({"a": [f"b\n{text}"]})), ("a.html", f"<p>{text}</p>")):
        assert paths_in(data, name) == [repr(path)]


@pytest.mark.parametrize("text", NO_PATHS)
def test_what_is_no_path_is_left_alone(made: Path, text: str) -> None:
    assert paths_in(text) == []
    assert cut(read_report(made), text) == text


NAMES = st.text("abcdeé李ABC0189_-.@~+", min_size=1, max_size=8).filter(lambda name: any(c.isalpha() for c in name))
WORDS = st.sampled_from(["", " ", "in ", "(", "=", '"', "a, ", "1/2 ", "image/png, ", "https://a.org/b/c "])


@settings(deadline=None, derandomize=True)
@given(st.lists(NAMES, min_size=2, max_size=5), st.sampled_from(["/", "C:\\", "d:/"]), WORDS, WORDS)
def test_every_absolute_path_is_found_wherever_it_stands(parts: list[str], root: str, before: str, after: str) -> None:
    path = root + ("\\" if root == "C:\\" else "/").join(parts)
    [found] = paths_in(f"{before}{path} {after}")
    assert found == repr(path)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.lists(st.one_of(NAMES, st.integers(0, 2100).map(str)), min_size=1, max_size=4), WORDS)
def test_no_relative_path_fraction_or_date_is_one(parts: list[str], before: str) -> None:
    assert (
        paths_in(f"{before.strip()} {'/'.join(parts)} and https://a.org/{'/'.join(parts)}?q=/{'/'.join(parts)}") == []
    )


def test_a_page_is_searched_with_its_words_whole_and_without_its_code() -> None:
    page = '<script>x.replace(/a b/g, "").match(/foo/g)</script><b>{}</b>'
    assert paths_in(page.format("a"), "a.html") == []
    assert paths_in(page.format("a").replace("foo/g", "home/ann/x"), "a.html") == ["'/home/ann/x)'"]
    broken = '<span class="piece">{}</span><wbr><span class="piece">{}</span>'
    assert paths_in(page.format(broken.format("/scratch/", "ann/x")), "a.html") == ["'/scratch/ann/x'"]
    assert paths_in(page.format(broken.format("photos-of-a-cat", "/by/day.jpg")), "a.html") == []


def test_the_names_of_a_pdf_are_no_paths() -> None:
    pdf = "%PDF-1.7\n<</Type /Pages/Kids [6 0 R]>> (/home/ann/a.jpg)"
    assert paths_in(pdf, "a.pdf") == ["'/home/ann/a.jpg)'"]


def test_what_looks_like_a_path_may_be_allowed() -> None:
    classes = b"class\n/m/0k4j\n/m/01g317\n/n/1a\n"
    assert len(list(anonymous.leaks("a.csv", classes, [], [], []))) == 3
    [left] = anonymous.leaks("a.csv", classes, [], [], [], allowed=("/m",))
    assert left == "a.csv holds the path '/n/1a'"


def _manifest(run: Path) -> Any:
    from reportgen.report.manifest import read_manifest

    return read_manifest(run)


def test_a_template_of_the_users_own_has_to_be_named(signed: Path, tmp_path: Path) -> None:
    report, run = read_report(signed), Path(shutil.copytree(signed, tmp_path / "run"))
    for name in ("manifest.json", "report.pdf", "report.html", "report.json", "timings.json"):
        (run / name).unlink()
    report = report.model_copy(update={"settings": {**report.settings, "template": "mine"}})
    finish_run(report, run, formats=("html",))
    with pytest.raises(UsageError, match="need the template 'mine': name its folder with --template"):
        bundle(run, tmp_path / "a.zip", anonymous=True)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "template.toml").write_text('authors = ["Nora Nobody"]')
    (mine / "report.html").write_text('{% extends "base/report.html" %}')
    with pytest.raises(CheckFailed, match=r"not anonymous: report.html holds 'Nora Nobody'"):
        bundle(run, tmp_path / "a.zip", anonymous=True, template=str(mine))
    (mine / "template.toml").unlink()
    bundle(run, tmp_path / "a.zip", anonymous=True, template=str(mine))


# --- pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 100, "restart_marker_blocks": 1}])
def test_a_jpeg_keeps_its_pixels_and_its_colour_profile_and_nothing_else(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = tmp_path / "a.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, icc_profile=profile, **options)
    plain = path.read_bytes()
    photograph(path)
    exif = path.read_bytes()
    cleaned = without_metadata("a.jpg", exif)
    assert b"Ann Lee" in exif
    for word in (b"Ann Lee", b"Exif", b"Canon", b"thumbnail"):
        assert word not in cleaned
    assert np.array_equal(pixels(cleaned), pixels(exif))
    assert Image.open(io.BytesIO(without_metadata("a.jpg", plain))).info["icc_profile"] == profile
    assert np.array_equal(pixels(without_metadata("a.jpg", plain)), pixels(plain))
    assert without_metadata("a.jpg", cleaned) == cleaned


def test_a_damaged_picture_is_one_line(tmp_path: Path) -> None:
    Image.new("RGB", (30, 30), "red").save(tmp_path / "a.jpg")
    Image.new("RGB", (30, 30), "red").save(tmp_path / "a.png")
    for name in ("a.jpg", "a.png"):
        data = (tmp_path / name).read_bytes()
        for length in (12, 20, len(data) // 2, len(data) - 3):
            with pytest.raises(ReportgenError, match="a damaged picture; what it holds besides pixels"):
                without_metadata(name, data[:length])
    assert without_metadata("a.svg", b"<svg/>") == b"<svg/>"
