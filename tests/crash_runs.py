"""Real runs that end badly, for tests: processes that crash_server starts, one command given again and again, its files."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from toys import ROOT

IMAGES = 6
KILLED = -signal.SIGKILL


class Server:
    """Starts real runs in processes of their own; see crash_server."""

    def __init__(self, home: Path) -> None:
        self.home = home
        paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/crash_server.py")],
            cwd=home,
            env={**os.environ, "PYTHONPATH": paths, "SOURCE_DATE_EPOCH": "1700000000", "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def runs(self, *requests: dict[str, Any]) -> list[dict[str, Any]]:
        """Start these runs at once; waits for all of them."""
        assert self._process.stdin is not None and self._process.stdout is not None
        filled = [{"stderr": str(self.home / f"stderr-{i}"), **request} for i, request in enumerate(requests)]
        self._process.stdin.write(json.dumps(filled) + "\n")
        self._process.stdin.flush()
        answers = json.loads(self._process.stdout.readline())
        for request, answer in zip(filled, answers, strict=True):
            answer["said"] = Path(request["stderr"]).read_text("utf-8")
        return answers

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(30) == 0


def photo_folder(folder: Path, count: int) -> Path:
    folder.mkdir()
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 256, (40, 48 + i % 7, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"photo-{i:03d}.png")
    return folder


@dataclass
class Job:
    """One command, given again and again: its images, its run folder, its cache."""

    server: Server
    photos: Path
    folder: Path
    more: tuple[str, ...] = ("--format", "html")

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def request(self, *more: str, env: dict[str, str | None] | None = None, **how: Any) -> dict[str, Any]:
        argv = ["run", str(self.photos), "-o", str(self.out), "--model", "toy", *self.more, *more]
        return {"argv": argv, "env": {"REPORTGEN_CACHE_DIR": str(self.folder / "cache"), **(env or {})}, **how}

    def run(self, *more: str, env: dict[str, str | None] | None = None, **how: Any) -> dict[str, Any]:
        (answer,) = self.server.runs(self.request(*more, env=env, **how))
        return answer

    def finish(self) -> dict[str, bytes]:
        """Give the command undisturbed; returns every file of the run folder, hidden ones too, but the timings."""
        answer = self.run()
        assert answer["code"] == 0, answer["said"]
        return files(self.out)


def files(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "timings.json"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}


def assert_whole_or_unfinished(out: Path) -> None:
    """Nothing half-written looks whole: a manifest vouches for every file, and a file with a name of its own is readable."""
    if (out / "manifest.json").exists():
        for name, entry in json.loads((out / "manifest.json").read_bytes())["files"].items():
            assert hashlib.sha256((out / name).read_bytes()).hexdigest() == entry["sha256"], name
    if (out / "report.json").exists():
        json.loads((out / "report.json").read_bytes())
