"""Settings: every setting, validated once; one object for the run, the report and the parameter file.

The core's own stand here. An analysis declares its settings as a group of its own, which is mounted under the analysis' name.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, Protocol, TypeVar, cast

from pydantic import BaseModel, Field, create_model, field_validator

from reportgen.report.document import DEFAULT_TITLE, HexColor, Paper
from reportgen.settings.group import NoSettings, PathMark, SettingsGroup, UserPath, last_part, paths_of
from reportgen.utils import entry_points
from reportgen.utils.errors import UsageError
from reportgen.utils.untrusted_files import is_folder, user_path

G = TypeVar("G", bound=SettingsGroup)

PRESETS: dict[str, dict[str, Any]] = {
    "embedded": {"models": ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")},
    "writeup": {"models": ("resnet50", "resnet18", "resnet18_places365")},
}
CHECKPOINT, ONNX = "checkpoint:", "onnx:"
# Models that are a file of the user's own.
OF_A_FILE = (CHECKPOINT, ONNX)
# Tables whose keys are models.
_BY_MODEL = ("weights", "classes", "architectures", "preprocessing", "head")
# Means and deviations on pixels in [0, 1] lie in it; those on 0 to 255 begin far above.
_MOST_OF_UNIT = 10.0
Head = Literal["auto", "softmax", "multilabel"]
HUGGING_FACE = "hf:"


class DocumentSettings(SettingsGroup):
    """The report as a document. What is left out here the template may say in its own template.toml."""

    authors: tuple[str, ...] = Field((), description="names, on the cover")
    affiliation: str = Field("", description="of the authors, on the cover")
    course: str = Field("", description="the course or project that the report belongs to")
    logo: UserPath | None = Field(None, description="path of a PNG or JPEG; a copy goes into the run folder")
    accent: HexColor | None = Field(None, description="a CSS hex colour for links and marks, for example #0b5a8c")
    paper: Paper | None = Field(None, description="null: what the template says; A3 and A1 are for posters")
    language: str | None = Field(
        None, description="of the pages' own words: en, de, es, fr or one of the template's; null: what it says, or en"
    )
    extra_css: UserPath | None = Field(None, description="path of a stylesheet that comes after the template's own")
    sections: tuple[str, ...] = Field((), description="ids of the sections that stand; empty: all")
    notes: UserPath | None = Field(
        None, description="folder of the author's own words, as Markdown; null: `notes` beside the images, where it is"
    )
    figures: int = Field(24, ge=3, description="images with figures; of more the lowest, the median and the highest")
    show: tuple[str, ...] = Field((), description="names of further images that have figures in any case")
    records: int = Field(
        1000,
        ge=1,
        description="images that report.json holds in full; of more it holds those with figures, and images.parquet holds all",
    )


class PreprocessingSettings(SettingsGroup):
    """From pixels to one model's input, where that differs from what the model's source says; what is not given stays."""

    size: int | None = Field(None, ge=8, le=4096, description="side of the square input frame, pixels")
    resize: int | None = Field(
        None, ge=8, le=8192, description="short side before the centre crop; default: in proportion to the size"
    )
    mean: tuple[float, float, float] | None = Field(None, description="of red, green and blue, on pixels in [0, 1]")
    std: tuple[float, float, float] | None = Field(None, description="as mean; each above 0")
    interpolation: Literal["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"] | None = None

    @field_validator("mean", "std")
    @classmethod
    def _finite(cls, values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if values is not None and not all(math.isfinite(value) for value in values):
            raise ValueError("three finite numbers are needed")
        if values is not None and max(map(abs, values)) > _MOST_OF_UNIT:
            raise ValueError("pixels are numbers from 0 to 1 here: divide by 255")
        return values

    @field_validator("std")
    @classmethod
    def _positive(cls, values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if values is not None and min(values) <= 0:
            raise ValueError("each is divided by, and has to be above 0")
        return values


class ImagesSettings(SettingsGroup):
    """How pictures are read."""

    range: Literal["declared", "auto"] | Annotated[int, Field(ge=8, le=15)] = Field(
        "declared",
        description="of 16-bit samples whose range a file does not declare. declared: all 16 bits; auto: the fewest of 8, 10, 12, 14 "
        "that hold a picture; a number: so many bits, where they hold it",
    )


class EvidenceSettings(SettingsGroup):
    """What is measured to tell how far the explanations hold, on no more images than that takes."""

    images: int = Field(
        200, ge=1, description="deletion and insertion are measured on so many at most: those whose SHA-256 comes first"
    )


class StatisticsSettings(SettingsGroup):
    """The smallest effects of interest: a claim of "larger" is supported by nothing smaller."""

    area: float = Field(0.02, ge=0, lt=1, description="of a map or mask, as a share of the frame")
    auc: float = Field(0.01, ge=0, lt=1, description="area under a deletion or insertion curve")
    gini: float = Field(0.02, ge=0, lt=1, description="Gini index")
    iou: float = Field(0.02, ge=0, lt=1, description="IoU or Jaccard index")
    variation: float = Field(0.1, ge=0, description="total variation")
    gradient: float = Field(0.01, ge=0, lt=1, description="the image's gradient along a border")
    probability: float = Field(0.02, ge=0, lt=1, description="of a class")
    share: float = Field(0.02, ge=0, lt=1, description="of a map on the object, or of a sum")
    correlation: float = Field(0.1, ge=0, lt=1, description="rank correlation")
    shared: float = Field(0.5, gt=0, lt=1, description="a measure follows another from this rank correlation on")
    fold_near: bool = Field(False, description="near-equal images count once, as byte-equal ones do in any case")


class Settings(SettingsGroup):
    """The effective settings of one run: the core's, and a group for each installed analysis that has settings.

    Made as `Settings(...)` it is the class that `settings_class` composes, so that it has every group.
    """

    preset: Literal["embedded", "writeup"] = Field(
        "embedded", description="embedded: models that are installed along; writeup: those of the write-up"
    )
    title: str = Field(DEFAULT_TITLE, description="of the report, on its cover and in its files")
    models: tuple[str, ...] = Field(
        default=(), min_length=1, description="the first is explained (tasks 2 to 4); all are dissected"
    )
    explain: tuple[str, ...] = Field(
        default=(), description="models that are explained, each for its own top class; empty: the first of `models`"
    )
    weights: dict[str, UserPath] = Field(
        default={}, description="model or encoder name -> path of a local weights file (hf:NAME: of its folder)"
    )
    classes: dict[str, UserPath] = Field(
        default={}, description="model name -> path of its class names: text, CSV, JSON"
    )
    architectures: dict[str, str] = Field(
        default={}, description="checkpoint:FILE -> the network that it fills: torchvision:NAME or timm:NAME"
    )
    preprocessing: dict[str, PreprocessingSettings] = Field(
        default={},
        description="model name -> size, resize, mean, std, interpolation, where they differ from the model's own",
    )
    head: Head | dict[str, Head] = Field(
        "auto",
        description="how outputs are read: auto is a softmax, or where there is one output its sigmoid; multilabel a sigmoid for each "
        "class; of all models, or model name -> its own",
    )
    probe: UserPath | None = Field(
        None, description="folder of the images that units are dissected on; null: the run's own"
    )
    allow_download: bool = Field(False, description="fetch missing weights; never without this, or `models fetch`")
    tasks: tuple[str, ...] = Field(default=(), description="analyses to run; empty: every one that is installed")
    geometry: Literal["crop", "squash"] | None = Field(
        None, description="crop, or squash the whole image into the frame; null: as the model's weights were evaluated"
    )
    runtime: Literal["auto", "torch", "openvino"] = Field(
        "auto", description="auto: CUDA where there is one, else OpenVINO where it gives torch's logits, else torch"
    )
    precision: Literal["exact", "fast"] = Field(
        "exact", description="exact: fp32; fast: bf16 where there is hardware for it"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="of every random draw")
    strict: bool = Field(
        False,
        description="exit with 1 when an image was skipped, a JPEG that misses its end among them; stop where labels are not understood",
    )
    template: Annotated[str, PathMark(("writeup", "brief", "poster"))] = "writeup"
    formats: tuple[Literal["pdf", "html", "docx", "md", "tex"], ...] = Field(default=("pdf", "html"), min_length=1)
    archive: bool = Field(False, description="the PDF is PDF/A-3a, for archives, instead of PDF/UA-1")
    max_pixels: int = Field(100_000_000, ge=1, description="a larger image is skipped as a decompression bomb")
    images: ImagesSettings = ImagesSettings()
    document: DocumentSettings = DocumentSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    statistics: StatisticsSettings = StatisticsSettings()
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

    def __new__(cls, *args: Any, **values: Any) -> Settings:
        return super().__new__(settings_class() if cls is Settings else cls)

    def __init__(self, **values: Any) -> None:
        preset = preset_values(type(self), str(values.get("preset", "embedded")))
        for key, value in preset.items():
            given = values.get(key)
            if isinstance(value, Mapping) and given is not None:
                own = given.model_dump(exclude_unset=True) if isinstance(given, BaseModel) else given
                values[key] = {**value, **own}
        super().__init__(**_models_by_name({**preset, **values}))

    def __reduce__(self) -> tuple[Callable[..., Settings], tuple[object, ...]]:
        """Another process composes the class anew: no module has it under its name."""
        groups = {
            name: made.annotation for name, made in type(self).model_fields.items() if name not in Settings.model_fields
        }
        return _unpickled, (groups, self.__getstate__())

    @property
    def explained(self) -> tuple[str, ...]:
        """The explained models, once each; the first is the report's own: its numbers and files stand where those of one model do."""
        return tuple(dict.fromkeys(self.explain)) or self.models[:1]

    @property
    def named_models(self) -> tuple[str, ...]:
        """Every model that the settings name, once each, whether it is explained or only dissected."""
        return tuple(dict.fromkeys((*self.models, *self.explain)))

    def head_of(self, model: str) -> Head:
        """How the outputs of a model are read. What is said of all is said of those that the settings name, and not of an encoder's."""
        if isinstance(self.head, str):
            return self.head if model in self.named_models else "auto"
        return self.head.get(model, "auto")

    def group(self, name: str, kind: type[G]) -> G:
        """The settings of one analysis."""
        found = getattr(self, name) if kind is not NoSettings else NoSettings()
        if not isinstance(found, kind):
            raise TypeError(f"settings.{name} is a {type(found).__name__}, not a {kind.__name__}")
        return found

    def of_its_models(self) -> Settings:
        """The settings without what they say of files whose models they do not name: a reportgen.toml may serve several runs."""

        def counts(model: str) -> bool:
            return model in self.named_models or not model.startswith((*OF_A_FILE, HUGGING_FACE))

        tables = {group: getattr(self, group) for group in _BY_MODEL}
        own = {
            group: {model: value for model, value in table.items() if counts(model)}
            for group, table in tables.items()
            if isinstance(table, Mapping)
        }
        return self.model_copy(update=own)

    def public(self) -> dict[str, Any]:
        """The settings as the report shows them: JSON, of its own models alone, with paths cut to their last part."""
        data = self.of_its_models().model_dump(mode="json")
        for (*groups, last), path in list(paths_of(type(self), data)):
            inner = data
            for group in groups:
                inner = inner[group]
            inner[last] = last_part(path)
        return data


class _DeclaresSettings(Protocol):
    """Of an analysis (`reportgen.analysis.protocol`), what is read here."""

    @property
    def settings_model(self) -> type[SettingsGroup]: ...

    @property
    def settings_name(self) -> str: ...


@cache
def settings_class() -> type[Settings]:
    """`Settings` with a group for every installed analysis that declares settings.

    Raises:
        UsageError: an analysis cannot be loaded, or is called like a setting of the core.
    """
    return with_groups(installed_groups())


def installed_groups() -> dict[str, type[SettingsGroup]]:
    """The settings of the installed analyses, by the name that they are mounted under.

    Raises:
        UsageError: see `settings_class`.
    """
    groups: dict[str, type[SettingsGroup]] = {}
    for name, point in sorted(entry_points.declared(entry_points.ANALYSES).items()):
        analysis = cast("_DeclaresSettings", entry_points.load(point))
        model = analysis.settings_model
        if model is NoSettings or analysis.settings_name != name:  # it reads another one's
            continue
        if name in Settings.model_fields:
            raise UsageError(f"the analysis {name!r} ({point.value}) has the name of a setting; it needs another one")
        groups[name] = model
    return groups


def with_groups(groups: Mapping[str, type[SettingsGroup]]) -> type[Settings]:
    """`Settings` with these groups mounted under their names."""
    fields: dict[str, Any] = {name: (group, group()) for name, group in groups.items()}
    return create_model("Settings", __base__=Settings, __module__=__name__, **fields)


def _unpickled(groups: Mapping[str, type[SettingsGroup]], state: dict[Any, Any]) -> Settings:
    kind = settings_class() if groups == installed_groups() else with_groups(groups)
    settings = kind.__new__(kind)
    settings.__setstate__(state)
    return settings


def preset_values(model: type[BaseModel], preset: str) -> dict[str, Any]:
    """What a preset sets, nested as in the settings: the core's values, and those that the groups declare."""
    values: dict[str, Any] = copy.deepcopy(PRESETS.get(preset, {}))
    for name, field in model.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, SettingsGroup) and preset in group.presets:
            values[name] = dict(group.presets[preset])
    return values


def without_folders(model: str) -> str:
    """A model's name as a report shows it: `checkpoint:PATH` as `checkpoint:FILE`, so `onnx:PATH`, and `hf:PATH/FOLDER` as `hf:FOLDER`.

    `hf:USER/NAME` stays where no such folder is there: it names a repository of the Hugging Face hub.
    """
    kind, colon, path = model.partition(":")
    if kind + colon in OF_A_FILE:
        return kind + colon + last_part(path)
    if kind + colon == HUGGING_FACE and (is_folder(user_path(path)) or path.count("/") != 1 or path[:1] in "./~"):
        return HUGGING_FACE + last_part(path)
    return model


def _is_one_place(path: str, other: str) -> bool:
    """Whether two spellings (`net.pt`, `./net.pt`, `/work/net.pt`) are of one file or folder."""
    try:
        return path == other or user_path(path).resolve() == user_path(other).resolve()
    except (OSError, ValueError, RuntimeError):  # a name that no file can have, a loop of links
        return False


def _models_by_name(values: dict[str, Any]) -> dict[str, Any]:
    """Models that are given by a path get names `without_folders`, their paths go to `weights`."""
    paths: dict[str, str] = {}

    def renamed(model: Any) -> Any:
        if not isinstance(model, str):
            return model
        name = without_folders(model)
        path = model.partition(":")[2]
        if name != model and not _is_one_place(paths.setdefault(name, path), path):
            raise UsageError(
                f"two models are called {name}: rename one, a report tells them apart by the last part of their path"
            )
        return name

    values = dict(values)
    for key in ("models", "explain"):
        if isinstance(values.get(key), list | tuple):
            values[key] = tuple(renamed(model) for model in values[key])
    for group in _BY_MODEL:
        if isinstance(values.get(group), Mapping):
            values[group] = {renamed(name): value for name, value in values[group].items()}
    if paths:
        values["weights"] = {**paths, **values.get("weights", {})}
    return values
