"""An image's name -> its folder in a run: unique, and safe on any file system."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

_SAFE_SLUG = re.compile(r"[A-Za-z0-9_-]([A-Za-z0-9._-]{0,78}[A-Za-z0-9_-])?")
# Digits of the digest in a slug; 64 only where 8 clash, which takes a forger.
_DIGEST_LENGTHS = (8, 64)
_ENDS_LIKE_DIGEST = re.compile(r".*-(?:[0-9a-f]{8}|[0-9a-f]{64})", re.IGNORECASE)
_WINDOWS_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE | re.ASCII)


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Image name -> folder name: one path component, at most 80 of `[A-Za-z0-9._-]`, no leading dot.

    A slug is the file's stem where that is safe on any file system and no other image has it, whatever the
    case. Every other is the sanitised stem, `-`, and the first 8 hex digits of the name's SHA-256 (all 64, for
    every such slug, where 8 clash). A stem that ends like that counts as unsafe: no file can pose as another.
    The slugs of one set of names are unique, whatever the case, and do not depend on their order.
    """
    stems = {name: PurePosixPath(name).stem for name in names}
    uses = Counter(stem.casefold() for stem in stems.values())
    plain = {name: stem for name, stem in stems.items() if uses[stem.casefold()] == 1 and _is_safe(stem)}
    for digits in _DIGEST_LENGTHS:
        marked = {name: _marked(name, stem, digits) for name, stem in stems.items() if name not in plain}
        if len({slug.casefold() for slug in marked.values()}) == len(marked):
            break
    return {name: plain.get(name) or marked[name] for name in stems}


def _is_safe(stem: str) -> bool:
    unsafe = _WINDOWS_DEVICE.fullmatch(stem) or _ENDS_LIKE_DIGEST.fullmatch(stem)
    return bool(_SAFE_SLUG.fullmatch(stem)) and not unsafe


def _marked(name: str, stem: str, digits: int) -> str:
    ascii_stem = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    clean = re.sub(r"[^A-Za-z0-9._-]+", "_", ascii_stem).lstrip(".") or "image"
    if _WINDOWS_DEVICE.fullmatch(clean):
        clean = f"_{clean}"
    return f"{clean[: 79 - digits]}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:digits]}"
