"""What every decoder is given and gives: the bytes of a picture, how it is to be read, and what was noticed of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from reportgen.images.files import UnreadableFile

if TYPE_CHECKING:
    from reportgen.settings.model import Settings

# A changed decoder gives other pixels: results of the former one are not used again.
DECODING_VERSION = "2"

SampleRange = Literal["declared", "auto"] | int


class UnreadableImage(UnreadableFile):
    """A file that cannot be decoded."""


@dataclass(frozen=True)
class PictureRemark:
    """What a reader must know of how one picture was read.

    Attributes:
        code: for programs; name: the words for it; text: one sentence.
        refusal: the reason for which the picture is skipped where settings are strict; empty: it is read all the same.
    """

    code: str
    name: str
    text: str
    refusal: str = ""


@dataclass(frozen=True)
class Reading:
    """How pictures are read, where that is a choice.

    Attributes:
        range: of 16-bit channels whose range the file does not declare (setting `images.range`).
        strict: whether a picture of which something is missing is skipped.
    """

    range: SampleRange = "declared"
    strict: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Reading:
        return cls(settings.images.range, settings.strict)

    @property
    def identity(self) -> list[str]:
        """What the pixels of a picture follow from, besides its bytes."""
        return [DECODING_VERSION, str(self.range)]


@dataclass(frozen=True)
class Source:
    """One picture under way.

    Attributes:
        data: the bytes of its file.
        max_pixels: width times height of the largest image that is decoded.
        remarks: filled by the decoders.
    """

    data: bytes
    max_pixels: int
    reading: Reading = Reading()
    remarks: list[PictureRemark] = field(default_factory=list)

    def remark(self, code: str, name: str, text: str, refusal: str = "") -> None:
        self.remarks.append(PictureRemark(code, name, text, refusal))

    def check_size(self, width: int, height: int) -> None:
        """Raises: UnreadableImage: a decompression bomb, or no picture at all."""
        if width * height > self.max_pixels:
            raise UnreadableImage(f"{width} x {height} pixels are more than max_pixels = {self.max_pixels}")
        if width < 1 or height < 1:
            raise UnreadableImage("it has no pixels")

    def other(self, data: bytes) -> Source:
        """Another picture's bytes, read as this one's; both share their remarks."""
        return Source(data, self.max_pixels, self.reading, self.remarks)


def require_whole(remarks: Iterable[PictureRemark], strict: bool) -> None:
    """Raises: UnreadableImage: with strict settings the picture is skipped for what was remarked of it."""
    for remark in remarks:
        if strict and remark.refusal:
            raise UnreadableImage(remark.refusal)


def remark_structure(source: Source, pixels: np.ndarray, transparent: bool) -> None:
    """Remark a picture in which nothing can be explained: (H, W, 3) uint8, and whether all of it was transparent."""
    height, width = pixels.shape[:2]
    size = f"{width} x {height} pixel" + ("s" if width * height > 1 else "")
    if transparent:
        what = f"It is transparent throughout ({size})"
    elif (pixels[0] == pixels[0, 0]).all() and (pixels == pixels[0, 0]).all():
        what = f"It has one colour throughout ({size})"
    elif min(width, height) < _SMALLEST_SIDE:
        what = f"It has only {size}"
    else:
        return
    text = f"{what}: there is nothing to explain in it, whatever the maps show."
    source.remark("picture-without-structure", "Picture without structure", text)


# Pixels: what is smaller is stretched into the frame by more than a factor of twenty, and shows nothing of an object.
_SMALLEST_SIDE = 8
