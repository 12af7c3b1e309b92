"""Classifiers by name: `efficientnet_lite0`, `torchvision:resnet50`, `timm:mobilenetv3_large_100`."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from reportgen.classifiers import efficientnet_lite, timm_zoo, torchvision_zoo
from reportgen.classifiers.base import ClassifierSpec, ClassList, LinearHead, Network, Preprocessing
from reportgen.errors import UsageError
from reportgen.settings import PRESETS, Settings


def resolve(name: str, settings: Settings) -> ClassifierSpec:
    """Describe the classifier `name` without loading its network.

    Raises:
        UsageError: no such classifier, or its weights are not on this machine.
    """
    if name in efficientnet_lite.SIZES:
        return efficientnet_lite.spec(name, settings.weights, settings.geometry)
    if name.startswith("torchvision:"):
        return torchvision_zoo.spec(name, settings.weights, settings.geometry)
    if name.startswith("timm:"):
        return timm_zoo.spec(name, settings.weights, settings.geometry)
    close = difflib.get_close_matches(name, efficientnet_lite.SIZES, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(efficientnet_lite.SIZES)}"
    raise UsageError(f"unknown model {name!r}; {hint} (or torchvision:NAME, timm:NAME)")


@dataclass(frozen=True)
class Listed:
    """One row of `reportgen models`: `missing` says why it cannot be loaded, or is None."""

    name: str
    source: str
    presets: tuple[str, ...]
    missing: str | None


def listed(settings: Settings) -> list[Listed]:
    """Every embedded model, the presets' and the settings' models, and whether their weights are here."""
    names = [*efficientnet_lite.SIZES]
    for group in (*(preset["models"] for preset in PRESETS.values()), settings.models, settings.weights):
        names += [name for name in group if name not in names]
    rows = []
    for name in names:
        presets = tuple(preset for preset, values in PRESETS.items() if name in values["models"])
        try:
            rows.append(Listed(name, resolve(name, settings).source, presets, None))
        except UsageError as error:
            rows.append(Listed(name, "", presets, str(error)))
    return rows


__all__ = [
    "ClassList",
    "ClassifierSpec",
    "LinearHead",
    "Listed",
    "Network",
    "Preprocessing",
    "listed",
    "resolve",
]
