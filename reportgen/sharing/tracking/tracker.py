"""What every tracker has in common: where to log, what came of it, and its errors as one line without a secret."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from reportgen.utils.errors import CheckFailed, ReportgenError
from reportgen.utils.secrets import without_secrets
from reportgen.utils.terminal_text import printable

MOST_SHOWN = 400  # characters of a tracker's error
# What libraries say of a server that is not there, and what is said instead of a page of their retries.
_NO_CONNECTION = {
    "connection refused": "it was refused",
    "timed out": "no answer in time",
    "name or service not known": "no such host",
    "name resolution": "no such host",
    "failed to resolve": "no such host",
    "no such host": "no such host",
}


@dataclass(frozen=True)
class Destination:
    """Where a run is logged.

    Attributes:
        url: of the tracker; None: what its own variables say.
        experiment: MLflow's experiment, W&B's project; None: likewise.
        run_id: an existing run to log into; None: a new one.
        again: log a report once more that is logged there already.
    """

    url: str | None = None
    experiment: str | None = None
    run_id: str | None = None
    again: bool = False


DEFAULT = Destination()


@dataclass(frozen=True)
class Logged:
    """What came of it.

    Attributes:
        run_id: the tracker's id of the run that holds the report.
        place: where that is, for people.
        already: the very report was there, and nothing was sent.
        hint: what else to do, or where to look; empty where nothing is to be said.
    """

    run_id: str
    place: str
    already: bool
    hint: str = ""


@contextmanager
def one_line(tracker: str) -> Iterator[None]:
    """Every error of a tracker's library as one `CheckFailed`: what it says, shortened, without a secret.

    Our own errors pass. A library raises what it likes, its HTTP client's errors and those of the disk among them.
    """
    try:
        yield
    except ReportgenError:
        raise
    except Exception as error:
        # The message of a library's own error may hold a server's page: its first line says most.
        text = " ".join((_cause(error) or str(error) or type(error).__name__).split())
        raise CheckFailed(f"{tracker}: {printable(without_secrets(os.environ, text), MOST_SHOWN)}") from None


def _cause(error: BaseException) -> str:
    """In plain words what stands at the bottom of nested errors of connections; empty where it is none."""
    seen: BaseException | None = error
    while seen is not None:
        text = str(seen).lower()
        for sign, words in _NO_CONNECTION.items():
            if sign in text:
                return f"no connection ({words}); is the address right, and the server up?"
        seen = seen.__cause__ or seen.__context__
    return ""


@contextmanager
def defaults(values: Mapping[str, str]) -> Iterator[None]:
    """Variables of the environment while the block runs, where the user has not set them."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
