"""A picture of any format: decoded, or one reason why not. Within, decoders may raise anything; time and memory are what is looked at."""

from __future__ import annotations

from pathlib import Path

from fuzz.harness import Held, refused, require_line
from reportgen.images.decode import UnreadableImage, read_image
from reportgen.images.files import InputFile
from reportgen.images.formats import HEAD_BYTES, format_of

READERS = ("reportgen/images/decode.py", "reportgen/images/decoding", "reportgen/images/formats.py")
# Memory follows it, 22 bytes a pixel at the most (SECURITY.md): 2 GB are 25 times what this may take.
MAX_PIXELS = 4_000_000


def one(data: bytes) -> None:
    # By content, but for TGA, which is known by its name alone.
    name = "a.jpg" if format_of(data[:HEAD_BYTES], "a.jpg") else "a.tga"
    with refused(UnreadableImage):
        image = read_image(InputFile(name, Path(name), Held(data)), MAX_PIXELS)
        height, width, channels = image.pixels.shape
        assert channels == 3 and 0 < height * width <= MAX_PIXELS and image.pixels.dtype == "uint8"
        for remark in image.remarks:
            require_line(remark.text)
