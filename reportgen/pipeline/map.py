"""Map: every analysis over every image; each result is kept in the store under the hash of what made it.

A second run takes from there whatever has not changed. Only keys and observations stay in memory, so memory does not grow
with the pixels of the folder.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np

from reportgen.analysis.protocol import AnyAnalysis
from reportgen.analysis.view import Subject, View
from reportgen.images.copies import perceptual_hash
from reportgen.images.decode import DecodedImage, PictureRemark, Reading, UnreadableImage, read_image, require_whole
from reportgen.images.files import InputFile
from reportgen.images.folder import Folder
from reportgen.images.frame import model_frame
from reportgen.images.ground_truth.annotation import Fitted
from reportgen.models.encoders import resolve_encoder
from reportgen.pipeline.models import Model
from reportgen.pipeline.observation import OBSERVATION, OBSERVATION_VERSION, Observation, observed
from reportgen.pipeline.plan import Plan, explained_by
from reportgen.report.document import Skipped
from reportgen.storage.store import Store
from reportgen.utils.concurrency import raise_if_stopped
from reportgen.utils.hashing import digest_of, seed_from
from reportgen.utils.progress import Progress, Stopwatch

T = TypeVar("T")

# Of an image: (analysis, model).
At = tuple[str, str]


@dataclass(frozen=True)
class OpenImage:
    """One file of the folder, decoded at most once, and only when a result is missing."""

    file: InputFile
    max_pixels: int
    reading: Reading
    sha256: str

    @cached_property
    def _decoded(self) -> DecodedImage:
        """Raises: UnreadableImage: the file cannot be decoded, or is another than it was."""
        decoded = read_image(self.file, self.max_pixels, self.reading)
        if decoded.sha256 != self.sha256:
            raise UnreadableImage("the file changed while it was being read")
        return decoded

    @property
    def pixels(self) -> np.ndarray:
        """(H, W, 3) uint8, upright.

        Raises:
            UnreadableImage: the file cannot be decoded, or is another than it was.
        """
        return self._decoded.pixels

    @property
    def remarks(self) -> tuple[PictureRemark, ...]:
        """Raises: UnreadableImage: as `pixels`."""
        return self._decoded.remarks

    @cached_property
    def perceptual_hash(self) -> str:
        return perceptual_hash(self.pixels)

    def view(self, model: Model) -> View:
        return View(model_frame(self.pixels, model.spec.preprocessing), model.engine)


@dataclass(frozen=True)
class Explained:
    """What came of one image.

    Attributes:
        keys: of its results; None where the image is not in the analysis' sample.
        observations: by explained model, without their frames.
        computed: which of its results were made now; the others were in the store.
    """

    file: InputFile
    sha256: str
    observations: Mapping[str, Observation]
    keys: Mapping[At, str | None]
    computed: frozenset[At] = frozenset()

    @property
    def sentence(self) -> str:
        """`a.jpg: computed lime; in the store prediction, cams`; of several models with their names."""
        several = len({model for _, model in self.keys}) > 1
        words: dict[str, list[str]] = {"computed": [], "in the store": []}
        for (analysis, model), key in self.keys.items():
            if key is not None:
                at = f"{analysis} ({model})" if several else analysis
                words["computed" if (analysis, model) in self.computed else "in the store"].append(at)
        return f"{self.file.name}: " + "; ".join(f"{word} {', '.join(of)}" for word, of in words.items() if of)


@dataclass(frozen=True)
class Mapped:
    """One folder after the map: the images that could be read, in order, and the files that could not."""

    images: tuple[Explained, ...]
    skipped: tuple[Skipped, ...]


class ArraysLost(Exception):
    """A result whose values read back and whose arrays do not."""


class Locks:
    """Of two equal images under way at once the second finds what the first has made; an analysis that is not made for
    threads is called by one at a time."""

    def __init__(self, analyses: Sequence[AnyAnalysis]) -> None:
        self._of_key = [threading.Lock() for _ in range(1024)]
        self._of_analysis = {analysis.name: threading.Lock() for analysis in analyses if not analysis.concurrent}

    def of_key(self, key: str) -> AbstractContextManager[object]:
        return self._of_key[int(key[:8], 16) % len(self._of_key)]

    def of_analysis(self, name: str) -> AbstractContextManager[object]:
        return self._of_analysis.get(name) or nullcontext()


class Tally:
    """How many results were made, and how many were in the store."""

    def __init__(self) -> None:
        self.computed = self.reused = 0
        self._lock = threading.Lock()

    def count(self, *, computed: int = 0, reused: int = 0) -> None:
        with self._lock:
            self.computed, self.reused = self.computed + computed, self.reused + reused


@dataclass(frozen=True)
class Workbench:
    """What the map of every image shares."""

    plan: Plan
    models: Mapping[str, Model]
    store: Store
    locks: Locks
    watch: Stopwatch
    tally: Tally
    fresh: bool


class MapEngine(Protocol):
    """What calls `explain` for the files of a folder: threads of this process, or processes of a cluster."""

    def map(
        self, files: Sequence[InputFile], analyses: Sequence[AnyAnalysis], bench: Workbench
    ) -> Generator[tuple[int, Explained | Skipped], None, None]:
        """What came of each file, with its place in `files`, as it comes; close the generator when leaving it early.

        What was computed, and the seconds, are added to the tally and the stopwatch of `bench`.
        """
        ...


def map_folder(
    folder: Folder,
    analyses: Sequence[AnyAnalysis],
    bench: Workbench,
    engine: MapEngine,
    *,
    stage: str,
    progress: Progress,
) -> Mapped:
    """Map the analyses over the images of a folder; the result is the same for any engine.

    Raises:
        NothingToDo: no image could be read.
    """
    progress.stage(stage, len(folder.files))
    found: dict[int, Explained | Skipped] = {}
    try:
        with closing(engine.map(folder.files, analyses, bench)) as under_way:
            for at, result in under_way:
                found[at] = result
                if isinstance(result, Explained):
                    progress.detail(result.sentence)
                progress.step(folder.files[at].name)
    except KeyboardInterrupt:
        done = sum(isinstance(result, Explained) for result in found.values())
        again = "give the same command without --fresh to go on" if bench.fresh else "the same command goes on"
        progress.say(
            f"{done} of {len(folder.files)} images are done and kept, {bench.tally.computed} results are new; {again}"
        )
        raise
    in_order = [found[at] for at in sorted(found)]
    images = tuple(result for result in in_order if isinstance(result, Explained))
    skipped = (*folder.skipped, *(result for result in in_order if isinstance(result, Skipped)))
    if not images:
        raise folder.no_image(skipped)
    return Mapped(images, skipped)


def explain(file: InputFile, analyses: Sequence[AnyAnalysis], bench: Workbench) -> Explained:
    """Map every analysis over one image. Several threads may be at it, each with its own image.

    Raises:
        UnreadableFile: the file cannot be read; nothing of it is kept in this run.
    """
    try:
        return _explain(file, analyses, bench)
    except ArraysLost:
        return explain_again(file, analyses, bench)


def explain_again(file: InputFile, analyses: Sequence[AnyAnalysis], bench: Workbench) -> Explained:
    """As `explain`, with every result made anew: what the store has of it is damaged.

    Raises:
        UnreadableFile: as `explain`.
    """
    return _explain(file, analyses, replace(bench, fresh=True))


def _explain(file: InputFile, analyses: Sequence[AnyAnalysis], bench: Workbench) -> Explained:
    settings = bench.plan.settings
    image = OpenImage(file, settings.max_pixels, Reading.of(settings), file.sha256())
    one = _OneImage(image, bench)
    explained = explained_by(analyses, settings)
    names = dict.fromkeys([*explained, *(m for a in analyses for m in bench.plan.models_of(a))])
    observations = {name: one.observe(bench.models[name]) for name in names}
    for analysis in analyses:
        for name in bench.plan.models_of(analysis):
            if image.sha256 in bench.plan.samples.get(analysis.name, {image.sha256}):
                one.map(analysis, bench.models[name], observations[name].prediction.index)
            else:
                one.keys[analysis.name, name] = None
    kept = {name: replace(observations[name], frame=None) for name in explained}
    return Explained(file, image.sha256, kept, one.keys, frozenset(one.computed))


class _OneImage:
    """The map of one image, by one thread: what it has found so far."""

    def __init__(self, image: OpenImage, bench: Workbench) -> None:
        self.image = image
        self.bench = bench
        self.keys: dict[At, str | None] = {}
        self.computed: set[At] = set()
        self._results: dict[At, object] = {}
        self._views: dict[str, View] = {}

    def observe(self, model: Model) -> Observation:
        """What a model says of the image.

        Raises:
            UnreadableImage: it cannot be decoded, or settings are strict and something of it is missing.
        """
        # Only the explained models' frames are ever drawn; a probe set of thousands would fill the disk with the others.
        drawn = model.spec.name in self.bench.plan.every_explained
        # The limit too: an image that a colder cache would refuse is refused.
        limit = self.image.max_pixels
        pixels = [self.image.sha256, *self.image.reading.identity]
        key = digest_of([OBSERVATION, OBSERVATION_VERSION, *pixels, model.identity, drawn, limit])
        name = self.image.file.name

        def make() -> Observation:
            height, width = self.image.pixels.shape[:2]
            size, hashed = (width, height), self.image.perceptual_hash
            view, remarks = self._view(model), self.image.remarks
            return observed(view, model, name, size, hashed, keep_frame=drawn, remarks=remarks)

        found = self._kept(OBSERVATION, model, key, Observation, make, "prediction")
        require_whole(found.remarks, self.image.reading.strict)
        return found

    def map(self, analysis: AnyAnalysis, model: Model, target: int) -> None:
        """Map one analysis; what it requires is mapped already."""
        name, settings = model.spec.name, self.bench.plan.settings
        required = {needed: self.keys[needed, name] for needed in analysis.requires if (needed, name) in self.keys}
        seed = seed_from(settings.seed, self.image.sha256)
        marked = self.bench.plan.truths.get(self.image.file.name) if analysis.uses_truth else None
        pixels = [self.image.sha256, *self.image.reading.identity]
        parts = [analysis.name, analysis.version, *pixels, model.identity, target, seed]
        truth = [] if marked is None else [marked.digest]
        key = digest_of([*parts, *truth, self.bench.plan.relevant[analysis.name], required])

        def make() -> object:
            subject = self._subject(analysis, model, target, seed)
            with self.bench.locks.of_analysis(analysis.name):
                raise_if_stopped()
                return analysis.map(subject)

        self._kept(analysis.name, model, key, analysis.result, make, analysis.name)

    def _subject(self, analysis: AnyAnalysis, model: Model, target: int, seed: int) -> Subject[object]:  # type: ignore[type-var]
        name, settings = model.spec.name, self.bench.plan.settings
        marked = self.bench.plan.truths.get(self.image.file.name) if analysis.uses_truth else None
        height, width = self.image.pixels.shape[:2]
        fitted = Fitted(None) if marked is None else marked.in_frame(width, height, model.spec.preprocessing)
        others = {other.name: other for other in self.bench.plan.analyses if other.name in analysis.requires}
        subject = Subject(
            view=self._view(model),
            target=target,
            seed=seed,
            run_seed=settings.seed,
            settings=analysis.own(settings),
            results={
                needed: self._whole(other, name) for needed, other in others.items() if (needed, name) in self.keys
            },
            timed=lambda method: self.bench.watch.method(self.image.file.name, method),
            encoder=lambda encoder: resolve_encoder(encoder, settings),
            again=lambda *_: None,
            explained=self.bench.plan.explained,
            truth=fitted.truth,
            truth_notes=fitted.notes,
        )

        def again(required: str, view: View, changes: Mapping[str, object]) -> object:
            other = others[required]
            own = other.own(settings).model_copy(update=changes)
            return other.map(replace(subject, view=view, settings=own, results={}, timed=lambda _: nullcontext()))

        return replace(subject, again=again)

    def _whole(self, analysis: AnyAnalysis, model: str) -> object:
        """A result of this image with its arrays, which are read when another is made of it."""
        at = (analysis.name, model)
        if at not in self._results:
            key = self.keys[at]
            found = None if key is None else self.bench.store.get(key, analysis.result)
            if found is None:
                raise ArraysLost
            self._results[at] = found
        return self._results[at]

    def _view(self, model: Model) -> View:
        name = model.spec.name
        if name not in self._views:
            self._views[name] = self.image.view(model)
        return self._views[name]

    def _kept(self, analysis: str, model: Model, key: str, kind: type[T], make: Callable[[], T], stage: str) -> T:
        """The result under `key`: found in the store, and its arrays left there, or made and put there."""
        with self.bench.locks.of_key(key):
            result = None if self.bench.fresh else self.bench.store.values(key, kind)
            if result is not None:
                self.bench.tally.count(reused=1)
            else:
                with self.bench.watch.stage(stage):
                    result = make()
                self.bench.store.put(key, result)
                self.bench.tally.count(computed=1)
                self.computed.add((analysis, model.spec.name))
                self._results[analysis, model.spec.name] = result
        self.keys[analysis, model.spec.name] = key
        return result
