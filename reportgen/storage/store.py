"""The store of results, named by what made them.

A write is a temporary file and a rename, so a reader sees all of a file or none, and two runs may share a store.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from reportgen.storage.cache import touch
from reportgen.storage.codec import decode, encode
from reportgen.utils.files import write_file

R = TypeVar("R")


def cache_folder() -> Path:
    """The user's cache folder for reportgen; REPORTGEN_CACHE_DIR moves it."""
    own = os.environ.get("REPORTGEN_CACHE_DIR")
    if own:
        return Path(own).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("reportgen", appauthor=False)


class Store:
    """Results by key. A key is the hash of everything that made the result; nothing is ever renamed or edited."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str, kind: type[R]) -> R | None:
        """The result, a `kind`, under `key`; None where there is none, or where its file does not read back whole."""
        path = self._path(key)
        try:
            found = decode(path, kind)
        except (
            Exception
        ):  # no file; or damaged bytes, which make numpy raise nearly anything: computed again and replaced
            return None
        touch(path)
        return found

    def put(self, key: str, result: object) -> None:
        """Keep `result`, a frozen dataclass (`reportgen.storage.codec`), under `key`."""
        write_file(self._path(key), encode(result))

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.npz"
