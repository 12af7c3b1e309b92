"""`checkpoint:PATH`: the user's own weights, in an architecture and with class names that the settings give."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from reportgen.models.classifiers import timm_zoo, torchvision_zoo
from reportgen.models.classifiers.base import ClassifierSpec, ClassList
from reportgen.models.classifiers.class_files import read_class_names
from reportgen.models.classifiers.outputs import has_one_output, two_classes
from reportgen.models.classifiers.weights import local_weights
from reportgen.settings.model import CHECKPOINT, Settings
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import file_sha256
from reportgen.utils.untrusted_files import is_file, user_path

_ZOOS = {"torchvision": torchvision_zoo, "timm": timm_zoo}


def spec(name: str, settings: Settings) -> ClassifierSpec:
    """The classifier `name`, "checkpoint:FILE"; preprocessing is that of the architecture's own default weights.

    Raises:
        UsageError: the file is missing, or the settings do not say its architecture and classes.
    """
    path = local_weights(name, settings.weights) or Path(name.removeprefix(CHECKPOINT))
    if not is_file(path):
        raise UsageError(f"{path}: no such checkpoint; give --model checkpoint:PATH, or its path under [weights]")
    architecture, names = settings.architectures.get(name), settings.classes.get(name)
    zoo = _ZOOS.get((architecture or "").partition(":")[0])
    if architecture is None or zoo is None:
        raise UsageError(
            f'{name}: say which network it fills with [architectures] "{name}" = "torchvision:NAME" (or timm:NAME) in reportgen.toml'
        )
    sha256 = file_sha256(path)
    binary = has_one_output(path, sha256, zoo.head_names(architecture))
    if names is None and not binary:
        raise UsageError(
            f'{name}: give its class names, one a line, with [classes] "{name}" = "PATH" in reportgen.toml'
        )
    classes = (
        two_classes(name, settings.classes)
        if names is None or binary
        else ClassList(read_class_names(user_path(names)))
    )
    return ClassifierSpec(
        name=name,
        source=f"local file {path.name}, {architecture}",
        weights_sha256=sha256,
        preprocessing=zoo.preprocessing(architecture, settings.geometry),
        classes=classes,
        packages=(architecture.partition(":")[0], "torch"),
        load=partial(zoo.load, name, architecture, path, 1 if binary else len(classes)),
        activation="sigmoid" if binary else "softmax",
        binary=binary,
    )
