"""Images with bytes changed, of every format that is read: each is read or has one reason, in time, and the process lives.

They are read in a process of their own: a decoder in C that reads beyond its memory ends no test, and a loop without end does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flip_reader import MAX_PIXELS
from reportgen.images.formats import EXTENSIONS, RAW_EXTENSIONS
from test_camera_raw import cr2, nef, raf
from test_decoding import SAVED
from test_pictures import FURTHER
from toys import ROOT

SECONDS = 5
ENDINGS = {
    "jpeg": "jpg",
    "progressive": "jpg",
    "cmyk": "jpg",
    "palette": "png",
    "lossless webp": "webp",
    "lzw": "tif",
    "tiff": "tif",
    "jpeg in tiff": "tif",
}
FILES: dict[str, Callable[[], bytes]] = {
    **{f"{kind}.{ENDINGS.get(kind, kind)}": lambda kind=kind: SAVED[kind] for kind in SAVED},  # type: ignore[misc]
    **FURTHER,
    "a.nef": nef,
    "a.cr2": cr2,
    "a.raf": raf,
}
# Other names of formats that stand among FILES.
SAME = {
    **dict.fromkeys((".jpeg", ".jpe", ".jfif"), ".jpg"),
    **dict.fromkeys((".apng",), ".png"),
    **dict.fromkeys((".tiff",), ".tif"),
    **dict.fromkeys((".dib",), ".bmp"),
    **dict.fromkeys((".heif", ".hif"), ".heic"),
    **dict.fromkeys((".j2k", ".jpf", ".jpx", ".j2c"), ".jp2"),
    **dict.fromkeys((".pbm", ".pnm"), ".ppm"),
    ".dicom": ".dcm",
    **dict.fromkeys(RAW_EXTENSIONS, ".nef"),
}


def flipped(whole: bytes, turn: int, name: str) -> bytes:
    """One to four bytes changed, every other time in the header."""
    draw = np.random.default_rng([zlib.crc32(name.encode()), turn])
    data = bytearray(whole)
    span = len(data) if turn % 2 else min(len(data), 400)
    for position in draw.integers(0, span, size=1 + turn % 4):
        data[position] ^= int(draw.integers(1, 256))
    return bytes(data)


def read_all(folder: Path, counts: dict[str, int]) -> dict[str, int]:
    """Write and read so many flipped files of each name; returns how many of each are still a picture."""
    folder.mkdir()
    names = []
    for name, count in counts.items():
        whole = FILES[name]()
        for turn in range(count):
            names.append(f"{turn:03d} {name}")
            (folder / names[-1]).write_bytes(flipped(whole, turn, name))
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/flip_reader.py"), str(folder), str(SECONDS)],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    stopped = sorted(names)[len(said)] if len(said) < len(names) else "none"
    assert (done.returncode, stopped, done.stderr) == (0, "none", "")
    for each in said:
        assert each["seconds"] < SECONDS
        if "reason" in each:
            assert each["reason"] and "\n" not in each["reason"] and "0x" not in each["reason"], each
            assert str(folder) not in each["reason"], each
        else:
            height, width, channels = each["shape"]
            assert channels == 3 and height * width <= MAX_PIXELS
    return {name: sum("shape" in each for each in said if each["name"][4:] == name) for name in counts}


def test_every_format_that_is_read_is_among_the_files() -> None:
    here = {Path(name).suffix for name in FILES}
    assert {SAME.get(ending, ending) for ending in EXTENSIONS} - here == set()


def possible(name: str) -> bool:
    """Whether what writes the file is installed."""
    try:
        FILES[name]()
    except pytest.skip.Exception:
        return False
    return True


def test_thirty_flipped_files_of_every_format(tmp_path: Path) -> None:
    left = read_all(tmp_path / "flipped", {name: 30 for name in FILES if possible(name)})
    assert sum(left.values()) > 30, "what is flipped in a comment or a pixel is a picture still"
    assert sum(left.values()) < 20 * len(left), "some are none any more"


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_three_hundred_flipped_files_of_a_format(name: str, tmp_path: Path) -> None:
    if not possible(name):
        pytest.skip("what writes such files is not installed")
    read_all(tmp_path / "flipped", {name: 300})
