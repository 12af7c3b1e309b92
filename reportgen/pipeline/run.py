"""map, reduce, Report: every image explained once, every analysis turned into one section.

A map's result is kept in the store under the hash of what made it; a second run takes from there whatever has not
changed. Only keys and image records stay in memory, so memory does not grow with the pixels of the folder.
"""

from __future__ import annotations

import difflib
import threading
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reportgen.analysis import shown as selection
from reportgen.analysis.protocol import Analysis, Contribution, Subject, View
from reportgen.analysis.registry import load_analyses
from reportgen.images.decode import UnreadableImage, read_image
from reportgen.images.find import ImageFile, find_images
from reportgen.images.frame import model_frame
from reportgen.images.ground_truth import Annotation, read_truth
from reportgen.images.labels import LABELS_FILE, read_labels
from reportgen.images.names import slugs as slugs_of
from reportgen.models.classifiers import ClassifierSpec, MissingWeights, resolve
from reportgen.models.download import fetch
from reportgen.models.runtime import Engine, decide, softmax
from reportgen.pipeline.assemble import assemble, created
from reportgen.pipeline.cover import read_front_matter
from reportgen.pipeline.gates import check_gates
from reportgen.pipeline.section_cache import code_of, reduced
from reportgen.report.document import (
    ClassProbability,
    ImageRecord,
    Label,
    Prediction,
    Report,
    RuntimeRecord,
    Shown,
    Skipped,
    Target,
)
from reportgen.settings.model import Settings
from reportgen.storage.run_folder import RunFolder
from reportgen.storage.store import Result, Store
from reportgen.utils.concurrency import default_jobs, map_in_order, raise_if_stopped
from reportgen.utils.errors import NothingToDo, Problems, UsageError
from reportgen.utils.hashing import digest_of, file_sha256, seed_from
from reportgen.utils.progress import Progress, Silent, Stopwatch
from reportgen.utils.untrusted_files import user_path
from reportgen.utils.versions import versions

OBSERVATION_VERSION = "2"
THUMB_PX = 128
# Packages whose version is part of every result's key.
KEY_PACKAGES = ("numpy", "pillow", "scipy", "scikit-image", "scikit-learn")


@dataclass(frozen=True)
class Model:
    """A classifier, the backend chosen for it, and the engine that both make; `exact` is that engine, or one in exact precision."""

    spec: ClassifierSpec
    runtime: RuntimeRecord
    engine: Engine
    exact: Engine

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What of the model decides a result: part of every key."""
        packages = ("openvino",) if self.runtime.name == "openvino" else ()
        return {
            "name": self.spec.name,
            "weights": self.spec.weights_sha256,
            "preprocessing": self.spec.record(),
            # They may stand in a file of the user's own, and every result shows them.
            "classes": digest_of(self.spec.classes.names),
            "runtime": [self.runtime.name, self.runtime.precision, self.runtime.device],
            "versions": versions((*packages, *self.spec.packages, *KEY_PACKAGES)),
        }


@dataclass
class OpenImage:
    """One file of the folder, decoded at most once, and only when a result is missing."""

    file: ImageFile
    max_pixels: int
    sha256: str

    @cached_property
    def pixels(self) -> np.ndarray:
        decoded = read_image(self.file, self.max_pixels)
        if decoded.sha256 != self.sha256:
            raise UnreadableImage("the file changed while it was being read")
        return decoded.pixels

    def view(self, model: Model) -> View:
        return View(model_frame(self.pixels, model.spec.preprocessing), model.engine)


@dataclass(frozen=True)
class Explained:
    """What came of one image.

    Attributes:
        keys: of its results, by (analysis, model); None where the image is not in the analysis' sample.
        observation: the explained model's, without arrays.
    """

    sha256: str
    observation: Result
    keys: Mapping[tuple[str, str], str | None]


class MappedFolder:
    """The keys of one folder's results, and the `Mapped` protocol over them."""

    def __init__(self, store: Store, explained: str) -> None:
        self.names: list[str] = []
        self.skipped: list[Skipped] = []
        self._store = store
        self._explained = explained
        self._keys: dict[tuple[str, str], list[str | None]] = defaultdict(list)

    def add(self, name: str, keys: Mapping[tuple[str, str], str | None]) -> None:
        """Take in one image: its keys by (analysis, model), None where the image is not in the analysis' sample."""
        self.names.append(name)
        for at, key in keys.items():
            self._keys[at].append(key)

    @property
    def identity(self) -> list[Any]:
        """What tells one mapped folder from another: names, and the key of every result."""
        keys = [[*at, keys] for at, keys in sorted(self._keys.items())]
        return [self.names, [skipped.model_dump() for skipped in self.skipped], keys]

    def result(self, analysis: str, image: int, model: str | None = None) -> Result:
        """The result of one image (by position in `names`), empty outside the analysis' sample; `model` defaults to the explained one."""
        key = self._keys[analysis, model or self._explained][image]
        result = Result({}) if key is None else self._store.get(key)
        if result is None:
            raise RuntimeError(f"the store lost {analysis} of {self.names[image]} during the run")
        return result

    def frame(self, image: int) -> np.ndarray:
        """(H, W, 3) uint8: the explained model's input frame of one image."""
        return self.result("observation", image).arrays["frame"]


class Run(MappedFolder):
    """One run: the map over images fills its keys, and it is the `RunView` that every reduce reads."""

    def __init__(
        self,
        settings: Settings,
        folder: RunFolder,
        store: Store,
        models_cache: Path,
        *,
        fresh: bool,
        jobs: int | None = None,
    ) -> None:
        super().__init__(store, settings.models[0])
        self.settings = settings
        self.files = folder
        self.images: list[ImageRecord] = []
        self.shown = Shown(of=0, images=[])
        self.probe: MappedFolder = self if settings.probe is None else MappedFolder(store, settings.models[0])
        self.watch = Stopwatch()
        self.computed = self.reused = 0
        self._counting = threading.Lock()
        self._of_key = [threading.Lock() for _ in range(1024)]  # by the key's first digits
        self._of_analysis: dict[str, threading.Lock] = {}
        # By image name; and by analysis the SHA-256 of the images it is mapped over, where that is not all of them.
        self.truths: dict[str, Annotation] = {}
        self.samples: dict[str, set[str]] = {}
        # What else was read, by a word for it, with a SHA-256: what a repeated run is compared by.
        self.inputs: dict[str, str] = {}
        self.fresh = fresh
        self.jobs = jobs or default_jobs()
        self._models_cache = models_cache
        self.loaded: dict[str, Model] = {}

    def cached(self, parts: Any, make: Callable[[], Result]) -> Result:
        """What `make` returns, kept in the store under the hash of `parts`."""
        key = digest_of(["reduce", parts])
        found = None if self.fresh else self._store.get(key)
        if found is None:
            found = make()
            self._store.put(key, found)
        return found

    def reduced(self, analysis: Analysis) -> Contribution:
        """The section of an analysis, and what else it contributes."""
        return reduced(analysis, self, self._all_that_a_reduce_reads, self.files, self._store, fresh=self.fresh)

    @cached_property
    def _all_that_a_reduce_reads(self) -> dict[str, Any]:
        settings = self.settings.model_dump(mode="json")
        return {
            "settings": settings,
            "files": {name: file_sha256(user_path(name)) for name in sorted(_files_named_in(settings))},
            "shown": self.shown.model_dump(mode="json"),
            "images": [image.model_dump(mode="json") for image in self.images],
            "mapped": [folder.identity for folder in dict.fromkeys((self, self.probe))],
            "versions": versions(),
        }

    # --- map ---

    def model(self, name: str) -> Model:
        """The classifier `name`, with its backend chosen."""
        if name not in self.loaded:
            spec = resolve(name, self.settings)
            runtime = decide(spec, self.settings.runtime, self.settings.precision, self._models_cache)
            engine = Engine(spec, runtime, self._models_cache)
            exact = engine if runtime.precision == "exact" else engine.exact()
            self.loaded[name] = Model(spec, runtime, engine, exact)
        return self.loaded[name]

    def explain(self, file: ImageFile, analyses: Sequence[Analysis]) -> Explained:
        """Map every analysis over one image. Several threads may be at it, each with its own image.

        Raises:
            UnreadableImage: the file cannot be read; nothing of it is kept in this run.
        """
        image = OpenImage(file, self.settings.max_pixels, _sha256(file))
        views: dict[str, View] = {}
        results: dict[tuple[str, str], tuple[str, Result]] = {}
        explained = self.settings.models[0]
        for name in dict.fromkeys([explained, *(m for a in analyses for m in a.models(self.settings))]):
            results["observation", name] = self._observe(image, self.model(name), views)
        target = results["observation", explained][1].values["prediction"]["index"]
        left_out: list[tuple[str, str]] = []
        for analysis in analyses:
            for name in analysis.models(self.settings):
                if image.sha256 not in self.samples.get(analysis.name, {image.sha256}):
                    left_out.append((analysis.name, name))
                    continue
                of_model = (
                    target if name == explained else results["observation", name][1].values["prediction"]["index"]
                )
                results[analysis.name, name] = self._map(analysis, image, self.model(name), of_model, results, views)
        keys = {**{at: key for at, (key, _) in results.items()}, **dict.fromkeys(left_out)}
        return Explained(image.sha256, Result(results["observation", explained][1].values), keys)

    def _observe(self, image: OpenImage, model: Model, views: dict[str, View]) -> tuple[str, Result]:
        def observe() -> Result:
            view = views[model.spec.name] = image.view(model)
            logits = view.forward.logits[0]
            if not np.isfinite(logits).all():
                name = model.spec.name
                raise UsageError(f"{name}: its answer to {image.file.name!r} is no number; are its weights whole?")
            probabilities = softmax(logits)
            # Stable: of equally likely classes, the one with the lower index is named.
            top = np.argsort(-logits, kind="stable")[:5]
            names = model.spec.classes.names
            top5 = [{"index": int(i), "name": names[i], "probability": float(probabilities[i])} for i in top]
            height, width = image.pixels.shape[:2]
            prediction = {**top5[0], "logit": float(logits[top[0]]), "top5": top5}
            values = {"width": width, "height": height, "prediction": prediction}
            if model.exact is not model.engine:
                values["deviation"] = _deviation(logits, model.exact.forward(view.input[None]).logits[0])
            return Result(values, {"frame": view.frame} if shown else {})

        # Only the explained model's frames are ever drawn; a probe set of thousands would fill the disk with the others.
        shown = model.spec.name == self.settings.models[0]
        # The limit too: an image that a colder cache would refuse is refused.
        limit = self.settings.max_pixels
        key = digest_of(["observation", OBSERVATION_VERSION, image.sha256, model.identity, shown, limit])
        return key, self._compute(key, observe, image, "prediction")

    def _map(
        self,
        analysis: Analysis,
        image: OpenImage,
        model: Model,
        target: int,
        results: dict[tuple[str, str], tuple[str, Result]],
        views: dict[str, View],
    ) -> tuple[str, Result]:
        name = model.spec.name
        required = {needed: results[needed, name] for needed in analysis.requires if (needed, name) in results}
        seed = seed_from(self.settings.seed, image.sha256)
        marked = self.truths.get(image.file.name) if getattr(analysis, "uses_truth", False) else None

        def explain() -> Result:
            if name not in views:
                views[name] = image.view(model)
            height, width = image.pixels.shape[:2]
            truth = None if marked is None else marked.in_frame(width, height, model.spec.preprocessing)
            subject = Subject(
                view=views[name],
                target=target,
                seed=seed,
                results={needed: result for needed, (_, result) in required.items()},
                settings=self.settings,
                timed=lambda method: self.watch.method(image.file.name, method),
                truth=truth,
            )
            with self._alone(analysis):
                raise_if_stopped()
                return analysis.map(subject)

        parts = [analysis.name, analysis.version, image.sha256, model.identity, target, seed]
        if marked is not None:
            parts.append(marked.digest)
        key = digest_of([*parts, analysis.relevant(self.settings), {n: k for n, (k, _) in required.items()}])
        return key, self._compute(key, explain, image, analysis.name)

    def _compute(self, key: str, make: Any, image: OpenImage, stage: str) -> Result:
        # Of two equal images under way at once the second finds what the first has made.
        with self._of_key[int(key[:8], 16) % len(self._of_key)]:
            found = None if self.fresh else self._store.get(key)
            if found is not None:
                self._count(reused=1)
                return found
            with self.watch.stage(stage):
                result = make()
            self._store.put(key, result)
        self._count(computed=1)
        return result

    def _alone(self, analysis: Analysis) -> AbstractContextManager[Any]:
        """For one thread at a time, unless the analysis says that it is made for several."""
        if getattr(analysis, "concurrent", False):
            return nullcontext()
        with self._counting:
            return self._of_analysis.setdefault(analysis.name, threading.Lock())

    def _count(self, computed: int = 0, reused: int = 0) -> None:
        with self._counting:
            self.computed, self.reused = self.computed + computed, self.reused + reused


def _deviation(fast: np.ndarray, exact: np.ndarray) -> dict[str, Any]:
    """What reduced precision does to the (classes,) logits of one image."""
    return {
        "logits": float(np.abs(fast - exact).max() / np.abs(exact).max()),
        "probability": float(np.abs(softmax(fast) - softmax(exact)).max()),
        "same_class": int(fast.argmax()) == int(exact.argmax()),
    }


def analyse(
    images: Path,
    settings: Settings,
    folder: RunFolder,
    cache: Path,
    *,
    fresh: bool = False,
    jobs: int | None = None,
    command: Sequence[str] = (),
    progress: Progress | None = None,
) -> tuple[Report, Stopwatch]:
    """Explain every image below `images` and reduce the results to a Report; its files go to `folder`.

    Args:
        jobs: how many images are under way at once; the report is the same for any number.

    Raises:
        NothingToDo: no readable image.
        UsageError: an unknown task or model, missing weights, a malformed labels.csv or ground truth.
    """
    progress = progress or Silent()
    analyses = load_analyses(settings.tasks)
    for analysis in analyses:
        code_of(analysis)
    created()  # here, and not only where the report is made: what is wrong with SOURCE_DATE_EPOCH is said before the work
    check_gates(settings.gates, analyses)
    folder.require_free()
    front = read_front_matter(settings)
    found, skipped = find_images(images)
    if not found:
        raise NothingToDo(_no_image(images, skipped))
    _check_asked([file.name for file in found], settings.document.show)
    names = dict.fromkeys([settings.models[0], *(m for a in analyses for m in a.models(settings))])
    _require_files(settings, list(names), analyses, progress)
    # Before the models, whose first conversion takes a while: a mistake in the table is said at once.
    classes = resolve(settings.models[0], settings).classes
    labels = read_labels(images, [file.name for file in found], classes)
    run = Run(settings, folder, Store(cache / "results"), cache / "models", fresh=fresh, jobs=jobs)
    if (images / LABELS_FILE).is_file():
        run.inputs["labels.csv"] = file_sha256(images / LABELS_FILE)
    with run.watch.stage("models"):
        progress.stage("Preparing models", len(names))
        for name in names:
            run.model(name)
            progress.step(name)
    on_images = [analysis for analysis in analyses if analysis.over == "images" or run.probe is run]
    if any(getattr(analysis, "uses_truth", False) for analysis in on_images):
        run.truths = read_truth(images, [file.name for file in found])
        if run.truths:
            run.inputs["ground truth"] = digest_of({name: truth.digest for name, truth in run.truths.items()})
    run.samples = _samples(found, on_images, settings)
    if len(on_images) < len(analyses):
        _map_probe(run, Path(settings.probe or ""), [a for a in analyses if a not in on_images], progress)
    read = _map_images(run, found, on_images, skipped, progress)
    if not read:
        raise NothingToDo(_no_image(images, skipped))
    folder.begin()
    run.shown = _shown(run, analyses, read)
    _record_images(run, read, labels)
    progress.say(f"{run.reused} of {run.reused + run.computed} results were in the store; {run.computed} computed")
    progress.stage("Writing sections", len(analyses))
    contributions: dict[str, Contribution] = {}
    for analysis in analyses:
        with run.watch.stage(f"section {analysis.name}"):
            contributions[analysis.name] = run.reduced(analysis)
        progress.step(analysis.title)
    skipped.sort(key=lambda file: file.name)
    return assemble(run, analyses, contributions, skipped, command, front), run.watch


def _require_files(settings: Settings, names: Sequence[str], analyses: Sequence[Analysis], progress: Progress) -> None:
    """Stop here, before any work, where a file is missing; fetch it first where the user allows that.

    Raises:
        Problems: one line for each file that is missing or setting that cannot work.
    """
    asked: list[Callable[[], object]] = [partial(resolve, name, settings) for name in names]
    asked += [partial(analysis.relevant, settings) for analysis in analyses]
    lines: dict[str, None] = {}
    for ask in asked:
        try:
            ask()
        except MissingWeights as missing:
            if settings.allow_download:
                fetch(missing.name, settings, progress)
            else:
                lines.update(dict.fromkeys(missing.lines))
        except UsageError as error:
            lines.update(dict.fromkeys(error.lines))
    if lines:
        raise Problems(list(lines))


def _samples(found: Sequence[ImageFile], analyses: Sequence[Analysis], settings: Settings) -> dict[str, set[str]]:
    """By analysis that asks for a sample of the images: their SHA-256, the first in order."""
    asked = {analysis.name: getattr(analysis, "sample", lambda _: None)(settings) for analysis in analyses}
    if not any(size is not None for size in asked.values()):
        return {}
    hashes = set()
    for file in found:
        with suppress(UnreadableImage):
            hashes.add(_sha256(file))
    return {name: set(sorted(hashes)[:size]) for name, size in asked.items() if size is not None}


def _map_images(
    run: Run,
    found: Sequence[ImageFile],
    analyses: Sequence[Analysis],
    skipped: list[Skipped],
    progress: Progress,
) -> list[tuple[ImageFile, str, Result]]:
    """Map the analyses over the images; returns each image that could be read with its hash and observation."""
    progress.stage("Explaining images", len(found))
    read = []
    try:
        for file, explained in _explained(run, found, analyses, run, skipped, progress):
            read.append((file, explained.sha256, explained.observation))
    except KeyboardInterrupt:
        again = "give the same command without --fresh to go on" if run.fresh else "the same command goes on"
        progress.say(f"{len(read)} of {len(found)} images are done and kept, {run.computed} results are new; {again}")
        raise
    return read


def _explained(
    run: Run,
    found: Sequence[ImageFile],
    analyses: Sequence[Analysis],
    into: MappedFolder,
    skipped: list[Skipped],
    progress: Progress,
) -> Iterator[tuple[ImageFile, Explained]]:
    """Map the analyses over the images, a few at once; those that cannot be read go to `skipped`, the others `into` a folder."""
    # Libraries change the warning filters of the process for a while, and two threads at that can leave them changed.
    with (
        warnings.catch_warnings(),
        closing(map_in_order(partial(run.explain, analyses=analyses), found, run.jobs)) as under_way,
    ):
        for file, future in under_way:
            try:
                explained = future.result()
            except UnreadableImage as error:
                skipped.append(Skipped(name=file.name, reason=error.reason))
            else:
                into.add(file.name, explained.keys)
                yield file, explained
            progress.step(file.name)


def _map_probe(run: Run, folder: Path, analyses: Sequence[Analysis], progress: Progress) -> None:
    """Map the analyses over the probe set."""
    found, run.probe.skipped = find_images(folder)
    progress.stage("Reading the probe set", len(found))
    explained = _explained(run, found, analyses, run.probe, run.probe.skipped, progress)
    hashes = {file.name: done.sha256 for file, done in explained}
    if not run.probe.names:
        raise NothingToDo(_no_image(folder, run.probe.skipped))
    run.inputs["probe set"] = digest_of(hashes)


def _check_asked(names: Sequence[str], asked: Sequence[str]) -> None:
    """Raises: UsageError: an image that figures are asked for is not in the folder."""
    for name in asked:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"setting document.show: no image is called {name!r}{hint}")


def _shown(run: Run, analyses: Sequence[Analysis], read: list[tuple[ImageFile, str, Result]]) -> Shown:
    """Which images have figures: ranked by what the last analysis that ranks images measured, or by probability."""
    names, chosen = [file.name for file, _, _ in read], run.settings.document
    scores: list[float | None] = [observation.values["prediction"]["probability"] for _, _, observation in read]
    measure = selection.PROBABILITY
    ranking = [analysis for analysis in analyses if getattr(analysis, "ranks_by", None)]
    if ranking and len(names) > chosen.figures:
        key, measure = ranking[-1].ranks_by  # type: ignore[attr-defined]
        scores = [run.result(ranking[-1].name, position).values.get(key) for position in range(len(names))]
    return selection.select(names, scores, measure, most=chosen.figures, asked=chosen.show)


def _record_images(run: Run, read: list[tuple[ImageFile, str, Result]], labels: dict[str, Label]) -> None:
    slugs = slugs_of([file.name for file, _, _ in read])
    for position, (file, sha256, observation) in enumerate(read):
        slug, label = slugs[file.name], labels.get(file.name)
        prediction = Prediction(
            **{
                **observation.values["prediction"],
                "top5": [ClassProbability(**c) for c in observation.values["prediction"]["top5"]],
            }
        )
        alt = f"Input image {file.name}, predicted {prediction.name} with probability {prediction.probability:.2f}."
        run.images.append(
            ImageRecord(
                name=file.name,
                slug=slug,
                sha256=sha256,
                width=observation.values["width"],
                height=observation.values["height"],
                picture=run.files.photo(f"figures/{slug}-input.jpg", _pictured(run, position, file.name), alt=alt),
                label=label,
                prediction=prediction,
                target=Target(index=prediction.index, name=prediction.name),
                correct=None if label is None else label.index == prediction.index,
                **({"deviation": deviation} if (deviation := observation.values.get("deviation")) else {}),
            )
        )


def _pictured(run: Run, position: int, name: str) -> np.ndarray:
    """The frame of an image that has figures; a small copy for the contact sheet of any other."""
    frame = run.frame(position)
    if name in run.shown.images:
        return frame
    small = Image.fromarray(frame)
    small.thumbnail((THUMB_PX, THUMB_PX), Image.Resampling.LANCZOS)
    return np.asarray(small)


def _files_named_in(settings: Any) -> set[str]:
    """Every string in the settings that is the path of a file: a word list may change under its name."""
    if isinstance(settings, dict | list):
        values = settings.values() if isinstance(settings, dict) else settings
        return {name for value in values for name in _files_named_in(value)}
    with suppress(OSError, ValueError):  # no path at all
        return {settings} if isinstance(settings, str) and user_path(settings).is_file() else set()
    return set()


def _sha256(file: ImageFile) -> str:
    try:
        return file_sha256(file.path)
    except OSError as error:
        raise UnreadableImage(error.strerror or str(error)) from None


def _no_image(images: Path, skipped: Sequence[Skipped]) -> str:
    if not skipped:
        return f"{images}: no image in this folder; give a folder with JPEG, PNG, WebP, TIFF, BMP or GIF files"
    first = skipped[0]
    return f"{images}: no readable image; {len(skipped)} skipped, the first is {first.name} ({first.reason})"
