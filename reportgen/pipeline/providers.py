"""Where analyses, classifiers and backends come from; a test hands in its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reportgen.analysis.protocol import AnyAnalysis
from reportgen.analysis.registry import load_analyses
from reportgen.models.classifiers.base import ClassifierSpec
from reportgen.models.classifiers.registry import resolve
from reportgen.models.runtime import Engine
from reportgen.models.runtime.choice import Precision, Runtime, choose_runtime
from reportgen.report.provenance import RuntimeRecord
from reportgen.settings.model import Settings
from reportgen.utils.versions import versions

ChooseRuntime = Callable[[ClassifierSpec, Runtime, Precision, Path], RuntimeRecord]


@dataclass(frozen=True)
class Providers:
    """The look-ups of a run.

    Attributes:
        analyses: names of tasks -> the analyses to run, in the report's order.
        classifier: a model's name and the settings -> what it is; nothing is loaded.
        runtime: which backend runs a classifier on this machine.
        engine: a classifier and a backend -> what makes the forward passes.
        versions: of packages by name, of those that are installed.
    """

    analyses: Callable[[Sequence[str]], list[AnyAnalysis]] = load_analyses
    classifier: Callable[[str, Settings], ClassifierSpec] = resolve
    runtime: ChooseRuntime = choose_runtime
    engine: Callable[[ClassifierSpec, RuntimeRecord, Path], Engine] = Engine
    versions: Callable[[Sequence[str]], dict[str, str]] = versions


INSTALLED = Providers()
