"""Being told to stop: Ctrl-C, and what a system sends that shuts down or whose terminal is closed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# A program that a signal ends has this and the signal's number as its exit code, as a shell counts.
SIGNALLED = 128


class Stop:
    """What told the command to stop.

    Attributes:
        came: whether anything has.
        number: of the signal; Ctrl-C's until another has come.
    """

    def __init__(self) -> None:
        self.came, self.number = False, int(signal.SIGINT)

    @property
    def exit_code(self) -> int:
        return SIGNALLED + self.number

    @property
    def sentence(self) -> str:
        by = "" if self.number == signal.SIGINT else f" by {signal.Signals(self.number).name}"
        return f"interrupted{by}; finished results are kept, the same command goes on from there"

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """The handler: what a Ctrl-C does, so that what is under way ends as it does then."""
        self.came, self.number = True, number
        raise KeyboardInterrupt


@contextmanager
def told_to_stop() -> Iterator[Stop]:
    """While the context lasts SIGTERM and SIGHUP are what Ctrl-C is: whatever is half done is put away, and said.

    What was set to be ignored stays so: nohup does that to SIGHUP. Outside the main thread nothing can be changed.
    """
    stop, before = Stop(), {}
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            with suppress(ValueError):  # no main thread
                before[number] = signal.signal(number, stop)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
