"""Runs made by hand: results as a reduce sees them, and the pipeline on a toy network instead of a real one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reportgen.analysis.run_view import Mapped
from reportgen.pipeline.analyse import analyse
from reportgen.report.document import (
    ClassProbability,
    ImageRecord,
    Picture,
    Prediction,
    Report,
    RuntimeRecord,
    Shown,
    Skipped,
    Target,
)
from reportgen.settings.model import Settings
from reportgen.storage.run_folder import RunFolder
from reportgen.storage.store import Result
from toys import toy_network, toy_spec


class MadeRun:
    """A `RunView` over results that a test made: {analysis: one result an image}."""

    def __init__(self, folder: Path, results: dict[str, Sequence[Result]], **settings: Any) -> None:
        self.results = results
        self.settings = Settings(**settings)
        self.files = RunFolder(folder)
        self.images = [image_record(f"image-{i}.jpg") for i in range(len(next(iter(results.values()))))]
        self.names = [image.name for image in self.images]
        self.skipped: list[Skipped] = []
        self.shown = Shown(of=len(self.names), images=self.names)

    @property
    def probe(self) -> Mapped:
        return self

    def result(self, analysis: str, image: int, model: str | None = None) -> Result:
        return self.results[analysis][image]

    def frame(self, image: int) -> np.ndarray:
        return np.zeros((32, 32, 3), np.uint8)

    def cached(self, parts: Any, make: Callable[[], Result]) -> Result:
        return make()


def image_record(name: str) -> ImageRecord:
    top = {"index": 2, "name": "class 2", "probability": 0.9}
    return ImageRecord(
        name=name,
        slug=Path(name).stem,
        sha256="0" * 64,
        width=32,
        height=32,
        picture=Picture(file=f"figures/{name}", width=32, height=32, alt=""),
        label=None,
        prediction=Prediction(**top, logit=2.0, top5=[ClassProbability(**top)]),  # type: ignore[arg-type]
        target=Target(index=2, name="class 2"),
        correct=None,
    )


def analyse_toy(
    images: Path,
    out: Path,
    cache: Path,
    analyses: Sequence[Any],
    monkeypatch: pytest.MonkeyPatch,
    precision: str = "exact",
    **settings: Any,
) -> tuple[Report, list[str]]:
    """The pipeline over a folder with a toy network; returns the report and what it told the user."""
    said: list[str] = []

    class Progress:
        def stage(self, name: str, total: int) -> None: ...

        def step(self, detail: str = "") -> None: ...

        def say(self, message: str) -> None:
            said.append(message)

    spec = toy_spec(toy_network())
    record = RuntimeRecord(name="torch", precision=precision, device="cpu")
    monkeypatch.setattr("reportgen.pipeline.run.resolve", lambda name, settings: spec)
    monkeypatch.setattr("reportgen.pipeline.run.decide", lambda *_: record)
    monkeypatch.setattr("reportgen.pipeline.run.load_analyses", lambda tasks: list(analyses))
    chosen = Settings(**{"models": ("toy",), **settings})
    with closing(RunFolder(out)) as folder:
        report, _ = analyse(images, chosen, folder, cache, progress=Progress())
    return report, said
