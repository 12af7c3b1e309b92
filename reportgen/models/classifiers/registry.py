"""Classifiers by name: what each is, which of them are here, and which files are missing."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from reportgen.models.classifiers import checkpoint, efficientnet_lite, places365, timm_zoo, torchvision_zoo
from reportgen.models.classifiers.base import ClassifierSpec
from reportgen.models.classifiers.hugging_face import transformers_zoo
from reportgen.models.classifiers.onnx import model as onnx_model
from reportgen.models.classifiers.outputs import read_as
from reportgen.models.classifiers.own_preprocessing import with_own
from reportgen.models.classifiers.weights import MissingWeights, Remote
from reportgen.settings.model import CHECKPOINT, HUGGING_FACE, ONNX, PRESETS, Settings
from reportgen.utils.errors import UsageError
from reportgen.utils.terminal_text import printable
from reportgen.utils.untrusted_files import is_file, is_folder, user_path

NAMES = (*efficientnet_lite.SIZES, *torchvision_zoo.SHORT_NAMES, places365.NAME)


def resolve(name: str, settings: Settings) -> ClassifierSpec:
    """Describe the classifier `name` without loading its network.

    Raises:
        MissingWeights: its weights are not on this machine.
        UsageError: no such classifier, a file that the settings name is missing or wrong, or its outputs cannot be read as they say.
    """
    found = read_as(_described(name, settings), settings)
    given = settings.preprocessing.get(name)
    return found if given is None else with_own(found, given)


def _described(name: str, settings: Settings) -> ClassifierSpec:
    """The classifier, its outputs read as its family does."""
    geometry = settings.geometry or "crop"
    if name in efficientnet_lite.SIZES:
        return efficientnet_lite.spec(name, settings.weights, geometry)
    if name.startswith("torchvision:") or name in torchvision_zoo.SHORT_NAMES:
        return torchvision_zoo.spec(name, settings.weights, settings.classes, settings.geometry)
    if name.startswith("timm:"):
        return timm_zoo.spec(name, settings.weights, settings.classes, settings.geometry)
    if name == places365.NAME:
        return places365.spec(settings.weights, settings.classes, geometry)
    if name.startswith(CHECKPOINT):
        return checkpoint.spec(name, settings)
    if name.startswith(ONNX):
        return onnx_model.spec(name, settings)
    if name.startswith(HUGGING_FACE):
        return transformers_zoo.spec(name, settings)
    _refuse_path(name)
    close = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(NAMES)}"
    raise UsageError(
        f"unknown model {name!r}; {hint} (or torchvision:NAME, timm:NAME, checkpoint:PATH, onnx:PATH, hf:FOLDER)"
    )


def _refuse_path(name: str) -> None:
    """Refuse a file or folder that is given without its kind, and say which it is."""
    path = user_path(name)
    if is_folder(path) and is_file(path / "config.json"):
        kind = HUGGING_FACE
    elif is_file(path):
        kind = ONNX if path.suffix.lower() == ".onnx" else CHECKPOINT
    else:
        return
    raise UsageError(f"{printable(name)}: a path needs its kind in front; give --model {kind}{printable(name)}")


def missing_classifier_files(name: str, settings: Settings) -> list[Remote]:
    """The files of `name` that are not here and can be fetched; empty where it has all of them.

    Raises:
        UsageError: no such classifier, or a file that the settings name is missing or wrong.
    """
    files: list[Remote] = []
    try:
        resolve(name, settings)
    except MissingWeights as missing:
        files += missing.remotes
    categories = places365.categories()
    if name == places365.NAME and name not in settings.classes and not categories.path.is_file():
        files.append(categories)
    return files


@dataclass(frozen=True)
class ModelRow:
    """One row of `reportgen models`: `missing` says why it cannot be loaded, or is None."""

    name: str
    source: str
    presets: tuple[str, ...]
    missing: str | None


def list_classifiers(settings: Settings) -> list[ModelRow]:
    """Every model with a name of its own, the settings' models, and whether their weights are here."""
    rows = []
    for name in dict.fromkeys((*NAMES, *settings.named_models)):
        presets = tuple(preset for preset, values in PRESETS.items() if name in values["models"])
        try:
            rows.append(ModelRow(name, resolve(name, settings).source, presets, None))
        except UsageError as error:
            rows.append(ModelRow(name, "", presets, str(error)))
    return rows
