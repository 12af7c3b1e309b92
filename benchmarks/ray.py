"""`python -m benchmarks ray FOLDER`: a run by threads beside the same run by Ray on this machine."""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

TASKS = ("cams", "lime", "agreement")
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
# Seconds between two looks at the memory of the processes.
LOOK_S = 0.2


@dataclass
class Peak:
    """Most resident memory, bytes: of the command's process, of the largest worker of Ray, of all processes together."""

    driver: int = 0
    worker: int = 0
    together: int = 0
    workers: set[int] = field(default_factory=set)

    def look(self, driver: int) -> None:
        sizes = {pid: _resident(pid) for pid in _group(driver)}
        workers = {pid: size for pid, size in sizes.items() if _is_worker(pid)}
        self.workers |= set(workers)
        self.driver = max(self.driver, sizes.get(driver, 0))
        self.worker = max(self.worker, *workers.values(), 0)
        self.together = max(self.together, sum(sizes.values()))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks ray", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, help="so many of its images, the first by name")
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--jobs", type=int)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="reportgen-") as scratch:
        home = Path(scratch)
        images = _some(given.folder, given.limit, home / "images")
        chosen = [
            "--model",
            given.model,
            *(part for task in TASKS for part in ("--task", task)),
            "--format",
            "html",
            "-q",
        ]
        chosen += ["--jobs", str(given.jobs)] if given.jobs else []
        _run([str(_some(given.folder, 1, home / "one")), *chosen], home / "warm", home / "cache")  # the conversion
        found = {}
        for engine in ("threads", "ray"):
            cache, out = home / f"cache-{engine}", home / engine
            cache.mkdir()
            (cache / "models").symlink_to(home / "cache" / "models")
            seconds, peak = _run([str(images), *chosen, "--engine", engine], out, cache)
            found[engine] = _bytes_of(out)
            print(
                f"{engine:8} {seconds:8.1f} s  command {peak.driver / 2**20:6.0f} MiB  largest worker {peak.worker / 2**20:6.0f} MiB  "
                f"together {peak.together / 2**20:6.0f} MiB  workers seen {len(peak.workers)}",
                flush=True,
            )
    print("the same bytes" if found["threads"] == found["ray"] else "THE FILES DIFFER")


def _some(folder: Path, limit: int | None, into: Path) -> Path:
    """Links to the first images of a folder; folder and file names stay."""
    names = sorted(path for path in folder.iterdir() if path.is_file())[:limit]
    target = into / folder.name
    target.mkdir(parents=True)
    for path in names:
        (target / path.name).symlink_to(path.resolve())
    return target


def _run(arguments: list[str], out: Path, cache: Path) -> tuple[float, Peak]:
    """`reportgen run` as a process, its memory watched.

    Raises:
        RuntimeError: it failed.
    """
    environment = {**os.environ, "REPORTGEN_CACHE_DIR": str(cache), "SOURCE_DATE_EPOCH": "1700000000"}
    command = [sys.executable, "-m", "reportgen", "run", *arguments, "-o", str(out)]
    start, peak, over = time.perf_counter(), Peak(), threading.Event()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)

    def watch() -> None:
        while not over.wait(LOOK_S):
            peak.look(process.pid)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        code = process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGINT)
        raise
    finally:
        over.set()
        watcher.join()
    if code != 0:
        raise RuntimeError(f"{' '.join(command)}: exit code {code}")
    return time.perf_counter() - start, peak


def _bytes_of(out: Path) -> dict[str, str]:
    """SHA-256 of every file but the timings and what names the command."""
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and path.name != "timings.json"]
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _group(driver: int) -> list[int]:
    """The processes below `driver`, itself among them (Linux)."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
    found, grown = {driver}, True
    while grown:
        below = {pid for pid, parent in parents.items() if parent in found} - found
        found, grown = found | below, bool(below)
    return sorted(found)


def _is_worker(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().startswith(b"ray::MapWorker")
    except OSError:
        return False


def _resident(pid: int) -> int:
    """Bytes of its own, without what it shares with others (Ray's object store is shared)."""
    try:
        _, resident, shared, *_ = (Path("/proc") / str(pid) / "statm").read_text().split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * PAGE
