"""The map in threads of this process, a few images at once."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from reportgen.analysis.protocol import AnyAnalysis
from reportgen.images.files import InputFile, UnreadableFile
from reportgen.pipeline.map import Explained, Workbench, explain
from reportgen.pipeline.providers import Providers
from reportgen.report.document import Skipped
from reportgen.utils.concurrency import map_in_order


@dataclass(frozen=True)
class Threads:
    """See `reportgen.pipeline.map.MapEngine`; results come in the order of the files.

    Attributes:
        jobs: images under way at once.
    """

    jobs: int

    def on(self, providers: Providers) -> Providers:
        """The backends are those of this machine."""
        return providers

    def map(
        self, files: Sequence[InputFile], analyses: Sequence[AnyAnalysis], bench: Workbench
    ) -> Generator[tuple[int, Explained | Skipped], None, None]:
        work = partial(explain, analyses=analyses, bench=bench)
        # Libraries change the warning filters of the process for a while, and two threads at that can leave them changed.
        with warnings.catch_warnings(), closing(map_in_order(work, files, self.jobs)) as under_way:
            for at, (file, future) in enumerate(under_way):
                try:
                    found: Explained | Skipped = future.result()
                except UnreadableFile as error:
                    found = Skipped(name=file.name, reason=error.reason)
                yield at, found
