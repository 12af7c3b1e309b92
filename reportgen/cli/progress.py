"""How far a run is, on stderr: one line at the bottom of a terminal, plain lines in a file or pipe."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from reportgen.cli.streams import written_to_stderr
from reportgen.cli.terminal import Terminal, duration, has_colours
from reportgen.utils.terminal_text import printable

# The pace of so many last steps says when the rest is done: results of the store come first, and fast.
RECENT = 20
# Seconds after which a guess at the rest is made, and between two looks at the clock and at the terminal's width.
SETTLED_S, TICK_S = 2.0, 0.5
# Plain lines of a stage: a second apart, later a tenth of its time, so that a long run fills no log.
SHORTEST_GAP_S, GAP_SHARE = 1.0, 0.1
LONGEST_BAR, SHORTEST_BAR = 24, 8
MOST_OF_DETAIL = 40
# The cursor rests at the start of its line, also where a terminal that grew narrower has wrapped that line. All below is cleared
# behind the text and not before it: nothing flickers, and tmux, which keeps a screen that is cleared from its top, keeps no old line.
# A write begins there too: a terminal shows Ctrl-C as ^C where the cursor is.
CLEAR_LINE, CLEAR_BELOW, HOME = "\x1b[K", "\x1b[J", "\r"
# A terminal that is being made narrower says so a moment later: meanwhile a line must not wrap either.
NO_WRAP, WRAP = "\x1b[?7l", "\x1b[?7h"


class Stage:
    """One stage: how many of its steps are done, and when."""

    def __init__(self, name: str, total: int, now: float) -> None:
        self.name, self.total, self.done, self.detail = name, total, 0, ""
        self.start = now
        self._steps: deque[float] = deque([now], RECENT + 1)

    def step(self, now: float, detail: str) -> None:
        self.done, self.detail = self.done + 1, detail
        self._steps.append(now)

    @property
    def count(self) -> str:
        return f"{self.done}/{self.total}"

    @property
    def over(self) -> bool:
        return self.done >= self.total

    def left(self, now: float) -> str:
        """`about 40 s left`; empty where nobody can say yet."""
        if not 0 < self.done < self.total or now - self.start < SETTLED_S:
            return ""
        steps, waited = len(self._steps) - 1, now - self._steps[-1]
        pace = (self._steps[-1] - self._steps[0]) / steps
        if waited > pace:  # the step under way takes longer than those before it, and so may the others
            pace = (now - self._steps[0]) / (steps + 1)
            waited = pace
        rest = pace * (self.total - self.done) - waited
        return f"{about(rest)} left"

    def took(self, now: float) -> str:
        """`40 s`; empty where it was no time."""
        return duration(now - self.start) if now - self.start >= 0.5 else ""


def about(seconds: float) -> str:
    """`about 40 s`, `about 3 min`, `about 1 h 20 min`: no more digits than a guess has."""
    if seconds < 57.5:
        return f"about {max(5, 5 * round(seconds / 5))} s"
    minutes = max(1, round(seconds / 60))
    return f"about {duration(60 * (minutes if minutes < 60 else 5 * round(minutes / 5)))}"


class Plain:
    """Progress where stderr is no terminal: a line where a stage begins, and now and then one of how far it is."""

    def __init__(self, terminal: Terminal, clock: Callable[[], float] = time.monotonic) -> None:
        self._terminal, self._clock = terminal, clock
        self._stage: Stage | None = None
        self._said = 0.0

    def stage(self, name: str, total: int) -> None:
        self._stage, self._said = Stage(name, total, self._clock()), self._clock()
        self.say(f"{name} ({total})")

    def step(self, detail: str = "") -> None:
        stage, now = self._stage, self._clock()
        if stage is None:
            return
        stage.step(now, detail)
        if now - self._said < max(SHORTEST_GAP_S, GAP_SHARE * (now - stage.start)):
            return
        self._said = now
        time_said = stage.took(now) if stage.over else stage.left(now)
        self.say(f"{stage.name} {stage.count}{time_said and ', '}{time_said}")

    def say(self, message: str) -> None:
        self._terminal.say(message)

    def detail(self, message: str) -> None:
        self._terminal.detail(message)


class Live:
    """Progress on a terminal: the stage under way on the last line, which never wraps; those before it above, in order.

    Several threads may say something at once; a thread of its own keeps the line up with the clock and the terminal's width.
    """

    def __init__(
        self,
        terminal: Terminal,
        clock: Callable[[], float] = time.monotonic,
        write: Callable[[str], None] | None = None,
        columns: Callable[[], int] | None = None,
    ) -> None:
        self._terminal, self._clock = terminal, clock
        self._write, self._columns = write or _to_stderr, columns or _columns
        self._colours = has_colours(sys.stderr)
        self._stage: Stage | None = None
        self._shown, self._width = "", 0
        self._lock, self._over = threading.RLock(), threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True, name="reportgen-progress")

    def __enter__(self) -> Live:
        self._terminal.above = self.print
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._ticker.join()
        with self._lock:
            self._settle()
            self._terminal.above = None

    def stage(self, name: str, total: int) -> None:
        with self._lock:
            self._settle()
            self._stage = Stage(name, total, self._clock())
            self._draw()

    def step(self, detail: str = "") -> None:
        with self._lock:
            if self._stage is not None:
                self._stage.step(self._clock(), detail)
                self._draw()

    def say(self, message: str) -> None:
        self._terminal.say(message)

    def detail(self, message: str) -> None:
        self._terminal.detail(message)

    def print(self, line: str) -> None:
        """A line above the one at the bottom."""
        with self._lock:
            if self._stage is not None and self._stage.over:
                self._settle()  # it was over before this line
            self._write(f"{HOME}{CLEAR_LINE}{line}\n")
            self._shown = ""
            self._draw()

    def _settle(self) -> None:
        """The stage is over: what stays of it; nothing where it was given up."""
        stage, self._stage = self._stage, None
        if stage is None:
            return
        last = headline(stage, stage.took(self._clock()), self._columns() - 1)
        self._write(f"{HOME}{CLEAR_LINE}{NO_WRAP}{last}{WRAP}\n" if stage.over else HOME + CLEAR_LINE)
        self._shown = ""

    def _draw(self) -> None:
        if self._stage is None:
            return
        width = self._columns()
        line = progress_line(self._stage, width - 1, self._clock(), colours=self._colours)
        if (line, width) != (self._shown, self._width):
            self._write(f"{HOME}{NO_WRAP}{line}{CLEAR_BELOW}{HOME}{WRAP}")
            self._shown, self._width = line, width

    def _tick(self) -> None:
        while not self._over.wait(TICK_S):
            with self._lock:
                self._draw()


def progress_line(stage: Stage, width: int, now: float, *, colours: bool = False) -> str:
    """The stage in no more than `width` cells: its name and how many steps are done, then as much as there is room for of
    the time that is left, a bar, and what the last step was."""
    from rich.cells import cell_len

    line = headline(stage, stage.left(now), width)
    room = width - cell_len(line)
    detail = printable(stage.detail[-MOST_OF_DETAIL:])
    bar = min(LONGEST_BAR, room - 2 - (cell_len(detail) + 2 if detail else 0))
    if bar < SHORTEST_BAR:
        bar = min(LONGEST_BAR, room - 2)
    if bar >= SHORTEST_BAR:
        line, room = f"{line}  {_bar(stage, bar, colours=colours)}", room - bar - 2
    if detail and room >= cell_len(detail) + 2:
        line = f"{line}  {detail}"
    return line


def headline(stage: Stage, time_said: str, width: int) -> str:
    """`Explaining images 3/10, about 40 s left` in no more than `width` cells; the count goes last."""
    from rich.cells import cell_len

    count = f" {stage.count}"
    line = (_cut(stage.name, width - len(count)) + count).lstrip()[: max(width, 0)]
    fits = time_said and cell_len(line) + 2 + len(time_said) <= width
    return f"{line}, {time_said}" if fits else line


def _bar(stage: Stage, cells: int, *, colours: bool) -> str:
    full, empty = "━─" if _can_say("━─…") else "=-"
    done = round(cells * min(1.0, stage.done / max(1, stage.total)))
    filled = full * done
    return (typer.style(filled, fg="green") if colours and filled else filled) + empty * (cells - done)


def _cut(text: str, width: int) -> str:
    """`text` in so many cells, its end cut away."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    mark = "…" if _can_say("━─…") else "."
    return set_cell_size(text, width - 1).rstrip() + mark if width > 1 else ""


def _can_say(characters: str) -> bool:
    try:
        characters.encode(sys.stderr.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _to_stderr(text: str) -> None:
    with written_to_stderr():
        typer.echo(text, err=True, nl=False, color=True)


def _columns() -> int:
    """Of the terminal that stderr is; COLUMNS, where it is set, is that of another one or of an earlier time."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return shutil.get_terminal_size().columns


@contextmanager
def progress_of(terminal: Terminal) -> Iterator[Plain | Live]:
    """The progress of what the context does."""
    if terminal.quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield Plain(terminal)
        return
    with Live(terminal) as live:
        yield live
