"""`torchvision:NAME`: a torchvision classifier on its default weights, from torch.hub's folder or a local file."""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import urlparse

from reportgen.classifiers.base import ClassifierSpec, ClassList, Network, Preprocessing
from reportgen.classifiers.imagenet import imagenet_classes
from reportgen.classifiers.weights import (
    load_weights,
    local_weights,
    missing_weights,
    read_state_dict,
    torch_hub_file,
)
from reportgen.errors import UsageError
from reportgen.hashing import file_sha256


def spec(name: str, weights: dict[str, str], geometry: Literal["crop", "squash"]) -> ClassifierSpec:
    """The classifier `name`, which starts with "torchvision:".

    Raises:
        UsageError: no such model, or its weights are not on this machine.
    """
    architecture = name.removeprefix("torchvision:")
    enum = _default_weights(architecture)
    path = local_weights(name, weights)
    source = f"local file {path.name}" if path else f"torchvision {enum}"
    if path is None:
        filename = PurePosixPath(urlparse(enum.url).path).name
        path = torch_hub_file(filename)
        if not path.is_file():
            raise missing_weights(name, filename, path)
    transforms = enum.transforms()
    categories = tuple(enum.meta["categories"])
    imagenet = imagenet_classes()
    return ClassifierSpec(
        name=name,
        source=source,
        weights_sha256=file_sha256(path),
        preprocessing=Preprocessing(
            size=transforms.crop_size[0],
            resize=transforms.resize_size[0],
            mean=tuple(transforms.mean),
            std=tuple(transforms.std),
            interpolation=transforms.interpolation.value,
            geometry=geometry,
        ),
        classes=imagenet if categories == imagenet.names else ClassList(categories),
        packages=("torchvision", "torch"),
        load=partial(_load, name, path),
    )


def _default_weights(architecture: str) -> Any:
    from torchvision import models

    if architecture not in models.list_models(module=models):
        raise UsageError(f"torchvision:{architecture}: torchvision has no classifier of that name")
    return models.get_model_weights(architecture).DEFAULT  # type: ignore[attr-defined]


def _load(name: str, path: Path) -> Network:
    from torchvision import models

    from reportgen.classifiers.split import split_traced

    architecture = name.removeprefix("torchvision:")
    # googlenet and inception_v3 carry their training-time auxiliary heads in the weights.
    kwargs = {"init_weights": False} if architecture in ("googlenet", "inception_v3") else {}
    model = models.get_model(architecture, weights=None, **kwargs)
    load_weights(model, read_state_dict(path), path, name)
    return split_traced(model, _default_weights(architecture).transforms().crop_size[0], name)
