"""Chapters of faithfulness and of the sanity check over results made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from made_results import cams_result, faithfulness_result
from made_runs import MadeRun
from reportgen.analyses.faithfulness.maps import CONTROLS
from reportgen.analyses.faithfulness.result import FaithfulnessResult, HiddenMask, Localisation, MarkedObject
from reportgen.analyses.faithfulness.settings import FaithfulnessSettings
from reportgen.analyses.faithfulness.task import ANALYSIS as FAITHFULNESS
from reportgen.analyses.sanity.result import SanityResult
from reportgen.analyses.sanity.settings import SanitySettings
from reportgen.analyses.sanity.task import ANALYSIS as SANITY
from reportgen.analysis.protocol import Contribution
from reportgen.images.ground_truth.annotation import TruthNote

WRITEUP = ("gradcam", "ablationcam", "scorecam")


# --- faithfulness --------------------------------------------------------------------------------


def faithfulness(folder: Path) -> dict[str, Contribution]:
    maps = (*WRITEUP, "mean", "lime")
    good = dict.fromkeys(("gradcam", "ablationcam", "mean", "lime"), 0.2)
    marked = MarkedObject("a table of boxes", 0.2)
    scaled = TruthNote("truth-scaled", detail="500 x 375 pixels, the upright image has 384 x 288")
    says_nothing = TruthNote("truth-says-nothing", detail="COCO: everything")
    few = [
        _measured(0, maps, {**good, "mean": 0.05}, truth=marked),
        _measured(
            1, maps, good, truth=MarkedObject("YOLO", 0.3, ("fish", "reed")), notes=(scaled,), constant=("lime",)
        ),
        _measured(2, maps, {"scorecam": 0.1}, truth=MarkedObject("a table of boxes", 0.0)),
        _measured(3, maps, good, notes=(says_nothing,)),
    ]
    supported = [_measured(i, maps, {**good, "mean": 0.3, "lime": 0.3}, truth=marked) for i in range(12)]
    as_well = [_measured(i, maps, {**good, "gaussian": 0.19}, truth=marked) for i in range(12)]
    contradicted = [_measured(i, maps, {"scorecam": 0.2}, drop=0.01, truth=marked) for i in range(12)]
    many = ("gradcam", "layercam", "eigencam", "fem", "mean", "lime")
    failed = [_measured(0, many, good, masks=0), _measured(1, (*many[:2], *many[3:]), good, masks=0)]
    empty = [_measured(0, ("layercam", "lime"), {"layercam": 0.2}, masks=0, area=0.0)]
    return {
        "four images: the object marked on three, outside the frame on one, a constant map": _faithful(
            folder / "a", few
        ),
        "twelve images, the object marked: claims supported": _faithful(folder / "b", supported),
        "twelve images, the object marked: a centred Gaussian does as well": _faithful(folder / "g", as_well),
        "twelve images, the object marked: claims contradicted": _faithful(folder / "c", contradicted),
        "two images without ground truth, a method that failed on one, no random masks": _faithful(
            folder / "d", failed, FaithfulnessSettings(random_masks=0)
        ),
        "twelve images without ground truth": _faithful(
            folder / "e", [_measured(i, maps, good, best="gaussian") for i in range(12)]
        ),
        "one image, where LIME's mask is empty": _faithful(folder / "f", empty, FaithfulnessSettings(draws=1)),
        "twelve images, of which six were measured": _faithful(
            folder / "h", [of if i % 2 else None for i, of in enumerate(supported)]
        ),
        "two images, of which none was measured": _faithful(folder / "i", [None, None]),
    }


def _faithful(
    folder: Path, results: Sequence[FaithfulnessResult | None], settings: FaithfulnessSettings | None = None
) -> Contribution:
    chosen = settings or FaithfulnessSettings()
    run = MadeRun(folder, {"faithfulness": results}, chosen, analyses=("faithfulness", "agreement"))
    return FAITHFULNESS.reduce(run)


def _measured(
    i: int,
    maps: Sequence[str],
    better: Mapping[str, float],
    *,
    best: str = "sobel",
    truth: MarkedObject | None = None,
    drop: float = 0.4,
    masks: int = 10,
    area: float = 0.3,
    constant: Sequence[str] = (),
    notes: tuple[TruthNote, ...] = (),
) -> FaithfulnessResult:
    """Image i: maps are better than the best control by so much, others are worse."""
    by = {
        name: better.get(name, 0.02 if name == best else -0.01 * (k + 1)) for k, name in enumerate((*maps, *CONTROLS))
    }
    areas = {name: (0.4 - gain - 0.001 * i, 0.5 + gain + 0.002 * i) for name, gain in by.items()}
    located = {
        name: Localisation(pointing=float(gain > 0.1), energy=0.3 + gain + 0.002 * i, iou=0.25 + gain + 0.001 * i)
        for name, gain in by.items()
    }
    return faithfulness_result(
        areas,
        HiddenMask(0.9, 0.9 - drop - 0.001 * i, area, (0.85,) * masks),
        truth=truth,
        located=located if truth is not None and truth.area > 0 else None,
        constant=(*constant, "empty"),
        notes=notes,
    )


# --- sanity --------------------------------------------------------------------------------------

STAGES = ("head", "layer2", "layer1")


def sanity(folder: Path) -> dict[str, Contribution]:
    few = [
        {"gradcam": (0.8, 0.3, end), "ablationcam": (0.2, 0.9, end + 0.7), "scorecam": (end,)}
        for end in (0.1, 0.2, 0.0)
    ]
    five = {"gradcam": 0.1, "gradcam++": 0.2, "layercam": 0.15, "eigencam": 0.9, "fem": 0.8}
    many = [{method: (end + 0.05, end, end) for method, end in five.items()} for _ in range(2)]
    one = [{"eigencam": (0.7, 0.6, 0.6)}]
    return {
        "four images, three in the sample": _sanity(
            folder / "a", few, left_out=1, constant={"gradcam": 1, "scorecam": 2}
        ),
        "two images, five methods": _sanity(folder / "b", many),
        "one image, one method": _sanity(folder / "c", one),
        "no image in the sample": SANITY.reduce(MadeRun(folder / "d", {"sanity": [None]}, SanitySettings())),
    }


def _sanity(
    folder: Path,
    correlations: Sequence[Mapping[str, tuple[float, ...]]],
    left_out: int = 0,
    constant: Mapping[str, int] | None = None,
) -> Contribution:
    found = [
        SanityResult(STAGES, methods, {**dict.fromkeys(methods, 0), **(constant or {})}, forward_passes=40)
        for methods in correlations
    ]
    trained = [
        cams_result(dict.fromkeys(methods, np.random.default_rng(i).random((16, 16))))
        for i, methods in enumerate(correlations)
    ]
    outside: list[None] = [None] * left_out
    results = {"sanity": [*outside, *found], "cams": [*outside, *trained]}
    return SANITY.reduce(MadeRun(folder, results, SanitySettings()))
