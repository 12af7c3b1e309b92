"""What a worker needs to map images, made on the driver and opened on any machine.

Files go by content: a path is sent as the SHA-256 of its file, and becomes whatever path the worker has these bytes at. Keys are made
of what the driver sends (relevant settings, identities of models), so that no path of a worker is part of one.
"""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reportgen.analysis.protocol import AnyAnalysis
from reportgen.images.folder import Folder
from reportgen.images.remarks import Remarks
from reportgen.models.classifiers import ClassifierSpec
from reportgen.models.encoders import resolve_encoder
from reportgen.models.runtime import Engine
from reportgen.pipeline.cover import FrontMatter
from reportgen.pipeline.map import Locks, Tally, Workbench
from reportgen.pipeline.models import Model
from reportgen.pipeline.plan import Plan
from reportgen.report.provenance import RuntimeRecord
from reportgen.settings.files import with_paths
from reportgen.settings.group import Key
from reportgen.storage.store import Store
from reportgen.utils.hashing import file_sha256
from reportgen.utils.progress import Stopwatch
from reportgen.utils.untrusted_files import is_file, user_path

MakeEngine = Callable[[ClassifierSpec, RuntimeRecord, Path], Engine]
# A file by its SHA-256 -> where it lies on this machine.
Locate = Callable[[str], Path]


@dataclass(frozen=True)
class FileToCarry:
    """A file of the driver's: where it lies there, and the SHA-256 of its bytes."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class ThreadCounts:
    """Of torch and of BLAS. What both compute depends on them in the last bits, so that every worker takes the driver's; what
    OpenVINO computes does not."""

    torch: int
    blas: int

    @classmethod
    def here(cls) -> ThreadCounts:
        import torch
        from threadpoolctl import threadpool_info

        blas = [int(library["num_threads"]) for library in threadpool_info() if library["user_api"] == "blas"]
        return cls(torch.get_num_threads(), max(blas, default=1))

    def take(self) -> None:
        """Make them those of this process, where Ray has set others."""
        os.environ |= {
            "OMP_NUM_THREADS": str(self.torch),
            "OPENBLAS_NUM_THREADS": str(self.blas),
            "MKL_NUM_THREADS": str(self.blas),
        }
        import torch
        from threadpoolctl import threadpool_limits

        torch.set_num_threads(self.torch)
        threadpool_limits(self.blas, "blas")


@dataclass(frozen=True)
class SentModel:
    """A `Model` without its engine, which has locks."""

    spec: ClassifierSpec
    runtime: RuntimeRecord
    versions: Mapping[str, str]

    def opened(self, make: MakeEngine, cache: Path) -> Model:
        engine = make(self.spec, self.runtime, cache)
        exact = engine if self.runtime.precision == "exact" else engine.exact()
        return Model(self.spec, self.runtime, engine, exact, self.versions)


@dataclass(frozen=True)
class Work:
    """What is sent, as it is pickled.

    Attributes:
        plan: without what the map does not read.
        models_cache: the driver's folder of converted models.
    """

    plan: Plan
    analyses: tuple[AnyAnalysis, ...]
    models: Mapping[str, SentModel]
    make_engine: MakeEngine
    models_cache: Path
    store: Store
    fresh: bool
    threads: ThreadCounts


@dataclass(frozen=True)
class Packed:
    """Work ready to be sent.

    Attributes:
        files: by SHA-256 all files that it names.
        settings: by key of a setting the SHA-256 of the file that it names.
        conversions: by name below the folder of converted models (`<key>/model.xml`) the SHA-256.
    """

    pickled: bytes
    files: Mapping[str, FileToCarry]
    settings: Mapping[Key, str]
    conversions: Mapping[str, str]


def pack(
    analyses: Sequence[AnyAnalysis],
    bench: Workbench,
    make_engine: MakeEngine,
    models_cache: Path,
    pickler: type[pickle.Pickler],
) -> Packed:
    """The work of mapping `analyses`.

    Args:
        pickler: cloudpickle's, which also takes functions that no module has.
    """
    files = _Files()
    work = Work(
        plan=_slim(bench.plan),
        analyses=tuple(analyses),
        models={name: SentModel(model.spec, model.runtime, model.versions) for name, model in bench.models.items()},
        make_engine=make_engine,
        models_cache=models_cache.absolute(),
        store=bench.store,
        fresh=bench.fresh,
        threads=ThreadCounts.here(),
    )
    settings = {key: files.add(path) for key, path in _named_files(bench.plan, analyses).items()}
    conversions = {
        f"{folder.name}/{path.name}": files.add(path)
        for model in bench.models.values()
        if (folder := model.engine.conversion_folder) is not None
        for path in sorted(folder.iterdir())
        if is_file(path)
    }
    pickled = _pickled(work, files, pickler)
    return Packed(pickled, files.found, settings, conversions)


@dataclass
class _Files:
    found: dict[str, FileToCarry] = field(default_factory=dict)

    def add(self, path: Path) -> str:
        sha256 = file_sha256(path)
        self.found.setdefault(sha256, FileToCarry(path.absolute(), sha256))
        return sha256


def _slim(plan: Plan) -> Plan:
    """The plan without what the map does not read, and without what a worker is told of each image."""
    return replace(
        plan,
        images=Folder(Path()),
        probe=None,
        specs={},
        codes={},
        labels={},
        truths={},
        remarks=Remarks(),
        front=FrontMatter(),
        inputs={},
    )


def _named_files(plan: Plan, analyses: Sequence[AnyAnalysis]) -> dict[Key, Path]:
    """The files that settings name and a map may read; weights of encoders too where their names alone say where they are."""
    settings = plan.settings
    groups = {"weights", "classes", *(analysis.settings_name for analysis in analyses)}
    found = {key: user_path(path) for key, path in settings.paths() if key[0] in groups}
    for name in dict.fromkeys(name for analysis in analyses for name in analysis.encoders(settings)):
        path = resolve_encoder(name, settings).weights_file()
        if path is not None:
            found["weights", name] = path
    return {key: path for key, path in found.items() if is_file(path)}


def _pickled(work: Work, files: _Files, pickler: type[pickle.Pickler]) -> bytes:
    class ByContent(pickler):  # type: ignore[valid-type, misc]
        def persistent_id(self, value: object) -> str | None:
            return files.add(value) if isinstance(value, Path) and is_file(value) else None

    out = io.BytesIO()
    ByContent(out).dump(work)
    return out.getvalue()


def unpack(packed: bytes, locate: Locate) -> Work:
    """The work on this machine; the paths in it are this machine's."""

    class ByContent(pickle.Unpickler):
        def persistent_load(self, sha256: str) -> Path:
            return locate(sha256)

    return ByContent(io.BytesIO(packed)).load()  # type: ignore[no-any-return]


def opened(work: Work, settings: Mapping[Key, str], models_cache: Path, locate: Locate) -> Workbench:
    """The workbench of this process.

    Args:
        settings: as in `Packed`; models_cache: this machine's folder of converted models.
    """
    own = with_paths(work.plan.settings, {key: str(locate(sha256)) for key, sha256 in settings.items()})
    models = {name: model.opened(work.make_engine, models_cache) for name, model in work.models.items()}
    plan = replace(work.plan, settings=own)
    return Workbench(plan, models, work.store, Locks(plan.analyses), Stopwatch(), Tally(), work.fresh)
