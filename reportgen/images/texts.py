"""The text of a stranger's file, whatever encoding it was saved in; or why there is none."""

from __future__ import annotations

import codecs

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.utils.encodings import unicode_encoding

# charset-normalizer's measure of disorder; above it what it finds is a guess.
_MOST_DISORDER = 0.1
# So much of a file is enough to tell its encoding by.
_SAMPLE = 64 * 2**10


def text_in(file: InputFile) -> str:
    """The text of a file (`text_of`).

    Raises:
        UnreadableFile: it cannot be read, or is no text.
    """
    return text_of(file.read())


def text_of(data: bytes) -> str:
    """Text by its byte order mark, as UTF-8, as UTF-16 without a mark, else in the legacy encoding that it is surely in.

    Raises:
        UnreadableFile: it is no text, or in an encoding that cannot be told.
    """
    encoding = unicode_encoding(data)
    if encoding == "utf-8":
        encoding = _unmarked_utf16(data) or encoding
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = _legacy(data)
    if "\0" in text:
        raise UnreadableFile("not a text file")
    return text


def _unmarked_utf16(data: bytes) -> str | None:
    """UTF-16 by the zeros beside its ASCII; None where there are none, or not on one side."""
    sample = data[:_SAMPLE]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if len(data) % 2 or max(even, odd) * 4 < len(sample) // 2 or min(even, odd) > 0:
        return None
    return "utf-16-le" if odd else "utf-16-be"


def _legacy(data: bytes) -> str:
    from charset_normalizer import from_bytes  # loads for 50 ms, and is seldom needed

    if data.startswith((b"bplist", b"PK\3\4", b"\x1f\x8b", b"%PDF", b"\x89", b"\xff\xd8")) or b"\0" in data[:_SAMPLE]:
        raise UnreadableFile("not a text file")
    found = from_bytes(data).best()
    if found is None or found.chaos > _MOST_DISORDER:
        raise UnreadableFile("text in an encoding that cannot be told; save it as UTF-8")
    try:
        return codecs.decode(data, found.encoding)
    except UnicodeDecodeError:
        raise UnreadableFile("text in an encoding that cannot be told; save it as UTF-8") from None
