"""Weights & Biases, online or offline (`WANDB_MODE=offline`), in a run whose id is made from the report.

Equal reports have equal ids: logged twice, offline too, they are one run once they are synchronised. W&B's own habits of telling
about the machine are off: no host name, user, command line, git state, code, console or measurements of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.sharing.tracking.entry import OWN, Entry
from reportgen.sharing.tracking.tracker import Destination, Logged, defaults, one_line
from reportgen.utils.errors import UsageError
from reportgen.utils.secrets import shown_address, unlogged

if TYPE_CHECKING:
    import wandb

NAME = "W&B"
REPORT_KEY = f"{OWN}/report_sha256"
PATIENCE = 60.0  # seconds for a run to begin
RETRIES = 3
ENVIRONMENT = {"WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}


def send(entry: Entry, folder: Path, where: Destination, say: Callable[[str], None]) -> Logged:
    """Log a report to the server that `where` or WANDB_BASE_URL names, or into a folder where WANDB_MODE is `offline`.

    Raises:
        UsageError: wandb is not installed or switched off, or the run that is asked for holds another report.
        CheckFailed: W&B refused, or did not answer.
    """
    if os.environ.get("WANDB_MODE") == "disabled" or os.environ.get("WANDB_DISABLED", "").lower() == "true":
        raise UsageError("W&B is switched off (WANDB_MODE, WANDB_DISABLED): set WANDB_MODE to online or offline")
    with defaults(ENVIRONMENT), unlogged("wandb", "urllib3"), _nobody_to_ask(), one_line(NAME):
        try:
            import wandb  # noqa: F401
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "wandb":
                raise
            raise UsageError("W&B is not installed: pip install 'reportgen[wandb]'") from None
        run = _begun(entry, where)
        if run.offline:
            _say_of_earlier(run, say)
        try:
            already = _write(run, entry, folder, again=where.again)
        except BaseException:
            run.finish(exit_code=1)
            raise
        run.finish()
        return _logged(run, already)


def _begun(entry: Entry, where: Destination) -> wandb.Run:
    """The run to log into: a new one, that of an equal report, or the one that is asked for."""
    import wandb

    entity, _, project = (where.experiment or "").rpartition("/")
    new = where.run_id is None
    try:
        return wandb.init(
            entity=entity or None,
            project=project or None,
            id=where.run_id or _id_of(entry, again=where.again),
            resume="allow" if new else "must",
            name=entry.name if new else None,
            notes=entry.note if new else None,
            job_type="report" if new else None,
            settings=_settings(where),
        )
    except wandb.errors.UsageError as error:
        if "No API key" not in str(error):
            raise
        raise UsageError(
            "W&B: no key: put it into WANDB_API_KEY, give wandb login, or set WANDB_MODE=offline"
        ) from None


def _say_of_earlier(run: wandb.Run, say: Callable[[str], None]) -> None:
    """Offline nothing can be asked: what lies here of the same run is named."""
    here = Path(run.dir).parent
    earlier = sorted(path.name for path in here.parent.glob(f"offline-run-*-{run.id}") if path != here)
    if earlier:
        say(f"W&B: this run was kept before, too ({earlier[-1]}); synchronised, they are one run")


def _write(run: wandb.Run, entry: Entry, folder: Path, *, again: bool) -> bool:
    """Log into a run that has begun; whether the very report was there, and nothing was to be done."""
    import wandb

    held = run.config.get(REPORT_KEY)
    if held is not None and held != entry.sha256:
        raise UsageError(
            f"W&B: run {run.id} holds another report (SHA-256 {str(held)[:12]}…): log this one into another run"
        )
    if not again and held == entry.sha256 and run.summary.get(REPORT_KEY) == entry.sha256:
        return True
    run.config.update({**entry.params, REPORT_KEY: entry.sha256}, allow_val_change=True)
    run.log(dict(entry.metrics))
    artifact = wandb.Artifact(f"report-{entry.sha256[:16]}", type="report", metadata={"report_sha256": entry.sha256})
    for name in entry.files:
        artifact.add_file(str(folder / name), name=name, skip_cache=True)
    uploaded = run.log_artifact(artifact)
    if not run.offline:
        uploaded.wait()
    # Last: a run without it was cut off.
    run.summary.update({**entry.tags, REPORT_KEY: entry.sha256})
    return False


def _id_of(entry: Entry, *, again: bool) -> str:
    return f"report-{os.urandom(8).hex() if again else entry.sha256[:16]}"


def _settings(where: Destination) -> wandb.Settings:
    import wandb

    own: dict[str, object] = {} if where.url is None else {"base_url": where.url}
    if "WANDB_INIT_TIMEOUT" not in os.environ:
        own["init_timeout"] = PATIENCE
    return wandb.Settings(
        silent=True,
        host="",
        console="off",
        save_code=False,
        disable_code=True,
        disable_git=True,
        disable_job_creation=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
        x_graphql_retry_max=RETRIES,
        **own,
    )


def _logged(run: wandb.Run, already: bool) -> Logged:
    if run.offline:
        kept = Path(run.dir).parent
        return Logged(run.id, f"{kept}", already, hint=f"kept offline; to send it: wandb sync {kept}")
    return Logged(run.id, f"project {run.project!r}", already, hint=shown_address(run.url or ""))


@contextmanager
def _nobody_to_ask() -> Iterator[None]:
    """W&B asks for a key where it sees a terminal; here a key that is missing is an error."""
    given, sys.stdin = sys.stdin, StringIO()
    try:
        yield
    finally:
        sys.stdin = given
