"""One line on why a checkpoint is not that of a network: how much fits, what is missing first, what is left over first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from reportgen.models.classifiers.fitting.skeleton import Shape
from reportgen.utils.errors import UsageError
from reportgen.utils.terminal_text import printable


class Misfit(UsageError):
    """These are not the weights of that network."""


def misfit(
    path: Path, name: str, found: Mapping[str, Shape], expected: Mapping[str, Shape], left: Sequence[str] = ()
) -> Misfit:
    """The refusal.

    Args:
        name: of the network.
        found, expected: shapes of tensors by name, in the file and in the network.
        left: what the network has no place for; not given: every name that it does not expect.
    """
    missing = [key for key in expected if key not in found]
    other = [key for key in expected if key in found and found[key] != expected[key]]
    fitting = len(expected) - len(missing) - len(other)
    left = left or [key for key in found if key not in expected]
    parts = [f"{fitting} of its {len(expected)} tensors are there"]
    if missing:
        parts.append(f"{missing[0]} is missing")
    if other:
        parts.append(f"{other[0]} has the shape {_shape(found[other[0]])}, not {_shape(expected[other[0]])}")
    if left:
        parts.append(f"{printable(left[0], 80)} is left over")
    return Misfit(f"{path}: these are not the weights of {name}: {', '.join(parts)}")


def _shape(shape: Shape) -> str:
    return "x".join(str(length) for length in shape) or "()"
