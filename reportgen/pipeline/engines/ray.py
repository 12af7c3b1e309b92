"""The map as a pipeline of Ray Data: a pool of workers, each with its networks, is streamed small batches of files.

Ray schedules, tries again what a dead worker leaves undone, and streams the results; the order of the files is put back by whoever
collects them (`reportgen.pipeline.map.map_folder`).
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import ray
import ray.cloudpickle
import ray.data

from reportgen.analysis.protocol import AnyAnalysis
from reportgen.images.files import InputFile
from reportgen.images.sources.remote import Fetched
from reportgen.models.runtime.choice import Machine, choose_runtime, detect_machine
from reportgen.pipeline.engines.nodes import Node, nodes_alive, require_seen
from reportgen.pipeline.engines.session import ATTEMPTS
from reportgen.pipeline.engines.work import FileToCarry, MakeEngine, Packed, pack
from reportgen.pipeline.engines.worker import (
    FOUND,
    TASKS,
    Explainer,
    Found,
    Ledger,
    LedgerHandle,
    Parcel,
    Task,
    no_memory,
)
from reportgen.pipeline.map import Explained, Workbench
from reportgen.pipeline.providers import Providers
from reportgen.report.document import Skipped
from reportgen.utils.concurrency import default_jobs
from reportgen.utils.errors import ReportgenError, UsageError, first_line

# A batch is what a dead worker costs, and what is done before anything of it is told.
MOST_IMAGES, MOST_BYTES = 4, 32 << 20
# Batches a worker at the least, so that none is idle while another has several before it.
BATCHES_EACH = 4
# Seconds until a cluster calls a node dead that answers nothing (Ray: five checks, three seconds apart), and some more.
LOST_AFTER = 30
# Of a core: what is left is Ray's own, which stands still where workers have taken every core.
CORE = 0.9


@dataclass(frozen=True)
class RayEngine:
    """See `reportgen.pipeline.map.MapEngine`; it needs a session of Ray (`session.ray_session`).

    Attributes:
        nodes: of the cluster, when the engine began.
        jobs: images under way at once in a worker; None: one, beside a GPU as many as a machine has at once.
        apart: whether nodes may see other files than this machine.
        make_engine, models_cache: as `prepare_models` has them.
    """

    nodes: tuple[Node, ...]
    jobs: int | None
    apart: bool
    make_engine: MakeEngine
    models_cache: Path

    @property
    def gpus(self) -> int:
        return sum(int(node.gpus) for node in self.nodes)

    @property
    def workers(self) -> int:
        """One a GPU; where there is none, one a core."""
        return self.gpus or max(1, sum(node.cpu_workers for node in self.nodes))

    def on(self, providers: Providers) -> Providers:
        """The backends are those of the cluster, whatever the machine has that the command was given on."""
        if not self.apart or providers.runtime is not choose_runtime:
            return providers
        # Without GPUs a driver's own counts for nothing.
        on_gpu = partial(choose_runtime, machine=Machine(cuda=True))
        has_gpu_here = detect_machine("auto", "exact").cuda
        on_cpu = partial(choose_runtime, machine=Machine()) if has_gpu_here else choose_runtime
        return replace(providers, runtime=on_gpu if self.gpus else on_cpu)

    def map(
        self, files: Sequence[InputFile], analyses: Sequence[AnyAnalysis], bench: Workbench
    ) -> Generator[tuple[int, Explained | Skipped], None, None]:
        """Raises: Problems: a node does not see the images or the store; UsageError: a worker died again and again."""
        if self.apart:
            packages = sorted({name for model in bench.models.values() for name in model.versions})
            require_seen(self.nodes, [_absolute(file) for file in files], bench.store, packages)
        packed = pack(analyses, bench, self.make_engine, self.models_cache, ray.cloudpickle.CloudPickler)
        contents = {sha256: _sent(file) for sha256, file in packed.files.items()} if self.apart else {}
        tasks = [Task(at, _absolute(file), bench.plan.truths.get(file.name)) for at, file in enumerate(files)]
        engine, done = self, set[int]()
        while True:
            try:
                for one in engine._found([task for task in tasks if task.at not in done], packed, contents):
                    done.add(one.at)
                    yield one.at, _counted(one, files[one.at], bench)
                return
            except _WorkersDied as died:
                left = _nodes_left(engine.nodes)
                if len(left) in (0, len(engine.nodes)):
                    raise died.line from None
                # They went with their node, and the tries are spent on it: the workers of the other nodes do the rest.
                engine = replace(engine, nodes=left)

    def _found(
        self, tasks: Sequence[Task], packed: Packed, contents: Mapping[str, object]
    ) -> Generator[Found, None, None]:
        """What the workers of these nodes find, in any order."""
        ledger = cast("LedgerHandle", _near_here(Ledger).remote())
        parcel = ray.put(Parcel(packed, contents, ledger, None if self.gpus else 1))
        rows = [{TASKS: pickle.dumps(batch)} for batch in batches(tasks, self.workers)]
        found = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            Explainer,
            batch_size=1,
            batch_format="numpy",
            fn_constructor_args=(parcel,),
            compute=ray.data.ActorPoolStrategy(
                min_size=1,
                max_size=self.workers,
                initial_size=self.workers,
                max_concurrent_calls_per_actor=self._at_once,
                enable_true_multi_threading=True,
            ),
            ray_remote_args_fn=_restarts,
            **self._share(),
        )
        with _deaths_as_errors(ledger):
            for batch in found.iter_batches(batch_size=None, batch_format="numpy", prefetch_batches=0):
                for cell in cast("Mapping[str, np.ndarray]", batch)[FOUND]:
                    yield cast("Found", pickle.loads(cell))

    @property
    def _at_once(self) -> int:
        return self.jobs or (default_jobs() if self.gpus else 1)

    def _share(self) -> dict[str, float]:
        """What a worker takes of its node."""
        if not self.gpus:
            return {"num_cpus": CORE}
        return {
            "num_gpus": 1,
            "num_cpus": min(1.0, *(CORE * node.cpus / node.gpus for node in self.nodes if node.gpus)),
        }


def _restarts() -> dict[str, int]:
    """A worker that dies is started again, as often as it dies; what it was at is tried again, and not for ever."""
    return {"max_restarts": -1, "max_task_retries": ATTEMPTS - 1}


def batches(tasks: Sequence[Task], workers: int) -> Iterator[list[Task]]:
    """The images in small batches, bounded by number and bytes."""
    most = max(1, min(MOST_IMAGES, len(tasks) // (BATCHES_EACH * workers)))
    batch: list[Task] = []
    size = 0
    for task in tasks:
        own = _bytes_of(task.file)
        if batch and (len(batch) == most or size + own > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(task)
        size += own
    if batch:
        yield batch


def _bytes_of(file: InputFile) -> int:
    """What is known of its size without fetching it."""
    try:
        if file.stored is None:
            return file.path.stat().st_size
        if isinstance(file.stored, Fetched):
            return file.stored.length or MOST_BYTES
        return file.stored.size()
    except Exception:  # whoever reads it says why it cannot be read
        return 0


def _absolute(file: InputFile) -> InputFile:
    """A worker may be in another folder."""
    return file if file.stored is not None else replace(file, path=Path(os.path.abspath(file.path)))  # noqa: PTH100


def _sent(file: FileToCarry) -> object:
    """The bytes of a file in the object store, from where each node takes them once."""
    return ray.put(np.fromfile(file.path, np.uint8))


def _near_here(kind: type) -> "ray.actor.ActorClass":  # noqa: UP037
    """An actor on this machine's node, which the run does not outlive."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    return ray.remote(num_cpus=0, scheduling_strategy=here)(kind)


def _counted(one: Found, file: InputFile, bench: Workbench) -> Explained | Skipped:
    """What came of an image; its counts and seconds are added to the run's.

    Raises:
        Exception: what the worker met, other than a file that cannot be read.
    """
    bench.tally.count(computed=one.computed, reused=one.reused)
    bench.watch.add(one.stages, file.name, one.methods)
    if one.error is not None:
        raise one.error
    if one.unreadable is not None:
        return Skipped(name=file.name, reason=one.unreadable)
    return Explained(file, one.sha256, one.observations, one.keys, one.made)


@contextmanager
def _deaths_as_errors(ledger: LedgerHandle) -> Iterator[None]:
    """A worker that died too often as one line: which image it was at, and what helps."""
    try:
        yield
    except ReportgenError:
        raise
    except ray.exceptions.RayTaskError as error:  # not of an image: those come as data
        raise UsageError(
            f"--engine ray: a worker cannot go on ({type(error.cause or error).__name__}); what is finished is kept, the same command "
            "goes on"
        ) from error
    except ray.exceptions.RayError as error:
        raise _WorkersDied(_died(error, ledger)) from None


class _WorkersDied(Exception):
    """Workers died more often over a batch than it is tried. `line`: what the run ends with, unless it can go on elsewhere."""

    def __init__(self, line: UsageError) -> None:
        super().__init__(line)
        self.line = line


def _nodes_left(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Those of the nodes that are alive. One that was lost answers nothing for a while before the cluster calls it dead."""
    end = time.monotonic() + (LOST_AFTER if len(nodes) > 1 else 0)
    while True:
        alive = {node.id for node in nodes_alive()}
        left = tuple(node for node in nodes if node.id in alive)
        if len(left) < len(nodes) or time.monotonic() >= end:
            return left
        time.sleep(1)


def _died(error: Exception, ledger: LedgerHandle) -> UsageError:
    try:
        names = cast("list[str]", ray.get(ledger.most_begun.remote(), timeout=10))
    except ray.exceptions.RayError:
        names = []
    if isinstance(error, ray.exceptions.OutOfMemoryError) or "memory pressure" in str(error):
        return UsageError(no_memory(names))
    shown = " or ".join(names) or "an image"
    return UsageError(
        f"{shown}: a worker of Ray died over it {ATTEMPTS} times; if it had too little memory, lower --jobs (images at once in a "
        f"worker) or the setting max_pixels; leave --engine ray out to see more ({first_line(error)})"
    )


def ray_engine(address: str | None, jobs: int | None, make_engine: MakeEngine, models_cache: Path) -> RayEngine:
    """The engine of the session that is open."""
    return RayEngine(nodes_alive(), jobs, address is not None, make_engine, models_cache)
