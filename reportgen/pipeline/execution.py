"""Where and how the work of a run is done. None of it changes the report, which shows none of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from reportgen.storage.blobs import blobs_at
from reportgen.storage.store import Store, chosen_store
from reportgen.utils.concurrency import default_jobs


@dataclass(frozen=True)
class Execution:
    """How the map is done, and where its results are kept.

    Attributes:
        jobs: images under way at once on one machine; None: as many as there are cores, up to a few.
        store: a folder, or an address such as s3://bucket/folder, in place of the cache folder's results. It may hold a secret.
    """

    jobs: int | None = None
    store: str | Path | None = field(default=None, repr=False)

    @property
    def at_once(self) -> int:
        """Images under way at once."""
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
