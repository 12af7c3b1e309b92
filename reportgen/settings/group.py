"""What every group of settings is, and which of its values are paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict

from reportgen.utils.encodings import as_text

Key = tuple[str, ...]


class SettingsGroup(BaseModel):
    """A frozen group of settings; an unknown key is an error.

    Attributes:
        presets: by preset, values of the group that differ from its defaults.
    """

    # Defaults too are made of their type: a run repeated from its report, where 4 stands for 4.0, has the same keys.
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def paths(self) -> Iterator[tuple[Key, str]]:
        """Every path among the settings: its key, and the path as the user wrote it."""
        return paths_of(type(self), self.model_dump(mode="json"))


class NoSettings(SettingsGroup):
    """The settings of an analysis that has none."""


@dataclass(frozen=True)
class PathMark:
    """Marks a setting as the path of a file or folder of the user's; `names` are values that are none."""

    names: tuple[str, ...] = ()


# A path as the user writes it. A report shows its last part alone, and its bytes are part of what a section is kept by.
UserPath = Annotated[str, PathMark()]


def paths_of(model: type[BaseModel], values: Mapping[str, Any], prefix: Key = ()) -> Iterator[tuple[Key, str]]:
    """Every path among `values`, which are those of `model` as JSON or a part of them: its key, and the path.

    The values may come from a report, and need not be valid: what has not the type that a path has is passed over.
    """
    for name, field in model.model_fields.items():
        value, key = values.get(name), (*prefix, name)
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if isinstance(value, Mapping):
                yield from paths_of(annotation, value, key)
            continue
        mark = next((m for m in field.metadata if isinstance(m, PathMark)), None) or _mark_within(annotation)
        if mark is None:
            continue
        entries = (
            [((*key, name), path) for name, path in value.items()] if isinstance(value, Mapping) else [(key, value)]
        )
        yield from ((at, path) for at, path in entries if isinstance(path, str) and path not in mark.names)


def _mark_within(annotation: Any) -> PathMark | None:
    """The mark of `UserPath | None` or `dict[str, UserPath]`."""
    for part in (annotation, *get_args(annotation)):
        for mark in getattr(part, "__metadata__", ()):
            if isinstance(mark, PathMark):
                return mark
    inner = (_mark_within(part) for part in get_args(annotation))
    return next((mark for mark in inner if mark is not None), None)


def last_part(path: str) -> str:
    """What a report shows of a path: the name of the file or folder alone."""
    name = Path(path).name
    return as_text(name if name not in ("", "..") else Path(path).resolve().name)
