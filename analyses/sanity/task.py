"""The check by re-initialisation (Adebayo et al., 2018): a map that survives the loss of the weights is not about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject, View, of_kind
from reportgen.models.runtime import Engine
from reportgen.report.provenance import RuntimeRecord
from reportgen.settings.model import Settings
from reportgen.utils.hashing import seed_from
from reportgen.utils.json_types import JSON

from ..cams.result import CamsResult
from ..cams.settings import CamSettings
from .correlation import down_the_cascade, rank_correlation
from .result import SanityResult
from .rules import RULES
from .section import KEPT_CHANNELS, reduce_sanity
from .settings import SanitySettings
from .works import WORKS

if TYPE_CHECKING:
    from reportgen.models.classifiers import Network

# Takes a pass of the whole network a channel: once all weights are drawn anew, and not after each stage.
SCORECAM = "scorecam"


class Sanity(Analysis[SanitySettings, SanityResult]):
    """The analysis `cams` again, on networks whose weights are drawn anew from the head downwards; on a sample of the images."""

    name = "sanity"
    title = "Sanity check of the maps"
    version = "5"
    concurrent = True
    order = 60
    requires = ("cams",)
    needs = frozenset({"weights"})
    works = WORKS
    rules = RULES

    def relevant(self, settings: Settings) -> Mapping[str, JSON]:
        # The networks are drawn from the run's seed, so that all images see the same ones.
        cams = settings.group("cams", CamSettings)
        return {
            "methods": list(cams.methods),
            "attention": cams.attention,
            "scorecam": self.own(settings).scorecam,
            "seed": settings.seed,
        }

    def sample(self, settings: Settings) -> int:
        return self.own(settings).images

    def map(self, subject: Subject[SanitySettings]) -> SanityResult:
        """Every method that has a map on the trained network, after each stage; ScoreCAM after the last."""
        from .cascade import cascade  # torch is needed here, and only here

        engine, trained = subject.view.engine, _computed(subject.required("cams", CamsResult))
        repeated = [method for method in trained if method != SCORECAM]
        eager = RuntimeRecord(name="torch", precision="exact", device=engine.record.device)
        shape = subject.view.forward.activations.shape[1:]
        stages, steps, last = [], [], engine.network
        with subject.timed("sanity cascade"):
            for stage, last in cascade(engine.network, shape, subject.run_seed):
                stages.append(stage)
                if repeated:
                    again = _explained(subject, engine.on(last, f"without {stage}", eager), repeated)
                    steps.append(_computed(again))
        # A method that a network of the cascade could not be explained by was not checked.
        checked = [method for method in repeated if all(method in step for step in steps)]
        kept = [{method: step[method] for method in checked} for step in steps]
        correlation = down_the_cascade(trained, kept)
        constant = {method: sum(_is_constant(step[method]) for step in kept) for method in checked}
        passes = len(steps)
        if subject.settings.scorecam and SCORECAM in trained:
            with subject.timed("sanity scorecam"):
                random = self._scorecam(subject, last, shape[0]).maps[SCORECAM]
            correlation[SCORECAM] = [rank_correlation(trained[SCORECAM], random.map)]
            constant[SCORECAM] = int(_is_constant(random.map))
            passes += random.forward_passes
        lost = {method: tuple(found) for method, found in correlation.items()}
        return SanityResult(tuple(stages), lost, constant, passes, engine.layer)

    def _scorecam(self, subject: Subject[SanitySettings], network: Network, channels: int) -> CamsResult:
        """ScoreCAM on the wholly re-initialised network, thinned; on the run's own backend, for it takes many passes."""
        from .cascade import Thinned

        seed = subject.run_seed

        def thinned() -> Network:
            trunk = Thinned(network.trunk, channels, KEPT_CHANNELS, seed_from(seed, "channels"))
            return replace(network, trunk=trunk)

        # Drawn from the run's seed, and so the same for every image.
        name = f"re-initialised, version {self.version}, seed {seed}, {KEPT_CHANNELS} channels"
        return _explained(subject, subject.view.engine.kept_on(name, thinned), [SCORECAM])

    def reduce(self, run: RunView[SanitySettings]) -> Contribution:
        return reduce_sanity(run)


def _explained(subject: Subject[SanitySettings], engine: Engine, methods: Sequence[str]) -> CamsResult:
    """What the analysis `cams` says of the same image and class on another network."""
    found = subject.again("cams", View(subject.view.frame, engine), {"methods": tuple(methods), "attention": False})
    return of_kind(found, CamsResult, "cams")


def _computed(cams: CamsResult) -> dict[str, np.ndarray]:
    """The maps of the methods that could be computed."""
    return {method: cam.map for method, cam in cams.maps.items() if cam.failure is None}


def _is_constant(saliency: np.ndarray) -> bool:
    return bool(np.ptp(saliency) == 0)


ANALYSIS = Sanity()
