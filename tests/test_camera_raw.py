"""Camera raw: the largest embedded JPEG is read and said so; a thumbnail is never explained."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import raw_files
from pictures import blocks, decoded, encode, reason_of, remarks_of
from reportgen.images.decode import UnreadableImage
from reportgen.images.find import find_images

LARGE = blocks(1024, 680)
JPEG = encode(LARGE, "JPEG", quality=95)
SMALL_JPEG = encode(blocks(160, 120), "JPEG")
SAID = "It is a camera raw, and the preview embedded in it was read (1024 x 680 pixels)."
THUMBNAIL, SENSOR = raw_files.thumbnail, raw_files.sensor(1200, 800)


def nef(order: str = ">", **tags: list[int]) -> bytes:
    """As Nikon writes it: a thumbnail first, the preview and the sensor's data below it."""
    first = THUMBNAIL(**tags)
    first.below = [raw_files.preview(JPEG), SENSOR]
    return raw_files.raw([first], order)


def dng(preview: raw_files.Image | None, photometric: int = raw_files.SENSOR) -> bytes:
    first = THUMBNAIL(t50706=[1, 4, 0, 0])
    first.below = [raw_files.sensor(1200, 800, photometric)] + ([preview] if preview else [])
    return raw_files.raw([first])


def cr2() -> bytes:
    """As Canon writes it: the preview is the strip of the first directory, the raw that of the last, a lossless JPEG."""
    lossless = JPEG.replace(b"\xff\xc0", b"\xff\xc3", 1)
    images = [
        raw_files.jpeg_strip(JPEG, 1024, 680, compression=6),
        raw_files.preview(SMALL_JPEG),
        raw_files.Image({259: [6]}, lossless + bytes(2 * len(JPEG))),
    ]
    return raw_files.raw(images, after=b"CR\x02\0" + bytes(4))


def arw() -> bytes:
    first = raw_files.preview(JPEG, t256=[1024], t257=[680], t262=[6])
    first.below = [raw_files.Image({**SENSOR.tags, 259: [32767]}, SENSOR.data)]
    return raw_files.raw([first, raw_files.preview(SMALL_JPEG)])


def raf() -> bytes:
    return (
        b"FUJIFILMCCD-RAW 0201FF393101X-T1".ljust(84, b"\0")
        + struct.pack(">II", 160, len(JPEG))
        + bytes(68)
        + JPEG
        + bytes(5000)
    )


def rw2() -> bytes:
    first = raw_files.Image({**SENSOR.tags, 259: [34316]}, SENSOR.data)
    data = raw_files.raw([first], magic=b"IIU\0")
    return data + JPEG


def orf() -> bytes:
    return raw_files.raw([SENSOR], magic=b"IIRO") + SMALL_JPEG + bytes(100) + JPEG


def cr3() -> bytes:
    box = struct.pack(">I", 24) + b"ftypcrx \0\0\0\x01crx isom"
    return box + bytes(40) + SMALL_JPEG + struct.pack(">I", len(JPEG) + 8) + b"mdat" + JPEG + bytes(3000)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.nef", nef()),
        ("little.nef", nef("<")),
        ("a.dng", dng(raw_files.jpeg_strip(JPEG, 1024, 680))),
        ("linear.dng", dng(raw_files.jpeg_strip(JPEG, 1024, 680), raw_files.LINEAR)),
        ("a.cr2", cr2()),
        ("a.arw", arw()),
        ("a.raf", raf()),
        ("a.rw2", rw2()),
        ("a.orf", orf()),
        ("a.cr3", cr3()),
    ],
)
def test_the_largest_preview_is_read_and_said_so(name: str, data: bytes, tmp_path: Path) -> None:
    found = decoded(data, tmp_path, name)
    assert np.abs(found.pixels.astype(int) - np.asarray(LARGE)).mean() < 12
    assert [(remark.code, remark.text) for remark in found.remarks] == [("camera-raw-preview", SAID)]
    assert [file.name for file in find_images(tmp_path).files] == [name]
    assert remarks_of(data, tmp_path, "renamed.bin") == {"camera-raw-preview": SAID}


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_preview_is_turned_as_the_raw_says(orientation: int, tmp_path: Path) -> None:
    pixels = decoded(nef(t274=[orientation]), tmp_path, "a.nef").pixels
    turns = {1: 0, 3: 2, 6: -1, 8: 1}[orientation]
    assert np.abs(pixels.astype(int) - np.rot90(np.asarray(LARGE), turns)).mean() < 12


def test_where_the_raw_does_not_say_the_preview_does(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(LARGE, "JPEG", quality=95, exif=exif)
    first = THUMBNAIL()
    first.below = [raw_files.preview(turned), SENSOR]
    assert decoded(raw_files.raw([first]), tmp_path, "a.nef").pixels.shape == (1024, 680, 3)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.dng", dng(None), "camera raw without a preview: export it as JPEG or TIFF"),
        ("a.dng", dng(None, raw_files.LINEAR), "camera raw without a preview"),
        (
            "a.dng",
            dng(raw_files.preview(SMALL_JPEG)),
            "camera raw without a preview but a thumbnail of 160 x 120 pixels",
        ),
        ("a.orf", raw_files.raw([SENSOR], magic=b"IIRO") + SMALL_JPEG, "a thumbnail of 160 x 120 pixels"),
        ("a.cr3", cr3()[: cr3().index(b"mdat")], "a thumbnail of 160 x 120 pixels"),
        ("a.nef", raw_files.raw([THUMBNAIL()]), "camera raw without a preview"),
        ("a.cr2", cr2()[:200], "camera raw with a damaged preview"),
    ],
)
def test_a_thumbnail_is_never_explained(name: str, data: bytes, words: str, tmp_path: Path) -> None:
    assert words in reason_of(data, tmp_path, name=name)


def test_a_small_preview_counts_where_the_raw_is_no_larger_than_twice_its_size(tmp_path: Path) -> None:
    first = THUMBNAIL()
    first.below = [raw_files.preview(encode(blocks(400, 304), "JPEG")), raw_files.sensor(800, 600)]
    assert decoded(raw_files.raw([first]), tmp_path).pixels.shape == (304, 400, 3)


def test_a_damaged_preview_gives_way_to_a_whole_one(tmp_path: Path) -> None:
    first = THUMBNAIL()
    smaller = encode(blocks(800, 600), "JPEG")
    first.below = [raw_files.preview(JPEG[: len(JPEG) // 2]), raw_files.preview(smaller), SENSOR]
    assert "(800 x 600 pixels)" in remarks_of(raw_files.raw([first]), tmp_path)["camera-raw-preview"]
    first.below = [raw_files.preview(JPEG[: len(JPEG) // 2]), SENSOR]
    assert reason_of(raw_files.raw([first]), tmp_path).startswith("camera raw with a damaged preview")


def test_a_dng_that_is_a_picture_and_a_tiff_of_the_same_build_are_read_as_pictures(tmp_path: Path) -> None:
    main = THUMBNAIL(320, 240, t254=[0], t50706=[1, 4, 0, 0])
    found = decoded(raw_files.raw([main]), tmp_path, "a.tif")
    assert found.pixels.shape == (240, 320, 3) and "camera-raw-preview" not in {r.code for r in found.remarks}
    copies = raw_files.raw([THUMBNAIL(), THUMBNAIL(640, 480, t254=[0])])
    assert decoded(copies, tmp_path, "copies.tif").pixels.shape == (480, 640, 3), "not the smaller copy"


def test_directories_that_name_one_another_come_to_an_end(tmp_path: Path) -> None:
    data = bytearray(nef("<"))
    first = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, first + 2 + 12 * count, first)  # the next is itself
    assert remarks_of(bytes(data), tmp_path) == {"camera-raw-preview": SAID}


@pytest.mark.parametrize("make", [nef, cr2, arw, raf, orf, cr3])
def test_no_flipped_byte_gets_past_unreadable_image(make: object, tmp_path: Path) -> None:
    assert callable(make)
    whole, random = make(), np.random.default_rng(7)
    starts = [at for at in range(len(whole) - 2) if whole[at : at + 2] in (b"\xff\xd8", b"II", b"MM")][:6] or [0]
    for _ in range(50):
        data = bytearray(whole)
        for position in random.choice(starts, 3) + random.integers(4, 400, 3):
            data[min(position, len(data) - 1)] = random.integers(256)
        try:
            assert decoded(bytes(data), tmp_path, "a.nef").pixels.ndim == 3
        except UnreadableImage as error:
            assert "\n" not in error.reason and "0x" not in error.reason
