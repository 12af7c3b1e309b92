"""A finished run, checked against its manifest and handed to a tracker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from reportgen.report.manifest import read_manifest
from reportgen.report.open import read_report
from reportgen.sharing.tracking import mlflow_tracker, wandb_tracker
from reportgen.sharing.tracking.entry import Entry, entry_of
from reportgen.sharing.tracking.tracker import DEFAULT, Destination, Logged
from reportgen.sharing.verify import verify_folder
from reportgen.utils.errors import CheckFailed, UsageError

Tracker = Literal["mlflow", "wandb"]
SEND = {"mlflow": mlflow_tracker.send, "wandb": wandb_tracker.send}


@dataclass(frozen=True)
class Handed:
    """What was to be logged, and what came of it."""

    entry: Entry
    logged: Logged


def log(
    run: Path,
    to: Tracker,
    where: Destination = DEFAULT,
    *,
    name: str | None = None,
    everything: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Handed:
    """Log a finished run to an experiment tracker. Nothing is sent of a run that is not as it was made.

    Args:
        name: of the entry; None: the report's title, or its folder's name.
        everything: all files of the run, and not only pages, data, tables and figures.
        say: told what the user should know on the way.

    Raises:
        UsageError: no run folder; see also the trackers.
        CheckFailed: the run is not finished or was changed, or the tracker refused or did not answer.
    """
    if not run.is_dir():
        raise UsageError(f"{run}: no such run folder; a bundle or PDF has to be unpacked, or rendered, first")
    if where.url is not None:
        _require_plain(where.url)
    found = verify_folder(run)
    if not found.ok:
        raise CheckFailed(f"{run}: {found.summary} (see reportgen verify); nothing was logged")
    files = {file: sha256 for file, (sha256, _) in (read_manifest(run) or {}).items()}
    entry = entry_of(read_report(run), run, files, name, everything=everything)
    return Handed(entry, SEND[to](entry, run, where, say))


def _require_plain(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UsageError(f"--url {url[:80]}: not an address") from None
    if parts.scheme in ("http", "https") and "@" in parts.netloc:
        raise UsageError(
            "--url: no name or password in the address, which others can read on a command line; use the tracker's own variables "
            "(MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, WANDB_API_KEY)"
        )
