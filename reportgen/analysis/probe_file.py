"""A file that an analysis makes of a probe set alone: no image is explained, no report is written (`reportgen dissect`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from reportgen.analysis.run_view import ProbeView


@dataclass(frozen=True)
class MadeFile:
    """The file, and what a user should see of it.

    Attributes:
        columns, rows: a table of what the file holds, as text; notes: further lines.
    """

    data: bytes
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: tuple[str, ...] = ()


class ProbeFile(Protocol):
    """What an analysis says of a file that it can make of a probe set.

    Attributes:
        description: what it holds, in a few words.
        begins: its first bytes, by which a file of this kind is known; no other is written over.
    """

    description: str
    begins: bytes

    def own_settings(self, settings: Any, model: str) -> Any:
        """The analysis' settings as they are while the file is made, for one model alone."""

    def make(self, run: ProbeView[Any]) -> MadeFile:
        """The file, for the first model of `run`, from the results of the analysis and of those that it requires."""
