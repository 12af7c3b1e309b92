"""Untrusted files: one reason for one file, in one line, and the run goes on; no table or setting ends in a traceback."""

from __future__ import annotations

import io
import json
import os
import random
import resource
import socket
import stat
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from folders import holding, looked_through
from made_runs import analyse_toy
from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.registry import load_analyses
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject
from reportgen.images.decode import UnreadableImage, read_image
from reportgen.images.files import InputFile
from reportgen.images.find import find_images
from reportgen.images.frame import model_frame
from reportgen.images.ground_truth.read import read_truth
from reportgen.images.ground_truth.shapes import MAX_CORNERS, MAX_SHAPES
from reportgen.images.labels.read import read_labels
from reportgen.images.remarks import Remarks
from reportgen.models.classifiers import ClassList, Preprocessing, resolve
from reportgen.models.classifiers.class_files import read_class_names
from reportgen.models.classifiers.weights import read_state_dict
from reportgen.report.blocks import Section
from reportgen.report.open import read_report
from reportgen.settings.group import NoSettings
from reportgen.settings.load import load
from reportgen.settings.model import Settings
from reportgen.storage.codec import Array
from reportgen.storage.store import Store
from reportgen.utils.errors import UsageError
from toys import toy_network

SMALL = 1_000_000
FRAME = Preprocessing(48, 54, (0.5,) * 3, (0.25,) * 3, "bilinear", "crop")
BOUNDED = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*extra: bytes, pixels: bytes | None = None) -> bytes:
    """A PNG of 4 x 4 pixels with chunks of the test's own before its pixels."""
    rows = zlib.compress((b"\0" + bytes(12)) * 4) if pixels is None else pixels
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def tiff(data: bytes, **tags: int) -> bytes:
    """A grey TIFF of 16 x 16 pixels, deflated; `tags` are written t322=1024, -1 stands for where `data` lies."""
    known = {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 277: 1, **{int(tag[1:]): value for tag, value in tags.items()}}
    at = 8 + 2 + 12 * len(known) + 4
    entries = b"".join(struct.pack("<HHII", t, 4, 1, at if v == -1 else v) for t, v in sorted(known.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(known)) + entries + bytes(4) + data


def tiled(side: int) -> bytes:
    """A TIFF of 16 x 16 pixels in one tile of `side` x `side`."""
    data = zlib.compress(bytes(side * side), 9)
    return tiff(data, t322=side, t323=side, t324=-1, t325=len(data))


def gif_frame(screen: int, frame: int) -> bytes:
    head = b"GIF89a" + struct.pack("<HH", screen, screen) + b"\x80\0\0" + bytes(6)
    return head + b"," + struct.pack("<HHHH", 0, 0, frame, frame) + b"\0\x02\x02\x4c\x01\0;"


BOMB = zlib.compress(bytes(100_000_000), 9)  # 97 KB


def looped_tiff() -> bytes:
    """Its only directory names itself as the next."""
    strip = zlib.compress(bytes(256))
    data = bytearray(tiff(strip, t273=-1, t278=16, t279=len(strip)))
    count = struct.unpack_from("<H", data, 8)[0]
    struct.pack_into("<I", data, 10 + 12 * count, 8)
    return bytes(data)


# --- images --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (lambda: tiled(30_000), "a tile of 30000 x 30000 pixels is more than max_pixels"),
        (lambda: tiff(b"", t322=2**31, t323=2**31, t324=-1, t325=0), "a tile of 2147483648 x 2147483648 pixels"),
        (lambda: gif_frame(1, 65_535), "65535 x 65535 pixels are more than max_pixels"),
        (lambda: png(chunk(b"zTXt", b"a\0\0" + BOMB)), "damaged or truncated PNG"),
        (lambda: png(chunk(b"iTXt", b"a\0\1\0\0\0" + BOMB)), "damaged or truncated PNG"),
        (lambda: b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff" * 6, "damaged or truncated WebP"),
        (lambda: tiff(b"", t258=2**32 - 1, t273=2**32 - 1), "damaged or truncated TIFF"),
    ],
    ids=["tile", "tile of exapixels", "frame beyond the screen", "zTXt", "iTXt", "WebP canvas", "TIFF offsets"],
)
def test_a_bomb_of_any_build_is_refused_before_it_goes_off(
    data: Callable[[], bytes], said: str, tmp_path: Path
) -> None:
    (tmp_path / "x.jpg").write_bytes(data())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnreadableImage, match=f"^{said}"):
        read_image(InputFile("x.jpg", tmp_path / "x.jpg"), SMALL)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (lambda: tiled(64), (16, 16)),
        (lambda: png(pixels=zlib.compress((b"\0" + bytes(12)) * 4 + bytes(50_000_000))), (4, 4)),
        (lambda: png(chunk(b"iCCP", b"a\0\0" + zlib.compress(b"nonsense"))), (4, 4)),
        (lambda: png(chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))), (4, 4)),
        (lambda: png(chunk(b"eXIf", b"MM\0*\0\0\0\x08" + struct.pack(">H", 65_535) + bytes(200_000))), (4, 4)),
        (lambda: gif_frame(4, 4)[:-1] + gif_frame(4, 4)[19:-1] * 50_000 + b";", (4, 4)),
        (looped_tiff, (16, 16)),
        (lambda: encode(Image.new("L", (1, 20_000), 9)), (20_000, 1)),
        (lambda: encode(Image.new("RGB", (20_000, 1)), "JPEG"), (1, 20_000)),
    ],
    ids=["small tile", "IDAT runs on", "ICC", "APNG", "EXIF", "50 000 frames", "IFD loop", "1 x 20000", "20000 x 1"],
)
def test_what_can_be_read_all_the_same_is_read(
    data: Callable[[], bytes], shape: tuple[int, int], tmp_path: Path
) -> None:
    (tmp_path / "x.jpg").write_bytes(data())
    pixels = read_image(InputFile("x.jpg", tmp_path / "x.jpg"), SMALL).pixels
    assert pixels.shape == (*shape, 3)
    assert model_frame(pixels, FRAME).shape == (48, 48, 3)


def test_the_pixel_limit_is_a_setting() -> None:
    assert load({"max_pixels": 5}, None, Path("/"), {}).settings.max_pixels == 5
    assert load({}, None, Path("/"), {}).settings.max_pixels == 100_000_000, "SECURITY.md says so"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads whatever the permissions say")
def test_a_file_without_permission_is_skipped_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(encode(Image.new("RGB", (9, 9))))
    (tmp_path / "secret.jpg").chmod(0)
    assert [item.reason for item in looked_through(tmp_path)[1]] == ["cannot be read: permission denied"]


@dataclass(frozen=True)
class Kite:
    iou: float
    name: str
    mask: Array


@dataclass(frozen=True)
class Mean:
    mean: float


class Brightness(Analysis[NoSettings, Mean]):
    """An analysis of one number, so that a run is only about what it is fed."""

    name = title = "brightness"
    version = "1"

    def map(self, subject: Subject[NoSettings]) -> Mean:
        return Mean(float(subject.view.frame.mean()))

    def reduce(self, run: RunView[NoSettings]) -> Contribution:
        return Contribution(Section(id="brightness", title="Brightness", blocks=[]))


SCRIPTS = (
    "кот.png",
    "猫.png",
    "ねこ.png",
    "고양이.png",
    "γάτα.png",
    "قطة.png",
    "חתול.png",
    "बिल्ली.png",
    "แมว.png",
    "կատու.png",
    "ድመት.png",
    "e\u0301.png",
    "\u202egnp.jpg",
    "a\x1b[31m.png",
    "tab\there.png",
    "'; DROP TABLE; --.png",
    "<b>&amp;.png",
    "{{ 7*7 }}.png",
    " blank .png",
    "=1+1.png",
)


def hostile_folder(folder: Path) -> dict[str, str]:
    """A folder with one good image by every name in SCRIPTS; returns what else is in it, and what is said of each."""
    folder.mkdir()
    good = encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)))
    for name in SCRIPTS:
        (folder / name).write_bytes(good)
    written = {
        "cut.jpg": (good[:200], "truncated PNG"),
        "empty.jpg": (b"", "empty file"),
        "zeros.jpg": (bytes(5000), "not a JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC, AVIF or another kind of picture"),
        "text.jpg": (b"hello", "not an image (looks like text)"),
        "tile.tif": (tiled(3000), "a tile of 3000 x 3000 pixels is more than max_pixels = 1000000"),
        "large.png": (encode(Image.new("1", (1001, 1000))), "1001 x 1000 pixels are more than max_pixels = 1000000"),
        "nan.tif": (
            encode(Image.fromarray(np.full((4, 4), np.nan, np.float32)), "TIFF"),
            "no pixel has a finite value",
        ),
        "text bomb.png": (png(chunk(b"zTXt", b"a\0\0" + BOMB)), "damaged or truncated PNG"),
    }
    for name, (data, _) in written.items():
        (folder / name).write_bytes(data)
    said = {name: reason for name, (_, reason) in written.items()}
    os.mkfifo(folder / "pipe.jpg")
    (folder / "zero.jpg").symlink_to("/dev/zero")
    (folder / "terminal.jpg").symlink_to("/dev/tty")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "round.jpg").symlink_to(folder)
    (folder / "folder.jpg").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.relpath(folder / "socket.jpg"))
    listener.close()
    said |= dict.fromkeys(("pipe.jpg", "zero.jpg", "terminal.jpg", "socket.jpg"), "not a regular file")
    said["loop.jpg"] = "a link that leads nowhere"
    try:
        os.mknod(folder / "device.jpg", stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero
        said["device.jpg"] = "not a regular file"
    except PermissionError:
        pass  # only root makes devices
    return said


def test_a_run_over_a_hostile_folder_gives_each_file_its_reason_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = hostile_folder(tmp_path / "photos")
    report, _ = analyse_toy(tmp_path / "photos", tmp_path / "out", tmp_path / "cache", [Brightness()], max_pixels=SMALL)
    assert {item.name: item.reason for item in report.skipped} == said
    assert sorted(image.name for image in report.images) == sorted(SCRIPTS)
    assert len({image.slug.lower() for image in report.images}) == len(SCRIPTS)
    report.model_dump_json().encode("utf-8")


SEEDS = {
    "JPEG": encode(Image.effect_noise((24, 16), 40).convert("RGB"), "JPEG"),
    "PNG": encode(Image.effect_noise((24, 16), 40)),
    "TIFF": encode(Image.effect_noise((24, 16), 40), "TIFF", compression="tiff_lzw"),
    "WEBP": encode(Image.effect_noise((24, 16), 40).convert("RGB"), "WEBP"),
    "GIF": encode(Image.effect_noise((24, 16), 40), "GIF"),
    "BMP": encode(Image.effect_noise((24, 16), 40), "BMP"),
}


@st.composite
def damaged(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A good file with some bytes replaced, removed, doubled, or numbers in it at their limits."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        replacement = draw(
            st.binary(max_size=4) | st.sampled_from((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\0\0\0\x80"))
        )
        data[at : at + draw(st.integers(0, 4))] = replacement
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


@settings(BOUNDED, max_examples=400)
@given(
    name=st.text(st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=30),
    data=damaged(tuple(SEEDS.values())) | st.binary(max_size=200),
)
def test_any_file_is_an_image_or_has_one_reason(
    name: str, data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    path = folder / f"x{name}.jpg"
    path.write_bytes(data)
    found, skipped = looked_through(folder)
    assert len(found) + len(skipped) == 1
    for file in found:
        try:
            decoded = read_image(file, 10_000)
        except UnreadableImage as error:
            assert "\n" not in error.reason and "0x" not in error.reason and str(folder) not in error.reason
        else:
            assert decoded.pixels.dtype == np.uint8 and decoded.pixels.ndim == 3
            assert decoded.pixels.shape[0] * decoded.pixels.shape[1] <= 10_000
    path.unlink()


# --- tables and annotations ----------------------------------------------------------------------

TEXT = st.text(max_size=20) | st.sampled_from(
    ("a.jpg", "name", "class", "1", "-1", "nan", "1e400", "9" * 5000, '"', "\0", "kite")
)
NUMBERS = st.integers(-10, 200) | st.floats() | st.sampled_from((10**400, -(10**30), 1e308, True))
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
CSV = st.lists(st.lists(TEXT, max_size=6), max_size=6).map(lambda rows: "\n".join(",".join(row) for row in rows))


def one_line(read: Callable[[], Any]) -> Any:
    """What `read` returns, or None where it says in one line what is wrong."""
    try:
        return read()
    except UsageError as error:
        assert str(error)
        assert "\n" not in str(error)
    return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("photos")
    Image.new("RGB", (120, 80)).save(made / "a.jpg")
    return made


def truth_of(folder: Path, file: str, content: bytes) -> None:
    """Read the ground truth of a.jpg, and lay it into the frame: a truth, or a word on why there is none."""
    path = folder / file
    path.write_bytes(content)
    remarks = Remarks()
    try:
        found = read_truth(holding(folder, ["a.jpg"]), remarks)
        assert file in remarks.seen or not file.endswith(".json")
        assert all("\n" not in warning.text for warning in remarks.warnings)
        for annotation in found.values():
            fitted = annotation.in_frame(120, 80, FRAME)
            assert fitted.notes if fitted.truth is None else fitted.truth.mask.shape == (48, 48)
    finally:
        path.unlink()


@settings(BOUNDED, max_examples=150)
@given(CSV | CSV.map(lambda rows: f"name,class\n{rows}"), st.sampled_from(("utf-8", "utf-16", "latin-1")))
def test_any_labels_table_is_read_or_refused_in_one_line(folder: Path, text: str, encoding: str) -> None:
    (folder / "labels.csv").write_bytes(text.encode(encoding, "replace"))
    given = holding(folder, ["a.jpg"])
    assert set(read_labels(given, ClassList(("kite", "1")), Remarks()).labels) <= {"a.jpg"}
    one_line(lambda: read_labels(given, ClassList(("kite", "1")), Remarks(), strict=True))


@settings(BOUNDED, max_examples=150)
@given(
    CSV
    | st.lists(st.lists(NUMBERS.map(str), min_size=4, max_size=4)).map(
        lambda rows: "\n".join(f"a.jpg,{','.join(r)}" for r in rows)
    )
)
def test_any_table_of_boxes_is_read_or_refused_in_one_line(folder: Path, rows: str) -> None:
    truth_of(folder, "boxes.csv", f"name,x0,y0,x1,y1\n{rows}".encode("utf-8", "replace"))


@settings(BOUNDED, max_examples=250)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "image_id": JSON | st.just(7),
                "bbox": JSON | st.lists(NUMBERS, min_size=4, max_size=4),
                "segmentation": JSON | st.lists(st.lists(NUMBERS, min_size=6, max_size=8), max_size=3),
                "iscrowd": JSON,
            },
        ),
        max_size=3,
    ),
    JSON | st.just([{"id": 7, "file_name": "a.jpg", "width": 120, "height": 80}]),
    JSON,
)
def test_any_coco_file_is_read_or_refused_in_one_line(folder: Path, annotations: Any, images: Any, other: Any) -> None:
    truth_of(folder, "truth.json", json.dumps({"annotations": annotations, "images": images}).encode())
    truth_of(folder, "truth.json", json.dumps(other).encode())


VOC = (
    b"<annotation><size><width>120</width><height>80</height></size><object><bndbox>"
    b"<xmin>3</xmin><ymin>4</ymin><xmax>50</xmax><ymax>60</ymax></bndbox></object></annotation>"
)


@settings(BOUNDED, max_examples=150)
@given(damaged((VOC,)) | st.binary(max_size=60).map(lambda inside: VOC[:40] + inside + VOC[40:]))
def test_any_voc_file_is_read_or_refused_in_one_line(folder: Path, content: bytes) -> None:
    truth_of(folder, "a.xml", content)


LAUGHS = (
    '<!DOCTYPE a [<!ENTITY l0 "ha">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12)) + "]>"
)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("a.xml", f"{LAUGHS}<annotation>&l11;</annotation>", "XML that declares a document type or entities"),
        ("a.xml", '<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', "XML that declares a document type"),
        ("a.xml", '<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1/">]><annotation>&x;</annotation>', "declares a"),
        ("a.xml", '<!DOCTYPE a [<!ENTITY % x SYSTEM "file:///etc/hostname"> %x;]><annotation/>', "declares a"),
        ("t.json", '{"images": [], "annotations": [' + "9" * 5000 + "]}", "JSON with a number that is too long to read"),
        ("t.json", '{"images": "annotations"' + "[" * 100_000, "not valid JSON"),
        ("t.json", '{"images": 1, "annotations": ' + "[" * 100_000, "JSON that is nested too deep to read"),
    ],
)  # fmt: skip
def test_annotations_that_would_unfold_or_overflow_are_left_alone(
    file: str, content: str, said: str, folder: Path
) -> None:
    remarks = Remarks()
    (folder / file).write_text(content)
    try:
        assert read_truth(holding(folder, ["a.jpg"]), remarks) == {}
    finally:
        (folder / file).unlink()
    [left] = [left for left in remarks.left_alone if file in left.names]
    assert said in left.reason and len(left.reason) < 300


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ({"bbox": [1, 2, 3, 10**400]}, "a coordinate that is not a number"),
        ({"bbox": [1, 2, 3, 1e300]}, "a coordinate beyond any image"),
        ({"bbox": [1, 2, 3, [[5]] * 9999]}, "a coordinate that is not a number"),
        ({"bbox": [1, 2, 3, "x" * 9999]}, "a coordinate that is not a number"),
        ({"segmentation": [[1, 2] * (MAX_CORNERS + 1)]}, "a polygon of more than 10000 corners"),
        ({"segmentation": {"size": [10**5, 10**5], "counts": [10**10]}}, "runs of more than 100000000 pixels"),
        ({"segmentation": {"size": [4, 4], "counts": "P" * 10**6}}, "runs of pixels that cannot be unpacked"),
        ({"segmentation": [[1, 1, 9, 1, 9, x] for x in range(2, MAX_SHAPES + 4)]}, "more than 10000 in one image"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_objects_that_would_take_all_memory_or_time_are_left_out(
    annotation: dict[str, Any], said: str, folder: Path
) -> None:
    images = [{"id": 7, "file_name": "a.jpg"}, {"id": [1], "file_name": "b.jpg"}]
    remarks = Remarks()
    (folder / "t.json").write_text(
        json.dumps({"images": images, "annotations": [{"image_id": 7, **annotation}, {"image_id": [[1]]}]})
    )
    try:
        read_truth(holding(folder, ["a.jpg"]), remarks)
    finally:
        (folder / "t.json").unlink()
    texts = [warning.text for warning in remarks.warnings]
    assert any(f"({said})" in text for text in texts)
    assert any("(an image without id and file_name): t.json images[1]" in text for text in texts)
    assert any("(an annotation without image_id): t.json annotations[1]" in text for text in texts)
    assert all(len(text) < 300 for text in texts)


def test_a_pipe_or_folder_beside_the_images_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("labels.csv", "boxes.csv", "t.json", "a.xml", "a.mask.png"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "u.json").mkdir()
    assert read_labels(holding(tmp_path, ["a.jpg"]), ClassList(("kite",)), Remarks()).labels == {}
    assert read_truth(holding(tmp_path, ["a.jpg"]), Remarks()) == {}


def test_labels_of_a_terabyte_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").touch()
    os.truncate(tmp_path / "labels.csv", 2**40)  # sparse: it takes no room
    remarks = Remarks()
    assert read_labels(holding(tmp_path, ["a.jpg"]), ClassList(("kite",)), remarks).labels == {}
    assert remarks.left_alone[0].reason == f"{2**40} bytes; at most {2**26} are read"


@pytest.mark.parametrize("file", ["boxes.csv", "t.json", "a.xml"])
def test_a_table_of_a_terabyte_is_not_read(file: str, tmp_path: Path) -> None:
    (tmp_path / file).touch()
    os.truncate(tmp_path / file, 2**40)  # sparse: it takes no room
    remarks = Remarks()
    assert read_truth(holding(tmp_path, ["a.jpg"]), remarks) == {}
    assert [(left.reason, left.names) for left in remarks.left_alone] == [
        (f"{2**40} bytes; at most {2**26 if file == 'boxes.csv' else 2**29} are read", [file])
    ]


# --- settings, reports, the store ----------------------------------------------------------------

KEYS = st.sampled_from(
    ("seed", "models", "title", "lime", "weights", "dissection", "preset", "formats", "max_pixels", "cams", "x")
)


@settings(BOUNDED, max_examples=200)
@given(st.dictionaries(KEYS, JSON, max_size=4))
def test_any_values_are_settings_or_refused_in_one_line(values: dict[str, Any]) -> None:
    loaded = one_line(lambda: load(values, None, Path("/"), {}))
    if loaded is not None:
        json.dumps(loaded.settings.public())


@settings(BOUNDED, max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from(
            (
                "SEED",
                "LIME",
                "LIME__HIDE_COLOR",
                "WEIGHTS",
                "WEIGHTS__A",
                "MODELS",
                "LIME__",
                "__",
                "SEED__X",
                "CAMS__METHODS",
                "DISSECTION__LAYERS__A",
            )
        ),
        TEXT,
        max_size=3,
    )
)
def test_any_environment_is_settings_or_refused_in_one_line(values: dict[str, str]) -> None:
    one_line(lambda: load(None, None, Path("/"), {f"REPORTGEN_{key}": value for key, value in values.items()}))


TOML = b'seed = 3\nmodels = ["efficientnet_lite0"]\n[lime]\nnum_samples = 10\n[weights]\n"a" = "b"\n'


@settings(BOUNDED, max_examples=150)
@given(damaged((TOML,)))
def test_any_settings_file_is_read_or_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.toml").write_bytes(content)
    one_line(lambda: load(None, tmp_path / "x.toml", tmp_path / "none", {}))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("title = " + "[" * 20_000 + "]" * 20_000, r"not valid TOML \(nested too deep\)"),
        ("seed = " + "9" * 5000, "not valid TOML"),
        ("seed = 1979-05-27", "input should be a valid integer"),
        ("[" + ".".join(["a"] * 5000) + "]", "unknown setting a"),
    ],
)
def test_settings_that_break_a_parser_are_refused(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(content)
    with pytest.raises(UsageError, match=said):
        load(None, tmp_path / "x.toml", tmp_path / "none", {})


@pytest.mark.parametrize("path", ["a\0b", "a" * 5000, "~nobody-has-this-home/x", "/dev/zero", "pipe"])
@pytest.mark.parametrize("setting", ["weights", "classes", "checkpoint", "concepts", "probe", "class file"])
def test_a_path_that_leads_to_no_file_is_one_line(
    setting: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("x.pth").touch()
    own = {"models": ("checkpoint:x.pth",), "architectures": {"checkpoint:x.pth": "timm:resnet18"}}
    ask: dict[str, Callable[[], Any]] = {
        "weights": lambda: resolve("efficientnet_lite0", Settings(weights={"efficientnet_lite0": path})),
        "classes": lambda: resolve("checkpoint:x.pth", Settings(**own, classes={"checkpoint:x.pth": path})),
        "checkpoint": lambda: resolve(f"checkpoint:{path}", Settings(models=(f"checkpoint:{path}",))),
        "concepts": lambda: concepts(path),
        "probe": lambda: find_images(Path(path)),
        "class file": lambda: read_class_names(Path(path)),
    }
    with pytest.raises(UsageError) as error:
        ask[setting]()
    assert "\n" not in str(error.value)


def concepts(path: str) -> object:
    from reportgen.analyses.dissection.concepts import concept_set

    return concept_set(path, ("kite",))


@settings(BOUNDED, max_examples=100)
@given(
    JSON.map(lambda value: json.dumps(value).encode())
    | damaged((b'{"schema_version": 1, "title": "x", "images": []}',))
)
def test_any_report_is_read_or_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "report.json").write_bytes(content)
    one_line(lambda: read_report(tmp_path))


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.mkdir()])
def test_a_report_that_is_no_file_is_not_waited_for(make: Callable[[Path], object], tmp_path: Path) -> None:
    make(tmp_path / "report.json")
    with pytest.raises(UsageError, match=r"report\.json: no such report"):
        read_report(tmp_path)


@settings(BOUNDED, max_examples=200)
@given(st.data())
def test_any_store_entry_is_read_whole_or_made_again(tmp_path: Path, data: st.DataObject) -> None:
    store, key = Store(tmp_path), "ab" + "0" * 62
    store.put(key, Kite(0.25, "kite", np.eye(4, dtype=bool)))
    path = data.draw(st.sampled_from(sorted(path for path in tmp_path.rglob(f"{key}*") if path.is_file())))
    path.write_bytes(data.draw(damaged((path.read_bytes(),)) | st.binary(max_size=100)))
    found = store.get(key, Kite)
    assert found is None or ((found.iou, found.name) == (0.25, "kite") and (found.mask == np.eye(4)).all())


# --- checkpoints ---------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_any_damaged_checkpoint_is_read_or_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / ("x.safetensors" if kind == "safetensors" else "x.pth")
    state = {"module.a.weight": torch.ones(3, 4), "b": torch.zeros(2, dtype=torch.float16), "n": torch.tensor(3)}
    if kind == "safetensors":
        from safetensors.torch import save_file

        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "zip")
    good, draw, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(400):
        content = bytearray(good)
        for _ in range(draw.randint(1, 5)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        path.write_bytes(content[: draw.randrange(len(content))] if draw.random() < 0.2 else content)
        refused += one_line(lambda: read_state_dict(path)) is None
    assert refused > 200


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_give_no_numbers_are_said_so(
    value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = toy_network(linear=True)
    for weights in broken.head.parameters():
        weights.data.fill_(value)
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (40, 40), (9, 99, 200)).save(tmp_path / "photos/a.png")
    with pytest.raises(UsageError, match=r"^toy: its answer to 'a\.png' is no number; are its weights whole"):
        analyse_toy(
            tmp_path / "photos", tmp_path / "out", tmp_path / "cache", load_analyses(["cams"]), network=lambda: broken
        )
