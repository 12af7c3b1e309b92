"""Task 3: LIME superpixels."""

from __future__ import annotations

from typing import Any, ClassVar

from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject
from reportgen.settings.model import Settings
from reportgen.storage.store import Result

from . import surrogate as lime
from .section import reduce_lime
from .settings import LimeSettings
from .stability import repeats, sensitivity
from .validation import LimeParameters


class Lime(Analysis[LimeSettings, Result]):
    """A local surrogate over superpixels, for the class that every method explains."""

    name = "lime"
    title = "LIME"
    version = "3"
    order = 30
    gates: ClassVar = {"lime_stability": "mean over images of the Jaccard index of LIME's masks under other seeds"}
    ranked_by = "the R² of LIME's surrogate"
    parameter_file = LimeParameters()

    def relevant(self, settings: Settings) -> dict[str, Any]:
        return self.own(settings).model_dump(exclude={"batch_size"})

    def rank(self, result: Result) -> float | None:
        r2: float = result.values["r2"]
        return r2

    def map(self, subject: Subject[LimeSettings]) -> Result:
        """Arrays: `segments` (H, W), `mask` (H, W) bool, `masks` (repeats, H, W). Values: the target class's surrogate."""
        settings = subject.settings
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

    def reduce(self, run: RunView[LimeSettings]) -> Contribution:
        return reduce_lime(run)


ANALYSIS = Lime()
