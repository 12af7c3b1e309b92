"""What an analysis is: a pure map over images, and a reduce into one section.

    map:    (image, model, results it requires) -> result          cached by content
    reduce: every result of the run             -> Contribution    one section, numbers, files

A result is a frozen dataclass of the analysis' own (`reportgen.storage.codec` says of what). CONTRIBUTING.md has an example.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast, get_args, get_origin

from reportgen.analysis.parameter_file import ParameterFile
from reportgen.analysis.probe_file import ProbeFile
from reportgen.analysis.run_view import RunView
from reportgen.analysis.saliency import Saliency
from reportgen.analysis.verdicts import Claim
from reportgen.analysis.view import Subject, View
from reportgen.models.classifiers.base import Need
from reportgen.report.blocks import Section
from reportgen.report.document import Finding, Reference, Term, Warning_
from reportgen.settings.group import NoSettings, SettingsGroup
from reportgen.settings.model import Settings
from reportgen.utils.json_types import JSON

S = TypeVar("S", bound=SettingsGroup)
R = TypeVar("R")


@dataclass(frozen=True)
class Contribution:
    """What one analysis adds to the report.

    Attributes:
        section: its chapter; None for an analysis that only serves others.
        per_image: for each image its entry under the analysis' name in `images[]`; empty for none. Of many images `Entries`
            (`reportgen.analysis.entries`) keep them out of memory.
        report: top-level keys of report.json (`dissection`).
        gates: the values of the measures that the analysis declares for gates; None where there is none.
        references: keys of the works that the section rests on, the analysis' own `works` or those of
            `reportgen.analysis.bibliography`.
        findings: claims, whose p is corrected for all of the report, or findings that were not decided by a test.
        terms: words that its section uses, the analysis' own `terms` or those of `reportgen.analysis.glossary`.
        shared: what the analyses that require this one may read of it (`RunView.shared`), of the type that it `shares`.
    """

    section: Section | None
    per_image: Sequence[Mapping[str, JSON]] = ()
    report: Mapping[str, JSON] = field(default_factory=dict)
    findings: Sequence[Claim | Finding] = ()
    gates: Mapping[str, float | None] = field(default_factory=dict)
    warnings: Sequence[Warning_] = ()
    references: Sequence[str] = ()
    terms: Sequence[str] = ()
    shared: object | None = None


class Analysis(ABC, Generic[S, R]):
    """One task: `Analysis[its settings, its result]`.

    Attributes:
        name: of the task, of its section, of its settings, and of its entry in `images[]`.
        version: raised whenever a result changes: it is part of every cache key.
        settings_model, result: the two types that the class is written with: its settings, which are mounted under its
            name, and what `map` returns, a frozen dataclass of numbers and arrays.
        shares: the type of what its reduce hands on, a frozen dataclass as a result is; nothing, unless the class says so.
        order: where its section stands, and when it reduces; after the analyses whose shared values it reads.
        requires: analyses whose results it reads, in map (of the same image and model) or in reduce.
        optional: those of `requires` that it can do without where they cannot be made of a model; its result is then not among
            `Subject.results`.
        needs: what it needs of a classifier besides its answers; it is left out for one that lacks it, and the report says so.
        has_section: whether it has a chapter; one that has none only serves others, and is left out with them.
        over: the folder it is mapped on.
        per_model: whether it explains one model, and so is mapped over, and reduced once for, each of the explained models; one that
            has models of its own (`models`), or looks at all of them together, is reduced once.
        uses_truth: whether it is handed the ground truth, which then joins its cache key.
        concurrent: whether several threads may call `map` at once, each with its own subject; not unless the class says so.
        gates: name -> what it measures: the numbers that a user may set a threshold on.
        ranked_by: what `rank` measures, in words; empty where it ranks nothing.
        parameter_file: the file of parameters that it writes, if it writes one.
        probe_file: the file that it makes of a probe set alone, if it makes one.
        works: works that only its sections cite; terms: words that only they use.
        rules: how its own verdicts are made, a sentence each, with the thresholds in force.
        methods: names of what it can make of a single image (`reportgen.explain`), one `saliency` each; only for an analysis that
            requires no other.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    version: ClassVar[str]
    settings_model: ClassVar[type[SettingsGroup]] = NoSettings
    result: ClassVar[type] = type(None)
    shares: ClassVar[type] = type(None)
    order: ClassVar[int] = 100
    requires: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[frozenset[Need]] = frozenset()
    has_section: ClassVar[bool] = True
    over: ClassVar[Literal["images", "probe"]] = "images"
    per_model: ClassVar[bool] = True
    uses_truth: ClassVar[bool] = False
    concurrent: ClassVar[bool] = False
    gates: ClassVar[Mapping[str, str]] = {}
    ranked_by: ClassVar[str] = ""
    parameter_file: ClassVar[ParameterFile | None] = None
    probe_file: ClassVar[ProbeFile | None] = None
    works: ClassVar[tuple[Reference, ...]] = ()
    terms: ClassVar[tuple[Term, ...]] = ()
    rules: ClassVar[tuple[str, ...]] = ()
    methods: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for base in getattr(cls, "__orig_bases__", ()):
            if get_origin(base) is Analysis:
                cls.settings_model, cls.result = get_args(base)

    @property
    def settings_name(self) -> str:
        """The group that holds its settings: its own, unless two analyses share one."""
        return self.name

    def own(self, settings: Settings) -> S:
        """Its settings among those of the run."""
        return cast("S", settings.group(self.settings_name, self.settings_model))

    def models(self, settings: Settings) -> tuple[str, ...]:
        """Names of the classifiers that it is mapped over: the explained ones."""
        return settings.explained

    def applies(self, settings: Settings) -> bool:
        """Whether there is anything for it to do; where not, the run is as if it were not installed."""
        return True

    def encoders(self, settings: Settings) -> tuple[str, ...]:
        """Names of the concept encoders that it uses."""
        return ()

    def require_settings(self, settings: Settings) -> None:
        """Asked once before any work, so that settings that cannot work, or a missing file, stop the run there.

        Raises:
            UsageError: what is wrong, in one line.
        """

    def relevant(self, settings: Settings) -> Mapping[str, JSON]:
        """What changes its per-image result besides image and model; the rest does not invalidate the cache."""
        return cast("Mapping[str, JSON]", self.own(settings).model_dump(mode="json"))

    def sample(self, settings: Settings) -> int | None:
        """Over how many images it is mapped, those whose SHA-256 comes first; None is all."""
        return None

    def check(self, view: View) -> Mapping[str, str | None]:
        """What of it can be made of a model (`reportgen models check`): by its methods or layers None, or why not.

        Args:
            view: of a probe image. It takes seconds, and no more.
        """
        return {}

    def rank(self, result: R) -> float | None:
        """The number by which the images of a large run are ranked for figures; the last analysis that ranks decides."""
        return None

    def rules_beside(self, analyses: Collection[str]) -> tuple[str, ...]:
        """Of its rules those that say anything in a run that has these analyses."""
        return self.rules

    def alone(self, method: str, settings: S) -> S:
        """Its settings changed so that `map` makes one of its `methods` and no other."""
        return settings

    def saliency(self, result: R, method: str) -> Saliency:
        """One of its `methods` in a result."""
        raise NotImplementedError(f"{self.name} declares the method {method!r} and makes no saliency of it")

    @abstractmethod
    def map(self, subject: Subject[S]) -> R:
        """Explain one image. Pure: the same subject gives the same result."""

    @abstractmethod
    def reduce(self, run: RunView[S]) -> Contribution:
        """Turn every result into a section."""


AnyAnalysis = Analysis[Any, Any]
