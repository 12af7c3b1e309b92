"""The files of an archive, named as those of a folder are that it was unpacked to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reportgen.images.files import InputFile, Stored
from reportgen.images.left_alone import path_reason
from reportgen.images.sources.listed import Listed

LEADS_OUT = "its name in the archive is none that a file below a folder can have"
_MOST_CHARACTERS = 4096  # of a path, on the systems that allow the most
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class Member:
    """A file as its archive lists it. `refusal`: why it is not read, where that is known."""

    name: str
    stored: Stored
    refusal: str | None = None


def named_members(members: Sequence[Member], archive: Path, prefix: str) -> Iterator[Listed]:
    """The members by their names, under `prefix`.

    The one folder that holds everything, as in an archive that a folder was packed into, is no part of the names: they are the
    same as if that folder were given.
    """
    plain = [_plain(member.name) for member in members]
    top = _top(name for name in plain if name is not None and path_reason(name) is None)
    for member, name in zip(members, plain, strict=True):
        refusal = member.refusal if name is not None else LEADS_OUT
        shown = name if name is not None else member.name[:_MOST_CHARACTERS].replace("/", "\\")
        yield Listed(InputFile(prefix + shown.removeprefix(top), archive / shown, member.stored), refusal)


def _plain(name: str) -> str | None:
    """The posix path without `.` and empty parts; None where it leads elsewhere, or is none."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if (
        name.startswith("/")
        or ".." in parts
        or not parts
        or _DRIVE.match(name)
        or "\0" in name
        or len(name) > _MOST_CHARACTERS
    ):
        return None
    return "/".join(parts)


def _top(names: Iterator[str]) -> str:
    """`photos/` where every file lies in it, else nothing."""
    tops = {name.partition("/")[0] if "/" in name else None for name in names}
    top = next(iter(tops), None)
    return f"{top}/" if top is not None and len(tops) == 1 else ""
