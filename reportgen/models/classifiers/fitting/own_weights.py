"""A weights file of the user's own in an architecture: its head, classes and channels are the file's, not the library's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.models.checkpoints import CheckpointFile, open_checkpoint
from reportgen.models.classifiers.base import ClassifierSpec, ClassList, Geometry, Network, Preprocessing
from reportgen.models.classifiers.class_files import read_class_file, unique_names
from reportgen.models.classifiers.fitting.fit import Fit, fill, fit
from reportgen.models.classifiers.fitting.hints import carried_names
from reportgen.models.classifiers.fitting.misfit import Misfit
from reportgen.models.classifiers.fitting.skeleton import Skeleton
from reportgen.models.classifiers.outputs import two_classes
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import file_sha256
from reportgen.utils.untrusted_files import user_path

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Zoo:
    """A library of architectures: what it knows of each, by the architecture's name.

    Attributes:
        own_classes: they count where the head has as many outputs and nobody names others.
        relatives: are tried where the architecture does not fit, to name the right one.
        load: (name of the classifier, architecture, file, outputs or None) -> the network on the file's weights.
    """

    skeleton: Callable[[str], Skeleton]
    own_classes: Callable[[str], ClassList]
    preprocessing: Callable[[str, Geometry | None], Preprocessing]
    relatives: Callable[[str], Iterable[Skeleton]]
    load: Callable[[str, str, Path, int | None], Network]


def own_spec(
    zoo: Zoo,
    name: str,
    architecture: str,
    path: Path,
    geometry: Geometry | None,
    class_files: Mapping[str, str],
    said: str = "",
) -> ClassifierSpec:
    """The classifier `name` on the weights in `path`. The file is looked into, so that what is wrong is said here.

    Args:
        class_files: the setting `classes`.
        said: further words for the report on where the weights came from.

    Raises:
        UsageError: the file is no checkpoint of this architecture, or the names are not as many as its outputs.
    """
    file, skeleton = open_checkpoint(path), zoo.skeleton(architecture)
    preprocessing, classes = zoo.preprocessing(architecture, geometry), zoo.own_classes(architecture)
    try:
        found = fit(file, skeleton)
    except Misfit as error:
        raise UsageError(f"{error}; {_other(file, zoo.relatives(architecture))}") from None
    binary = found.outputs == 1
    named, words = _classes(name, found, carried_names(file.content), classes, class_files, skeleton.name)
    return ClassifierSpec(
        name=name,
        source="; ".join(part for part in (f"local file {path.name}", said, *found.words, words) if part),
        weights_sha256=file_sha256(path),
        preprocessing=preprocessing.in_grey() if found.grey else preprocessing,
        classes=named,
        packages=(skeleton.name.partition(":")[0], "torch"),
        load=partial(zoo.load, name, architecture, path, None),
        activation="sigmoid" if binary else "softmax",
        binary=binary,
        architecture=skeleton.name,
    )


def _other(file: CheckpointFile, relatives: Iterable[Skeleton]) -> str:
    """What to do about weights of another network: which one it is, where a relative fits."""
    for skeleton in relatives:
        with suppress(UsageError):
            fit(file, skeleton)
            return f"they are those of {skeleton.name}, so name that one"
    return "name the network that they were trained in"


def _classes(
    name: str,
    found: Fit,
    carried: tuple[str, ...] | None,
    own: ClassList,
    class_files: Mapping[str, str],
    architecture: str,
) -> tuple[ClassList, str]:
    """The classes of the head, from the settings, the checkpoint or the architecture in this order, and what is said of them."""
    count = 2 if found.outputs == 1 else found.outputs
    if found.outputs == 1 and (name in class_files or carried is None or len(carried) != 2):
        return two_classes(name, class_files), ""
    if name in class_files:
        path = user_path(class_files[name])
        file = read_class_file(path)
        if len(file.names) != count:
            raise UsageError(
                f"{path}: {len(file.names)} class names, and the head of {name} has {found.outputs} outputs"
            )
        return ClassList(file.names), "; ".join(file.notes)
    if carried is not None and len(carried) == count:
        names, notes = unique_names(carried)
        return ClassList(names), "; ".join(("its own class names", *notes))
    if len(own) == found.outputs:
        return own, f"class names of {architecture}"
    instead = f"; the {len(carried)} class names that it carries are not they" if carried else ""
    raise UsageError(
        f"{name}: its head has {found.outputs} outputs{instead}; give its class names, one a line, with "
        f'[classes] "{name}" = "PATH" in reportgen.toml'
    )


def filled(
    path: Path, skeleton: Skeleton, build: Callable[[int | None], nn.Module], outputs: int | None = None
) -> nn.Module:
    """The network of an architecture on the weights in `path`.

    Args:
        build: makes the network with so many outputs, None: the library's own number.
        outputs: what its head must have; None: whatever it has.

    Raises:
        UsageError: the file is no checkpoint of this architecture, or has another number of outputs.
    """
    file = open_checkpoint(path)
    found = fit(file, skeleton)
    if outputs is not None and found.outputs != outputs:
        raise UsageError(
            f"{path}: its head {skeleton.head} has {found.outputs} outputs, and {outputs} are expected; give the weights that are meant"
        )
    model = build(None if found.rebuilt or found.outputs == skeleton.outputs else found.outputs)
    fill(model, file, found)
    return model
