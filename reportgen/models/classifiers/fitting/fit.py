"""Fit a checkpoint to an architecture by the names and shapes of its tensors, and fill the network with them.

Trainers wrap: `{"model": ...}`, `module.`, `_orig_mod.`, `model.backbone.`. None of that is known by name here: under whatever
beginning all tensors of the network stand, there it is.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.models.checkpoints.file import BadFile, CheckpointFile, TensorRecord
from reportgen.models.classifiers.fitting.misfit import misfit
from reportgen.models.classifiers.fitting.plain_head import Layer, build_layers, plain_layers
from reportgen.models.classifiers.fitting.skeleton import Shape, Skeleton
from reportgen.utils.errors import UsageError
from reportgen.utils.terminal_text import printable

if TYPE_CHECKING:
    import torch
    from torch import nn

# Parts of a name that wrap a module without changing it: torch.compile, DataParallel, FSDP, activation checkpointing.
_WRAPPERS = frozenset({"_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
# Counters that tools leave in a network: thop, torch's averaged models.
_JUNK = ("total_ops", "total_params", "n_averaged")
_COUNTER = "num_batches_tracked"
# A part of a name that says that the weights are averaged over training steps.
_AVERAGED = re.compile(r"(^|[._])(ema|swa|averaged|avg)([._]|$)", re.IGNORECASE)
_ANCHORS = 12


@dataclass(frozen=True)
class Fit:
    """How a checkpoint fills an architecture.

    Attributes:
        places: name of a tensor in the network -> its name in the file.
        outputs: of its head.
        end: path of what `rebuilt` takes the place of.
        rebuilt: the layers of a head that is not the library's own.
        grey: its first convolution takes one channel.
        words: what was decided, for the report.
    """

    places: Mapping[str, str]
    outputs: int
    end: str
    rebuilt: tuple[Layer, ...] = ()
    grey: bool = False
    words: tuple[str, ...] = ()


def fit(file: CheckpointFile, skeleton: Skeleton) -> Fit:
    """Find the network in a checkpoint.

    Raises:
        UsageError: it is not in it, or several are and none is the obvious one; one line.
    """
    names = _network_names(file.tensors, skeleton)
    body = [key for key in skeleton.shapes if _is_body(key, skeleton)]
    prefix, words = _prefix(file, skeleton, names, body)
    here = {name.removeprefix(prefix): key for name, key in names.items() if name.startswith(prefix)}
    end = f"{skeleton.end}."
    _refuse_leftover(file, skeleton, here, body)
    found = Fit({key: here[key] for key in body}, 0, skeleton.end, words=words)
    found = replace(
        found, grey=any(_is_grey(file.tensors[found.places[key]].shape, skeleton.shapes[key]) for key in body)
    )
    within = {key: place for key, place in here.items() if key.startswith(end) and not key.endswith(_JUNK)}
    found = _with_head(found, file, skeleton, within, _beside(names, prefix, skeleton))
    found = _with_further_heads(found, file, skeleton, {k: v for k, v in here.items() if not k.startswith(end)})
    rest = len(names) - len(set(found.places.values()))
    left = (f"{rest} tensors that belong to something else left alone",) if rest else ()
    grey = ("its first convolution takes one channel: the image is made grey",) if found.grey else ()
    return replace(found, words=(*found.words, *grey, *left))


def with_versions(state: dict[str, torch.Tensor], model: nn.Module) -> dict[str, torch.Tensor]:
    """The tensors with the version of each module's layout, as a state dict of the network itself has it.

    Some modules refuse tensors that say none (torchvision's MNASNet). What fits in names and shapes is of the present version.
    """
    versioned: OrderedDict[str, torch.Tensor] = OrderedDict(state)
    versioned._metadata = model.state_dict()._metadata  # type: ignore[attr-defined]
    return versioned


def require_real(path: Path, values: Mapping[str, torch.Tensor], floating: Collection[str] = ()) -> None:
    """Require weights to be real numbers: torch makes such of others, without their imaginary parts or their scales.

    Args:
        floating: names of those that the network has in floating point.

    Raises:
        UsageError: one is complex, or of whole numbers, as of a quantised network: of one byte, or where `floating` says so.
    """
    for name, value in sorted(values.items()):
        whole = not (value.is_floating_point() or value.is_complex())
        byte = value.element_size() == 1 and value.ndim > 1 and str(value.dtype) != "torch.bool"
        if value.is_complex() or (whole and (name in floating or byte)):
            kind = str(value.dtype).removeprefix("torch.")
            raise UsageError(
                f"{path}: {printable(name, 80)} is {kind}, not a real number in floating point; save the network in float32, before it is "
                "quantised"
            )


def fill(model: nn.Module, file: CheckpointFile, found: Fit) -> None:
    """Put the weights of a checkpoint into the network that it fits, its head rebuilt where it is not the library's own.

    Of one input channel the first convolution reads the first of three equal ones: to the others its weights are 0.

    Raises:
        UsageError: the file is damaged, or has changed.
    """
    import torch

    if found.rebuilt:
        parent, _, last = found.end.rpartition(".")
        setattr(model.get_submodule(parent), last, build_layers(found.rebuilt))
    values = file.read(frozenset(found.places.values()))
    expected = model.state_dict()
    floating = {place for key, place in found.places.items() if expected[key].is_floating_point()}
    require_real(file.path, values, floating)
    state = with_versions({}, model)
    for key, place in found.places.items():
        value = values[place]
        if _is_grey(tuple(value.shape), tuple(expected[key].shape)):
            value = torch.cat([value, torch.zeros_like(value), torch.zeros_like(value)], dim=1)
        state[key] = value
    try:
        model.load_state_dict(state, strict=False)
    except RuntimeError:
        raise UsageError(f"{file.path}: its tensors are not those that were found in it; has it changed?") from None


# --- names ---------------------------------------------------------------------------------------


def _network_names(tensors: Iterable[str], skeleton: Skeleton) -> dict[str, str]:
    """Names without what merely wraps -> names in the file; where two would be one, as they are."""
    tensors = list(tensors)
    # A network may call a part of its own `module`.
    wrappers = _WRAPPERS - {part for key in skeleton.shapes for part in key.split(".")}
    names: dict[str, str] = {}
    for name in tensors:
        plain = ".".join(part for part in name.split(".") if part not in wrappers)
        if plain in names:
            return {name: name for name in tensors}
        names[plain] = name
    return names


def _is_body(key: str, skeleton: Skeleton) -> bool:
    """Whether a checkpoint of the network must have it: everything but its end and what only training needs."""
    heads = [f"{path}." for path in (skeleton.end, *skeleton.further)]
    return not key.startswith((*heads, *skeleton.optional)) and not key.endswith(_COUNTER)


def _prefix(
    file: CheckpointFile, skeleton: Skeleton, names: Mapping[str, str], body: list[str]
) -> tuple[str, tuple[str, ...]]:
    """The beginning under which all of the network stands, and what is to be said of the choice."""
    anchors = body[:: max(1, len(body) // _ANCHORS)]
    prefixes = {
        name.removesuffix(anchor)
        for name in names
        for anchor in anchors
        if name == anchor or name.endswith(f".{anchor}")
    }

    def fitting(prefix: str) -> int:
        return sum(_fits(file.tensors.get(names.get(prefix + key, "")), skeleton.shapes[key]) for key in body)

    scores = {prefix: fitting(prefix) for prefix in sorted(prefixes, key=lambda prefix: (len(prefix), prefix))}
    whole = [prefix for prefix, score in scores.items() if score == len(body)]
    if not whole:
        best = max(scores, key=lambda prefix: scores[prefix], default="")
        here = {name.removeprefix(best): key for name, key in names.items() if name.startswith(best)}
        shapes = {
            name: file.tensors[key].shape
            for name, key in here.items()
            if name in body or not (name in skeleton.shapes or _needs_no_place(name, skeleton))
        }
        raise misfit(file.path, skeleton.name, shapes, {key: skeleton.shapes[key] for key in body})
    return _one_of(file, whole, names, body)


def _one_of(
    file: CheckpointFile, whole: list[str], names: Mapping[str, str], body: list[str]
) -> tuple[str, tuple[str, ...]]:
    """One of several networks in a file: the averaged one where one is (what timm and torchvision evaluate); else refuse."""
    distinct: dict[tuple[TensorRecord, ...], str] = {}
    for prefix in whole:  # the shortest first: one module under two names is one
        distinct.setdefault(tuple(file.tensors[names[prefix + key]] for key in body), prefix)
    prefixes = list(distinct.values())
    averaged = [prefix for prefix in prefixes if _AVERAGED.search(prefix)]
    shown = ", ".join(printable(prefix, 40) or "the beginning" for prefix in prefixes[:4])
    if len(prefixes) == 1:
        chosen = f"its {printable(prefixes[0], 60).rstrip('.')}" if prefixes[0] else ""
        return prefixes[0], (chosen,) if chosen else ()
    if len(averaged) == 1:
        others = ", ".join(
            printable(prefix, 40).rstrip(".") or "the rest" for prefix in prefixes if prefix not in averaged
        )
        return averaged[0], (f"its {printable(averaged[0], 60).rstrip('.')}, the averaged weights, and not {others}",)
    raise UsageError(
        f"{file.path}: holds {len(prefixes)} such networks ({shown}); save the one that is meant in a file of its own: import torch; "
        f'torch.save({{k: v for k, v in STATE_DICT.items() if k.startswith("{printable(prefixes[0], 40)}")}}, "one.pth")'
    )


def _refuse_leftover(file: CheckpointFile, skeleton: Skeleton, here: Mapping[str, str], body: list[str]) -> None:
    """Refuse tensors in parts of the network that it does not have: a deeper network's, which would be silently cut."""
    own = {key.partition(".")[0] for key in body} - {skeleton.end.partition(".")[0]}
    left = [
        key
        for key in here
        if key not in skeleton.shapes and key.partition(".")[0] in own and not _needs_no_place(key, skeleton)
    ]
    if left:
        shapes = {key: file.tensors[place].shape for key, place in here.items()}
        raise misfit(file.path, skeleton.name, shapes, {key: skeleton.shapes[key] for key in body}, left)


def _needs_no_place(name: str, skeleton: Skeleton) -> bool:
    """Whether a tensor is one that the network makes itself, or that a tool has left behind."""
    return name in skeleton.unsaved or name.endswith((*_JUNK, _COUNTER)) or name.startswith(f"{skeleton.end}.")


def _is_grey(found: Shape, expected: Shape) -> bool:
    """Whether these are the weights of a first convolution on one channel instead of three."""
    return len(found) == 4 and found[1] == 1 and expected == (found[0], 3, *found[2:])


def _fits(found: TensorRecord | None, expected: Shape) -> bool:
    return found is not None and found.readable and (found.shape == expected or _is_grey(found.shape, expected))


def _beside(names: Mapping[str, str], prefix: str, skeleton: Skeleton) -> dict[str, dict[str, str]]:
    """What stands beside the network, by its first name: one of them may be a head (`backbone.…`, `classifier.…`)."""
    outer = prefix.rstrip(".").rpartition(".")[0]
    outer = f"{outer}." if outer else ""
    own = {key.partition(".")[0] for key in skeleton.shapes}
    groups: dict[str, dict[str, str]] = {}
    for name, place in names.items():
        inside = name.startswith(prefix)
        if not inside and not name.startswith(outer):
            continue
        top, point, rest = name.removeprefix(prefix if inside else outer).partition(".")
        if point and not (inside and top in own) and not rest.endswith(_JUNK):
            groups.setdefault(top, {})[rest] = place
    return {top: _unwrapped(group) for top, group in groups.items()}


def _unwrapped(group: dict[str, str]) -> dict[str, str]:
    """A group without the one module that all of it lies in: OpenMMLab's `head.fc.weight` as `weight`."""
    inner = {name.partition(".")[0] for name in group if "." in name}
    if len(inner) != 1 or any("." not in name for name in group) or next(iter(inner)).isdigit():
        return group
    return _unwrapped({name.partition(".")[2]: place for name, place in group.items()})


# --- the head ------------------------------------------------------------------------------------


def _with_head(
    found: Fit,
    file: CheckpointFile,
    skeleton: Skeleton,
    within: Mapping[str, str],
    beside: Mapping[str, dict[str, str]],
) -> Fit:
    """The fit with a head: the library's own, one rebuilt in its place, or one that stands beside the network."""
    last = f"{skeleton.head}."
    around = {key for key in skeleton.shapes if _is_around(key, skeleton)}
    if any(key.startswith(last) for key in within) and {key for key in within if _is_around(key, skeleton)} == around:
        # The library's end with its last layer as it was, for another number of classes, or replaced.
        _require_shapes(file, skeleton, {key: within[key] for key in around})
        found = replace(found, places={**found.places, **{key: within[key] for key in around}})
        group = {key.removeprefix(last): place for key, place in within.items() if key.startswith(last)}
        own = {key.removeprefix(last): shape for key, shape in skeleton.shapes.items() if key.startswith(last)}
        if set(group) == set(own) and all(
            file.tensors[place].shape[1:] == own[key][1:] for key, place in group.items()
        ):
            places = {**found.places, **{last + key: place for key, place in group.items()}}
            return replace(found, places=places, outputs=file.tensors[group["weight"]].shape[0])
        return _rebuilt(found, file, skeleton, group, skeleton.head)
    if within:
        group = {key.removeprefix(f"{skeleton.end}."): place for key, place in within.items()}
        return _rebuilt(found, file, skeleton, group, skeleton.end)
    heads = {}
    for top, group in beside.items():
        try:
            heads[top] = _rebuilt(found, file, skeleton, group, skeleton.end, top)
        except UsageError:
            continue
    if len(heads) == 1:
        return next(iter(heads.values()))
    several = f"; {', '.join(printable(top, 30) for top in heads)} could be it" if heads else ""
    raise UsageError(
        f"{file.path}: its head {skeleton.head} is missing, these are features alone{several}; give a checkpoint of the whole classifier"
    )


def _is_around(key: str, skeleton: Skeleton) -> bool:
    """Whether a tensor is in the end of the network, and not in the head that closes it."""
    inside = key.startswith(f"{skeleton.end}.") and not key.startswith(f"{skeleton.head}.")
    return inside and not key.endswith(_COUNTER)


def _require_shapes(file: CheckpointFile, skeleton: Skeleton, places: Mapping[str, str]) -> None:
    shapes = {key: file.tensors[place].shape for key, place in places.items()}
    if any(shape != skeleton.shapes[key] for key, shape in shapes.items()):
        raise misfit(file.path, skeleton.name, shapes, {key: skeleton.shapes[key] for key in places})


def _rebuilt(
    found: Fit, file: CheckpointFile, skeleton: Skeleton, group: Mapping[str, str], end: str, beside: str = ""
) -> Fit:
    """The fit with a plain head in the place `end`.

    Args:
        group: name of a tensor in the head -> its name in the file.
        beside: what the file calls the head, where it stands beside the network.
    """
    what = f"its head {printable(beside or end, 40)}"
    shapes = {key: file.tensors[place].shape for key, place in group.items() if not key.endswith(_COUNTER)}
    special = next((place for place in group.values() if not file.tensors[place].readable), None)
    if special is not None:
        kind = printable(f"{special} is a tensor of a special kind ({file.tensors[special].dtype})", 120)
        raise UsageError(
            f"{file.path}: {kind}, and only plain ones are read; save the network before it is quantised or made sparse"
        )
    features = skeleton.features if end == skeleton.end else skeleton.head_features
    try:
        if features is None:
            raise BadFile(f"is not that of {skeleton.name}, which cannot be rebuilt")
        layers = plain_layers(shapes, features)
    except BadFile as error:
        raise UsageError(
            f"{file.path}: {what} {printable(str(error), 200)}; only linear layers and norms in a row are rebuilt, so give a "
            f"checkpoint of {skeleton.name} as its library builds it"
        ) from None
    return replace(
        found,
        places={**found.places, **{f"{end}.{key}": place for key, place in group.items()}},
        outputs=layers[-1].outputs,
        end=end,
        rebuilt=layers,
        words=(*found.words, f"{what} rebuilt from its tensors: {', '.join(str(layer) for layer in layers)}"),
    )


def _with_further_heads(found: Fit, file: CheckpointFile, skeleton: Skeleton, here: Mapping[str, str]) -> Fit:
    """The fit with heads beside the first, which must be there, and counters and heads of training, which need not."""
    places = dict(found.places)
    for key, shape in skeleton.shapes.items():
        if key in places or (key not in here and not key.startswith(tuple(f"{path}." for path in skeleton.further))):
            continue
        record = file.tensors.get(here.get(key, ""))
        of_classes = shape[:1] == (skeleton.outputs,)
        if record is not None and record.shape == ((found.outputs, *shape[1:]) if of_classes else shape):
            places[key] = here[key]
        elif key.startswith(tuple(f"{path}." for path in skeleton.further)):
            raise misfit(file.path, skeleton.name, {} if record is None else {key: record.shape}, {key: shape})
    return replace(found, places=places)
