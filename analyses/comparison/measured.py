"""What is measured of two explained models on every image: how alike their maps are, and their numbers side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from reportgen.analysis.run_view import AnyRun
from reportgen.report.document import ImageRecord

from ..agreement.result import AgreementResult
from ..cams.result import CamsResult
from ..faithfulness.result import FaithfulnessResult
from ..lime.result import LimeResult
from .pairing import Alike, MapOf, alike, map_of
from .shared import shared_part

GRADCAM, LIME, RANDOM = "gradcam", "lime", "random"


@dataclass(frozen=True)
class Measure:
    """One number that both models have on an image.

    Attributes:
        words: what it is, with the method.
        smallest: the setting that says from where on a difference is of interest; empty where there is none.
        gain: whether it is how much better a map is than a random order of the pixels.
    """

    key: str
    words: str
    smallest: str = ""
    gain: bool = False


@dataclass(frozen=True)
class Compared:
    """Two models on the images of a run.

    Attributes:
        images: what each model says of each image.
        observations: positions of the images that count as one observation each.
        alike: how alike their Grad-CAM maps are.
        shares: of each image, how much of each model's frame both see.
        sides, grids: of each model's frame, pixels; of its feature map, cells.
        values: by measure, for each image its value for each model; None where either has none.
    """

    models: tuple[str, str]
    images: tuple[Sequence[ImageRecord], Sequence[ImageRecord]]
    observations: Sequence[int]
    alike: Alike
    shares: Sequence[tuple[float, float]]
    sides: tuple[int, int]
    grids: tuple[tuple[int, int], tuple[int, int]]
    values: Mapping[Measure, Sequence[tuple[float, float] | None]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """What report.json calls the pair."""
        return "~".join(self.models)

    @property
    def same_class(self) -> list[bool]:
        """Whether both name the same class, image by image; by its name, since their classes may be numbered otherwise."""
        return [a.target.name == b.target.name for a, b in zip(*self.images, strict=True)]


def compared(run: AnyRun, first: str, second: str) -> Compared:
    """Hold two explained models against each other on every image; each result is read once."""
    models = (first, second)
    preprocessing = [run.preprocessing(model) for model in models]
    grids: list[tuple[int, int]] = [run.values("cams", 0, CamsResult, model).grid for model in models]
    parts = [shared_part(image.width, image.height, *preprocessing) for image in run.images]
    values: dict[Measure, list[tuple[float, float] | None]] = {}

    def maps() -> Iterator[tuple[MapOf, MapOf] | None]:
        """Of each image; its values are kept, its maps are not."""
        for position, part in enumerate(parts):
            (of_first, its), (of_second, others) = (_read(run, position, model) for model in models)
            for measure in its:
                values.setdefault(measure, []).append(_both(its[measure], others[measure]))
            a, b = map_of(part.cut(of_first, 0)), map_of(part.cut(of_second, 1))
            yield None if a is None or b is None else (a, b)

    return Compared(
        models=models,
        images=(run.images_of(first), run.images_of(second)),
        observations=run.observations,
        alike=alike(maps(), run.observations, run.seed),
        shares=[part.shares for part in parts],
        sides=(preprocessing[0].size, preprocessing[1].size),
        grids=(grids[0], grids[1]),
        values=values,
    )


def _read(run: AnyRun, position: int, model: str) -> tuple[np.ndarray, dict[Measure, float | None]]:
    """A model's Grad-CAM map of an image, and by measure its number, of the analyses that the run has."""
    cam = run.result("cams", position, CamsResult, model).maps[GRADCAM]
    values: dict[Measure, float | None] = {
        Measure("gradcam_area", "Grad-CAM, area above half of its maximum", "area"): cam.area_above_half,
        Measure("gradcam_gini", "Grad-CAM, Gini index", "gini"): cam.gini,
    }
    if cam.degenerate:
        values = dict.fromkeys(values)
    if "lime" in run.analyses:
        lime = run.values("lime", position, LimeResult, model)
        values[Measure("lime_area", "LIME, area of the mask", "area")] = lime.area
        values[Measure("lime_r2", "LIME, R² of the surrogate")] = lime.surrogate.r2
    if "agreement" in run.analyses:
        agreed = run.values("agreement", position, AgreementResult, model)
        values[Measure("agreement_iou", "IoU of Grad-CAM and LIME", "iou")] = agreed.comparison.iou
    if "faithfulness" in run.analyses:
        sampled = run.sampled("faithfulness", position, model)
        values |= _gains(run.values("faithfulness", position, FaithfulnessResult, model) if sampled else None)
    return cam.map, values


def _both(a: float | None, b: float | None) -> tuple[float, float] | None:
    return None if a is None or b is None else (a, b)


def _gains(result: FaithfulnessResult | None) -> dict[Measure, float | None]:
    """How much better each map is than a random order of the pixels, of the same image under the same model; None where it was not
    measured."""
    scores = result.measured.scores if result is not None else {}
    values: dict[Measure, float | None] = {}
    for map_, label in ((GRADCAM, "Grad-CAM"), (LIME, "LIME")):
        for curve in ("deletion", "insertion"):
            measure = Measure(f"{map_}_{curve}_gain", f"{label}, {curve}, better than a random order", "auc", gain=True)
            values[measure] = None
            if map_ in scores and RANDOM in scores:
                better = scores[map_].by_measure[curve] - scores[RANDOM].by_measure[curve]
                values[measure] = -better if curve == "deletion" else better
    return values
