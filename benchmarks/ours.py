"""The same four results through the product's own code path, and what the engine needs for a pass."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from reportgen.analyses.cams.methods import METHODS
from reportgen.analyses.cams.task import ANALYSIS as CAMS
from reportgen.analyses.lime.task import ANALYSIS as LIME

from reportgen.analysis.view import Subject, View
from reportgen.models.classifiers import ClassifierSpec
from reportgen.models.encoders import resolve_encoder
from reportgen.models.runtime import Engine, decide
from reportgen.settings.group import SettingsGroup
from reportgen.settings.model import Settings
from reportgen.storage.store import Result
from reportgen.utils.concurrency import default_jobs, in_order

BEST_OF = 3
PASSES = 64


def engine(spec: ClassifierSpec, precision: str, cache: Path) -> Engine | None:
    """The engine as `reportgen run` would choose it; None where `precision` is not to be had on this machine."""
    record = decide(spec, "auto", precision, cache)  # type: ignore[arg-type]
    return Engine(spec, record, cache) if record.precision == precision else None


def milliseconds_a_pass(made: Engine, frame: np.ndarray) -> float:
    """The engine's best time for one pass of many, milliseconds: its input stays as it is, so nothing else is timed."""
    x = made.normalise(frame)

    def once(i: int, out: np.ndarray) -> None:
        if i < 8:  # every buffer is written before the clock starts to matter
            out[:] = x

    made.logits(PASSES, once)
    times = []
    for _ in range(BEST_OF):
        start = time.perf_counter()
        made.logits(PASSES, lambda i, out: None)
        times.append(time.perf_counter() - start)
    return min(times) / PASSES * 1000


def subject(made: Engine, frame: np.ndarray, target: int, seed: int, settings: SettingsGroup) -> Subject[Any]:
    """What the pipeline hands to an analysis that reads no other's results, for one image."""
    return Subject(
        view=View(frame, made),
        target=target,
        seed=seed,
        run_seed=0,
        settings=settings,
        results={},
        timed=lambda method: nullcontext(),
        encoder=lambda name: resolve_encoder(name, Settings()),
        again=lambda *_: None,
    )


def cam(method: str, made: Engine, frame: np.ndarray, target: int) -> tuple[np.ndarray, int]:
    """One map, its trunk pass included, and the forward passes made."""
    found = METHODS[method].explain(View(frame, made), target)
    return found.map, found.forward_passes


def lime(made: Engine, frame: np.ndarray, target: int, seed: int, settings: Settings) -> Result:
    """LIME as the pipeline runs it."""
    return LIME.map(subject(made, frame, target, seed, LIME.own(settings)))


def all_four(made: Engine, frame: np.ndarray, target: int, seed: int, settings: Settings) -> None:
    """The four results as one image of a run costs them: the trunk pass is shared."""
    given = subject(made, frame, target, seed, CAMS.own(settings))
    CAMS.map(given)
    LIME.map(replace(given, settings=LIME.own(settings)))


def together(made: Engine, seen: Sequence[tuple[np.ndarray, int, int]], settings: Settings) -> float:
    """Seconds an image for `all_four` of all images as a run makes them, a few under way at once.

    Args:
        seen: frame, target and seed of each image.
    """
    start = time.perf_counter()
    for _, future in in_order(lambda image: all_four(made, *image, settings), seen, default_jobs()):
        future.result()
    return (time.perf_counter() - start) / len(seen)
