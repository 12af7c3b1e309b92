"""TIFF of any build is what tifffile reads, brought to 8 bits by the documented rule, or is refused with a reason."""

from __future__ import annotations

import importlib
import io
import lzma
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from pictures import MAX_PIXELS, blocks, decoded, encode, pixels_of, reason_of, remarks_of
from reportgen.images.decode import UnreadableImage, read_image
from reportgen.images.files import InputFile

REFERENCE = np.asarray(blocks(64, 48))
SIXTEEN = REFERENCE.astype(np.uint16) * 257
ASSOCIATED, UNASSOCIATED = 1, 2


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **{"photometric": "rgb", **options})
    return buffer.getvalue()


def planes(pixels: np.ndarray) -> np.ndarray:
    return np.moveaxis(pixels, -1, 0)


# --- against tifffile ----------------------------------------------------------------------------

COMPRESSIONS = [None, "zlib", "packbits", "lzma"]
try:
    import imagecodecs  # noqa: F401

    COMPRESSIONS += ["lzw", "zstd", "jpeg"]
except ImportError:
    pass
TYPES = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "float16", "float32", "float64"]
ROWS, COLUMNS = 21, 35


@st.composite
def tiffs(draw: st.DrawFn) -> bytes:
    """A TIFF of any sample format, bands, planes, byte order, compression, predictor, tiles or strips."""
    kind, bands = draw(st.sampled_from(TYPES)), draw(st.integers(1, 7))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (ROWS, COLUMNS, bands)
    if kind.startswith("float"):
        pixels = (random.random(shape) * draw(st.sampled_from([1, 1, 40])) - draw(st.sampled_from([0, 0, 3]))).astype(
            kind
        )
    else:
        info = np.iinfo(kind)
        top = draw(st.sampled_from([255, 4095, info.max]))
        pixels = random.integers(max(info.min, -top), min(top, info.max), shape, dtype=kind, endpoint=True)
    compression = draw(st.sampled_from(COMPRESSIONS))
    predictor = draw(st.booleans()) and compression not in (None, "packbits", "jpeg")
    photometric = draw(
        st.sampled_from(["minisblack", "miniswhite", "rgb"] if bands >= 3 else ["minisblack", "miniswhite"])
    )
    colours = 3 if photometric == "rgb" else 1
    extra = [draw(st.sampled_from([0, UNASSOCIATED])), *[0] * (bands - colours - 1)] if bands > colours else []
    separate = bands > 1 and draw(st.booleans())
    tile = draw(st.sampled_from([None, (16, 16), (32, 16)]))
    try:
        return tiff(
            planes(pixels) if separate else pixels if bands > 1 else pixels[..., 0],
            photometric=photometric,
            planarconfig=None if bands == 1 else "separate" if separate else "contig",
            extrasamples=extra or None,
            compression=compression,
            predictor=predictor,
            tile=tile,
            rowsperstrip=None if tile else draw(st.integers(1, ROWS)),
            byteorder=draw(st.sampled_from("<>")),
            bigtiff=draw(st.booleans()),
        )
    except (ValueError, KeyError, NotImplementedError, RuntimeError):
        assume(False)
        raise


def by_the_rule(data: bytes) -> np.ndarray | None:
    """(H, W, 3) float: what docs/pictures.md says of the samples that tifffile reads; None where it says that it is refused."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        values = page.asarray(squeeze=False)
        samples = np.moveaxis(values[:, 0, :, :, 0], 0, -1) if values.shape[0] > 1 else values[0, 0]
        photometric, extra = page.photometric.name, tuple(page.extrasamples)
        bits = page.bitspersample
    count = samples.shape[2]
    alpha = count - len(extra) + extra.index(UNASSOCIATED) if UNASSOCIATED in extra else None
    before_alpha = count if alpha is None else alpha
    if photometric in ("MINISBLACK", "MINISWHITE") and before_alpha > 3:
        return None
    colours = 3 if photometric in ("RGB", "YCBCR") or before_alpha == 3 else 1
    eight = eight_bits(samples[..., :colours], bits)
    eight = 255 - eight if photometric == "MINISWHITE" else eight
    if alpha is not None:
        part = opacity(samples[..., alpha], bits)[..., None]
        eight = eight * part + 255 * (1 - part)
    return np.broadcast_to(eight, (*eight.shape[:2], 3))


def eight_bits(samples: np.ndarray, bits: int) -> np.ndarray:
    if samples.dtype == np.uint8:
        return samples.astype(float)
    if samples.dtype == np.uint16:
        return (samples >> (bits - 8)).astype(float)
    low, high = float(samples.min()), float(samples.max())
    whole = 1.0 if samples.dtype.kind == "f" else 255.0
    if low >= 0 and high <= whole:
        low, high = 0.0, whole
    return np.rint((samples.astype(float) - low) / (high - low) * 255)


def opacity(samples: np.ndarray, bits: int) -> np.ndarray:
    if samples.dtype.kind == "f":
        return np.rint(samples.astype(float).clip(0, 1) * 255) / 255
    if samples.dtype.kind == "i":
        return np.rint(samples.astype(float).clip(0) / np.iinfo(samples.dtype).max * 255) / 255
    return (samples >> (bits - 8)).astype(float) / 255


def hold_to_tifffile(data: bytes, folder: Path) -> None:
    expected = by_the_rule(data)
    path = folder / "a.tif"
    path.write_bytes(data)
    try:
        found = read_image(InputFile("a.tif", path), MAX_PIXELS)
    except UnreadableImage as error:
        assert "\n" not in error.reason and "damaged" not in error.reason
        assert expected is None, error.reason
        return
    assert expected is not None, "refused, or said wrongly"
    assert found.pixels.shape == expected.shape
    assert np.abs(found.pixels - expected).max() <= 1.5  # two roundings


MANY = settings(deadline=None, suppress_health_check=list(HealthCheck))


@settings(MANY, max_examples=250)
@given(data=tiffs())
def test_any_tiff_is_what_tifffile_reads_or_refused(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    hold_to_tifffile(data, tmp_path_factory.getbasetemp())


@pytest.mark.slow
@settings(MANY, max_examples=5000)
@given(data=tiffs())
def test_any_of_many_tiffs_is_what_tifffile_reads_or_refused(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    hold_to_tifffile(data, tmp_path_factory.getbasetemp())


# --- one kind each -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        tiff(planes(SIXTEEN), planarconfig="separate"),
        tiff(planes(SIXTEEN), planarconfig="separate", compression="zlib", byteorder=">"),
        tiff(planes(SIXTEEN), planarconfig="separate", tile=(16, 16), compression="zlib", predictor=True),
        tiff(planes(REFERENCE), planarconfig="separate", compression="zlib"),
        tiff(SIXTEEN, bigtiff=True),
        tiff((REFERENCE / 255).astype(np.float32), compression="zlib", predictor=True),
        tiff((REFERENCE / 255).astype(np.float16)),
        tiff((REFERENCE / 255).astype(np.float64), byteorder=">"),
        tiff(REFERENCE.astype(np.int32)),
        tiff(REFERENCE.astype(np.uint32)),
        tiff(np.dstack([SIXTEEN, np.full((48, 64), 65535, np.uint16)]), extrasamples=[UNASSOCIATED]),
    ],
)
def test_colours_of_every_build_are_the_same_picture(data: bytes, tmp_path: Path) -> None:
    found = decoded(data, tmp_path)
    assert np.abs(found.pixels.astype(int) - REFERENCE).max() <= 1
    assert found.remarks == ()


def test_five_bands_of_a_photograph_are_its_first_three_and_said_so(tmp_path: Path) -> None:
    data = tiff(np.dstack([REFERENCE, REFERENCE[..., :2] // 2]), extrasamples=[0, 0])
    assert (pixels_of(data, tmp_path) == REFERENCE).all()
    assert remarks_of(data, tmp_path) == {
        "tiff-bands-left-out": "Of its 5 bands the first three were read as red, green and blue, and 2 left out."
    }


def test_bands_that_do_not_say_their_colours(tmp_path: Path) -> None:
    many = tiff(np.dstack([SIXTEEN, SIXTEEN]), photometric="minisblack", planarconfig="contig")
    assert reason_of(many, tmp_path) == (
        "a TIFF of 6 bands that does not say which are red, green and blue: export it as RGB"
    )
    three = tiff(SIXTEEN, photometric="minisblack", planarconfig="contig")
    assert (pixels_of(three, tmp_path) == REFERENCE).all()
    assert set(remarks_of(three, tmp_path)) == {"tiff-bands"}


@pytest.mark.parametrize(("kind", "whole"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_grey_with_alpha_lies_over_white(kind: type, whole: int, tmp_path: Path) -> None:
    grey = np.array([[0, 0.5, 1], [0, 0.5, 1]]) * whole
    alpha = np.array([[1, 1, 1], [0, 0, 0]]) * whole
    data = tiff(
        np.dstack([grey, alpha]).astype(kind), photometric="minisblack", planarconfig="contig", extrasamples=[2]
    )
    pixels = pixels_of(data, tmp_path)[..., 0]
    assert np.abs(pixels.astype(int) - [[0, 127, 255], [255, 255, 255]]).max() <= 1


def test_colours_that_are_multiplied_by_alpha_are_divided_by_it(tmp_path: Path) -> None:
    colour, half = np.array([200, 100, 50]), 0.5
    multiplied = np.full((4, 4, 4), [*(colour * half * 257), half * 65535]).astype(np.uint16)
    pixel = pixels_of(tiff(multiplied, extrasamples=[ASSOCIATED]), tmp_path)[0, 0]
    assert np.abs(pixel - (colour * half + 255 * half)).max() <= 2


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_white_is_zero_turns_every_depth_around(kind: type, tmp_path: Path) -> None:
    whole = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[kind]
    grey = (np.array([[0, 0.25, 1]]) * whole).astype(kind)
    pixels = pixels_of(tiff(grey, photometric="miniswhite"), tmp_path)[0, :, 0]
    assert np.abs(pixels.astype(int) - [255, 191, 0]).max() <= 1


def test_a_palette_of_sixteen_bit_colours(tmp_path: Path) -> None:
    colours = np.zeros((3, 256), np.uint16)
    colours[:, 7] = 0xFFFF, 0x8000, 0x0100
    for byte_order in "<>":
        data = tiff(np.full((4, 4), 7, np.uint8), photometric="palette", colormap=colours, byteorder=byte_order)
        assert pixels_of(data, tmp_path)[0, 0].tolist() == [255, 128, 1]


def test_cmyk_of_sixteen_bits_and_in_planes(tmp_path: Path) -> None:
    ink = np.full((4, 4, 4), [0, 65535, 65535, 0], np.uint16)
    assert pixels_of(tiff(ink, photometric="separated"), tmp_path)[0, 0].tolist() == [255, 0, 0]
    separate = tiff(planes(ink), photometric="separated", planarconfig="separate")
    assert pixels_of(separate, tmp_path)[0, 0].tolist() == [255, 0, 0]


def packed(bits: int, values: list[int], *more: tuple[int, int]) -> bytes:
    """One row of grey whose samples fill `bits` bits each."""
    stream = "".join(f"{value:0{bits}b}" for value in values)
    row = int(stream.ljust(-(-len(stream) // 8) * 8, "0"), 2).to_bytes(-(-len(stream) // 8), "big")
    tags = {256: len(values), 257: 1, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: len(row), **dict(more)}
    entries = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in sorted(tags.items()))
    row += bytes(len(row) % 2)
    return b"II*\0" + struct.pack("<I", 8 + len(row)) + row + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
def test_packed_grey_of_any_depth(bits: int, tmp_path: Path) -> None:
    if bits == 12:
        pytest.importorskip("imagecodecs")
    whole = 2**bits - 1
    assert pixels_of(packed(bits, [0, whole, 0, whole]), tmp_path)[0, :, 0].tolist() == [0, 255, 0, 255]


def test_the_first_page_that_is_no_smaller_copy_is_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(SIXTEEN[::2, ::2], photometric="rgb", subfiletype=1)
        writer.write(SIXTEEN, photometric="rgb")
        writer.write(SIXTEEN // 2, photometric="rgb")
    assert (pixels_of(buffer.getvalue(), tmp_path) == REFERENCE).all()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_deep_colours_are_turned_upright(orientation: int, tmp_path: Path) -> None:
    turns = {1: 0, 3: 2, 6: -1, 8: 1}[orientation]
    data = tiff(SIXTEEN, extratags=[(274, 3, 1, orientation, True)])
    assert (pixels_of(data, tmp_path) == np.rot90(REFERENCE, turns)).all()


def test_a_volume_and_numbers_without_a_picture_are_refused(tmp_path: Path) -> None:
    volume = tiff(np.zeros((16, 32, 32), np.uint8), photometric="minisblack", volumetric=True, tile=(16, 16, 16))
    assert reason_of(volume, tmp_path).startswith("a TIFF volume of 16 slices")
    complex_numbers = tiff(np.zeros((8, 8), np.complex64), photometric="minisblack")
    assert "complex" in reason_of(complex_numbers, tmp_path)


# --- a range that is less than 16 bits -----------------------------------------------------------

TWELVE = REFERENCE[..., 0].astype(np.uint16) * 16 + 15


@pytest.mark.parametrize("tag", [281, 341])
@pytest.mark.parametrize(("largest", "bits"), [(4095, 12), (3900, 12), (1023, 10), (2047, 11), (65535, 16)])
def test_a_declared_range_is_used(tag: int, largest: int, bits: int, tmp_path: Path) -> None:
    values = (REFERENCE[..., 0].astype(np.uint16) << (bits - 8)).clip(0, largest)
    data = tiff(values, photometric="minisblack", extratags=[(tag, 3, 1, largest, True)])
    found = decoded(data, tmp_path)
    assert np.abs(found.pixels[..., 0].astype(int) - (values >> (bits - 8))).max() == 0
    assert found.remarks == ()


def test_a_declared_range_that_does_not_hold_is_none(tmp_path: Path) -> None:
    data = tiff(SIXTEEN, extratags=[(281, 3, 1, 255, True)])
    assert (pixels_of(data, tmp_path) == REFERENCE).all()


@pytest.mark.parametrize("pixels", [TWELVE, SIXTEEN >> 4])
def test_a_range_that_is_not_declared_is_said_and_read_by_the_setting(pixels: np.ndarray, tmp_path: Path) -> None:
    data = tiff(pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack")
    expected = (pixels >> 4).reshape(48, 64, -1)
    said = remarks_of(data, tmp_path)["undeclared-range"]
    assert 'images.range = "auto" reads it as 12 bits' in said
    assert decoded(data, tmp_path).pixels.max() < 16
    for choice in ("auto", 12):
        found = decoded(data, tmp_path, range=choice)
        assert (found.pixels == expected).all()
        assert [remark.code for remark in found.remarks] == ["sample-range"]
    assert decoded(data, tmp_path, range=10).pixels.max() < 16, "10 bits do not hold it"


# --- guards --------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, "zlib", "packbits"])
@pytest.mark.parametrize("separate", [False, True])
def test_a_cut_file_is_never_taken_for_whole(compression: str | None, separate: bool, tmp_path: Path) -> None:
    pixels, layout = (planes(SIXTEEN), "separate") if separate else (SIXTEEN, "contig")
    data = tiff(pixels, planarconfig=layout, compression=compression, rowsperstrip=16)
    for cut in {*np.linspace(0, len(data) - 1, 40, dtype=int).tolist(), len(data) - 1}:
        try:
            found = pixels_of(data[:cut], tmp_path)
        except UnreadableImage:
            continue
        assert (found == REFERENCE).all(), cut


def without_imagecodecs(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = importlib.import_module("tifffile._imagecodecs")
    monkeypatch.setattr(tifffile.tifffile, "imagecodecs", stand_in)
    monkeypatch.setattr(tifffile.TIFF.DECOMPRESSORS, "_codecs", {1: lambda data, **_: data})
    monkeypatch.setattr(tifffile.TIFF.UNPREDICTORS, "_codecs", {1: lambda data, **_: data})


def test_without_the_extra_what_needs_it_is_refused_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("imagecodecs")
    lzw = tiff(planes(SIXTEEN), planarconfig="separate", compression="lzw")
    deflate = tiff(planes(SIXTEEN), planarconfig="separate", compression="zlib", predictor=True)
    contiguous = tiff(SIXTEEN, compression="lzw", predictor=True)
    twelve = tiff(SIXTEEN >> 4, compression="lzw", predictor=True)
    without_imagecodecs(monkeypatch)
    assert "pip install 'reportgen[tiff]'" in reason_of(lzw, tmp_path)
    assert "pip install 'reportgen[tiff]'" in reason_of(twelve, tmp_path), "nearly black, and nobody could mend it"
    assert (pixels_of(deflate, tmp_path) == REFERENCE).all()
    assert (pixels_of(contiguous, tmp_path) == REFERENCE).all(), "Pillow reads it"


def bomb(compression: str) -> bytes:
    """A plane of 48 rows that unpacks to 200 megabytes, which were never in memory at once."""
    packer: Any = lzma.LZMACompressor(preset=0) if compression == "lzma" else zlib.compressobj()
    strip = b"".join(packer.compress(bytes(2**20)) for _ in range(200)) + packer.flush()
    data = tiff(planes(SIXTEEN), planarconfig="separate", compression=compression)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        offsets, counts = (file.pages[0].tags[tag].valueoffset for tag in (273, 279))
    grown = bytearray(data + strip)
    struct.pack_into("<I", grown, offsets, len(data))
    struct.pack_into("<I", grown, counts, len(strip))
    return bytes(grown)


@pytest.mark.parametrize("compression", ["zlib", "lzma"])
@pytest.mark.parametrize("extra", [True, False])
def test_a_strip_that_unpacks_to_more_than_it_says_is_no_bomb(
    compression: str, extra: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource, data = pytest.importorskip("resource"), bomb(compression)
    if not extra:
        without_imagecodecs(monkeypatch)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        assert pixels_of(data, tmp_path).shape == REFERENCE.shape
    except UnreadableImage as error:
        assert "TIFF" in error.reason
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_a_jpeg_in_a_strip_that_is_larger_than_the_picture_is_no_bomb(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    data = tiff(planes(REFERENCE), planarconfig="separate", compression="jpeg")
    at = data.index(b"\xff\xc0")
    grown = data[: at + 5] + struct.pack(">HH", 60_000, 60_000) + data[at + 9 :]
    assert "larger than it says" in reason_of(grown, tmp_path)


def test_a_compression_that_is_not_read_is_named(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    data = tiff(SIXTEEN, compression="jpeg2000")
    assert reason_of(data, tmp_path).startswith("a TIFF of the compression JPEG2000, which is not read")


def test_a_deep_picture_is_refused_by_its_size_and_by_its_tiles(tmp_path: Path) -> None:
    assert "more than max_pixels" in reason_of(tiff(SIXTEEN), tmp_path, max_pixels=100)
    tiled = tiff(SIXTEEN, tile=(64, 64))
    assert "a tile of 64 x 64 pixels" in reason_of(tiled, tmp_path, max_pixels=64 * 48)


@pytest.mark.parametrize(
    "data",
    [
        tiff(planes(SIXTEEN), planarconfig="separate", compression="zlib"),
        tiff(SIXTEEN, compression="packbits", tile=(16, 16), bigtiff=True),
        tiff((REFERENCE / 255).astype(np.float32), compression="zlib", predictor=True, byteorder=">"),
        encode(Image.fromarray(TWELVE), "TIFF"),
    ],
)
def test_no_flipped_byte_gets_past_unreadable_image(
    data: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(11)
    for turn in range(300):
        damaged = bytearray(data)
        span = len(data) if turn % 2 else min(len(data), 400)
        for position in random.integers(3, span, size=4):
            damaged[position] = random.integers(256)
        try:
            pixels = pixels_of(bytes(damaged), tmp_path, max_pixels=100_000)
        except UnreadableImage as error:
            assert "\n" not in error.reason and "0x" not in error.reason
        else:
            assert pixels.ndim == 3 and pixels.shape[2] == 3
    assert capfd.readouterr() == ("", "")
