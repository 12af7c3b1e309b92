"""`torchvision:NAME`, `resnet50`, `resnet18`: a torchvision classifier on its default weights, from torch.hub's folder or a
local file."""

from __future__ import annotations

import difflib
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlparse

from reportgen.models.classifiers.base import ClassifierSpec, ClassList, Network, Preprocessing
from reportgen.models.classifiers.imagenet import imagenet_classes
from reportgen.models.classifiers.outputs import has_one_output, two_classes
from reportgen.models.classifiers.weights import (
    EMBEDDED,
    MissingWeights,
    Remote,
    load_weights,
    local_weights,
    read_state_dict,
    torch_hub_file,
)
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import file_sha256

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

# Names that need no prefix: the write-up's models.
SHORT_NAMES = ("resnet50", "resnet18")
# What the libraries' networks call the module that their last layer lies in.
HEADS = ("fc", "classifier", "head", "heads")
RESNETS = ("resnet", "resnext", "wide_resnet")
# conv1 after its batch norm and ReLU, before the pooling; CLIP-Dissect takes the convolution's raw output there.
RESNET_STAGES = {"conv1": "relu", **{f"layer{i}": f"layer{i}" for i in (1, 2, 3, 4)}}


def spec(
    name: str, weights: dict[str, str], class_files: dict[str, str], geometry: Literal["crop", "squash"]
) -> ClassifierSpec:
    """The classifier `name`: "torchvision:NAME", or one of SHORT_NAMES.

    Raises:
        UsageError: no such model, its weights are not on this machine, or they have one output and the settings do not name its two
            classes (`class_files`).
    """
    enum = _default_weights(name)
    own = path = local_weights(name, weights)
    source = f"local file {path.name}" if path else f"torchvision {enum}"
    if path is None:
        filename = PurePosixPath(urlparse(enum.url).path).name
        path = torch_hub_file(filename)
        if not path.is_file():
            digits = filename.rsplit(".", 1)[0].rsplit("-", 1)[-1]
            raise MissingWeights(name, (Remote(enum.url, path, digits),), EMBEDDED)
    categories = tuple(enum.meta["categories"])
    imagenet = imagenet_classes()
    sha256 = file_sha256(path)
    binary = own is not None and has_one_output(path, sha256, head_names(name))
    if binary:
        classes = two_classes(name, class_files)
    else:
        classes = imagenet if categories == imagenet.names else ClassList(categories)
    return ClassifierSpec(
        name=name,
        source=source,
        weights_sha256=sha256,
        preprocessing=preprocessing(name, geometry),
        classes=classes,
        packages=("torchvision", "torch"),
        load=partial(load, name, name, path, 1 if binary else None),
        activation="sigmoid" if binary else "softmax",
        binary=binary,
    )


def head_names(architecture: str) -> tuple[str, ...]:
    """Names of the modules that the last layer may lie in, whatever the `architecture`."""
    return HEADS


def preprocessing(architecture: str, geometry: Literal["crop", "squash"]) -> Preprocessing:
    """What the default weights of `architecture` were evaluated with."""
    transforms = _default_weights(architecture).transforms()
    return Preprocessing(
        size=transforms.crop_size[0],
        resize=transforms.resize_size[0],
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
        interpolation=transforms.interpolation.value,
        geometry=geometry,
    )


def _default_weights(name: str) -> WeightsEnum:
    from torchvision import models

    architecture = name.removeprefix("torchvision:")
    known = models.list_models(module=models)
    if architecture not in known:
        close = difflib.get_close_matches(architecture, known, n=1)
        hint = f"; did you mean torchvision:{close[0]}?" if close else ""
        raise UsageError(f"{name}: torchvision has no classifier of that name{hint}")
    return models.get_model_weights(architecture).DEFAULT


def load(name: str, architecture: str, path: Path, classes: int | None) -> Network:
    """The network of `architecture` on the weights in `path`.

    Args:
        name: of the classifier, for messages.
        classes: outputs of the head; None keeps the architecture's.

    Raises:
        UsageError: the file does not fit, or the network cannot be split.
    """
    from torchvision import models

    from reportgen.models.classifiers.split import split_any

    plain = architecture.removeprefix("torchvision:")
    # googlenet and inception_v3 carry their training-time auxiliary heads in the weights.
    kwargs: dict[str, object] = {"init_weights": False} if plain in ("googlenet", "inception_v3") else {}
    if classes is not None:
        kwargs["num_classes"] = classes
    model = models.get_model(plain, weights=None, **kwargs)
    load_weights(model, read_state_dict(path), path, name)
    size = _default_weights(architecture).transforms().crop_size[0]
    network = split_any(model, size, name)
    return replace(network, stages=RESNET_STAGES) if plain.startswith(RESNETS) else network
