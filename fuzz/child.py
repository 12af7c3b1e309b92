"""One target under atheris, in a process of its own, which `fuzz/run.py` starts.

    python -m fuzz.child TARGET FOUND_FOLDER [libFuzzer's own options and corpus folders]

An error that nobody catches is kept once for each place that raises it, and the fuzzing goes on; a hang, a crash of a library and memory
without end end the process, and libFuzzer keeps what did it.
"""

from __future__ import annotations

import hashlib
import random
import resource
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import atheris

from fuzz import MEMORY

# Whose lines lead the fuzzing: ours, and what is in Python of the libraries that read.
INSTRUMENTED = ["reportgen", "pypdf", "pydicom", "tifffile", "pickletools", "zipfile", "tarfile"]


def watched(one: Callable[[bytes], object], found: Path) -> Callable[[bytes], None]:
    """`one`, whose errors become files in `found`."""

    def call(data: bytes) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            one(data)
        except Exception as error:
            _keep(found, "crash", _places(error), data, traceback.format_exc())
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if before * 1024 <= MEMORY < after * 1024:
            _keep(found, "memory", "", data, f"{after >> 10} MiB")

    return call


def _places(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-2:]
    return f"{type(error).__name__} {[(Path(frame.filename).name, frame.lineno) for frame in frames]}"


def _keep(found: Path, kind: str, place: str, data: bytes, said: str) -> None:
    file = found / f"{kind}-{hashlib.sha256(place.encode() or data).hexdigest()[:16]}"
    if not file.exists():
        file.write_bytes(data)
        file.with_suffix(".txt").write_text(said, "utf-8", "backslashreplace")
        print(f"FOUND {file}: {place}", file=sys.stderr, flush=True)


def main() -> None:
    name, found = sys.argv[1], Path(sys.argv[2])
    with atheris.instrument_imports(include=INSTRUMENTED, enable_loader_override=False):
        from fuzz.targets import target

        door = target(name)
    one, options = watched(door.one, found), [sys.argv[0], *sys.argv[3:]]
    change = door.change
    if change is None:
        atheris.Setup(options, one)
    else:

        def mutated(data: bytes, most: int, seed: int) -> bytes:
            chance = random.Random(seed)
            made = change(data, chance) if chance.random() < 0.7 else data
            return made if made != data and len(made) <= most else atheris.Mutate(data, most)

        atheris.Setup(options, one, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
