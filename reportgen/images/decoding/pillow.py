"""What Pillow reads, with Pillow: guarded, silent, upright, and of an animation the first frame that shows something."""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
from PIL import Image, ImageOps
from PIL import ImageFile as PillowFile
from PIL.TiffImagePlugin import TiffImageFile

from reportgen.images.decoding.colours import is_transparent, to_srgb
from reportgen.images.decoding.source import Source, UnreadableImage, remark_structure
from reportgen.utils.concurrency import PROCESS_WIDE

ToSrgb = Callable[[Image.Image, Source], Image.Image]

_TILE_WIDTH, _TILE_LENGTH = 322, 323  # TIFF tags
_ORIENTATION = 274
_ANIMATIONS = ("GIF", "PNG", "WEBP", "AVIF")
# Frames of an animation that are looked at for one that is not blank, and pixels of them in all.
_MOST_FRAMES, _MOST_FRAME_PIXELS = 100, 200_000_000
_LOGGERS = ("tifffile", "pydicom")


@contextmanager
def guarded_pillow() -> Iterator[None]:
    """Pillow's switches for one decode at a time: silent, strict about truncation, no pixel limit but our own."""
    with PROCESS_WIDE, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        saved = Image.MAX_IMAGE_PIXELS, PillowFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS, PillowFile.LOAD_TRUNCATED_IMAGES = None, False
        loggers = [(logger, logger.disabled) for logger in map(logging.getLogger, _LOGGERS)]
        for logger, _ in loggers:
            logger.disabled = True
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, PillowFile.LOAD_TRUNCATED_IMAGES = saved
            for logger, disabled in loggers:
                logger.disabled = disabled


@contextmanager
def quiet_standard_error() -> Iterator[None]:
    """libtiff and others write about damage straight to file descriptor 2, where no Python filter sees it."""
    try:
        kept = os.dup(2)
    except OSError:  # a service may run without one
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)


def read_with_pillow(
    source: Source,
    formats: tuple[str, ...],
    *,
    page: int = 0,
    orientation: int | None = None,
    convert: ToSrgb = to_srgb,
) -> np.ndarray:
    """(H, W, 3) uint8.

    Args:
        formats: Pillow's names of those that the bytes may have.
        page: of a file of several; an animation is looked through only from its first frame.
        orientation: 1 to 8 as in EXIF, instead of what the image says itself.
        convert: from the decoded, upright image to mode RGB.

    Raises:
        UnreadableImage: too large.
        Exception: nearly anything, where the bytes are damaged.
    """
    with Image.open(io.BytesIO(source.data), formats=formats) as image:
        if page:
            image.seek(page)
        source.check_size(*image.size)
        _check_tile(image, source.max_pixels)
        image.load()
        if image.format in _ANIMATIONS and getattr(image, "is_animated", False) and _is_blank(image):
            shows = _first_that_shows(source, formats)
            if shows:
                text = f"Its first frame is blank; frame {shows + 1} was read, the first that shows something."
                source.remark("blank-first-frame", "First frame blank", text)
                image.seek(shows)
                image.load()
        if orientation is not None:
            image.info.pop("xmp", None)
            image.getexif()[_ORIENTATION] = orientation
        return upright(image, source, convert)


def upright(image: Image.Image, source: Source, convert: ToSrgb = to_srgb) -> np.ndarray:
    """(H, W, 3) uint8 of a loaded image, turned as it says in place; one in which nothing can be explained is remarked."""
    with suppress(Exception):  # a broken EXIF block: turned if it could be read that far
        ImageOps.exif_transpose(image, in_place=True)
    pixels = np.array(convert(image, source))
    remark_structure(source, pixels, is_transparent(image))
    return pixels


def _check_tile(image: Image.Image, max_pixels: int) -> None:
    """A tile of a TIFF is unpacked whole, however small the image that it belongs to."""
    if isinstance(image, TiffImageFile):
        check_tile(image.tag_v2.get(_TILE_WIDTH, 1), image.tag_v2.get(_TILE_LENGTH, 1), max_pixels)


def check_tile(width: object, length: object, max_pixels: int) -> None:
    """Raises: UnreadableImage: a tile of a TIFF that is larger than an image may be."""
    if not isinstance(width, int) or not isinstance(length, int) or width * length > max_pixels:
        raise UnreadableImage(f"a tile of {width} x {length} pixels is more than max_pixels = {max_pixels}")


def _first_that_shows(source: Source, formats: tuple[str, ...]) -> int:
    """The first frame that is neither of one colour nor transparent; 0 where none of those that are looked at is."""
    with suppress(Exception), Image.open(io.BytesIO(source.data), formats=formats) as image:  # damaged, or at its end
        for frame in range(min(_MOST_FRAMES, max(2, _MOST_FRAME_PIXELS // (image.width * image.height)))):
            image.seek(frame)
            image.load()
            if not _is_blank(image):
                return frame
    return 0


def _is_blank(image: Image.Image) -> bool:
    pixels = np.asarray(image.convert("RGBA"))
    visible = pixels[..., 3] > 0
    return not visible.any() or bool((pixels == pixels[0, 0]).all())
