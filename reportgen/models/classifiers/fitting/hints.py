"""What a checkpoint says of itself beside its tensors: the architecture, the names of its classes. Plain values only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reportgen.models.classifiers.class_files import names_by_index
from reportgen.utils.inert_pickle import Made

# Where trainers put what they were called with: torchvision's and timm's scripts, Lightning, OpenMMLab.
_PLACES = ("args", "hyper_parameters", "hparams", "datamodule_hyper_parameters", "config", "meta", "dataset_meta")
_LISTS = ("classes", "class_names", "CLASSES")
_BY_NAME = ("class_to_idx", "label2id")
_BY_INDEX = ("idx_to_class", "id2label")
_ARCHITECTURES = ("arch", "model", "model_name", "architecture")
_MOST_NAMES, _MOST_LENGTH = 100_000, 300


def _table(value: object) -> Mapping[object, object]:
    """A dict, or what an inert object (a Namespace, a kind of dict) has for attributes or items."""
    if isinstance(value, Made):
        value = value.items or value.state
    return value if isinstance(value, dict) else {}


def _tables(content: object) -> Iterator[Mapping[object, object]]:
    """The checkpoint's own table, and those in it that say how it was trained."""
    root = _table(content)
    yield root
    for place in _PLACES:
        inner = _table(root.get(place))
        yield inner
        if place == "meta":
            yield _table(inner.get("dataset_meta"))


def carried_names(content: object) -> tuple[str, ...] | None:
    """Class names in index order, where the checkpoint carries a whole list of them."""
    for table in _tables(content):
        for key in (*_LISTS, *_BY_NAME, *_BY_INDEX):
            value = table.get(key)
            names: object = tuple(value) if isinstance(value, list | tuple) else None
            if key in _BY_NAME:
                names = names_by_index([(index, name) for name, index in _table(value).items()])
            elif key in _BY_INDEX:
                names = names_by_index(list(_table(value).items()))
            if isinstance(names, tuple) and 0 < len(names) <= _MOST_NAMES and all(_is_name(name) for name in names):
                return tuple(str(name).strip() for name in names)
    return None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= _MOST_LENGTH and value.isprintable()


def named_architectures(content: object) -> tuple[str, ...]:
    """What the checkpoint calls its network, most likely first: names as the libraries have them, not checked.

    timm's train script writes `version` beside `arch`, and is the only one that does; torchvision's writes `args.model`, and
    PyTorch's ImageNet example `arch` beside `best_acc1`. A name that stands anywhere else may be either library's.
    """
    for table in _tables(content):
        for key in _ARCHITECTURES:
            name = table.get(key)
            if isinstance(name, str) and 0 < len(name) <= _MOST_LENGTH and name.isprintable():
                root = _table(content)
                if "version" in root and "arch" in root:
                    return (f"timm:{name}",)
                if "best_acc1" in root or "best_prec1" in root or ("lr_scheduler" in root and "args" in root):
                    return (f"torchvision:{name}",)
                return (f"torchvision:{name}", f"timm:{name}")
    return ()
