"""Pictures inside a notebook's HTML: small copies as data URIs, of files below the run folder alone, and only so many."""

from __future__ import annotations

import io
from base64 import b64encode
from pathlib import Path

from PIL import Image

from reportgen.rendering.plain import Plain
from reportgen.rendering.sources import inside
from reportgen.report.blocks import Picture
from reportgen.utils.errors import UsageError
from reportgen.utils.untrusted_files import read_at_most

# A run folder may come from anybody: no larger file is read, and no larger picture unpacked.
MOST_FILE_BYTES = 16 * 2**20
MOST_PIXELS = 40_000_000
# A chart of many points is no longer small; it stands in the report.
MOST_SVG_BYTES = 300_000
QUALITY = 80
RASTER = {".jpg", ".jpeg", ".png"}


class Pictures:
    """The pictures of one output, until there are too many or they weigh too much."""

    def __init__(self, folder: Path | None, *, most: int, most_bytes: int) -> None:
        """Args: folder: of the run; most, most_bytes: how many pictures are shown, and how large they may be together."""
        self._folder, self._count, self._bytes = folder, most, most_bytes

    def shown(self, picture: Picture, side: int) -> Plain:
        """`uri`, `alt`, `label` of a picture whose longer side has at most `side` pixels; `uri` is empty where it is left out."""
        data, kind = b"", ""
        if self._folder is not None and self._count > 0:
            data, kind = _small(inside(self._folder, picture.file), side)
        if not data or len(data) > self._bytes:
            return {"uri": "", "alt": picture.alt, "label": picture.label, "chart": False}
        self._count, self._bytes = self._count - 1, self._bytes - len(data)
        return {"uri": _uri(data, kind), "alt": picture.alt, "label": picture.label, "chart": kind == "image/svg+xml"}


def inlined(image: Image.Image, alt: str, label: str) -> Plain:
    """A picture that lies in no folder, as `Pictures.shown` gives those that do."""
    return {"uri": _uri(_jpeg(image), "image/jpeg"), "alt": alt, "label": label, "chart": False}


def _small(path: Path | None, side: int) -> tuple[bytes, str]:
    """A picture's bytes and media type, no larger than asked; nothing where it cannot be shown."""
    suffix = path.suffix.lower() if path is not None else ""
    if path is None or suffix not in {*RASTER, ".svg"}:
        return b"", ""
    try:
        data = read_at_most(path, MOST_FILE_BYTES)
    except UsageError:
        return b"", ""
    if suffix == ".svg":
        # As a picture an SVG runs no script and loads nothing.
        return (data, "image/svg+xml") if len(data) <= MOST_SVG_BYTES else (b"", "")
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            if image.width * image.height > MOST_PIXELS:
                return b"", ""
            image.draft("RGB", (side, side))
            small = image.convert("RGB")
    except Exception:  # decoders meeting hostile bytes raise nearly anything; the page says what the picture is of
        return b"", ""
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _jpeg(small), "image/jpeg"


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{b64encode(data).decode('ascii')}"
