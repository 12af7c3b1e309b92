"""A reader for the file that W&B keeps offline: records in LevelDB's log format, each a protocol buffer."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from wandb.proto import wandb_internal_pb2 as messages

BLOCK, HEADER = 32768, 7
FILE_HEADER = 7  # of W&B's own, in front of the first block's records
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(path: Path) -> Iterator[messages.Record]:
    """Every record of a `.wandb` file, in its order."""
    for data in _payloads(path.read_bytes()):
        record = messages.Record()
        record.ParseFromString(data)
        yield record


def _payloads(data: bytes) -> Iterator[bytes]:
    at, part = FILE_HEADER, b""
    while at + HEADER <= len(data):
        left = BLOCK - at % BLOCK
        if left < HEADER:  # no header fits: zeros up to the next block
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + HEADER])
        part += data[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (FULL, LAST):
            yield part
            part = b""
