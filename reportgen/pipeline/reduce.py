"""Reduce: what was mapped becomes image records and, analysis by analysis, sections."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from reportgen.analysis.protocol import AnyAnalysis, Contribution
from reportgen.analysis.run_view import Files
from reportgen.analysis.settle import Observed
from reportgen.analysis.view import of_kind
from reportgen.models.classifiers.base import ClassList, LinearHead, Preprocessing
from reportgen.models.encoders import Encoder, resolve_encoder
from reportgen.pipeline.image_records import files_of
from reportgen.pipeline.mapped_folder import MappedFolder
from reportgen.pipeline.models import Model
from reportgen.pipeline.plan import Plan
from reportgen.pipeline.section_cache import reduced
from reportgen.pipeline.several import told_apart
from reportgen.report.bounds import CARDS, ROWS
from reportgen.report.document import ImageRecord, Shown
from reportgen.report.ids import id_of
from reportgen.report.provenance import HeadKind
from reportgen.settings.files import files_named_in
from reportgen.settings.group import SettingsGroup
from reportgen.storage.codec import Array, encode
from reportgen.storage.run_folder import RunFolder
from reportgen.storage.store import Store
from reportgen.utils.hashing import digest_of, digest_of_each
from reportgen.utils.json_types import JSON
from reportgen.utils.progress import Progress, Stopwatch

R = TypeVar("R")

# Raised when words embed otherwise.
TEXTS_VERSION = "1"


@dataclass(frozen=True)
class TextEmbeddings:
    """(words, D) float32 unit rows, as the store keeps them."""

    rows: Array


@dataclass(frozen=True)
class Reducing:
    """What the reduce of every analysis shares.

    Attributes:
        probe: the probe set's results, `images` where the run's own images are the probe set.
        records: by explained model, of the images in their order.
    """

    plan: Plan
    models: Mapping[str, Model]
    mapped: MappedFolder
    probe: MappedFolder
    records: Mapping[str, Sequence[ImageRecord]]
    shown: Shown
    versions: Mapping[str, str]
    files: RunFolder
    store: Store
    fresh: bool

    @property
    def in_full(self) -> bool:
        """Whether every image has its files (`RunView.has_files`)."""
        return len(self.mapped.names) <= self.plan.settings.document.records

    @cached_property
    def identity(self) -> Mapping[str, JSON]:
        """All that any section can read, but the settings of its analysis."""
        settings = self.plan.settings
        return {
            "analyses": [analysis.name for analysis in self.plan.analyses],
            "models": list(settings.models),
            "weights": {name: spec.weights_sha256 for name, spec in self.plan.specs.items()},
            "classes": {name: digest_of(self.plan.specs[name].classes.names) for name in self.records},
            "heads": {name: self.plan.specs[name].head_kind for name in self.records},
            "seed": settings.seed,
            "left out": [[*at, why] for at, why in sorted(self.plan.gaps.items())],
            "shown": self.shown.model_dump(mode="json"),
            "statistics": settings.statistics.model_dump(mode="json"),
            "images": {
                name: digest_of_each(one.model_dump(mode="json") for one in of_model)
                for name, of_model in self.records.items()
            },
            "files": self.in_full,
            "mapped": [folder.identity for folder in dict.fromkeys((self.mapped, self.probe))],
            "versions": dict(self.versions),
            # Which rows its tables keep; what follows from the names is not said again.
            **({} if self.files.kept_rows is None else {"rows": [self.files.kept_rows.limit, ROWS, CARDS]}),
        }


class ProbeReduceView:
    """`reportgen.analysis.run_view.ProbeView` of one analysis."""

    def __init__(self, analysis: AnyAnalysis, plan: Plan, probe: MappedFolder, store: Store, *, fresh: bool) -> None:
        self.settings: SettingsGroup = analysis.own(plan.settings)
        self.models = tuple(name for name in plan.settings.models if (analysis.name, name) not in plan.gaps)
        self.weights = {name: spec.weights_sha256 for name, spec in plan.specs.items()}
        self.classes: ClassList = plan.specs[plan.explained].classes
        self.seed = plan.settings.seed
        self.probe = probe
        self.has_probe = plan.settings.probe is not None
        self._all_settings, self._store, self._fresh = plan.settings, store, fresh

    def encoder(self, name: str) -> Encoder:
        return resolve_encoder(name, self._all_settings)

    def texts(self, encoder: str, words: Sequence[str]) -> np.ndarray:
        space = self.encoder(encoder)
        parts: JSON = ["texts", TEXTS_VERSION, space.identity(), list(words)]
        return self.cached(parts, TextEmbeddings, lambda: TextEmbeddings(space.embed_texts(words))).rows

    def cached(self, parts: JSON, kind: type[R], make: Callable[[], R]) -> R:
        key = digest_of(["reduce", parts])
        found = None if self._fresh else self._store.get(key, kind)
        if found is None:
            found = make()
            self._store.put(key, found)
        return found


class ReduceView(ProbeReduceView):
    """`reportgen.analysis.run_view.RunView` of one analysis, for one explained model."""

    def __init__(
        self, analysis: AnyAnalysis, shared: Reducing, model: str, handed: Mapping[str, object | None]
    ) -> None:
        plan = shared.plan
        super().__init__(analysis, plan, shared.probe.of(model), shared.store, fresh=shared.fresh)
        if analysis.per_model:
            self.models = tuple(dict.fromkeys([model, *plan.settings.models]))
        self.analyses = tuple(other.name for other in plan.analyses if (other.name, model) not in plan.gaps)
        self.explained = tuple(shared.records)
        self.classes = plan.specs[model].classes
        self.head_kind: HeadKind = plan.specs[model].head_kind
        self.images = shared.records[model]
        self.shown = shared.shown
        self.files: Files = files_of(model, plan, shared.files)
        self.statistics = plan.settings.statistics
        mapped = shared.mapped.of(model)
        self.names, self.skipped = mapped.names, mapped.skipped
        self.observations, self.hashes = mapped.observations, mapped.hashes
        self.result, self.values, self.sampled, self.frame = mapped.result, mapped.values, mapped.sampled, mapped.frame
        self._shared, self._model, self._handed = shared, model, handed
        self._filed = None if shared.in_full else frozenset(shared.shown.images)

    def has_files(self, image: int) -> bool:
        return self._filed is None or self.names[image] in self._filed

    def images_of(self, model: str) -> Sequence[ImageRecord]:
        return self._shared.records[model]

    def preprocessing(self, model: str) -> Preprocessing:
        return self._shared.plan.specs[model].preprocessing

    def head(self) -> LinearHead | None:
        return self._shared.models[self._model].engine.linear_head

    def shared(self, analysis: str, kind: type[R]) -> R | None:
        if analysis not in self._handed:
            raise LookupError(f"{analysis} is not required, or does not reduce before: it has handed nothing on")
        found = self._handed[analysis]
        return None if found is None else of_kind(found, kind, analysis)


def reduce_all(shared: Reducing, watch: Stopwatch, progress: Progress) -> dict[str, Contribution]:
    """By analysis what it contributes, for a further explained model under the id of both (`report.ids`).

    Its files are written, from the store where nothing that it reads has changed.
    """
    progress.stage("Writing sections", len(shared.plan.analyses))
    contributions: dict[str, Contribution] = {}
    first, *further = shared.records
    for analysis in shared.plan.analyses:
        with watch.stage(f"section {analysis.name}"):
            made_of = [name for name in shared.records if (analysis.name, name) not in shared.plan.gaps]
            if first in made_of or not analysis.per_model:
                contributions[analysis.name] = _reduced(
                    analysis, first, shared, _handed(analysis, first, contributions)
                )
            for model in (name for name in further if name in made_of) if analysis.per_model else ():
                handed = _handed(analysis, model, contributions)
                contributions[id_of(analysis.name, model)] = _reduced(analysis, model, shared, handed)
        progress.step(analysis.title)
    return contributions


def _handed(analysis: AnyAnalysis, model: str, made: Mapping[str, Contribution]) -> dict[str, object | None]:
    """What the analyses that it requires hand on: on the same model, where they are reduced for each."""
    on_model = {name: made.get(id_of(name, model)) or made.get(name) for name in analysis.requires}
    return {name: found.shared for name, found in on_model.items() if found is not None}


def _digest_of(shared: object | None) -> str | None:
    """What tells one shared value from another."""
    return None if shared is None else hashlib.sha256(encode(shared)).hexdigest()


def _reduced(analysis: AnyAnalysis, model: str, shared: Reducing, handed: Mapping[str, object | None]) -> Contribution:
    own: SettingsGroup = analysis.own(shared.plan.settings)
    about: dict[str, JSON] = {
        "explained": model,
        "settings": own.model_dump(mode="json"),
        "files": {**files_named_in(own)},
        "handed": {name: _digest_of(value) for name, value in handed.items()},
    }
    view, code = ReduceView(analysis, shared, model, handed), shared.plan.codes[analysis.name]
    made = reduced(analysis, view, code, {**shared.identity, **about}, shared.files, shared.store, fresh=shared.fresh)
    several = analysis.per_model and len(shared.records) > 1
    return told_apart(made, model, first=model == shared.plan.explained) if several else made


def observed(shared: Reducing) -> Observed:
    """What counts as one observation among the images of a run."""
    records = shared.records[shared.plan.explained]
    different = [records[i] for i in shared.mapped.observations]
    classes = {(record.label or record.target).index for record in different}
    return Observed(len(records), len(different), len(classes))
