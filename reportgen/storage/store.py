"""The store of results, named by what made them; `reportgen.storage.entry` says what lies in it.

A write is whole or absent, so a reader sees all of a result or none, and two runs may share a store.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from reportgen.storage.blobs import Blobs, FolderBlobs
from reportgen.storage.codec import Arrays, put_together
from reportgen.storage.entry import ReadValues, pack, read_arrays, read_values, values_name
from reportgen.utils.secrets import shown_address

R = TypeVar("R")

STORE_VARIABLE = "REPORTGEN_STORE"


def cache_folder() -> Path:
    """The user's cache folder for reportgen; REPORTGEN_CACHE_DIR moves it."""
    own = os.environ.get("REPORTGEN_CACHE_DIR")
    if own:
        return Path(own).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("reportgen", appauthor=False)


def chosen_store(given: str | Path | None) -> str | Path | None:
    """Where results are kept instead of the cache folder: what was given, or REPORTGEN_STORE; None: nowhere else."""
    return given or os.environ.get(STORE_VARIABLE) or None


def shown_store(given: str | Path | None) -> str:
    """Where results are kept, in words for the terminal: an address without its secrets."""
    place = chosen_store(given)
    return str(cache_folder()) if place is None else shown_address(str(place))


class Store:
    """Results by key. A key is the hash of everything that made the result; nothing is ever renamed or edited.

    Several threads may use one, and it may be sent to another process or machine, where it is the same store.
    """

    def __init__(self, at: Path | Blobs) -> None:
        """Args: at: the folder of results in the cache, which forgets what is not used; or where else (`blobs_at`)."""
        self._blobs: Blobs = FolderBlobs(at) if isinstance(at, Path) else at

    def require_usable(self) -> None:
        """Look, before any work, whether it can be written and read.

        Raises:
            ReportgenError: one line with the place, and what is wrong there.
        """
        self._blobs.require_usable()

    def get(self, key: str, kind: type[R]) -> R | None:
        """The result, a `kind`, under `key`, with its arrays.

        None where there is none, or where it is not what was written there (cut, edited, another's) or of another shape: it is
        to be made again.
        """
        found = self._read(key)
        if found is None or found.arrays_file is None:
            return None if found is None else self._made(key, found, {}, kind)
        name, sha256 = found.arrays_file
        data = self._blobs.read(name)
        try:
            arrays = None if data is None else read_arrays(data, sha256)
        except Exception:  # bytes that are no arrays make numpy raise nearly anything
            return None
        return None if arrays is None else self._made(key, found, arrays, kind)

    def values(self, key: str, kind: type[R]) -> R | None:
        """As `get`, without the arrays, of which no byte is read: an `UnreadArray` stands for each, and raises where it is used.

        Whether the arrays are as they were written is seen only by `get`.
        """
        found = self._read(key)
        return None if found is None else self._made(key, found, found.unread, kind)

    def put(self, key: str, result: object) -> None:
        """Keep `result`, a frozen dataclass (`reportgen.storage.codec`), under `key`.

        Raises:
            ReportgenError: it cannot be written.
            ValueError: it holds a number that is not finite, or something that is neither value nor array.
        """
        packed = pack(key, result)
        if packed.arrays is not None:
            self._blobs.write(*packed.arrays)
        self._blobs.write(*packed.values)

    def _read(self, key: str) -> ReadValues | None:
        data = self._blobs.read(values_name(key))
        try:
            return None if data is None else read_values(key, data)
        except ValueError:
            return None

    def _made(self, key: str, found: ReadValues, arrays: Arrays, kind: type[R]) -> R | None:
        try:
            made = put_together(found.values, arrays, kind)
        except Exception:  # of another shape
            return None
        self._blobs.used(values_name(key))
        return made
