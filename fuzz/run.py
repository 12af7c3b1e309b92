"""Fuzz the readers of untrusted files.

    python fuzz/run.py [TARGET...] [--minutes 10] [--jobs 1]

Prints a table, and exits with 1 where something was found: it lies in fuzz/work/TARGET/found. Needs the extra `fuzz`.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from fuzz import MEMORY, NAMES, SECONDS  # noqa: E402

WORK = ROOT / "fuzz" / "work"
_SHORTEST = 10  # seconds: no process is started anew for less


@dataclass
class Outcome:
    """What came of one target. `edges`: at the end, and how many of them the seeds did not reach; `lines`: in percent, of its
    readers; `seconds`: the start of its processes, which imports much, among them."""

    name: str
    inputs: int = 0
    seconds: float = 0.0
    edges: int = 0
    seeded: int = 0
    found: Counter[str] = field(default_factory=Counter)
    lines: str = ""
    broken: str = ""

    def row(self) -> str:
        speed = self.inputs / self.seconds if self.seconds else 0
        new = self.edges - self.seeded
        counts = f"{self.found['crash']:>8} {self.found['timeout']:>6} {self.found['memory'] + self.found['oom']:>7}"
        return f"{self.name:<13} {self.inputs:>9} {speed:>9.0f} {self.edges:>7} {new:>6} {counts} {self.lines:>7}  {self.broken}"


HEAD = f"{'target':<13} {'inputs':>9} {'a second':>9} {'edges':>7} {'new':>6} {'crashes':>8} {'hangs':>6} {'memory':>7} {'lines':>7}"


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


def fuzzed(name: str, seconds: float) -> Outcome:
    """Fuzz one target for so long; a process that ends at a finding is started again."""
    outcome, work = Outcome(name), WORK / name
    corpus, found = work / "corpus", work / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    earlier = set(found.iterdir())
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > (_SHORTEST if outcome.seconds else 0):
        options = [
            f"-artifact_prefix={found}/", f"-max_total_time={max(1, int(left))}", f"-timeout={SECONDS}",
            f"-rss_limit_mb={MEMORY >> 20}", "-max_len=32768", "-len_control=0", "-print_final_stats=1", "-verbosity=1",
        ]  # fmt: skip
        command = [
            sys.executable,
            "-m",
            "fuzz.child",
            name,
            str(found),
            *options,
            str(corpus),
            str(ROOT / "fuzz/corpus" / name),
        ]
        begun = time.monotonic()
        done = subprocess.run(
            ["nice", "-n", "10", *command], cwd=ROOT, env=environment(), capture_output=True, check=False
        )
        outcome.seconds += time.monotonic() - begun
        said = done.stderr.decode("utf-8", "replace")
        (work / "log.txt").write_text(said, "utf-8")
        if not _counted(outcome, said):
            outcome.broken = f"did not begin: see {work / 'log.txt'}"
            break
    outcome.found = Counter(
        file.name.partition("-")[0] for file in found.iterdir() if file not in earlier and file.suffix != ".txt"
    )
    outcome.lines = covered(name, corpus)
    return outcome


def _counted(outcome: Outcome, said: str) -> bool:
    """Add what libFuzzer says at its end; False where it says nothing."""
    units = re.findall(r"stat::number_of_executed_units:\s*(\d+)", said)
    edges = [int(number) for number in re.findall(r"cov: (\d+)", said)]
    if not units or not edges:
        return False
    outcome.inputs += int(units[-1])
    first = re.search(r"INITED cov: (\d+)", said)
    outcome.seeded = outcome.seeded or (int(first[1]) if first else edges[0])
    outcome.edges = max(outcome.edges, edges[-1])
    return True


def covered(name: str, corpus: Path) -> str:
    """Lines of the target's readers that its corpus runs, in percent, by coverage.py in a process without atheris."""
    command = [sys.executable, "-m", "fuzz.covered", name, str(corpus)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    return done.stdout.strip().rpartition("\n")[2] if done.returncode == 0 else "?"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--minutes", type=float, default=10, help="for each target (default: 10)")
    parser.add_argument("--jobs", type=int, default=1, help="targets at once (default: 1)")
    given = parser.parse_args()
    if unknown := [name for name in given.targets if name not in NAMES]:
        parser.error(f"no target is called {unknown[0]!r}; there are {', '.join(NAMES)}")
    if given.minutes <= 0 or given.jobs < 1:
        parser.error("--minutes and --jobs are more than 0")
    print(HEAD, flush=True)
    with ThreadPoolExecutor(given.jobs) as pool:
        outcomes = []
        for outcome in pool.map(lambda name: fuzzed(name, 60 * given.minutes), given.targets or NAMES):
            print(outcome.row(), flush=True)
            outcomes.append(outcome)
    sys.exit(any(outcome.found or outcome.broken for outcome in outcomes))


if __name__ == "__main__":
    main()
