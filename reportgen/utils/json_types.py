"""JSON as a type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    # What `json.dumps` takes, read-only.
    JSON: TypeAlias = Mapping[str, "JSON"] | Sequence["JSON"] | str | int | float | bool | None
else:
    JSON = Any  # pydantic, which reads types when a program runs, takes no such recursion
