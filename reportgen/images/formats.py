"""Which file is an image, by its first bytes; and what to say of one that is none."""

from __future__ import annotations

import codecs

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
EXTENSIONS = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"})
# Photographs too, in formats that are not read: a folder of a phone's HEIC files must not vanish in silence.
UNREAD_EXTENSIONS = frozenset({".heic", ".heif", ".avif", ".jxl", ".jp2"})
_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
_BMP_HEADER_SIZES = frozenset({12, 40, 52, 56, 64, 108, 124})
HEAD_BYTES = 512


def format_of(head: bytes) -> str | None:
    """The image format that a file's first bytes announce."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    # Two letters are no evidence: "BM" also opens a text about BMW.
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


def what_instead(head: bytes) -> str:
    if not head:
        return "empty file"
    if head[4:8] == b"ftyp":
        return "not an image that reportgen reads (looks like HEIC, AVIF or a film): save it as JPEG or PNG"
    if _is_text(head):
        return "not an image (looks like text)"
    return "not a JPEG, PNG, WebP, TIFF, BMP or GIF image"


def _is_text(head: bytes) -> bool:
    try:  # not final: the last character may be cut
        return "\0" not in codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
