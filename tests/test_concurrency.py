"""Several images under way at once: order, bounds, stopping, and whose seconds count."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest

from reportgen.utils.concurrency import (
    AHEAD,
    StopWork,
    default_jobs,
    engine_lock,
    force_exit,
    map_in_order,
    raise_if_stopped,
    working_seconds,
)
from reportgen.utils.progress import Stopwatch
from toys import python

SOON = 10.0  # seconds; far more than any of this takes


def test_results_come_in_order_whichever_ends_first() -> None:
    later = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert later.wait(SOON)
        if item == 2:
            later.set()
        return item * item

    found = [(item, future.result()) for item, future in map_in_order(work, range(6), jobs=3)]
    assert found == [(i, i * i) for i in range(6)]


@pytest.mark.parametrize("jobs", [1, 3])
def test_no_more_than_jobs_are_at_work_and_few_are_begun_ahead(jobs: int) -> None:
    lock, now, most, begun = threading.Lock(), 0, 0, []

    def work(item: int) -> None:
        nonlocal now, most
        with lock:
            begun.append(item)
            now += 1
            most = max(most, now)
        time.sleep(0.005)
        with lock:
            now -= 1

    for position, (item, future) in enumerate(map_in_order(work, range(20), jobs)):
        assert item == position
        future.result()
        assert len(begun) <= position + 1 + jobs + AHEAD
    assert most == jobs and len(begun) == 20


def test_an_error_is_that_of_the_first_item_and_only_where_it_is_asked_for() -> None:
    def work(item: int) -> int:
        if item % 2:
            raise ValueError(item)
        return item

    errors = [future.exception() for _, future in map_in_order(work, range(4), jobs=2)]
    assert [error and error.args for error in errors] == [None, (1,), None, (3,)]


def test_whoever_leaves_early_stops_the_others_at_their_next_pass() -> None:
    started, stopped, begun = threading.Semaphore(0), [], []

    def work(item: int) -> int:
        begun.append(item)
        if item == 0:
            return item
        started.release()
        try:
            for _ in range(int(SOON / 0.001)):
                raise_if_stopped()
                time.sleep(0.001)
        except StopWork:
            stopped.append(item)
            raise
        return item

    start = time.perf_counter()
    with closing(map_in_order(work, range(50), jobs=2)) as under_way:
        for item, _ in under_way:
            assert item == 0
            assert started.acquire(timeout=SOON)
            break
    assert time.perf_counter() - start < SOON / 2
    assert set(stopped) == set(begun) - {0} and 0 < len(stopped) <= 2


def test_outside_such_a_thread_nothing_is_ever_stopped() -> None:
    raise_if_stopped()
    with engine_lock():
        raise_if_stopped()


def test_one_at_a_time_has_the_engine_and_waiting_is_nobodys_work() -> None:
    watch, both_here = Stopwatch(), threading.Barrier(2)
    inside, most = 0, 0

    def work(name: str) -> None:
        nonlocal inside, most
        both_here.wait(SOON)
        with watch.stage("all"), watch.method(name, "pass"), engine_lock(), engine_lock():
            inside += 1
            most = max(most, inside)
            time.sleep(0.2)
            inside -= 1

    start = time.perf_counter()
    for _, future in map_in_order(work, ["a", "b"], jobs=2):
        future.result()
    wall = time.perf_counter() - start
    assert most == 1 and wall >= 0.4
    passes = [watch.images[name]["pass"] for name in ("a", "b")]
    assert min(passes) > 0.19 and max(passes) < wall - 0.15, "the second waited as long as the first worked"
    assert sum(passes) <= watch.stages["all"] < 2 * wall - 0.15


def test_the_clock_runs_where_nobody_waits() -> None:
    before = working_seconds()
    time.sleep(0.02)
    assert working_seconds() - before >= 0.02


def test_the_default_is_at_least_one_and_few() -> None:
    assert 1 <= default_jobs() <= 4


STUCK = """
import os, signal, sys, threading, time
from contextlib import closing
from reportgen.utils.concurrency import force_exit, map_in_order

def work(item):
    time.sleep(60)  # never asks whether to stop

def interrupt():
    for _ in range(2):
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Thread(target=interrupt, daemon=True).start()
try:
    with closing(map_in_order(work, range(3), 2)) as under_way:
        for _ in under_way:
            pass
except KeyboardInterrupt:
    force_exit(130)
"""


def test_a_second_interrupt_does_not_wait_for_the_threads() -> None:
    start = time.perf_counter()
    assert python(STUCK).returncode == 130
    assert time.perf_counter() - start < 30


def test_with_no_such_thread_leaving_is_left_to_the_caller() -> None:
    force_exit(130)
