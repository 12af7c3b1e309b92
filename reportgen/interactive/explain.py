"""`explain`: one picture, one method, no folder. What comes out is what a run of a folder with this picture writes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from reportgen.images.decode import Reading, UnreadableImage, read_image, upright_pixels
from reportgen.images.files import InputFile
from reportgen.interactive.drawing import SIZE, THUMB, drawn
from reportgen.pipeline.one_image import KeptModels, Photograph, explain_image
from reportgen.pipeline.providers import INSTALLED, Providers
from reportgen.rendering.notebook.parts import card_html
from reportgen.rendering.notebook.pictures import inlined
from reportgen.report.document import Prediction, Target
from reportgen.settings.model import Settings
from reportgen.storage.cache import in_use
from reportgen.storage.store import cache_folder
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import digest_of

# A network takes up to a few hundred MB; two are enough to go back and forth between them.
_KEPT = KeptModels(2)


@dataclass(frozen=True, eq=False)
class Explanation:
    """One method's explanation of one picture.

    Attributes:
        name: of the picture; its file's, where it has one.
        model, method: as they were asked for; label: what a report calls the method.
        prediction: the class of the largest logit, and the five likeliest.
        target: the class that is explained.
        frame: (H, W, 3) uint8, what the model saw.
        map: (H, W) float32 in that frame: in [0, 1], or, where `signed`, weights for and against the class.
        mask: (H, W) bool, what a method that chooses regions (LIME) chose; None for a method that only shades. See `above`.
        forward_passes: of the whole network, that it took.
        failure: why the method marks nothing here, in one line; None where it does.
    """

    name: str
    model: str
    method: str
    label: str
    prediction: Prediction
    target: Target
    frame: np.ndarray
    map: np.ndarray
    mask: np.ndarray | None
    signed: bool
    forward_passes: int
    failure: str | None

    @property
    def photo(self) -> Image.Image:
        """What the model saw, RGB."""
        return Image.fromarray(self.frame)

    def above(self, share: float = 0.5) -> np.ndarray:
        """(H, W) bool: where the map lies above a share of its maximum, as the areas in a report are measured."""
        highest = float(self.map.max())
        marked: np.ndarray = self.map > share * highest if highest > 0 else np.zeros(self.map.shape, bool)
        return marked

    def overlay(self, *, size: int = SIZE) -> Image.Image:
        """The map over the photograph, as in a report. Args: size: pixels of the longer side."""
        return drawn(self.frame, self.map, self.mask, size)

    def _repr_html_(self) -> str:
        pictures = [
            inlined(self.photo, f"What {self.model} saw of {self.name}", "Input"),
            inlined(self.overlay(size=THUMB), f"{self.label} over {self.name}", self.label),
        ]
        if self.mask is not None:
            outlined = drawn(self.frame, None, self.mask, THUMB)
            pictures.append(inlined(outlined, f"The mask of {self.label} on {self.name}", "Mask"))
        likeliest = ", ".join(f"{top.name} {top.probability:.2f}" for top in self.prediction.top5[:3])
        facts = [("model", self.model), ("predicted", likeliest), ("explained for", self.target.name)]
        return card_html(self.name, facts, pictures, self.failure or "")

    def __repr__(self) -> str:
        shown = f"name={self.name!r}, model={self.model!r}, method={self.method!r}, target={self.target.name!r}"
        return f"Explanation({shown}, map={'x'.join(map(str, self.map.shape))})"


def explain(
    image: str | os.PathLike[str] | Image.Image | np.ndarray,
    *,
    model: str | None = None,
    method: str = "gradcam",
    target: int | str | None = None,
    settings: Settings | None = None,
    providers: Providers = INSTALLED,
) -> Explanation:
    """Explain one picture. The models used last stay loaded, so that the next picture is quick.

    Args:
        image: a path, a Pillow image, or (H, W, 3) or (H, W) uint8 pixels. A file gives the very numbers that a run gives; where there
            is none, the random draws of LIME and others follow from the pixels instead of the file's bytes.
        model: as `--model`; default: the explained one of the settings.
        method: `gradcam` and any other method of the settings' `cams.methods`, `lime`, or what a further analysis offers.
        target: index or name of the class to explain; default: the one that the model predicts.
        settings: of the run that it would be part of.
        providers: where analyses and classifiers come from.

    Raises:
        UsageError: no such picture, method, model or class, or weights that are missing; one line that says what to do.
    """
    chosen = _with_model(settings or Settings(), model)
    photograph, cache = _photograph(image, chosen), cache_folder()
    with in_use(cache):
        found = explain_image(photograph, method, target, chosen, cache / "models", providers, _KEPT)
    return Explanation(
        name=photograph.name,
        model=chosen.explained[0],
        method=method,
        label=found.saliency.label,
        prediction=found.prediction,
        target=found.target,
        frame=found.frame,
        map=found.saliency.map,
        mask=found.saliency.mask,
        signed=found.saliency.signed,
        forward_passes=found.saliency.forward_passes,
        failure=found.saliency.failure,
    )


def _with_model(settings: Settings, model: str | None) -> Settings:
    if model is None or model in settings.explained[:1]:
        return settings
    # Made anew: a model that is given by its path gets its name, and its path goes to `weights`.
    given = settings.model_dump(exclude_unset=True)
    return Settings(**{**given, "models": (model,), "explain": (), "tasks": ()})


def _photograph(image: str | os.PathLike[str] | Image.Image | np.ndarray, settings: Settings) -> Photograph:
    max_pixels = settings.max_pixels
    if isinstance(image, np.ndarray):
        return _of_pixels("array", _rgb(image, max_pixels))
    if isinstance(image, Image.Image):
        try:
            return _of_pixels(_name_of(image), upright_pixels(image, max_pixels))
        except UnreadableImage as error:
            raise UsageError(f"{_name_of(image)}: {error.reason}") from None
    path = Path(image).expanduser()
    if path.is_dir():
        raise UsageError(f"{path}: a folder; explain takes one picture, reportgen.run a folder of them")
    try:
        decoded = read_image(InputFile(path.name, path), max_pixels, Reading.of(settings))
    except UnreadableImage as error:
        raise UsageError(f"{path}: {error.reason}") from None
    return Photograph(path.name, decoded.pixels, decoded.sha256)


def _name_of(image: Image.Image) -> str:
    return Path(str(getattr(image, "filename", "") or "image")).name


def _of_pixels(name: str, pixels: np.ndarray) -> Photograph:
    digest = digest_of([list(pixels.shape), hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()])
    return Photograph(name, pixels, digest)


def _rgb(pixels: np.ndarray, max_pixels: int) -> np.ndarray:
    """An array of the user's as (H, W, 3) uint8."""
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise UsageError(
            f"an array of {pixels.dtype} {pixels.shape}: explain takes uint8 pixels, (H, W, 3) RGB or (H, W) grey"
        )
    if 0 in pixels.shape or pixels.shape[0] * pixels.shape[1] > max_pixels:
        raise UsageError(f"an array of {pixels.shape}: it needs pixels, and no more than max_pixels = {max_pixels}")
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
