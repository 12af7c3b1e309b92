"""Results made by hand, as the maps of the analyses return them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from reportgen.analyses.agreement.result import Comparison, Complexity, Components, EdgeGradient
from reportgen.analyses.cams.methods import METHODS
from reportgen.analyses.cams.result import CamMap, CamsResult, Likeness, pair_key
from reportgen.analyses.dissection.result import DissectionResult, EmbeddingResult
from reportgen.analyses.faithfulness.curves import STEPS
from reportgen.analyses.faithfulness.maps import LABELS
from reportgen.analyses.faithfulness.result import (
    FaithfulnessResult,
    HiddenMask,
    Localisation,
    MarkedObject,
    Measurements,
    Score,
)
from reportgen.analyses.lime.result import LimeResult, Surrogate
from reportgen.analysis.masks import packed
from reportgen.images.ground_truth.annotation import TruthNote
from reportgen.models.encoders import EmbedTexts
from reportgen.utils.json_types import JSON


def lime_result(
    segments: np.ndarray,
    surrogate: Surrogate | None = None,
    masks: Sequence[np.ndarray] | None = None,
    **values: Any,
) -> LimeResult:
    """LIME on (H, W) superpixels; without a surrogate none of them weighs anything, and the mask is empty."""
    fitted = surrogate or Surrogate((), 0.0, 0.0, 1.0, 0.9, 2, 8)
    chosen = [superpixel for superpixel, weight in fitted.weights if weight > 0]
    held = masks if masks is not None else [np.isin(segments, chosen)]
    made: dict[str, Any] = {
        "target": 2,
        "seed": 0,
        "segments": segments.astype(np.int32),
        "packed": np.stack([packed(mask) for mask in held]),
        "surrogate": fitted,
        "n_selected": len(chosen),
        "forward_passes": fitted.forward_passes,
        "varied": "seeds",
        "jaccard_seeds": None,
        "r2_seeds": (fitted.r2,),
        "jaccard_half_samples": None,
        "jaccard_half_features": None,
        "n_segments": int(segments.max()) + 1,
        "area": float(held[0].mean()),
        **values,
    }
    return LimeResult(**made)


def cams_result(
    maps: Mapping[str, np.ndarray] | None = None,
    measures: Mapping[str, Mapping[str, object]] | None = None,
    pairs: Mapping[str, Likeness] | None = None,
    *,
    target: int = 2,
    target_logit: float = 2.0,
    linear_head: bool = False,
    non_negative: bool = True,
) -> CamsResult:
    """What the CAMs of one image are: by method a map, or measures of a map that is not there; pairs are alike by half."""
    maps = maps or {}
    made = {
        method: CamMap(
            label=METHODS[method].label,
            map=maps.get(method, np.zeros((0, 0), np.float32)),
            degenerate=False,
            forward_passes=1,
            head_passes=0,
            area_above_half=0.3,
            gini=0.4,
            total_variation=2.0,
            centre_offset=0.1,
            effective_channels=3.0 if method == "scorecam" else None,
        )
        for method in {**maps, **(measures or {})}
    }
    made = {method: replace(cam, **(measures or {}).get(method, {})) for method, cam in made.items()}  # type: ignore[arg-type]
    half = Likeness(0.5, 0.5, 0.25)
    return CamsResult(
        target=target,
        target_logit=target_logit,
        linear_head=linear_head,
        channels=10,
        grid=(8, 8),
        maps=made,
        pairs=dict(pairs or {pair_key(a, b): half for a, b in combinations(made, 2)}),
        non_negative=non_negative,
    )


def comparison(
    complexity: dict[str, float], components: dict[str, int], edge_gradient: dict[str, float | None], **values: Any
) -> Comparison:
    """The masks of one image in numbers."""
    made: dict[str, Any] = {
        "iou_area_matched": values["iou"],
        "iou_gaussian": values["iou"],
        "chance_area_matched": values["chance"],
        "iou_seeds": (values["iou"],),
        "iou_by_threshold": (values["iou"],),
        "chance_by_threshold": (values["chance"],),
        **values,
    }
    return Comparison(
        complexity=Complexity(**complexity),
        components=Components(**components),
        edge_gradient=EdgeGradient(**edge_gradient),
        **made,
    )


def faithfulness_result(
    areas: Mapping[str, tuple[float, float]],
    hidden: HiddenMask,
    *,
    truth: MarkedObject | None = None,
    located: Mapping[str, Localisation] | None = None,
    constant: Sequence[str] = (),
    notes: tuple[TruthNote, ...] = (),
) -> FaithfulnessResult:
    """The areas under the deletion and the insertion curve by map, controls last; every curve is flat."""
    deletion, insertion = (np.array([[both[i]] * (STEPS + 1) for both in areas.values()], np.float32) for i in (0, 1))
    measured = Measurements(
        labels={name: METHODS[name].label if name in METHODS else LABELS[name] for name in areas},
        scores={name: Score(*both, draws=1, constant=name in constant) for name, both in areas.items()},
        lime_hidden=hidden,
        forward_passes=400,
        truth=truth,
        localisation=located,
        truth_notes=notes,
    )
    return FaithfulnessResult(deletion, insertion, measured)


class WordEncoder:
    """A concept encoder in which words are at right angles, but for a few that mean another word.

    Args:
        words: what a direction each is; others: word -> the word of `words` that it means.
    """

    name = "words"
    title = "an encoder of a few words"
    temperature = 10.0
    classifier: str | None = None
    limits: Sequence[str] = ("This encoder knows no word but those that it was given.",)

    def __init__(self, words: Sequence[str], others: Mapping[str, str]) -> None:
        rows = dict(zip(words, np.eye(len(words), dtype=np.float32), strict=True))
        self._rows = {**rows, **{word: rows[meant] for word, meant in others.items()}}

    def identity(self) -> Mapping[str, JSON]:
        return {"encoder": self.name}

    def observe(self, frame: np.ndarray, logits: np.ndarray) -> dict[str, np.ndarray]:
        raise NotImplementedError("results are made by hand: see `seen`")

    def seen(self, word: str, also: str) -> EmbeddingResult:
        """An image that shows `word`, and a little of another."""
        return EmbeddingResult({"row": np.float32(0.8) * self._rows[word] + np.float32(0.6) * self._rows[also]})

    def embed_images(self, kept: Sequence[Mapping[str, np.ndarray]], texts: EmbedTexts) -> np.ndarray:
        return np.stack([image["row"] for image in kept])

    def embed_texts(self, words: Sequence[str]) -> np.ndarray:
        return np.stack([self._rows[word] for word in words])


def dissection_results(layers: Mapping[str, Sequence[str]], shown: Sequence[str]) -> list[DissectionResult]:
    """One result an image, by the word that it shows.

    Args:
        layers: by layer, for each unit the word whose images drive it; `-` for a unit that is always the same.
    """
    return [
        DissectionResult({name: np.array([_driven(unit, word, i) for unit in units]) for name, units in layers.items()})
        for i, word in enumerate(shown)
    ]


def _driven(unit: str, shown: str, image: int) -> np.float32:
    return np.float32(0.5 if unit == "-" else (2 if unit == shown else 0) + 0.01 * image)
