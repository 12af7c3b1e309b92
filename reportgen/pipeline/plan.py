"""Plan: everything that can fail before work begins, checked and said at once; then what the work needs, as data."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from reportgen.analysis.protocol import AnyAnalysis
from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.folder import Folder
from reportgen.images.ground_truth.annotation import Annotation
from reportgen.images.ground_truth.read import read_truth
from reportgen.images.labels.read import Labelled, read_labels
from reportgen.images.remarks import Remarks
from reportgen.images.sources.given import Images, given_of
from reportgen.models.classifiers import ClassifierSpec, MissingWeights
from reportgen.models.download import fetch
from reportgen.pipeline.capabilities import Capabilities, LeftOut, capabilities
from reportgen.pipeline.code import code_of
from reportgen.pipeline.cover import FrontMatter, read_front_matter
from reportgen.pipeline.gates import require_known_measures
from reportgen.pipeline.given import leave_rest, look_through, look_through_probe, warn_of_shared
from reportgen.pipeline.providers import INSTALLED, Providers
from reportgen.report.columns import require_writable
from reportgen.report.document import Label
from reportgen.settings.files import files_named_in
from reportgen.settings.model import Settings
from reportgen.utils.dates import created
from reportgen.utils.errors import Problems, UsageError
from reportgen.utils.hashing import digest_of
from reportgen.utils.json_types import JSON
from reportgen.utils.progress import Progress, Silent


@dataclass(frozen=True)
class Plan:
    """A run that can be made.

    Attributes:
        analyses: in the report's order.
        gaps: by analysis and model why the one is not made of the other; left_out: what a reader is told of that.
        images, probe: what is explained, and the probe set where it is a folder of its own.
        specs: by name every classifier of the run, the explained ones first.
        relevant: by analysis what changes its results (`Analysis.relevant`).
        codes: by analysis the hash of its sources, taken now: a file that is edited during the run is not what runs.
        samples: by analysis that asks for a sample, the SHA-256 of its images.
        labels, truths: by image name.
        remarks: what was noticed while the input was read.
        front: what the settings group `document` names.
        inputs: what was read besides images and weights, by a word for it or the setting that names it, with a SHA-256: what a
            repeated run is compared by.
    """

    settings: Settings
    analyses: tuple[AnyAnalysis, ...]
    images: Folder
    probe: Folder | None
    specs: Mapping[str, ClassifierSpec]
    relevant: Mapping[str, Mapping[str, JSON]]
    codes: Mapping[str, str | None]
    samples: Mapping[str, frozenset[str]]
    labels: Mapping[str, Label]
    truths: Mapping[str, Annotation]
    remarks: Remarks
    front: FrontMatter
    inputs: Mapping[str, str]
    gaps: Mapping[tuple[str, str], str] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()

    @property
    def explained(self) -> str:
        """The name of the explained model; of several the first, which is the report's own."""
        return self.settings.explained[0]

    @property
    def every_explained(self) -> tuple[str, ...]:
        """The names of all explained models; the first alone where no analysis of the run explains one."""
        return explained_by(self.analyses, self.settings)

    def models_of(self, analysis: AnyAnalysis) -> tuple[str, ...]:
        """The names of the models that an analysis is mapped over."""
        return tuple(name for name in analysis.models(self.settings) if (analysis.name, name) not in self.gaps)

    def labels_of(self, model: str) -> Mapping[str, Label]:
        """The labels as an explained model knows them: they name the classes of the first, and fit a model of the same classes."""
        same = self.specs[model].classes.names == self.specs[self.explained].classes.names
        return self.labels if same else {}

    @property
    def on_images(self) -> list[AnyAnalysis]:
        """The analyses that are mapped over the images."""
        return [analysis for analysis in self.analyses if analysis.over == "images" or self.probe is None]

    @property
    def on_probe(self) -> list[AnyAnalysis]:
        """The analyses that are mapped over a probe set of its own."""
        return [analysis for analysis in self.analyses if analysis.over == "probe" and self.probe is not None]


def plan(
    images: Images,
    settings: Settings,
    *,
    providers: Providers = INSTALLED,
    further: Sequence[Callable[[], object]] = (),
    progress: Progress | None = None,
    described: bool = True,
    out: Path | None = None,
) -> Plan:
    """Look at everything that a run needs. Weights that are missing are fetched where the settings allow it.

    Args:
        further: checks of the caller's, whose UsageErrors are said together with the others.
        described: whether what lies beside the images (labels, ground truth) is read.
        out: the run folder, which is no part of the images.

    Raises:
        Problems: one line for each thing that is missing or cannot work.
        NothingToDo: there is no image.
    """
    problems, remarks, progress, settings = _Problems(), Remarks(), progress or Silent(), settings.of_its_models()
    # One that the user asks for and that has nothing to do says so itself (`require_settings`).
    asked = providers.analyses(settings.tasks)
    analyses = tuple(analysis for analysis in asked if analysis.applies(settings) or analysis.name in settings.tasks)
    for check in (created, *further):
        with problems.noted():
            check()
    front = FrontMatter()
    with problems.noted():
        front = read_front_matter(settings)
    folder, probe = _given(images, settings, analyses, problems, remarks, out, progress)
    specs, relevant = _found(settings, analyses, providers, problems, progress)
    can = _possible(analyses, specs, settings, problems)
    explained = specs.get(settings.explained[0])
    labelled, truths = Labelled(), dict[str, Annotation]()
    if described:
        labelled, truths = _described(folder, explained, settings, can.analyses, problems, remarks)
        leave_rest(folder, remarks, settings, uses_truth=any(analysis.uses_truth for analysis in can.analyses))
    problems.raise_any()
    _require_images(folder, probe)
    return Plan(
        settings=settings,
        analyses=can.analyses,
        images=folder,
        probe=probe,
        specs=_used(specs, can, settings),
        relevant=relevant,
        codes={analysis.name: code_of(analysis) for analysis in can.analyses},
        samples=_samples(folder.files, can.analyses, settings),
        labels=labelled.labels,
        truths=truths,
        remarks=remarks,
        front=front,
        inputs=_inputs(labelled, truths, settings, can.analyses) if described else {},
        gaps=can.gaps,
        left_out=can.left_out,
    )


def _possible(
    analyses: tuple[AnyAnalysis, ...], specs: Mapping[str, ClassifierSpec], settings: Settings, problems: _Problems
) -> Capabilities:
    """Which analyses the classifiers allow; a gate on what none of these measures is a problem."""
    can = Capabilities(analyses)
    with problems.noted():
        can = capabilities(analyses, specs, settings)
    with problems.noted():
        require_known_measures(settings.gates, can.analyses)
    return can


def _used(specs: Mapping[str, ClassifierSpec], can: Capabilities, settings: Settings) -> dict[str, ClassifierSpec]:
    """The classifiers that are explained, or that an analysis of the run is mapped over."""
    names = [*explained_by(can.analyses, settings)]
    names += [m for analysis in can.analyses for m in analysis.models(settings) if (analysis.name, m) not in can.gaps]
    return {name: specs[name] for name in dict.fromkeys(names) if name in specs}


def explained_by(analyses: Sequence[AnyAnalysis], settings: Settings) -> tuple[str, ...]:
    """The models that these analyses explain; the first alone where none of them explains one."""
    return settings.explained if any(analysis.per_model for analysis in analyses) else settings.explained[:1]


class _Problems:
    """What is wrong, a line each, said together."""

    def __init__(self) -> None:
        self._lines: dict[str, None] = {}

    @contextmanager
    def noted(self) -> Iterator[None]:
        try:
            yield
        except UsageError as error:
            self._lines.update(dict.fromkeys(error.lines))

    def raise_any(self) -> None:
        if self._lines:
            raise Problems(list(self._lines))


def _given(
    images: Images,
    settings: Settings,
    analyses: Sequence[AnyAnalysis],
    problems: _Problems,
    remarks: Remarks,
    out: Path | None,
    progress: Progress,
) -> tuple[Folder, Folder | None]:
    """The images, and the probe set where it is one of its own and something is measured on it."""
    folder, probe = _folder(images, lambda: look_through(images, settings, remarks, out, progress.say), problems), None
    if settings.probe is not None and any(analysis.over == "probe" for analysis in analyses):
        probe = _folder(settings.probe, lambda: look_through_probe(settings, out), problems)
        warn_of_shared(folder, probe, remarks)
    with problems.noted():
        _require_shown(folder.names, settings.document.show)
    with problems.noted():
        require_writable(len(folder.files), settings.document.records)
    return folder, probe


def _require_images(folder: Folder, probe: Folder | None) -> None:
    for looked_in in (folder, probe):
        if looked_in is not None and not looked_in.files:
            raise looked_in.no_image(looked_in.skipped)


def _folder(images: Images, look: Callable[[], Folder], problems: _Problems) -> Folder:
    with problems.noted():
        return look()
    return Folder(Path(given_of(images).shown))


def _found(
    settings: Settings,
    analyses: Sequence[AnyAnalysis],
    providers: Providers,
    problems: _Problems,
    progress: Progress,
) -> tuple[dict[str, ClassifierSpec], dict[str, Mapping[str, JSON]]]:
    """Classifiers and what the analyses depend on; what is missing is fetched first, where that is allowed."""
    for analysis in analyses:
        with problems.noted():
            analysis.require_settings(settings)
    specs, relevant, missing = _look_up(settings, analyses, providers, problems)
    if missing and settings.allow_download:
        problems.raise_any()  # before the network is used
        for name in dict.fromkeys(weights.name for weights in missing):
            fetch(name, settings, progress)
        specs, relevant, missing = _look_up(settings, analyses, providers, problems)
    for weights in missing:
        with problems.noted():
            raise weights
    return specs, relevant


def _look_up(
    settings: Settings, analyses: Sequence[AnyAnalysis], providers: Providers, problems: _Problems
) -> tuple[dict[str, ClassifierSpec], dict[str, Mapping[str, JSON]], list[MissingWeights]]:
    specs: dict[str, ClassifierSpec] = {}
    relevant: dict[str, Mapping[str, JSON]] = {}
    missing: list[MissingWeights] = []
    names = [*explained_by(analyses, settings)]
    for analysis in analyses:
        with problems.noted():
            names += analysis.models(settings)
    for name in dict.fromkeys(names):
        with problems.noted(), _kept(missing):
            specs[name] = providers.classifier(name, settings)
    for analysis in analyses:
        with problems.noted(), _kept(missing):
            relevant[analysis.name] = analysis.relevant(settings)
    return specs, relevant, missing


@contextmanager
def _kept(missing: list[MissingWeights]) -> Iterator[None]:
    try:
        yield
    except MissingWeights as weights:
        missing.append(weights)


def _described(
    folder: Folder,
    explained: ClassifierSpec | None,
    settings: Settings,
    analyses: Sequence[AnyAnalysis],
    problems: _Problems,
    remarks: Remarks,
) -> tuple[Labelled, dict[str, Annotation]]:
    """What lies beside the images: their labels, and the ground truth where an analysis uses it."""
    labelled = Labelled()
    truths: dict[str, Annotation] = {}
    if explained is not None:
        with problems.noted():
            labelled = read_labels(folder, explained.classes, remarks, strict=settings.strict)
    if any(analysis.uses_truth for analysis in analyses):
        with problems.noted():
            truths = read_truth(folder, remarks)
    return labelled, truths


def _require_shown(names: Sequence[str], asked: Sequence[str]) -> None:
    """Raises: UsageError: an image that figures are asked for is not in the folder."""
    for name in asked:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"setting document.show: no image is called {name!r}{hint}")


def _samples(
    files: Sequence[InputFile], analyses: Sequence[AnyAnalysis], settings: Settings
) -> dict[str, frozenset[str]]:
    """By analysis that asks for a sample of the images: their SHA-256, the first in order."""
    sizes = {analysis.name: analysis.sample(settings) for analysis in analyses}
    if all(size is None for size in sizes.values()):
        return {}
    hashes = set()
    for file in files:
        with suppress(UnreadableFile):
            hashes.add(file.sha256())
    return {name: frozenset(sorted(hashes)[:size]) for name, size in sizes.items() if size is not None}


def _inputs(
    labelled: Labelled, truths: Mapping[str, Annotation], settings: Settings, analyses: Sequence[AnyAnalysis]
) -> dict[str, str]:
    inputs = files_named_in(settings, ("classes", *(analysis.settings_name for analysis in analyses)))
    inputs |= labelled.inputs
    if truths:
        inputs["ground truth"] = digest_of({name: truth.digest for name, truth in truths.items()})
    return inputs
