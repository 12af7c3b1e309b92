"""A store that others can write: whatever lies in it that reportgen did not write is absent, is made again, and changes no byte.

SECURITY.md says what is not promised: numbers that somebody made up, with fitting hashes, are believed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import re
import resource
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crash_runs import Job, Server, files
from reportgen.storage.codec import Array
from reportgen.storage.store import Store
from reportgen.utils.hashing import digest_of

KEY = digest_of("a key")
START = len(b'{"sha256": "') + 64


@dataclass(frozen=True)
class Kept:
    """A result of a number and an array."""

    number: float
    array: Array


KEPT = Kept(0.5, np.arange(6, dtype=np.float32))


def signed(rest: bytes) -> bytes:
    """A file of values with a hash that fits."""
    return b'{"sha256": "' + hashlib.sha256(rest).hexdigest().encode() + rest


def values(arrays: str, of: str = '{"number": 0.5, "array": "0"}') -> bytes:
    return signed(f'", "key": "{KEY}", "arrays": {arrays}, "values": {of}}}'.encode())


NAMES = '"of": {"0": ["<f4", [6]]}'
MADE_UP: dict[str, bytes] = {
    "no JSON": signed(b"nonsense"),
    "no object": signed(b'", 5]'),
    "a list": values("[]"),
    "a number": values("5"),
    "arrays as a list": values('{"sha256": "x", "of": []}'),
    "no hash": values(f"{{{NAMES}}}"),
    "a hash that is a number": values(f'{{"sha256": 5, {NAMES}}}'),
    "a zero byte in a name": values(f'{{"sha256": "\\u0000abc", {NAMES}}}'),
    "half a character in a name": values(f'{{"sha256": "\\ud800", {NAMES}}}'),
    "a path": values(f'{{"sha256": "/../../../../etc/passwd", {NAMES}}}'),
    "a kind that is none": values(f'{{"sha256": "{KEY}", "of": {{"0": ["(((", [6]]}}}}'),
    "nested": values("null", "[" * 100_000 + "]" * 100_000),
    "digits": values("null", "9" * 10_000),
    "another shape": values("null", '{"number": "many"}'),
    "an array that is not there": values("null"),
    "no text": signed(b'", "key": "\xff\xfe"}'),
}


@pytest.mark.parametrize("name", MADE_UP)
def test_made_up_values_are_absent(name: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, KEPT)
    (tmp_path / KEY[:2] / f"{KEY}.json").write_bytes(MADE_UP[name])
    assert store.get(KEY, Kept) is None
    assert store.values(KEY, Kept) is None
    store.put(KEY, KEPT)
    assert store.get(KEY, Kept) is not None


def member(header: dict[str, Any], data: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, **header})
    return buffer.getvalue() + data


def archive(content: bytes, packing: int = zipfile.ZIP_STORED, name: str = "0.npy") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as made:
        made.writestr(name, content)
    return buffer.getvalue()


class Runs:
    """What a pickle makes run, where it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("it-ran",)


def pickled() -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([Runs()], object), allow_pickle=True)
    return buffer.getvalue()


ARRAYS: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "no archive": lambda: b"PK\x03\x04" + bytes(100),
    "a pickle": lambda: archive(pickled()),
    "a pickle alone": pickled,
    "a shape of terabytes": lambda: archive(member({"shape": (10**13,)})),
    "a shape of gigabytes and no data": lambda: archive(member({"shape": (2 * 10**9,)})),
    "a negative shape": lambda: archive(member({"shape": (-6,)}, bytes(24))),
    "a shape of many sides": lambda: archive(member({"shape": (1,) * 5000}, bytes(24))),
    "a bomb": lambda: archive(member({"shape": (5 * 10**8,)}, bytes(10**8)), zipfile.ZIP_DEFLATED),
    "packed": lambda: archive(member({"shape": (6,)}, bytes(24)), zipfile.ZIP_DEFLATED),
    "another name": lambda: archive(member({"shape": (6,)}, bytes(24)), name="../0.npy"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_made_up_arrays_are_absent_and_nothing_of_them_runs_or_unfolds(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store, data = Store(tmp_path), ARRAYS[name]()
    own = hashlib.sha256(data).hexdigest()
    (tmp_path / KEY[:2]).mkdir()
    (tmp_path / KEY[:2] / f"{KEY}-{own[:16]}.npz").write_bytes(data)
    (tmp_path / KEY[:2] / f"{KEY}.json").write_bytes(values(f'{{"sha256": "{own}", {NAMES}}}'))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert store.values(KEY, Kept) is not None, "the hash fits, and the arrays are not looked at"
    assert store.get(KEY, Kept) is None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.mkdir()])
def test_what_is_no_file_is_absent_and_not_waited_for(make: Callable[[Path], object], tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, KEPT)
    path = tmp_path / KEY[:2] / f"{KEY}.json"
    path.unlink()
    make(path)
    assert store.get(KEY, Kept) is None


# --- a run over it -------------------------------------------------------------------------------


class Shelf:
    """The entries of a finished run, to be spoilt and restored."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.whole = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.suffix in (".json", ".npz")}

    def restore(self) -> None:
        shutil.rmtree(self.folder)
        for path, data in self.whole.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def of(self, ending: str) -> list[Path]:
        return [path for path in self.whole if path.suffix == ending]


def cut(shelf: Shelf, draw: random.Random) -> None:
    for path, data in shelf.whole.items():
        path.write_bytes(data[: draw.randrange(len(data))])


def flip(shelf: Shelf, draw: random.Random) -> None:
    for path, data in shelf.whole.items():
        at = draw.randrange(len(data))
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :])


def swap(shelf: Shelf, draw: random.Random) -> None:
    for ending in (".json", ".npz"):
        paths = shelf.of(ending)
        for path, other in zip(paths, paths[1:] + paths[:1], strict=True):
            path.write_bytes(shelf.whole[other])


def swap_arrays(shelf: Shelf, draw: random.Random) -> None:
    """Each file of arrays holds those of another result of the same kind; all are whole."""
    of_kind: dict[str, list[Path]] = {}
    for path in shelf.of(".json"):
        about = json.loads(shelf.whole[path])["arrays"]
        if about is not None:
            of_kind.setdefault(json.dumps(about["of"]), []).append(
                path.with_name(f"{path.stem}-{about['sha256'][:16]}.npz")
            )
    for paths in of_kind.values():
        for path, other in zip(paths, paths[1:] + paths[:1], strict=True):
            path.write_bytes(shelf.whole[other])


def edit(shelf: Shelf, draw: random.Random) -> None:
    """Other numbers in every file of values, which is JSON still."""
    for path in shelf.of(".json"):
        path.write_bytes(re.sub(rb"(?<=: 0\.)\d", lambda found: b"%d" % (9 - int(found[0])), shelf.whole[path]))


def remove_arrays(shelf: Shelf, draw: random.Random) -> None:
    for path in shelf.of(".npz"):
        path.unlink()


def plant_arrays(shelf: Shelf, draw: random.Random) -> None:
    """Values that name other arrays, by their hash: of each kind that is made up above, one after another."""
    kinds: Iterator[bytes] = iter([make() for name, make in ARRAYS.items() if name != "a bomb"] * 10)
    for path in shelf.of(".json"):
        about = json.loads(shelf.whole[path])["arrays"]
        if about is None:
            continue
        data = next(kinds)
        own = hashlib.sha256(data).hexdigest()
        rest = shelf.whole[path][START:].replace(about["sha256"].encode(), own.encode())
        path.write_bytes(signed(rest))
        path.with_name(f"{path.stem}-{own[:16]}.npz").write_bytes(data)


def plant_pipes(shelf: Shelf, draw: random.Random) -> None:
    for path in shelf.whole:
        path.unlink()
        os.mkfifo(path)


SPOILT = [flip, cut, swap, swap_arrays, edit, remove_arrays, plant_arrays, plant_pipes]


@pytest.mark.parametrize(
    "spoil", [spoil if spoil is plant_arrays else pytest.param(spoil, marks=pytest.mark.slow) for spoil in SPOILT]
)
@pytest.mark.parametrize("more", [(), pytest.param(("--store", "shelf"), marks=pytest.mark.slow)])
def test_a_run_over_a_spoilt_store_gives_the_same_bytes(
    spoil: Callable[[Shelf, random.Random], None],
    more: tuple[str, ...],
    server: Server,
    photos: Path,
    undisturbed: tuple[dict[str, bytes], Any],
    tmp_path: Path,
) -> None:
    job = Job(server, photos, tmp_path)
    given = ("--store", str(tmp_path / "shelf")) if more else ()
    assert job.run(*given)["code"] == 0
    shelf = Shelf(tmp_path / "shelf" if more else tmp_path / "cache/results")
    for number in range(1 if spoil is plant_arrays and not more else 4):
        spoil(shelf, random.Random(number))
        shutil.rmtree(job.out)
        answer = job.run(*given)
        assert answer["code"] == 0, answer["said"]
        assert files(job.out) == undisturbed[0]
        shelf.restore()
    assert not (server.home / "it-ran").exists()
