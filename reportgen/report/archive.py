"""Zips: written so that equal files give equal bytes, and read as what they may be, untrusted.

Nothing is ever extracted: entries are read as streams. An archive with a name that leads elsewhere, a link, a name twice
or more bytes than it can honestly hold is refused as a whole.
"""

from __future__ import annotations

import hashlib
import stat
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj

from reportgen.report.limits import DEFAULT_LIMITS, ReadLimits
from reportgen.utils.errors import CheckFailed, UsageError
from reportgen.utils.files import replacing
from reportgen.utils.hashing import file_sha256

DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold
_DENSE = (".jpg", ".jpeg", ".png", ".pdf", ".parquet")
_CHUNK = 1 << 20
_WHOLE = 64 << 20  # a larger entry is not held in memory
# What reading damaged bytes raises.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError)


def write_zip(target: Path, files: Iterable[tuple[str, bytes | Path]]) -> None:
    """Write a zip whose bytes depend on the files alone (and the version of zlib).

    Args:
        files: name and content, or the file that has it; give them in order of their names.

    Raises:
        ReportgenError: it cannot be written.
    """
    with replacing(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name, DATE)
            entry.create_system = 3  # Unix, on every system
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            entry.compress_type = zipfile.ZIP_STORED if name.lower().endswith(_DENSE) else zipfile.ZIP_DEFLATED
            if isinstance(content, Path):
                entry.file_size = content.stat().st_size  # of 4 GiB and more other fields are needed
                with archive.open(_levelled(entry), "w") as target_file, content.open("rb") as file:
                    copyfileobj(file, target_file, _CHUNK)
            else:
                archive.writestr(entry, content, compresslevel=6)


def _levelled(entry: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """The entry with the level that `writestr` is given below; Python 3.13 gave the attribute another name."""
    name = "compress_level" if hasattr(entry, "compress_level") else "_compresslevel"
    setattr(entry, name, 6)
    return entry


class Archive:
    """A zip that was found harmless; `names` are its files."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, limits: ReadLimits) -> None:
        self.path = path
        self._limits = limits
        self._archive = archive
        self._entries = {entry.filename: entry for entry in archive.infolist() if not entry.is_dir()}

    @property
    def names(self) -> list[str]:
        return sorted(self._entries)

    def sha256(self, name: str) -> str | None:
        """SHA-256 of an entry, hexadecimal; None where its bytes are damaged."""
        digest = hashlib.sha256()
        try:
            with self._archive.open(self._entries[name]) as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        except _DAMAGE:
            return None
        return digest.hexdigest()

    def read(self, name: str, most: int | None = None) -> bytes:
        """A whole entry.

        Args:
            most: bytes that it may have; default: those of the limits.

        Raises:
            CheckFailed: there is none, it is damaged, or larger than data of a report can be.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise CheckFailed(f"{self.path}: has no {name}; give a zip that reportgen bundle made")
        most = self._limits.file if most is None else most
        if entry.file_size > most:
            raise CheckFailed(
                f"{self.path}: {name} is larger than {f'{most >> 20} MiB' if most >> 20 else f'{most >> 10} KiB'}"
            )
        try:
            return self._archive.read(entry)
        except _DAMAGE:
            raise CheckFailed(f"{self.path}: {name} is damaged") from None

    def copy(self, name: str, target: Path) -> None:
        """Write an entry of any size to `target`; `open_zip` has bounded them all together.

        Raises:
            CheckFailed: it is damaged.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._archive.open(self._entries[name]) as file, target.open("wb") as copied:
                copyfileobj(file, copied, _CHUNK)
        except _DAMAGE:
            raise CheckFailed(f"{self.path}: {name} is damaged") from None

    def _content(self, name: str, folder: Path) -> bytes | Path:
        if self._entries[name].file_size <= _WHOLE:
            return self.read(name)
        self.copy(name, folder / "entry")
        return folder / "entry"

    def picture(self, name: str, sha256: str) -> bytes | None:
        """A picture by its name; None: the archive does not have it."""
        return self.read(name) if name in self._entries else None

    def as_written(self) -> bool:
        """Whether the zip's bytes are those that `write_zip` gives for its files: dates, modes and order included."""
        with tempfile.TemporaryDirectory(prefix="reportgen-") as folder:
            again = Path(folder) / "again.zip"
            try:
                write_zip(again, ((name, self._content(name, Path(folder))) for name in self.names))
            except CheckFailed:
                return False
            return file_sha256(again) == file_sha256(self.path)


@contextmanager
def open_zip(path: Path, limits: ReadLimits = DEFAULT_LIMITS) -> Iterator[Archive]:
    """Open a zip, if it is one that may be read.

    Raises:
        UsageError: the file cannot be read.
        CheckFailed: not a zip, or one that is refused.
    """
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except zipfile.BadZipFile as error:
        raise CheckFailed(f"{path}: not a zip that can be read ({error})") from None
    except (OSError, NotImplementedError, ValueError, EOFError) as error:
        raise CheckFailed(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    with archive:
        _require_harmless(path, archive, limits)
        yield Archive(path, archive, limits)


def _require_harmless(path: Path, archive: zipfile.ZipFile, limits: ReadLimits) -> None:
    require_amount(str(path), path.stat().st_size, archive.infolist(), limits)
    seen: dict[str, str] = {}
    for entry in archive.infolist():
        problem = _problem(entry)
        if problem is not None:
            raise CheckFailed(f"{path}: refused, its entry {entry.orig_filename[:80]!r} {problem}")
        name = unicodedata.normalize("NFC", entry.filename).casefold()
        if name in seen:
            raise CheckFailed(f"{path}: refused, it holds {entry.filename[:80]!r} twice (as {seen[name][:80]!r})")
        seen[name] = entry.filename


def require_amount(shown: str, size: int, entries: Sequence[zipfile.ZipInfo], limits: ReadLimits) -> None:
    """Require that a zip holds no more than `limits` say, and no more than its own size can honestly hold.

    Args:
        shown: what messages call it.
        size: its bytes.

    Raises:
        CheckFailed: it holds more.
    """
    if len(entries) > limits.entries:
        raise CheckFailed(f"{shown}: refused, it has {len(entries)} entries, more than {limits.entries}")
    total = sum(entry.file_size for entry in entries)
    if total > limits.total or (total > limits.dense_total and total > limits.ratio * size):
        raise CheckFailed(f"{shown}: refused, {size} bytes would unpack to {total}")
    if sum(entry.compress_size for entry in entries) > size:
        raise CheckFailed(f"{shown}: refused, its entries overlap")


def is_special(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a link or a device, and neither a file nor a folder."""
    return stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR)


def is_encrypted(entry: zipfile.ZipInfo) -> bool:
    return bool(entry.flag_bits & 1)


def _problem(entry: zipfile.ZipInfo) -> str | None:
    name = entry.orig_filename
    parts = name.removesuffix("/").split("/")
    if any(character in name for character in "\\:\0") or any(part in ("", ".", "..") for part in parts):
        return "leads out of the archive's own folder"
    if is_special(entry):
        return "is a link or a device"
    if is_encrypted(entry):
        return "is encrypted"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in a way that no bundle is"
    return None
