"""One image of a report, in a Python user's hands: its maps and masks as arrays, read from the run folder, and pictures of them.

A run folder may come from anybody: nothing outside of it is read, no pickle, and no more than a map can hold.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from pydantic import ValidationError

from reportgen.analysis.masks import cross_iou, packed
from reportgen.images.names import slugs
from reportgen.interactive.drawing import SIZE, THUMB, drawn
from reportgen.rendering.notebook.parts import card_html, facts_of
from reportgen.rendering.notebook.pictures import inlined
from reportgen.rendering.sources import inside
from reportgen.report.blocks import Home, not_found
from reportgen.report.document import ImageRecord, Label, Prediction, Report, Target
from reportgen.report.every_image import EveryImage
from reportgen.report.manifest import FURTHER_MODELS
from reportgen.utils.errors import UsageError
from reportgen.utils.untrusted_files import read_at_most

if TYPE_CHECKING:
    from reportgen.utils.json_types import JSON

MOST_MAP_BYTES = 256 * 2**20
MOST_PIXELS = 64_000_000
# Of a notebook's output.
MOST_SHOWN = 12


@dataclass(frozen=True, eq=False)
class ImageView:
    """One image as one explained model sees it.

    Attributes:
        report: that it is an image of.
        record: what report.json says of it; of a further explained model its own prediction and numbers.
        model: the name of the explained model.
        own: where that is a further model, the record of the report's own.
    """

    report: Report
    record: ImageRecord
    model: str
    own: ImageRecord | None = None

    # --- what is said of it ---

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def prediction(self) -> Prediction:
        return self.record.prediction

    @property
    def target(self) -> Target:
        """The class that every method explains."""
        return self.record.target

    @property
    def label(self) -> Label | None:
        return self.record.label

    @property
    def correct(self) -> bool | None:
        return self.record.correct

    @property
    def numbers(self) -> dict[str, JSON]:
        """What each analysis says of it, by the analysis' name."""
        return {name: value for name, value in (self.record.model_extra or {}).items() if name != "models"}

    @property
    def models(self) -> tuple[str, ...]:
        """The explained models, the report's own first."""
        return _models(self.report, self._own)

    def seen_by(self, model: str) -> ImageView:
        """The same image as another explained model sees it.

        Raises:
            UsageError: the model is not explained in this report.
        """
        if model == self.model:
            return self
        if model not in self.models:
            raise UsageError(f"{self.name}: {not_found('no explained model', model, self.models)}")
        if model == self.models[0]:
            return replace(self, record=self._own, model=model, own=None)
        same = self._own.model_dump(include={"name", "slug", "sha256", "width", "height"})
        further = (self._own.model_extra or {})["models"][model]
        try:
            record = ImageRecord.model_validate({**further, **same})
        except (ValidationError, TypeError):
            raise UsageError(f"{self.name}: what the report says of {model} is incomplete") from None
        return replace(self, record=record, model=model, own=self._own)

    # --- arrays ---

    @property
    def maps(self) -> tuple[str, ...]:
        """The methods whose maps lie in the run folder."""
        return self._methods("maps", ".npy")

    @property
    def masks(self) -> tuple[str, ...]:
        """The methods whose masks lie in the run folder."""
        return self._methods("masks", ".png")

    def map(self, method: str, model: str | None = None) -> np.ndarray:
        """(H, W) float32 in [0, 1], in the model's input frame.

        Raises:
            UsageError: no such map in this run, or its folder is gone.
        """
        view = self if model is None else self.seen_by(model)
        return _read_map(view._file("map", "maps", method, ".npy"))

    def mask(self, method: str, model: str | None = None) -> np.ndarray:
        """(H, W) bool, in the model's input frame.

        Raises:
            UsageError: no such mask in this run, or its folder is gone.
        """
        view = self if model is None else self.seen_by(model)
        return np.asarray(_read_picture(view._file("mask", "masks", method, ".png"), "L")) > 127

    def iou(self, a: str = "gradcam", b: str = "lime", model: str | None = None) -> float:
        """Intersection over union of two methods' masks; 0 where both are empty.

        Raises:
            UsageError: one of them is not in this run, or their frames differ.
        """
        first, second = self.mask(a, model), self.mask(b, model)
        if first.shape != second.shape:
            raise UsageError(f"{self.name}: the masks of {a} and {b} are of different frames")
        return float(cross_iou([packed(first)], [packed(second)])[0, 0])

    # --- pictures ---

    @property
    def photo(self) -> Image.Image:
        """What the model saw: its input frame, RGB; a smaller copy where the image has no figures of its own.

        Raises:
            UsageError: it is missing, or the run folder is gone.
        """
        if not self.record.picture.file:
            raise UsageError(
                f"{self.name}: its photograph was not written; of so many images those with figures or a card have one"
            )
        file = inside(self._folder, self.record.picture.file)
        if file is None:
            raise UsageError(f"{self.record.picture.file}: no such picture in {self._folder}")
        return _read_picture(file, "RGB")

    def overlay(self, method: str, model: str | None = None, *, size: int = SIZE) -> Image.Image:
        """A method's map over the photograph, or where it has none the outline of its mask.

        Args:
            size: pixels of the longer side.

        Raises:
            UsageError: the method has neither in this run.
        """
        view = self if model is None else self.seen_by(model)
        if method not in view.maps and method in view.masks:
            mask = view.mask(method)
            return drawn(view._frame(mask.shape), None, mask, size)
        values = view.map(method)
        if not np.isfinite(values).all():
            raise UsageError(f"{self.name}: the map of {method} holds what is no number")
        return drawn(view._frame(values.shape), values, None, size)

    def _repr_html_(self) -> str:
        pictures = []
        try:
            pictures.append(inlined(self.photo, f"Input image {self.name}", "Input"))
            methods = dict.fromkeys((*self.maps, *self.masks))
            for method in list(methods)[:MOST_SHOWN]:
                small = self.overlay(method, size=THUMB)
                pictures.append(inlined(small, f"{method} over {self.name}", method))
        except UsageError as error:
            return card_html(self.name, self._facts(), pictures, str(error))
        arrays = [f'.map("{method}")' for method in self.maps] + [f'.mask("{method}")' for method in self.masks]
        return card_html(self.name, self._facts(), pictures, f"Arrays: {', '.join(arrays)}" if arrays else "")

    def __repr__(self) -> str:
        return f"ImageView(name={self.name!r}, model={self.model!r}, prediction={self.prediction.name!r})"

    # --- where it lies ---

    def _facts(self) -> list[tuple[str, str]]:
        return [("model", self.model), *facts_of(self.record)]

    @property
    def _own(self) -> ImageRecord:
        """The record of the report's own model, which holds those of the others."""
        return self.record if self.own is None else self.own

    @property
    def _folder(self) -> Path:
        folder = self.report.folder
        if folder is None:
            raise UsageError(
                f"{self.name}: this report was read without its run folder, where maps and pictures lie; "
                "reportgen.read_report(RUN) reads it with that"
            )
        if not folder.is_dir():
            raise UsageError(
                f"{folder}: the run folder is gone, and the maps with it; read the report from where it is"
            )
        return folder

    def _place(self, kind: str) -> str:
        """Where maps or masks of this image lie, a posix path in the run folder."""
        below = "" if self.model == self.models[0] else f"{FURTHER_MODELS}/{slugs(self.models)[self.model]}/"
        return f"{below}{kind}/{self.record.slug}"

    def _methods(self, kind: str, ending: str) -> tuple[str, ...]:
        place = (self._folder / self._place(kind)).resolve()
        if not place.is_relative_to(self._folder.resolve()) or not place.is_dir():
            return ()
        found = sorted(path.stem for path in place.iterdir() if path.suffix == ending)
        said = [name for value in self.numbers.values() if isinstance(value, dict) for name in value]
        return tuple(sorted(found, key=lambda method: said.index(method) if method in said else len(said)))

    def _file(self, what: str, kind: str, method: str, ending: str) -> Path:
        path = inside(self._folder, f"{self._place(kind)}/{method}{ending}")
        if path is None or method not in self._methods(kind, ending):
            other, has = ("mask", self.masks) if what == "map" else ("map", self.maps)
            if method in has:
                raise UsageError(f"{self.name}: {method} has a {other} in this run and no {what}: .{other}({method!r})")
            raise UsageError(f"{self.name}: {not_found(f'no {what}', method, self._methods(kind, ending))}")
        return path

    def _frame(self, shape: Sequence[int]) -> np.ndarray:
        """(H, W, 3) uint8: the photograph in the size of a map."""
        size = (shape[1], shape[0])
        photo = self.photo
        return np.asarray(photo if photo.size == size else photo.resize(size, Image.Resampling.LANCZOS))


def find_image(report: Report, name: str) -> ImageView:
    """See `Report.__getitem__`."""
    matching: list[int] = []
    with EveryImage(report) as every:
        for called in (_exactly, _by_its_end, _by_its_stem, _by_a_last_word):
            matching = matching or [position for position, known in enumerate(every.names) if called(known, name)]
        if len(matching) > 1:
            several = ", ".join(every.names[position] for position in matching[:6])
            raise KeyError(f"several images are called {name!r}: {several}")
        if not matching:
            raise KeyError(not_found("no image", name, every.names))
        record = every.at(matching[0]).placed(Home(report.folder))
    return ImageView(report, record, _models(report, record)[0])


def _exactly(image: str, asked: str) -> bool:
    return image == asked


def _by_its_end(image: str, asked: str) -> bool:
    """`goldfish.jpg` of `fish/goldfish.jpg`."""
    return image.endswith(f"/{asked}")


def _by_its_stem(image: str, asked: str) -> bool:
    """`goldfish` and `fish/goldfish` of `fish/goldfish.jpg`."""
    path = PurePosixPath(image)
    return asked in (path.stem, str(path.with_suffix("")))


def _by_a_last_word(image: str, asked: str) -> bool:
    """`goldfish` and `goldfish.jpg` of `n01443537_goldfish.jpg`, `ray` of none of `stingray.jpg`'s."""
    path = PurePosixPath(image)
    ends = [name[: -len(asked)] for name in (path.name, path.stem) if asked and name.endswith(asked)]
    return any(not before[-1:].isalnum() for before in ends)


def _models(report: Report, image: ImageRecord) -> tuple[str, ...]:
    first = [model.name for model in report.provenance.models[:1]] or ["model"]
    further: Iterable[str] = (image.model_extra or {}).get("models") or {}
    return tuple(dict.fromkeys([*first, *further]))


# --- untrusted files -----------------------------------------------------------------------------


def _read_map(path: Path) -> np.ndarray:
    """(H, W) float32 of an .npy file that a run wrote."""
    data = read_at_most(path, MOST_MAP_BYTES)
    buffer = io.BytesIO(data)
    try:
        if np.lib.format.read_magic(buffer) != (1, 0):
            raise ValueError
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(buffer)
    except Exception:  # a parser of Python that meets hostile bytes raises nearly anything
        raise UsageError(f"{path}: not a map of reportgen's (.npy)") from None
    values = data[buffer.tell() :]
    # The header may promise anything; only what is there is read.
    fits = len(shape) == 2 and min(shape) > 0 and math.prod(shape) * 4 == len(values)
    if dtype != np.float32 or fortran or not fits:
        raise UsageError(f"{path}: not a map of reportgen's: {dtype} of shape {shape} instead of float32 (H, W)")
    return np.frombuffer(values, np.float32).reshape(shape).copy()


def _read_picture(path: Path, mode: str) -> Image.Image:
    data = read_at_most(path, MOST_MAP_BYTES)
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            if image.width * image.height > MOST_PIXELS:
                raise UsageError(f"{path}: {image.width} × {image.height} pixels are too many")
            return image.convert(mode)
    except UsageError:
        raise
    except Exception:  # decoders meeting hostile bytes raise nearly anything
        raise UsageError(f"{path}: a damaged picture") from None
