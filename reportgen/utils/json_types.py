"""JSON as a type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

# What `json.dumps` takes, read-only.
JSON: TypeAlias = Mapping[str, "JSON"] | Sequence["JSON"] | str | int | float | bool | None
