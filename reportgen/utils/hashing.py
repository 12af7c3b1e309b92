"""Hashes that name things: files by their bytes, settings by their canonical JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from reportgen.utils.untrusted_files import opened


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    stat = path.stat()
    return _file_sha256(path, (stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size))


# So many files are read once where a run asks for their hashes twice, before it begins and when it comes to them.
@lru_cache(maxsize=1 << 17)
def _file_sha256(path: Path, _state: tuple[int, ...]) -> str:
    with opened(path) as file:
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value's canonical form (sorted keys, no spaces), hexadecimal.

    Raises:
        TypeError: the value is not plain JSON data, so its hash would depend on how it prints.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_each(values: Iterable[Any]) -> str:
    """SHA-256 of JSON values one after another, each in its canonical form; no two are held at once.

    Raises:
        TypeError: as `digest_of`.
    """
    digest = hashlib.sha256()
    for value in values:
        digest.update(digest_of(value).encode())
    return digest.hexdigest()


def seed_from(*parts: str | int) -> int:
    """A seed in [0, 2**32) from what identifies a random draw, for example the run's seed and an image's hash."""
    return int(digest_of([str(part) for part in parts])[:8], 16)
