"""Which files of a folder are explained: by content, by name, and what is left alone and counted."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from folders import looked_through
from pictures import MAX_PIXELS, blocks, encode
from reportgen.images import left_alone
from reportgen.images.decode import UnreadableImage, read_image
from reportgen.images.files import InputFile
from reportgen.images.find import find_images
from reportgen.images.left_alone import file_reason, folder_reason, rest_reason
from reportgen.images.names import slugs
from reportgen.images.remarks import Remarks
from reportgen.images.sources import disk
from reportgen.pipeline.given import leave_rest, look_through, look_through_probe, warn_of_shared
from reportgen.report.document import LeftAlone, Skipped
from reportgen.settings.model import Settings
from reportgen.storage.run_folder import RunFolder
from reportgen.utils.errors import UsageError


def names_of(folder: Path) -> list[str]:
    return [file.name for file in find_images(folder).files]


def put(folder: Path, *names: str, content: bytes | None = None) -> None:
    """Files of these names, each an image where no content is given."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encode(blocks()) if content is None else content)


def left(folder: Path, **options: Any) -> dict[str, tuple[int, list[str]]]:
    """Reason -> how many files are left alone for it, and the names that are given."""
    remarks = Remarks()
    find_images(folder, remarks, **options)
    return {item.reason: (item.count, item.names) for item in remarks.left_alone}


def test_images_are_found_by_content_and_named_by_posix_path_in_plain_sort_order(tmp_path: Path) -> None:
    for name in ("b.png", "a/z.JPG", "a/b/deep.jpeg", "a.png", "B.png", "a-.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(encode(blocks()))
    found, skipped = looked_through(tmp_path)
    assert [file.name for file in found] == ["B.png", "a-.png", "a.png", "a/b/deep.jpeg", "a/z.JPG", "b.png"]
    assert [file.path for file in found] == [tmp_path / file.name for file in found]
    assert skipped == []


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "MPO"])
def test_an_image_is_read_under_any_extension(kind: str, tmp_path: Path) -> None:
    (tmp_path / "photo.dat").write_bytes(encode(blocks(), kind))
    (found,), _ = looked_through(tmp_path)
    assert read_image(found, MAX_PIXELS).pixels.shape == (48, 64, 3)


def test_a_text_that_opens_with_bm_is_no_bitmap(tmp_path: Path) -> None:
    (tmp_path / "cars").write_text("BMW and others: a list of cars, long enough to hold a header.")
    assert looked_through(tmp_path) == ([], [])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.jpg", b"", "empty file"),
        ("b.png", b"dear reader", "looks like text"),
        ("umlaut.gif", b"a" + "ä".encode() * 300, "looks like text"),
        ("noise.TIFF", bytes(range(256)), "not a JPEG, PNG"),
        ("phone.jpg", b"\0\0\0\x18ftypisom" + bytes(50), "a film"),
        ("phone.heic", b"\0\0\0\x18ftypmp42" + bytes(50), "as JPEG or PNG"),
    ],
)
def test_a_file_that_only_claims_to_be_an_image_is_skipped_with_a_reason(
    name: str, content: bytes, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    found, (skipped,) = looked_through(tmp_path)
    assert found == []
    assert skipped.name == name
    assert words in skipped.reason


def test_other_files_hidden_ones_and_system_litter_are_ignored(tmp_path: Path) -> None:
    png = encode(blocks())
    for name in (
        ".hidden.png",
        ".git/a.png",
        "__MACOSX/a.png",
        "sub/.thumbs/a.png",
        "Thumbs.db",
        "sub/THUMBS.DB",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(png)
    for name in ("notes.txt", "labels.csv", "boxes.csv", "a.xml", "a.json", "clip.mp4", "empty"):
        (tmp_path / name).write_bytes(b"" if name == "empty" else b"some text")
    assert looked_through(tmp_path) == ([], [])


def test_the_input_folder_itself_may_be_hidden_or_a_link(tmp_path: Path) -> None:
    hidden = tmp_path / ".data"
    hidden.mkdir()
    (hidden / "a.png").write_bytes(encode(blocks()))
    (tmp_path / "link").symlink_to(hidden)
    assert names_of(hidden) == names_of(tmp_path / "link") == ["a.png"]


def test_a_folder_named_like_an_image_is_walked(tmp_path: Path) -> None:
    (tmp_path / "album.jpg").mkdir()
    (tmp_path / "album.jpg" / "a.png").write_bytes(encode(blocks()))
    assert names_of(tmp_path) == ["album.jpg/a.png"]


def test_links_to_files_are_followed_and_loops_of_folders_do_not_hang(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside.png", tmp_path / "in"
    outside.write_bytes(encode(blocks()))
    (folder / "sub").mkdir(parents=True)
    (folder / "linked.png").symlink_to(outside)
    (folder / "sub" / "loop").symlink_to(folder)
    (folder / "self.jpg").symlink_to(folder / "self.jpg")
    (folder / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (folder / "gone.txt").symlink_to(tmp_path / "nowhere")
    found, skipped = looked_through(folder)
    assert [file.name for file in found] == ["linked.png"]
    assert [item.name for item in skipped] == ["gone.jpg", "self.jpg"]
    assert {item.reason for item in skipped} == {"a link that leads nowhere"}


def test_a_link_to_a_folder_elsewhere_is_named_because_its_images_are_missed(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "a.png").write_bytes(encode(blocks()))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "more").symlink_to(tmp_path / "album")
    assert looked_through(tmp_path / "in") == (
        [],
        [Skipped(name="more", reason="a link to a folder elsewhere: not followed")],
    )


@pytest.mark.parametrize("finished", [True, False])
def test_the_figures_of_an_earlier_report_are_no_photographs_but_what_lies_beside_them_is(
    finished: bool, tmp_path: Path
) -> None:
    album = tmp_path / "album"
    with closing(RunFolder(album)) as run:
        run.begin()
        run.raw("figures/a.png", encode(blocks()))
        if finished:
            run.raw("report.json", b"{}")
            run.finish()
    for name in ("a.png", "album/b.png", "album/more/figures/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(encode(blocks()))
    assert names_of(tmp_path) == ["a.png", "album/b.png", "album/more/figures/c.png"]
    assert looked_through(tmp_path)[1] == []
    assert names_of(album) == ["b.png", "more/figures/c.png"]
    assert names_of(album / "figures") == ["a.png"], "what is named itself is looked into"


def test_a_folder_with_a_manifest_of_something_else_is_looked_into(tmp_path: Path) -> None:
    for name, text in {
        "app": '{"name": "app"}',
        "other": '{"schema_version": 1, "files": {}}',
        "deep": "[" * 10**5,
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(text)
        (tmp_path / name / ".unfinished").write_text(text)
        (tmp_path / name / "a.png").write_bytes(encode(blocks()))
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe/manifest.json")
    os.mkfifo(tmp_path / "pipe/.unfinished")
    assert names_of(tmp_path) == ["app/a.png", "deep/a.png", "other/a.png"]


def test_a_fifo_named_like_an_image_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe")
    assert looked_through(tmp_path) == ([], [Skipped(name="pipe.jpg", reason="not a regular file")])
    with pytest.raises(UnreadableImage, match="not a regular file"):
        read_image(InputFile("pipe.jpg", tmp_path / "pipe.jpg"), MAX_PIXELS)


def test_what_may_not_be_read_is_skipped_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The suite may run as root, whom no permission stops: the refusal is made where the system would make it.
    (tmp_path / "locked").mkdir()
    (tmp_path / "secret.jpg").write_bytes(encode(blocks()))
    scandir, opened = os.scandir, os.open

    def deny_folder(path: Any) -> Any:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    def deny_file(path: Any, *args: Any, **options: Any) -> Any:
        if Path(path).name == "secret.jpg":
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **options)

    monkeypatch.setattr(os, "scandir", deny_folder)
    monkeypatch.setattr(os, "open", deny_file)
    found, skipped = looked_through(tmp_path)
    assert found == []
    assert [(item.name, item.reason) for item in skipped] == [
        ("locked", "folder cannot be read: permission denied"),
        ("secret.jpg", "cannot be read: permission denied"),
    ]


def test_a_missing_folder_or_a_file_that_is_no_image_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode(blocks()))
    with pytest.raises(UsageError, match="no such folder"):
        find_images(tmp_path / "missing")
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(UsageError, match=r"notes\.txt: neither an image nor a folder or archive of images"):
        find_images(tmp_path / "notes.txt")


def test_odd_names_survive_as_valid_text(tmp_path: Path) -> None:
    odd = [
        "line\nbreak.png",
        "🐈.png",
        "שלום.png",
        "a" * 251 + ".png",
        "back\\slash.png",
        "-rf.png",
        "%s{0}.png",
    ]
    png = encode(blocks())
    for name in odd:
        (tmp_path / name).write_bytes(png)
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(png)
    found, skipped = looked_through(tmp_path)
    assert sorted(file.name for file in found) == sorted([*odd, "caf\\xe9.png"])
    assert skipped == []
    for file in found:
        file.name.encode("utf-8")  # raises where a surrogate is left
        assert read_image(file, MAX_PIXELS).pixels.shape == (48, 64, 3)
    assert len(set(slugs(file.name for file in found).values())) == len(found)


def test_two_names_that_become_equal_as_text_do_not_hide_each_other(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(encode(blocks()))
    (tmp_path / "caf\\xe9.png").write_bytes(encode(blocks()))
    found, skipped = looked_through(tmp_path)
    assert [file.name for file in found] == [item.name for item in skipped] == ["caf\\xe9.png"]


def test_a_tree_deeper_than_pythons_stack_is_walked(tmp_path: Path) -> None:
    depth = 1200
    levels = [tmp_path / "/".join(["d"] * level) for level in range(1, depth + 1)]
    for level in levels:
        level.mkdir()
    (levels[-1] / "a.png").write_bytes(encode(blocks()))
    try:
        assert names_of(tmp_path) == ["d/" * depth + "a.png"]
    finally:  # pytest would clear the folder up by a recursion of its own, and fail at it
        (levels[-1] / "a.png").unlink()
        for level in reversed(levels):
            level.rmdir()


# --- what is not meant ---------------------------------------------------------------------------

BIN, PREVIEW, SYSTEM = "in a bin of deleted files", left_alone.PREVIEW, "of a system or its desktop"
UNFINISHED = "a download or a copy that is not finished"
COPY, PROGRAM = "a copy that an editor keeps", "of a program, which keeps it for itself"
NOT_MEANT = {
    BIN: [
        "$RECYCLE.BIN/S-1-5-21/$R1.jpg",
        "RECYCLER/a.jpg",
        "#recycle/a.jpg",
        "sub/@Recycle/a.jpg",
        ".Trashes/501/a.jpg",
        ".Trash-1000/files/a.jpg",
        ".trashed-1699999999-IMG_1.jpg",
    ],
    PREVIEW: [
        "@eaDir/IMG_1.jpg/SYNOFILE_THUMB_M.jpg",
        "sub/.@__thumb/a.jpg",
        ".thumbnails/large/a.png",
        "Thumbs.db",
        "sub/THUMBS.DB",
        "ehthumbs.db",
        "SYNOFILE_THUMB_XL.jpg",
        "@SynoEAStream/a.jpg",
        "GOPR0001.THM",
        "Catalogue Previews.lrdata/1/a.jpg",
        "Mine.photoslibrary/resources/derivatives/a.jpg",
    ],
    SYSTEM: [
        "System Volume Information/a.jpg",
        "lost+found/a.jpg",
        "__MACOSX/a.jpg",
        "__macosx/sub/._a.jpg",
        "._IMG_1.jpg",
        ".DS_Store",
        "desktop.ini",
        "IMG_1.jpg.lnk",
        "IMG_1.jpg:Zone.Identifier",
        ".fuse_hidden0000001",
        ".nfs000000000001",
        ".Spotlight-V100/a.jpg",
    ],
    UNFINISHED: [
        "IMG_1.jpg.part",
        "IMG_1.jpg.crdownload",
        "Unconfirmed 1234.crdownload",
        "IMG_2.jpg.download/IMG_2.jpg",
        "IMG_1.jpg.partial",
        "IMG_1.tmp",
        "IMG_1.jpg.filepart",
        "IMG_1.jpg.!ut",
    ],
    COPY: [
        "IMG_1.jpg~",
        "~$table.xlsx",
        "IMG_1.jpg.bak",
        "IMG_1.jpg.orig",
        ".a.jpg.swp",
        ".ipynb_checkpoints/a.png",
        "a.jpg.old",
        "a.jpg_original",
    ],
    "kept in a cloud: what lies here only stands for the file": [".IMG_1.jpg.icloud"],
    PROGRAM: [".git/a.png", "__pycache__/a.pyc", "node_modules/x/icon.png"],
    left_alone.HIDDEN: [".hidden.jpg", ".secret/sub/a.jpg"],
}


@pytest.mark.parametrize(("reason", "name"), [(reason, name) for reason, names in NOT_MEANT.items() for name in names])
def test_what_systems_and_programs_leave_behind_is_left_alone_for_its_reason(
    reason: str, name: str, tmp_path: Path
) -> None:
    put(tmp_path, "photo.png", name)
    assert names_of(tmp_path) == ["photo.png"]
    assert left(tmp_path) == {reason: (1, [name])}


@pytest.mark.parametrize(
    "name",
    [
        "tmp/a.jpg",
        "backup/a.jpg",
        "temp/a.jpg",
        "recycle/a.jpg",
        "old/a.jpg",
        "thumbnails/a.jpg",
        "my.download/a.jpg",
        "a.backup.jpg",
        "part.jpg",
        "IMG~1.JPG",
        "$money.jpg",
        "download",
        "a.tmp.png",
        "git/a.png",
        "Mine.photoslibrary/originals/0/a.jpg",
        "resources/a.jpg",
    ],
)
def test_what_a_user_may_call_photographs_is_meant(name: str, tmp_path: Path) -> None:
    put(tmp_path, name)
    assert names_of(tmp_path) == [name]
    assert left(tmp_path) == {}


def test_a_folder_that_is_left_alone_is_counted_to_a_bound_and_nothing_in_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "photo.png")
    for number in range(12):
        put(tmp_path, f"@eaDir/{number % 3}/thumb{number:02}.jpg", content=b"")
    os.mkfifo(tmp_path / "@eaDir/pipe.jpg")
    (tmp_path / "@eaDir/loop").symlink_to(tmp_path)
    opened = []

    def told(real: Any) -> Any:
        def open_told(path: Any, *args: Any, **options: Any) -> Any:
            opened.append(Path(path).name)
            return real(path, *args, **options)

        return open_told

    monkeypatch.setattr(os, "open", told(os.open))
    monkeypatch.setattr(Path, "open", told(Path.open))
    named = [f"@eaDir/{folder}/thumb{number:02}.jpg" for folder in (0, 1) for number in range(folder, 12, 3)][:5]
    assert left(tmp_path) == {PREVIEW: (14, named)}
    assert opened == ["photo.png"]
    monkeypatch.setattr(disk, "MOST_COUNTED", 7)
    found = left(tmp_path)
    assert found[PREVIEW] == (4, ["@eaDir/2/thumb02.jpg", "@eaDir/2/thumb05.jpg", "@eaDir/loop", "@eaDir/pipe.jpg"])
    assert found[PREVIEW + disk.MORE] == (1, ["@eaDir/2/thumb08.jpg"])


def test_the_folder_given_may_be_called_anything(tmp_path: Path) -> None:
    for name in ("#recycle", ".cache", "@eaDir", "node_modules"):
        put(tmp_path / name, "a.png")
        assert (names_of(tmp_path / name), left(tmp_path / name)) == (["a.png"], {})


# --- OUT and the probe set -----------------------------------------------------------------------


def test_the_run_folder_is_no_part_of_the_images_whatever_is_in_it_and_whether_it_is_there(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "out/figures/a.png", "out/note.txt", "more/out/b.png")
    for out in (tmp_path / "out", tmp_path / "more/../out"):
        assert find_images(tmp_path, out=out).names == ["a.png", "more/out/b.png"]
        assert left(tmp_path, out=out) == {left_alone.OUT: (2, ["out/figures/a.png", "out/note.txt"])}
    assert left(tmp_path, out=tmp_path / "gone") == {}
    (tmp_path / "link").symlink_to(tmp_path / "out")
    assert left(tmp_path, out=tmp_path / "link")[left_alone.OUT][0] == 2
    inside = find_images(tmp_path / "out", out=tmp_path / "out")
    assert inside.names == ["figures/a.png", "note.txt"], "what is given itself is looked into"


@pytest.mark.parametrize("place", ["album/out", "album"])
def test_what_this_run_writes_again_is_not_counted_and_what_else_lies_there_is(place: str, tmp_path: Path) -> None:
    put(tmp_path, "album/a.png")
    with closing(RunFolder(tmp_path / place, ["explain_params.pkl"])) as run:
        run.begin()
        for name in ("figures/a.png", "tex/figures/b.png"):
            run.raw(name, encode(blocks()))
        for name in ("report.json", "explain_params.pkl", "tex/report.tex"):
            run.raw(name, b"{}")
        run.finish()
    found = find_images(tmp_path / "album", out=tmp_path / place)
    assert (found.names, dict(found.beside), left(tmp_path / "album", out=tmp_path / place)) == (["a.png"], {}, {})
    put(tmp_path / place, "figures of mine/b.png", ".note")
    names = {"album": ["a.png", "figures of mine/b.png"], "album/out": ["a.png"]}[place]
    assert find_images(tmp_path / "album", out=tmp_path / place).names == names
    assert sum(count for count, _ in left(tmp_path / "album", out=tmp_path / place).values()) == 3 - len(names)


def test_what_an_earlier_run_wrote_is_counted(tmp_path: Path) -> None:
    with closing(RunFolder(tmp_path / "album")) as run:
        run.begin()
        run.raw("figures/a.png", encode(blocks()))
        run.raw("report.json", b"{}")
        run.finish()
    put(tmp_path, "a.png", "album/b.png")
    assert names_of(tmp_path) == ["a.png", "album/b.png"]
    assert left(tmp_path)[left_alone.EARLIER_RUN] == (
        3,
        ["album/figures/a.png", "album/manifest.json", "album/report.json"],
    )


def test_a_probe_set_below_the_images_is_no_part_of_them_and_images_in_a_probe_set_are_said(tmp_path: Path) -> None:
    put(tmp_path, "mine/a.png", "mine/probe/b.png", "other.png")
    remarks = Remarks()
    settings = Settings(probe=str(tmp_path / "mine/probe"))
    assert look_through(tmp_path / "mine", settings, remarks, None, print).names == ["a.png"]
    assert [item.reason for item in remarks.left_alone] == [left_alone.PROBE]
    around = Settings(probe=str(tmp_path))
    images, remarks = look_through(tmp_path / "mine", around, Remarks(), None, print), Remarks()
    warn_of_shared(images, look_through_probe(around, None), remarks)
    (warning,) = remarks.warnings
    assert warning.text.startswith(
        "2 of 2 images are also in the probe set that units are labelled on: a.png, probe/b.png"
    )


def test_what_settings_name_and_reportgens_own_files_are_not_left_alone(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    put(tmp_path, "logo.svg", "reportgen.toml", "stray.toml", "used.csv", content=b"x")
    remarks, settings = Remarks(), Settings.model_validate({"document": {"logo": str(tmp_path / "logo.svg")}})
    remarks.use("used.csv")
    leave_rest(find_images(tmp_path, remarks), remarks, settings, uses_truth=True)
    assert [item.names for item in remarks.left_alone] == [["stray.toml"]]


# --- what no reader used -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("clip.MP4", "a film"),
        ("voice.m4a", "sound"),
        ("letter.docx", "a document"),
        ("more.7z", "an archive"),
        ("train.py", "a program"),
        ("net.pth", "weights, arrays or tables"),
        ("IMG_1.xmp", "of a photo or other program"),
        ("info.json", "no label or annotation that is understood"),
        ("sheet.csv", "no label or annotation that is understood"),
        ("a.mask.png", "a mask that fits no image"),
        ("data.dat", "no image, label or annotation that is understood"),
        ("README", "no image, label or annotation that is understood"),
    ],
)
def test_what_no_reader_used_is_left_alone_for_what_it_is(name: str, words: str) -> None:
    assert rest_reason(name, uses_truth=True).startswith(words)


@pytest.mark.parametrize("name", ["info.json", "a.xml", "a.txt", "boxes.csv", "a.mask.png"])
def test_where_no_analysis_uses_annotations_that_is_the_reason(name: str) -> None:
    assert rest_reason(name, uses_truth=False).endswith(
        "are read where an analysis uses them, and none of this run does"
    )


def test_a_link_that_leads_nowhere_and_a_pipe_are_named_too(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    remarks = Remarks()
    found = find_images(tmp_path, remarks)
    assert remarks.left_alone == [
        LeftAlone(reason="a link that leads nowhere", count=1, names=["gone.txt"]),
        LeftAlone(reason="not a regular file", count=1, names=["pipe"]),
    ]
    assert found.beside == {}


@pytest.mark.parametrize("name", ["a" * 100 + "~" * 100_000, "#" * 100_000, ".nfs" + "0" * 100_000 + "x"])
def test_a_long_name_takes_no_time(name: str) -> None:
    file_reason(name), folder_reason(name)
