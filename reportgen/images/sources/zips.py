"""The files of a zip, read where they lie: nothing is extracted. A zip is as untrusted as what is in it."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import IO

from reportgen.images.files import UnreadableFile
from reportgen.images.sources.containers import DAMAGE, OTHER_PACKING, Container, damage_as_reason, guarded
from reportgen.images.sources.members import Member
from reportgen.report.archive import is_encrypted, is_special, require_amount
from reportgen.report.limits import DEFAULT_LIMITS, ReadLimits
from reportgen.utils.encodings import as_text
from reportgen.utils.errors import CheckFailed, UsageError

# Photographs hardly get smaller in a zip: tens of gigabytes may be honest, a hundred times the zip's own size is not.
LIMITS = ReadLimits(entries=500_000, total=1 << 50)
_UTF8 = 0x800  # flag of an entry whose name says that it is UTF-8
_WINDOWS = (0, 10, 14)  # the systems that an entry may come from there: FAT, NTFS, VFAT


@dataclass(frozen=True)
class ZipMember:
    """One file of a zip, by its place in the zip's own table."""

    container: Container
    index: int

    def size(self) -> int:
        with damage_as_reason():
            return _table(self.container).infolist()[self.index].file_size

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        with damage_as_reason():
            archive = _table(self.container)
            with archive.open(archive.infolist()[self.index]) as file:
                yield file


@lru_cache(maxsize=4)
def _table(container: Container) -> zipfile.ZipFile:
    """A zip with its table read; several threads may read its members."""
    file = guarded(container)
    try:
        return zipfile.ZipFile(file)
    except BaseException:
        file.close()
        raise


def zip_members(container: Container, shown: str) -> Iterator[Member]:
    """The files of a zip, as it lists them.

    Args:
        shown: what messages call the zip.

    Raises:
        UsageError: it cannot be read, or is refused as a whole.
    """
    try:
        entries = _table(container).infolist()
        require_amount(shown, container.size(), entries, LIMITS)
    except UnreadableFile as error:
        raise UsageError(f"{shown}: {error.reason}") from None
    except CheckFailed as error:
        raise UsageError(str(error)) from None
    except DAMAGE:
        raise UsageError(f"{shown}: not a zip that can be read; it may be cut off: fetch or pack it again") from None
    for index, entry in enumerate(entries):
        name = _name(entry)
        if name.endswith("/"):
            continue
        if is_encrypted(entry):
            raise UsageError(f"{shown}: is encrypted; unpack it with its password, and give the folder")
        yield Member(name, ZipMember(container, index), _refusal(entry))


def _name(entry: zipfile.ZipInfo) -> str:
    name = entry.orig_filename
    if not entry.flag_bits & _UTF8 and not name.isascii():
        # Macs write UTF-8 and do not say so; a name in an old code page is no valid UTF-8 but by rare chance.
        try:
            name = name.encode("cp437").decode()
        except ValueError:
            name = entry.orig_filename
    if entry.create_system in _WINDOWS:
        name = name.replace("\\", "/")
    return as_text(name)


def _refusal(entry: zipfile.ZipInfo) -> str | None:
    if is_special(entry):
        return "a link or a device in an archive: not followed"
    # zipfile unpacks the others without a bound on memory, or does not know them (Deflate64, which Windows makes).
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return OTHER_PACKING
    dense = entry.file_size > DEFAULT_LIMITS.ratio * max(1, entry.compress_size)
    if dense and entry.file_size > DEFAULT_LIMITS.dense_total:
        return f"{entry.compress_size} bytes would unpack to {entry.file_size}"
    return None
