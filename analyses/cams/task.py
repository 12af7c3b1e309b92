"""Task 2: Grad-CAM, AblationCAM and ScoreCAM side by side."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject
from reportgen.storage.store import Result

from .findings import pair_key
from .maps import METHODS, effective_channels
from .measures import likeness, measures
from .section import reduce_cams
from .settings import CamSettings


class Cams(Analysis[CamSettings, Result]):
    """One map a method and image, on the trunk's output after its activation."""

    name = "cams"
    title = "Class activation maps"
    version = "3"
    order = 20

    def map(self, subject: Subject[CamSettings]) -> Result:
        """Arrays: one (H, W) float32 map in [0, 1] by method. Values: the target logit, and each method's record."""
        view = subject.view
        values: dict[str, Any] = {
            "target": subject.target,
            "target_logit": float(view.forward.logits[0, subject.target]),
            "linear_head": view.engine.linear_head is not None,
            "channels": int(view.forward.activations.shape[1]),
            "grid": list(view.forward.activations.shape[2:]),
        }
        arrays: dict[str, Any] = {}
        for method in subject.settings.methods:
            with subject.timed(method):
                cam = METHODS[method](view, subject.target)
            arrays[method] = cam.map
            values[method] = {
                "degenerate": cam.degenerate,
                "forward_passes": cam.forward_passes,
                "head_passes": cam.head_passes,
                **measures(cam.map),
            }
            if method == "scorecam":
                values[method]["effective_channels"] = effective_channels(cam.weights)
        values["pairs"] = {
            pair_key(a, b): likeness(arrays[a], arrays[b]) for a, b in combinations(subject.settings.methods, 2)
        }
        return Result(values, arrays)

    def reduce(self, run: RunView[CamSettings]) -> Contribution:
        return reduce_cams(run)


ANALYSIS = Cams()
