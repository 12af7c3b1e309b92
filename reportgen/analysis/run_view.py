"""What a reduce is given: every result of the run, one at a time, and the files of the run folder.

All that stands here is part of what a section is kept by (`reportgen.pipeline.section_cache`); what does not, a reduce cannot
read, and so a new title or template makes no section again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from reportgen.models.classifiers.base import ClassList, LinearHead, Preprocessing
from reportgen.models.encoders import Encoder
from reportgen.report.blocks import Picture, Table
from reportgen.report.document import ImageRecord, Shown, Skipped
from reportgen.report.provenance import HeadKind
from reportgen.settings.group import SettingsGroup
from reportgen.settings.model import StatisticsSettings
from reportgen.utils.json_types import JSON

if TYPE_CHECKING:
    from matplotlib.figure import Figure

R = TypeVar("R")
S = TypeVar("S", bound=SettingsGroup, covariant=True)


class Files(Protocol):
    """The run folder as a reduce sees it: each call writes one file and returns what the document needs.

    A file that is returned as `file` is called as the run folder has it: see `place`.
    """

    def array(self, file: str, values: np.ndarray) -> str:
        """Write `values` as float32 .npy; returns `file`."""

    def mask(self, file: str, values: np.ndarray) -> str:
        """Write a (H, W) bool array as an 8-bit L PNG of 0 and 255; returns `file`."""

    def photo(self, file: str, pixels: np.ndarray, *, alt: str, label: str = "") -> Picture:
        """Write (H, W, 3) uint8 pixels as an RGB JPEG."""

    def chart(self, file: str, figure: Figure, *, alt: str, label: str = "") -> Picture:
        """Write a matplotlib Figure as SVG."""

    def table(self, table: Table) -> Table:
        """Write the table's CSV at full precision; returns the table with `file` set."""

    def raw(self, file: str, data: bytes) -> str:
        """Write bytes as they are; returns `file`."""

    def place(self, name: str) -> str:
        """Where files and folders called so lie in the run folder: those of a further explained model have a folder of its own."""


class Mapped(Protocol):
    """The results of one folder of images, read one at a time, so that memory does not grow with the folder."""

    @property
    def names(self) -> Sequence[str]:
        """Posix paths under the folder, in the order of the results."""

    @property
    def skipped(self) -> Sequence[Skipped]:
        """Files of the probe set that could not be read; those of the input folder stand in the report."""

    def result(self, analysis: str, image: int, kind: type[R], model: str | None = None) -> R:
        """The result, a `kind`, of one image (by position in `names`); `model` defaults to the explained one.

        Raises:
            LookupError: the image is not in the analysis' sample (`sampled`).
        """

    def values(self, analysis: str, image: int, kind: type[R], model: str | None = None) -> R:
        """As `result`, without its arrays, of which no byte is read: an `UnreadArray` stands for each, and raises where it is used."""

    def sampled(self, analysis: str, image: int, model: str | None = None) -> bool:
        """Whether the analysis was mapped over this image."""

    def frame(self, image: int, model: str | None = None) -> np.ndarray:
        """(H, W, 3) uint8: the input frame of one image, for an explained model."""

    @property
    def observations(self) -> Sequence[int]:
        """Positions of the images that count as one observation each: of byte-equal ones the first."""

    @property
    def hashes(self) -> Sequence[str]:
        """SHA-256 of each image's bytes, in the order of `names`."""


class ProbeView(Protocol[S]):
    """What is there where a probe set is all that was mapped (`reportgen.analysis.probe_file`), and in every run."""

    @property
    def settings(self) -> S:
        """Of the analysis that reads."""

    @property
    def models(self) -> Sequence[str]:
        """The models of the run; for an analysis of one explained model that model is the first."""

    @property
    def weights(self) -> Mapping[str, str]:
        """By classifier of the run the SHA-256 of its weights."""

    @property
    def classes(self) -> ClassList:
        """The explained model's."""

    @property
    def seed(self) -> int:
        """The run's."""

    @property
    def probe(self) -> Mapped:
        """What the analyses over the probe set were mapped on: the folder of `--probe`, or the run's own images."""

    @property
    def has_probe(self) -> bool:
        """Whether the probe set is a folder of its own."""

    def encoder(self, name: str) -> Encoder:
        """The concept encoder of a name; nothing is loaded."""

    def texts(self, encoder: str, words: Sequence[str]) -> np.ndarray:
        """(len(words), D) float32 unit rows in the space of the encoder of that name; no text model is loaded where the store has them."""

    def cached(self, parts: JSON, kind: type[R], make: Callable[[], R]) -> R:
        """What `make` returns, a `kind`, kept in the store under the hash of `parts`, which name all that it depends on."""


class RunView(Mapped, ProbeView[S], Protocol[S]):
    """Every result of the run. Read as a `Mapped` it is the explained images; `probe` is the probe set.

    Where several models are explained, an analysis that is reduced for each (`Analysis.per_model`) sees the run as if its model
    were the only one: results, images, frames, classes and files are that model's.
    """

    @property
    def statistics(self) -> StatisticsSettings:
        """The run's: the smallest effects of interest."""

    @property
    def analyses(self) -> Sequence[str]:
        """The names of all analyses of the run."""

    @property
    def explained(self) -> Sequence[str]:
        """Every explained model, the report's own first."""

    @property
    def images(self) -> Sequence[ImageRecord]: ...

    def images_of(self, model: str) -> Sequence[ImageRecord]:
        """The images with what an explained model says of them."""

    def preprocessing(self, model: str) -> Preprocessing:
        """From an image to the frame of an explained model."""

    @property
    def shown(self) -> Shown:
        """Which images have figures of their own; the others stand in tables and files alone."""

    def has_files(self, image: int) -> bool:
        """Whether files of its own (maps, masks) are written for an image: of a run of very many (`document.records`) for those with
        figures alone."""

    @property
    def files(self) -> Files: ...

    @property
    def head_kind(self) -> HeadKind:
        """How the explained model's outputs are read as probabilities."""

    def head(self) -> LinearHead | None:
        """The explained model's head in closed form, or None where it is anything but pooling and one linear layer."""

    def shared(self, analysis: str, kind: type[R]) -> R | None:
        """What the reduce of a required analysis has handed on, a `kind`; None where it had nothing to hand on.

        Raises:
            LookupError: the analysis is not required, or does not reduce before this one.
        """


# For functions that read no settings.
AnyRun = RunView[Any]
