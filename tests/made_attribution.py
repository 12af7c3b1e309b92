"""Chapters of concept attribution over results made by hand. Every number is a sum of powers of two, so that sums are exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from made_results import WordEncoder
from made_runs import MadeRun
from reportgen.analyses.attribution.result import AttributionResult
from reportgen.analyses.attribution.settings import AttributionSettings
from reportgen.analyses.attribution.task import ANALYSIS
from reportgen.analyses.dissection.result import DissectionResult, SharedLabels, UnitLabels
from reportgen.analysis.protocol import Contribution
from reportgen.models.classifiers.base import LinearHead
from reportgen.models.encoders import Encoder
from reportgen.report.document import Shown, Target

WORDS = ("cat", "dog", "sky", "tree")
TARGET = 2
# Of the units 24 have labels, and 8 have none; `cat` is what class 2 means.
LABELS = (*("cat",) * 6, *("dog",) * 6, *("sky",) * 6, *("tree",) * 6, *(None,) * 8)


class AttributedRun(MadeRun):
    """Units of a last feature map and their labels, over images made by hand.

    Args:
        labels: what dissection has handed on, or None; meant: by class name the word that it means; targets: of each image;
            probe: results of a probe set of its own; words: what the encoder knows.
    """

    def __init__(
        self,
        folder: Path,
        results: Sequence[AttributionResult],
        labels: UnitLabels | None,
        *,
        meant: Mapping[str, str] | None = None,
        head: LinearHead | None = None,
        targets: Sequence[int] | None = None,
        probe: Sequence[DissectionResult] = (),
        words: Sequence[str] = WORDS,
        **settings: Any,
    ) -> None:
        handed = {} if labels is None else {"dissection": SharedLabels((labels,))}
        images: dict[str, Sequence[object]] = {"attribution": results}
        if labels is not None and not probe:
            images["dissection"] = [DissectionResult({labels.layer: result.means}) for result in results]
        chosen = AttributionSettings(**settings)
        super().__init__(folder, images, chosen, analyses=("attribution",), shared=handed, head=head)
        self._encoder = WordEncoder(words, {f"class {i}": "cat" for i in range(5)} if meant is None else meant)
        for i, target in enumerate(targets or ()):
            renamed = Target(index=target, name=f"class {target}")
            self.images[i] = self.images[i].model_copy(update={"target": renamed})
        if probe:
            self.has_probe = True
            self._probe = MadeRun(folder, {"dissection": probe})

    @property
    def probe(self) -> MadeRun:
        return self._probe if self.has_probe else self

    def encoder(self, name: str) -> Encoder:
        return self._encoder


def unit_labels(concepts: Sequence[str | None] = LABELS, n_images: int | None = 1000, **values: Any) -> UnitLabels:
    made = {
        "model": "toy",
        "layer": "last",
        "source": "a table made by hand",
        "encoder": "words",
        "best": tuple(concepts),
        **values,
    }
    return UnitLabels(concepts=tuple(concepts), n_images=n_images, **made)


def linear_head(heavy: Sequence[int] = range(6), weight: float = 1.0, units: int = 32) -> LinearHead:
    """Five classes; class 2 weighs the `heavy` units by `weight`, and the others by an eighth of either sign."""
    weights = np.zeros((5, units), np.float32)
    weights[TARGET] = np.where(np.arange(units) % 4 == 3, -0.125, 0.125)
    weights[TARGET, list(heavy)] = weight
    weights[1] = 0.25
    return LinearHead(weights, np.array([0, 0.5, 0.25, 0, 0], np.float32))


def exact_result(head: LinearHead, image: int, target: int = TARGET) -> AttributionResult:
    """One image on that head; unit k of image i is active by (1 + (7 k + 3 i) mod 8) / 8, but every eighth unit, which is dead."""
    units = np.arange(head.weight.shape[1])
    means = np.where(units % 8 == 7, 0, (1 + (7 * units + 3 * image) % 8) / 8).astype(np.float32)
    logits = head.weight @ means + head.bias
    terms = head.weight[target].astype(np.float64) * means
    return AttributionResult(target, True, means, logits, terms, float(head.bias[target]))


def first_order_result(head: LinearHead, image: int) -> AttributionResult:
    """The same terms on a head whose logit is a half larger than their sum."""
    exact = exact_result(head, image)
    logits = exact.logits.copy()
    logits[TARGET] = np.float32(exact.terms.sum() + 0.5)
    return AttributionResult(TARGET, False, exact.means, logits, exact.terms, 0.0)


def attribution(folder: Path) -> dict[str, Contribution]:
    head, even, against = linear_head(), linear_head((), 0), linear_head(range(24, 30), -0.5)
    dead = AttributionResult(TARGET, True, np.zeros(32, np.float32), head.bias, np.zeros(32), float(head.bias[TARGET]))
    scattered = [LABELS[i] for i in np.random.default_rng(0).permutation(32)]
    probed = [DissectionResult({"last": exact_result(head, i).means}) for i in range(3)]

    def exact(n: int, head: LinearHead) -> list[AttributionResult]:
        return [exact_result(head, i) for i in range(n)]

    runs = {
        "twelve images, two with figures: related labels carry": _figures(
            AttributedRun(folder / "a", exact(12, head), unit_labels(encoder="conse"), head=head), 2
        ),
        "twelve images: one label, which carries alone": AttributedRun(
            folder / "j", exact(12, head), unit_labels([*("cat",) * 6, *(None,) * 26]), head=head
        ),
        "twelve images: labels that say nothing": AttributedRun(
            folder / "b", exact(12, head), unit_labels(scattered), head=head, draws=3
        ),
        "seven images of two classes, one without a related label; a probe set": AttributedRun(
            folder / "c",
            exact(7, even),
            unit_labels(),
            head=even,
            meant={"class 2": "tree"},
            words=(*WORDS, "class 3"),
            targets=[2, 2, 2, 3, 2, 2, 2],
            probe=probed,
            removal_images=5,
        ),
        "four images, a head of another kind, labels of unknown origin": AttributedRun(
            folder / "d", [first_order_result(against, i) for i in range(4)], unit_labels(n_images=None)
        ),
        "six images, their own labels": AttributedRun(
            folder / "e", exact(6, head), unit_labels(n_images=6, own_images=True), head=head
        ),
        "six images, labels from a hundred": AttributedRun(
            folder / "f", exact(6, head), unit_labels(n_images=100, exploratory=True), head=head
        ),
        "two images, no labels": AttributedRun(folder / "g", exact(2, head), None, head=head),
        "two images, a head of another kind, labels of another layer": AttributedRun(
            folder / "h", [first_order_result(head, i) for i in range(2)], unit_labels(LABELS[:9])
        ),
        "one image without an active unit": AttributedRun(folder / "i", [dead], unit_labels(), head=head),
    }
    return {title: ANALYSIS.reduce(run) for title, run in runs.items()}


def _figures(run: AttributedRun, most: int) -> AttributedRun:
    run.shown = Shown(of=len(run.names), images=run.names[:most], rule="made by hand")
    return run
