"""Several explained models over results made by hand, and the chapter that compares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from made_results import cams_result, comparison, faithfulness_result, lime_result
from made_runs import MadeRun
from reportgen.analyses.agreement.result import AgreementResult
from reportgen.analyses.cams.measures import measures
from reportgen.analyses.cams.result import CamsResult
from reportgen.analyses.comparison.section import reduce_comparison
from reportgen.analyses.faithfulness.result import FaithfulnessResult, HiddenMask
from reportgen.analyses.lime.result import Surrogate
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.view import of_kind
from reportgen.models.classifiers import Preprocessing
from reportgen.report.document import ImageRecord, Label, Target

R = TypeVar("R")
SIDE = 32
AREAS = {"gradcam": (0.2, 0.7), "lime": (0.3, 0.6), "random": (0.5, 0.5)}


def blob(row: int, column: int, side: int = 8) -> np.ndarray:
    """(32, 32) float32: a square at 1 on a slope that is never constant and stays below a half."""
    slope = np.linspace(0, 0.4, SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)
    slope[row : row + side, column : column + side] = 1
    return slope


def cams_of(maps: Sequence[np.ndarray]) -> list[CamsResult]:
    return [
        cams_result(
            {"gradcam": saliency},
            {"gradcam": {**vars(measures(saliency)), "degenerate": bool(np.ptp(saliency) == 0)}},
        )
        for saliency in maps
    ]


def faithfulness_of(areas: Mapping[str, tuple[float, float]]) -> FaithfulnessResult:
    return faithfulness_result(areas, HiddenMask(0.9, 0.2, 0.3, (0.5,)))


class ComparedRun(MadeRun):
    """Explained models that have a Grad-CAM map of each image, and the same of everything else."""

    def __init__(
        self,
        folder: Path,
        maps: Sequence[Sequence[np.ndarray]],
        *,
        models: Sequence[str] = ("net_a", "net_b"),
        second_classes: Sequence[str] | None = None,
    ) -> None:
        n = len(maps)
        segments = np.arange(SIDE * SIDE).reshape(SIDE, SIDE) // 128
        lime = lime_result(segments, Surrogate(((0, 0.5), (1, 0.2)), 0.0, 0.8, 0.7, 0.9, 2, 8))
        self.of_model: dict[str, dict[str, Sequence[object]]] = {
            model: {
                "cams": cams_of([pair[i] for pair in maps]),
                "lime": [lime] * n,
                "agreement": [_agreement()] * n,
                "faithfulness": [faithfulness_of(AREAS)] * n,
            }
            for i, model in enumerate(models)
        }
        super().__init__(folder, self.of_model[models[0]], models=models)
        self.explained = self.models
        self.of_preprocessing = dict.fromkeys(models, Preprocessing(SIDE, SIDE, (0.5,) * 3, (0.25,) * 3, "bilinear"))
        self.images = [image.model_copy(update={"sha256": f"{i:064d}"}) for i, image in enumerate(self.images)]
        self.records = {model: list(self.images) for model in models}
        if second_classes is not None:
            self.records[models[1]] = [
                image.model_copy(update={"target": Target(index=int(name[-1]), name=name)})
                for image, name in zip(self.images, second_classes, strict=True)
            ]

    def result(self, analysis: str, image: int, kind: type[R], model: str | None = None) -> R:
        return of_kind(self.of_model[model or self.models[0]][analysis][image], kind, analysis)

    def images_of(self, model: str) -> list[ImageRecord]:
        return self.records[model]

    def preprocessing(self, model: str) -> Preprocessing:
        return self.of_preprocessing[model]


def _agreement() -> AgreementResult:
    found = comparison(
        {"superpixels": 8, "edge_density": 0.1, "entropy": 5.0},
        {"gradcam": 1, "lime": 1},
        {"gradcam": 0.1, "lime": 0.2, "shifted_lime": 0.1},
        iou=0.4, chance=0.2, ceiling=0.8, cam_area=0.2, lime_area=0.25, chance_by_threshold=(0.2,),
    )  # fmt: skip
    return AgreementResult(np.zeros((SIDE, SIDE), bool), found)


# --- chapters, for the sentences -------------------------------------------------------------------


def comparison_chapters(folder: Path) -> dict[str, Contribution]:
    labelled = ComparedRun(
        folder / "a",
        [(blob(4 * i % 20, 3 * i % 20), blob(4 * i % 20, 3 * i % 20)) for i in range(7)],
        second_classes=["class 2"] * 5 + ["class 1"] * 2,
    )
    label = Label(index=2, name="class 2", source="labels.csv")
    for model, records in labelled.records.items():
        labelled.records[model] = [
            image.model_copy(update={"label": label, "correct": image.target.index == 2}) for image in records
        ]
    labelled.images = labelled.records["net_a"]
    other = ComparedRun(folder / "b", [(blob(3, 4), blob(9, 4))] * 3)
    other.of_preprocessing["net_b"] = Preprocessing(SIDE, 2 * SIDE, (0.5,) * 3, (0.25,) * 3, "bilinear")
    other.of_model["net_b"]["faithfulness"] = [faithfulness_of({**AREAS, "gradcam": (0.4, 0.5)})] * 3
    empty = np.zeros((SIDE, SIDE), np.float32)
    three = ComparedRun(folder / "c", [(blob(3, 4), empty, empty)] * 2, models=("net_a", "net_b", "net_c"))
    made = {
        "seven images, of two the classes differ": labelled,
        "three images of one class, frames that differ": other,
        "three models, of two no map": three,
    }
    return {name: reduce_comparison(run) for name, run in made.items()}
