"""What is given to explain: an image, several paths, a pattern, an archive, a list, an address; as people have it, or strangers make it."""

from __future__ import annotations

import bz2
import functools
import gzip
import hashlib
import http.server
import io
import json
import lzma
import os
import pickle
import stat
import struct
import sys
import tarfile
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import test_manners
from reportgen.images import left_alone
from reportgen.images.decode import read_image
from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.find import find_images
from reportgen.images.remarks import Remarks
from reportgen.images.sources import containers, remote, tars, zips
from reportgen.images.sources.given import last_part, read_list
from reportgen.images.sources.spool import PiecesReader, Spool
from reportgen.report.document import Skipped
from reportgen.report.limits import ReadLimits
from reportgen.utils.errors import Problems, UsageError
from reportgen.utils.secrets import shown_address
from test_finding import blocks, encode, put

folder, call = test_manners.folder, test_manners.call  # fixtures
PNG = encode(blocks())
OTHER = encode(blocks(32, 32))
LABELS = b"name,class\na.png,1\n"
# As a Mac packs a folder: the folder itself, its files, and a shadow of each.
FOLDER = {
    "photos/": b"",
    "photos/a.png": PNG,
    "photos/sub/b.png": OTHER,
    "photos/labels.csv": LABELS,
    "photos/.DS_Store": b"x",
    "__MACOSX/photos/._a.png": b"x",
}


def zipped(path: Path, files: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tar_bytes(files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.rstrip("/"))
            entry.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def packed(folder: Path, ending: str, files: dict[str, bytes]) -> Path:
    path = folder / f"photos{ending}"
    if ending in (".zip", ".cbz"):
        return zipped(path, files)
    how: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    short = {".tgz": "gz", ".tbz2": "bz2", ".txz": "xz"}.get(ending, ending.rpartition(".")[2])
    path.write_bytes(how.get(short, bytes)(tar_bytes(files)))
    return path


def left(images: Any) -> dict[str, int]:
    remarks = Remarks()
    find_images(images, remarks)
    return {item.reason: item.count for item in remarks.left_alone}


# --- archives ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".ZIP"])
def test_an_archive_is_read_as_the_folder_that_was_packed(ending: str, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    found = find_images(packed(given, ending.lower(), FOLDER).rename(given / f"photos{ending}"))
    assert found.names == ["a.png", "sub/b.png"]
    assert list(found.beside) == ["labels.csv"]
    assert [file.read() for file in found.files] == [PNG, OTHER]
    assert [file.sha256() for file in found.files] == [hashlib.sha256(data).hexdigest() for data in (PNG, OTHER)]
    assert found.beside["labels.csv"].read() == LABELS
    assert found.files[0].head(8) == PNG[:8]
    assert read_image(found.files[1], 10**6).pixels.shape == (32, 32, 3)
    assert left(given / f"photos{ending}") == {"of a system or its desktop": 2}
    assert [path.name for path in given.iterdir()] == [f"photos{ending}"], "nothing is unpacked beside it"


def test_an_archive_that_holds_no_single_folder_keeps_its_names(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"cats/a.png": PNG, "dogs/a.png": OTHER, "./dogs//b.png": PNG})
    assert find_images(path).names == ["cats/a.png", "dogs/a.png", "dogs/b.png"]


def test_an_archive_is_known_by_its_content_where_its_name_says_nothing(tmp_path: Path) -> None:
    assert find_images(zipped(tmp_path / "download", {"a.png": PNG})).names == ["a.png"]
    (tmp_path / "really-a-tar.zip").write_bytes(tar_bytes({"a.png": PNG}))
    assert find_images(tmp_path / "really-a-tar.zip").names == ["a.png"]


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz"])
def test_members_are_read_by_many_threads_and_in_another_process(ending: str, tmp_path: Path) -> None:
    contents = {f"{number:03}.png": PNG + bytes([number]) * (1 + number * 997) for number in range(60)}
    files = find_images(packed(tmp_path, ending, contents)).files
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(InputFile.read, [*files] * 5))
    assert read == [contents[file.name] for file in files] * 5
    sent = pickle.loads(pickle.dumps(files))
    assert sent == files and len({*sent, *files}) == len(files)
    assert sent[7].read() == contents["007.png"]


def test_a_name_is_read_as_the_packer_meant_it(tmp_path: Path) -> None:
    """Macs write UTF-8 and do not say so, old Windows programs a code page and backslashes, Unix a backslash in a name."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, system in (("Mu\u0308ller.png", 3), ("win\\deep\\a.png", 0), ("unix\\name.png", 3)):
            entry = zipfile.ZipInfo("x")
            entry.filename, entry.create_system = name, system
            archive.writestr(entry, PNG)
        archive.writestr("M\u00e4rz.png", PNG)
    data = path.read_bytes()
    # The flag that says UTF-8 is taken away, and one name is written in DOS' own code page instead.
    data = data.replace("M\u00e4rz".encode(), "M\u00e4rz ".encode("cp437"))
    path.write_bytes(_without_utf8_flag(data))
    assert find_images(path).names == sorted(["Mu\u0308ller.png", "M\u00e4rz .png", "unix\\name.png", "win/deep/a.png"])


def _without_utf8_flag(data: bytes) -> bytes:
    changed = bytearray(data)
    for magic, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = data.find(magic)
        while place >= 0:
            flags = struct.unpack_from("<H", changed, place + at)[0]
            struct.pack_into("<H", changed, place + at, flags & ~0x800)
            place = data.find(magic, place + 4)
    return bytes(changed)


def test_what_leads_out_of_an_archive_and_links_are_skipped_and_the_rest_is_read(tmp_path: Path) -> None:
    names = ["../up.png", "/etc/passwd.png", "C:\\users\\ann.png", "a/../../b.png", "a" * 5000 + ".png"]
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in (*names, "fine.png"):
            archive.writestr(name, PNG)
        link = zipfile.ZipInfo("link.png")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    found = find_images(path)
    assert found.names == ["fine.png"]
    assert len(found.skipped) == 5, "what is longer than a path is cut, its ending too"
    assert {item.reason for item in found.skipped} == {
        "its name in the archive is none that a file below a folder can have",
        "a link or a device in an archive: not followed",
    }


def test_links_in_a_tar(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("a.png")
        entry.size = len(PNG)
        archive.addfile(entry, io.BytesIO(PNG))
        for name, kind, target in (
            ("same.png", tarfile.LNKTYPE, "a.png"),
            ("gone.png", tarfile.LNKTYPE, "nowhere.png"),
            ("soft.png", tarfile.SYMTYPE, "a.png"),
            ("pipe.png", tarfile.FIFOTYPE, ""),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            archive.addfile(entry)
    found = find_images(path)
    assert found.names == ["a.png", "same.png"]
    assert found.files[1].read() == PNG
    assert [item.name for item in found.skipped] == ["gone.png", "pipe.png", "soft.png"]


def test_of_two_members_of_one_name_the_second_is_skipped(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = tmp_path / "x.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.png", PNG)
            archive.writestr("a.png", OTHER)
    found = find_images(path)
    assert [file.read() for file in found.files] == [PNG]
    assert found.skipped == (Skipped(name="a.png", reason="its name, written as text, is another file's"),)


def test_an_encrypted_zip_is_one_line(tmp_path: Path) -> None:
    data = zipped(tmp_path / "x.zip", {"a.png": PNG}, zipfile.ZIP_STORED).read_bytes()
    changed = bytearray(data)
    changed[6] |= 1
    changed[data.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "x.zip").write_bytes(bytes(changed))
    with pytest.raises(UsageError, match=r"x\.zip: is encrypted; unpack it with its password, and give the folder"):
        find_images(tmp_path / "x.zip")


def test_a_member_that_is_packed_in_an_unknown_way_is_skipped_with_a_reason_that_helps(tmp_path: Path) -> None:
    data = bytearray(zipped(tmp_path / "x.zip", {"a.png": PNG, "b.png": PNG}).read_bytes())
    first = bytes(data).index(b"PK\1\2")
    data[8], data[first + 10] = 9, 9  # Deflate64, as Windows makes it
    (tmp_path / "x.zip").write_bytes(bytes(data))
    found = find_images(tmp_path / "x.zip")
    assert found.names == ["b.png"]
    assert "pack it again as an ordinary zip" in found.skipped[0].reason


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packing_that_zipfile_unpacks_without_a_bound_is_not_read(how: int, tmp_path: Path) -> None:
    (skipped,) = find_images(zipped(tmp_path / "x.zip", {"a.png": PNG}, how)).skipped
    assert "pack it again as an ordinary zip" in skipped.reason


def test_streams_of_xz_behind_one_another_are_one_and_the_memory_that_they_ask_for_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tar_bytes({"a.png": PNG, "b.png": OTHER * 3000})
    parts = [lzma.compress(whole[:700]), bytes(4 << 20), lzma.compress(whole[700:5000]), lzma.compress(whole[5000:])]
    (tmp_path / "x.tar.xz").write_bytes(b"".join(parts))
    assert [file.read() for file in find_images(tmp_path / "x.tar.xz").files] == [PNG, OTHER * 3000]
    monkeypatch.setattr(containers, "_MOST_XZ_MEMORY", 1 << 20)
    (tmp_path / "y.tar.xz").write_bytes(lzma.compress(whole, preset=9))
    with pytest.raises(UsageError, match="damaged"):
        find_images(tmp_path / "y.tar.xz")


def test_a_damaged_member_is_skipped_when_it_is_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"a.png": PNG + bytes(9999)}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[5000] ^= 255
    path.write_bytes(bytes(data))
    (file,) = find_images(path).files
    for read in (file.read, file.sha256):
        with pytest.raises(UnreadableFile, match="damaged in its archive"):
            read()


def test_an_archive_that_changes_during_the_run_is_not_read_on(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(tar_bytes({"a.png": PNG}))
    (file,) = find_images(path).files
    path.write_bytes(tar_bytes({"b.txt": b"", "a.png": OTHER}))
    with pytest.raises(UnreadableFile, match="its archive changed"):
        file.read()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("cut.zip", PNG, "neither a zip nor a tar"),
        ("cut.tar", b"", "neither a zip nor a tar"),
        ("text.tar.gz", gzip.compress(b"hello", mtime=0), "neither a zip nor a tar"),
        ("cut.tar.gz", gzip.compress(os.urandom(9999))[:5000], "damaged or cut off"),
        ("cut.tar.xz", lzma.compress(os.urandom(9999))[:5000], "damaged or cut off"),
        ("cut.tar", tar_bytes({"a.png": PNG, "b.png": PNG})[:1546], "damaged or cut off"),
        ("odd.tar", tar_bytes({"a.png": b""})[:512] + b"x" * 512 + tar_bytes({"b.png": PNG}), "damaged or cut off"),
        ("deep.tar", b"".join(tar_bytes({"a" * 101: b""}, tarfile.GNU_FORMAT)[:1024] for _ in range(5000)), "damaged"),
        ("cut.zip", b"PK\3\4" + bytes(500), "not a zip that can be read"),
        ("photos.7z", b"7z\xbc\xaf\x27\x1c", "this kind of archive is not read"),
    ],
)
def test_what_is_no_archive_or_not_all_of_one_is_one_line(
    name: str, content: bytes, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=words) as caught:
        find_images(tmp_path / name)
    assert name in str(caught.value)


def test_archives_that_unpack_to_more_than_they_can_hold_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zips, "LIMITS", ReadLimits(entries=3, dense_total=1 << 20))
    monkeypatch.setattr(tars, "LIMITS", ReadLimits(entries=3))
    bomb = zipped(tmp_path / "bomb.zip", {"a.bmp": bytes(1 << 22)})
    with pytest.raises(UsageError, match=r"bomb\.zip: refused, \d+ bytes would unpack to 4194304"):
        find_images(bomb)
    many = {f"{number}.png": PNG for number in range(4)}
    for path in (zipped(tmp_path / "many.zip", many), packed(tmp_path, ".tar", many)):
        with pytest.raises(UsageError, match="more than 3"):
            find_images(path)
    monkeypatch.setattr(containers, "DEFAULT_LIMITS", ReadLimits(dense_total=1 << 20))
    packed_bomb = packed(tmp_path, ".tar.gz", {"a.bmp": bytes(1 << 23)})
    with pytest.raises(UsageError, match=r"more than \d+ bytes when it is unpacked.*give the folder"):
        find_images(packed_bomb)


def test_no_table_of_an_archive_fills_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "_MOST_AT_ONCE", 10_000)
    zipped(tmp_path / "x.zip", {f"{number:0100}.txt": b"" for number in range(100)})
    with pytest.raises(UsageError, match="not a zip that can be read"):
        find_images(tmp_path / "x.zip")
    (tmp_path / "x.tar").write_bytes(tar_bytes({"a" * 20_000: b""}))
    with pytest.raises(UsageError, match="damaged"):
        find_images(tmp_path / "x.tar")


def test_a_member_that_says_less_than_it_holds_is_not_read_past_its_limit(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"a.csv": bytes(10_000)})
    file = find_images(zipped(path, {"a.csv": bytes(10_000), "b.png": PNG})).beside["a.csv"]
    with pytest.raises(UnreadableFile, match="10000 bytes; at most 100 are read"):
        file.read(100)


@given(
    ending=st.sampled_from([".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz"]),
    changes=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6),
    cut=st.floats(0.2, 1),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_archive_is_refused_or_read_and_never_a_traceback(
    ending: str, changes: list[tuple[float, bytes]], cut: float, tmp_path: Path
) -> None:
    whole = bytearray(packed(tmp_path, ending, FOLDER).read_bytes())
    for place, content in changes:
        at = int(place * len(whole))
        whole[at : at + len(content)] = content
    path = tmp_path / f"x{ending}"
    path.write_bytes(bytes(whole[: int(len(whole) * cut)]) if cut < 0.9 else bytes(whole))
    try:
        found = find_images(path)
    except UsageError as error:
        assert "x" + ending in str(error) and "\n" not in str(error)
        return
    for file in (*found.files, *found.beside.values()):
        with suppress(UnreadableFile):
            assert len(file.read()) < 10**6
            file.sha256()


def test_an_earlier_run_in_an_archive_is_left_alone_and_notes_are_not_read_there(tmp_path: Path) -> None:
    manifest = {"schema_version": 1, "files": {"report.json": {"sha256": "0" * 64, "bytes": 2}}}
    files = {
        "a.png": PNG,
        "old/manifest.json": json.dumps(manifest).encode(),
        "old/figures/a.png": PNG,
        "old/mine.png": PNG,
        "notes/introduction.md": b"Hello",
    }
    path = zipped(tmp_path / "x.zip", files)
    assert find_images(path).names == ["a.png", "old/mine.png"]
    assert left(path) == {left_alone.EARLIER_RUN: 2, left_alone.NOTES_UNREAD: 1}


def test_pieces_of_a_spool_are_one_file() -> None:
    spool, contents = Spool(), {key: os.urandom(3 << 20) for key in "abcd"}
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda key: spool.kept(key, lambda: io.BytesIO(contents[key]), 1 << 30), contents)
        pieces = dict(zip(contents, found, strict=True))
    for key, content in contents.items():
        reader = io.BufferedReader(PiecesReader(spool, pieces[key]))
        assert reader.read() == content
        reader.seek(1_000_000)
        assert reader.read(1_500_000) == content[1_000_000:2_500_000]
        reader.seek(-5, io.SEEK_END)
        assert reader.read() == content[-5:]
    with pytest.raises(UnreadableFile, match="more than 10 bytes"):
        spool.kept("e", lambda: io.BytesIO(bytes(11)), 10)
    with pytest.raises(UnreadableFile, match="together"):
        Spool(10).kept("e", lambda: io.BytesIO(bytes(11)), 100)


# --- an image, several paths, patterns -----------------------------------------------------------


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "photos/a.png", "photos/b.png", "photos/sub/c.png", "more/a.png")
    put(tmp_path, "photos/labels.csv", content=LABELS)
    put(tmp_path, "photos/Thumbs.db", "photos/clip.mp4", content=b"x")
    return tmp_path / "photos"


def test_one_image_is_explained_with_what_describes_it(photos: Path) -> None:
    found = find_images("photos/a.png")
    assert (found.names, found.path) == (["a.png"], Path("photos"))
    assert list(found.beside) == ["b.png", "clip.mp4", "labels.csv"]
    assert found.neighbours == {"b.png", "clip.mp4", "labels.csv"}
    remarks = Remarks()
    find_images("photos/a.png", remarks)
    remarks.leave("clip.mp4", "a reader's reason")
    assert (remarks.left_alone, remarks.seen) == ([], {"clip.mp4"}), "what nobody gave is not told"


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["photos/a.png", "photos/sub/c.png"], ["a.png", "sub/c.png"]),
        (["photos", "more"], ["more/a.png", "photos/a.png", "photos/b.png", "photos/sub/c.png"]),
        (["photos/a.png", "more"], ["more/a.png", "photos/a.png"]),
        (["photos", "photos/a.png", "./photos/", "photos/sub"], ["photos/a.png", "photos/b.png", "photos/sub/c.png"]),
        (["photos/*.png"], ["a.png", "b.png"]),
        (["photos/**/*.png"], ["a.png", "b.png", "sub/c.png"]),
        (["photos/*"], ["a.png", "b.png", "sub/c.png"]),
        (["*/a.png"], ["more/a.png", "photos/a.png"]),
        (["photos/a.png", "more/*"], ["more/a.png", "photos/a.png"]),
    ],
)
def test_several_paths_have_the_names_below_what_holds_them_all(
    given: list[str], names: list[str], photos: Path
) -> None:
    assert find_images(given).names == names
    assert find_images(given[::-1]).names == names
    assert find_images([Path.cwd() / path for path in given]).names == names


def test_a_name_with_brackets_is_no_pattern_where_it_is_there(photos: Path) -> None:
    put(photos, "IMG[1].png", "IMG1.png")
    assert find_images("photos/IMG[1].png").names == ["IMG[1].png"]


def test_what_a_shell_or_a_pattern_names_beside_photographs_is_left_alone(photos: Path) -> None:
    put(photos, "@eaDir/a.png", "b.png~")
    assert find_images(sorted(f"photos/{path.name}" for path in photos.iterdir())).names == [
        "a.png",
        "b.png",
        "sub/c.png",
    ]
    assert sum(left(["photos/*"]).values()) == 3


def test_names_never_tell_the_place_on_the_machine(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: photos / "sub")
    assert find_images([photos / "a.png", photos.parent / "more"]).names == ["a.png", "more/a.png"]
    assert find_images([photos / "a.png", photos.parent / "more/a.png"]).names == ["more/a.png", "photos/a.png"]


def test_what_is_missing_is_said_at_once(photos: Path) -> None:
    with pytest.raises(Problems) as caught:
        find_images(["photos", "gone", "gone.png"])
    assert caught.value.lines == ("gone: no such folder or file", "gone.png: no such folder or file")
    with pytest.raises(UsageError, match="no path of images"):
        find_images([])


def test_archives_and_folders_are_given_together(photos: Path) -> None:
    zipped(Path("new.zip"), FOLDER)
    assert find_images(["more", "new.zip"]).names == ["more/a.png", "new/a.png", "new/sub/b.png"]
    zipped(Path("more.zip"), {"a.png": PNG})
    assert find_images(["more", "more.zip"]).names == ["more.zip/a.png", "more/a.png"]


# --- a list --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"photos/a.png\nphotos/sub/c.png\n",
        b'# two of them\r\n\r\n  photos/a.png\r\n"photos/sub/c.png"\r\n',
        b"\xef\xbb\xbfphotos/a.png\nphotos/sub/c.png",
        "photos/a.png\r\nphotos/sub/c.png\r\n".encode("utf-16"),
        b"./photos/a.png\0./photos/sub/c.png\0",
    ],
)
def test_a_list_of_paths(content: bytes, photos: Path) -> None:
    Path("list.txt").write_bytes(content)
    for listed in (read_list("list.txt", io.BytesIO()), read_list("-", io.BytesIO(content))):
        assert find_images(listed).names == ["photos/a.png", "photos/sub/c.png"]


def test_a_path_of_a_list_is_one_from_the_lists_folder_else_from_the_working_one(photos: Path) -> None:
    put(photos, "list.txt", content=b"a.png\nsub/c.png\n")
    assert find_images(read_list("photos/list.txt", io.BytesIO())).names == ["a.png", "sub/c.png"]
    put(photos, "list.txt", content=b"photos/a.png\nmore/a.png\n")
    assert find_images(read_list("photos/list.txt", io.BytesIO())).names == ["more/a.png", "photos/a.png"]
    put(photos, "list.txt", content=f"{photos}/a.png\n{photos}/sub/c.png\n".encode())
    assert find_images(read_list("photos/list.txt", io.BytesIO())).names == ["a.png", "sub/c.png"]


def test_what_is_missing_in_a_list_is_skipped_and_what_is_not_meant_left_alone(photos: Path) -> None:
    put(photos, "@eaDir/a.png")
    put(photos, "list.txt", content=b"a.png\ngone.png\n@eaDir/a.png\nThumbs.db\n")
    given = read_list("photos/list.txt", io.BytesIO())
    found = find_images(given)
    assert (found.names, found.skipped) == (["a.png"], (Skipped(name="gone.png", reason="no such file"),))
    assert left(given) == {"a preview that a system or a program keeps": 2}


def test_a_list_with_names_that_are_no_text(photos: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    put(photos, name)
    for ending in (b"\n", b"\0"):
        put(photos, "list", content=os.fsencode(name) + ending)
        assert find_images(read_list("photos/list", io.BytesIO())).names == ["caf\\xe9.png"]


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "lists no path"), (b"# a\n\n", "lists no path"), (b"\0\0", "lists no path")]
)
def test_a_list_of_nothing_is_one_line(content: bytes, words: str, photos: Path) -> None:
    with pytest.raises(UsageError, match=words):
        read_list("-", io.BytesIO(content))
    with pytest.raises(UsageError, match="gone: no such file"):
        read_list("gone", io.BytesIO())


# --- addresses -----------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """fsspec's store in memory, as if it were one far away."""
    import fsspec

    monkeypatch.setattr(remote, "STORES", remote.STORES | {"memory"})
    made = fsspec.filesystem("memory")
    made.store.clear()
    for name, content in {"b/a.png": PNG, "b/sub/c.png": OTHER, "b/labels.csv": LABELS, "b/@eaDir/a.png": PNG}.items():
        made.pipe(f"/{name}", content)
    made.pipe("/x/photos.zip", zipped(tmp_path / "x.zip", FOLDER).read_bytes())
    yield made
    made.store.clear()


def test_a_folder_of_a_store_is_read_file_by_file_and_each_once(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = type(store).open

    def counted(self: Any, path: str, *args: Any, **options: Any) -> Any:
        asked.append(path)
        return real(self, path, *args, **options)

    monkeypatch.setattr(type(store), "open", counted)
    remarks = Remarks()
    found = find_images("memory://b", remarks, allow_download=True)
    assert (found.names, list(found.beside)) == (["a.png", "sub/c.png"], ["labels.csv"])
    assert asked == [], "by their names alone"
    assert [file.read() for file in found.files] == [PNG, OTHER]
    assert found.files[0].sha256() == hashlib.sha256(PNG).hexdigest()
    assert found.beside["labels.csv"].read() == LABELS
    assert len(asked) == 3
    assert [item.names for item in remarks.left_alone] == [["@eaDir/a.png"]]
    assert pickle.loads(pickle.dumps(found.files)) == found.files


def test_an_archive_or_an_image_in_a_store(store: Any) -> None:
    assert find_images("memory://x/photos.zip", allow_download=True).names == ["a.png", "sub/b.png"]
    assert find_images("memory://b/sub/c.png", allow_download=True).names == ["c.png"]


def test_nothing_is_fetched_unless_it_is_allowed(store: Any) -> None:
    with pytest.raises(UsageError, match=r"^memory://b: is fetched only with --allow-download$"):
        find_images("memory://b")


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc",
        "ftp://host/a.zip",
        "simplecache::s3://b/a",
        "http://example.org/a.zip",
        "zip://a::https://h/b.zip",
        "http://[",
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(UsageError, match="not an address that is read"):
        find_images(address, allow_download=True)


def test_a_store_whose_package_is_missing_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec  # noqa: F401  # its registry

    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)  # where another test has used it
    with pytest.raises(UsageError, match=r"s3:// needs a further package: pip install 'reportgen\[remote\]'"):
        find_images("s3://bucket/photos", allow_download=True)


def test_no_message_holds_a_password_or_a_token(store: Any) -> None:
    secret = "https://ann:secret@example.org/photos/x.zip?token=secret#secret"
    assert shown_address(secret) == "https://example.org/photos/x.zip"
    assert last_part(secret) == "x.zip"
    assert "secret" not in repr(remote.Fetched(secret))
    with pytest.raises(UsageError) as caught:
        find_images(secret)
    assert "secret" not in str(caught.value)
    with pytest.raises(UsageError) as caught:
        find_images("memory://gone/x.zip?secret", allow_download=True)
    assert str(caught.value) == "memory://gone/x.zip: cannot be read: nothing is there"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            if self.path.startswith("/elsewhere"):
                self.send_response(302)
                self.send_header("Location", "ftp://example.org/x.zip")
                self.end_headers()
            elif self.path.startswith("/cut"):
                self.send_response(200)
                self.send_header("Content-Length", "99999")
                self.end_headers()
                self.wfile.write(b"PK\3\4")
            else:
                super().do_GET()

    (tmp_path / "served").mkdir()
    zipped(tmp_path / "served/photos.zip", FOLDER)
    (tmp_path / "served/one.png").write_bytes(PNG)
    (tmp_path / "served/text.html").write_text("<html>sign in</html>")
    handler = functools.partial(Quiet, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_an_archive_or_an_image_of_a_web_server(server: str) -> None:
    found = find_images(f"{server}/photos.zip?token=secret", allow_download=True)
    assert found.names == ["a.png", "sub/b.png"]
    assert found.files[1].read() == OTHER
    assert find_images(f"{server}/one.png", allow_download=True).names == ["one.png"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("gone.zip", "the server says 404"),
        ("text.html", "neither an image nor an archive"),
        ("elsewhere.zip", "cannot be fetched: its server reports an error"),
        ("cut.zip", "cannot be fetched: RemoteProtocolError"),
    ],
)
def test_what_a_web_server_does_not_give_is_one_line(path: str, words: str, server: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        find_images(f"{server}/{path}?token=secret", allow_download=True)
    assert "secret" not in str(caught.value)


# --- on the command line -------------------------------------------------------------------------


def run(call: Any, *arguments: str, code: int = 0) -> dict[str, Any]:
    """report.json of a toy run."""
    ended = call("run", *arguments, "-o", "out", "--model", "toy", "--format", "html")
    assert ended.code == code, ended.err
    report: dict[str, Any] = json.loads(Path("out/report.json").read_text("utf-8"))
    return report


def shown(report: dict[str, Any]) -> str:
    return " ".join(report["provenance"]["command"]).partition(" --model")[0]


@pytest.fixture
def packed_too(call: Any, photos: Path) -> Path:
    """Photographs, and the same packed, patterned and listed."""
    zipped(Path("packed.zip"), FOLDER)
    Path("list.txt").write_text("photos/a.png\nphotos/b.png\n")
    return photos


@pytest.mark.parametrize(
    ("arguments", "names", "command"),
    [
        (["photos"], ["a.png", "b.png", "sub/c.png"], "photos"),
        (["photos/a.png"], ["a.png"], "a.png"),
        (["photos/a.png", "photos/b.png"], ["a.png", "b.png"], "a.png b.png"),
        (["photos/*.png"], ["a.png", "b.png"], "*.png"),
        (["packed.zip"], ["a.png", "sub/b.png"], "packed.zip"),
        (["--list", "list.txt"], ["photos/a.png", "photos/b.png"], "--list list.txt"),
    ],
)
def test_a_run_explains_what_is_given_and_shows_how(
    arguments: list[str], names: list[str], command: str, call: Any, packed_too: Path
) -> None:
    Path("photos/labels.csv").unlink()
    report = run(call, *arguments)
    assert [image["name"] for image in report["images"]] == names
    assert shown(report) == f"reportgen run {command}"
    assert call("verify", "out", "--images", arguments[0] if len(arguments) == 1 else "photos").code in (0, 1)


def test_a_list_on_standard_input(call: Any, packed_too: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"photos/sub/c.png\n")))
    Path("photos/labels.csv").unlink()
    report = run(call, "-")
    assert [image["name"] for image in report["images"]] == ["photos/sub/c.png"]
    assert shown(report) == "reportgen run -"


def test_a_run_of_an_archive_is_that_of_its_folder(call: Any, packed_too: Path) -> None:
    with zipfile.ZipFile("packed.zip") as archive:
        archive.extractall("unpacked")
    of_folder, of_archive = run(call, "unpacked/photos"), run(call, "packed.zip", "--fresh")
    for key in ("images", "sections", "findings", "warnings", "skipped"):
        assert of_archive[key] == of_folder[key]
    assert of_archive["provenance"]["inputs"] == of_folder["provenance"]["inputs"]
    assert call("verify", "out", "--images", "packed.zip").code == 0
    ended = call("run", "--from", "out", "packed.zip", "-o", "again")
    assert ended.code == 0 and "repeated: every number, text and verdict is the same" in ended.err


def test_a_run_of_several_is_made_again_from_what_lies_beside_it(call: Any, packed_too: Path) -> None:
    Path("photos/labels.csv").unlink()
    run(call, "photos", "more")
    assert "repeated: every number" in call("run", "--from", "out", "-o", "again").err


def test_out_below_the_images_is_no_part_of_them_not_even_before_it_is_a_run(call: Any, packed_too: Path) -> None:
    Path("photos/labels.csv").unlink()
    put(Path("photos"), "report/old.txt", content=b"")
    for _ in range(2):
        ended = call("run", "photos", "-o", "photos/report", "--model", "toy", "--format", "html")
        assert ended.code == 0, ended.err
        report = json.loads(Path("photos/report/report.json").read_text("utf-8"))
        assert [image["name"] for image in report["images"]] == ["a.png", "b.png", "sub/c.png"]
    reasons = {item["reason"]: item["count"] for item in report["left_alone"]}
    assert reasons[left_alone.OUT] == 1, "what this run writes again is not counted"


def test_labels_beside_one_image_that_was_given_hold(call: Any, packed_too: Path) -> None:
    put(Path("photos"), "labels.csv", content=b"name,class\na.png,1\nb.png,2\n")
    report = run(call, "photos/a.png")
    assert report["images"][0]["label"]["index"] == 1
    assert report["left_alone"] == [], "what nobody gave is not told"


STRAY = [
    *(
        "$RECYCLE.BIN/$R1.jpg",
        "@eaDir/a.jpg/SYNOFILE_THUMB_M.jpg",
        "#recycle/a.jpg",
        ".Trashes/501/a.jpg",
        "__MACOSX/._a.jpg",
    ),
    *(
        "Thumbs.db",
        "sub/Thumbs.db",
        ".DS_Store",
        "desktop.ini",
        "._a.jpg",
        "IMG.jpg.part",
        "IMG.jpg.crdownload",
        "IMG.jpg~",
    ),
    *("IMG.jpg.bak", ".hidden/a.jpg", ".hidden.jpg", ".git/config", "a.lnk", "~$doc.docx", "lost+found/a.jpg", "x.tmp"),
    *(
        "info.json",
        "Info.plist",
        "rows.jsonl",
        "empty.json",
        "nan.json",
        "note.xml",
        "list.txt",
        "sheet.tsv",
        "data.yaml",
    ),
    *("clip.mp4", "clip.mov", "voice.m4a", "doc.docx", "doc.pdf", "page.html", "more.zip", "x.7z", "run.py", "run.pyc"),
    *("net.pth", "arrays.npz", "IMG.xmp", "IMG.aae", "README", "odd.weird", "Makefile", "app.exe", "setup.cfg", "core"),
    *(f"sub/{number}/thing{number}.dat" for number in range(52)),
]


def test_a_folder_of_a_hundred_stray_files_and_two_photographs_ends_with_a_report(call: Any, photos: Path) -> None:
    assert len(STRAY) == len(set(STRAY)) >= 100
    put(Path("wild"), "a.png", "sub/b.png")
    put(Path("wild"), *(name for name in STRAY if not name.endswith((".jpg", ".json"))), content=b"\0\1\2 something")
    put(Path("wild"), *(name for name in STRAY if name.endswith(".jpg")))
    for name, content in {
        "info.json": '{"k": "Zoë"}'.encode("latin-1"),
        "rows.jsonl": b'{"a": 1}\n{"a": 2}\n',
        "empty.json": b"",
        "nan.json": b'{"a": NaN}',
        "Info.plist": b"bplist00\xd1\x01\x02",
        "note.xml": '<?xml version="1.0" encoding="latin-1"?><note>Zoë</note>'.encode("latin-1"),
    }.items():
        put(Path("wild"), name, content=content)
    report = run(call, "wild")
    assert [image["name"] for image in report["images"]] == ["a.png", "sub/b.png"]
    assert sum(item["count"] for item in report["left_alone"]) + len(report["skipped"]) == len(STRAY)
    assert len({item["reason"] for item in report["left_alone"]}) >= 10
