"""One result as it lies in a store: its values, and its arrays where it has some, in two files.

    <2>/<key>.json           {"sha256": of all that follows, "key", "arrays": null or {file, sha256, of}, "values"}
    <2>/<key>-<16>.npz       the arrays, by the numbers that the values call them by; <16>: from its own SHA-256

The arrays are written first and the values last, so an entry is whole or absent. Who writes another result under the same key
(two machines round differently) writes other arrays beside these, never over them: values and arrays always belong together.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reportgen.storage.codec import json_bytes, npz, read_npz, taken_apart
from reportgen.storage.unread import UnreadArray

_PREFIX = b'{"sha256": "'
_REST = len(_PREFIX) + 64  # where begins what the hash is of
_SHA256 = re.compile(r"[0-9a-f]{64}")  # a part of a file's name


class DamagedEntry(ValueError):
    """The bytes are not those that were written under this name: cut, edited, or another's."""


@dataclass(frozen=True)
class Packed:
    """The two files of a result, by their names; `arrays` is None where it has none."""

    values: tuple[str, bytes]
    arrays: tuple[str, bytes] | None


@dataclass(frozen=True)
class ReadValues:
    """What the file of values says.

    Attributes:
        values: as `codec.taken_apart` returned them.
        unread: by its number what stands for each array.
        arrays_file: the name of the file of arrays, and its SHA-256; None where there are none.
    """

    values: object
    unread: Mapping[str, UnreadArray]
    arrays_file: tuple[str, str] | None


def values_name(key: str) -> str:
    """The file of values under a key, as a path below the store."""
    return f"{key[:2]}/{key}.json"


def arrays_name(key: str, sha256: str) -> str:
    """The file of arrays of this SHA-256 under a key, as a path below the store."""
    return f"{key[:2]}/{key}-{sha256[:16]}.npz"


def pack(key: str, result: object) -> Packed:
    """A result, a frozen dataclass (`reportgen.storage.codec`), as its files.

    Raises:
        ValueError: it holds a number that is not finite, or something that is neither value nor array.
    """
    values, arrays = taken_apart(result)
    about, file = None, None
    if arrays:
        data = npz(arrays)
        sha256 = hashlib.sha256(data).hexdigest()
        file = (arrays_name(key, sha256), data)
        about = {"sha256": sha256, "of": {name: [a.dtype.str, a.shape] for name, a in arrays.items()}}
    # One JSON object; the hash is of the bytes behind it.
    rest = b'", ' + json_bytes({"key": key, "arrays": about, "values": values})[1:]
    own = hashlib.sha256(rest).hexdigest().encode()
    return Packed((values_name(key), _PREFIX + own + rest), file)


def read_values(key: str, data: bytes) -> ReadValues:
    """What the file of values under `key` says.

    Raises:
        DamagedEntry: it is not as it was written, or of another key.
    """
    if (
        data[: len(_PREFIX)] != _PREFIX
        or hashlib.sha256(data[_REST:]).hexdigest().encode() != data[len(_PREFIX) : _REST]
    ):
        raise DamagedEntry(key)
    try:
        found = json.loads(data)
        if found["key"] != key:
            raise DamagedEntry(key)
        about = found["arrays"]
        if about is None:
            return ReadValues(found["values"], {}, None)
        unread = {name: UnreadArray(np.dtype(dtype), tuple(shape)) for name, (dtype, shape) in about["of"].items()}
        if not _SHA256.fullmatch(about["sha256"]):
            raise DamagedEntry(key)
        return ReadValues(found["values"], unread, (arrays_name(key, about["sha256"]), about["sha256"]))
    except Exception as error:  # somebody made up JSON, and a hash that fits: nearly anything
        raise DamagedEntry(key) from error


def read_arrays(data: bytes, sha256: str) -> dict[str, np.ndarray]:
    """The arrays in the bytes of their file.

    Raises:
        DamagedEntry: they are not those of this SHA-256.
        Exception: nearly anything, where somebody made up a file that is none, and its hash.
    """
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DamagedEntry(sha256)
    return read_npz(data)
