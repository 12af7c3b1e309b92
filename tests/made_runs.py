"""Runs made by hand: results as a reduce sees them, and the pipeline on a toy network instead of a real one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from reportgen.analysis.protocol import AnyAnalysis
from reportgen.analysis.run_view import Mapped
from reportgen.analysis.view import of_kind
from reportgen.models.classifiers.base import ClassifierSpec, ClassList, LinearHead, Network, Preprocessing
from reportgen.models.encoders import Encoder, resolve_encoder
from reportgen.pipeline.analyse import analyse
from reportgen.pipeline.providers import Providers
from reportgen.report.blocks import Picture
from reportgen.report.document import ClassProbability, ImageRecord, Prediction, Report, Shown, Skipped, Target
from reportgen.report.provenance import HeadKind, RuntimeRecord
from reportgen.settings.group import NoSettings, SettingsGroup
from reportgen.settings.model import Settings, StatisticsSettings, installed_groups, settings_class, with_groups
from reportgen.storage.codec import put_together, taken_apart
from reportgen.storage.run_folder import RunFolder
from reportgen.storage.unread import UnreadArray
from reportgen.utils.versions import versions
from toys import toy_network, toy_spec

R = TypeVar("R")


class MadeRun:
    """A `RunView` over results that a test made: {analysis: one result an image, None where it is not in the sample}.

    Args:
        shared: by analysis what its reduce has handed on; head: of the explained model.
    """

    def __init__(
        self,
        folder: Path,
        results: Mapping[str, Sequence[object]],
        settings: SettingsGroup | None = None,
        *,
        analyses: Sequence[str] | None = None,
        models: Sequence[str] = ("toy",),
        seed: int = 0,
        shared: Mapping[str, object] | None = None,
        head: LinearHead | None = None,
    ) -> None:
        self.results = results
        self._handed, self._head = shared or {}, head
        self.settings = settings or NoSettings()
        self.analyses = tuple(results) if analyses is None else tuple(analyses)
        self.models = tuple(models)
        self.explained = self.models[:1]
        self.head_kind: HeadKind = "softmax"
        self.classes = ClassList(tuple(f"class {i}" for i in range(5)))
        self.seed = seed
        self.files = RunFolder(folder)
        self.images = [image_record(f"image-{i}.jpg") for i in range(len(next(iter(results.values()))))]
        self.names = [image.name for image in self.images]
        self.skipped: list[Skipped] = []
        self.shown = Shown(of=len(self.names), images=self.names)
        self.has_probe = False
        self.observations = list(range(len(self.images)))
        self.hashes = [f"{i:064x}" for i in self.observations]
        self.weights = dict.fromkeys(self.models, "0" * 64)
        self.statistics = StatisticsSettings()

    @property
    def probe(self) -> Mapped:
        return self

    def sampled(self, analysis: str, image: int, model: str | None = None) -> bool:
        return self.results[analysis][image] is not None

    def result(self, analysis: str, image: int, kind: type[R], model: str | None = None) -> R:
        return of_kind(self.results[analysis][image], kind, analysis)

    def values(self, analysis: str, image: int, kind: type[R], model: str | None = None) -> R:
        values, arrays = taken_apart(self.result(analysis, image, kind, model))
        return put_together(values, {name: UnreadArray(a.dtype, a.shape) for name, a in arrays.items()}, kind)

    def has_files(self, image: int) -> bool:
        return True

    def head(self) -> LinearHead | None:
        return self._head

    def shared(self, analysis: str, kind: type[R]) -> R | None:
        found = self._handed.get(analysis)
        return None if found is None else of_kind(found, kind, analysis)

    def frame(self, image: int, model: str | None = None) -> np.ndarray:
        return np.zeros((32, 32, 3), np.uint8)

    def images_of(self, model: str) -> list[ImageRecord]:
        return self.images

    def preprocessing(self, model: str) -> Preprocessing:
        return Preprocessing(32, 32, (0.5,) * 3, (0.25,) * 3, "bilinear")

    def encoder(self, name: str) -> Encoder:
        return resolve_encoder(name, Settings())

    def texts(self, encoder: str, words: Sequence[str]) -> np.ndarray:
        return self.encoder(encoder).embed_texts(words)

    def cached(self, parts: object, kind: type[R], make: Callable[[], R]) -> R:
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
    analyses: Sequence[AnyAnalysis],
    precision: str = "exact",
    fresh: bool = False,
    network: Callable[[], Network] = toy_network,
    versions: Callable[[Sequence[str]], dict[str, str]] = versions,
    specs: Mapping[str, ClassifierSpec] | None = None,
    **settings: Any,
) -> tuple[Report, list[str]]:
    """The pipeline over a folder with a toy network, or with `specs` by name; returns the report and what it told the user."""
    said: list[str] = []

    class Progress:
        def stage(self, name: str, total: int) -> None: ...

        def step(self, detail: str = "") -> None: ...

        def detail(self, message: str) -> None: ...

        def say(self, message: str) -> None:
            said.append(message)

    spec = toy_spec(network())
    record = RuntimeRecord(name="torch", precision=precision, device="cpu")
    providers = Providers(
        analyses=lambda tasks: list(analyses),
        classifier=lambda name, settings: spec if specs is None else specs[name],
        runtime=lambda *_: record,
        versions=versions,
    )
    own = {a.settings_name: a.settings_model for a in analyses if a.settings_model is not NoSettings}
    new = {name: group for name, group in own.items() if name not in settings_class().model_fields}
    made = with_groups({**installed_groups(), **new}) if new else Settings
    chosen = made(**{"models": ("toy",), **settings})
    with closing(RunFolder(out)) as folder:
        report, _ = analyse(images, chosen, folder, cache, fresh=fresh, progress=Progress(), providers=providers)
    return report, said
