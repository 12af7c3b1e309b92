"""Text of bytes: which Unicode encoding a file is in, by the mark at its beginning, and names of files that are no text."""

from __future__ import annotations

import codecs

# Longer marks first: UTF-32's begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def unicode_encoding(data: bytes) -> str:
    """Python's name of the encoding that a byte order mark says; UTF-8 where there is none."""
    return next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")


def as_text(name: str) -> str:
    """A file's name as valid text, the same in any locale: bytes of it that are no UTF-8 are written as `\\xff`."""
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a character, of which Windows makes names too
        return name.encode("utf-8", "backslashreplace").decode()
