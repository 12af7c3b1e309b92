"""Class names of a Hugging Face model, from config.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from reportgen.models.classifiers.base import ClassList
from reportgen.models.classifiers.imagenet import imagenet_classes
from reportgen.utils.errors import UsageError
from reportgen.utils.json_types import JSON
from reportgen.utils.terminal_text import printable

MOST_CLASSES = 100_000
_LONGEST = 200  # characters of a name
# ImageNet's names differ a little from one source to another: "crane bird" is "crane", "sunglasses" is "dark glasses".
_IMAGENET_SHARE = 0.95


def of_transformers(path: Path, config: Mapping[str, JSON]) -> tuple[ClassList, bool]:
    """The classes of `id2label`, in the order of their indices, and whether they are placeholders (LABEL_0, LABEL_1 ...).

    Args:
        path: of config.json, for messages.

    Raises:
        UsageError: an index is no number, missing or doubled, or a name is no text.
    """
    labels = config.get("id2label")
    if labels is None:
        count = config.get("num_labels", 2)  # transformers' own default
        if not isinstance(count, int) or not 1 <= count <= MOST_CLASSES:
            raise UsageError(f"{path}: num_labels {printable(repr(count), 60)} is no number from 1 to {MOST_CLASSES}")
        return ClassList(_placeholders(count)), True
    names = _in_order(path, "id2label", labels)
    return _recognised(names), names == _placeholders(len(names))


def of_timm(path: Path, config: Mapping[str, JSON], count: int) -> tuple[ClassList, bool]:
    """The classes of `label_names`, each with its text in `label_descriptions` where there is one; of 1000 without names ImageNet's.

    Raises:
        UsageError: see `of_transformers`; there are other than `count`.
    """
    labels = config.get("label_names")
    if not labels:
        if count == len(imagenet_classes()):
            return imagenet_classes(), False
        return ClassList(_placeholders(count)), True
    names = _in_order(path, "label_names", labels)
    if len(names) != count:
        raise UsageError(f"{path}: {len(names)} label_names for num_classes {count}")
    if names == imagenet_classes().wnids:
        return imagenet_classes(), False
    described = config.get("label_descriptions")
    texts = described if isinstance(described, Mapping) else {}
    shown = tuple(_cleaned(path, texts.get(name, name)) for name in names)
    return _recognised(shown), shown == _placeholders(count)


def _placeholders(count: int) -> tuple[str, ...]:
    return tuple(f"LABEL_{i}" for i in range(count))


def _in_order(path: Path, key: str, labels: JSON) -> tuple[str, ...]:
    """Names from a list, or from a mapping of indices to names."""
    if isinstance(labels, Sequence) and not isinstance(labels, str):
        labels = {str(i): name for i, name in enumerate(labels)}
    if not isinstance(labels, Mapping) or not 1 <= len(labels) <= MOST_CLASSES:
        raise UsageError(f"{path}: {key} holds no classes, or more than {MOST_CLASSES}")
    by_index = {
        int(index): name for index, name in labels.items() if index.isascii() and index.isdigit() and len(index) < 9
    }
    missing = next((i for i in range(len(labels)) if i not in by_index), None)
    if missing is not None:
        raise UsageError(f"{path}: {key} names {len(labels)} classes, and none with the index {missing}")
    return tuple(_cleaned(path, by_index[i]) for i in range(len(labels)))


def _cleaned(path: Path, name: JSON) -> str:
    if not isinstance(name, str | int | float) or not str(name).strip():
        raise UsageError(f"{path}: {printable(repr(name), 60)} is no name of a class")
    return printable(" ".join(str(name).split()), _LONGEST)


def _recognised(names: tuple[str, ...]) -> ClassList:
    """ImageNet's own list where these are its classes in order, each called by its synonyms ("tench, Tinca tinca")."""
    imagenet = imagenet_classes()
    if len(names) != len(imagenet):
        return ClassList(names)
    same = sum(
        short.lower() in [synonym.strip().lower() for synonym in (name, *name.split(","))]
        for name, short in zip(names, imagenet.names, strict=True)
    )
    return imagenet if same >= _IMAGENET_SHARE * len(names) else ClassList(names)
