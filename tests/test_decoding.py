"""reportgen.images.decode: the bytes of a picture -> upright sRGB pixels, or one reason; the formats that Pillow reads."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL import ImageFile as PillowFile

from pictures import BLACK, BLUE, GREEN, MAX_PIXELS, RED, WHITE, blocks, encode, pixels_of, raw_png, reason_of
from reportgen.images import decode as decode_module
from reportgen.images.decode import UnreadableImage, read_image
from reportgen.images.files import InputFile

ROOT = Path(__file__).parent.parent


def test_the_hash_is_of_the_file_and_the_pixels_are_writable_rgb(tmp_path: Path) -> None:
    data = encode(blocks())
    path = tmp_path / "a.png"
    path.write_bytes(data)
    decoded = read_image(InputFile("a.png", path), MAX_PIXELS)
    assert (decoded.name, decoded.sha256) == ("a.png", hashlib.sha256(data).hexdigest())
    assert (decoded.pixels.dtype, decoded.pixels.flags.writeable) == (np.uint8, True)
    assert (decoded.pixels == np.asarray(blocks())).all()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ],
)
def test_lossless_formats_give_the_pixels_that_were_saved(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    assert (pixels_of(encode(blocks(), kind, **options), tmp_path) == np.asarray(blocks())).all()


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {"quality": 95}), ("TIFF", {})])
@pytest.mark.parametrize(
    ("ink", "colour"),
    [((0, 255, 255, 0), RED), ((255, 0, 255, 0), GREEN), ((0, 0, 0, 0), WHITE), ((0, 0, 0, 255), BLACK)],
)
def test_cmyk_is_not_read_as_its_negative(
    kind: str, options: dict[str, Any], ink: tuple[int, ...], colour: tuple[int, ...], tmp_path: Path
) -> None:
    pixels = pixels_of(encode(Image.new("CMYK", (16, 16), ink), kind, **options), tmp_path)
    assert np.abs(pixels.astype(int) - colour).max() <= 3


def test_sixteen_bit_channels_keep_their_high_byte(tmp_path: Path) -> None:
    grey = np.array([[0, 0x00FF, 0x7F80, 0x8000, 0xFFFF]], np.uint16)
    high = [0, 0, 127, 128, 255]
    for kind in ("PNG", "TIFF"):
        assert pixels_of(encode(Image.fromarray(grey), kind), tmp_path)[0, :, 1].tolist() == high
    colour = raw_png(2, 1, 16, 2, b"\0" + struct.pack(">6H", 0x8000, 0x1234, 0xFFFF, 0x00FF, 0x7F00, 0x0100))
    assert pixels_of(colour, tmp_path)[0].tolist() == [[0x80, 0x12, 0xFF], [0x00, 0x7F, 0x01]]
    grey_alpha = raw_png(2, 1, 16, 4, b"\0" + struct.pack(">4H", 0x8000, 0xFFFF, 0x8000, 0))
    assert pixels_of(grey_alpha, tmp_path)[0].tolist() == [[128] * 3, [255] * 3]


def test_big_endian_sixteen_bit_tiff_is_not_byte_swapped(tmp_path: Path) -> None:
    entries = [(256, 2), (257, 1), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 4)]
    directory = struct.pack(">H", len(entries))
    directory += b"".join(struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in entries)
    tiff = b"MM\0*" + struct.pack(">I", 12) + struct.pack(">HH", 0x1234, 0xFF01) + directory + bytes(4)
    assert pixels_of(tiff, tmp_path)[0, :, 0].tolist() == [0x12, 0xFF]


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0.25, 0.25, 0.5]], np.float32), [64, 64, 128]),
        (np.array([[-10.0, 0.0, 30.0]], np.float32), [0, 64, 255]),
        (np.array([[np.nan, 1.0, np.inf]], np.float32), [0, 255, 0]),
        (np.array([[7.0, 7.0, 7.0]], np.float32), [0, 0, 0]),
        (np.array([[0, 100, 200]], np.int32), [0, 100, 200]),
        (np.array([[-1000, 0, 3000]], np.int32), [0, 64, 255]),
    ],
)
def test_thirty_two_bit_grey_is_scaled_as_documented(values: np.ndarray, levels: list[int], tmp_path: Path) -> None:
    assert pixels_of(encode(Image.fromarray(values), "TIFF"), tmp_path)[0, :, 0].tolist() == levels


def test_a_tiff_without_one_finite_pixel_is_unreadable(tmp_path: Path) -> None:
    nothing = Image.fromarray(np.full((2, 2), np.nan, np.float32))
    assert reason_of(encode(nothing, "TIFF"), tmp_path) == "no pixel has a finite value"


@pytest.mark.parametrize(
    ("image", "options", "expected"),
    [
        (Image.new("RGBA", (2, 2), (255, 0, 0, 0)), {}, WHITE),
        (Image.new("RGBA", (2, 2), (255, 0, 0, 255)), {}, RED),
        (Image.new("RGBA", (2, 2), (255, 0, 0, 51)), {}, (255, 204, 204)),
        (Image.new("LA", (2, 2), (0, 51)), {}, (204, 204, 204)),
        (Image.new("RGB", (2, 2), BLUE).convert("P"), {}, BLUE),
        (Image.new("P", (2, 2), 0), {"transparency": 0}, WHITE),
        (Image.new("P", (2, 2), 0), {"transparency": b"\xff\x00"}, BLACK),
        (Image.new("L", (2, 2), 7), {"transparency": 7}, WHITE),
        (Image.new("L", (2, 2), 7), {}, (7, 7, 7)),
        (Image.new("RGB", (2, 2), RED), {"transparency": RED}, WHITE),
        (Image.new("1", (2, 2), 1), {}, WHITE),
        (Image.new("1", (2, 2), 0), {}, BLACK),
    ],
)
def test_png_modes_arrive_over_white(
    image: Image.Image, options: dict[str, Any], expected: tuple[int, ...], tmp_path: Path
) -> None:
    assert pixels_of(encode(image, "PNG", **options), tmp_path)[1, 1].tolist() == list(expected)


def test_lab_and_ycbcr_tiff_arrive_in_their_colours(tmp_path: Path) -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    red = ImageCms.profileToProfile(Image.new("RGB", (4, 4), (200, 30, 60)), srgb, lab, outputMode="LAB")
    assert red is not None
    for image in (red, Image.new("RGB", (4, 4), (200, 30, 60)).convert("YCbCr")):
        assert np.abs(pixels_of(encode(image, "TIFF"), tmp_path)[0, 0].astype(int) - (200, 30, 60)).max() <= 2


def test_an_animated_gif_is_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (6, 4), colour) for colour in (GREEN, RED, BLUE)]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        lossless = {"lossless": True} if kind == "WEBP" else {}
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **lossless)
        pixels = pixels_of(data, tmp_path)
        assert pixels.shape == (4, 6, 3)
        assert (pixels == GREEN).all(), kind


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_arrives_upright(kind: str, orientation: int, tmp_path: Path) -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16], upright[:8, 16:], upright[8:, :16] = RED, GREEN, BLUE
    # Where the camera's first stored row and column lie, from the EXIF specification.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}
    image = Image.fromarray(np.ascontiguousarray(stored))
    data = encode(image, kind, exif=exif, **options.get(kind, {}))
    pixels = pixels_of(data, tmp_path)
    assert pixels.shape == upright.shape
    assert np.abs(pixels.astype(int) - upright).max() <= 4


def test_a_broken_exif_block_does_not_cost_the_picture(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    warnings.simplefilter("always")
    lying = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(range(60))  # 65535 entries, few there
    assert pixels_of(encode(blocks(), "JPEG", exif=lying), tmp_path).shape == (48, 64, 3)
    # A quarter turn, then a number (CellWidth) stored as text, at which Pillow raises struct.error.
    entries = struct.pack(">HHII", 0x0107, 2, 4, 0x61626300) + struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    mistyped = b"Exif\0\0MM\0*\0\0\0\x08\0\x02" + entries + bytes(4)
    assert pixels_of(encode(blocks(), "JPEG", exif=mistyped), tmp_path).shape == (64, 48, 3)
    assert not recwarn.list


def srgb_profile() -> tuple[bytearray, dict[bytes, int]]:
    """An sRGB profile, and where the table of tags holds the place and size of each."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">I", profile, 128)[0]
    return profile, {bytes(profile[at : at + 4]): at + 4 for at in range(132, 132 + 12 * count, 12)}


def swapped_profile() -> bytes:
    """sRGB with the red and green primaries exchanged: a profile whose effect nobody can miss."""
    profile, places = srgb_profile()
    red, green = places[b"rXYZ"], places[b"gXYZ"]
    profile[red : red + 8], profile[green : green + 8] = profile[green : green + 8], profile[red : red + 8]
    return bytes(profile)


def rounded_profile() -> bytes:
    """sRGB with each primary off in the fourth decimal, as one vendor's sRGB differs from another's."""
    profile, places = srgb_profile()
    for tag in (b"rXYZ", b"gXYZ", b"bXYZ"):
        at = struct.unpack_from(">I", profile, places[tag])[0] + 8
        struct.pack_into(">i", profile, at, struct.unpack_from(">i", profile, at)[0] + 7)
    return bytes(profile)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_profile_that_is_not_srgb_is_converted(kind: str, tmp_path: Path) -> None:
    data = encode(Image.new("RGB", (16, 16), RED), kind, icc_profile=swapped_profile())
    assert np.abs(pixels_of(data, tmp_path)[8, 8].astype(int) - GREEN).max() <= 4


def test_a_profile_moves_the_colours_of_a_transparent_image_too(tmp_path: Path) -> None:
    half = Image.new("RGBA", (4, 4), (255, 0, 0, 51))
    pixel = pixels_of(encode(half, "PNG", icc_profile=swapped_profile()), tmp_path)[0, 0]
    assert np.abs(pixel.astype(int) - (204, 255, 204)).max() <= 2


def test_an_srgb_profile_leaves_every_pixel_as_stored(tmp_path: Path) -> None:
    for profile in (bytes(srgb_profile()[0]), rounded_profile()):
        assert (pixels_of(encode(blocks(), icc_profile=profile), tmp_path) == np.asarray(blocks())).all()


@pytest.mark.parametrize("profile", [b"nonsense", swapped_profile()[:200], bytes(4000)])
def test_a_broken_profile_is_ignored(profile: bytes, tmp_path: Path) -> None:
    assert (pixels_of(encode(blocks(), icc_profile=profile), tmp_path) == np.asarray(blocks())).all()


def test_one_pixel_is_an_image(tmp_path: Path) -> None:
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"):
        assert pixels_of(encode(Image.new("RGB", (1, 1), WHITE), kind), tmp_path).tolist() == [[list(WHITE)]]


SAVED = {
    "jpeg": encode(blocks(), "JPEG", quality=90),
    "progressive": encode(blocks(), "JPEG", quality=90, progressive=True),
    "cmyk": encode(blocks().convert("CMYK"), "JPEG"),
    "png": encode(blocks()),
    "palette": encode(blocks().convert("P"), "PNG"),
    "webp": encode(blocks(), "WEBP"),
    "lossless webp": encode(blocks(), "WEBP", lossless=True),
    "bmp": encode(blocks(), "BMP"),
    "gif": encode(blocks(), "GIF"),
    "tiff": encode(blocks(), "TIFF"),
    "lzw": encode(blocks(), "TIFF", compression="tiff_lzw"),
    "jpeg in tiff": encode(blocks(), "TIFF", compression="jpeg"),
}


@pytest.mark.parametrize("kind", SAVED)
def test_a_cut_file_is_never_taken_for_whole(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = SAVED[kind]
    whole = pixels_of(data, tmp_path)
    for cut in sorted({*np.linspace(0, len(data) - 1, 60, dtype=int).tolist(), len(data) - 2}):
        try:
            pixels = pixels_of(data[:cut], tmp_path)
        except UnreadableImage as error:
            assert "\n" not in error.reason and "0x" not in error.reason
        else:  # only what follows the last pixel may be missing
            assert (pixels == whole).all(), cut
    assert capfd.readouterr() == ("", "")


def test_truncation_is_called_truncation(tmp_path: Path) -> None:
    for kind, name in (("jpeg", "JPEG"), ("png", "PNG"), ("bmp", "BMP"), ("gif", "GIF"), ("tiff", "TIFF")):
        assert reason_of(SAVED[kind][:-60], tmp_path) == f"truncated {name}"
    holed = SAVED["png"][:150] + bytes(20) + SAVED["png"][170:]
    assert reason_of(holed, tmp_path) == "damaged PNG (the checksum of a part that its pixels need is wrong)"


def test_a_cut_file_stays_unreadable_where_another_library_allows_truncated_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PillowFile, "LOAD_TRUNCATED_IMAGES", True)
    assert reason_of(SAVED["jpeg"][:-200], tmp_path) == "truncated JPEG"
    assert PillowFile.LOAD_TRUNCATED_IMAGES is True  # theirs again


@pytest.mark.parametrize("kind", SAVED)
def test_no_flipped_byte_gets_past_unreadable_image(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(11)
    for _ in range(60):
        data = bytearray(SAVED[kind])
        for position in random.integers(3, len(data), size=4):  # the first bytes stay: the magic must hold
            data[position] = random.integers(256)
        try:
            pixels = pixels_of(bytes(data), tmp_path, max_pixels=100_000)
        except UnreadableImage as error:
            assert "\n" not in error.reason and "0x" not in error.reason
        else:
            assert pixels.ndim == 3 and pixels.shape[2] == 3
    assert capfd.readouterr() == ("", "")


def test_text_or_nothing_in_place_of_the_image_is_said_so(tmp_path: Path) -> None:
    assert reason_of(b"", tmp_path) == "empty file"
    assert reason_of(b"hello", tmp_path) == "not an image (looks like text)"


def test_a_file_that_vanished_has_a_reason(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="cannot be read: no such file or directory"):
        read_image(InputFile("a.png", tmp_path / "a.png"), MAX_PIXELS)


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    bomb = raw_png(60_000, 60_000, 1, 0, b"")  # 3.6 gigapixels announced, none there
    assert reason_of(bomb, tmp_path, 100_000_000) == "60000 x 60000 pixels are more than max_pixels = 100000000"
    assert "truncated" in reason_of(raw_png(100, 100, 1, 0, b""), tmp_path)  # the size was what refused it


def test_the_pixel_limit_is_ours_and_not_pillows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow would raise at 201 pixels and warn at 101
    assert pixels_of(encode(blocks()), tmp_path, 64 * 48).shape == (48, 64, 3)
    assert "more than max_pixels" in reason_of(encode(blocks()), tmp_path, 64 * 48 - 1)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_a_file_far_larger_than_its_pixels_can_be_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(encode(blocks()))
    os.truncate(path, 2**40)  # sparse: a terabyte that takes no room
    with pytest.raises(UnreadableImage, match="bytes; at most"):
        read_image(InputFile("huge.png", path), MAX_PIXELS)


def test_running_out_of_memory_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(decode_module, "_decode", no_memory)
    assert reason_of(encode(blocks()), tmp_path) == "needs more memory than there is"


def test_reading_is_silent_and_loads_no_framework(tmp_path: Path) -> None:
    (tmp_path / "cut.tif").write_bytes(SAVED["jpeg in tiff"][:-150])
    # A TIFF about which Pillow logs an error: more samples a pixel than it can decode.
    samples = bytearray(SAVED["tiff"])
    position = samples.index(struct.pack("<HHI", 277, 3, 1))
    samples[position + 8] = 200
    (tmp_path / "samples.tif").write_bytes(samples)
    (tmp_path / "half.png").write_bytes(encode(Image.new("P", (9, 9)), transparency=b"\0\xff"))
    program = (
        "import sys; from pathlib import Path\n"
        "from reportgen.images.decode import UnreadableImage, read_image\n"
        "from reportgen.images.find import find_images\n"
        f"found = find_images(Path({str(tmp_path)!r})).files\n"
        "for file in found:\n"
        "    try: read_image(file, 10**6)\n"
        "    except UnreadableImage as error: print(file.name)\n"
        "print({'torch', 'torchvision', 'skimage'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("cut.tif\nsamples.tif\nset()\n", "")
