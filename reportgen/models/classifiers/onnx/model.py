"""`onnx:PATH`: a classifier in an ONNX file, which OpenVINO runs itself."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import NoReturn

from reportgen.models.classifiers.base import ClassifierSpec, ClassList, Graph, Need, Preprocessing
from reportgen.models.classifiers.class_files import read_class_names
from reportgen.models.classifiers.imagenet import imagenet_classes
from reportgen.models.classifiers.onnx.file import read_onnx_file
from reportgen.models.classifiers.onnx.graph import Described, read_graph
from reportgen.models.classifiers.outputs import two_classes
from reportgen.models.classifiers.weights import local_weights
from reportgen.settings.model import ONNX, Settings
from reportgen.utils.errors import UsageError
from reportgen.utils.untrusted_files import user_path

# What most training scripts do, and what nothing in the file can confirm.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CROP_FRACTION = 0.875
NO_WEIGHTS = "an ONNX file holds no torch network whose weights could be drawn anew"
NO_END = "its graph does not end in global pooling and one linear layer, so that there is no feature map to cut out"


def spec(name: str, settings: Settings) -> ClassifierSpec:
    """The classifier `name`, "onnx:FILE"; preprocessing is ImageNet's unless the settings say otherwise.

    Raises:
        UsageError: the file is missing or no image classifier, or the settings do not name its classes.
    """
    path = local_weights(name, settings.weights) or Path(name.removeprefix(ONNX))
    file, given = read_onnx_file(path), settings.preprocessing.get(name)
    names = read_class_names(user_path(settings.classes[name])) if name in settings.classes else None
    side, count = given.size if given else None, len(names) if names else None
    found = _described(path, file.sha256, side, count)
    notes = [f"ONNX{f' of {file.producer}' if file.producer else ''}", *found.notes]
    if found.grey:
        notes.append("its input has one channel: the image is made grey")
    assumed = [
        word for word, key in (("mean", "mean"), ("standard deviation", "std")) if getattr(given, key, None) is None
    ]
    if assumed:
        notes.append(f"preprocessing is not in the file: ImageNet's {' and '.join(assumed)} assumed")
    preprocessing = Preprocessing(
        size=found.side,
        resize=int(found.side / CROP_FRACTION),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        interpolation="bilinear",
        geometry=settings.geometry or "crop",
    )
    return ClassifierSpec(
        name=name,
        source=f"local file {path.name}, {'; '.join(notes)}",
        weights_sha256=file.sha256,
        preprocessing=preprocessing.in_grey() if found.grey else preprocessing,
        classes=two_classes(name, settings.classes) if found.binary else _classes(name, names, found.classes),
        packages=(),
        load=partial(_refuse, name),
        activation=found.activation,
        binary=found.binary,
        graph=partial(_graph, path, side, count),
        lacks=_lacks(found),
    )


def _classes(name: str, names: tuple[str, ...] | None, outputs: int) -> ClassList:
    if names is None and outputs == len(imagenet_classes()):
        return imagenet_classes()
    if names is None:
        raise UsageError(
            f'{name}: give the names of its {outputs} classes, one a line, with [classes] "{name}" = "PATH" in reportgen.toml'
        )
    if len(names) != outputs:
        raise UsageError(f"{name}: has {outputs} classes, and its list of class names {len(names)}")
    return ClassList(names)


def _lacks(found: Described) -> dict[Need, str]:
    no_map: dict[Need, str] = {} if found.cut else {"activations": NO_END, "stages": NO_END}
    return {**no_map, "weights": NO_WEIGHTS}


@lru_cache(maxsize=64)
def _described(path: Path, sha256: str, side: int | None, names: int | None) -> Described:
    """Kept for as long as the file's bytes are the same: a run asks several times."""
    return read_graph(path, side, names)[1]


def _graph(path: Path, side: int | None, names: int | None) -> Graph:
    return read_graph(path, side, names)[0]


def _refuse(name: str) -> NoReturn:
    raise UsageError(
        f"{name}: {NO_WEIGHTS}; for what needs one, give the network as checkpoint:, timm: or torchvision:"
    )
