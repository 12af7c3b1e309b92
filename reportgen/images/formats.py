"""Which file is an image, by its first bytes; and what to say of one that is none."""

from __future__ import annotations

import codecs
import re
from pathlib import PurePosixPath

# What a message names of all that is read.
READ = "JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC, AVIF or another kind of picture"
RAW_EXTENSIONS = frozenset(
    {".nef", ".nrw", ".dng", ".cr2", ".cr3", ".arw", ".srf", ".sr2"}
    | {".raf", ".orf", ".rw2", ".pef", ".srw", ".3fr", ".iiq", ".dcr"}
)
EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp", ".dib", ".gif"}
    | {".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".j2k", ".jpf", ".jpx", ".j2c"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico", ".dcm", ".dicom"}
    | RAW_EXTENSIONS
)
# Photographs too, in formats that are not read: they must not vanish in silence.
UNREAD_EXTENSIONS = frozenset({".psd", ".x3f", ".mrw", ".exr"})
_RAW = "camera raw"
_JP2 = "JPEG 2000"
_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cjP  \r\n\x87\n": _JP2,
    b"\xff\x4f\xff\x51": _JP2,
    b"FUJIFILMCCD-RAW": _RAW,
    b"IIRO": _RAW,
    b"IIRS": _RAW,
    b"MMOR": _RAW,
    b"IIU\0": _RAW,
}
# Brands of files built of boxes (ISO/IEC 14496-12).
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_BMP_HEADER_SIZES = frozenset({12, 40, 52, 56, 64, 108, 124})
_PNM = re.compile(rb"P[1-6](?:\s|#[^\r\n]*[\r\n])+\d+(?:\s|#[^\r\n]*[\r\n])+\d+\s")
_TGA_TYPES = frozenset({1, 2, 3, 9, 10, 11})
_OTHERS = {
    b"8BPS": "a Photoshop document: export it as PNG or JPEG",
    b"%PDF": "a PDF: export its pictures as PNG or JPEG",
    b"FOVb": "a camera raw of Sigma's, which is not read: export it as JPEG or TIFF",
    b"\0MRM": "a camera raw of Minolta's, which is not read: export it as JPEG or TIFF",
    b"\x76\x2f\x31\x01": "an OpenEXR picture, which is not read: export it as PNG or TIFF",
    b"DDS ": "a DDS texture, which is not read: export it as PNG",
    b"PK\x03\x04": "not an image (a zip archive or an office document)",
}
HEAD_BYTES = 512


def format_of(head: bytes, name: str = "") -> str | None:
    """The image format that a file's first bytes announce; of TGA, which announces nothing, the extension of its `name`."""
    known = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
    if known is not None:
        return known
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    # Two letters are no evidence: "BM" also opens a text about BMW.
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    if head[128:132] == b"DICM":
        return "DICOM"
    if head[4:8] == b"ftyp":
        return _of_boxes(head)
    if _PNM.match(head):
        return "PNM"
    if _is_icon(head):
        return "ICO"
    return "TGA" if PurePosixPath(name).suffix.lower() == ".tga" and _may_be_tga(head) else None


def what_instead(head: bytes) -> str:
    if not head:
        return "empty file"
    other = next((words for magic, words in _OTHERS.items() if head.startswith(magic)), None)
    if other is not None:
        return other
    if head[4:8] == b"ftyp" or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return "not an image that reportgen reads (looks like a film): save a picture of it as JPEG or PNG"
    if _is_text(head):
        return "not an image (looks like text)"
    return f"not a {READ}"


def _of_boxes(head: bytes) -> str | None:
    """HEIC, AVIF or Canon's raw by the brands of the file; a general brand says which it is among those that it is compatible with."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))]
    for brand in brands:
        if brand in _HEIC_BRANDS:
            return "HEIC"
        if brand in _AVIF_BRANDS:
            return "AVIF"
        if brand == b"crx ":
            return _RAW
    return "HEIC" if brands[0] in (b"mif1", b"msf1") else None


def _is_icon(head: bytes) -> bool:
    """By the first entry of its directory too: four bytes are little evidence."""
    count, size, at = (int.from_bytes(head[start:stop], "little") for start, stop in ((4, 6), (14, 18), (18, 22)))
    return head[:4] == b"\0\0\1\0" and 1 <= count <= 256 and head[9:10] == b"\0" and size > 0 and at >= 6 + 16 * count


def _may_be_tga(head: bytes) -> bool:
    """Whether the header is one that a TGA can have; it has no mark."""
    if len(head) < 18 or head[1] not in (0, 1) or head[2] not in _TGA_TYPES or head[16] not in (8, 15, 16, 24, 32):
        return False
    return all(int.from_bytes(head[at : at + 2], "little") for at in (12, 14))


def _is_text(head: bytes) -> bool:
    try:  # not final: the last character may be cut
        return "\0" not in codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
