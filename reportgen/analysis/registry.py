"""Analyses by name, found through the entry-point group `reportgen.analyses`, the built-in ones too."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from reportgen.analysis.protocol import Analysis
from reportgen.utils.errors import UsageError

GROUP = "reportgen.analyses"


@cache
def _declared() -> dict[str, EntryPoint]:
    found = {point.name: point for point in entry_points(group=GROUP)}
    # In a checkout the declaration itself counts: it may be newer than what was installed, or nothing was.
    found.update({point.name: point for point in _checkout_entry_points()})
    return found


def _checkout_entry_points() -> list[EntryPoint]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    pyproject = Path(__file__).resolve().parents[2] / "pyproject.toml"
    if not pyproject.is_file():
        return []
    table = tomllib.loads(pyproject.read_text("utf-8"))["project"]["entry-points"][GROUP]
    return [EntryPoint(name, value, GROUP) for name, value in table.items()]


def installed() -> list[str]:
    """The names of the installed analyses; none of them is imported."""
    return sorted(_declared())


def load_analyses(tasks: Sequence[str] = ()) -> list[Analysis]:
    """The analyses to run, in the report's order, with what they require pulled in.

    Raises:
        UsageError: a task that is not installed.
    """
    declared = _declared()
    wanted = list(tasks) or list(declared)
    loaded: dict[str, Analysis] = {}
    while wanted:
        name = wanted.pop(0)
        if name in loaded:
            continue
        if name not in declared:
            raise UsageError(f"unknown task {name!r}; installed: {', '.join(sorted(declared))}")
        loaded[name] = declared[name].load()
        wanted.extend(loaded[name].requires)
    return sorted(loaded.values(), key=lambda analysis: (analysis.order, analysis.name))
