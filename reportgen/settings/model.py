"""Settings: every knob, validated once; one object for the run, the report and the pickle.

Later wins: built-in defaults and the preset, `[tool.reportgen]` in pyproject.toml or `reportgen.toml` in the
working folder, `--config`, `REPORTGEN_*` environment, flags. `load` keeps where each value came from.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from reportgen.report.document import DEFAULT_TITLE, HexColor, Paper
from reportgen.utils.errors import UsageError

if sys.version_info >= (3, 11):
    pass
else:
    pass

PRESETS: dict[str, dict[str, Any]] = {
    "embedded": {"models": ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")},
    "writeup": {
        "models": ("resnet50", "resnet18", "resnet18_places365"),
        "dissection": {"encoder": "open_clip:ViT-B-16/openai"},
    },
}
CHECKPOINT = "checkpoint:"
BUILT_IN_CONCEPTS = ("3k", "classes")


class _Group(BaseModel):
    # Defaults too are made of their type: a run repeated from its report, where 4 stands for 4.0, has the same keys.
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class CamSettings(_Group):
    """Class activation maps. The definitions are fixed (METHODS); which are computed is not."""

    methods: tuple[Literal["gradcam", "ablationcam", "scorecam"], ...] = (
        "gradcam",
        "ablationcam",
        "scorecam",
    )


class LimeSettings(_Group):
    """The write-up's parameters. Names are those of lime's `explain_instance`."""

    top_labels: int = Field(1, ge=1, description="classes that the surrogate explains, likeliest first")
    hide_color: int | None = Field(0, ge=0, le=255, description="grey level of a hidden superpixel; null: its mean")
    num_features: int = Field(15, ge=1, description="superpixels kept by the surrogate and, at most, in the mask")
    num_samples: int = Field(500, ge=2, description="perturbed images, the unperturbed first one included")
    repeats: int = Field(3, ge=1, description="draws under different seeds; the first one is the explanation")
    batch_size: int = Field(10, ge=1, description="as written to explain_params.pkl; the runtime picks its own")
    distance_metric: Literal["cosine"] = "cosine"
    kernel_width: float = Field(0.25, gt=0)
    quickshift_kernel_size: float = Field(4, gt=0)
    quickshift_max_dist: float = Field(200, gt=0)
    quickshift_ratio: float = Field(0.2, ge=0, le=1)


class AgreementSettings(_Group):
    """How the Grad-CAM map becomes a mask: `otsu`, `max:F`, `area:F` (shares in (0, 1)) or `area:lime`."""

    threshold: str = "otsu"

    @field_validator("threshold")
    @classmethod
    def _known_rule(cls, rule: str) -> str:
        name, _, share = rule.partition(":")
        if rule in ("otsu", "area:lime"):
            return rule
        try:
            if name in ("max", "area") and 0 < float(share) < 1:
                return rule
        except ValueError:
            pass
        raise ValueError("use otsu, max:SHARE, area:SHARE or area:lime, with 0 < SHARE < 1 (for example max:0.5)")


class FaithfulnessSettings(_Group):
    """Deletion and insertion. The protocol is fixed (METHODS); how often chance is drawn is not."""

    draws: int = Field(3, ge=1, description="orders of the pixels that a map gives one value, averaged")
    random_masks: int = Field(
        10, ge=0, description="random masks that hiding LIME's mask is compared with; 0: no comparison"
    )


class SanitySettings(_Group):
    """The check by re-initialisation (Adebayo et al., 2018). Leave it out with `tasks`."""

    images: int = Field(5, ge=1, description="images it is made on: those whose SHA-256 comes first")
    scorecam: bool = Field(True, description="ScoreCAM too, where all weights are drawn anew: some 130 passes an image")


class DissectionSettings(_Group):
    """Network dissection with CLIP-Dissect (METHODS). The probe set is `Settings.probe`."""

    encoder: str = Field(
        "conse", description="conse, open_clip:MODEL/TAG, or open_clip:MODEL with a local file in weights"
    )
    concepts: str = Field("3k", min_length=1, description="3k, classes, or the path of a text file, one concept a line")
    similarity: Literal["softwpmi", "wpmi", "rank_reorder", "cosine", "cosine_cubed"] = "softwpmi"
    top_k: int = Field(100, ge=1, description="images that drive a unit most; never more than the probe set holds")
    temperature: float | None = Field(
        None, gt=0, description="a of softmax(a cos); null: 2 for conse, 10 for open_clip"
    )
    lam: float = Field(1.0, ge=0, description="weight of the term that divides by how likely a concept is for any unit")
    min_margin: float | None = Field(
        None,
        ge=0,
        description="a unit whose label leads the runner-up by less is unlabelled; null: the similarity's own",
    )
    layers: dict[str, tuple[str, ...]] = Field({}, description="model name -> modules to dissect, input side first")


class DocumentSettings(_Group):
    """The report as a document. What is left out here the template may say in its own template.toml."""

    authors: tuple[str, ...] = ()
    affiliation: str = ""
    course: str = Field("", description="the course or project that the report belongs to")
    logo: str | None = Field(None, description="path of a PNG or JPEG; a copy goes into the run folder")
    accent: HexColor | None = Field(None, description="a CSS hex colour for links and marks, for example #0b5a8c")
    paper: Paper | None = Field(None, description="null: what the template says, or A4")
    language: str | None = Field(
        None, description="of the pages' own words: en, de, es, fr or one of the template's; null: what it says, or en"
    )
    extra_css: str | None = Field(None, description="path of a stylesheet that comes after the template's own")
    sections: tuple[str, ...] = Field((), description="ids of the sections that stand; empty: all")
    figures: int = Field(24, ge=3, description="images with figures; of more the lowest, the median and the highest")
    show: tuple[str, ...] = Field((), description="names of further images that have figures in any case")


class Settings(_Group):
    """The effective settings of one run."""

    preset: Literal["embedded", "writeup"] = "embedded"
    title: str = DEFAULT_TITLE
    models: tuple[str, ...] = Field(
        default=(), min_length=1, description="the first is explained (tasks 2 to 4); all are dissected"
    )
    weights: dict[str, str] = Field(default={}, description="model or encoder name -> path of a local weights file")
    classes: dict[str, str] = Field(default={}, description="model name -> path of its class names, one a line")
    architectures: dict[str, str] = Field(
        default={}, description="checkpoint:FILE -> the network that it fills: torchvision:NAME or timm:NAME"
    )
    probe: str | None = Field(None, description="folder of the images that units are dissected on; null: the run's own")
    allow_download: bool = Field(False, description="fetch missing weights; never without this, or `models fetch`")
    tasks: tuple[str, ...] = Field(default=(), description="analyses to run; empty: every one that is installed")
    geometry: Literal["crop", "squash"] = "crop"
    runtime: Literal["auto", "torch", "openvino"] = "auto"
    precision: Literal["exact", "fast"] = "exact"
    seed: int = Field(0, ge=0, lt=2**32)
    strict: bool = Field(False, description="exit with 1 when an image was skipped")
    template: str = "writeup"
    formats: tuple[Literal["pdf", "html"], ...] = Field(default=("pdf", "html"), min_length=1)
    archive: bool = Field(False, description="the PDF is PDF/A-3a, for archives, instead of PDF/UA-1")
    max_pixels: int = Field(100_000_000, ge=1, description="a larger image is skipped as a decompression bomb")
    cams: CamSettings = CamSettings()
    lime: LimeSettings = LimeSettings()
    agreement: AgreementSettings = AgreementSettings()
    faithfulness: FaithfulnessSettings = FaithfulnessSettings()
    sanity: SanitySettings = SanitySettings()
    dissection: DissectionSettings = DissectionSettings()
    document: DocumentSettings = DocumentSettings()
    gates: dict[str, float] = Field(
        default={}, description="min_MEASURE or max_MEASURE -> threshold; exit with 1 when one is not passed"
    )

    @field_validator("gates")
    @classmethod
    def _bounds(cls, gates: dict[str, float]) -> dict[str, float]:
        for name, limit in gates.items():
            if not name.startswith(("min_", "max_")) or not math.isfinite(limit):
                raise ValueError(f"{name}: a gate is min_MEASURE or max_MEASURE and a number (min_share_correct = 0.8)")
        return gates

    def __init__(self, **values: Any) -> None:
        preset = PRESETS.get(str(values.get("preset", "embedded")), {})
        for key, value in preset.items():
            given = values.get(key)
            if isinstance(value, Mapping) and given is not None:
                own = given.model_dump(exclude_unset=True) if isinstance(given, BaseModel) else given
                values[key] = {**value, **own}
        super().__init__(**_checkpoints_by_file({**preset, **values}))

    def public(self) -> dict[str, Any]:
        """The settings as the report shows them: JSON, with paths cut to their last part."""
        data = self.model_dump(mode="json")
        for group in ("weights", "classes"):
            data[group] = {name: Path(path).name for name, path in data[group].items()}
        data["probe"] = data["probe"] and Path(data["probe"]).resolve().name
        data["dissection"]["concepts"] = Path(data["dissection"]["concepts"]).name
        for key in ("logo", "extra_css"):
            data["document"][key] = data["document"][key] and Path(data["document"][key]).name
        if data["template"] not in ("writeup", "brief"):
            data["template"] = Path(data["template"]).name
        return data


def _checkpoints_by_file(values: dict[str, Any]) -> dict[str, Any]:
    """`checkpoint:PATH` becomes `checkpoint:FILE`, its path goes to `weights`: a report names no folder of a user's."""
    paths: dict[str, str] = {}

    def renamed(model: Any) -> Any:
        if not (isinstance(model, str) and model.startswith(CHECKPOINT)):
            return model
        path = Path(model.removeprefix(CHECKPOINT))
        name = CHECKPOINT + path.name
        if len(path.parts) > 1 and paths.setdefault(name, str(path)) != str(path):
            raise UsageError(
                f"two checkpoints are called {path.name}: rename one, a report tells them apart by file name"
            )
        return name

    values = dict(values)
    if isinstance(values.get("models"), list | tuple):
        values["models"] = tuple(renamed(model) for model in values["models"])
    for group in ("weights", "classes", "architectures"):
        if isinstance(values.get(group), Mapping):
            values[group] = {renamed(name): value for name, value in values[group].items()}
    if paths:
        values["weights"] = {**paths, **values.get("weights", {})}
    return values
