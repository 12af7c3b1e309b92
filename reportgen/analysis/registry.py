"""Analyses by name, found through the entry-point group `reportgen.analyses`, the built-in ones too."""

from __future__ import annotations

from collections.abc import Sequence

from reportgen.analysis.protocol import Analysis, AnyAnalysis
from reportgen.settings.model import PRESETS, Settings
from reportgen.utils import entry_points
from reportgen.utils.errors import UsageError


def installed() -> list[str]:
    """The names of the installed analyses; none of them is imported."""
    return sorted(entry_points.declared(entry_points.ANALYSES))


def encoders_used(settings: Settings) -> dict[str, list[str]]:
    """By concept encoder that any installed analysis uses, under these settings or a preset: the names of such presets."""
    used: dict[str, list[str]] = {}
    analyses = load_analyses()
    for preset in PRESETS:
        for name in dict.fromkeys(name for analysis in analyses for name in analysis.encoders(Settings(preset=preset))):
            used.setdefault(name, []).append(preset)
    for name in (name for analysis in analyses for name in analysis.encoders(settings)):
        used.setdefault(name, [])
    return used


def load_analyses(tasks: Sequence[str] = ()) -> list[AnyAnalysis]:
    """The analyses to run, in the report's order, with what they require pulled in.

    Args:
        tasks: their names; none: every installed one.

    Raises:
        UsageError: a task that is not installed, or that cannot be loaded.
    """
    declared = entry_points.declared(entry_points.ANALYSES)
    wanted = list(tasks) or list(declared)
    loaded: dict[str, AnyAnalysis] = {}
    while wanted:
        name = wanted.pop(0)
        if name in loaded:
            continue
        if name not in declared:
            raise UsageError(f"unknown task {name!r}; installed: {', '.join(sorted(declared))}")
        analysis = entry_points.load(declared[name])
        if not isinstance(analysis, Analysis) or analysis.name != name:
            raise UsageError(
                f"the analysis {name!r} ({declared[name].value}) is no instance of reportgen.analysis.protocol.Analysis of that name"
            )
        loaded[name] = analysis
        wanted.extend(analysis.requires)
    return sorted(loaded.values(), key=lambda analysis: (analysis.order, analysis.name))
