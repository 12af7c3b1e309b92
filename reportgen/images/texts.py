"""The text of a stranger's file, whatever encoding it was saved in; or why there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.utils.encodings import unicode_encoding

# charset-normalizer's measure of disorder; above it what it finds is a guess.
_MOST_DISORDER = 0.1
# So much of a file is enough to tell its encoding by.
_SAMPLE = 64 * 2**10
# A larger file is read in one way alone: each further reading is a copy of it.
_MOST_BYTES_TWICE, _MOST_READINGS = 4 * 2**20, 12
# What spreadsheets save in, after the countries that they are sold in. Short texts fit many of them.
_COMMON = ("cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp932", "gb18030", "big5", "cp949", "mac_roman", "cp850")
_NOT_TEXT = (b"bplist", b"PK\3\4", b"\x1f\x8b", b"%PDF", b"\x89", b"\xff\xd8")
# Whether a line is ASCII is asked afterwards: a pattern that looks for a byte would begin anew at each place of a line without one.
_LINE = re.compile(rb"[^\r\n]+[\r\n]*")


def text_in(file: InputFile) -> str:
    """The text of a file (`text_of`).

    Raises:
        UnreadableFile: it cannot be read, or is no text.
    """
    return text_of(file.read())


def text_of(data: bytes) -> str:
    """The likeliest of the `readings`.

    Raises:
        UnreadableFile: it is no text, or in an encoding that cannot be told.
    """
    return next(readings(data))


def readings(data: bytes, *, unsure: bool = False) -> Iterator[str]:
    """The text by its byte order mark, as UTF-8, as UTF-16 without a mark; else what it is in legacy encodings.

    Those differ in few letters, and a short text does not tell them apart: the first is what charset-normalizer finds, the
    others are for a reader that knows which words it looks for.

    Args:
        unsure: also those in which charset-normalizer finds too much disorder.

    Raises:
        UnreadableFile: it is no text, or in an encoding that cannot be told.
    """
    encoding = unicode_encoding(data)
    if encoding == "utf-8":
        encoding = _unmarked_utf16(data) or encoding
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        yield from _legacy(data, unsure)
        return
    if "\0" in text:
        raise UnreadableFile("not a text file")
    yield text


def _unmarked_utf16(data: bytes) -> str | None:
    """UTF-16 by the zeros beside its ASCII; None where there are few, or as many on either side."""
    sample = data[: _SAMPLE - _SAMPLE % 2]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if len(data) % 2 or max(even, odd) * 4 < len(sample) // 2 or min(even, odd) * 10 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _legacy(data: bytes, unsure: bool) -> Iterator[str]:
    if data.startswith(_NOT_TEXT) or b"\0" in data[:_SAMPLE]:
        raise UnreadableFile("not a text file")
    made: list[str] = []
    for encoding in _sure_encodings(data) or (_COMMON if unsure else ()):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if text not in made and "\0" not in text:
            made.append(text)
            yield text
        if len(made) == _MOST_READINGS or len(data) > _MOST_BYTES_TWICE:
            return
    if not made:
        raise UnreadableFile("text in an encoding that cannot be told; save it as UTF-8")


def _sure_encodings(data: bytes) -> list[str]:
    """Those that charset-normalizer thinks possible, the likeliest first, then the common ones; none where it is not sure of any."""
    from charset_normalizer import from_bytes  # loads for 50 ms, and is seldom needed

    telling = b""
    for line in _LINE.finditer(data):
        if line[0].isascii():
            continue
        telling += line[0][:_SAMPLE]
        if len(telling) >= _SAMPLE:
            break
    found = from_bytes(telling).best()
    if found is None or found.chaos > _MOST_DISORDER:
        return []
    # Encodings that read the text alike count as one; of those Windows' own is named, which has what others lack.
    alike = [found.encoding, *found.could_be_from_charset]
    return list(dict.fromkeys([*(name for name in _COMMON if name in alike), *alike, *_COMMON]))
