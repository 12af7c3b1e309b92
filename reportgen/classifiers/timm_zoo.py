"""`timm:NAME`: a timm classifier on its default weights, from the hub's cache folder or a local file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal

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
    """The classifier `name`, which starts with "timm:".

    Raises:
        UsageError: no such model, or its weights are not on this machine.
    """
    config = _config(name)
    path = local_weights(name, weights)
    source = f"local file {path.name}" if path else f"timm {config.hf_hub_id or config.architecture}"
    path = path or _cached_file(name, config)
    size = config.input_size[-1]
    classes = (
        imagenet_classes()
        if config.num_classes == 1000
        else ClassList(tuple(f"class {i}" for i in range(config.num_classes)))
    )
    return ClassifierSpec(
        name=name,
        source=source,
        weights_sha256=file_sha256(path),
        preprocessing=Preprocessing(
            size=size,
            resize=int(size / config.crop_pct),
            mean=tuple(config.mean),
            std=tuple(config.std),
            interpolation="bilinear" if config.interpolation == "bilinear" else "bicubic",
            geometry=geometry,
        ),
        classes=classes,
        packages=("timm", "torch"),
        load=partial(_load, name, path, size),
    )


def _config(name: str) -> Any:
    import timm

    architecture = name.removeprefix("timm:")
    config = timm.models.get_pretrained_cfg(architecture) if timm.is_model(architecture) else None
    if config is None:
        raise UsageError(f"{name}: timm has no pretrained classifier of that name")
    return config


def _cached_file(name: str, config: Any) -> Path:
    if config.hf_hub_id:
        from huggingface_hub import try_to_load_from_cache

        for filename in ("model.safetensors", "pytorch_model.bin"):
            found = try_to_load_from_cache(config.hf_hub_id, filename)
            if isinstance(found, str):
                return Path(found)
    filename = (config.url or f"{config.hf_hub_id}/model.safetensors").rsplit("/", 1)[-1]
    path = torch_hub_file(filename)
    if not path.is_file():
        raise missing_weights(name, filename, path)
    return path


def _load(name: str, path: Path, size: int) -> Network:
    import timm

    from reportgen.classifiers.split import split_timm

    model = timm.create_model(name.removeprefix("timm:"), pretrained=False)
    load_weights(model, read_state_dict(path), path, name)
    return split_timm(model, size, name)
