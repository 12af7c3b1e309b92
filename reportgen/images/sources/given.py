"""What a user gives to explain, as they write it: folders, images, archives, patterns, a list, addresses."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeAlias

from reportgen.utils.encodings import as_text, unicode_encoding
from reportgen.utils.errors import UsageError
from reportgen.utils.secrets import is_address, shown_address
from reportgen.utils.untrusted_files import is_folder, read_at_most, user_path

MOST_LISTED = 1_000_000  # paths of a list, or that a pattern finds
MOST_LIST_BYTES = 256 << 20
STDIN = "-"
_PATTERN = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Given:
    """Paths, patterns and addresses that were given.

    Attributes:
        root: a folder that the names are relative to, where a list says so.
        listed: they are those of a list; one that is missing is skipped, and stops nothing.
    """

    paths: tuple[str, ...]
    root: Path | None = None
    listed: bool = False

    @property
    def folder(self) -> Path | None:
        """The folder, where nothing but one was given."""
        if len(self.paths) != 1 or self.listed or is_address(self.paths[0]):
            return None
        path = Path(self.paths[0])
        return path if is_folder(path) else None

    @property
    def shown(self) -> str:
        """What messages call it."""
        if len(self.paths) == 1:
            return shown_address(self.paths[0])
        return "the list" if self.listed else f"the {len(self.paths)} paths"


Images: TypeAlias = "str | Path | Sequence[str | Path] | Given"


def given_of(images: Images) -> Given:
    """What is meant by a path, several of them, or what is read already.

    Raises:
        UsageError: no path at all.
    """
    if isinstance(images, Given):
        return images
    paths = (images,) if isinstance(images, str | Path) else tuple(images)
    if not paths:
        raise UsageError("no path of images is given")
    return Given(tuple(os.fspath(path) for path in paths))


def last_part(text: str) -> str:
    """What a report shows of a path or an address: its last part, which names no place of a machine."""
    if is_address(text):
        return shown_address(text).rstrip("/").rpartition("/")[2]
    return as_text(Path(text).name if _PATTERN.search(text) else Path(text).resolve().name)


def expanded(text: str) -> tuple[list[str], Path] | None:
    """What a pattern that no shell has expanded finds, sorted, and the folder that it begins in; None: it is no pattern.

    Raises:
        UsageError: it finds nothing, or more than anybody means.
    """
    if not _PATTERN.search(text) or os.path.lexists(text) or is_address(text):
        return None
    found = sorted(islice(glob.iglob(text, recursive=True), MOST_LISTED + 1))  # noqa: PTH207 (Path.glob takes no absolute one)
    if not found:
        raise UsageError(f"{text}: nothing matches this pattern")
    if len(found) > MOST_LISTED:
        raise UsageError(f"{text}: matches more than {MOST_LISTED} files")
    parts = Path(text).parts
    fixed = next(i for i, part in enumerate(parts) if _PATTERN.search(part))
    return found, Path(*parts[:fixed]) if fixed else Path()


# --- a list --------------------------------------------------------------------------------------


def read_list(name: str, stdin: BinaryIO) -> Given:
    """The paths of a list: one a line, blank lines and those that begin with `#` aside; or with a NUL behind each (`find -print0`).

    A relative path is one from the list's own folder if the first path of the list is there, else from the working folder; from
    there if the list comes from standard input.

    Args:
        name: a file, or `-`: `stdin` is read.

    Raises:
        UsageError: it cannot be read, or lists nothing.
    """
    if name == STDIN:
        data, shown, folders = stdin.read(MOST_LIST_BYTES + 1), "the list on standard input", [Path()]
        if len(data) > MOST_LIST_BYTES:
            raise UsageError(f"{shown}: more than {MOST_LIST_BYTES} bytes")
    else:
        path = user_path(name)
        data, shown, folders = read_at_most(path, MOST_LIST_BYTES), name, [path.parent, Path()]
    paths = list(islice(_lines(data), MOST_LISTED + 1))
    if not paths:
        raise UsageError(f"{shown}: lists no path")
    if len(paths) > MOST_LISTED:
        raise UsageError(f"{shown}: lists more than {MOST_LISTED} paths")
    base = next((folder for folder in folders if os.path.lexists(folder / paths[0])), folders[0])
    inside = all(
        not is_address(path) and not Path(path).is_absolute() and ".." not in Path(path).parts for path in paths
    )
    joined = tuple(path if is_address(path) else os.fspath(base / path) for path in paths)
    return Given(joined, base if inside else None, listed=True)


def _lines(data: bytes) -> Iterator[str]:
    if b"\0" in data and unicode_encoding(data) == "utf-8":
        yield from (os.fsdecode(path) for path in data.split(b"\0") if path.strip())
        return
    encoding = unicode_encoding(data)
    # On Unix a name may be any bytes: those that are no text come back as they were.
    text = data.decode(encoding, "surrogateescape" if encoding.startswith("utf-8") else "replace")
    for line in text.split("\n"):
        plain = line.strip("\r\n").strip()
        if len(plain) > 2 and plain[0] == plain[-1] == '"':
            plain = plain[1:-1]  # as Windows copies a path
        if plain and not plain.startswith("#"):
            yield plain
