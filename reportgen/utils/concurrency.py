"""Several images under way at once, in threads: while one has the engine, the others do what needs none.

The engine keeps every core busy, but decoding a file, cutting LIME's superpixels or fitting a surrogate keeps one. A result is
a function of its own image alone and results are handed back in order, so how many are under way changes no byte.

Of torch and OpenVINO one call at a time runs (`engine_lock`); whoever stops waiting for results stops the threads at their next
call of `raise_if_stopped`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

# What others can do beside one that has the engine; each takes the memory of a decoded image.
MOST_JOBS = 4
# How many more are begun than are worked on, so that a slow image leaves no thread idle.
AHEAD = 2
# Seconds between two looks for Ctrl-C: on Windows a lock that is waited for cannot be interrupted.
POLL_S = 0.5
THREADS = "reportgen-image"

# Warning filters and Pillow's limits belong to the whole process: whoever changes them for a while holds this.
PROCESS_WIDE = threading.RLock()

_ENGINE = threading.RLock()
_engine_cores: int | None = None


class _Thread(threading.local):
    """Of each thread: what tells it to stop, and the seconds that it has waited for the engine."""

    stop: threading.Event | None = None
    waited = 0.0


_thread = _Thread()


class StopWork(BaseException):
    """Ends a thread whose result nobody waits for any more; no error, so that no `except Exception` holds it up."""


def default_jobs() -> int:
    """How many images are under way where the user does not say: as many as there are cores, up to a few."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_JOBS)


def limit_engine_cores(count: int) -> None:
    """Of this process: the cores that its networks keep busy from now on, where the backend's numbers are the same for any."""
    global _engine_cores
    _engine_cores = count


def engine_cores() -> int | None:
    """None: as many as the backend likes."""
    return _engine_cores


def map_in_order(work: Callable[[T], R], items: Iterable[T], jobs: int) -> Generator[tuple[T, Future[R]], None, None]:
    """`work(item)` for each item in `jobs` threads; yields each item, in the order given, with its Future when that is done.

    As `Executor.map`, but an error stays in its Future, and no more than `jobs + AHEAD` items are begun before the first of
    them is asked for. Close the iterator (`contextlib.closing`) when leaving it early: what was not begun is dropped, and
    what is under way stops at its next `raise_if_stopped`.
    """
    stop = threading.Event()
    begun: deque[tuple[T, Future[R]]] = deque()
    with ThreadPoolExecutor(jobs, THREADS, initializer=setattr, initargs=(_thread, "stop", stop)) as pool:
        try:
            for item in items:
                begun.append((item, pool.submit(work, item)))
                if len(begun) == jobs + AHEAD:
                    yield _done(*begun.popleft())
            while begun:
                yield _done(*begun.popleft())
        finally:
            for _, future in begun:
                future.cancel()
            stop.set()


def _done(item: T, future: Future[R]) -> tuple[T, Future[R]]:
    while not wait([future], timeout=POLL_S).done:
        pass
    return item, future


def force_exit(code: int) -> None:
    """Exit with `code` without waiting for threads of `map_in_order` that are still at work; does nothing where there are none.

    For a second Ctrl-C: `sys.exit` would wait until the threads end. What they write they write whole or not at all.
    """
    if any(thread.name.startswith(THREADS) for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def raise_if_stopped() -> None:
    """Call it wherever a long computation can be given up.

    Raises:
        StopWork: nobody waits for this thread's result.
    """
    if _thread.stop is not None and _thread.stop.is_set():
        raise StopWork


@contextmanager
def engine_lock() -> Iterator[None]:
    """Run the block while no other thread runs a network: two at once would only take each other's cores.

    A thread that holds the lock may take it again.

    Raises:
        StopWork: see `raise_if_stopped`.
    """
    start = time.perf_counter()
    with _ENGINE:
        _thread.waited += time.perf_counter() - start
        raise_if_stopped()
        yield


def working_seconds() -> float:
    """A clock that stands still while this thread waits for the engine."""
    return time.perf_counter() - _thread.waited
