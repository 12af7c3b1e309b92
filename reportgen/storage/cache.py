"""The cache folder as a whole: who is using it, how large it may grow, and what goes first.

    FOLDER/format                  the version of this layout
    FOLDER/results/<2>/<key>*      results (reportgen.storage.store)
    FOLDER/models/<key>/           models converted for the runtime (reportgen.models.runtime)
    FOLDER/.lock                   held shared by every run, exclusively by whoever removes something

What was used last is known by its time of modification: whoever reads an entry touches it.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import ReadWriteLock, Timeout
from pydantic import ByteSize, TypeAdapter, ValidationError

from reportgen.utils.errors import ReportgenError, UsageError
from reportgen.utils.files import PARTIAL, write_file

FORMAT = "1"
LIMIT_VARIABLE = "REPORTGEN_CACHE_LIMIT"
DEFAULT_LIMIT = "5 GB"
_LOCK = ".lock"
# Its values and its arrays; alone an .npz is of an earlier version, is read no more, and goes as what is not used goes.
_RESULT = re.compile(r"([0-9a-f]{64})(?:\.json|-[0-9a-f]{16}\.npz|(\.npz))")
_CONVERSION = re.compile(r"[0-9a-f]{32}")
_DAY_S = 86_400
# Seconds between two looks for Ctrl-C: SQLite's own wait for a lock cannot be interrupted.
_POLL_S = 0.5


@dataclass(frozen=True)
class Entry:
    """One thing that can be removed: the files of a result, or the folder of a converted model.

    Attributes:
        paths: in the order in which they are removed: the sign that it is whole goes first.
        size: bytes, of all of them.
        used: when it was read or written last, seconds since the epoch by the file system's clock.
    """

    paths: tuple[Path, ...]
    kind: str
    size: int
    used: float


@dataclass(frozen=True)
class Totals:
    """How many entries there are, and their bytes."""

    results: int
    models: int
    size: int

    @classmethod
    def of(cls, entries: list[Entry]) -> Totals:
        kinds = [entry.kind for entry in entries]
        return cls(kinds.count("result"), kinds.count("model"), sum(entry.size for entry in entries))


def cache_limit() -> int:
    """How large the cache may grow, bytes: REPORTGEN_CACHE_LIMIT (`500 MB`, `20GB`), or 5 GB.

    Raises:
        UsageError: the variable holds no size.
    """
    text = os.environ.get(LIMIT_VARIABLE) or DEFAULT_LIMIT
    # ByteSize reads the beginning of a text and lets the rest be: "1,5 GB" would be one byte, and empty the cache.
    if text.isascii() and ByteSize.byte_string_re.fullmatch(text.strip()):
        with suppress(ValidationError):
            return TypeAdapter(ByteSize).validate_python(text.strip())
    raise UsageError(f"{LIMIT_VARIABLE} is {text!r}; give a size such as 500 MB or 20 GB")


def readable(size: int) -> str:
    """Bytes as `512 B`, `3.2 MB`."""
    return ByteSize(size).human_readable(decimal=True, separator=" ")


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Work with the cache: nothing is removed from it meanwhile. A block that ends well then brings it under the limit.

    What was used longest ago goes first, never what this block has used. While other runs are at work nothing goes:
    the last of them does it, or, where two end at the same moment and each sees the other, the next run.

    Raises:
        UsageError: the cache was written by another version of reportgen, or the limit is no size.
    """
    limit = cache_limit()
    _require_format(folder)
    lock = _lock_of(folder)
    with _shared(lock):
        since = _file_system_time(folder)
        yield
    # A lock that is shared cannot be made exclusive at once: it is given back first, and whoever comes between goes on.
    with _exclusive(lock) as alone:
        if alone:
            _sweep(folder)
            _shrink(folder, limit, since)


def info(folder: Path) -> Totals:
    """What the cache holds."""
    return Totals.of(list(_entries(folder)))


def clear(folder: Path, older_than_days: float | None = None) -> Totals:
    """Remove every entry, or those that were not used for so many days; returns what was removed.

    Raises:
        UsageError: a run is using the cache.
    """
    if not folder.is_dir():
        return Totals(0, 0, 0)
    with _exclusive(_lock_of(folder)) as alone:
        if not alone:
            raise UsageError(f"{folder}: a run is using this cache; clear it when that has ended")
        _sweep(folder)
        before = _file_system_time(folder) - (older_than_days or 0) * _DAY_S
        removed = [e for e in _entries(folder) if (older_than_days is None or e.used < before) and _remove(e)]
        if older_than_days is None:
            with suppress(OSError):
                (folder / "format").unlink()
    return Totals.of(removed)


def touch(path: Path) -> None:
    """Note that an entry was used now; a cache that cannot be written is none that anything is removed from."""
    with suppress(OSError):
        os.utime(path)


# --- what is there -------------------------------------------------------------------------------


def _require_format(folder: Path) -> None:
    file = folder / "format"
    found: str | None
    try:
        found = file.read_bytes().decode("utf-8", "replace").strip()
    except OSError:
        found = None
    if found is None:
        with suppress(ReportgenError):  # what is wrong is said at the first result
            write_file(file, f"{FORMAT}\n".encode())
    elif found != FORMAT:
        raise UsageError(
            f"{folder}: this cache was written by another version of reportgen (format {found[:20]!r}, not {FORMAT!r}); "
            "empty it with reportgen cache clear, or set REPORTGEN_CACHE_DIR to another folder"
        )


def _entries(folder: Path) -> Iterator[Entry]:
    """Every entry; what does not look like one is not ours to count or to remove."""
    for path in _listed(folder / "results"):
        yield from _results(path) if len(path.name) == 2 else ()
    for path in _listed(folder / "models"):
        meta = path / "meta.json"
        if _CONVERSION.fullmatch(path.name) and not path.is_symlink():
            with suppress(OSError):
                size = sum(file.stat().st_size for file in path.iterdir())
                yield Entry((path,), "model", size, meta.stat().st_mtime)


def _results(folder: Path) -> Iterator[Entry]:
    of_entry: dict[tuple[str, ...], list[tuple[Path, os.stat_result]]] = {}
    for file in _listed(folder):
        found = _RESULT.fullmatch(file.name)
        if found is not None:
            with suppress(OSError):
                of_entry.setdefault(found.groups(default=""), []).append((file, file.stat()))
    for files in of_entry.values():
        files.sort(key=lambda file: file[0].suffix)  # .json, then .npz
        size, used = sum(status.st_size for _, status in files), max(status.st_mtime for _, status in files)
        yield Entry(tuple(path for path, _ in files), "result", size, used)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _shrink(folder: Path, limit: int, since: float) -> None:
    entries = sorted(_entries(folder), key=lambda entry: (entry.used, entry.paths))
    size = sum(entry.size for entry in entries)
    for entry in entries:
        if size <= limit or entry.used >= since:
            break
        if _remove(entry):
            size -= entry.size


def _remove(entry: Entry) -> bool:
    try:
        if entry.kind == "model":
            # The sign of a whole conversion goes first.
            (path,) = entry.paths
            (path / "meta.json").unlink()
            shutil.rmtree(path)
        else:
            for path in entry.paths:
                path.unlink()
    except OSError:
        return False
    return True


def _sweep(folder: Path) -> None:
    """Remove what killed runs left half-written; only for who is alone with the cache."""
    for path in [*_listed(folder), *(p for inner in _listed(folder / "results") for p in _listed(inner))]:
        if path.name.startswith(PARTIAL):
            with suppress(OSError):
                path.unlink()
    for path in _listed(folder / "models"):
        if path.name.startswith(".export-"):
            shutil.rmtree(path, ignore_errors=True)


# --- who is using it -----------------------------------------------------------------------------


def _lock_of(folder: Path) -> ReadWriteLock | None:
    """The cache's lock, which ends with its process, however that ends; None where there can be none.

    A cache that cannot be written cannot shrink either, and a file system without locks (some network drives) leaves it to
    the user to run one command at a time. The lock is an empty SQLite database: nothing else in this process may open the
    file, for closing it would end the lock (POSIX locks belong to the process).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return ReadWriteLock(folder / _LOCK, is_singleton=False)
    except (OSError, sqlite3.Error):
        return None


@contextmanager
def _shared(lock: ReadWriteLock | None) -> Iterator[None]:
    """Hold the lock beside others who share it, waiting for who holds it exclusively."""
    held = False
    while lock is not None and not held:
        try:
            lock.acquire_read(_POLL_S)
            held = True
        except Timeout:
            continue
        except (OSError, sqlite3.Error):
            break
    try:
        yield
    finally:
        if lock is not None and held:
            lock.release()


@contextmanager
def _exclusive(lock: ReadWriteLock | None) -> Iterator[bool]:
    """Try to hold the lock alone, without waiting; False where somebody else holds it. True also where there is no lock."""
    if lock is None:
        yield True
        return
    try:
        lock.acquire_write(blocking=False)
    except Timeout:
        yield False
        return
    except (OSError, sqlite3.Error):
        yield True
        return
    try:
        yield True
    finally:
        lock.release()


def _file_system_time(folder: Path) -> float:
    """Now by the file system's clock, seconds since the epoch: it times the entries, and may differ from this machine's."""
    try:
        os.utime(folder / _LOCK)
        return (folder / _LOCK).stat().st_mtime
    except OSError:
        return time.time()
