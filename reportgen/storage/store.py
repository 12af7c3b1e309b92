"""Two kinds of disk: the store of results, named by what made them, and the folder of one run.

A write is a temporary file and a rename, so a reader sees all of a file or none, and two runs may share a store.
"""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from reportgen.storage.cache import touch
from reportgen.utils.files import write_file

VALUES = "values.json"  # no analysis names an array like this


@dataclass(frozen=True)
class Result:
    """What one map call found: JSON values, and arrays by name. Small: it is kept on disk for every image."""

    values: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


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

    def get(self, key: str) -> Result | None:
        """The result under `key`; None where there is none, or where its file does not read back whole."""
        path = self._path(key)
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            values = json.loads(arrays.pop(VALUES).tobytes())
        except FileNotFoundError:
            return None
        except Exception:  # damaged bytes make numpy raise nearly anything: computed again and replaced
            return None
        touch(path)
        return Result(values, arrays)

    def put(self, key: str, result: Result) -> None:
        """Keep `result` under `key`."""
        arrays: dict[str, Any] = dict(result.arrays)
        arrays[VALUES] = np.frombuffer(json.dumps(result.values, allow_nan=False).encode(), np.uint8)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        write_file(self._path(key), buffer.getvalue())

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.npz"
