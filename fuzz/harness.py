"""What targets share: bytes that lie nowhere, files for one input, what a refusal must be, and changes to JSON and pickles."""

from __future__ import annotations

import io
import json
import pickletools
import random
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from changed_reports import changed, spelled
from reportgen.utils.errors import ReportgenError

_MOST_LINE = 2000
_SHARED_MEMORY = Path("/dev/shm")
_FILE_MARK = re.compile(rb"(?:\A|\n)==> ([^\n]{1,100}) <==\n")

Change = Callable[[bytes, random.Random], bytes]


class Unclear(AssertionError):
    """A refusal that a user could not read as one line."""


@contextmanager
def refused(*errors: type[Exception]) -> Iterator[None]:
    """Around a door that may refuse by `ReportgenError`, or by the errors that its callers catch; in clear lines."""
    try:
        yield
    except (ReportgenError, *errors) as error:
        for line in error.lines if isinstance(error, ReportgenError) else (str(error),):
            require_line(line)


def require_line(line: str) -> None:
    if not line or "\n" in line or len(line) > _MOST_LINE:
        raise Unclear(f"no clear line: {line[:200]!r}")


@dataclass(frozen=True)
class Held:
    """Bytes as a file of the input that lies in an archive or far away (`Stored`)."""

    data: bytes

    def size(self) -> int:
        return len(self.data)

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        yield io.BytesIO(self.data)


@contextmanager
def on_disk(data: bytes, name: str) -> Iterator[Path]:
    """A file of that name with these bytes; in memory, where the system has a folder there."""
    with tempfile.TemporaryDirectory(
        prefix="reportgen-fuzz-", dir=_SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None
    ) as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        yield path


# --- several files as one input ------------------------------------------------------------------


def joined(files: dict[str, bytes]) -> bytes:
    """Files of a folder as one input: each behind a line `==> NAME <==`, as head and tail write them."""
    return b"\n".join(b"==> " + name.encode() + b" <==\n" + data for name, data in files.items())


def parted(data: bytes) -> dict[str, bytes]:
    """The files of an input, by names that a file below a folder can have."""
    pieces = _FILE_MARK.split(data)
    found = {}
    for name, content in zip(pieces[1::2], pieces[2::2], strict=True):
        parts = name.decode("utf-8", "backslashreplace").replace("\0", "").split("/")
        if plain := "/".join(part for part in parts if part not in ("", ".", "..")):
            found[plain] = content
    return found


# --- changes that keep the structure -------------------------------------------------------------


def changed_json(data: bytes, chance: random.Random) -> bytes:
    """Another node, as `changed_reports` does it; bytes that are no JSON stay as they are."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return data
    within = tree if isinstance(tree, dict) else {"": tree}
    try:
        made, _ = changed(within, chance)
        return spelled(made if isinstance(tree, dict) else made.get("", made))
    except (IndexError, KeyError, ValueError, OverflowError, RecursionError):  # a change that this tree cannot have
        return data


def changed_file(data: bytes, chance: random.Random) -> bytes:
    """One of several files changed: by nodes where it is JSON, else by lines."""
    files = parted(data)
    if not files:
        return data
    name = chance.choice(list(files))
    content = files[name]
    made = changed_json(content, chance)
    files[name] = made if made != content else _changed_lines(content, chance)
    return joined(files)


def _changed_lines(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(4):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[other])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case _:
            lines[at] *= chance.choice((2, 50))
    return b"\n".join(lines)


# Opcodes of little use where they stand by chance, and much where they do harm.
_OPCODES = (
    b"\x80\x05", b"N", b"\x88", b"K\x01", b"J\xff\xff\xff\xff", b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x1f", b"G\x7f\xf0\0\0\0\0\0\0",
    b"X\x01\0\0\0a", b"X\xff\xff\xff\x7f", b"B\xff\xff\xff\xff", b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff", b"]", b"}", b")", b"(",
    b"t", b"l", b"d", b"a", b"e", b"s", b"u", b"0", b"1", b"2", b"\x85", b"\x86", b"\x87", b"\x94", b"q\0", b"h\0",
    b"j\xff\xff\xff\xff", b"r\xff\xff\xff\xff", b"cos\nsystem\n", b"\x93", b"R", b"\x81", b"\x92", b"b", b"Q", b"\x8f", b"\x90",
    b"\x91", b"\x82\x01", b"\x96\x01\0\0\0\0\0\0\0a", b"\x97", b"I1\n", b"L1L\n", b"F1e999\n", b"S'a'\n", b"p0\n", b"g0\n", b".",
)  # fmt: skip


def changed_pickle(data: bytes, chance: random.Random) -> bytes:
    """Opcodes dropped, repeated, swapped and put in; what follows an opcode that cannot be read stays behind."""
    places: list[int] = []
    with suppress(Exception):  # pickletools raises nearly anything of what is none; those before it were read
        for _, _, at in pickletools.genops(data):
            places.append(at or 0)
    ends = [*places[1:], len(data)]
    steps = [data[at:end] for at, end in zip(places, ends, strict=True)] if places else [data]
    for _ in range(chance.choice((1, 1, 2, 4))):
        at, other = chance.randrange(len(steps)), chance.randrange(len(steps))
        match chance.randrange(5):
            case 0 if len(steps) > 1:
                del steps[at]
            case 1:
                steps.insert(at, steps[other] * chance.choice((1, 1, 30)))
            case 2:
                steps[at], steps[other] = steps[other], steps[at]
            case _:
                steps.insert(at, chance.choice(_OPCODES))
    return b"".join(steps)
