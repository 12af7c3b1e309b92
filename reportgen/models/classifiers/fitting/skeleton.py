"""An architecture without its weights: the names and shapes that a checkpoint has to fill, and where its head is."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reportgen.utils.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, ...]


# Architectures that are tried in the place of one that does not fit: a tenth of a second each.
_RELATIVES = 12


@dataclass(frozen=True)
class Skeleton:
    """An architecture's state dict by shape.

    Attributes:
        name: of the architecture, "torchvision:resnet18".
        shapes: of every tensor of its state dict.
        head: path of the layer whose outputs are the classes.
        end: path of what trainers replace to have other classes: the head, or the `nn.Sequential` that it ends.
        features: what `end` takes, where its first layer is linear; else None, and `end` cannot be rebuilt.
        head_features: what the head takes, where it is linear; else None.
        further: paths of heads beside it whose outputs count, too (of a distilled network).
        outputs: classes of the architecture as its library builds it.
        unsaved: buffers that it makes itself; older files hold them.
        optional: beginnings of names that only training needs.
    """

    name: str
    shapes: Mapping[str, Shape]
    head: str
    end: str
    features: int | None
    head_features: int | None
    further: tuple[str, ...]
    outputs: int
    unsaved: frozenset[str]
    optional: tuple[str, ...] = ()


def nearest(name: str, known: Sequence[str]) -> list[str]:
    """The architectures whose names are most like `name`, which may be meant; without itself."""
    return [near for near in difflib.get_close_matches(name, known, n=_RELATIVES + 1, cutoff=0.5) if near != name]


def skeleton_of(
    name: str,
    build: Callable[[], nn.Module],
    heads: Callable[[nn.Module], Sequence[str]],
    optional: tuple[str, ...] = (),
) -> Skeleton:
    """The skeleton of the network that `build` makes; `heads` gives the paths of its classifying layers, the first counts.

    It is built on torch's meta device, where tensors have shapes and no values; a library that needs values while it builds
    (torchvision's RegNet) is given them.

    Raises:
        UsageError: it has no classifying head.
    """
    import torch
    from torch import nn

    try:
        with torch.device("meta"):
            model = build()
    except (NotImplementedError, RuntimeError):
        model = build()
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    head, *further = heads(model) or ("",)
    if f"{head}.weight" not in shapes:
        raise UsageError(f"{name}: has no classifying head; use another architecture")
    parent = head.rpartition(".")[0]
    inside = model.get_submodule(parent)
    end = parent if parent and isinstance(inside, nn.Sequential) else head
    first = next((m for m in model.get_submodule(end).modules() if not list(m.children())), None)
    layers = [m for m in model.get_submodule(end).modules() if isinstance(m, nn.Linear)]
    flat = isinstance(first, nn.Linear | nn.Dropout) and bool(layers)
    last = model.get_submodule(head)
    return Skeleton(
        name=name,
        shapes=shapes,
        head=head,
        end=end,
        features=layers[0].in_features if flat else None,
        head_features=last.in_features if isinstance(last, nn.Linear) else None,
        further=tuple(path for path in further if not path.startswith(optional or "/")),
        outputs=shapes[f"{head}.weight"][0],
        unsaved=frozenset(dict(model.named_buffers())) - frozenset(shapes),
        optional=optional,
    )
