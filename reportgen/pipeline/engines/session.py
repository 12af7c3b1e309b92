"""Ray, started on this machine or connected to, without a word of its own on the terminal and without its reports of usage."""

from __future__ import annotations

import importlib
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from reportgen.utils.errors import UsageError, first_line

# Read by Ray when it is imported or started. A worker that the kernel or Ray kills for memory is tried again as often as any other.
ATTEMPTS = 3
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_task_oom_retries": str(ATTEMPTS - 1),
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    # The workers are the work: as processes of low priority they would wait for everything else.
    "RAY_worker_niceness": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
}
# Tasks and results are a few kilobytes each; Ray's own default is a third of the memory.
_STORE_BYTES = 256 << 20
# The path of a socket has room for so many bytes besides what Ray adds to its folder (Linux: 107 in all).
_LONGEST_FOLDER = 40


@contextmanager
def ray_session(address: str | None) -> Iterator[None]:
    """Ray for the time of the block.

    Args:
        address: of a cluster; None: it is started here, with this machine's cores, and ended with all of its processes.

    Raises:
        UsageError: there is no such cluster, or Ray does not start.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    with ExitStack() as ended:
        ended.enter_context(_silent())
        import ray

        if ray.is_initialized():
            raise UsageError("--engine ray: this process is connected to Ray already; end that with ray.shutdown()")
        quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.CRITICAL}
        try:
            if address is None:
                folder = ended.enter_context(_folder())
                ray.init(address="local", object_store_memory=_STORE_BYTES, _temp_dir=str(folder), **quiet)
            else:
                ray.init(address=_plain(address), log_to_driver=False, logging_level=logging.CRITICAL)
        except UsageError:
            raise
        except Exception as error:  # a connection that is refused, no node on this machine, another version of Ray
            where = "does not start on this machine" if address is None else f"no cluster at {address} for this machine"
            hint = "" if address is None else f"; on a machine that is no node of it yet: ray start --address={address}"
            raise UsageError(f"--engine ray: {where} ({first_line(error)}){hint}") from None
        ended.callback(ray.shutdown)
        ended.enter_context(_no_notices())
        _quiet_data()
        yield


def _plain(address: str) -> str:
    if address.startswith("ray://"):
        raise UsageError(
            f"--address {address}: is one of Ray's client; give HOST:PORT, as ray start prints it, on a machine of the cluster"
        )
    return address


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for Ray's sockets and logs that goes with it."""
    usual = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="rg-", dir=usual if len(usual) + 12 <= _LONGEST_FOLDER else "/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _silent() -> Iterator[None]:
    """Ray logs nothing to this process' stderr, and warns of nothing."""
    loggers = [logging.getLogger(name) for name in ("ray", "ray.data")]
    with _own_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
        try:
            yield
        finally:
            for logger, level, handlers in before:
                logger.setLevel(level)
                logger.handlers[:] = handlers


@contextmanager
def _own_stderr() -> Iterator[None]:
    """File descriptor 2, which Ray's C++ and its processes write to, leads nowhere; `sys.stderr` leads where it led before."""
    try:
        kept = os.dup(2)
    except OSError:  # a service may run without one
        yield
        return
    before = sys.stderr
    own: TextIO | None = None
    if _descriptor(before) == 2:
        own = os.fdopen(os.dup(kept), "w", 1, encoding=before.encoding, errors=before.errors)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        before.flush()
        os.dup2(sink, 2)
        sys.stderr = own or before
        yield
    finally:
        sys.stderr = before
        os.dup2(kept, 2)
        for descriptor in (kept, sink):
            os.close(descriptor)
        if own is not None:
            own.close()


@contextmanager
def _no_notices() -> Iterator[None]:
    """What Ray's processes tell of dead workers and nodes, which it prints to stdout whatever it is told of logs, is not printed.

    Ray has no switch for it; its versions are bounded (`ray` in pyproject.toml), and a test reads what a run with a dead worker prints.
    """
    module, name = importlib.import_module("ray._private.worker"), "print_to_stdstream"
    before = getattr(module, name, None)
    if before is None:  # a later version may have another way
        yield
        return
    setattr(module, name, lambda *_, **__: None)
    try:
        yield
    finally:
        setattr(module, name, before)


def _descriptor(stream: object) -> int | None:
    """Of a file of this system; None where something else stands for stderr, as in a notebook."""
    try:
        return int(stream.fileno())  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return None


def _quiet_data() -> None:
    """Ray Data shows no bars and tells no plans; what is wrong it says by its errors."""
    from ray.data import DataContext

    warnings.simplefilter("ignore")  # again: Ray has put filters of its own in front
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_options.preserve_order = False
    context.max_consecutive_actor_init_deaths = ATTEMPTS
    for logger in (logging.getLogger("ray"), logging.getLogger("ray.data")):
        logger.handlers.clear()
        logger.setLevel(logging.CRITICAL + 1)
