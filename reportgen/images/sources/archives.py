"""An archive that was given: which files are one, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reportgen.images.files import InputFile, UnreadableFile, os_reason
from reportgen.images.formats import format_of
from reportgen.images.sources.containers import DAMAGE, Container, LocalFile, unpacked
from reportgen.images.sources.listed import Listed
from reportgen.images.sources.members import named_members
from reportgen.images.sources.tars import tar_members
from reportgen.images.sources.zips import zip_members
from reportgen.utils.errors import UsageError

ENDINGS = (
    ".zip", ".cbz", ".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz",
)  # fmt: skip
_NOT_READ = (".7z", ".rar", ".cbr", ".tar.zst", ".tzst", ".gz", ".bz2", ".xz", ".zst")
_ZIP = (b"PK\3\4", b"PK\5\6")
_TAR_MAGIC_AT = 257


def is_archive(name: str) -> bool:
    """Whether a file is called as an archive that is read."""
    return name.lower().endswith(ENDINGS)


def stem_of(name: str) -> str:
    """`photos` of `photos.tar.gz`."""
    ending = max((ending for ending in ENDINGS if name.lower().endswith(ending)), key=len, default="")
    return name[: len(name) - len(ending)] or name


def local_archive(path: Path, prefix: str) -> Iterator[Listed]:
    """What is in an archive on this machine, by names under `prefix`.

    Raises:
        UsageError: it cannot be read, or is refused.
    """
    try:
        container = LocalFile.of(path)
    except OSError as error:
        raise UsageError(f"{path}: {os_reason(error)}") from None
    yield from archive_files(container, path, prefix, str(path))


def archive_files(container: Container, path: Path, prefix: str, shown: str) -> Iterator[Listed]:
    """The files of an archive in whatever holds it; see `local_archive`. `path`: what its files' paths begin with."""
    try:
        inside = unpacked(container)
        with inside.open() as file:
            head = file.read(512)
    except UnreadableFile as error:
        raise UsageError(f"{shown}: {error.reason}; unpack it and give the folder, or a .zip or .tar") from None
    except DAMAGE:
        raise UsageError(f"{shown}: damaged or cut off; fetch or pack it again") from None
    if head.startswith(_ZIP):
        members = list(zip_members(inside, shown))
    elif head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar" or _is_old_tar(head):
        members = list(tar_members(inside, shown))
    else:
        raise UsageError(f"{shown}: neither a zip nor a tar, whatever it is called; unpack it, and give the folder")
    yield from named_members(members, path, prefix)


def _is_old_tar(head: bytes) -> bool:
    """A tar from before POSIX has no mark but the checksum of its first header."""
    import tarfile

    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def refuse_other(path: Path) -> UsageError:
    """The error of a file that was given and is neither an image nor an archive that is read."""
    if path.name.lower().endswith(_NOT_READ):
        return UsageError(f"{path}: this kind of archive is not read; unpack it and give the folder, or a .zip or .tar")
    return UsageError(f"{path}: neither an image nor a folder or archive of images")


def looks_like_archive(file: InputFile) -> bool:
    """Whether the first bytes of a file are those of a zip, a tar, or one that is packed as a whole."""
    try:
        head = file.head(512)
    except UnreadableFile:
        return False
    return format_of(head, file.name) is None and (
        head.startswith(_ZIP) or head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar"
    )
