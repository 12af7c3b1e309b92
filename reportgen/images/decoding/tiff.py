"""TIFF: ordinary pages by Pillow; planar, deep, signed, float and many-banded ones by tifffile, which Pillow refuses or reads wrongly."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import tifffile

from reportgen.images.decoding.jpeg import frame_of
from reportgen.images.decoding.pillow import check_tile, read_with_pillow, upright
from reportgen.images.decoding.source import Source, UnreadableImage
from reportgen.images.decoding.tiff_bands import picture_of

GREY_FROM_WHITE, GREY, RGB, PALETTE, SEPARATED, YCBCR, CIELAB = 0, 1, 2, 3, 5, 6, 8
_UNSIGNED = 1
_DEFLATE, _PACKBITS, _JPEG = (8, 32946, 50013), 32773, 7
# Compressions that tifffile unpacks to what a strip or tile says, and no further: none, LZW, LZMA, Zstandard, and those above.
_BOUNDED = frozenset({1, 5, _JPEG, *_DEFLATE, _PACKBITS, 34925, 34926, 50000})
# Compressions that Pillow's libtiff unpacks: none, CCITT, LZW, JPEG, deflate, PackBits, LZMA, Zstandard.
_OF_PILLOW = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32946, 34925, 50000})
_REDUCED, _REDUCED_OLD = 1, 2
_SMALLER_COPY_OLD = 255  # tag SubfileType
# High bytes from which on no shorter range, and not that of 12 bits, holds a picture.
_ALL_BITS, _NOT_BLACK = 128, 16
# What pixels follow from.
_ESSENTIAL = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338, 339}
)
# Pages that are looked at for one that is no smaller copy of another.
_MOST_PAGES = 64
# No photograph has more bands; and in memory they take no more than four 64-bit channels would.
_MOST_BANDS, _BYTES_PER_PIXEL = 64, 32
_NEEDS = "reading it needs the extra tiff (pip install 'reportgen[tiff]')"


def read_tiff(source: Source) -> np.ndarray:
    """(H, W, 3) uint8 of the first page that is no smaller copy of another.

    Raises:
        UnreadableImage: too large, or of a kind whose colours the file does not say.
        Exception: nearly anything, where the bytes are damaged.
    """
    with opened(source.data) as tiff:
        index, page = _main_page(tiff)
        _check(page, source)
        if _is_ordinary(page):
            return read_with_pillow(source, ("TIFF",), page=index)
        try:
            bands = _bands(page, len(source.data), source.max_pixels * _BYTES_PER_PIXEL)
        except _MissingCodec as error:
            pixels = _by_pillow_after_all(page, index, source)
            if pixels is None:
                what = f"a TIFF of {error.bits} bits and the compression {error.name}"
                raise UnreadableImage(f"{what}; {_NEEDS}, or save it as PNG") from None
            return pixels
        image = picture_of(page, bands, source)
        return upright(image, source)


class _MissingCodec(Exception):
    def __init__(self, page: tifffile.TiffPage) -> None:
        super().__init__()
        self.name, self.bits = str(getattr(page.compression, "name", page.compression)), page.bitspersample


@contextmanager
def opened(data: bytes) -> Iterator[tifffile.TiffFile]:
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        yield tiff


def _main_page(tiff: tifffile.TiffFile) -> tuple[int, tifffile.TiffPage]:
    first = None
    for index in range(_MOST_PAGES):
        try:
            page = tiff.pages[index]
        except IndexError:
            break
        assert isinstance(page, tifffile.TiffPage)
        first = first or page
        old = page.tags.valueof(_SMALLER_COPY_OLD)
        if not page.subfiletype & _REDUCED and old != _REDUCED_OLD:
            return index, page
    if first is None:
        raise UnreadableImage("a TIFF without a picture")
    return 0, first


def _check(page: tifffile.TiffPage, source: Source) -> None:
    if not _listed_tags(page, source.data) & _ESSENTIAL <= {tag.code for tag in page.tags}:
        raise UnreadableImage("damaged or truncated TIFF")  # tifffile passes over a tag that it cannot read
    source.check_size(page.imagewidth, page.imagelength)
    if page.imagedepth > 1:
        raise UnreadableImage(f"a TIFF volume of {page.imagedepth} slices: export the slice that is meant as PNG")
    if page.samplesperpixel > _MOST_BANDS:
        raise UnreadableImage(
            f"a TIFF of {page.samplesperpixel} bands: at most {_MOST_BANDS} are read; export it as RGB"
        )
    if page.is_tiled:
        check_tile(page.tilewidth, page.tilelength, source.max_pixels)


def _listed_tags(page: tifffile.TiffPage, data: bytes) -> set[int]:
    """The tags that the page's directory lists, read or not."""
    form = page.parent.tiff
    count = struct.unpack_from(form.tagnoformat, data, page.offset)[0]
    first = page.offset + form.tagnosize
    order = form.byteorder
    return {struct.unpack_from(f"{order}H", data, first + form.tagsize * entry)[0] for entry in range(min(count, 4096))}


def _is_ordinary(page: tifffile.TiffPage) -> bool:
    """Whether Pillow reads it rightly."""
    count, bits, form = page.samplesperpixel, page.bitspersample, page.parent.tiff
    if form.is_bigtiff and form.byteorder == ">":  # it reads no BigTIFF of this order
        return False
    if (
        page.compression not in _OF_PILLOW
        or page.sampleformat not in (_UNSIGNED, 4)
        or (count > 1 and page.planarconfig == 2)
    ):
        return False
    if bits == 8:
        alpha = page.extrasamples in ((1,), (2,))
        return (page.photometric, count) in {
            (GREY_FROM_WHITE, 1),
            (GREY, 1),
            (PALETTE, 1),
            (RGB, 3),
            (SEPARATED, 4),
            (YCBCR, 1),
            (YCBCR, 3),
            (CIELAB, 3),
        } or (alpha and (page.photometric, count) in {(GREY, 2), (RGB, 4)})
    return bits in (1, 2, 4) and count == 1 and page.photometric in (GREY_FROM_WHITE, GREY, PALETTE)


def _by_pillow_after_all(page: tifffile.TiffPage, index: int, source: Source) -> np.ndarray | None:
    """What Pillow reads of a page whose compression tifffile does not know here; None where that would be wrong."""
    grey = page.photometric == GREY and page.samplesperpixel == 1
    colours = page.photometric == RGB and page.samplesperpixel == 3
    deep = page.bitspersample == 16 and page.planarconfig == 1
    if page.sampleformat != _UNSIGNED or not ((deep and (grey or colours)) or (colours and page.bitspersample == 8)):
        return None
    pixels = read_with_pillow(source, ("TIFF",), page=index)
    # Of colours it keeps the high bytes: enough, where the samples fill 16 bits.
    least = _ALL_BITS if source.reading.range != "declared" else _NOT_BLACK
    return None if deep and colours and pixels.max() < least else pixels


def _bands(page: tifffile.TiffPage, size: int, most: int) -> np.ndarray:
    """(H, W, bands) of the page's own type.

    Args:
        size: of the file, bytes; most: bytes that the bands may have.
    """
    if page.dtype is None:
        raise UnreadableImage("damaged or truncated TIFF (its kind of numbers is unknown)")
    pixels = page.imagewidth * page.imagelength
    if pixels * page.samplesperpixel * page.dtype.itemsize > most:
        raise UnreadableImage(f"a TIFF of {page.samplesperpixel} bands, too large in memory: export it as RGB")
    if page.compression not in _BOUNDED:
        name = getattr(page.compression, "name", page.compression)
        raise UnreadableImage(f"a TIFF of the compression {name}, which is not read: save it as PNG")
    if not _has_codec(page):
        raise _MissingCodec(page)
    places = zip(page.dataoffsets, page.databytecounts, strict=True)
    if any(offset + count > size for offset, count in places):
        raise UnreadableImage("truncated TIFF")
    if page.compression == _JPEG:
        _check_jpegs(page)
    if not _has_imagecodecs():
        _check_inflated(page)
    values = page.asarray(squeeze=False, maxworkers=1)  # planes, depth, rows, columns, samples
    planes, _, height, width, samples = values.shape
    if planes > 1:
        return np.moveaxis(values[:, 0, :, :, 0], 0, -1)
    return values.reshape(height, width, samples)


def _has_imagecodecs() -> bool:
    module = vars(tifffile.tifffile).get("imagecodecs")  # its own stand-in where there is none
    return getattr(module, "__name__", "") == "imagecodecs"


def _has_codec(page: tifffile.TiffPage) -> bool:
    packed = page.bitspersample not in (1, 2, 4, 8, 16, 32, 64)
    if packed and not _has_imagecodecs():
        return False
    try:
        tifffile.TIFF.DECOMPRESSORS[page.compression]
        tifffile.TIFF.UNPREDICTORS[page.predictor]
    except KeyError:
        return False
    return True


def _check_jpegs(page: tifffile.TiffPage) -> None:
    """A JPEG is unpacked in the size that it says itself."""
    width, rows = (page.tilewidth, page.tilelength) if page.is_tiled else (page.imagewidth, page.imagelength)
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        page.parent.filehandle.seek(offset)
        frame = frame_of(page.parent.filehandle.read(count), 0, any_precision=True)
        if frame is not None and frame[0] * frame[1] > (width + 16) * (rows + 16):
            raise UnreadableImage("damaged TIFF (a strip or tile is larger than it says)")


def _check_inflated(page: tifffile.TiffPage) -> None:
    """Without imagecodecs tifffile unpacks a strip or tile whole, whatever it becomes: one that is larger than it says is refused."""
    if page.compression == 1:
        return
    assert page.dtype is not None
    rows = page.tilelength if page.is_tiled else page.rowsperstrip
    width = page.tilewidth if page.is_tiled else page.imagewidth
    samples = page.samplesperpixel if page.planarconfig == 1 else 1
    expected = rows * width * samples * page.dtype.itemsize
    handle = page.parent.filehandle
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        handle.seek(offset)
        packed = handle.read(count)
        if page.compression in _DEFLATE:
            unpacker = zlib.decompressobj()
            unpacker.decompress(packed, expected + 1)
            if unpacker.unconsumed_tail:
                raise UnreadableImage("damaged TIFF (a strip or tile is larger than it says)")
        elif page.compression == _PACKBITS and 64 * count > 2 * expected + 2**16:
            raise UnreadableImage("damaged TIFF (a strip or tile is larger than it says)")
        elif page.compression != _PACKBITS:
            raise _MissingCodec(page)
