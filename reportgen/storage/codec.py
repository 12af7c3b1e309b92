"""Results as bytes and back: a frozen dataclass of JSON values and arrays, nested as it likes.

Fields are numbers, text, booleans, None, tuples and mappings of them, other such dataclasses, and arrays, which are
annotated `Array`. Pydantic takes them apart by their types and puts them together again, so that what was kept and is of
another shape than the type says is not read.
"""

from __future__ import annotations

import io
import json
from functools import cache
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import PlainSerializer, PlainValidator, SerializationInfo, TypeAdapter, ValidationInfo

R = TypeVar("R")

VALUES = "values.json"  # arrays are called by numbers


def _number_of(array: object, info: SerializationInfo) -> str:
    if not isinstance(array, np.ndarray):
        raise TypeError(f"an Array is an ndarray, not a {type(array).__name__}")
    number = str(len(info.context))  # type: ignore[arg-type]  # `encode` always gives one
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


def round_trip(result: R) -> R:
    """The result as `decode` would read it back: a list where its type says tuple is a tuple, and so on."""
    arrays: dict[str, np.ndarray] = {}
    adapter = _adapter(type(result))
    return adapter.validate_python(adapter.dump_python(result, mode="json", context=arrays), context=arrays)


def encode(result: object) -> bytes:
    """A result as the bytes of an .npz file.

    Raises:
        ValueError: it holds a number that is not finite, or something that is neither value nor array.
    """
    arrays: dict[str, np.ndarray] = {}
    values = _adapter(type(result)).dump_python(result, mode="json", context=arrays)
    text = json.dumps(values, allow_nan=False).encode()
    buffer = io.BytesIO()
    np.savez(buffer, **{**arrays, VALUES: np.frombuffer(text, np.uint8)})  # type: ignore[arg-type]  # any name is one
    return buffer.getvalue()


def decode(data: Any, kind: type[R]) -> R:
    """The result, a `kind`, in an .npz file.

    Args:
        data: the file's path, or an open file.

    Raises:
        Exception: nearly anything, where the bytes are damaged, or of a result of another shape.
    """
    with np.load(data, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return _adapter(kind).validate_python(json.loads(arrays.pop(VALUES).tobytes()), context=arrays)
