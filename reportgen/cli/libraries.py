"""What libraries log and warn of, on its way to the terminal."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reportgen.cli.terminal import Terminal

OWN = "reportgen"


class _ToTerminal(logging.Handler):
    def __init__(self, terminal: Terminal) -> None:
        super().__init__(logging.WARNING)
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] == OWN:
            self._terminal.say(record.getMessage())
        else:
            self._terminal.detail(f"{record.name}: {record.getMessage()}")


@contextmanager
def heard(terminal: Terminal) -> Iterator[None]:
    """While the context lasts: what reportgen itself logs is a message, what a library logs or warns of (a font cache that is
    built, a function that will go) is a detail: a user can do nothing about it, and what matters is an error or in the report."""
    handler, root = _ToTerminal(terminal), logging.getLogger()
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
