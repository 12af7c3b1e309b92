"""`python -m benchmarks size`: what a report of many images costs when every result is in the store: seconds, memory, bytes.

Images are tiny files of different bytes, their results are made up (`benchmarks.simulated`) and lie in a real store under the keys that
a real run asks for; plan, map, reduce, assemble, render and verify are the product's own, in a process of its own for each size.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.measured_run import STEPS
from benchmarks.process import cost_of
from benchmarks.simulated import MadeResults
from reportgen.models.classifiers import resolve
from reportgen.models.runtime import Engine, choose_runtime
from reportgen.pipeline.map import Locks, Tally, Workbench, explain
from reportgen.pipeline.models import prepare_models
from reportgen.pipeline.plan import plan
from reportgen.pipeline.providers import INSTALLED
from reportgen.settings.model import Settings
from reportgen.storage.blobs import FolderBlobs
from reportgen.storage.codec import npz
from reportgen.storage.store import Store, cache_folder
from reportgen.utils.progress import Silent, Stopwatch

ARRAYS = ".npz"
TASKS = ("cams", "lime", "agreement")
FILES = ("report.json", "report.pdf", "report.html", "images.parquet")


@dataclass(frozen=True)
class LinkedBlobs(FolderBlobs):
    """Files of a folder, of which those with equal arrays are one file by several names (hard links): they weigh as much as one."""

    first: dict[str, Path] = field(default_factory=dict, compare=False)

    def write(self, name: str, data: bytes) -> None:
        if not name.endswith(ARRAYS):
            return super().write(name, data)
        path = self.folder / name
        # The end of the name is of the arrays' own hash.
        other = self.first.setdefault(name[-len("0123456789abcdef" + ARRAYS) :], path)
        if other == path:
            return super().write(name, data)
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # of an earlier simulation, with the same hash in its name
            os.link(other, path)
        return None


class SimulatedStore(Store):
    """A store that makes up the results of one image, under whatever key they are asked for."""

    made: dict[type, object]

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._blobs = LinkedBlobs(folder)

    def values(self, key: str, kind: type[Any]) -> Any:
        result = self.made[kind]
        self.put(key, result)
        return result


def simulate(images: Path, cache: Path, settings: Settings, made: MadeResults) -> None:
    """Keep made-up results of every image of a folder, under the keys that a run with these settings asks for."""
    planned = plan(images, settings)
    models = prepare_models(planned, cache / "models", INSTALLED, Silent())
    results = SimulatedStore(cache / "results")
    bench = Workbench(planned, models, results, Locks(planned.analyses), Stopwatch(), Tally(), False)
    labels = {name: label.index for name, label in planned.labels.items()}
    with patch("reportgen.storage.entry.npz", _once(npz)):
        for position, file in enumerate(planned.images.files):
            results.made = made.of(position, labels[file.name])
            explain(file, planned.on_images, bench)


def _once(packing: Callable[[Mapping[str, np.ndarray]], bytes]) -> Callable[[Mapping[str, np.ndarray]], bytes]:
    """The same, of the same arrays once: images share them."""
    known: dict[tuple[int, ...], bytes] = {}

    def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
        same = tuple(id(array) for array in arrays.values())
        if same not in known:
            known[same] = packing(arrays)
        return known[same]

    return packed


def made_folder(folder: Path, count: int, wnids: Sequence[str]) -> None:
    """`count` PNG files of 8 x 8 pixels and different bytes, named as ImageNet's are."""
    from PIL import Image

    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{wnids[number % len(wnids)]}_{number:06d}.png")


def measure(count: int, folder: Path, options: dict[str, Any], arrays: int = 64) -> dict[str, Any]:
    """Simulate `count` images below `folder`, of which so many differ in their arrays, make their report, and say what each step took."""
    settings, cache = Settings(tasks=TASKS, **options), folder / "cache"
    if (converted := cache_folder() / "models").is_dir():
        shutil.copytree(converted, cache / "models")
    spec = resolve(settings.explained[0], settings)
    made_folder(folder / "images", count, spec.classes.wnids or ())
    engine = Engine(spec, choose_runtime(spec, "auto", "exact", cache / "models"), cache / "models")
    made = MadeResults(engine, arrays=arrays)
    simulate(folder / "images", cache, settings, made)
    environment = {**os.environ, "REPORTGEN_CACHE_DIR": str(cache), "REPORTGEN_CACHE_LIMIT": "100 TB"}
    given = [str(folder / "images"), str(folder / "out"), json.dumps({"tasks": TASKS, **options})]
    command = [sys.executable, "-m", "benchmarks.measured_run", *given]
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    verified = cost_of(["verify", str(folder / "out")], cache)
    found["wall"]["verify"], found["cpu"]["verify"], found["peak"]["verify"] = asdict(verified).values()
    out = folder / "out"
    found["bytes"] = {name: (out / name).stat().st_size for name in FILES if (out / name).exists()}
    found["bytes"]["folder"] = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    found["files"] = sum(path.is_file() for path in out.rglob("*"))
    return {"images": count, **found}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks size", description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[100, 1000], help="how many, one report each")
    parser.add_argument("--folder", type=Path, help="work here, and leave everything there")
    parser.add_argument(
        "--arrays", type=int, default=64, help="images that differ in their arrays; the others share them"
    )
    parser.add_argument("--settings", type=json.loads, default={}, help="further settings, as JSON")
    parser.add_argument("--out", type=Path, help="write what was measured here, as JSON")
    given = parser.parse_args(arguments)
    rows = []
    with tempfile.TemporaryDirectory(prefix="reportgen-size-") as scratch:
        for count in given.images:
            folder = (given.folder or Path(scratch)) / str(count)
            rows.append(measure(count, folder, given.settings, given.arrays))
            if given.folder is None:
                shutil.rmtree(folder)
            _print(rows)
    if given.out:
        given.out.write_text(json.dumps(rows, indent=1))


def _print(rows: Sequence[dict[str, Any]]) -> None:
    """What the last report took, and by which power of the images each figure has grown since the one before."""
    console, row, before = Console(width=120), rows[-1], rows[-2] if len(rows) > 1 else None
    base = row["base"]
    steps = Table("step", "seconds", "exponent", "processor", "peak above the base, MiB", "exponent")
    for name in (*STEPS, "verify"):
        if name not in row["wall"]:
            continue
        # `verify` is a process of its own.
        above = {of["images"]: of["peak"][name] - (0 if name == "verify" else of["base"]) for of in rows}
        steps.add_row(
            name, f"{row['wall'][name]:.1f}", _power(row, before, lambda of, name=name: of["wall"][name]), f"{row['cpu'][name]:.1f}",
            f"{above[row['images']]:.0f}", _power(row, before, lambda of, above=above: above[of["images"]]),
        )  # fmt: skip
    files = Table("file", "MB", "exponent")
    for name, size in row["bytes"].items():
        files.add_row(name, f"{size / 1e6:.1f}", _power(row, before, lambda of, name=name: of["bytes"].get(name, 0)))
    console.print(f"{row['images']} images; base {base:.0f} MiB; {row['files']} files")
    console.print(steps)
    console.print(files)


def _power(row: dict[str, Any], before: dict[str, Any] | None, of: Callable[[dict[str, Any]], float]) -> str:
    if before is None or of(before) <= 0 or of(row) <= 0:
        return ""
    return f"{math.log(of(row) / of(before)) / math.log(row['images'] / before['images']):.2f}"
