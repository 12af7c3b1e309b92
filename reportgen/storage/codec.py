"""Results as bytes and back: a frozen dataclass of JSON values and arrays, nested as it likes.

Fields are numbers, text, booleans, None, tuples and mappings of them, other such dataclasses, and arrays, which are
annotated `Array`. Pydantic takes them apart by their types and puts them together again, so that what was kept and is of
another shape than the type says is not read.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import PlainSerializer, PlainValidator, SerializationInfo, TypeAdapter, ValidationInfo

from reportgen.storage.unread import UnreadArray

R = TypeVar("R")

# By name: of a result that was taken apart its arrays, or what stands for those that were not read.
Arrays = Mapping[str, "np.ndarray | UnreadArray"]

VALUES = "values.json"  # arrays are called by numbers


def _number_of(array: object, info: SerializationInfo) -> str:
    if not isinstance(array, np.ndarray):
        raise TypeError(f"an Array is an ndarray, not a {type(array).__name__}")
    number = str(len(info.context))  # type: ignore[arg-type]  # `taken_apart` always gives one
    info.context[number] = array  # type: ignore[index]
    return number


def _array_of(number: object, info: ValidationInfo) -> np.ndarray:
    return number if isinstance(number, np.ndarray) else info.context[number]  # type: ignore[index]


# An array in a result: kept as it is, beside the values.
Array = Annotated[np.ndarray, PlainValidator(_array_of), PlainSerializer(_number_of)]


def _adapter(kind: type[R]) -> TypeAdapter[R]:
    return _adapters(kind)  # type: ignore[arg-type]  # mypy: a type[R] may not be hashable


@cache
def _adapters(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def taken_apart(result: object) -> tuple[object, dict[str, np.ndarray]]:
    """The JSON values of a result, in which each array is called by a number, and the arrays by it.

    Raises:
        TypeError: where an array should stand there is something else.
    """
    arrays: dict[str, np.ndarray] = {}
    return _adapter(type(result)).dump_python(result, mode="json", context=arrays), arrays


def put_together(values: object, arrays: Arrays, kind: type[R]) -> R:
    """The result, a `kind`, of what `taken_apart` returned.

    Raises:
        ValidationError: they are of a result of another shape.
        KeyError: an array is not there.
    """
    return _adapter(kind).validate_python(values, context=arrays)


def round_trip(result: R) -> R:
    """The result as `decode` would read it back: a list where its type says tuple is a tuple, and so on."""
    return put_together(*taken_apart(result), type(result))


def json_bytes(values: object) -> bytes:
    """Values as JSON.

    Raises:
        ValueError: a number is not finite.
    """
    return json.dumps(values, allow_nan=False).encode()


def npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays as the bytes of an .npz file: the same for the same arrays.

    Raises:
        ValueError: one holds Python objects.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            # Opened by name a member has no time of writing. It may be larger than 2 GiB.
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return buffer.getvalue()


def read_npz(data: bytes) -> dict[str, np.ndarray]:
    """The arrays in the bytes of an .npz file.

    Raises:
        Exception: nearly anything, where the bytes are damaged.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as members:
        if any(member.compress_type != zipfile.ZIP_STORED for member in members.infolist()):
            raise ValueError("packed: what unpacks to more than it is was not written by `npz`")
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def encode(result: object) -> bytes:
    """A result as the bytes of one .npz file, its values among the arrays.

    Raises:
        ValueError: it holds a number that is not finite, or something that is neither value nor array.
    """
    values, arrays = taken_apart(result)
    return npz({**arrays, VALUES: np.frombuffer(json_bytes(values), np.uint8)})


def decode(data: bytes, kind: type[R]) -> R:
    """The result, a `kind`, that `encode` made these bytes of.

    Raises:
        Exception: nearly anything, where the bytes are damaged, or of a result of another shape.
    """
    arrays = read_npz(data)
    return put_together(json.loads(arrays.pop(VALUES).tobytes()), arrays, kind)
