"""Where and how the work of a run is done. None of it changes the report, which shows none of it."""

from __future__ import annotations

from dataclasses import dataclass

from reportgen.utils.concurrency import default_jobs


@dataclass(frozen=True)
class Execution:
    """How the map is done.

    Attributes:
        jobs: images under way at once on one machine; None: as many as there are cores, up to a few.
    """

    jobs: int | None = None

    @property
    def at_once(self) -> int:
        """Images under way at once."""
        return self.jobs or default_jobs()
