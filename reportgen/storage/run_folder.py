"""The folder of one run: files written whole, the manifest last."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from reportgen.report.blocks import Cell, Picture, Table
from reportgen.report.bounds import KeptRows
from reportgen.report.columns import write_rows
from reportgen.report.manifest import (
    FURTHER_MODELS,
    LOCK,
    MANIFEST,
    OWN_NAMES,
    RENDERED,
    SIGNATURE,
    TIMINGS,
    UNFINISHED,
    Entry,
    entry_of,
    file_entry,
    files_of_run,
    manifest_json,
)
from reportgen.utils.errors import ReportgenError, UsageError
from reportgen.utils.files import DISK_ERRORS, PARTIAL, replacing, unwritable, write_file
from reportgen.utils.spreadsheet import as_text

JPEG_QUALITY = 90
_EFFECTIVE = os.access in os.supports_effective_ids


class RunFolder:
    """The files of one run. `begin` takes the manifest away, `finish` writes it last; between them no other run writes."""

    def __init__(self, path: Path, parameter_files: Collection[str] = ()) -> None:
        """A folder at `path`; `parameter_files` are names, of folders too, that the run writes besides those of every run."""
        self.path = path
        self.kept_rows: KeptRows | None = None  # which rows of long tables stay in the report; None: all
        self._parameter_files = tuple(parameter_files)
        self._lock: FileLock | None = None
        self._hashes: dict[str, Entry] = {}

    def require_free(self) -> None:
        """Ask before the work whether a run may write here; `begin` asks again.

        Raises:
            UsageError: the place is taken by something that is no run folder, or a file of parameters by one that its run did
                not write.
            ReportgenError: it lies on a disk that cannot be written.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{self.path}: is a file; give a folder for the report with -o")
        if self.path.is_symlink() and not self.path.exists():
            raise UsageError(f"{self.path}: is a link that leads nowhere; give another folder with -o")
        self._require_writable()
        listed = files_of_run(self.path)
        # In the folder of a run that wrote no file of parameters, one may be the user's own: the run must have listed it.
        names = [name for name in OWN_NAMES if name != FURTHER_MODELS] if listed is None else []
        known = {part for name in listed or () for part in (name, name.partition("/")[0])}
        unlisted = [name for name in self._parameter_files if name not in known]
        taken = [name for name in (*names, *unlisted) if (self.path / name).exists()]
        if taken:
            raise UsageError(
                f"{self.path / taken[0]}: is in the way and no run of reportgen's; give another folder with -o"
            )

    def _require_writable(self) -> None:
        """Of a folder that is there, or of the one that it will be made in; on Windows `os.access` says nothing of folders."""
        nearest = next((place for place in (self.path, *self.path.absolute().parents) if place.exists()), self.path)
        if os.name == "posix" and not os.access(nearest, os.W_OK | os.X_OK, effective_ids=_EFFECTIVE):
            why = errno.EROFS if os.statvfs(nearest).f_flag & os.ST_RDONLY else errno.EACCES
            said = unwritable(self.path, OSError(why, os.strerror(why)))
            raise ReportgenError(f"{said}; give another folder with -o")

    def begin(self) -> None:
        """Make the folder unfinished.

        Raises:
            UsageError: see `require_free`; or another run is writing here.
            ReportgenError: the folder cannot be written.
        """
        self.require_free()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ReportgenError(unwritable(self.path, error)) from None
        self._acquire()
        try:
            self._sweep()
            self._stale = files_of_run(self.path) or set()
            # A run that is cut off leaves this list behind, so that the next one knows the files for its own.
            listed = sorted(self._stale | RENDERED)
            write_file(self._unfinished, "".join(f"{json.dumps(name)}\n" for name in listed).encode())
            for name in (MANIFEST, SIGNATURE):  # what was signed is gone with the manifest
                (self.path / name).unlink(missing_ok=True)
        except BaseException:
            self.close()
            raise

    def finish(self) -> None:
        """Remove what an earlier run left and this one did not write, then write the manifest."""
        for file in self._stale - set(self._hashes) - {TIMINGS}:
            self._remove(file)
        self._sweep()
        write_file(self.path / MANIFEST, manifest_json(self._hashes))
        self._unfinished.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let other runs write here; a run that failed leaves the folder unfinished."""
        lock, self._lock = self._lock, None
        if lock is not None:
            # Removed while it is held: whoever waits for it notices, and makes a new one. Windows removes no open file;
            # there the release does.
            with contextlib.suppress(OSError):
                (self.path / LOCK).unlink()
            lock.release()

    @property
    def written(self) -> dict[str, Entry]:
        """SHA-256 and size of every file so far: what the manifest will list."""
        return dict(self._hashes)

    def _acquire(self) -> None:
        """Take the folder for this run, until `close` or the end of the process, however that ends.

        A file system without locks (some network drives) leaves it to the user to make one run at a time.
        """
        # Not bound to a thread: a run may be made in one and closed in another. No fallback to a lock that a killed
        # process would leave behind.
        lock = FileLock(self.path / LOCK, blocking=False, thread_local=False, fallback_to_soft=False)
        try:
            lock.acquire()
        except Timeout:
            raise UsageError(
                f"{self.path}: another run is writing here; wait for it, or give another folder with -o"
            ) from None
        except OSError as error:
            if error.errno in DISK_ERRORS:
                raise ReportgenError(unwritable(self.path, error)) from None
            with contextlib.suppress(OSError):
                (self.path / LOCK).unlink()
        else:
            self._lock = lock

    @property
    def _unfinished(self) -> Path:
        return self.path / UNFINISHED

    def _sweep(self) -> None:
        """Remove what a killed run, or a renderer that outlived it, left half-written."""
        for folder in (self.path, *(self.path / top for top in {name.partition("/")[0] for name in OWN_NAMES})):
            for scrap in folder.rglob(f"{PARTIAL}*") if folder != self.path else folder.glob(f"{PARTIAL}*"):
                scrap.unlink(missing_ok=True)

    def _remove(self, file: str) -> None:
        path = self.path / file
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # a folder that still holds something stays
            for parent in path.relative_to(self.path).parents:
                if parent != Path():
                    (self.path / parent).rmdir()

    # --- the `Files` protocol of reportgen.analysis ---

    def raw(self, file: str, data: bytes) -> str:
        """Write bytes as they are; returns `file`."""
        self._announce(file)
        write_file(self.path / file, data)
        self._hashes[file] = entry_of(data)
        return file

    def _announce(self, file: str) -> None:
        """List a file that is about to be written among those of an unfinished run."""
        if file not in self._hashes and self._unfinished.exists():
            try:
                with self._unfinished.open("a", encoding="utf-8") as listing:
                    listing.write(f"{json.dumps(file)}\n")
            except OSError as error:
                raise ReportgenError(unwritable(self._unfinished, error)) from None

    def streamed(self, file: str, write: Callable[[Path], None]) -> Entry:
        """Let `write` write a file that is too large to be held, whole or not at all; returns its SHA-256 and size."""
        self._announce(file)
        with replacing(self.path / file) as temporary:
            write(temporary)
        entry = file_entry(self.path / file)
        self._hashes[file] = entry
        return entry

    def array(self, file: str, values: np.ndarray) -> str:
        """Write `values` as float32 .npy; returns `file`."""
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(values, np.float32), allow_pickle=False)
        return self.raw(file, buffer.getvalue())

    def mask(self, file: str, values: np.ndarray) -> str:
        """Write a (H, W) bool array as an 8-bit L PNG of 0 and 255; returns `file`."""
        if values.dtype != bool or values.ndim != 2:
            raise ValueError(f"a mask is a (H, W) bool array, not {values.dtype} {values.shape}")
        return self.raw(file, _encode(values.astype(np.uint8) * 255, "PNG"))

    def photo(self, file: str, pixels: np.ndarray, *, alt: str, label: str = "") -> Picture:
        """Write (H, W, 3) uint8 pixels as an RGB JPEG."""
        self.raw(file, _encode(pixels, "JPEG", quality=JPEG_QUALITY, subsampling=0))
        return Picture(file=file, width=pixels.shape[1], height=pixels.shape[0], alt=alt, label=label)

    def chart(self, file: str, figure: Any, *, alt: str, label: str = "") -> Picture:
        """Write a matplotlib Figure as SVG."""
        from reportgen.figures.charts import save_svg

        buffer = io.BytesIO()
        save_svg(figure, buffer)
        self.raw(file, buffer.getvalue())
        width, height = (round(inches * 96) for inches in figure.get_size_inches())
        return Picture(file=file, width=width, height=height, alt=alt, label=label)

    def place(self, name: str) -> str:
        """Where files called so lie in the run folder."""
        return name

    def table(self, table: Table, folder: str = "") -> Table:
        """Write the table's CSV at full precision, below `folder`; returns the table with `file` set. A long table of a run of many
        images (`kept_rows`) is also written as Parquet, and comes back with the rows that pages may show.

        A text that a spreadsheet would take for a formula gets an apostrophe before it; report.json has it as it is.
        """
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([column.key for column in table.columns])
        # Of the characters that end a line only the writer's own are quoted: a carriage return would begin a row.
        quoting = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for row in table.rows:
            cells = [_csv_cell(cell) for cell in row]
            (quoting if any("\r" in str(cell) for cell in cells) else writer).writerow(cells)
        written = table.model_copy(
            update={"file": self.raw(f"{folder}tables/{table.id}.csv", buffer.getvalue().encode())}
        )
        kept = self.kept_rows
        if kept is None or len(table.rows) <= kept.limit:
            return written
        file = f"{folder}tables/{table.id}.parquet"
        self.streamed(file, lambda path: write_rows(path, table))
        return kept.cut(written, file)

    def adopt(self, file: str) -> None:
        """Take a file that a renderer wrote into the manifest."""
        self._hashes[file] = file_entry(self.path / file)

    def timings(self, seconds: dict[str, Any]) -> None:
        """Write timings.json, the one file that differs between two equal runs."""
        write_file(self.path / TIMINGS, json.dumps(seconds, indent=1).encode())


class FurtherModel:
    """The `Files` of a further explained model: everything below a folder of its own, `models/<model>/`."""

    def __init__(self, folder: RunFolder, slug: str, shared: Collection[str]) -> None:
        """Args: shared: names of files that hold the same for every model, which the first has written."""
        self._folder, self._prefix, self._shared = folder, f"{FURTHER_MODELS}/{slug}/", shared

    def place(self, name: str) -> str:
        return self._prefix + name

    def raw(self, file: str, data: bytes) -> str:
        return file if file in self._shared else self._folder.raw(self.place(file), data)

    def array(self, file: str, values: np.ndarray) -> str:
        return self._folder.array(self.place(file), values)

    def mask(self, file: str, values: np.ndarray) -> str:
        return self._folder.mask(self.place(file), values)

    def photo(self, file: str, pixels: np.ndarray, *, alt: str, label: str = "") -> Picture:
        return self._folder.photo(self.place(file), pixels, alt=alt, label=label)

    def chart(self, file: str, figure: Any, *, alt: str, label: str = "") -> Picture:
        return self._folder.chart(self.place(file), figure, alt=alt, label=label)

    def table(self, table: Table) -> Table:
        return self._folder.table(table, self._prefix)


def _csv_cell(cell: Cell) -> Cell:
    if cell is None:
        return ""
    return as_text(cell) if isinstance(cell, str) else cell


def _encode(pixels: np.ndarray, format: str, **options: Any) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()
