"""explain_params.pkl: for each image the ten keyword arguments of lime's `explain_instance`, as plain data."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from itertools import chain, count
from pathlib import PurePosixPath
from typing import TypeAlias

from reportgen.images.labels.read import class_part

from .settings import LimeSettings

FILE = "explain_params.pkl"
PROTOCOL = 4
# An argument of `explain_instance`, as plain data.
Argument: TypeAlias = int | str | tuple[int, ...] | None


def explain_params(
    names: Sequence[str], seeds: Sequence[int], settings: LimeSettings
) -> dict[str, dict[str, Argument]]:
    """One entry an image, under the keys that `entry_keys` gives."""
    keys = entry_keys(names)
    return {key: explain_arguments(settings, seed) for key, seed in zip(keys, seeds, strict=True)}


def entry_keys(names: Sequence[str]) -> list[str]:
    """For each image the key of its entry: the class part of its file name, or the stem where there is none.

    Where that key is taken by an earlier image, the stem, then the whole name, then the name and a number, stands for it.
    """
    taken: dict[str, None] = {}
    for name in names:
        numbered = (f"{name} ({number})" for number in count(2))
        keys = chain((class_part(name), PurePosixPath(name).stem, name), numbered)
        taken[next(key for key in keys if key not in taken)] = None
    return list(taken)


def explain_arguments(settings: LimeSettings, seed: int) -> dict[str, Argument]:
    """The ten arguments for one image. `segmentation_fn` None is lime's own default, the quickshift of the settings."""
    return {
        "labels": (1,),
        "hide_color": settings.hide_color,
        "top_labels": settings.top_labels,
        "num_features": settings.num_features,
        "num_samples": settings.num_samples,
        "batch_size": settings.batch_size,
        "segmentation_fn": None,
        "distance_metric": settings.distance_metric,
        "model_regressor": None,
        "random_seed": seed,
    }


def pickled(entries: dict[str, dict[str, Argument]]) -> bytes:
    """The file's bytes; equal entries give equal bytes."""
    return pickle.dumps(entries, protocol=PROTOCOL)
