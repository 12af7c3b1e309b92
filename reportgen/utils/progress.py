"""How far a long run is, told to whoever watches, and how long each part of it took."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from reportgen.utils.concurrency import working_seconds


class Progress(Protocol):
    """Where a long run tells how far it is; the command line shows it on stderr."""

    def stage(self, name: str, total: int) -> None:
        """A stage of `total` steps begins."""

    def step(self, detail: str = "") -> None:
        """One step is done."""

    def say(self, message: str) -> None:
        """A line for the user."""

    def detail(self, message: str) -> None:
        """A line for a user who wants to know more."""


class Silent:
    """Progress that nobody watches."""

    def stage(self, name: str, total: int) -> None: ...

    def step(self, detail: str = "") -> None: ...

    def say(self, message: str) -> None: ...

    def detail(self, message: str) -> None: ...


@dataclass
class Stopwatch:
    """Seconds by stage, and by image and method; they go to timings.json and nowhere else.

    Of images that are under way at once each one's own work is counted, not its waiting for the engine: stages may add up
    to more than the clock on the wall.
    """

    stages: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    images: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        with self._timed(lambda: self.stages, name):
            yield

    @contextmanager
    def method(self, image: str, name: str) -> Iterator[None]:
        with self._timed(lambda: self.images[image], name):
            yield

    def add(self, stages: Mapping[str, float], image: str, methods: Mapping[str, float]) -> None:
        """What another process has measured: by stage, and of one image by method."""
        with self._lock:
            for name, seconds in stages.items():
                self.stages[name] += seconds
            for name, seconds in methods.items():
                self.images[image][name] += seconds

    @contextmanager
    def _timed(self, into: Callable[[], dict[str, float]], name: str) -> Iterator[None]:
        start = working_seconds()
        try:
            yield
        finally:
            with self._lock:
                into()[name] += working_seconds() - start
