"""A program that makes real runs only to have them end badly: it forks one for each request, and kills it where told.

The command line, the pipeline, the store and the renderer are the real ones; the model is a few lines of numpy, so that
a run takes a fraction of a second. A request is a line of JSON, a list of runs that are started at once:

    argv        of reportgen
    stderr      file that receives its messages
    after       seconds until `signal`, or null
    signal      default SIGKILL
    operation   kill it right before its n-th operation on the file system, or null
    limits      of resources, by the ends of their names: {"NOFILE": 64}
    streams     by number, where standard input, output and error lead: "closed", "gone" (a pipe that nobody reads) or a file
    mounts      file systems that this run alone sees: ["tmpfs", PLACE, OPTIONS], or ["read-only", PLACE]
    fresh       a new interpreter makes the run: what is read once, at its start, is read in this run's environment
    env         environment variables, null takes one away; AT = "3:DEED" does something when the third image is mapped:
                2 sends that signal, /a removes /a, and cut:/a, pipe:/a, folder:/a and other:/a put those in its place

The answer is a list of {"code": exit code or minus the signal, "seconds": its life, "operations": how many}.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment

from fixtures import make_report
from reportgen import api
from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject
from reportgen.cli import main as cli
from reportgen.figures import charts, overlays
from reportgen.models.classifiers import ClassifierSpec, ClassList, Preprocessing
from reportgen.models.runtime import Forward
from reportgen.pipeline.providers import Providers
from reportgen.rendering.render import render
from reportgen.report.blocks import Column, Figure, Section, Table
from reportgen.report.document import Finding
from reportgen.report.provenance import RuntimeRecord
from reportgen.settings.group import NoSettings
from reportgen.settings.model import Settings
from reportgen.sharing import repeat
from reportgen.storage.codec import Array

SIDE, CLASSES = 32, 6
WEIGHT = np.random.default_rng(0).standard_normal((CLASSES, 3)).astype(np.float32)


class NumpyEngine:
    """The mean of each colour, and a linear layer."""

    def __init__(self, spec: ClassifierSpec, record: RuntimeRecord, models_cache: Path) -> None:
        self.spec, self.record = spec, record

    def require_loadable(self) -> None:
        """There is nothing to load."""

    def normalise(self, frame: np.ndarray) -> np.ndarray:
        return self.spec.preprocessing.normalise(frame)

    def forward(self, batch: np.ndarray) -> Forward:
        return Forward(batch.mean((2, 3)) @ WEIGHT.T, batch)


@dataclass(frozen=True)
class Bright:
    mean: float
    draw: float
    map: Array
    mask: Array


def deed(what: str) -> None:
    """What happens to a run, or to one of its images, in its midst."""
    name, _, place = what.rpartition(":")
    if not place.startswith("/"):
        return os.kill(os.getpid(), int(what))
    path = Path(place)
    data = path.read_bytes()
    path.unlink()
    if name == "pipe":
        os.mkfifo(path)
    elif name == "folder":
        path.mkdir()
    elif name:
        path.write_bytes(data[: len(data) // 2] if name == "cut" else data + b"more")
    return None


class Brightness(Analysis[NoSettings, Bright]):
    """A map, a mask and numbers for each image; a table, a chart and figures from all of them."""

    name, title, version, order = "brightness", "Brightness", "1", 10
    _mapped = 0

    def relevant(self, settings: Settings) -> dict[str, Any]:
        return {"figures": settings.document.figures}

    def map(self, subject: Subject[NoSettings]) -> Bright:
        self._mapped += 1
        number, _, what = os.environ.get("AT", "0:").partition(":")
        if self._mapped == int(number):
            deed(what)
        grey = subject.view.frame.mean(2) / 255
        noise = np.random.default_rng(subject.seed).random(grey.shape)
        return Bright(float(grey.mean()), float(noise.mean()), grey, grey > noise)

    def reduce(self, run: RunView[NoSettings]) -> Contribution:
        entries, figures = [], []
        for i, image in enumerate(run.images):
            found = run.result("brightness", i, Bright)
            file = run.files.array(f"maps/{image.slug}/brightness.npy", found.map)
            mask = run.files.mask(f"masks/{image.slug}/brightness.png", found.mask)
            heat = overlays.heat_overlay(run.frame(i), found.map)
            picture = run.files.photo(f"figures/{image.slug}-heat.jpg", heat, alt="brightness")
            figures.append(Figure(id=f"f{i}", caption=image.name, pictures=[picture], image=image.name))
            entries.append({"mean": found.mean, "draw": found.draw, "map": file, "mask": mask})
        rows = [[image.name, e["mean"]] for image, e in zip(run.images, entries, strict=True)]
        columns = [Column(key="image", label="Image"), Column(key="mean", label="Mean", decimals=3)]
        table = run.files.table(Table(id="means", caption="Means", columns=columns, rows=rows))
        chart, axes = charts.chart(80, 40)
        axes.plot([e["mean"] for e in entries])
        drawn = Figure(id="chart", caption="", pictures=[run.files.chart("figures/chart.svg", chart, alt="means")])
        run.files.raw("explain_params.pkl", b"parameters")
        mean = float(np.mean([e["mean"] for e in entries]))
        verdict = "supported" if mean > 0.5 else "contradicted"
        finding = Finding(
            id="bright", section="brightness", claim="Images are bright.", verdict=verdict, text=f"{mean}"
        )
        section = Section(id="brightness", title=self.title, blocks=[table, drawn, *figures])
        return Contribution(section, per_image=entries, findings=[finding])


def toy_spec(name: str, settings: Settings) -> ClassifierSpec:
    preprocessing = Preprocessing(SIDE, SIDE, (0.5,) * 3, (0.25,) * 3, "bilinear")
    classes = ClassList(tuple(f"class {i}" for i in range(CLASSES)))
    return ClassifierSpec(name, "made by a test", "0" * 64, preprocessing, classes, (), lambda: None)  # type: ignore[arg-type, return-value]


def install_toys() -> None:
    """Put the toy model and the toy analysis where the pipeline looks for real ones."""
    record = RuntimeRecord(name="numpy", precision="exact", device="cpu")
    toys = Providers(
        analyses=lambda tasks: [Brightness()],
        classifier=toy_spec,
        runtime=lambda *_: record,
        engine=NumpyEngine,  # type: ignore[arg-type]
    )
    # The command line asks for it when a run begins.
    api.make_report = partial(api.make_report, providers=toys)  # type: ignore[assignment]
    repeat.resolve = toy_spec


def warm_up() -> None:
    """Draw and render once, so that no run pays for imports, fonts and the compilation of templates."""
    compiled: dict[Any, Any] = {}
    original = Environment.compile

    def compile_once(self: Environment, source: Any, name: Any = None, filename: Any = None, *more: Any) -> Any:
        # Fonts are folded into the code, as each medium loads them.
        key = (name, filename, self.filters["asset"].__qualname__)
        if key not in compiled:
            compiled[key] = original(self, source, name, filename, *more)
        return compiled[key]

    Environment.compile = compile_once  # type: ignore[method-assign, assignment]
    with tempfile.TemporaryDirectory() as folder:
        report, run = make_report(Path(folder), 1)
        render(report, run, run, formats=("html",))


CHANGING = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.utime", "os.truncate", "shutil.rmtree"})


def count_operations(kill_at: int | None, report: int) -> None:
    """Count what this process does to the file system from now on, and kill it right before number `kill_at`."""
    done = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal done
        if event == "open":
            changes = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        else:
            changes = event in CHANGING
        if changes and arguments[0] != os.devnull:
            done += 1
            os.pwrite(report, str(done).ljust(8).encode(), 0)
            if done == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def surround(run: dict[str, Any]) -> None:
    """What this process may use, and which file systems it sees, from now on."""
    for name, limit in (run.get("limits") or {}).items():
        number = getattr(resource, f"RLIMIT_{name}")
        resource.setrlimit(number, (limit, limit))
    if run.get("mounts"):
        libc = ctypes.CDLL(None, use_errno=True)
        new_names, private = 0x20000, 0x4C000  # CLONE_NEWNS, MS_PRIVATE | MS_REC | MS_SILENT
        assert libc.unshare(new_names) == 0, os.strerror(ctypes.get_errno())
        assert libc.mount(None, b"/", None, private, None) == 0, os.strerror(ctypes.get_errno())
    for kind, place, *options in run.get("mounts") or ():
        # Not by libc alone: a disk becomes read-only by a bind and another mount on it, and what is mounted below it stays as it is.
        how = (
            ["-t", "tmpfs", "-o", *options, "none", place] if kind == "tmpfs" else ["--rbind", "-o", "ro", place, place]
        )
        subprocess.run(["mount", *how], check=True)


def lead(streams: dict[str, str]) -> None:
    """Where the standard streams lead from now on."""
    for number, where in streams.items():
        if where == "closed":
            os.close(int(number))
            setattr(sys, ("stdin", "stdout", "stderr")[int(number)], None)  # as an interpreter that starts without
            continue
        if where == "gone":
            read, found = os.pipe()
            os.close(read)
        else:
            found = os.open(where, os.O_WRONLY | os.O_CREAT)
        os.dup2(found, int(number))
        os.close(found)


def child(run: dict[str, Any], counter: int) -> None:
    """One run of reportgen; never returns."""
    for name, value in (run.get("env") or {}).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    # A shell starts what runs in its background with SIGINT ignored, and Python keeps that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    messages = os.open(run["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(messages, 2)
    os.dup2(quiet, 1)
    surround(run)
    lead(run.get("streams") or {})
    sys.argv = ["reportgen", *run["argv"]]
    code = 70
    count_operations(run.get("operation"), counter)
    try:
        cli.main()
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc(file=os.fdopen(messages, "w"))
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(code)


def started_fresh(run: dict[str, Any]) -> int:
    """The number of a new process for the run."""
    changes = run.get("env") or {}
    environment = {**os.environ, **{name: value for name, value in changes.items() if value is not None}}
    for name in changes:
        if changes[name] is None:
            environment.pop(name, None)
    command = [sys.executable, __file__, json.dumps({**run, "env": None})]
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL).pid


def serve() -> None:
    install_toys()
    warm_up()
    for line in sys.stdin:
        started = []
        for run in json.loads(line):
            counter = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the run is over)
            pid = started_fresh(run) if run.get("fresh") else os.fork()
            if pid == 0:
                child(run, counter.fileno())
            started.append((run, pid, time.monotonic(), counter))
        for run, pid, start, _ in sorted(started, key=lambda s: s[0].get("after") or float("inf")):
            if run.get("after") is not None:
                time.sleep(max(0.0, start + run["after"] - time.monotonic()))
                os.kill(pid, run.get("signal", signal.SIGKILL))
        answers = []
        for _, pid, start, counter in started:
            _, status = os.waitpid(pid, 0)
            operations = int(os.pread(counter.fileno(), 8, 0) or b"0")
            counter.close()
            code = os.waitstatus_to_exitcode(status)
            answers.append({"code": code, "seconds": time.monotonic() - start, "operations": operations})
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        install_toys()
        child(json.loads(sys.argv[1]), os.open(os.devnull, os.O_WRONLY))
    serve()
