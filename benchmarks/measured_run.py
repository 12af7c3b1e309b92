"""`reportgen run` in this process, with seconds and peak memory of each of its steps: `python -m benchmarks.measured_run IMAGES OUT`."""

from __future__ import annotations

import functools
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import reportgen.api
import reportgen.pipeline.analyse
from reportgen.settings.model import Settings

# By step the functions that it is made of, in the modules that call them.
STEPS: dict[str, tuple[tuple[Any, str], ...]] = {
    "plan": ((reportgen.pipeline.analyse, "plan"),),
    "models": ((reportgen.pipeline.analyse, "prepare_models"),),
    "map": ((reportgen.pipeline.analyse, "_mapped"),),
    "reduce": ((reportgen.pipeline.analyse, "_reducing"), (reportgen.pipeline.analyse, "reduce_all")),
    "assemble": ((reportgen.pipeline.analyse, "assemble"), (reportgen.api, "report_json")),
    "render": ((reportgen.api, "render_all"),),
}
STATUS = Path("/proc/self/status")


class Meter:
    """Seconds of the clock and of the processor, and peak resident memory in MiB, by step."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = defaultdict(float)
        self.cpu: dict[str, float] = defaultdict(float)
        self.peak: dict[str, float] = defaultdict(float)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        Path("/proc/self/clear_refs").write_text("5")  # the peak of memory begins anew: Linux alone
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall[name] += time.perf_counter() - wall
            self.cpu[name] += time.process_time() - cpu
            self.peak[name] = max(self.peak[name], memory("VmHWM"))

    def measured(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def timed(*arguments: Any, **named: Any) -> Any:
            with self.step(name):
                return call(*arguments, **named)

        return timed


def memory(key: str) -> float:
    """Of this process, in MiB: `VmRSS` now, `VmHWM` the peak."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) / 1024


def main() -> None:
    images, out, settings = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
    meter = Meter()
    for name, functions in STEPS.items():
        for module, function in functions:
            setattr(module, function, meter.measured(name, getattr(module, function)))
    base: list[float] = []
    map_step = reportgen.pipeline.analyse._mapped

    def mapped(*arguments: Any, **named: Any) -> Any:
        base.append(memory("VmRSS"))
        return map_step(*arguments, **named)

    reportgen.pipeline.analyse._mapped = mapped
    reportgen.api.make_report(images, out, Settings(**settings), command=["reportgen", "run"], progress=False)
    print(json.dumps({"base": base[0], "wall": meter.wall, "cpu": meter.cpu, "peak": meter.peak}))


if __name__ == "__main__":
    main()
