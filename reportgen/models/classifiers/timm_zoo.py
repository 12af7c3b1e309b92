"""`timm:NAME`: a timm classifier on its default weights, from the hub's cache folder or a local file."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from reportgen.models.classifiers.base import ClassifierSpec, ClassList, Geometry, Network, Preprocessing
from reportgen.models.classifiers.fitting.own_weights import Zoo, filled, own_spec
from reportgen.models.classifiers.fitting.skeleton import Skeleton, nearest, skeleton_of
from reportgen.models.classifiers.imagenet import imagenet_classes
from reportgen.models.classifiers.weights import (
    EMBEDDED,
    MissingWeights,
    Remote,
    hugging_face,
    local_weights,
    torch_hub_file,
)
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import file_sha256

if TYPE_CHECKING:
    from timm.models import PretrainedCfg
    from torch import nn

HUB_FILES = ("model.safetensors", "pytorch_model.bin")


def spec(name: str, weights: dict[str, str], class_files: dict[str, str], geometry: Geometry | None) -> ClassifierSpec:
    """The classifier `name`, which starts with "timm:".

    Raises:
        UsageError: no such model, its weights are not on this machine, or a file of the user's own is not its checkpoint, or has
            classes that nobody names (`class_files`).
    """
    config = _config(name)
    own = local_weights(name, weights)
    if own:
        return own_spec(ZOO, name, name, own, geometry, class_files)
    path = _cached_file(name, config)
    return ClassifierSpec(
        name=name,
        source=f"timm {config.hf_hub_id or config.architecture}",
        weights_sha256=file_sha256(path),
        preprocessing=preprocessing(name, geometry),
        classes=own_classes(name),
        packages=("timm", "torch"),
        load=partial(load, name, name, path, None),
    )


def own_classes(architecture: str) -> ClassList:
    """The classes of the default weights of `architecture` ("timm:NAME")."""
    count = _config(architecture).num_classes
    return imagenet_classes() if count == 1000 else ClassList(tuple(f"class {i}" for i in range(count)))


@lru_cache(maxsize=32)
def skeleton(architecture: str) -> Skeleton:
    """What a checkpoint of `architecture` ("timm:NAME") has to fill.

    Raises:
        UsageError: no such model, or one without a classifying head.
    """
    config = _config(architecture)
    # Some have features alone by default; with a head they can be somebody's classifier.
    made = partial(_build, architecture, None if config.num_classes else 1000)
    names = config.classifier or ()
    heads = (names,) if isinstance(names, str) else tuple(names)
    return skeleton_of(architecture, made, lambda _: heads)


def relatives(architecture: str) -> Iterator[Skeleton]:
    """Architectures whose names are nearest to that of `architecture`: it may be meant, where weights do not fit it."""
    import timm

    for name in nearest(architecture.removeprefix("timm:"), timm.list_models()):
        yield skeleton(f"timm:{name}")


def _build(architecture: str, outputs: int | None) -> nn.Module:
    """The network of `architecture` with random weights; `outputs` None keeps its number of classes."""
    import timm

    plain = architecture.removeprefix("timm:")
    if outputs is None:
        return timm.create_model(plain, pretrained=False)
    return timm.create_model(plain, pretrained=False, num_classes=outputs)


def preprocessing(architecture: str, geometry: Geometry | None) -> Preprocessing:
    """What the default weights of `architecture` ("timm:NAME") were evaluated with.

    Args:
        geometry: what the user wants instead of the model's own (timm's `crop_mode`); None keeps that.
    """
    config = _config(architecture)
    size = config.input_size[-1]
    resize = int(size / config.crop_pct)
    return Preprocessing(
        size=size,
        resize=resize,
        mean=_per_channel(config.mean),
        std=_per_channel(config.std),
        interpolation="bilinear" if config.interpolation == "bilinear" else "bicubic",
        geometry=geometry or evaluated_geometry(config.crop_mode, resize, size),
    )


def evaluated_geometry(crop_mode: str, resize: int, size: int) -> Literal["crop", "squash", "squash_crop"]:
    """What timm's `crop_mode` does: "squash" takes the whole image, and cuts the centre of it where `resize` is more than `size`."""
    if crop_mode != "squash":
        return "crop"
    return "squash" if resize == size else "squash_crop"


def _per_channel(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return red, green, blue


def _config(name: str) -> PretrainedCfg:
    import timm

    architecture = name.removeprefix("timm:")
    config = None
    with suppress(RuntimeError):  # a known architecture with an unknown tag
        config = timm.models.get_pretrained_cfg(architecture) if timm.is_model(architecture) else None
    if config is None:
        known = [*timm.list_models(), *timm.list_models(pretrained=True)]
        close = difflib.get_close_matches(architecture, known, n=1)
        hint = f"; did you mean timm:{close[0]}?" if close else ""
        raise UsageError(f"{name}: timm has no pretrained classifier of that name{hint}")
    return config


def _cached_file(name: str, config: PretrainedCfg) -> Path:
    if config.hf_hub_id:
        return hugging_face(name, config.hf_hub_id, HUB_FILES, EMBEDDED)
    if not isinstance(config.url, str):
        raise UsageError(f'{name}: timm names no file of its weights; give one with [weights] "{name}" = "PATH"')
    path = torch_hub_file(config.url.rsplit("/", 1)[-1])
    if not path.is_file():
        raise MissingWeights(name, (Remote(config.url, path),), EMBEDDED)
    return path


def load(name: str, architecture: str, path: Path, classes: int | None) -> Network:
    """The network of `architecture` ("timm:NAME") on the weights in `path`.

    Args:
        name: of the classifier, for messages.
        classes: outputs that the head must have; None: whatever the file says.

    Raises:
        UsageError: the file does not fit, or the network cannot be split.
    """
    from reportgen.models.classifiers.splitting.split import split_timm

    model = filled(path, skeleton(architecture), partial(_build, architecture), classes)
    return split_timm(model, _config(architecture).input_size[-1], name)


ZOO = Zoo(skeleton, own_classes, preprocessing, relatives, load)
