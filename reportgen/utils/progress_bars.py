"""How far a run is, for a person: bars on stderr, or below the cell of a notebook."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from reportgen.utils.progress import Progress, Silent

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

# Seconds between two pictures of a bar: a kernel that sends more of them is busy with that alone.
_REDRAWN_S = 0.2
# Messages that stay below a bar.
_MOST_SAID = 20


class Bars:
    """The pipeline's Progress as rich bars; where stderr is no terminal, one line a stage."""

    def __init__(self, bars: RichProgress) -> None:
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

    def detail(self, message: str) -> None:
        """What only the command line shows (`--verbose`)."""


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


# --- in Python -----------------------------------------------------------------------------------


@contextmanager
def watched(progress: Progress | bool | None) -> Iterator[Progress]:
    """What a Python user sees of a run, while the context lasts.

    Args:
        progress: None shows bars in a terminal and in a notebook, and nothing elsewhere; False nothing; True, where neither is, a
            line a stage; anything else is used as it is.
    """
    if not isinstance(progress, bool) and progress is not None:
        yield progress
    elif progress is False:
        yield Silent()
    elif (cell := _cell()) is not None:
        with cell.standing():
            yield cell
    elif progress or (sys.stderr is not None and sys.stderr.isatty()):
        with progress_bars() as bars:
            yield bars
    else:
        yield Silent()


class _Handle(Protocol):
    def update(self, data: dict[str, str], *, raw: bool) -> None: ...


class CellBar:
    """The pipeline's Progress as one output of a notebook's cell, which is drawn again and again; it needs no widgets."""

    def __init__(self, handle: _Handle) -> None:
        self._handle = handle
        self._stages: list[tuple[str, int]] = []
        self._name, self._total, self._done, self._detail = "", 0, 0, ""
        self._said: list[str] = []
        self._begun = self._drawn = time.monotonic()

    def stage(self, name: str, total: int) -> None:
        self._end_stage()
        self._name, self._total, self._done, self._detail = name, total, 0, ""
        self._draw()

    def step(self, detail: str = "") -> None:
        self._done, self._detail = self._done + 1, detail[-40:]
        if time.monotonic() - self._drawn > _REDRAWN_S:
            self._draw()

    def say(self, message: str) -> None:
        self._said = [*self._said, " ".join(message.split())][-_MOST_SAID:]
        self._draw()

    def detail(self, message: str) -> None:
        """What only the command line shows (`--verbose`)."""

    @contextmanager
    def standing(self) -> Iterator[None]:
        """At the end the bar gives way to what was done, and in how many seconds; where the run failed it stays."""
        yield
        self._end_stage()
        seconds = time.monotonic() - self._begun
        self._draw(f"{', '.join(f'{name} ({total})' for name, total in self._stages)}: {seconds:.0f} s")

    def _end_stage(self) -> None:
        if self._name:
            self._stages.append((self._name, self._total))
            self._name = ""

    def _draw(self, line: str = "") -> None:
        self._drawn = time.monotonic()
        lines = [line or f"{self._name} {self._done}/{self._total} {self._detail}".rstrip(), *self._said]
        bar = "" if line else f'<progress value="{self._done}" max="{self._total}" style="width: 16em"></progress> '
        rows = [f"{bar if at == 0 else ''}{html.escape(text)}" for at, text in enumerate(lines)]
        page = f'<div style="font-size: 13px; line-height: 1.45">{"<br>".join(rows)}</div>'
        self._handle.update({"text/plain": "\n".join(lines), "text/html": page}, raw=True)


def _cell() -> CellBar | None:
    """A bar below the cell that runs; None where there is no notebook. IPython is not imported: where it runs, it is."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    return CellBar(display({"text/plain": ""}, raw=True, display_id=True))
