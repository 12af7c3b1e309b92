"""What is measured of two explained models on every image: how alike their maps are, and their numbers side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
        alike: how alike their Grad-CAM maps are.
        shares: of each image, how much of each model's frame both see.
        sides, grids: of each model's frame, pixels; of its feature map, cells.
        values: by measure, for each image its value for each model; None where either has none.
    """

    models: tuple[str, str]
    images: tuple[Sequence[ImageRecord], Sequence[ImageRecord]]
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
    """Hold two explained models against each other on every image."""
    models = (first, second)
    preprocessing = [run.preprocessing(model) for model in models]
    grids: list[tuple[int, int]] = [run.result("cams", 0, CamsResult, model).grid for model in models]
    parts = [shared_part(image.width, image.height, *preprocessing) for image in run.images]

    def maps(position: int) -> tuple[MapOf, MapOf] | None:
        a, b = (map_of(parts[position].cut(_gradcam(run, position, model), i)) for i, model in enumerate(models))
        return None if a is None or b is None else (a, b)

    return Compared(
        models=models,
        images=(run.images_of(first), run.images_of(second)),
        alike=alike(maps, len(run.images), run.observations, run.seed),
        shares=[part.shares for part in parts],
        sides=(preprocessing[0].size, preprocessing[1].size),
        grids=(grids[0], grids[1]),
        values=dict(_values(run, models)),
    )


def _gradcam(run: AnyRun, position: int, model: str) -> np.ndarray:
    found: np.ndarray = run.result("cams", position, CamsResult, model).maps[GRADCAM].map
    return found


def _values(run: AnyRun, models: tuple[str, str]) -> Iterator[tuple[Measure, Sequence[tuple[float, float] | None]]]:
    """By measure the values of both models, of the analyses that the run has."""
    readers: dict[Measure, Callable[[int, str], float | None]] = {}

    def cam(position: int, model: str, measure: str) -> float | None:
        found = run.result("cams", position, CamsResult, model).maps[GRADCAM]
        value: float | None = None if found.degenerate else getattr(found, measure)
        return value

    readers[Measure("gradcam_area", "Grad-CAM, area above half of its maximum", "area")] = lambda i, m: cam(
        i, m, "area_above_half"
    )
    readers[Measure("gradcam_gini", "Grad-CAM, Gini index", "gini")] = lambda i, m: cam(i, m, "gini")
    if "lime" in run.analyses:
        lime = Measure("lime_area", "LIME, area of the mask", "area")
        readers[lime] = lambda i, m: float(run.result("lime", i, LimeResult, m).mask.mean())
        fit = Measure("lime_r2", "LIME, R² of the surrogate")
        readers[fit] = lambda i, m: run.result("lime", i, LimeResult, m).surrogate.r2
    if "agreement" in run.analyses:
        iou = Measure("agreement_iou", "IoU of Grad-CAM and LIME", "iou")
        readers[iou] = lambda i, m: run.result("agreement", i, AgreementResult, m).comparison.iou
    if "faithfulness" in run.analyses:
        readers.update(_faithfulness(run))
    positions = range(len(run.images))
    for measure, read in readers.items():
        yield measure, [_both(*(read(i, model) for model in models)) for i in positions]


def _both(a: float | None, b: float | None) -> tuple[float, float] | None:
    return None if a is None or b is None else (a, b)


def _faithfulness(run: AnyRun) -> Iterator[tuple[Measure, Callable[[int, str], float | None]]]:
    """How much better each map is than a random order of the pixels, of the same image under the same model."""

    def gain(position: int, model: str, map_: str, curve: str) -> float | None:
        scores = run.result("faithfulness", position, FaithfulnessResult, model).measured.scores
        if map_ not in scores or RANDOM not in scores:
            return None
        better = scores[map_].by_measure[curve] - scores[RANDOM].by_measure[curve]
        return -better if curve == "deletion" else better

    for map_, label in ((GRADCAM, "Grad-CAM"), (LIME, "LIME")):
        for curve in ("deletion", "insertion"):
            measure = Measure(f"{map_}_{curve}_gain", f"{label}, {curve}, better than a random order", "auc", gain=True)
            yield measure, lambda i, m, map_=map_, curve=curve: gain(i, m, map_, curve)  # type: ignore[misc]
