"""How far a long run is, told to whoever watches, and how long each part of it took."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol


class Progress(Protocol):
    """Where a long run tells how far it is; the command line shows it on stderr."""

    def stage(self, name: str, total: int) -> None:
        """A stage of `total` steps begins."""

    def step(self, detail: str = "") -> None:
        """One step is done."""

    def say(self, message: str) -> None:
        """A line for the user."""


class Silent:
    """Progress that nobody watches."""

    def stage(self, name: str, total: int) -> None: ...

    def step(self, detail: str = "") -> None: ...

    def say(self, message: str) -> None: ...


@dataclass
class Stopwatch:
    """Seconds by stage, and by image and method; they go to timings.json and nowhere else."""

    stages: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    images: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name] += time.perf_counter() - start

    @contextmanager
    def method(self, image: str, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.images[image][name] += time.perf_counter() - start
