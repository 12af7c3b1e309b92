"""How the outputs of a network are read: as one softmax, as one output with a class on either side, or each by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reportgen.models.classifiers.base import ClassifierSpec, ClassList
from reportgen.models.classifiers.class_files import read_class_names
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError
from reportgen.utils.untrusted_files import user_path


def read_as(spec: ClassifierSpec, settings: Settings) -> ClassifierSpec:
    """The classifier with its outputs read as the settings say (`head`).

    Raises:
        UsageError: a softmax is asked for over one output.
    """
    head = settings.head_of(spec.name)
    if head == "auto" or (head == "multilabel" and spec.binary):
        return spec
    if spec.binary:
        raise UsageError(
            f'{spec.name}: its network has one output, of which a softmax is always 1; leave out the setting head = "softmax"'
        )
    return replace(spec, activation="sigmoid" if head == "multilabel" else "softmax")


def two_classes(name: str, classes: Mapping[str, str]) -> ClassList:
    """The classes of a network with one output: first that of a low output, then that of a high one.

    Args:
        classes: the setting of that name.

    Raises:
        UsageError: they are not given, or not two.
    """
    if name not in classes:
        raise UsageError(
            f"{name}: its network has one output; name its two classes, a line each, first that of a low output, then that of a high "
            f'one, with [classes] "{name}" = "PATH" in reportgen.toml'
        )
    path = user_path(classes[name])
    names = read_class_names(path)
    if len(names) != 2:
        raise UsageError(
            f"{path}: {len(names)} class name{'s' if len(names) > 1 else ''}, but the network of {name} has one output; give two, "
            "first that of a low output, then that of a high one"
        )
    return ClassList(names)
