"""A result in a store that strangers write, values and arrays in one input: hashes fit, since whoever makes one up makes up its hash."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from fuzz.harness import changed_json, joined, parted
from reportgen.storage.codec import Array
from reportgen.storage.store import Store
from reportgen.utils.hashing import digest_of

READERS = ("reportgen/storage/entry.py", "reportgen/storage/store.py", "reportgen/storage/codec.py")
KEY = digest_of("fuzz")
_HASH = re.compile(rb'\A\{"sha256": "[^"]{64}')


@dataclass(frozen=True)
class Part:
    weights: tuple[tuple[int, float], ...]
    map: Array


@dataclass(frozen=True)
class Kept:
    """A result with everything that one may hold."""

    iou: float
    none: str | None
    names: tuple[str, ...]
    parts: Mapping[str, Part]
    mask: Array


class _Blobs:
    """Where the bytes lie: here."""

    def __init__(self, values: bytes, arrays: bytes | None) -> None:
        self._values, self._arrays = values, arrays

    def read(self, name: str) -> bytes | None:
        return self._values if name.endswith(".json") else self._arrays

    def used(self, name: str) -> None: ...


def one(data: bytes) -> None:
    files = parted(data)
    arrays = files.get("arrays")
    values = sealed(files.get("values", data), arrays)
    store = Store(_Blobs(values, arrays))  # type: ignore[arg-type]  # nothing is written
    found = store.values(KEY, Kept)
    assert found is None or isinstance(found.names, tuple)
    store.get(KEY, Kept)


def sealed(values: bytes, arrays: bytes | None) -> bytes:
    """The values with the hashes that their bytes, and those of the arrays, have now."""
    try:
        tree = json.loads(values)
        tree["arrays"]["sha256"] = hashlib.sha256(arrays or b"").hexdigest()
        values = json.dumps({"sha256": "0" * 64, **tree}).encode()
    except (ValueError, KeyError, TypeError, RecursionError):
        pass  # no values that name arrays
    start = _HASH.match(values)
    rest = values[start.end() :] if start else b'", ' + values[1:]
    return b'{"sha256": "' + hashlib.sha256(rest).hexdigest().encode() + rest


def CHANGE(data: bytes, chance: random.Random) -> bytes:
    files = parted(data)
    if "values" not in files:
        return data
    return joined({**files, "values": changed_json(files["values"], chance)})
