"""`timm:NAME`: a timm classifier on its default weights, from the hub's cache folder or a local file."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from reportgen.models.classifiers.base import ClassifierSpec, ClassList, Network, Preprocessing
from reportgen.models.classifiers.imagenet import imagenet_classes
from reportgen.models.classifiers.outputs import has_one_output, two_classes
from reportgen.models.classifiers.weights import (
    EMBEDDED,
    MissingWeights,
    Remote,
    hugging_face,
    load_weights,
    local_weights,
    read_state_dict,
    torch_hub_file,
)
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import file_sha256

if TYPE_CHECKING:
    from timm.models import PretrainedCfg

HUB_FILES = ("model.safetensors", "pytorch_model.bin")


def spec(
    name: str, weights: dict[str, str], class_files: dict[str, str], geometry: Literal["crop", "squash"]
) -> ClassifierSpec:
    """The classifier `name`, which starts with "timm:".

    Raises:
        UsageError: no such model, its weights are not on this machine, or they have one output and the settings do not name its two
            classes (`class_files`).
    """
    config = _config(name)
    own = local_weights(name, weights)
    source = f"local file {own.name}" if own else f"timm {config.hf_hub_id or config.architecture}"
    path = own or _cached_file(name, config)
    sha256 = file_sha256(path)
    binary = own is not None and has_one_output(path, sha256, head_names(name))
    if binary:
        classes = two_classes(name, class_files)
    elif config.num_classes == 1000:
        classes = imagenet_classes()
    else:
        classes = ClassList(tuple(f"class {i}" for i in range(config.num_classes)))
    return ClassifierSpec(
        name=name,
        source=source,
        weights_sha256=sha256,
        preprocessing=preprocessing(name, geometry),
        classes=classes,
        packages=("timm", "torch"),
        load=partial(load, name, name, path, 1 if binary else None),
        activation="sigmoid" if binary else "softmax",
        binary=binary,
    )


def head_names(architecture: str) -> tuple[str, ...]:
    """Names of the last layer of `architecture` ("timm:NAME") in a state dict; of a distilled network two."""
    names = _config(architecture).classifier or ()
    return (names,) if isinstance(names, str) else tuple(names)


def preprocessing(architecture: str, geometry: Literal["crop", "squash"]) -> Preprocessing:
    """What the default weights of `architecture` ("timm:NAME") were evaluated with."""
    config = _config(architecture)
    size = config.input_size[-1]
    return Preprocessing(
        size=size,
        resize=int(size / config.crop_pct),
        mean=_per_channel(config.mean),
        std=_per_channel(config.std),
        interpolation="bilinear" if config.interpolation == "bilinear" else "bicubic",
        geometry=geometry,
    )


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
        classes: outputs of the head; None keeps the architecture's.

    Raises:
        UsageError: the file does not fit, or the network cannot be split.
    """
    import timm

    from reportgen.models.classifiers.split import split_timm

    plain = architecture.removeprefix("timm:")
    if classes is None:
        model = timm.create_model(plain, pretrained=False)
    else:
        model = timm.create_model(plain, pretrained=False, num_classes=classes)
    load_weights(model, read_state_dict(path), path, name)
    return split_timm(model, _config(architecture).input_size[-1], name)
