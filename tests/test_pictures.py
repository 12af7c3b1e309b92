"""Pictures as people have them: read rightly, with a remark where a reader must know, or skipped with a reason that helps."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from pictures import BLUE, MAX_PIXELS, RED, WHITE, blocks, decoded, encode, pixels_of, raw_png, reason_of, remarks_of
from reportgen.images.decode import UnreadableImage, read_image
from reportgen.images.files import InputFile
from reportgen.images.find import find_images

REFERENCE = np.asarray(blocks(160, 160))
GREY = REFERENCE[..., 1]


def close(pixels: np.ndarray, expected: np.ndarray, most: float = 12) -> bool:
    return pixels.shape == expected.shape and float(np.abs(pixels.astype(int) - expected).mean()) < most


# --- PNG -----------------------------------------------------------------------------------------


def chunk(name: bytes, content: bytes, *, wrong: bool = False) -> bytes:
    checksum = zlib.crc32(name + content) ^ (0xFF if wrong else 0)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def with_chunk(name: bytes, content: bytes, *, wrong: bool) -> bytes:
    """The picture with one more chunk, before its pixels."""
    png = encode(Image.fromarray(REFERENCE))
    at = png.index(b"IDAT") - 4
    return png[:at] + chunk(name, content, wrong=wrong) + png[at:]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (b"tEXt", b"Comment\0hello"),
        (b"tIME", bytes(7)),
        (b"eXIf", b"MM\0*\0\0\0\x08\0\0"),
        (b"iCCP", b"x\0\0" + zlib.compress(b"profile")),
        (b"acTL", struct.pack(">II", 2, 0)),
        (b"prVt", b"anything"),
    ],
)
def test_a_wrong_checksum_beside_the_pixels_costs_that_part_alone(name: bytes, content: bytes, tmp_path: Path) -> None:
    data = with_chunk(name, content, wrong=True)
    assert (pixels_of(data, tmp_path) == REFERENCE).all()
    said = f"The checksum of its chunk {name.decode()} is wrong; that part was left out, and its pixels are whole."
    assert remarks_of(data, tmp_path) == {"png-checksum": said}


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE", b"IDAT", b"tRNS"])
def test_a_wrong_checksum_of_what_pixels_need_is_damage(name: bytes, tmp_path: Path) -> None:
    palette = Image.fromarray(REFERENCE).convert("P")
    data = bytearray(encode(palette, transparency=3))
    at = data.index(name)
    length = int.from_bytes(data[at - 4 : at], "big")
    data[at + 4 + length] ^= 0xFF
    assert reason_of(bytes(data), tmp_path).startswith("damaged PNG (the checksum")


def test_what_follows_the_end_of_a_png_is_none_of_it(tmp_path: Path) -> None:
    data = encode(Image.fromarray(REFERENCE)) + b"\0garbage" * 100
    found = decoded(data, tmp_path)
    assert (found.pixels == REFERENCE).all() and found.remarks == ()


def sixteen_bit_png(values: np.ndarray, *extra: tuple[bytes, bytes]) -> bytes:
    """(H, W, channels) uint16 as a PNG."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return raw_png(width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], rows, *extra)


def deep(channels: int, bits: int) -> np.ndarray:
    """The picture in so many channels, its samples from 0 to 2^bits - 1; alpha, which has 16 bits, is opaque."""
    colours = REFERENCE if channels >= 3 else GREY[..., None]
    values = colours.astype(np.uint16) << (bits - 8) | colours >> (16 - bits)
    return values if channels % 2 else np.dstack([values, np.full(GREY.shape, 65535, np.uint16)])


CHANNELS = pytest.mark.parametrize("channels", [1, 2, 3, 4])


@CHANNELS
@pytest.mark.parametrize("bits", [10, 12])
def test_samples_of_an_undeclared_range_are_said_and_read_by_the_setting(
    channels: int, bits: int, tmp_path: Path
) -> None:
    data, expected = sixteen_bit_png(deep(channels, bits)), REFERENCE if channels >= 3 else GREY[..., None]
    assert f'images.range = "auto" reads it as {bits} bits' in remarks_of(data, tmp_path)["undeclared-range"]
    assert decoded(data, tmp_path).pixels.max() <= 15
    for choice in ("auto", bits):
        found = decoded(data, tmp_path, range=choice)
        assert (found.pixels == expected).all()
        assert [remark.code for remark in found.remarks] == ["sample-range"]


@CHANNELS
def test_samples_that_fill_their_range_are_as_they_are(channels: int, tmp_path: Path) -> None:
    expected = REFERENCE if channels >= 3 else GREY[..., None]
    for choice in ("declared", "auto", 12):
        found = decoded(sixteen_bit_png(deep(channels, 16)), tmp_path, range=choice)
        assert (found.pixels == expected).all() and found.remarks == ()


@CHANNELS
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_sbit_declares_a_range_whether_samples_were_scaled_or_not(channels: int, bits: int, tmp_path: Path) -> None:
    significant = b"sBIT", bytes([bits] * channels)
    expected = REFERENCE if channels >= 3 else GREY[..., None]
    as_they_are = sixteen_bit_png(deep(channels, bits), significant)
    full = deep(channels, 16)
    full[..., : channels - (channels + 1) % 2] &= np.uint16(0xFFFF << (16 - bits) & 0xFFFF)
    for data in (as_they_are, sixteen_bit_png(full, significant)):
        found = decoded(data, tmp_path)
        assert np.abs(found.pixels.astype(int) - expected).max() <= 1 and found.remarks == ()


def test_a_dark_picture_whose_samples_were_scaled_stays_dark(tmp_path: Path) -> None:
    dark = (GREY[..., None] // 16).astype(np.uint16) << 8  # 12 significant bits, by the standard scaled to 16
    found = decoded(sixteen_bit_png(dark, (b"sBIT", b"\x0c")), tmp_path)
    assert (found.pixels[..., 0] == GREY // 16).all() and found.remarks == ()


def test_deep_colours_that_are_turned_keep_their_bits(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    values = deep(3, 12)[:80]
    data = sixteen_bit_png(values, (b"eXIf", exif.tobytes()[6:]))
    assert (decoded(data, tmp_path, range="auto").pixels == np.rot90(REFERENCE[:80], -1)).all()


# --- JPEG ----------------------------------------------------------------------------------------

PHOTO = Image.fromarray(np.asarray(blocks(320, 640)))
BASELINE, PROGRESSIVE = (encode(PHOTO, "JPEG", quality=90, progressive=kind) for kind in (False, True))


@pytest.mark.parametrize("data", [BASELINE, PROGRESSIVE], ids=["baseline", "progressive"])
def test_a_jpeg_without_the_mark_of_its_end_is_whole(data: bytes, tmp_path: Path) -> None:
    whole = pixels_of(data, tmp_path)
    for cut in (data[:-1], data[:-2], data[:-2] + bytes(4096)):
        assert (pixels_of(cut, tmp_path) == whole).all()
        assert remarks_of(cut, tmp_path) == {
            "jpeg-cut": "The file is cut: only the mark of its end is missing, and the rest was read."
        }
        assert reason_of(cut, tmp_path, strict=True) == "truncated JPEG (only the mark of its end is missing)"


def test_a_jpeg_that_misses_its_last_rows_is_read_and_says_how_many(tmp_path: Path) -> None:
    whole = pixels_of(BASELINE, tmp_path)
    read = 0
    for cut in range(20, len(BASELINE), 97):
        try:
            found = decoded(BASELINE[:-cut], tmp_path)
        except UnreadableImage as error:
            assert error.reason == "truncated JPEG"
            break
        read += 1
        differ = np.flatnonzero((found.pixels != whole).any(axis=(1, 2)))
        (remark,) = found.remarks
        rows = int(remark.text.split("the last ")[1].split(" of 640 rows")[0])
        assert rows <= 32 and differ.size and 640 - differ[0] <= rows + 1, cut
        assert f"the last {rows} of 640 rows are missing" in reason_of(BASELINE[:-cut], tmp_path, strict=True)
    assert read >= 3


def test_a_progressive_jpeg_that_misses_a_pass_is_truncated(tmp_path: Path) -> None:
    scans = [at for at in range(len(PROGRESSIVE) - 1) if PROGRESSIVE[at : at + 2] == b"\xff\xda"]
    assert len(scans) > 3
    for at in (*scans[1:], *(at - 5 for at in scans[1:])):
        assert reason_of(PROGRESSIVE[:at], tmp_path) == "truncated JPEG"


@pytest.mark.parametrize("data", [BASELINE, PROGRESSIVE], ids=["baseline", "progressive"])
def test_zeros_that_fill_a_download_up_are_no_pixels(data: bytes, tmp_path: Path) -> None:
    assert reason_of(data[: len(data) // 2].ljust(len(data), b"\0"), tmp_path) == "truncated JPEG"


def test_what_follows_the_end_of_a_jpeg_is_none_of_it(tmp_path: Path) -> None:
    film = b"\0\0\0\x18ftypmp42" + b"\xff\xda\0\x08film" * 50
    found = decoded(BASELINE + film, tmp_path)
    assert (found.pixels == pixels_of(BASELINE, tmp_path)).all() and found.remarks == ()


def test_half_a_jpeg_is_none(tmp_path: Path) -> None:
    assert reason_of(BASELINE[: len(BASELINE) // 2], tmp_path) == "truncated JPEG"
    assert "truncated JPEG" in reason_of(BASELINE[:300], tmp_path)


# --- animations, and pictures without structure --------------------------------------------------


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("blank", [[WHITE], [RED, BLUE], [None, None]])
def test_the_first_frame_that_shows_something_is_read(kind: str, blank: list[Any], tmp_path: Path) -> None:
    size = (160, 160)
    frames = [
        Image.new("RGBA", size) if colour is None else Image.new("RGBA", size, (*colour, 255)) for colour in blank
    ]
    shown = Image.fromarray(REFERENCE).convert("RGBA")
    more = {"lossless": True} if kind == "WEBP" else {"disposal": 2} if kind == "GIF" else {}
    data = encode(
        frames[0],
        kind,
        save_all=True,
        append_images=[*frames[1:], shown],
        duration=[50, 60, 70][: len(blank) + 1],
        **more,
    )
    found = decoded(data, tmp_path)
    assert close(found.pixels, REFERENCE, 20)
    with Image.open(io.BytesIO(data)) as image:
        at = image.n_frames  # writers join equal frames
    assert [(remark.code, remark.text) for remark in found.remarks] == [
        ("blank-first-frame", f"Its first frame is blank; frame {at} was read, the first that shows something.")
    ]


def test_an_animation_that_never_shows_anything_is_its_first_frame_and_said_so(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in (WHITE, RED)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    assert pixels_of(data, tmp_path)[0, 0].tolist() == list(WHITE)
    assert "one colour throughout" in remarks_of(data, tmp_path)["picture-without-structure"]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (Image.new("RGB", (64, 64), RED), "It has one colour throughout (64 x 64 pixels)"),
        (Image.new("L", (1, 1), 7), "It has one colour throughout (1 x 1 pixel)"),
        (Image.new("RGBA", (30, 20), (255, 0, 0, 0)), "It is transparent throughout (30 x 20 pixels)"),
        (blocks(64, 48).resize((64, 5)), "It has only 64 x 5 pixels"),
        (Image.fromarray(np.full((9, 9), 40000, np.uint16)), "It has one colour throughout (9 x 9 pixels)"),
    ],
)
def test_a_picture_without_structure_is_read_and_said_to_be_one(image: Image.Image, words: str, tmp_path: Path) -> None:
    text = f"{words}: there is nothing to explain in it, whatever the maps show."
    assert remarks_of(encode(image), tmp_path) == {"picture-without-structure": text}


def test_a_transparent_picture_with_one_visible_pixel_has_structure(tmp_path: Path) -> None:
    image = Image.new("RGBA", (30, 20), (255, 0, 0, 0))
    image.putpixel((3, 3), (0, 0, 0, 255))
    assert remarks_of(encode(image), tmp_path) == {}


# --- further formats -----------------------------------------------------------------------------


def icon() -> bytes:
    return encode(Image.fromarray(REFERENCE), "ICO", sizes=[(16, 16), (128, 128), (64, 64)])


def pnm(magic: bytes, largest: int, values: np.ndarray) -> bytes:
    kind = ">u2" if largest > 255 else "u1"
    return magic + b"\n# made by hand\n160 160\n%d\n" % largest + values.astype(kind).tobytes()


OF_PILLOW = {
    "a.jp2": encode(Image.fromarray(REFERENCE), "JPEG2000"),
    "a.j2k": encode(Image.fromarray(REFERENCE), "JPEG2000", no_jp2=True),
    "grey16.jp2": encode(Image.fromarray(GREY.astype(np.uint16) * 257), "JPEG2000"),
    "a.ppm": encode(Image.fromarray(REFERENCE), "PPM"),
    "a.pgm": encode(Image.fromarray(GREY), "PPM"),
    "deep.ppm": pnm(b"P6", 65535, REFERENCE.astype(np.uint16) * 257),
    "deep.pgm": pnm(b"P5", 65535, GREY.astype(np.uint16) * 257),
    "twelve.pgm": pnm(b"P5", 4095, GREY.astype(np.uint16) * 16),
    "written.pgm": b"P2 160 160 255\n" + b" ".join(b"%d" % value for value in GREY.ravel()),
    "a.tga": encode(Image.fromarray(REFERENCE), "TGA"),
    "packed.tga": encode(Image.fromarray(REFERENCE), "TGA", compression="tga_rle"),
    "a.dib": encode(Image.fromarray(REFERENCE), "BMP"),
}


@pytest.mark.parametrize("name", OF_PILLOW)
def test_a_format_that_pillow_reads_is_found_and_read(name: str, tmp_path: Path) -> None:
    found = decoded(OF_PILLOW[name], tmp_path, name)
    grey = name.endswith("pgm") or name.startswith("grey")
    expected = np.repeat(GREY[..., None], 3, axis=2) if grey else REFERENCE
    assert np.abs(found.pixels.astype(int) - expected).max() <= 1 and found.remarks == ()
    assert [file.name for file in find_images(tmp_path).files] == [name]


def test_sixteen_bits_of_a_pgm_or_dicom_declare_nothing(tmp_path: Path) -> None:
    for data in (pnm(b"P5", 65535, GREY.astype(np.uint16) * 16), dicom(GREY.astype(np.uint16) * 16)):
        assert set(remarks_of(data, tmp_path)) == {"undeclared-range"}
        assert (decoded(data, tmp_path, range="auto").pixels[..., 0] == GREY).all()


def test_bits_of_black_and_white(tmp_path: Path) -> None:
    data = encode(Image.fromarray(GREY > 127), "PPM")
    assert data[:2] == b"P4"
    assert (pixels_of(data, tmp_path)[..., 0] == np.where(GREY > 127, 255, 0)).all()


def test_of_an_icon_the_largest_picture_is_read(tmp_path: Path) -> None:
    assert pixels_of(icon(), tmp_path).shape == (128, 128, 3)


def test_an_icon_that_hides_a_bomb_is_refused(tmp_path: Path) -> None:
    bomb = raw_png(60_000, 60_000, 1, 0, b"")
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(bomb), 22)
    assert "60000 x 60000 pixels are more than" in reason_of(struct.pack("<HHH", 0, 1, 1) + entry + bomb, tmp_path)


@pytest.mark.parametrize("name", ["a.txt", "a.bin", "a"])
def test_a_tga_is_known_by_its_extension_alone(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(OF_PILLOW["a.tga"])
    (tmp_path / "text.tga").write_text("no picture, whatever its name says")
    found = find_images(tmp_path)
    assert found.files == () and [skipped.name for skipped in found.skipped] == ["text.tga"]


def test_texts_and_archives_are_no_pictures(tmp_path: Path) -> None:
    for name, content in {
        "p.txt": b"P5 is the name of a group of 160 160 people",
        "P1.txt": b"P1: done\n",
        "zeros": bytes(400),
        "a.docx": b"PK\x03\x04" + bytes(100),
    }.items():
        (tmp_path / name).write_bytes(content)
    assert find_images(tmp_path).files == ()


# --- what needs an extra -------------------------------------------------------------------------


def heic() -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(REFERENCE)).save(buffer, quality=95)
    return buffer.getvalue()


def avif() -> bytes:
    if "avif" not in features.get_supported():
        pytest.skip("this Pillow writes no AVIF")
    return encode(Image.fromarray(REFERENCE), "AVIF", quality=95)


def jpeg_xl(pixels: np.ndarray = REFERENCE) -> bytes:
    pytest.importorskip("pillow_jxl")
    return encode(Image.fromarray(pixels), "JXL", lossless=True)


@pytest.mark.parametrize("make", [heic, avif, jpeg_xl])
def test_pictures_of_phones_and_browsers_are_read(make: Any, tmp_path: Path) -> None:
    found = decoded(make(), tmp_path)
    assert close(found.pixels, REFERENCE) and found.remarks == ()
    assert "more than max_pixels" in reason_of(make(), tmp_path, max_pixels=1000)


@pytest.mark.parametrize(
    ("width", "height"), [(160, 160), (8, 8), (200, 100), (300, 200), (17, 259), (1000, 9), (400, 500)]
)
def test_the_size_of_a_jpeg_xl_is_known_before_it_is_unpacked(width: int, height: int, tmp_path: Path) -> None:
    data = jpeg_xl(np.zeros((height, width, 3), np.uint8) + np.arange(width, dtype=np.uint8)[None, :, None])
    said = f"{width} x {height} pixels are more than max_pixels = 10"
    assert reason_of(data, tmp_path, max_pixels=10) == said


@pytest.mark.parametrize(
    ("head", "module", "extra"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "pillow_heif", "heif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "pillow_heif", "heif"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "pillow_jxl", "jxl"),
        (b"\xff\x0a", "pillow_jxl", "jxl"),
        (bytes(128) + b"DICM", "pydicom", "dicom"),
    ],
)
def test_without_the_extra_one_line_says_how_it_is_installed(
    head: bytes, module: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    reason = reason_of(head + bytes(100), tmp_path)
    assert f"pip install 'reportgen[{extra}]'" in reason


def test_avif_without_pillows_own_decoder_or_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "get_supported", lambda: [])
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert "pip install 'reportgen[heif]'" in reason_of(b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + bytes(50), tmp_path)


def test_a_film_is_said_to_be_one(tmp_path: Path) -> None:
    assert "looks like a film" in reason_of(b"\0\0\0\x18ftypisom" + bytes(50), tmp_path)


# --- DICOM ---------------------------------------------------------------------------------------


def dicom(pixels: np.ndarray, photometric: str = "MONOCHROME2", bits: int = 0, **more: Any) -> bytes:
    """A file of one picture, or with NumberOfFrames of several."""
    pytest.importorskip("pydicom")
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3"
    shape = pixels.shape[1:] if "NumberOfFrames" in more else pixels.shape
    dataset.Rows, dataset.Columns = shape[:2]
    dataset.SamplesPerPixel = shape[2] if len(shape) == 3 else 1
    if len(shape) == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = 8 * pixels.dtype.itemsize
    dataset.BitsStored = bits or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    for name, value in more.items():
        setattr(dataset, name, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


TWELVE = GREY.astype(np.uint16) * 16
RESCALED: dict[str, Any] = {
    "RescaleSlope": 1,
    "RescaleIntercept": -10,
    "WindowCenter": ["1014", "40"],
    "WindowWidth": ["4096", "80"],
}
EXACT: dict[str, Any] = {
    "RescaleSlope": 16,
    "RescaleIntercept": 0,
    "WindowCenter": 2040,
    "WindowWidth": 4080,
    "VOILUTFunction": "LINEAR_EXACT",
}


@pytest.mark.parametrize(
    "make",
    [
        lambda: dicom(GREY),
        lambda: dicom(TWELVE, bits=12),
        lambda: dicom(4095 - TWELVE, "MONOCHROME1", bits=12),
        lambda: dicom(TWELVE, bits=12, WindowCenter=2048, WindowWidth=4096),
        lambda: dicom(TWELVE.astype(np.int16) - 1024, **RESCALED),
        lambda: dicom(GREY.astype(np.uint16), **EXACT),
    ],
)
def test_grey_of_a_dicom_is_what_its_window_or_range_shows(make: Any, tmp_path: Path) -> None:
    found = decoded(make(), tmp_path, "a.dcm")
    assert np.abs(found.pixels[..., 0].astype(int) - GREY).max() <= 1
    assert found.remarks == ()


def test_a_window_cuts_what_lies_beyond_it(tmp_path: Path) -> None:
    pixels = pixels_of(dicom(TWELVE, bits=12, WindowCenter=1000, WindowWidth=500), tmp_path)[..., 0]
    assert (pixels[TWELVE < 749] == 0).all() and (pixels[TWELVE > 1251] == 255).all()
    sigmoid = dicom(TWELVE, bits=12, WindowCenter=1000, WindowWidth=500, VOILUTFunction="SIGMOID")
    assert 0 < pixels_of(sigmoid, tmp_path)[TWELVE < 749].max() < 60


def test_colours_and_frames_of_a_dicom(tmp_path: Path) -> None:
    assert (pixels_of(dicom(REFERENCE, "RGB"), tmp_path) == REFERENCE).all()
    converted = np.asarray(Image.fromarray(REFERENCE).convert("YCbCr"))
    assert close(pixels_of(dicom(converted, "YBR_FULL"), tmp_path), REFERENCE, 3)
    several = dicom(np.stack([GREY, GREY // 2, GREY // 3]), NumberOfFrames=3)
    assert (pixels_of(several, tmp_path)[..., 0] == GREY).all()
    assert remarks_of(several, tmp_path) == {"dicom-frames": "It holds 3 frames; the first was read."}


def packed_dicom(frame: bytes, syntax: str, pixels: np.ndarray = GREY, photometric: str = "MONOCHROME2") -> bytes:
    """The file with its frame in another transfer syntax."""
    pydicom = pytest.importorskip("pydicom")
    from pydicom.encaps import encapsulate

    dataset = pydicom.dcmread(io.BytesIO(dicom(pixels, photometric)))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].is_undefined_length = True
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


JPEG_BASELINE, JPEG_2000, JPEG_LS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.80"


def test_packed_frames_of_a_dicom(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    dataset = pydicom.dcmread(io.BytesIO(dicom(TWELVE, bits=12)))
    dataset.compress(pydicom.uid.RLELossless)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    assert (pixels_of(buffer.getvalue(), tmp_path)[..., 0] == GREY).all()
    exact = encode(Image.fromarray(GREY), "JPEG2000", no_jp2=True)
    assert (pixels_of(packed_dicom(exact, JPEG_2000), tmp_path)[..., 0] == GREY).all()
    lossy = encode(Image.fromarray(REFERENCE), "JPEG", quality=95)
    found = pixels_of(packed_dicom(lossy, JPEG_BASELINE, REFERENCE, "YBR_FULL_422"), tmp_path)
    assert close(found, REFERENCE)


def test_a_frame_of_a_dicom_that_is_larger_than_the_file_says_is_no_bomb(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    frame = bytearray(encode(Image.fromarray(GREY), "JPEG"))
    at = frame.index(b"\xff\xc0")
    struct.pack_into(">HH", frame, at + 5, 30_000, 30_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "DICOM" in reason_of(packed_dicom(bytes(frame), JPEG_BASELINE), tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_a_dicom_without_a_picture_or_with_too_large_a_one(tmp_path: Path) -> None:
    assert "more than max_pixels" in reason_of(dicom(GREY), tmp_path, max_pixels=100)
    pydicom = pytest.importorskip("pydicom")
    dataset = pydicom.dcmread(io.BytesIO(dicom(GREY)))
    del dataset.PixelData
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    assert reason_of(buffer.getvalue(), tmp_path) == "a DICOM without a picture"


def test_a_dicom_of_a_compression_that_is_not_read_says_which(tmp_path: Path) -> None:
    data = dicom(GREY).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"[:20], 1)
    assert "deflated" in reason_of(data.replace(b"1.2.840.10008.1.2.1.", b"1.2.840.10008.1.2.1.99", 1), tmp_path)
    assert "the compression JPEG-LS" in reason_of(packed_dicom(b"\xff\xd8", JPEG_LS), tmp_path)
    strange = dicom(GREY).replace(b"1.2.840.10008.1.2.1\0", b"1.\n.840.10008.1.2.1\0", 1)
    assert "DICOM" in reason_of(strange, tmp_path)


# --- hostile -------------------------------------------------------------------------------------

FURTHER = {
    "a.heic": heic,
    "a.avif": avif,
    "a.jxl": jpeg_xl,
    "a.jp2": lambda: OF_PILLOW["a.jp2"],
    "a.ppm": lambda: OF_PILLOW["a.ppm"],
    "twelve.pgm": lambda: OF_PILLOW["twelve.pgm"],
    "a.tga": lambda: OF_PILLOW["a.tga"],
    "packed.tga": lambda: OF_PILLOW["packed.tga"],
    "a.ico": icon,
    "a.dcm": lambda: dicom(TWELVE, bits=12, WindowCenter=2048, WindowWidth=4096),
    "deep.png": lambda: sixteen_bit_png(deep(3, 12)),
    "cut.jpg": lambda: BASELINE[:-40],
}


@pytest.mark.parametrize("name", FURTHER)
def test_no_flipped_byte_gets_past_unreadable_image(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole, random = FURTHER[name](), np.random.default_rng(11)
    path = tmp_path / name
    for turn in range(300):
        data = bytearray(whole)
        span = len(data) if turn % 2 else min(len(data), 400)  # every other time the header
        for position in random.integers(2, span, size=4):
            data[position] = random.integers(256)
        path.write_bytes(data)
        try:
            pixels = read_image(InputFile(name, path), 300_000).pixels
        except UnreadableImage as error:
            assert "\n" not in error.reason and "0x" not in error.reason
        else:
            assert pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.shape[0] * pixels.shape[1] <= 300_000
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", FURTHER)
def test_a_cut_file_of_a_further_format_is_an_image_or_has_one_reason(name: str, tmp_path: Path) -> None:
    whole = FURTHER[name]()
    for cut in np.linspace(1, len(whole) - 1, 25, dtype=int):
        try:
            assert decoded(whole[:cut], tmp_path, name, MAX_PIXELS).pixels.ndim == 3
        except UnreadableImage as error:
            assert "\n" not in error.reason and "0x" not in error.reason
