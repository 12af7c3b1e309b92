"""The files that settings name, by their bytes: one may change under its name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

from pydantic import BaseModel

from reportgen.settings.group import Key, SettingsGroup
from reportgen.utils.hashing import file_sha256
from reportgen.utils.untrusted_files import is_file, user_path

M = TypeVar("M", bound=BaseModel)


def files_named_in(settings: SettingsGroup, among: Collection[str] | None = None) -> dict[str, str]:
    """SHA-256 by setting (`dissection.labels`) of every file that one names, all or those in some groups; folders are none."""
    paths = [(key, path) for key, path in settings.paths() if among is None or key[0] in among]
    found = {".".join(key): user_path(path) for key, path in paths}
    return {name: file_sha256(path) for name, path in sorted(found.items()) if is_file(path)}


def with_paths(settings: M, paths: Mapping[Key, str]) -> M:
    """The settings with other paths by their keys, those of `SettingsGroup.paths`; one of a table may be new there."""
    update: dict[str, object] = {}
    for name in dict.fromkeys(key[0] for key in paths):
        inside = {key[1:]: path for key, path in paths.items() if key[0] == name}
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            update[name] = with_paths(value, inside)
        elif isinstance(value, Mapping):
            update[name] = {**value, **{key: path for (key,), path in inside.items()}}
        else:
            update[name] = inside[()]
    return settings.model_copy(update=update)
