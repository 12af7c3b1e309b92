"""One picture explained by one method, without a folder and without a report: the model, frame, seed and map of a run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reportgen.analysis.protocol import AnyAnalysis
from reportgen.analysis.saliency import Saliency
from reportgen.analysis.view import Subject, View
from reportgen.images.frame import model_frame
from reportgen.models.classifiers import ClassifierSpec, MissingWeights
from reportgen.models.download import fetch
from reportgen.models.encoders import resolve_encoder
from reportgen.pipeline.capabilities import capabilities
from reportgen.pipeline.models import Model, prepare_model
from reportgen.pipeline.observation import observed
from reportgen.pipeline.providers import Providers
from reportgen.report.blocks import not_found
from reportgen.report.document import Prediction, Target
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import digest_of, seed_from
from reportgen.utils.progress import Silent


@dataclass(frozen=True)
class Photograph:
    """A picture from anywhere.

    Attributes:
        name: for messages.
        pixels: (H, W, 3) uint8, upright.
        sha256: of its file's bytes, or of its pixels where it has none; random draws follow from it.
    """

    name: str
    pixels: np.ndarray
    sha256: str


@dataclass(frozen=True)
class ExplainedImage:
    """What came of it; `frame` is (H, W, 3) uint8, what the model saw."""

    frame: np.ndarray
    prediction: Prediction
    target: Target
    saliency: Saliency


class KeptModels:
    """The models used last, ready to run, so that the next picture takes no time to load one. Several threads may share it."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._models: OrderedDict[str, Model] = OrderedDict()

    def model(self, spec: ClassifierSpec, settings: Settings, cache: Path, providers: Providers) -> Model:
        """Raises: UsageError: see `prepare_model`."""
        parts = [spec.name, spec.weights_sha256, spec.record(), spec.activation, spec.head_kind, spec.architecture]
        classes = digest_of(spec.classes.names)
        key = digest_of([*parts, classes, settings.runtime, settings.precision, str(cache), id(providers)])
        with self._lock:
            if key not in self._models:
                self._models[key] = prepare_model(spec, settings, cache, providers)
            self._models.move_to_end(key)
            while len(self._models) > self._most:
                self._models.popitem(last=False)
            return self._models[key]


def explain_image(
    photograph: Photograph,
    method: str,
    target: int | str | None,
    settings: Settings,
    cache: Path,
    providers: Providers,
    kept: KeptModels,
) -> ExplainedImage:
    """Explain a picture for the first explained model of the settings.

    Args:
        target: index or name of the class to explain; None: the one that the model predicts.
        cache: the folder of converted models.

    Raises:
        UsageError: no such method, model or class, weights that are missing, or a method that the model allows no map of.
    """
    name = settings.explained[0]
    analysis = _analysis_of(method, providers)
    spec = _spec(name, settings, providers)
    capabilities((analysis,), {name: spec}, settings.model_copy(update={"tasks": (analysis.name,)}))
    model = kept.model(spec, settings, cache, providers)
    view = View(model_frame(photograph.pixels, spec.preprocessing), model.engine)
    height, width = photograph.pixels.shape[:2]
    seen = observed(view, model, photograph.name, (width, height), "", keep_frame=False).prediction
    index = _target(target, spec, seen)
    subject = Subject(
        view=view,
        target=index,
        seed=seed_from(settings.seed, photograph.sha256),
        run_seed=settings.seed,
        settings=analysis.alone(method, analysis.own(settings)),
        results={},
        timed=lambda _: nullcontext(),
        encoder=lambda encoder: resolve_encoder(encoder, settings),
        again=lambda *_: None,
        explained=name,
    )
    saliency = analysis.saliency(analysis.map(subject), method)
    return ExplainedImage(view.frame, seen, Target(index=index, name=spec.classes.names[index]), saliency)


def methods(providers: Providers) -> Mapping[str, AnyAnalysis]:
    """What can be made of a single picture, by name, and the analysis that makes it."""
    return {method: analysis for analysis in providers.analyses(()) for method in analysis.methods}


def _analysis_of(method: str, providers: Providers) -> AnyAnalysis:
    known = methods(providers)
    if method not in known:
        raise UsageError(not_found("no method", method, list(known)))
    return known[method]


def _spec(name: str, settings: Settings, providers: Providers) -> ClassifierSpec:
    try:
        return providers.classifier(name, settings)
    except MissingWeights:
        if not settings.allow_download:
            raise
    fetch(name, settings, Silent())
    return providers.classifier(name, settings)


def _target(asked: int | str | None, spec: ClassifierSpec, seen: Prediction) -> int:
    names = spec.classes.names
    if asked is None:
        return seen.index
    if isinstance(asked, str):
        if asked not in names:
            raise UsageError(f"{spec.name}: {not_found('no class', asked, names)}")
        if names.count(asked) > 1:
            raise UsageError(f"{spec.name}: {names.count(asked)} classes are called {asked!r}; give the index of one")
        return names.index(asked)
    if not 0 <= asked < len(names):
        raise UsageError(f"{spec.name}: no class has the index {asked}; there are 0 to {len(names) - 1}")
    return asked
