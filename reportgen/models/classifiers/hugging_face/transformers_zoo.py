"""`hf:FOLDER`, `hf:USER/NAME`: an image classifier as Hugging Face's libraries save it, transformers or timm."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from reportgen.models.classifiers.base import ClassifierSpec, ClassList, Network, Preprocessing
from reportgen.models.classifiers.class_files import read_class_names, unique_names
from reportgen.models.classifiers.hugging_face import timm_repository
from reportgen.models.classifiers.hugging_face.class_names import of_transformers
from reportgen.models.classifiers.hugging_face.processors import read_preprocessing
from reportgen.models.classifiers.hugging_face.repository import ModelFiles, find_files
from reportgen.models.classifiers.outputs import two_classes
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import digest_of, file_sha256
from reportgen.utils.terminal_text import printable
from reportgen.utils.untrusted_files import user_path

MULTI_LABEL = "multi_label_classification"
_SUFFIXES = ("ForImageClassification", "ForImageClassificationWithTeacher")


def spec(name: str, settings: Settings) -> ClassifierSpec:
    """The classifier `name`, "hf:FOLDER" or "hf:USER/NAME".

    Raises:
        MissingWeights: it is a repository whose files are not on this machine.
        UsageError: a file is missing or not understood, it classifies no images, or transformers is not installed.
    """
    files = find_files(name, settings, timm_repository.is_timm)
    library = "timm" if files.processor is None else "transformers"
    found = _of_timm(name, files, settings) if files.processor is None else _of_transformers(name, files, settings)
    classes, given = found.classes, settings.classes.get(name)
    binary = len(classes) == 1
    if binary:
        classes = two_classes(name, settings.classes)
    elif given is not None:
        classes = ClassList(read_class_names(user_path(given), len(classes)))
    doubled: tuple[str, ...] = ()
    if not classes.wnids:
        names, doubled = unique_names(classes.names)
        classes = ClassList(names)
    placeholders = found.placeholders and given is None
    source = "; ".join(
        (f"{files.where}, {found.architecture}", f"SHA-256 of config.json and {files.weights.name} together", *doubled)
    )
    return ClassifierSpec(
        name=name,
        source=f"{source}; its classes have no names, only placeholders" if placeholders else source,
        # What config.json says of the network (its activations, the heads of its attention) no weight shows.
        weights_sha256=digest_of([file_sha256(files.config_path), file_sha256(files.weights)]),
        preprocessing=found.preprocessing,
        classes=classes,
        packages=(library, "torch"),
        load=found.load,
        activation="sigmoid" if binary or files.config.get("problem_type") == MULTI_LABEL else "softmax",
        binary=binary,
    )


@dataclass(frozen=True)
class _Found:
    """What config.json and the processor say; `placeholders`: whether the classes have no names of their own."""

    architecture: str
    preprocessing: Preprocessing
    classes: ClassList
    placeholders: bool
    load: Callable[[], Network]


def _of_timm(name: str, files: ModelFiles, settings: Settings) -> _Found:
    model = timm_repository.read(files.config_path, files.config)
    classes, placeholders = model.classes()
    preprocessing = model.preprocessing(settings.geometry)
    load = partial(timm_repository.load, name, model, files.weights, preprocessing.size)
    return _Found(f"timm {model.architecture}", preprocessing, classes, placeholders, load)


def _of_transformers(name: str, files: ModelFiles, settings: Settings) -> _Found:
    architecture = _architecture(files)
    _require_classes(files)
    if importlib.util.find_spec("transformers") is None:
        raise UsageError(f"{name}: needs transformers; run pip install 'reportgen[transformers]'")
    assert files.processor is not None
    path, processor = files.processor
    preprocessing = read_preprocessing(path, processor, str(files.config.get("model_type")), settings.geometry)
    classes, placeholders = of_transformers(files.config_path, files.config)
    load = partial(_load, name, files, len(classes), preprocessing.size)
    return _Found(architecture, preprocessing, classes, placeholders, load)


def _architecture(files: ModelFiles) -> str:
    """The class in transformers that the file names; where it names none, the one that its model type has."""
    named = files.config.get("architectures")
    names = [str(name) for name in named] if isinstance(named, Sequence) and not isinstance(named, str) else []
    if not isinstance(files.config.get("model_type"), str):
        raise UsageError(f"{files.config_path}: has neither a model_type of transformers nor timm's architecture")
    if names and not any(name.endswith(_SUFFIXES) for name in names):
        raise UsageError(f"{files.config_path}: {printable(names[0], 80)} is no image classifier")
    return printable(next((name for name in names if name.endswith(_SUFFIXES)), str(files.config["model_type"])), 80)


def _require_classes(files: ModelFiles) -> None:
    """Refuse what has no classes, as a regression."""
    problem = files.config.get("problem_type")
    if problem not in (None, "single_label_classification", MULTI_LABEL):
        raise UsageError(f"{files.config_path}: problem_type {printable(repr(problem), 60)} is no classification")
    channels = files.config.get("num_channels", 3)
    if channels != 3:
        raise UsageError(f"{files.config_path}: num_channels {printable(repr(channels), 60)}; images have three")


def _load(name: str, files: ModelFiles, classes: int, size: int) -> Network:
    from reportgen.models.classifiers.hugging_face.transformers_network import load

    return load(name, files.config_path, files.config, files.weights, classes, size)
