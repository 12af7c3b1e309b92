"""Weights: files of torch.save in both forms, and safetensors; looked into, and their tensors read."""

from __future__ import annotations

from fuzz.harness import on_disk, refused
from reportgen.models.checkpoints import open as door

READERS = ("reportgen/models/checkpoints", "reportgen/utils/inert_pickle.py")


def one(data: bytes) -> None:
    door._opened.cache_clear()  # files that follow fast may look like one file
    with on_disk(data, "x.pth") as path, refused():
        file = door.open_checkpoint(path)
        file.read([name for name, record in file.tensors.items() if record.readable])
