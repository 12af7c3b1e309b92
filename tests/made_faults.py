"""An analysis whose map dies as a test says, on a network of ten lines: what happens to a worker of Ray."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from reportgen.analysis.protocol import Analysis, AnyAnalysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject
from reportgen.images.files import InputFile
from reportgen.models.classifiers.base import ClassifierSpec, Network
from reportgen.models.runtime import Engine
from reportgen.pipeline.analyse import analyse
from reportgen.pipeline.execution import Execution
from reportgen.pipeline.map import Locks, Tally, Workbench
from reportgen.pipeline.models import Model
from reportgen.pipeline.plan import plan
from reportgen.pipeline.providers import Providers
from reportgen.report.blocks import Section, Text
from reportgen.report.provenance import RuntimeRecord
from reportgen.report.report_json import report_json
from reportgen.settings.group import NoSettings
from reportgen.settings.model import Settings
from reportgen.storage.run_folder import RunFolder
from reportgen.storage.store import Store
from reportgen.utils.hashing import file_sha256, seed_from
from reportgen.utils.progress import Progress, Silent, Stopwatch
from toys import toy_network, toy_spec

Fault = Literal["none", "killed", "memory", "error", "slow"]


@dataclass(frozen=True)
class Tone:
    mean: float
    largest: float
    seed: int


class ToneAnalysis(Analysis[NoSettings, Tone]):
    """The mean pixel and the largest logit.

    Args:
        fault: what happens to the worker; at: seed of the image that it happens at, None: at every one.
        once: a path; the fault happens only while no file is there, and leaves one.
    """

    name, title, version = "tone", "Tone", "1"

    def __init__(self, fault: Fault = "none", at: int | None = None, once: str = "") -> None:
        self.fault, self.at, self.once, self.driver = fault, at, once, os.getpid()

    def map(self, subject: Subject[NoSettings]) -> Tone:
        if os.getpid() != self.driver and self.at in (None, subject.seed) and self._first():
            self._fail()
        return Tone(float(subject.view.frame.mean()), float(subject.view.forward.logits.max()), subject.seed)

    def _first(self) -> bool:
        if not self.once:
            return True
        try:
            os.close(os.open(self.once, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    def _fail(self) -> None:
        if self.fault == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.fault == "memory":
            np.zeros(1 << 60, np.uint8)
        elif self.fault == "error":
            raise RuntimeError("a fault of the analysis")
        elif self.fault == "slow":
            time.sleep(1)

    def reduce(self, run: RunView[NoSettings]) -> Contribution:
        found = [run.result(self.name, i, Tone) for i in range(len(run.images))]
        text = Text(text=f"The mean is {sum(tone.mean for tone in found) / len(found):.3f}.", role="observation")
        return Contribution(Section(id=self.name, title=self.title, blocks=[text]), [vars(tone) for tone in found])


@dataclass
class Told:
    """What a run said."""

    said: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)

    def stage(self, name: str, total: int) -> None: ...

    def step(self, detail: str = "") -> None:
        self.done.append(detail)

    def say(self, message: str) -> None:
        self.said.append(message)

    def detail(self, message: str) -> None:
        self.details.append(message)


def toy_classifier(name: str, settings: Settings) -> ClassifierSpec:
    return toy_spec(toy_network())


def on_torch(*_: object) -> RuntimeRecord:
    return RuntimeRecord(name="torch", precision="exact", device="cpu")


def providers_of(analysis: AnyAnalysis) -> Providers:
    def load(tasks: Sequence[str]) -> list[AnyAnalysis]:
        return [analysis]

    return Providers(analyses=load, classifier=toy_classifier, runtime=on_torch)


def pictures(folder: Path, count: int = 6) -> Path:
    """Small pictures, and a file that is none."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    (folder / "broken.jpg").write_text("no image at all")
    return folder


def seed_of(path: Path) -> int:
    return seed_from(0, file_sha256(path))


def run(
    images: Path,
    out: Path,
    cache: Path,
    analysis: AnyAnalysis | None = None,
    execution: Execution | None = None,
    progress: Progress | None = None,
) -> dict[str, bytes]:
    """A run without rendering; its files but the timings."""
    providers, chosen = providers_of(analysis or ToneAnalysis()), Settings(models=("toy",))
    with closing(RunFolder(out)) as folder:
        report, watch = analyse(
            images, chosen, folder, cache, execution=execution, providers=providers, progress=progress or Silent()
        )
        folder.raw("report.json", report_json(report))
        folder.timings({"stages": watch.stages, "images": watch.images})
        folder.finish()
    return files(out)


def files(out: Path) -> dict[str, bytes]:
    paths = [path for path in out.rglob("*") if path.is_file() and path.name != "timings.json"]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(paths)}


def elsewhere(file: InputFile) -> InputFile:
    """The file under a path that no machine has."""
    return replace(file, path=Path("/nowhere") / file.name)


def written(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def from_file(path: Path) -> Network:
    """A network that a file of weights would fill."""
    return toy_network()


class MadeEngine(Engine):
    """An engine of a backend that has a conversion; none is made."""

    conversion: Path | None = None

    @property
    def conversion_folder(self) -> Path | None:
        return self.conversion


def bench(store: Path, weights: Path, names: Path, conversion: Path) -> Workbench:
    """The workbench of a run whose classifier has a file of weights, a conversion, and a file of class names."""
    analysis, settings = ToneAnalysis(), Settings(models=("toy",), classes={"toy": str(names)})
    spec = replace(toy_classifier("toy", settings), load=partial(from_file, weights))
    engine = MadeEngine(spec, on_torch(), conversion.parent)
    engine.conversion = conversion
    made = plan(pictures(store.parent / "some", 1), settings, providers=providers_of(analysis))
    model = Model(spec, on_torch(), engine, engine, {"torch": "1"})
    return Workbench(made, {"toy": model}, Store(store), Locks(made.analyses), Stopwatch(), Tally(), False)
