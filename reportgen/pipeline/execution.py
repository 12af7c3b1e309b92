"""Where and how the work of a run is done. None of it changes the report, which shows none of it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from reportgen.pipeline.engines.threads import Threads
from reportgen.pipeline.providers import Providers
from reportgen.storage.blobs import blobs_at
from reportgen.storage.store import Store, chosen_store
from reportgen.utils.concurrency import default_jobs
from reportgen.utils.errors import UsageError

if TYPE_CHECKING:
    from reportgen.pipeline.engines.ray import RayEngine

EngineName = Literal["threads", "ray"]


@dataclass(frozen=True)
class Execution:
    """How the map is done, and where its results are kept.

    Attributes:
        jobs: images under way at once, on this machine or in each worker of Ray; None: as many as there are cores, up to a few,
            and one in a worker that has no GPU.
        engine: threads of this process, or the workers of a Ray cluster.
        address: of the cluster; None: Ray is started on this machine, and ended with the map.
        store: a folder, or an address such as s3://bucket/folder, in place of the cache folder's results. It may hold a secret.
    """

    jobs: int | None = None
    engine: EngineName = "threads"
    address: str | None = None
    store: str | Path | None = field(default=None, repr=False)

    @property
    def at_once(self) -> int:
        """Images under way at once in this process."""
        return self.jobs or default_jobs()

    def results_in(self, cache: Path) -> tuple[Store, list[Callable[[], object]]]:
        """The store of results, where `cache` is the cache folder, and what to look at before any work.

        Raises:
            UsageError: an address of no store.
        """
        place = chosen_store(self.store)
        if place is None:
            return Store(cache / "results"), []
        store = Store(blobs_at(place))
        return store, [store.require_usable]

    def require_possible(self) -> None:
        """Asked before any work.

        Raises:
            UsageError: an unknown engine, Ray is not installed, or an address of nothing.
        """
        if self.engine not in ("threads", "ray"):
            raise UsageError(f"--engine {self.engine}: there are threads and ray")
        if self.address is not None and self.engine != "ray":
            raise UsageError(f"--address {self.address}: is that of a Ray cluster; add --engine ray")
        if self.engine == "ray" and not _installed():
            raise UsageError("--engine ray needs Ray; run pip install 'reportgen[ray]', or leave the option out")

    @contextmanager
    def begun(self, providers: Providers, models_cache: Path) -> Iterator[Threads | RayEngine]:
        """The engine, for as long as the map takes.

        Args:
            models_cache: the folder of converted models.

        Raises:
            UsageError: there is no cluster at the address.
        """
        if self.engine == "threads":
            yield Threads(self.at_once)
            return
        from reportgen.pipeline.engines.session import ray_session

        with ray_session(self.address):
            from reportgen.pipeline.engines.ray import ray_engine

            yield ray_engine(self.address, self.jobs, providers.engine, models_cache)


def _installed() -> bool:
    """Whether Ray is here with what its data pipelines need."""
    return all(importlib.util.find_spec(name) is not None for name in ("ray", "pyarrow"))
