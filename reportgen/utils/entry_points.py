"""Plug-ins by entry point, the built-in ones too; in a checkout the table of its pyproject.toml counts as well."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from reportgen.utils.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ANALYSES = "reportgen.analyses"
_CHECKOUT = Path(__file__).resolve().parents[2] / "pyproject.toml"


@cache
def declared(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group by name; none of them is imported."""
    found = {point.name: point for point in entry_points(group=group)}
    if _CHECKOUT.is_file():
        # The declaration itself counts: it may be newer than what was installed, or nothing was.
        table = tomllib.loads(_CHECKOUT.read_text("utf-8"))["project"]["entry-points"].get(group, {})
        found.update({name: EntryPoint(name, value, group) for name, value in table.items()})
    return found


def load(point: EntryPoint) -> object:
    """What an entry point names.

    Raises:
        UsageError: it cannot be imported.
    """
    try:
        return point.load()
    except Exception as error:  # a package of somebody else's raises whatever it raises
        reason = str(error).partition("\n")[0] or type(error).__name__
        package = f" of {point.dist.name}" if point.dist else ""
        raise UsageError(
            f"the analysis {point.name!r}{package} ({point.value}) cannot be loaded: {reason}; repair it, or uninstall it"
        ) from error
