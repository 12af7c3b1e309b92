"""The classifiers of a run, each with the backend chosen for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from reportgen.models.classifiers import ClassifierSpec
from reportgen.models.runtime import Engine
from reportgen.pipeline.plan import Plan
from reportgen.pipeline.providers import Providers
from reportgen.report.document import RuntimeRecord
from reportgen.settings.model import Settings
from reportgen.utils.hashing import digest_of
from reportgen.utils.json_types import JSON
from reportgen.utils.progress import Progress
from reportgen.utils.versions import DECODERS

# Packages whose version is part of every result's key.
KEY_PACKAGES = ("numpy", "pillow", *DECODERS, "scipy", "scikit-image", "scikit-learn")


@dataclass(frozen=True)
class Model:
    """A classifier, the backend chosen for it, and the engine that both make.

    Attributes:
        exact: that engine, or one in exact precision.
        versions: of the packages that can change a result.
    """

    spec: ClassifierSpec
    runtime: RuntimeRecord
    engine: Engine
    exact: Engine
    versions: Mapping[str, str]

    @cached_property
    def identity(self) -> Mapping[str, JSON]:
        """What of the model decides a result: part of every key."""
        return {
            "name": self.spec.name,
            "weights": self.spec.weights_sha256,
            "preprocessing": self.spec.record(),
            # They may stand in a file of the user's own, and every result shows them.
            "classes": digest_of(self.spec.classes.names),
            "activation": self.spec.activation,
            "runtime": [self.runtime.name, self.runtime.precision, self.runtime.device],
            "versions": self.versions,
            # Where a file of the user's own fills one; the results of all other models keep their keys.
            **({"architecture": self.spec.architecture} if self.spec.architecture else {}),
        }


def prepare_models(made: Plan, cache: Path, providers: Providers, progress: Progress) -> dict[str, Model]:
    """By name every classifier of the plan, its backend chosen; the first time that takes a conversion.

    Args:
        cache: the folder of converted models.

    Raises:
        UsageError: the runtime that the settings ask for cannot run a model.
    """
    progress.stage("Preparing models", len(made.specs))
    models = {}
    for name, spec in made.specs.items():
        models[name] = prepare_model(spec, made.settings, cache, providers)
        progress.detail(f"{name}: {_backend(models[name].runtime)}; {spec.source}")
        progress.step(name)
    return models


def _backend(runtime: RuntimeRecord) -> str:
    """`openvino on cpu, exact (why not another)`."""
    note = f" ({runtime.note})" if runtime.note else ""
    return f"{runtime.name} on {runtime.device}, {runtime.precision}{note}"


def prepare_model(spec: ClassifierSpec, settings: Settings, cache: Path, providers: Providers) -> Model:
    """A classifier with the backend that the settings ask for, its network known to load.

    Raises:
        UsageError: see `prepare_models`.
    """
    runtime = providers.runtime(spec, settings.runtime, settings.precision, cache)
    engine = providers.engine(spec, runtime, cache)
    engine.require_loadable()
    exact = engine if runtime.precision == "exact" else engine.exact()
    backend = ("openvino",) if runtime.name == "openvino" else ()
    return Model(spec, runtime, engine, exact, providers.versions((*backend, *spec.packages, *KEY_PACKAGES)))
