"""Task 3: LIME superpixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from reportgen.analysis.masks import packed
from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.saliency import Saliency
from reportgen.analysis.view import Subject
from reportgen.settings.model import Settings
from reportgen.utils.json_types import JSON

from .result import LimeResult
from .rules import RULES
from .section import reduce_lime
from .settings import LimeSettings
from .stability import repeats, resampled, stability
from .surrogate import fit, positive_mask, positive_superpixels, superpixels
from .terms import TERMS
from .validation import LimeParameters
from .works import WORKS


class Lime(Analysis[LimeSettings, LimeResult]):
    """A local surrogate over superpixels, for the class that every method explains."""

    name = "lime"
    title = "LIME"
    version = "6"
    concurrent = True
    order = 30
    gates: ClassVar = {"lime_stability": "mean over images of the Jaccard index of LIME's masks of other draws"}
    ranked_by = "the R² of LIME's surrogate"
    parameter_file = LimeParameters()
    works = WORKS
    terms = TERMS
    rules = RULES
    methods = ("lime",)

    def alone(self, method: str, settings: LimeSettings) -> LimeSettings:
        """The explanation is the first draw; the others only tell how far it holds."""
        return settings.model_copy(update={"repeats": 1, "resamples": 0})

    def saliency(self, result: LimeResult, method: str) -> Saliency:
        why = None if result.mask.any() else "no superpixel speaks for the class: the mask is empty"
        passes = result.forward_passes
        return Saliency(self.title, result.weight_map, result.mask, signed=True, forward_passes=passes, failure=why)

    def relevant(self, settings: Settings) -> Mapping[str, JSON]:
        return self.own(settings).model_dump(exclude={"batch_size"})

    def rank(self, result: LimeResult) -> float:
        return result.surrogate.r2

    def map(self, subject: Subject[LimeSettings]) -> LimeResult:
        settings, view, target = subject.settings, subject.view, subject.target
        with subject.timed("lime superpixels"):
            segments = superpixels(view.frame, settings)
        with subject.timed("lime"):
            draws = repeats(view, segments, subject.seed, settings)
        with subject.timed("lime stability"):
            first = fit(draws[0].data, draws[0].probabilities, target, settings, np.random.RandomState(0))
            explanation = positive_mask(segments, first, settings.num_features)
            # Of one draw the others are estimated: they take no forward pass.
            of_seeds = settings.varied == "seeds"
            others = draws if of_seeds else resampled(draws[0], settings.resamples, subject.seed)
            held = stability(segments, others, target, settings)
            surrogates = [first, *held.surrogates[1:]] if of_seeds else held.surrogates
            masks = [explanation, *(held.masks[1:] if of_seeds else held.masks)]
        return LimeResult(
            target=target,
            seed=subject.seed,
            segments=segments,
            packed=np.stack([packed(mask) for mask in masks]),
            surrogate=first,
            n_selected=len(positive_superpixels(first, settings.num_features)),
            forward_passes=sum(surrogate.forward_passes for surrogate in (surrogates if of_seeds else [first])),
            varied=settings.varied,
            jaccard_seeds=held.jaccard_seeds,
            r2_seeds=tuple(surrogate.r2 for surrogate in surrogates),
            jaccard_half_samples=held.jaccard_half_samples,
            jaccard_half_features=held.jaccard_half_features,
            n_segments=int(segments.max()) + 1,
            area=float(masks[0].mean()),
        )

    def reduce(self, run: RunView[LimeSettings]) -> Contribution:
        return reduce_lime(run)


ANALYSIS = Lime()
