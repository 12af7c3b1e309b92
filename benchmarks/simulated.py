"""Made-up results of class activation maps, LIME and their agreement, for runs of more images than anybody would explain to time a report.

Arrays and what is measured on them are real: a few images' maps, superpixels and masks are made once, by seeded noise that is as smooth
as a map of 7 x 7 cells, and everything about them is computed by the product's own functions. Each image of a run has one of these
and numbers of its own around theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from reportgen.analyses.agreement.result import AgreementResult, Comparison
from reportgen.analyses.agreement.task import ANALYSIS as AGREEMENT
from reportgen.analyses.cams.measures import likenesses, measures
from reportgen.analyses.cams.methods import label
from reportgen.analyses.cams.result import CamMap, CamsResult
from reportgen.analyses.lime.result import LimeResult, Surrogate
from reportgen.analysis.masks import packed
from reportgen.analysis.view import Subject, View
from reportgen.models.runtime import Engine
from reportgen.pipeline.observation import Observation
from reportgen.report.document import ClassProbability, Prediction
from reportgen.settings.model import Settings

METHODS = ("gradcam", "ablationcam", "scorecam")
SUPERPIXELS, FEATURES, RESAMPLES = 60, 15, 10
CELLS = 7
# How far the numbers of two images with the same arrays lie apart (standard deviation).
SPREAD = 0.04
# Share of the images on which the model says what their label is; the rest are a class further.
RIGHT = 0.75


@dataclass(frozen=True)
class MadeArrays:
    """One image's arrays, and what is measured on them."""

    frame: np.ndarray
    cams: CamsResult
    lime: LimeResult
    agreement: AgreementResult


class MadeResults:
    """The results of any number of images, by position; equal seeds give equal results."""

    def __init__(self, engine: Engine, *, seed: int = 0, arrays: int = 64) -> None:
        """Args: engine: of the model that is said to have been explained; it is not run. arrays: so many images differ in their arrays."""
        self._engine, self._seed, self._count = engine, seed, arrays

    @cached_property
    def pool(self) -> list[MadeArrays]:
        """The images whose arrays the others share."""
        return [self._arrays(np.random.default_rng([self._seed, number])) for number in range(self._count)]

    def of(self, position: int, label: int) -> dict[type, object]:
        """By type the results of the image at `position`, whose label is the class of that index."""
        rng = np.random.default_rng([self._seed, self._count, position])
        of = self.pool[position % len(self.pool)]
        observation = self._observation(rng, of.frame, label)
        target = observation.prediction.index
        iou = of.agreement.comparison
        return {
            Observation: observation,
            CamsResult: replace(
                of.cams, target=target, maps={m: _varied_map(cam, rng) for m, cam in of.cams.maps.items()}
            ),
            LimeResult: _varied_lime(of.lime, target, rng),
            AgreementResult: replace(of.agreement, comparison=_varied_comparison(iou, rng)),
        }

    def _arrays(self, rng: np.random.Generator) -> MadeArrays:
        preprocessing = self._engine.spec.preprocessing
        size = (preprocessing.size, preprocessing.size)
        frame = np.stack([_field(rng, size, cells=28) for _ in range(3)], axis=-1)
        pixels = (255 * frame).astype(np.uint8)
        shared = _field(rng, size)
        maps = {method: _scaled(0.6 * shared + 0.4 * _field(rng, size)) for method in METHODS}
        cams, lime = _cams(maps, self._engine), _lime(rng, shared)
        subject = Subject(
            view=View(pixels, self._engine), target=0, seed=0, run_seed=0, settings=AGREEMENT.own(Settings()),
            results={"cams": cams, "lime": lime}, timed=lambda _: nullcontext(), encoder=lambda _: None,  # type: ignore[arg-type,return-value]
            again=lambda *_: None, explained=self._engine.spec.name,
        )  # fmt: skip
        return MadeArrays(pixels, cams, lime, AGREEMENT.map(subject))

    def _observation(self, rng: np.random.Generator, frame: np.ndarray, label: int) -> Observation:
        names = self._engine.spec.classes.names
        first = label if rng.random() < RIGHT else (label + 1) % len(names)
        shares = np.sort(rng.dirichlet(np.ones(6)))[::-1]
        top = [
            ClassProbability(index=i, name=names[i], probability=float(share))
            for i, share in zip(((first + step) % len(names) for step in range(5)), shares, strict=False)
        ]
        return Observation(
            width=500,
            height=375,
            prediction=Prediction(**top[0].model_dump(), logit=float(4 + rng.normal()), top5=top),
            perceptual_hash=f"{int(rng.integers(0, 2**63)):016x}",
            frame=frame,
        )


def _field(rng: np.random.Generator, size: tuple[int, int], cells: int = CELLS) -> np.ndarray:
    """(H, W) float32 in [0, 1]: noise of so many cells a side, with a bias to the centre, as bilinear interpolation makes it smooth."""
    from PIL import Image

    at = np.linspace(-1, 1, cells)
    noise = rng.random((cells, cells)) + np.exp(-2 * (at[:, None] ** 2 + at**2))
    picture = Image.fromarray(noise.astype(np.float32)).resize(size[::-1], Image.Resampling.BILINEAR)
    return _scaled(np.asarray(picture))


def _scaled(values: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = ((values - values.min()) / np.ptp(values)).astype(np.float32)
    return scaled


def _cams(maps: Mapping[str, np.ndarray], engine: Engine) -> CamsResult:
    made = {}
    for method, saliency in maps.items():
        found = measures(saliency)
        made[method] = CamMap(
            label=label(method),
            map=saliency,
            degenerate=False,
            forward_passes=400 if method == "scorecam" else 1,
            head_passes=0,
            effective_channels=40.0 if method == "scorecam" else None,
            **vars(found),
        )
    return CamsResult(
        target=0,
        target_logit=4.0,
        linear_head=True,
        channels=1280,
        grid=(CELLS, CELLS),
        maps=made,
        pairs=likenesses(maps),
        non_negative=True,
        layer=engine.layer,
    )


def _lime(rng: np.random.Generator, shared: np.ndarray) -> LimeResult:
    """Superpixels about random points; those where the images' common field is high weigh most, each resample with noise of its own."""
    from scipy.spatial import cKDTree

    height, width = shared.shape
    points = rng.random((SUPERPIXELS, 2)) * (height, width)
    segments = cKDTree(points).query(np.indices((height, width)).reshape(2, -1).T)[1].reshape(height, width)
    segments = np.unique(segments, return_inverse=True)[1].reshape(height, width).astype(np.int32)
    mean = np.bincount(segments.ravel(), shared.ravel()) / np.bincount(segments.ravel())
    noise = rng.normal(0, 0.1, (RESAMPLES + 1, len(mean)))
    weights = [0.1 * (mean - np.quantile(mean, 0.6) + own) for own in noise]
    strongest = [np.argsort(-np.abs(of))[:FEATURES] for of in weights]
    masks = [np.isin(segments, kept[of[kept] > 0]) for of, kept in zip(weights, strongest, strict=True)]
    pairs = tuple((int(i), float(weights[0][i])) for i in strongest[0])
    return LimeResult(
        target=0,
        seed=0,
        segments=segments,
        packed=np.stack([packed(mask) for mask in masks]),
        surrogate=Surrogate(pairs, 0.1, 0.6, 0.7, 0.7, 0, 500),
        n_selected=sum(weight > 0 for _, weight in pairs),
        forward_passes=500,
        varied="resamples",
        jaccard_seeds=0.8,
        r2_seeds=(0.7,) * RESAMPLES,
        jaccard_half_samples=0.7,
        jaccard_half_features=0.7,
        n_segments=len(mean),
        area=float(masks[0].mean()),
    )


def _varied_map(cam: CamMap, rng: np.random.Generator) -> CamMap:
    return replace(
        cam,
        area_above_half=_near(cam.area_above_half, rng),
        gini=_near(cam.gini, rng),
        total_variation=abs(cam.total_variation + SPREAD * float(rng.normal())),
        centre_offset=_near(cam.centre_offset, rng),
    )


def _varied_lime(lime: LimeResult, target: int, rng: np.random.Generator) -> LimeResult:
    scale, r2 = float(rng.uniform(0.5, 1.5)), _near(0.7, rng, 0.15)
    weights = tuple((superpixel, scale * weight) for superpixel, weight in lime.surrogate.weights)
    surrogate = replace(
        lime.surrogate,
        weights=weights,
        r2=r2,
        top_class=target,
        prediction=_near(0.6, rng),
        probability=_near(0.7, rng),
    )
    return replace(
        lime,
        target=target,
        seed=int(rng.integers(0, 2**32)),
        surrogate=surrogate,
        jaccard_seeds=_near(0.8, rng),
        r2_seeds=tuple(_near(r2, rng) for _ in lime.r2_seeds),
        jaccard_half_samples=_near(0.7, rng),
        jaccard_half_features=_near(0.7, rng),
    )


def _varied_comparison(of: Comparison, rng: np.random.Generator) -> Comparison:
    by = SPREAD * float(rng.normal())
    ceiling = of.ceiling or 0.0

    def moved(iou: float | None) -> float | None:
        return None if iou is None else float(np.clip(iou + by, 0, ceiling))

    complexity = replace(
        of.complexity, edge_density=_near(of.complexity.edge_density, rng), entropy=6 + float(rng.normal())
    )
    return replace(
        of,
        iou=moved(of.iou),
        iou_area_matched=moved(of.iou_area_matched),
        iou_seeds=tuple(moved(iou) for iou in of.iou_seeds),
        iou_by_threshold=tuple(moved(iou) for iou in of.iou_by_threshold),
        complexity=complexity,
    )


def _near(value: float | None, rng: np.random.Generator, spread: float = SPREAD) -> float:
    """A number in [0, 1] near one that is measured."""
    return float(np.clip((value or 0.0) + spread * rng.normal(), 0, 1))
