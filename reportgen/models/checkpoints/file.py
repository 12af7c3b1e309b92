"""What a checkpoint holds, whatever format it is in: tensors by name, not yet read, and what stands beside them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.utils.errors import UsageError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class TensorRecord:
    """A tensor in a file.

    Attributes:
        dtype: torch's name for it, "float32".
        storage: the piece of the file that holds it; several tensors may lie in one.
        offset, stride: where in the storage its values lie, in elements.
        readable: False where torch would need more than its values (a quantised tensor).
    """

    dtype: str
    shape: tuple[int, ...]
    storage: str
    offset: int = 0
    stride: tuple[int, ...] = ()
    readable: bool = True


@dataclass(frozen=True)
class CheckpointFile(ABC):
    """A checkpoint that has been looked into.

    Attributes:
        tensors: by name. Dicts in dicts are one name with points: `{"state_dict": {"fc.weight": ...}}` is `state_dict.fc.weight`.
        content: the whole of it, as inert values: dicts, lists, plain values, `Made` objects.
    """

    path: Path
    tensors: Mapping[str, TensorRecord]
    content: object = field(repr=False, default=None)

    @abstractmethod
    def _read(self, names: Collection[str]) -> dict[str, torch.Tensor]:
        """These tensors as they lie in the file."""

    def read(self, names: Collection[str]) -> dict[str, torch.Tensor]:
        """These tensors; numbers of every floating-point kind become float32.

        Raises:
            UsageError: the file is damaged there, or has changed since it was looked into.
        """
        try:
            found = self._read(names)
            return {name: value.float() if value.is_floating_point() else value for name, value in found.items()}
        except Exception as error:  # libraries on untrusted bytes raise nearly anything
            reason = error if isinstance(error, BadFile) else type(error).__name__
            raise unreadable(self.path, f"damaged where its tensors lie ({reason})") from None


class BadFile(Exception):
    """What is wrong with a file, in a few plain words."""


def unreadable(path: Path, reason: object, remedy: str = "") -> UsageError:
    """The refusal of a file: one line."""
    return UsageError(f"{path}: not a readable weights file: {reason}{'; ' if remedy else ''}{remedy}")
