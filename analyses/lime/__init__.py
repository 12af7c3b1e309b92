"""Task 3: LIME superpixels."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from reportgen.analysis.protocol import Contribution, Result, RunView, Subject
from reportgen.settings.model import Settings

from . import surrogate as lime
from .section import reduce_lime
from .stability import repeats, sensitivity
from .validation import LimeParameters


class Lime:
    """A local surrogate over superpixels, for the class that every method explains."""

    name = "lime"
    title = "LIME"
    version = "3"
    order = 30
    requires: tuple[str, ...] = ()
    over: Literal["images", "probe"] = "images"
    concurrent = True
    gates: ClassVar = {"lime_stability": "mean over images of the Jaccard index of LIME's masks under other seeds"}
    ranks_by = ("r2", "the R² of LIME's surrogate")
    parameter_file = LimeParameters()

    def models(self, settings: Settings) -> tuple[str, ...]:
        return settings.models[:1]

    def relevant(self, settings: Settings) -> dict[str, Any]:
        return settings.lime.model_dump(exclude={"batch_size"})

    def map(self, subject: Subject) -> Result:
        """Arrays: `segments` (H, W), `mask` (H, W) bool, `masks` (repeats, H, W). Values: the target class's surrogate."""
        settings = subject.settings.lime
        with subject.timed("lime superpixels"):
            segments = lime.superpixels(subject.view.frame, settings)
        with subject.timed("lime"):
            fitted, first = repeats(subject.view, segments, subject.target, subject.seed, settings)
            sensitive, arrays = sensitivity(segments, fitted, first, subject.target, settings)
        found, mask = fitted[0], arrays["masks"][0]
        positive = [superpixel for superpixel, weight in found.weights if weight > 0]
        values = {
            "target": subject.target,
            "seed": subject.seed,
            "n_segments": int(segments.max()) + 1,
            "n_selected": len(positive[: settings.num_features]),
            "r2": found.r2,
            "weights": [[superpixel, weight] for superpixel, weight in found.weights],
            "intercept": found.intercept,
            "surrogate_probability": found.prediction,
            "probability": found.probability,
            "top_class": found.top_class,
            "forward_passes": sum(surrogate.forward_passes for surrogate in fitted),
            **sensitive,
        }
        return Result(values, {"segments": segments, "mask": mask, **arrays})

    def reduce(self, run: RunView) -> Contribution:
        return reduce_lime(run)


ANALYSIS = Lime()
