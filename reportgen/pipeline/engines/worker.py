"""What runs in a process of Ray: one that explains images, and one that looks at what its node can see."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import ray

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.ground_truth.annotation import Annotation
from reportgen.pipeline.engines.work import FileToCarry, Packed, opened, unpack
from reportgen.pipeline.map import At, Explained, Tally, Workbench, explain
from reportgen.pipeline.observation import Observation
from reportgen.storage.cache import in_use, touch
from reportgen.storage.store import cache_folder
from reportgen.utils.concurrency import limit_engine_cores
from reportgen.utils.errors import ReportgenError, UsageError
from reportgen.utils.files import write_file
from reportgen.utils.hashing import file_sha256
from reportgen.utils.progress import Stopwatch
from reportgen.utils.untrusted_files import is_file

# Columns of the blocks that go to the workers and come back; each cell is pickled.
TASKS, FOUND = "tasks", "found"


@dataclass(frozen=True)
class Task:
    """One image: its place among the files of the folder, and its ground truth."""

    at: int
    file: InputFile
    truth: Annotation | None = None


@dataclass(frozen=True)
class Found:
    """What came of one image, and of what it cost; either an `Explained` without its file, a reason to skip it, or an error.

    Attributes:
        stages, methods: seconds, as in `Stopwatch`.
    """

    at: int
    sha256: str = ""
    observations: Mapping[str, Observation] = field(default_factory=dict)
    keys: Mapping[At, str | None] = field(default_factory=dict)
    made: frozenset[At] = frozenset()
    unreadable: str | None = None
    error: Exception | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    methods: Mapping[str, float] = field(default_factory=dict)
    computed: int = 0
    reused: int = 0


class _Remote(Protocol):
    def remote(self, *given: object) -> object: ...


class LedgerHandle(Protocol):
    """A handle of the actor `Ledger`."""

    @property
    def begin(self) -> _Remote: ...
    @property
    def end(self) -> _Remote: ...
    @property
    def most_begun(self) -> _Remote: ...


class Ledger:
    """Which images are under way, and how often each was begun: an actor that outlives the workers, and knows what each died of."""

    def __init__(self) -> None:
        self._begun: dict[str, int] = {}

    def begin(self, name: str) -> None:
        self._begun[name] = self._begun.get(name, 0) + 1

    def end(self, name: str) -> None:
        self._begun.pop(name, None)

    def most_begun(self) -> list[str]:
        """Of the images that were never done those that were begun most often."""
        most = max(self._begun.values(), default=0)
        return [name for name, times in self._begun.items() if times == most]


@dataclass(frozen=True)
class Parcel:
    """What a worker is given.

    Attributes:
        contents: by SHA-256 a reference to the file's bytes in Ray's object store; none on the driver's own machine.
        cores: that its networks may keep busy; None: all.
    """

    packed: Packed
    contents: Mapping[str, object]
    ledger: LedgerHandle
    cores: int | None = None


class Explainer:
    """A worker of the pool: it keeps its networks, and explains what it is sent. Several threads may call it at once."""

    def __init__(self, given: object) -> None:
        """Args: given: a reference to its Parcel."""
        parcel = cast("Parcel", ray.get(given))
        self._ledger, self._open = parcel.ledger, ExitStack()
        self._cannot_begin: ReportgenError | None = None
        try:
            self._begin(parcel)
        except ReportgenError as error:  # told with the first image, as every other error is
            self._cannot_begin = error

    def _begin(self, parcel: Parcel) -> None:
        if parcel.cores is not None:
            limit_engine_cores(parcel.cores)
        self._open.enter_context(in_use(cache_folder()))
        files = NodeFiles(parcel.packed.files, parcel.contents)
        self._work = unpack(parcel.packed.pickled, files.locate)
        self._work.threads.take()
        models = files.models_cache(self._work.models_cache, parcel.packed.conversions)
        self._bench = opened(self._work, parcel.packed.settings, models, files.locate)

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        tasks = [task for cell in batch[TASKS] for task in cast("Sequence[Task]", pickle.loads(cell))]
        found = np.empty(len(tasks), object)
        for i, task in enumerate(tasks):
            found[i] = pickled(self._found(task))
        return {FOUND: found}

    def _found(self, task: Task) -> Found:
        if self._cannot_begin is not None:
            return Found(task.at, error=self._cannot_begin)
        name, watch, tally = task.file.name, Stopwatch(), Tally()
        # Known before the work begins: it may be the last that this process does. Without a ledger the work goes on.
        with suppress(ray.exceptions.RayError):
            ray.get(self._ledger.begin.remote(name))
        try:
            found = self._explained(task, watch, tally)
        finally:
            self._ledger.end.remote(name)
        return replace(
            found,
            stages=dict(watch.stages),
            methods=dict(watch.images.get(name, {})),
            computed=tally.computed,
            reused=tally.reused,
        )

    def _explained(self, task: Task, watch: Stopwatch, tally: Tally) -> Found:
        truths = {} if task.truth is None else {task.file.name: task.truth}
        plan = replace(self._bench.plan, truths=truths)
        bench: Workbench = replace(self._bench, plan=plan, watch=watch, tally=tally)
        try:
            with warnings.catch_warnings():
                done: Explained = explain(task.file, self._work.analyses, bench)
        except UnreadableFile as error:
            return Found(task.at, unreadable=error.reason)
        except MemoryError:
            return Found(task.at, error=UsageError(no_memory([task.file.name])))
        except Exception as error:
            return Found(task.at, error=error)
        return Found(task.at, done.sha256, done.observations, done.keys, done.computed)


def pickled(found: Found) -> bytes:
    try:
        return pickle.dumps(found)
    except Exception:  # an error that is of a class inside a function, or holds what cannot be sent
        return pickle.dumps(replace(found, error=RuntimeError(f"{type(found.error).__name__}: {found.error}")))


def no_memory(names: Sequence[str]) -> str:
    """The line of an image that a worker has no memory for."""
    shown = " or ".join(names) or "an image"
    return (
        f"{shown}: a worker of Ray has too little memory for it; lower --jobs (images at once in a worker) or the setting "
        "max_pixels (a larger image is skipped), or use a machine with more memory"
    )


class NodeFiles:
    """The files of the driver on this machine: where the same path has the same bytes it is used, else they are fetched, once a
    machine, into the cache, where they count as models and go as those do."""

    def __init__(self, files: Mapping[str, FileToCarry], contents: Mapping[str, object]) -> None:
        self._files, self._contents = files, contents

    def locate(self, sha256: str) -> Path:
        """Raises: UsageError: the file is not here, and its bytes were not sent."""
        file = self._files[sha256]
        if _is(file.path, sha256):
            return file.path
        return self._brought(sha256, self._own_models / sha256[:32], file.path.name)

    def models_cache(self, drivers: Path, conversions: Mapping[str, str]) -> Path:
        """The driver's folder of converted models, where it is here; else this machine's, with the conversions in it."""
        if all(_is(drivers / name, sha256) for name, sha256 in conversions.items()):
            return drivers if drivers.is_dir() else self._own_models
        # The sign of a whole conversion comes last.
        for name, sha256 in sorted(conversions.items(), key=lambda item: item[0].endswith("meta.json")):
            folder, _, plain = name.partition("/")
            if not (self._own_models / folder / "meta.json").is_file() or plain == "meta.json":
                self._brought(sha256, self._own_models / folder, plain, mark=False)
        return self._own_models

    @cached_property
    def _own_models(self) -> Path:
        return cache_folder() / "models"

    def _brought(self, sha256: str, folder: Path, name: str, *, mark: bool = True) -> Path:
        path = folder / name
        if not _is(path, sha256):
            if sha256 not in self._contents:
                raise UsageError(f"{self._files[sha256].path}: is not what it was when the run began; start it again")
            write_file(path, cast("np.ndarray", ray.get(self._contents[sha256])).tobytes())
        if mark:  # an entry of the cache, as a conversion is
            if not (folder / "meta.json").is_file():
                write_file(folder / "meta.json", b"{}")
            touch(folder / "meta.json")
        return path


def _is(path: Path, sha256: str) -> bool:
    try:
        return is_file(path) and file_sha256(path) == sha256
    except OSError:
        return False
