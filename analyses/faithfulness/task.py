"""Deletion and insertion: does the model follow a map, and more than it follows maps that know nothing of it?"""

from __future__ import annotations

from typing import Any

import numpy as np

from reportgen.analysis import baselines as controls
from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject
from reportgen.storage.store import Result

from . import curves
from .hiding import random_regions
from .localisation import localise
from .maps import control_maps, explanations
from .removal import Removals
from .section import reduce_faithfulness
from .settings import FaithfulnessSettings


class Faithfulness(Analysis[FaithfulnessSettings, Result]):
    """Every map of an image, and the controls, on the same two curves; and on the object, where the user marked it."""

    name = "faithfulness"
    title = "Faithfulness of the maps"
    version = "1"
    order = 50
    requires = ("cams", "lime")
    uses_truth = True

    def map(self, subject: Subject[FaithfulnessSettings]) -> Result:
        """Arrays: `deletion` and `insertion`, (maps, steps + 1) probabilities in the order of the values' `maps`.

        Values: `scores` by map (areas under the curves, whether it is constant, the number of draws), `localisation` by
        map where there is ground truth, `lime_hidden`, `forward_passes`.
        """
        settings, frame = subject.settings, subject.view.frame
        rng = np.random.default_rng(subject.seed)
        height, width = frame.shape[:2]
        noise = np.stack([controls.random_map(height, width, rng) for _ in range(settings.draws)])
        lime = subject.required("lime", Result)
        maps = {**explanations(subject.required("cams", Result), lime), **control_maps(frame, noise[0])}
        removals = Removals(subject.view, subject.target)
        with subject.timed("faithfulness plans"):
            orders = {name: curves.orders(saliency, noise) for name, saliency in maps.items()}
            plans = {name: curves.plan(removals, drawn) for name, drawn in orders.items()}
            hidden = removals.hidden(lime.arrays["mask"])
            pixels = int(lime.arrays["mask"].sum())
            others = random_regions(lime.arrays["segments"], pixels, settings.random_masks if pixels else 0, rng)
            random = [removals.hidden(mask) for mask in others]
        with subject.timed("faithfulness"):
            probabilities = removals.probabilities()
        arrays = curves.stacked(plans, probabilities, list(maps))
        values: dict[str, Any] = {
            "maps": list(maps),
            "scores": {
                name: {
                    "deletion": curves.area_under(arrays["deletion"][i]),
                    "insertion": curves.area_under(arrays["insertion"][i]),
                    "draws": len(orders[name]),
                    "constant": bool(np.ptp(saliency) == 0),
                }
                for i, (name, saliency) in enumerate(maps.items())
            },
            "lime_hidden": {
                "probability": float(probabilities[removals.hidden(np.zeros((height, width), bool))]),
                "hidden": float(probabilities[hidden]),
                "area": float(lime.arrays["mask"].mean()),
                "random": [float(probability) for probability in probabilities[random]],
            },
            "forward_passes": len(removals),
            "truth": None,
        }
        truth = subject.truth
        if truth is not None:
            values["truth"] = {"source": truth.source, "area": float(truth.mask.mean())}
        if truth is not None and truth.mask.any():
            values["localisation"] = {
                name: localise(saliency, truth.mask, orders[name]) for name, saliency in maps.items()
            }
        return Result(values, {name: curve.astype(np.float32) for name, curve in arrays.items()})

    def reduce(self, run: RunView[FaithfulnessSettings]) -> Contribution:
        return reduce_faithfulness(run)


ANALYSIS = Faithfulness()
