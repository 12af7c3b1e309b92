"""What an analysis is: a pure map over images, and a reduce into one section.

    map:    (image, model, results it requires) -> Result          cached by content
    reduce: every Result of the run             -> Contribution    one section, numbers, files

Analyses are found through the entry-point group `reportgen.analyses`, the built-in ones too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np

from reportgen.images.ground_truth import Truth
from reportgen.models.runtime import Engine, Forward
from reportgen.report.document import Finding, ImageRecord, Picture, Reference, Section, Shown, Skipped, Table, Warning_
from reportgen.settings.model import Settings
from reportgen.storage.store import Result


@dataclass(frozen=True)
class View:
    """One image as one model sees it; its forward pass is made once and shared by every analysis.

    Attributes:
        frame: (H, W, 3) uint8 RGB, the model's input frame; the same array for every method.
        engine: the model's forward passes.
    """

    frame: np.ndarray
    engine: Engine

    @cached_property
    def input(self) -> np.ndarray:
        """(3, H, W) float32: the normalised network input."""
        return self.engine.normalise(self.frame)

    @cached_property
    def forward(self) -> Forward:
        """Logits (1, classes) and trunk activations (1, C, h, w) of this image."""
        return self.engine.forward(self.input[None])


@dataclass(frozen=True)
class Subject:
    """What one map call is given: everything that it may read.

    Attributes:
        target: index of the class to explain.
        seed: derived from the run's seed and the image's bytes; the same wherever the image stands.
        results: the results of the analyses named in `requires`, for this image and model.
        timed: `with subject.timed("scorecam"):` adds the block's seconds to timings.json, the only place for seconds.
        truth: where the object is, for an analysis that declares `uses_truth`; None where the user marked none.
    """

    view: View
    target: int
    seed: int
    results: Mapping[str, Result]
    settings: Settings
    timed: Callable[[str], AbstractContextManager[None]]
    truth: Truth | None = None


class Files(Protocol):
    """The run folder as a reduce sees it: each call writes one file and returns what the document needs."""

    def array(self, file: str, values: np.ndarray) -> str:
        """Write `values` as float32 .npy; returns `file`."""

    def mask(self, file: str, values: np.ndarray) -> str:
        """Write a (H, W) bool array as an 8-bit L PNG of 0 and 255; returns `file`."""

    def photo(self, file: str, pixels: np.ndarray, *, alt: str, label: str = "") -> Picture:
        """Write (H, W, 3) uint8 pixels as an RGB JPEG."""

    def chart(self, file: str, figure: Any, *, alt: str, label: str = "") -> Picture:
        """Write a matplotlib Figure as SVG."""

    def table(self, table: Table) -> Table:
        """Write the table's CSV at full precision; returns the table with `file` set."""

    def raw(self, file: str, data: bytes) -> str:
        """Write bytes as they are; returns `file`."""


class Mapped(Protocol):
    """The results of one folder of images, read one at a time, so that memory does not grow with the folder."""

    @property
    def names(self) -> Sequence[str]:
        """Posix paths under the folder, in the order of the results."""

    @property
    def skipped(self) -> Sequence[Skipped]:
        """Files of the probe set that could not be read; those of the input folder stand in the report."""

    def result(self, analysis: str, image: int, model: str | None = None) -> Result:
        """The result of one image (by position in `names`), empty outside the analysis' sample; `model` defaults to the explained one."""

    def frame(self, image: int) -> np.ndarray:
        """(H, W, 3) uint8: the explained model's input frame of one image."""


class RunView(Mapped, Protocol):
    """Every result of the run. Read as a `Mapped` it is the explained images; `probe` is the probe set."""

    @property
    def settings(self) -> Settings: ...

    @property
    def images(self) -> Sequence[ImageRecord]: ...

    @property
    def shown(self) -> Shown:
        """Which images have figures of their own; the others stand in tables and files alone."""

    @property
    def files(self) -> Files: ...

    @property
    def probe(self) -> Mapped:
        """What the analyses over the probe set were mapped on: the folder of `--probe`, or the run's own images."""

    def cached(self, parts: Any, make: Callable[[], Result]) -> Result:
        """What `make` returns, kept in the store under the hash of `parts` (plain JSON that names all it depends on)."""


@dataclass(frozen=True)
class Contribution:
    """What one analysis adds to the report.

    Attributes:
        section: its chapter; None for an analysis that only serves others.
        per_image: for each image its entry under the analysis' name in `images[]`; empty for none.
        report: top-level keys of report.json (`dissection`).
        gates: the values of the measures that the analysis declares for gates; None where there is none.
        references: the works that its methods come from: keys of `reportgen.bibliography.WORKS`, or works of its own.
        terms: words that its section uses, of `reportgen.glossary.TERMS`.
    """

    section: Section | None
    per_image: list[dict[str, Any]] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    gates: dict[str, float | None] = field(default_factory=dict)
    warnings: list[Warning_] = field(default_factory=list)
    references: Sequence[str | Reference] = ()
    terms: Sequence[str] = ()


@dataclass(frozen=True)
class CheckedParameters:
    """A parameter file as its analysis understands it.

    Attributes:
        columns, rows: the table of what the file holds, as text; the first column names the entry.
        problems: one line for each value that is wrong, naming the entry; empty for a good file.
        entries: what each entry holds; only a file without problems may be handed to `mask`.
    """

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    problems: list[str]
    entries: dict[str, dict[str, Any]]


class ParameterFile(Protocol):
    """A file with the parameters of a method, an entry an image, that others hand in (`reportgen validate`).

    The house knows files, images, masks and models; what an entry means is known to the analysis alone. One that
    writes such a file offers this object as its attribute `parameter_file`, and so the house needs to know no method.

    Attributes:
        name: of the file in a run folder.
    """

    name: str

    def check(self, data: bytes) -> CheckedParameters:
        """Read the bytes of a stranger's file without running anything that they hold.

        Raises:
            CheckFailed: nothing can be read from them, or they hold more than plain data.
        """

    def keys(self, names: Sequence[str]) -> list[str]:
        """The key of each image's entry; `names` are the images, as in `ImageFile`."""

    def mask(self, view: View, target: int, entry: Mapping[str, Any]) -> np.ndarray:
        """(H, W) bool, in the frame of `view`: what the method selects for class `target` under these parameters."""


class Analysis(Protocol):
    """One task.

    Attributes:
        version: raised whenever a result changes: it is part of every cache key.
        order: where its section stands.
        requires: analyses whose results it reads, in map (of the same image and model) or in reduce.
        over: the folder it is mapped on: "images" or "probe".

    It may also have `gates`, name -> what it measures: the numbers that a user may set a threshold on (reportgen.gates);
    `ranks_by = (key, words)`: a number in its result's values by which the images of a large run are
    ranked for figures (the last analysis that has one decides); `uses_truth = True`, and is then handed the ground
    truth, which joins its cache key; `concurrent = True`: several threads may call `map` at once, each with its own
    subject, where otherwise it is called once at a time; a method `sample(settings) -> int | None`: over how many images it is mapped,
    those whose SHA-256 comes first; None is all; and a `parameter_file`, a `ParameterFile`.
    """

    name: str
    title: str
    version: str
    order: int
    requires: tuple[str, ...]
    over: Literal["images", "probe"]

    def models(self, settings: Settings) -> tuple[str, ...]:
        """Names of the models that it maps over; the first of `settings.models` is the explained one."""

    def relevant(self, settings: Settings) -> dict[str, Any]:
        """What changes its per-image result besides image and model: the rest does not invalidate the cache.

        Asked for once before any work is done, so that settings that cannot work, or a missing file, stop the run there.
        """

    def map(self, subject: Subject) -> Result:
        """Explain one image. Pure: the same subject gives the same result."""

    def reduce(self, run: RunView) -> Contribution:
        """Turn every result into a section."""
