"""How far a run is, on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bars:
    """The pipeline's Progress as rich bars; where stderr is no terminal, one line a stage."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def stage(self, name: str, total: int) -> None:
        if not self._bars.console.is_terminal:
            self._bars.console.print(f"{name} ({total})", markup=False, highlight=False)
        self._task = self._bars.add_task(name, total=total, detail="")

    def step(self, detail: str = "") -> None:
        from rich.markup import escape

        if self._task is not None:
            self._bars.update(self._task, advance=1, detail=escape(detail[-40:]))

    def say(self, message: str) -> None:
        self._bars.console.print(message, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress_bars() -> Iterator[Bars]:
    """Bars that stand while the context lasts."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        yield Bars(bars)
