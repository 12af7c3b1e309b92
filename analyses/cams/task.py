"""Task 2: class activation maps side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.saliency import Saliency
from reportgen.analysis.view import Subject, View

from .library import MethodFailure
from .maps import Cam, effective_channels
from .measures import likenesses, measures
from .methods import METHODS, label, methods_for
from .result import CamMap, CamsResult
from .section import reduce_cams
from .settings import CamSettings
from .works import WORKS

NOTHING_LEFT = "nothing is left of the map after the ReLU, or it is the same everywhere: it marks no place"


class Cams(Analysis[CamSettings, CamsResult]):
    """One map a method and image, on the trunk's output after its activation."""

    name = "cams"
    title = "Class activation maps"
    version = "5"
    concurrent = True
    needs = frozenset({"activations"})
    order = 20
    works = WORKS
    methods = tuple(METHODS)

    def alone(self, method: str, settings: CamSettings) -> CamSettings:
        return settings.model_copy(update={"methods": (method,), "attention": False})

    def saliency(self, result: CamsResult, method: str) -> Saliency:
        cam = result.maps[method]
        why = cam.failure or (NOTHING_LEFT if cam.degenerate else None)
        return Saliency(cam.label, cam.map, None, signed=False, forward_passes=cam.forward_passes, failure=why)

    def map(self, subject: Subject[CamSettings]) -> CamsResult:
        """The map of every method of the settings, its measures, and how alike every two are."""
        view, target = subject.view, subject.target
        activations = view.forward.activations
        channels, height, width = activations.shape[1:]
        layer = view.engine.layer
        methods = methods_for(subject.settings.methods, layer, attention=subject.settings.attention)
        maps: dict[str, CamMap] = {method: _cam_map(subject, method) for method in methods}
        return CamsResult(
            target=target,
            target_logit=float(view.forward.logits[0, target]),
            linear_head=view.engine.linear_head is not None,
            channels=channels,
            grid=(height, width),
            maps=maps,
            pairs=likenesses({method: cam.map for method, cam in maps.items()}),
            non_negative=bool(activations.min() >= 0),
            layer=layer,
        )

    def check(self, view: View) -> dict[str, str | None]:
        """Every method on the probe; ScoreCAM, which takes a pass a channel and nothing of the network but passes, is not run."""
        target = int(view.forward.logits[0].argmax())
        found: dict[str, str | None] = {}
        for name, method in METHODS.items():
            found[method.label] = None
            try:
                if name != "scorecam":
                    method.explain(view, target)
            except MethodFailure as error:
                found[method.label] = str(error)
        return found

    def reduce(self, run: RunView[CamSettings]) -> Contribution:
        return reduce_cams(run)


def _cam_map(subject: Subject[CamSettings], method: str) -> CamMap:
    failure = None
    with subject.timed(method):
        try:
            cam = METHODS[method].explain(subject.view, subject.target)
        except MethodFailure as error:
            failure, cam = str(error), _no_map(subject.view.frame.shape[:2])
    found = measures(cam.map)
    return CamMap(
        label=label(method),
        map=cam.map,
        degenerate=cam.degenerate,
        forward_passes=cam.forward_passes,
        head_passes=cam.head_passes,
        area_above_half=found.area_above_half,
        gini=found.gini,
        total_variation=found.total_variation,
        centre_offset=found.centre_offset,
        effective_channels=effective_channels(cam.weights)
        if method == "scorecam" and cam.weights is not None
        else None,
        failure=failure,
    )


def _no_map(size: Sequence[int]) -> Cam:
    return Cam(np.zeros(size, np.float32), None, forward_passes=1, head_passes=0, degenerate=True)


ANALYSIS = Cams()
