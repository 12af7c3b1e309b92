"""safetensors: a table of names, kinds and places, then the values. The library reads the values."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.models.checkpoints.file import BadFile, CheckpointFile, TensorRecord
from reportgen.models.checkpoints.formats import MOST_HEADER_BYTES

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Safetensors(CheckpointFile):
    """A file of the safetensors library."""

    def _read(self, names: Collection[str]) -> dict[str, torch.Tensor]:
        from safetensors import safe_open

        with safe_open(self.path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in names}


def open_safetensors(path: Path) -> Safetensors:
    """Look into a safetensors file.

    Raises:
        BadFile: its table is damaged, or names places behind the end of the file.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(min(length, MOST_HEADER_BYTES)))
            data = file.seek(0, 2) - 8 - length
            tensors = {name: _record(name, entry) for name, entry in header.items() if name != "__metadata__"}
            end = max((entry["data_offsets"][1] for name, entry in header.items() if name in tensors), default=0)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            raise BadFile("the table at its beginning is damaged") from None
    if end > data:
        raise BadFile("cut short: it ends before its last tensor")
    return Safetensors(path, tensors, {"__metadata__": header.get("__metadata__")})


def _record(name: str, entry: dict[str, list[int]]) -> TensorRecord:
    shape = tuple(entry["shape"])
    if not all(type(value) is int and value >= 0 for value in (*shape, *entry["data_offsets"])):
        raise ValueError(name)
    return TensorRecord(str(entry["dtype"]), shape, name)
