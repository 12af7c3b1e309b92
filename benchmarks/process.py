"""`reportgen` as a user starts it: wall time, CPU time and peak memory of the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cost:
    """Of one process: seconds on the clock, seconds of CPU, peak resident memory in MiB."""

    wall_s: float
    cpu_s: float
    peak_mib: float


# Started in between: a child's peak begins at its parent's size, and a benchmark holds torch.
LAUNCHER = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(json.dumps([status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))
"""


def cost_of(arguments: list[str], cache: Path) -> Cost:
    """Run `python -m reportgen ...` to its end.

    Raises:
        RuntimeError: it failed; the message is the end of what it said.
    """
    environment = {**os.environ, "REPORTGEN_CACHE_DIR": str(cache)}
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        command = [sys.executable, "-m", "reportgen", *arguments]
        done = subprocess.run(
            [sys.executable, "-c", LAUNCHER, *command], stdout=subprocess.PIPE, stderr=said, env=environment, check=True
        )
        wall = time.perf_counter() - start
        status, cpu, peak = json.loads(done.stdout)
        if status != 0:
            said.seek(0)
            raise RuntimeError(said.read().decode(errors="replace")[-2000:])
    return Cost(wall, cpu, peak)


def end_to_end(images: Path, model: str | None) -> dict[str, Any]:
    """`run` cold and warm, `render` alone and `--help`; the cold run's stages."""
    chosen = ["--model", model] if model else []
    with tempfile.TemporaryDirectory() as scratch:
        cache, out = Path(scratch) / "cache", Path(scratch) / "out"
        command = ["run", str(images), "-o", str(out), *chosen]
        cold = cost_of(command, cache)
        stages = json.loads((out / "timings.json").read_text())["stages"]
        return {
            "run_cold": asdict(cold),
            "run_warm": asdict(cost_of(command, cache)),
            "render": asdict(cost_of(["render", str(out), "-o", str(Path(scratch) / "again")], cache)),
            "help": asdict(min((cost_of(["--help"], cache) for _ in range(3)), key=lambda cost: cost.wall_s)),
            "stages_cold_s": stages,
        }
