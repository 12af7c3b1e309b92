"""An untrusted explain_params.pkl: read without running it, checked entry by entry, scored on an image.

The file holds, for each image, the ten keyword arguments of lime's `explain_instance` as plain data; `segmentation_fn` may be lime's
own `SegmentationAlgorithm`. Limits are there because a value is handed to scikit-image and to the network: they keep the time and
memory of one image within what a machine has. A file may give ten thousand entries one and the same value, so what is looked at
in an entry is little, only the first problems are put into words, and the others are counted.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

import numpy as np

from reportgen.analysis.parameter_file import CheckedParameters
from reportgen.analysis.view import View
from reportgen.utils.errors import CheckFailed
from reportgen.utils.plain_pickle import BadPickle, Instance, Name, read_plain
from reportgen.utils.terminal_text import printable

from . import surrogate as lime
from .params import FILE, entry_keys, explain_arguments
from .settings import LimeSettings

KEYS = tuple(explain_arguments(LimeSettings(), 0))
MAX_COUNT = 100_000  # of samples, features, inputs in a batch; lime's own default of num_features is as large
# A file may name one large dict or tuple a hundred thousand times: what is walked is small.
MAX_ENTRIES, MAX_LABELS, MAX_ARGUMENTS = 10_000, 1000, 50
MAX_PROBLEMS = 1000  # put into words
# Of a segmentation in its cell of the table: parameters, which no function has more of, and characters.
MAX_PARAMETERS, MAX_CELL = 8, 300
# What is wrong with a value, in words once somebody asks.
Problem: TypeAlias = Callable[[], str]
METRICS = ("cosine", "euclidean", "l2", "l1", "manhattan", "cityblock")

_WRAPPER = ("lime.wrappers.scikit_image", "SegmentationAlgorithm")
# By the name that lime gives an algorithm: where scikit-image keeps the function that lime's object refers to.
_FUNCTIONS = {
    "quickshift": "skimage.segmentation._quickshift",
    "slic": "skimage.segmentation.slic_superpixels",
    "felzenszwalb": "skimage.segmentation._felzenszwalb",
}


@dataclass(frozen=True)
class Number:
    """A number from `least` to `most`; an integer where `whole`; `or_none` where None is one of the values."""

    least: float
    most: float
    whole: bool = True
    or_none: bool = False

    def takes(self, value: object) -> bool:
        if value is None:
            return self.or_none
        if type(value) is int or (type(value) is float and not self.whole):  # a bool is no number
            return self.least <= value <= self.most
        return False

    def __str__(self) -> str:
        kind = "an integer" if self.whole else "a number"
        return f"{kind} from {self.least:g} to {self.most:.10g}{' or None' if self.or_none else ''}"


@dataclass(frozen=True)
class OneOf:
    """One of these values."""

    values: tuple[object, ...]

    def takes(self, value: object) -> bool:
        return any(type(value) is type(known) and value == known for known in self.values)

    def __str__(self) -> str:
        return " or ".join(str(value) for value in self.values)


_RULES: dict[str, Number | OneOf] = {
    "hide_color": Number(0, 255, or_none=True),
    "top_labels": Number(1, MAX_COUNT, or_none=True),
    "num_features": Number(1, MAX_COUNT),
    "num_samples": Number(2, MAX_COUNT),
    "batch_size": Number(1, MAX_COUNT),
    "distance_metric": OneOf(METRICS),
    "model_regressor": OneOf((None,)),
    "random_seed": Number(0, 2**32 - 1, or_none=True),
}
_FLAG, _SEED = OneOf((True, False)), Number(0, 2**32 - 1, or_none=True)
_SIGMA = Number(0, 100, whole=False)
# scikit-image's own parameter names; a seed was called random_seed before it was called rng.
_SEGMENTATION_RULES: dict[str, dict[str, Number | OneOf]] = {
    "quickshift": {
        "ratio": Number(0, 1, whole=False),
        "kernel_size": Number(0.1, 20, whole=False),
        "max_dist": Number(0.1, 10_000, whole=False),
        "sigma": _SIGMA,
        "convert2lab": _FLAG,
        "random_seed": _SEED,
        "rng": _SEED,
    },
    "slic": {
        "n_segments": Number(1, 10_000),
        "compactness": Number(1e-6, 1e6, whole=False),
        "max_num_iter": Number(1, 100),
        "sigma": _SIGMA,
        "convert2lab": _FLAG,
        "enforce_connectivity": _FLAG,
        "min_size_factor": Number(0, 10, whole=False),
        "max_size_factor": Number(0, 100, whole=False),
        "slic_zero": _FLAG,
        "start_label": Number(0, 1),
    },
    "felzenszwalb": {"scale": Number(1e-6, 1e6, whole=False), "sigma": _SIGMA, "min_size": Number(0, 1_000_000)},
}


class LimeParameters:
    """explain_params.pkl as `reportgen validate` uses it (`reportgen.analysis.ParameterFile`)."""

    name = FILE
    description = "LIME's parameters, an entry an image; plain Python values"

    def check(self, data: bytes) -> CheckedParameters:
        """Read and check; nothing in the file is imported or called.

        Raises:
            CheckFailed: no pickle, more than plain data, or no dict of entries.
        """
        try:
            content = read_plain(data, {_WRAPPER, *((module, name) for name, module in _FUNCTIONS.items())})
        except BadPickle as error:
            raise CheckFailed(f"refused: {error}") from None
        if type(content) is not dict or not content:
            raise CheckFailed("not a dict with an entry for each image")
        if len(content) > MAX_ENTRIES:
            raise CheckFailed(f"{len(content)} entries; at most {MAX_ENTRIES} are read")
        problems: list[str] = []
        rows, more, seen = [], 0, _Seen()
        for key, entry in content.items():
            for problem in _problems(key, entry, seen):
                if len(problems) < MAX_PROBLEMS:
                    problems.append(f"entry {_shown(key)}: {problem()}")
                else:
                    more += 1
            rows.append((_cut(printable(key, 40), 80) if type(key) is str else _shown(key), *_cells(entry, seen)))
        return CheckedParameters(("entry", *KEYS), rows, problems, {} if problems else content, more)

    def keys(self, names: Sequence[str]) -> list[str]:
        return entry_keys(names)

    def mask(self, view: View, target: int, entry: Mapping[str, Any]) -> np.ndarray:
        """LIME's mask under these arguments. `random_seed` seeds the draw of the samples, which in lime itself it does not."""
        arguments = {key: entry[key] for key in ("hide_color", "num_features", "num_samples")}
        settings = LimeSettings(**arguments).model_copy(update={"distance_metric": entry["distance_metric"]})
        segments = _segments(view.frame, entry["segmentation_fn"], settings)
        found = lime.explain(view, segments, target, settings, np.random.RandomState(entry["random_seed"] or 0))
        return lime.positive_mask(segments, found, settings.num_features)


class _Seen:
    """What was found out about values of one file, by the value itself: the file holds all of them while it is looked at."""

    def __init__(self) -> None:
        self._labels: dict[int, bool] = {}
        self._cells: dict[int, str] = {}

    def are_labels(self, value: object) -> bool:
        """Whether a value is a sequence of class indices."""
        if id(value) not in self._labels:
            index = Number(0, MAX_COUNT)
            self._labels[id(value)] = (
                isinstance(value, tuple | list) and len(value) <= MAX_LABELS and all(map(index.takes, value))
            )
        return self._labels[id(value)]

    def cell(self, value: object) -> str:
        """A value in the table."""
        if id(value) not in self._cells:
            self._cells[id(value)] = _cell(value)
        return self._cells[id(value)]


def _problems(key: object, entry: object, seen: _Seen) -> Iterator[Problem]:
    """What is wrong with one entry, the first key of the ten first."""
    if type(key) is not str or not key:
        yield lambda: "the key is not the name of an image or class"
    if type(entry) is not dict:
        yield lambda: f"a dict of the ten arguments is needed, it is {_shown(entry)}"
        return
    if len(entry) > MAX_ARGUMENTS:
        yield lambda: f"{len(entry)} arguments; the ten of explain_instance are needed"
        return
    for name in KEYS:
        if name not in entry:
            yield partial("{} is missing".format, name)
        elif name == "labels":
            yield from _labels_problem(entry[name], entry.get("top_labels"), seen)
        elif name == "segmentation_fn":
            yield from _segmentation_problems(entry[name])
        elif not _RULES[name].takes(entry[name]):
            yield partial(_needed, name, entry[name], _RULES[name])
    for name in entry:
        if name not in KEYS:
            yield partial(_unknown, name)


def _needed(name: str, value: object, rule: Number | OneOf) -> str:
    return f"{name} is {_shown(value)}; {rule} is needed"


def _unknown(name: object) -> str:
    close = difflib.get_close_matches(name[:40], KEYS, n=1) if type(name) is str else []
    return f"unknown argument {_shown(name)}{f'; did you mean {close[0]}?' if close else ''}"


def _labels_problem(labels: object, top_labels: object, seen: _Seen) -> Iterator[Problem]:
    if not seen.are_labels(labels):
        yield lambda: f"labels is {_shown(labels)}; a tuple of at most {MAX_LABELS} class indices is needed"
    elif not labels and top_labels is None:
        yield lambda: "labels is empty and top_labels None: no class would be explained"


def _segmentation_problems(value: object) -> Iterator[Problem]:
    if value is None:
        return
    found = _algorithm(value)
    if found is None:
        yield lambda: f"segmentation_fn is {_shown(value)}; None or lime's SegmentationAlgorithm is needed"
        return
    name, parameters = found
    rules = _SEGMENTATION_RULES[name]
    for parameter, given in parameters.items():
        if parameter not in rules:
            yield partial(_no_parameter, name, parameter)
        elif not rules[parameter].takes(given):
            yield partial(_needed, f"segmentation_fn: {parameter} of {name}", given, rules[parameter])


def _no_parameter(name: str, parameter: object) -> str:
    return (
        f"segmentation_fn: {name} has no parameter {_shown(parameter)}; it has {', '.join(_SEGMENTATION_RULES[name])}"
    )


def _algorithm(value: object) -> tuple[str, dict[str, object]] | None:
    """Name and parameters of lime's segmentation object; None where it is not one, or contradicts itself."""
    if type(value) is not Instance or (value.of.module, value.of.name) != _WRAPPER or value.attributes is None:
        return None
    name, parameters = value.attributes.get("algo_type"), value.attributes.get("target_params")
    if type(name) is not str or name not in _FUNCTIONS or type(parameters) is not dict:
        return None
    if len(parameters) > MAX_ARGUMENTS:
        return None
    agrees = value.attributes.get("target_fn") == Name(_FUNCTIONS[name], name)
    return (name, parameters) if agrees else None


def _segments(frame: np.ndarray, value: object, settings: LimeSettings) -> np.ndarray:
    """(H, W) int superpixels, numbered from 0 without gaps; lime's default quickshift where `value` is None."""
    found = _algorithm(value)
    if found is None:
        return lime.superpixels(frame, settings)
    import inspect

    from skimage import segmentation

    name, parameters = found
    function = getattr(segmentation, name)
    known = inspect.signature(
        function
    ).parameters  # names of another version of scikit-image are left out, as lime does
    return lime.numbered(function(frame, **{key: given for key, given in parameters.items() if key in known}))


def _cells(entry: object, seen: _Seen) -> Iterator[str]:
    values = entry if type(entry) is dict else {}
    return (seen.cell(values[name]) if name in values else "missing" for name in KEYS)


def _cell(value: object) -> str:
    found = _algorithm(value)
    if found is None:
        return _shown(value)
    shown = [f"{_shown(key)}={_shown(given)}" for key, given in islice(found[1].items(), MAX_PARAMETERS)]
    return _cut(f"{found[0]}({', '.join(shown)}{', …' if len(found[1]) > MAX_PARAMETERS else ''})", MAX_CELL)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _shown(value: object) -> str:
    """A value in a few words. Containers are not walked: they may contain themselves, or unfold to more than memory holds."""
    if type(value) is int and value.bit_length() > 64:
        return f"an integer of {value.bit_length()} bits"
    if value is None or type(value) in (bool, int):
        return str(value)
    if type(value) is float:
        return f"{value:g}" if math.isfinite(value) else str(value)
    if type(value) is str:
        return f"'{_cut(printable(value, 40), 80)}'"
    if isinstance(value, tuple | list) and len(value) <= 5 and all(type(item) is int for item in value):
        return f"({', '.join(_shown(item) for item in value)})"
    return f"of type {value.of.name if type(value) is Instance else type(value).__name__}"
