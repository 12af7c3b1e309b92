"""Deletion and insertion: does the model follow a map, and more than it follows maps that know nothing of it?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from reportgen.analysis import baselines
from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject
from reportgen.images.ground_truth.annotation import Truth
from reportgen.settings.model import Settings

from ..cams.result import CamsResult
from ..lime.result import LimeResult
from . import curves
from .hiding import random_regions
from .localisation import localise
from .maps import control_maps, explanations, labels_of
from .removal import Removals
from .result import FaithfulnessResult, HiddenMask, Localisation, MarkedObject, Measurements, Score
from .rules import BEATS_CONTROLS, RULES
from .section import reduce_faithfulness
from .settings import FaithfulnessSettings
from .terms import TERMS
from .works import WORKS


class Faithfulness(Analysis[FaithfulnessSettings, FaithfulnessResult]):
    """Every map of an image, and the controls, on the same two curves; and on the object, where the user marked it."""

    name = "faithfulness"
    title = "Faithfulness of the maps"
    version = "1"
    concurrent = True
    order = 50
    requires = ("cams", "lime")
    optional = ("cams",)
    uses_truth = True
    works = WORKS
    terms = TERMS
    rules = RULES

    def sample(self, settings: Settings) -> int:
        return settings.evidence.images

    def rules_beside(self, analyses: Collection[str]) -> tuple[str, ...]:
        return RULES if "cams" in analyses else (BEATS_CONTROLS,)

    def map(self, subject: Subject[FaithfulnessSettings]) -> FaithfulnessResult:
        cams = subject.required("cams", CamsResult) if "cams" in subject.results else None
        lime = subject.required("lime", LimeResult)
        frame, rng = subject.view.frame, np.random.default_rng(subject.seed)
        height, width = frame.shape[:2]
        noise = np.stack([baselines.random_map(height, width, rng) for _ in range(subject.settings.draws)])
        maps = {**explanations(cams, lime), **control_maps(frame, noise[0])}
        removals = Removals(subject.view, subject.target)
        with subject.timed("faithfulness plans"):
            orders = {name: curves.orders(saliency, noise) for name, saliency in maps.items()}
            plans = {name: curves.plan(removals, drawn) for name, drawn in orders.items()}
            whole, hidden, random = _hidden_masks(removals, lime, subject.settings.random_masks, rng)
        with subject.timed("faithfulness"):
            probabilities = removals.probabilities()
        deletion, insertion = curves.stacked(plans, probabilities, list(maps))
        measured = Measurements(
            labels=labels_of(cams, maps),
            scores={
                name: _score(saliency, orders[name], deletion[i], insertion[i])
                for i, (name, saliency) in enumerate(maps.items())
            },
            lime_hidden=HiddenMask(
                probability=float(probabilities[whole]),
                hidden=float(probabilities[hidden]),
                area=float(lime.mask.mean()),
                random=tuple(float(probability) for probability in probabilities[random]),
            ),
            forward_passes=len(removals),
            truth=None if (truth := subject.truth) is None else _marked(truth),
            localisation=None if truth is None else _localised(maps, truth.mask, orders),
            truth_notes=subject.truth_notes,
        )
        return FaithfulnessResult(deletion.astype(np.float32), insertion.astype(np.float32), measured)

    def reduce(self, run: RunView[FaithfulnessSettings]) -> Contribution:
        return reduce_faithfulness(run)


def _hidden_masks(
    removals: Removals, lime: LimeResult, count: int, rng: np.random.Generator
) -> tuple[int, int, list[int]]:
    """Positions in `removals` of the whole frame, of the one without LIME's mask, and without `count` random ones."""
    hidden, pixels = removals.hidden(lime.mask), int(lime.mask.sum())
    others = random_regions(lime.segments, pixels, count if pixels else 0, rng)
    random = [removals.hidden(mask) for mask in others]
    return removals.hidden(np.zeros(lime.mask.shape, bool)), hidden, random


def _score(saliency: np.ndarray, orders: Sequence[np.ndarray], deletion: np.ndarray, insertion: np.ndarray) -> Score:
    return Score(
        deletion=curves.area_under(deletion),
        insertion=curves.area_under(insertion),
        draws=len(orders),
        constant=bool(np.ptp(saliency) == 0),
    )


def _marked(truth: Truth) -> MarkedObject:
    return MarkedObject(truth.source, float(truth.mask.mean()), truth.categories)


def _localised(
    maps: Mapping[str, np.ndarray], truth: np.ndarray, orders: Mapping[str, Sequence[np.ndarray]]
) -> dict[str, Localisation] | None:
    """By map where it lies, against the (H, W) bool object; None where the object is outside the frame."""
    if not truth.any():
        return None
    return {name: localise(saliency, truth, orders[name]) for name, saliency in maps.items()}


ANALYSIS = Faithfulness()
