"""`torchvision:NAME`, `resnet50`, `resnet18`: a torchvision classifier on its default weights, from torch.hub's folder or a
local file."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from reportgen.models.classifiers.base import ClassifierSpec, ClassList, Geometry, Network, Preprocessing
from reportgen.models.classifiers.fitting.own_weights import Zoo, filled, own_spec
from reportgen.models.classifiers.fitting.skeleton import Skeleton, nearest, skeleton_of
from reportgen.models.classifiers.imagenet import imagenet_classes
from reportgen.models.classifiers.weights import (
    EMBEDDED,
    MissingWeights,
    Remote,
    local_weights,
    torch_hub_file,
)
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import file_sha256

if TYPE_CHECKING:
    from torch import nn
    from torchvision.models import WeightsEnum

# Names that need no prefix: the write-up's models.
SHORT_NAMES = ("resnet50", "resnet18")
SLOW = "regnet"  # it is made with its weights, up to 3 GB of them (`skeleton_of`)
# googlenet and inception_v3 carry the heads of their training in the weights; in use they are not looked at.
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
RESNETS = ("resnet", "resnext", "wide_resnet")
# conv1 after its batch norm and ReLU, before the pooling; CLIP-Dissect takes the convolution's raw output there.
RESNET_STAGES = {"conv1": "relu", **{f"layer{i}": f"layer{i}" for i in (1, 2, 3, 4)}}


def spec(name: str, weights: dict[str, str], class_files: dict[str, str], geometry: Geometry | None) -> ClassifierSpec:
    """The classifier `name`: "torchvision:NAME", or one of SHORT_NAMES.

    Raises:
        UsageError: no such model, its weights are not on this machine, or a file of the user's own is not its checkpoint, or has
            classes that nobody names (`class_files`).
    """
    enum = _default_weights(name)
    own = local_weights(name, weights)
    if own:
        return own_spec(ZOO, name, name, own, geometry, class_files)
    filename = PurePosixPath(urlparse(enum.url).path).name
    path = torch_hub_file(filename)
    if not path.is_file():
        digits = filename.rsplit(".", 1)[0].rsplit("-", 1)[-1]
        raise MissingWeights(name, (Remote(enum.url, path, digits),), EMBEDDED)
    return ClassifierSpec(
        name=name,
        source=f"torchvision {enum}",
        weights_sha256=file_sha256(path),
        preprocessing=preprocessing(name, geometry),
        classes=own_classes(name),
        packages=("torchvision", "torch"),
        load=partial(load, name, name, path, None),
    )


def own_classes(architecture: str) -> ClassList:
    """The classes of the default weights of `architecture`."""
    categories = tuple(_default_weights(architecture).meta["categories"])
    imagenet = imagenet_classes()
    return imagenet if categories == imagenet.names else ClassList(categories)


@lru_cache(maxsize=32)
def skeleton(architecture: str) -> Skeleton:
    """What a checkpoint of `architecture` has to fill.

    Raises:
        UsageError: no such model.
    """
    classes = len(own_classes(architecture))

    def heads(model: nn.Module) -> tuple[str, ...]:
        from torch import nn

        widths = {
            path: module.out_features if isinstance(module, nn.Linear) else module.out_channels
            for path, module in model.named_modules()
            if isinstance(module, nn.Linear | nn.Conv2d)
        }
        return tuple(path for path, width in reversed(widths.items()) if width == classes)

    plain = architecture.removeprefix("torchvision:")
    return skeleton_of(f"torchvision:{plain}", partial(_build, architecture, None), heads, AUXILIARY)


def relatives(architecture: str) -> Iterator[Skeleton]:
    """Architectures whose names are nearest to that of `architecture`: it may be meant, where weights do not fit it."""
    from torchvision import models

    known = [known for known in models.list_models(module=models) if not known.startswith(SLOW)]
    for name in nearest(architecture.removeprefix("torchvision:"), known):
        yield skeleton(f"torchvision:{name}")


def _build(architecture: str, outputs: int | None) -> nn.Module:
    """The network of `architecture` with random weights; `outputs` None keeps its number of classes."""
    from torchvision import models

    plain = architecture.removeprefix("torchvision:")
    given: dict[str, object] = {"init_weights": False} if plain in ("googlenet", "inception_v3") else {}
    if outputs is not None:
        given["num_classes"] = outputs
    model: nn.Module = models.get_model(plain, weights=None, **given)
    return model


def preprocessing(architecture: str, geometry: Geometry | None) -> Preprocessing:
    """What the default weights of `architecture` were evaluated with."""
    transforms = _default_weights(architecture).transforms()
    return Preprocessing(
        size=transforms.crop_size[0],
        resize=transforms.resize_size[0],
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
        interpolation=transforms.interpolation.value,
        geometry=geometry or "crop",
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
        classes: outputs that the head must have; None: whatever the file says.

    Raises:
        UsageError: the file does not fit, or the network cannot be split.
    """
    from reportgen.models.classifiers.splitting.split import split_any

    model = filled(path, skeleton(architecture), partial(_build, architecture), classes)
    plain = architecture.removeprefix("torchvision:")
    size = _default_weights(architecture).transforms().crop_size[0]
    network = split_any(model, size, name)
    return replace(network, stages=RESNET_STAGES) if plain.startswith(RESNETS) else network


ZOO = Zoo(skeleton, own_classes, preprocessing, relatives, load)
