"""What an ONNX file says of itself, read from its bytes: the files that hold its weights, and who wrote it.

An ONNX file is a protocol buffer (ModelProto of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Of its fields only those that
are needed are followed; numbers of fields are those of that file. Nothing is decoded that the file does not hold, and nothing runs.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import digest_of, file_sha256
from reportgen.utils.untrusted_files import is_file

MOST_BYTES = 2**31  # a protocol buffer is no larger
MOST_FIELDS = 5_000_000  # of one message: a network has thousands of nodes
MOST_DEPTH = 8  # of graphs within nodes of graphs
VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5
# ModelProto
PRODUCER, GRAPH = 2, 7
# GraphProto, NodeProto, AttributeProto
NODES, INITIALIZERS, ATTRIBUTES = 1, 5, 5
TENSOR, SUBGRAPH, TENSORS, SUBGRAPHS = 5, 6, 10, 11
# TensorProto, and the pairs of its external data
EXTERNAL, KEY, VALUE = 13, 1, 2


@dataclass(frozen=True)
class OnnxFile:
    """An ONNX file on disk.

    Attributes:
        producer: the program that wrote it, as it says; "" where it does not.
        sha256: of its bytes and of those of the files that hold its weights.
    """

    path: Path
    producer: str
    sha256: str


def read_onnx_file(path: Path) -> OnnxFile:
    """Look at an ONNX file.

    Raises:
        UsageError: it is missing, no ONNX file, cut off, or a file of its weights is missing or lies outside its folder.
    """
    if not is_file(path):
        raise UsageError(f"{path}: no such ONNX file; give --model onnx:PATH, or its path under [weights]")
    if not 0 < path.stat().st_size <= MOST_BYTES:
        raise UsageError(f"{path}: not an ONNX file ({path.stat().st_size} bytes)")
    try:
        with path.open("rb") as file:
            # Unmapped with the last view of it, which an error may keep for a while.
            producer, locations = _summary(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    except _Malformed:
        raise UsageError(
            f"{path}: not an ONNX file, or cut off; export it again (torch.onnx.export), or copy it again"
        ) from None
    return OnnxFile(path, producer, _sha256(path, locations))


def _sha256(path: Path, locations: list[str]) -> str:
    own = file_sha256(path)
    return digest_of([own, {name: file_sha256(_beside(path, name)) for name in locations}]) if locations else own


def _beside(path: Path, location: str) -> Path:
    """A file that holds weights of `path`; only files below its own folder are read."""
    folder = path.resolve().parent
    try:
        found = (folder / location).resolve()
    except (OSError, ValueError):
        found = folder.parent
    if not found.is_relative_to(folder):
        raise UsageError(f"{path}: its weights lie in {location[:80]!r}, outside its own folder; export it anew")
    if not is_file(found):
        raise UsageError(f"{path}: its weights lie in {location[:80]!r}, which is not beside it; copy that file, too")
    return found


class _Malformed(Exception):
    """The bytes are no protocol buffer."""


def _summary(model: memoryview) -> tuple[str, list[str]]:
    """Who wrote the model, and the locations of its external data, once each."""
    producer, graphs = "", []
    for number, value in _fields(model):
        if number == GRAPH:
            graphs.append(value)
        elif number == PRODUCER:
            producer = _text(value)
    if not graphs:
        raise _Malformed
    locations = {location: None for graph in graphs for location in _locations(graph, 0)}
    return "".join(letter for letter in producer if letter.isprintable())[:40], list(locations)


def _locations(graph: memoryview, depth: int) -> Iterator[str]:
    if depth > MOST_DEPTH:
        raise _Malformed
    for number, value in _fields(graph):
        if number == INITIALIZERS:
            yield from _location(value)
        elif number == NODES:
            for attribute in _only(value, ATTRIBUTES):
                for inner, content in _fields(attribute):
                    if inner in (TENSOR, TENSORS):
                        yield from _location(content)
                    elif inner in (SUBGRAPH, SUBGRAPHS):
                        yield from _locations(content, depth + 1)


def _location(tensor: memoryview) -> Iterator[str]:
    for pair in _only(tensor, EXTERNAL):
        entry = {number: _text(value) for number, value in _fields(pair) if number in (KEY, VALUE)}
        if entry.get(KEY) == "location":
            yield entry.get(VALUE, "")


def _only(message: memoryview, wanted: int) -> Iterator[memoryview]:
    return (value for number, value in _fields(message) if number == wanted)


def _text(value: memoryview) -> str:
    return bytes(value).decode("utf-8", "replace")


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and bytes of every field that has a length, in order; the others are passed over.

    Raises:
        _Malformed: this is no protocol buffer.
    """
    at = count = 0
    while at < len(message):
        count += 1
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == LENGTH:
            length, at = _varint(message, at)
            if at + length > len(message):
                raise _Malformed
            yield number, message[at : at + length]
            at += length
        elif kind == VARINT:
            _, at = _varint(message, at)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            at += 8 if kind == EIGHT_BYTES else 4
        else:
            raise _Malformed
        if number == 0 or at > len(message) or count > MOST_FIELDS:
            raise _Malformed


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise _Malformed
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
    raise _Malformed
