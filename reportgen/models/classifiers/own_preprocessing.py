"""Preprocessing as the settings give it for one model, over what the model's source says."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from reportgen.models.classifiers.base import ClassifierSpec, Network
from reportgen.settings.model import PreprocessingSettings
from reportgen.utils.errors import UsageError


def with_own(spec: ClassifierSpec, given: PreprocessingSettings) -> ClassifierSpec:
    """`spec` with what the settings give of its preprocessing; where the size is another, the short side keeps its proportion to it."""
    own = spec.preprocessing
    size = given.size or own.size
    preprocessing = replace(
        own,
        size=size,
        resize=given.resize or own.resize * size // own.size,
        mean=given.mean or own.mean,
        std=given.std or own.std,
        interpolation=given.interpolation or own.interpolation,
    )
    load = spec.load if size == own.size or spec.graph is not None else partial(_load_at, spec, size)
    return replace(spec, preprocessing=preprocessing, load=load)


def _load_at(spec: ClassifierSpec, size: int) -> Network:
    """The network, known to take frames of another size than its own.

    Raises:
        UsageError: it does not.
    """
    import torch

    network = spec.load()
    try:
        with torch.no_grad():
            network.head(*network.trunk(torch.zeros(1, 3, size, size)))
    except Exception:  # whatever its layers raise
        raise UsageError(
            f"{spec.name}: does not take frames of {size} x {size} pixels; its own are {spec.preprocessing.size}"
        ) from None
    return network
