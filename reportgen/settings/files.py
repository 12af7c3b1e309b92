"""The files that settings name, by their bytes: one may change under its name."""

from __future__ import annotations

from collections.abc import Collection

from reportgen.settings.group import SettingsGroup
from reportgen.utils.hashing import file_sha256
from reportgen.utils.untrusted_files import is_file, user_path


def files_named_in(settings: SettingsGroup, among: Collection[str] | None = None) -> dict[str, str]:
    """SHA-256 by setting (`dissection.labels`) of every file that one names, all or those in some groups; folders are none."""
    paths = [(key, path) for key, path in settings.paths() if among is None or key[0] in among]
    found = {".".join(key): user_path(path) for key, path in paths}
    return {name: file_sha256(path) for name, path in sorted(found.items()) if is_file(path)}
