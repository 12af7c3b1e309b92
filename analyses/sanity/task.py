"""The check by re-initialisation (Adebayo et al., 2018): a map that survives the loss of the weights is not about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject, View, of_kind
from reportgen.models.runtime import Engine
from reportgen.report.document import RuntimeRecord
from reportgen.settings.model import Settings
from reportgen.storage.store import Result
from reportgen.utils.hashing import seed_from

from ..cams.settings import CamSettings
from .correlation import down_the_cascade, rank_correlation
from .section import KEPT_CHANNELS, reduce_sanity
from .settings import SanitySettings

if TYPE_CHECKING:
    from reportgen.models.classifiers import Network


class Sanity(Analysis[SanitySettings, Result]):
    """The analysis `cams` again, on networks whose weights are drawn anew from the head downwards; on a sample of the images."""

    name = "sanity"
    title = "Sanity check of the maps"
    version = "3"
    order = 60
    requires = ("cams",)

    def relevant(self, settings: Settings) -> dict[str, Any]:
        # The networks are drawn from the run's seed, so that all images see the same ones.
        methods = settings.group("cams", CamSettings).methods
        return {"methods": list(methods), "scorecam": self.own(settings).scorecam, "seed": settings.seed}

    def sample(self, settings: Settings) -> int:
        return self.own(settings).images

    def map(self, subject: Subject[SanitySettings]) -> Result:
        """Values: `stages`, the order in which weights are lost, and by method `correlation` after each (ScoreCAM: after all).

        `constant` counts the maps of the cascade that mark no place, by method; `forward_passes` are of whole networks.
        """
        from .cascade import cascade  # torch is needed here, and only here

        engine, trained = subject.view.engine, subject.required("cams", Result)
        cheap = [method for method in trained.arrays if method != "scorecam"]
        eager = RuntimeRecord(name="torch", precision="exact", device=engine.record.device)
        shape = subject.view.forward.activations.shape[1:]
        stages, steps, last = [], [], engine.network
        with subject.timed("sanity cascade"):
            for stage, last in cascade(engine.network, shape, subject.run_seed):
                stages.append(stage)
                if cheap:
                    steps.append(_explained(subject, engine.on(last, f"without {stage}", eager), cheap))
        correlation = down_the_cascade(trained.arrays, [step.arrays for step in steps])
        constant: dict[str, int] = {
            str(method): sum(_is_constant(step.arrays[method]) for step in steps) for method in cheap
        }
        passes = len(steps)
        if subject.settings.scorecam and "scorecam" in trained.arrays:
            with subject.timed("sanity scorecam"):
                random = self._scorecam(subject, last, shape[0])
            correlation["scorecam"] = [rank_correlation(trained.arrays["scorecam"], random.arrays["scorecam"])]
            constant["scorecam"] = int(_is_constant(random.arrays["scorecam"]))
            passes += random.values["scorecam"]["forward_passes"]
        return Result({"stages": stages, "correlation": correlation, "constant": constant, "forward_passes": passes})

    def _scorecam(self, subject: Subject[SanitySettings], network: Network, channels: int) -> Result:
        """ScoreCAM on the wholly re-initialised network, thinned; on the run's own backend, for it takes many passes."""
        from .cascade import Thinned

        seed = subject.run_seed

        def thinned() -> Network:
            trunk = Thinned(network.trunk, channels, KEPT_CHANNELS, seed_from(seed, "channels"))
            return replace(network, trunk=trunk)

        # Drawn from the run's seed, and so the same for every image.
        name = f"re-initialised, version {self.version}, seed {seed}, {KEPT_CHANNELS} channels"
        return _explained(subject, subject.view.engine.kept_on(name, thinned), ["scorecam"])

    def reduce(self, run: RunView[SanitySettings]) -> Contribution:
        return reduce_sanity(run)


def _explained(subject: Subject[SanitySettings], engine: Engine, methods: Sequence[str]) -> Result:
    """What the analysis `cams` says of the same image and class on another network."""
    found = subject.again("cams", View(subject.view.frame, engine), {"methods": tuple(methods)})
    return of_kind(found, Result, "cams")


def _is_constant(saliency: np.ndarray) -> bool:
    return bool(np.ptp(saliency) == 0)


ANALYSIS = Sanity()
