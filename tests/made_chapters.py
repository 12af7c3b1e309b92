"""Chapters of class activation maps, LIME and their agreement over results made by hand: each sentence is said in some run.

No network is passed, and every number is written here: nothing depends on the machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from made_results import cams_result, comparison, lime_result
from made_runs import MadeRun
from reportgen.analyses.agreement.overlap import THRESHOLDS
from reportgen.analyses.agreement.result import AgreementResult, Comparison
from reportgen.analyses.agreement.settings import AgreementSettings
from reportgen.analyses.agreement.task import ANALYSIS as AGREEMENT
from reportgen.analyses.cams.methods import METHODS
from reportgen.analyses.cams.result import CamsResult, Likeness, pair_key
from reportgen.analyses.cams.settings import OF_ATTENTION, CamSettings
from reportgen.analyses.cams.task import ANALYSIS as CAMS
from reportgen.analyses.lime.result import LimeResult, Surrogate, Varied
from reportgen.analyses.lime.settings import LimeSettings
from reportgen.analyses.lime.task import ANALYSIS as LIME
from reportgen.analysis.protocol import AnyAnalysis, Contribution
from reportgen.models.classifiers.base import FeatureLayer
from reportgen.report.document import Shown
from reportgen.settings.group import SettingsGroup

Results = Mapping[str, Sequence[object]]
SIDE = 32
WRITEUP = ("gradcam", "ablationcam", "scorecam")


OF_ACTIVATIONS = tuple(method for method in METHODS if method not in OF_ATTENTION)


def chapter(
    analysis: AnyAnalysis, folder: Path, results: Results, settings: SettingsGroup, *, figures: int | None = None
) -> Contribution:
    """What the analysis makes of a run in which the first `figures` images have figures of their own; None is all."""
    run = MadeRun(folder, results, settings)
    if figures is not None:
        run.shown = Shown(of=len(run.names), images=run.names[:figures], rule="made by hand")
    return analysis.reduce(run)


def square(row: int, column: int, side: int) -> np.ndarray:
    """(32, 32) bool with a square of so many pixels a side, its upper left corner at a place."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[row : row + side, column : column + side] = True
    return mask


# --- class activation maps -----------------------------------------------------------------------


def cams(folder: Path) -> dict[str, Contribution]:
    return {
        "four images: a degenerate map, a method that failed, a negative logit; linear head": _cams(
            folder / "a", _mixed_cams(), WRITEUP
        ),
        "twelve images, two with figures: claims supported": _cams(
            folder / "b",
            [_cam_result(i, WRITEUP, ablation=-0.1, score=0.1, steps=-0.5, gini=0.7) for i in range(12)],
            WRITEUP,
            figures=2,
        ),
        "twelve images, none with figures: claims contradicted": _cams(
            folder / "c",
            [_cam_result(i, WRITEUP, ablation=0.1, score=-0.1, steps=0.5, gini=0.2, iou=0.1) for i in range(12)],
            WRITEUP,
            figures=0,
        ),
        "every method; linear head": _cams(
            folder / "d",
            [_cam_result(i, OF_ACTIVATIONS, linear_head=True) for i in range(2)],
            OF_ACTIVATIONS,
            figures=1,
        ),
        "two methods, of which nothing could be measured": _cams(
            folder / "e", [_nothing_measured(("gradcam", "ablationcam"))], ("gradcam", "ablationcam")
        ),
        "one method": _cams(folder / "f", [_cam_result(0, ("eigencam",))], ("eigencam",)),
        "a class token, maps of attention beside those of its layer": _cams(
            folder / "g", [_of_tokens(i, (*WRITEUP, *OF_ATTENTION), CLASS_TOKEN) for i in range(2)], WRITEUP, figures=1
        ),
        "means over patches, one map of attention": _cams(
            folder / "h", [_of_tokens(0, ("gradcam", OF_ATTENTION[0]), MEAN_OF_PATCHES)], ("gradcam", OF_ATTENTION[0])
        ),
    }


CLASS_TOKEN = FeatureLayer("blocks.11.norm1", "tokens", 5, class_token=True, attention_layers=12)
MEAN_OF_PATCHES = FeatureLayer("norm", "tokens", attention_layers=8)


def _of_tokens(i: int, methods: Sequence[str], layer: FeatureLayer) -> CamsResult:
    return replace(_cam_result(i, methods), layer=layer, channels=384, grid=(14, 14), non_negative=False)


def _cams(
    folder: Path, results: Sequence[CamsResult], methods: Sequence[str], figures: int | None = None
) -> Contribution:
    settings = CamSettings(methods=tuple(methods))  # type: ignore[arg-type]
    return chapter(CAMS, folder, {"cams": results}, settings, figures=figures)


def _cam_result(
    i: int,
    methods: Sequence[str],
    *,
    ablation: float = 0.0,
    score: float = 0.0,
    steps: float = 0.0,
    gini: float = 0.4,
    iou: float = 0.6,
    linear_head: bool = False,
) -> CamsResult:
    """Image i: squares as maps; AblationCAM's and ScoreCAM's areas and ScoreCAM's steps differ from Grad-CAM's by so much."""
    by = {"ablationcam": ablation, "scorecam": score}
    measures: dict[str, dict[str, object]] = {
        method: {
            "area_above_half": 0.3 + 0.001 * i + by.get(method, 0.0),
            "gini": gini - by.get(method, 0.0),
            "total_variation": 2.0 + 0.01 * i + (steps if method == "scorecam" else 0.0),
            "effective_channels": 3.0 + i if method == "scorecam" else None,
            "forward_passes": 700 if method == "scorecam" else 1,
        }
        for method in methods
    }
    alike = Likeness(rank_correlation=0.7, iou=iou, chance=0.2)
    return cams_result(
        {method: square(4 * (k % 4), 8, 6 + k).astype(np.float32) for k, method in enumerate(methods)},
        measures,
        {pair_key(a, b): alike for a, b in combinations(methods, 2)},
        linear_head=linear_head,
    )


def _mixed_cams() -> list[CamsResult]:
    results = [_cam_result(i, WRITEUP, score=0.02, linear_head=True) for i in range(4)]
    results[1] = _without_map(results[1], "gradcam")
    results[2] = _without_map(results[2], "scorecam", "RuntimeError: made by hand")
    results[3] = replace(results[3], target_logit=-1.25)
    return results


def _without_map(result: CamsResult, method: str, failure: str | None = None) -> CamsResult:
    nothing = np.zeros((SIDE, SIDE), np.float32)
    cam = replace(
        result.maps[method], map=nothing, degenerate=True, gini=None, centre_offset=None, area_above_half=0.0,
        effective_channels=None, failure=failure,
    )  # fmt: skip
    unlike = {key: Likeness(None, None, None) for key in result.pairs if method in key.split("~")}
    return replace(result, maps={**result.maps, method: cam}, pairs={**result.pairs, **unlike})


def _nothing_measured(methods: Sequence[str]) -> CamsResult:
    result = _cam_result(0, methods)
    for method in methods:
        result = _without_map(result, method)
        result = replace(result, maps={**result.maps, method: replace(result.maps[method], area_above_half=0.0)})
    return result


# --- LIME ----------------------------------------------------------------------------------------

SEGMENTS = np.kron(np.arange(16).reshape(4, 4), np.ones((8, 8), int))


def lime(folder: Path) -> dict[str, Contribution]:
    few = [
        _lime(((5, 0.4), (6, 0.2), (10, -0.1)), 0.81, seeds=0.9, samples=0.7, features=0.6),
        _lime(((0, 0.1), (1, 0.05)), 0.31, seeds=0.4, samples=0.3, features=0.5),
        _lime(((3, -0.2),), 0.62, seeds=None, samples=None, features=None),
        _lime(((9, 0.3), (15, 0.1)), 0.72, seeds=0.8, samples=0.9, features=0.85, top_class=1),
    ]
    supported = [_lime(((5, 0.4),), 0.8, 0.9 - 0.01 * i, 0.5, 0.6, varied="resamples") for i in range(12)]
    contradicted = [_lime(((5, 0.4),), 0.8, 0.5 - 0.01 * i, 0.8, 0.9) for i in range(12)]
    once = [_lime(((5, 0.4), (6, 0.2)), 0.81, None, 0.7, 0.6, repeats=1)]
    return {
        "four images: a low R2, an empty mask, another top class": chapter(
            LIME, folder / "a", {"lime": few}, LimeSettings(repeats=3)
        ),
        "twelve images, one with figures: both parameters matter": chapter(
            LIME, folder / "b", {"lime": supported}, LimeSettings(resamples=3), figures=1
        ),
        "twelve images, none with figures: no parameter matters": chapter(
            LIME, folder / "c", {"lime": contradicted}, LimeSettings(repeats=3), figures=0
        ),
        "one image, one draw, hidden in its mean colour": chapter(
            LIME, folder / "d", {"lime": once}, LimeSettings(resamples=0, hide_color=None)
        ),
    }


def _lime(
    weights: tuple[tuple[int, float], ...],
    r2: float,
    seeds: float | None,
    samples: float | None,
    features: float | None,
    *,
    top_class: int = 2,
    repeats: int = 3,
    varied: Varied = "seeds",
) -> LimeResult:
    mask = np.isin(SEGMENTS, [superpixel for superpixel, weight in weights if weight > 0])
    masks = [mask, *[mask & ~square(8, 8, 4)] * (repeats - 1)]
    return lime_result(
        SEGMENTS,
        Surrogate(weights, 0.1, 0.8, r2, 0.9, top_class, 500),
        masks=masks if varied == "seeds" else [mask, *masks],
        varied=varied,
        forward_passes=500 * (repeats if varied == "seeds" else 1),
        jaccard_seeds=seeds,
        r2_seeds=(r2, r2 - 0.05, r2 + 0.05)[:repeats],
        jaccard_half_samples=samples,
        jaccard_half_features=features,
    )


# --- agreement -----------------------------------------------------------------------------------


def agreement(folder: Path) -> dict[str, Contribution]:
    scattered = [0.01 * (i * 5 % 26) for i in range(26)]
    supported = [
        _compared(0.9 - 0.02 * i, chance=0.2 + by, ceiling=0.95 - by, superpixels=20 + i, lime_area=0.1, lime_parts=4, lime_edge=0.3)
        for i, by in enumerate(scattered)
    ]  # fmt: skip
    contradicted = [
        _compared(0.1 + 0.02 * i, chance=0.2 + 0.02 * i, ceiling=0.5 + 0.02 * i, superpixels=20 + i, cam_parts=3, lime_edge=0.02)
        for i in range(12)
    ]  # fmt: skip
    few = [_compared(iou, chance=0.25, ceiling=0.8) for iou in (0.55, 0.2, 0.4)] + [_empty()]
    return {
        "four images: one below chance, two empty masks": _agreement(folder / "a", few, "otsu"),
        "26 images, twelve with figures: claims supported": _agreement(folder / "b", supported, "max:0.5", figures=12),
        "twelve images, eleven with figures: claims contradicted": _agreement(
            folder / "c", contradicted, "area:lime", figures=11, repeats=1
        ),
        "one image, where both masks are empty": _agreement(folder / "d", [_empty()], "area:0.2"),
    }


def _agreement(
    folder: Path, compared: Sequence[Comparison], rule: str, figures: int | None = None, repeats: int = 3
) -> Contribution:
    lime = _lime(((5, 0.4), (6, 0.2)), 0.8, 0.9, 0.8, 0.8, repeats=repeats)
    results = {
        "agreement": [AgreementResult(square(4, 4, 12), one) for one in compared],
        "lime": [lime] * len(compared),
    }
    return chapter(AGREEMENT, folder, results, AgreementSettings(threshold=rule), figures=figures)


def _compared(
    iou: float | None,
    *,
    chance: float | None,
    ceiling: float | None,
    superpixels: float = 30,
    cam_area: float = 0.3,
    lime_area: float = 0.4,
    cam_parts: int = 1,
    lime_parts: int = 2,
    lime_edge: float | None = 0.1,
) -> Comparison:
    by_threshold = {
        "iou_by_threshold": tuple(None if iou is None else iou - abs(share - 0.4) / 10 for share in THRESHOLDS),
        "chance_by_threshold": (chance,) * len(THRESHOLDS),
    }
    return comparison(
        {"superpixels": superpixels, "edge_density": 0.1, "entropy": 5 + (superpixels * 7 % 11) / 10},
        {"gradcam": cam_parts, "lime": lime_parts},
        {"gradcam": None if lime_edge is None else 0.1, "lime": lime_edge, "shifted_lime": 0.08},
        iou=iou,
        chance=chance,
        ceiling=ceiling,
        cam_area=cam_area,
        lime_area=lime_area,
        iou_seeds=(iou, None if iou is None else iou - 0.05),
        **by_threshold,
    )


def _empty() -> Comparison:
    return _compared(
        None, chance=None, ceiling=None, cam_area=0, lime_area=0, cam_parts=0, lime_parts=0, lime_edge=None
    )
