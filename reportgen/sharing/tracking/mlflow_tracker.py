"""MLflow. The client alone is needed (`mlflow-skinny`), and none of its global state is touched: no active run, no tracking URI.

A report is found again by the tag `reportgen/report_sha256`, in the experiment that it is logged to. Metrics bear the report's own
date and step 0, so that what is sent twice after a cut stands once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from reportgen.sharing.tracking.entry import FOLDER, OWN, Entry
from reportgen.sharing.tracking.tracker import Destination, Logged, defaults, one_line
from reportgen.utils.errors import UsageError
from reportgen.utils.secrets import shown_address, unlogged

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

T = TypeVar("T")
NAME = "MLflow"
REPORT_TAG, STATE_TAG = f"{OWN}/report_sha256", f"{OWN}/logged"
# Of a report in a run: all of it is there; not yet, in a run of ours; not yet, in a run that somebody else began.
WHOLE, BEGUN, ATTACHING = "whole", "begun", "attaching"
NOTE_TAG = "mlflow.note.content"  # what MLflow's pages show as the run's description
DEFAULT_EXPERIMENT = "0"
MOST_PARAMS, MOST_METRICS = 100, 1000  # of one request
# Unless the user says otherwise: nothing is told to MLflow's makers, and a server that is not there is given up on in seconds.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


def send(entry: Entry, folder: Path, where: Destination, say: Callable[[str], None]) -> Logged:
    """Log a report to the server (or the folder, or the database) that `where` or MLFLOW_TRACKING_URI names.

    Raises:
        UsageError: mlflow is not installed, or the run or experiment that is asked for cannot take the report.
        CheckFailed: MLflow refused, or did not answer.
    """
    with defaults(ENVIRONMENT), unlogged("mlflow", "urllib3", "alembic"), one_line(NAME):
        try:
            from mlflow import MlflowClient
            from mlflow.tracking import get_tracking_uri
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "mlflow":
                raise
            raise UsageError("MLflow is not installed: pip install 'reportgen[mlflow]'") from None
        uri = where.url or get_tracking_uri()
        client = MlflowClient(uri)
        run, own = _run_for(client, entry, where, say)
        id_ = run.info.run_id
        place = f"experiment {client.get_experiment(run.info.experiment_id).name!r} at {shown_address(uri)}"
        if not where.again and run.data.tags.get(STATE_TAG) == WHOLE and run.data.tags.get(REPORT_TAG) == entry.sha256:
            return Logged(id_, place, already=True)
        try:
            _write(client, id_, entry, folder, BEGUN if own else ATTACHING)
        except BaseException:
            if own:
                with suppress(Exception):  # the server may be gone
                    client.set_terminated(id_, "FAILED")
            raise
        if own:
            client.set_terminated(id_)
    hint = f"{shown_address(uri).rstrip('/')}/#/experiments/{run.info.experiment_id}/runs/{id_}"
    return Logged(id_, place, already=False, hint=hint if uri.startswith("http") else "")


def _run_for(client: MlflowClient, entry: Entry, where: Destination, say: Callable[[str], None]) -> tuple[Run, bool]:
    """The run to log into, and whether it is one of ours, to be ended when all is logged."""
    if where.run_id is not None:
        return _existing(client, entry, where, where.run_id), False
    experiment = _experiment(client, where.experiment, say)
    if not where.again:
        found = client.search_runs([experiment], f"tags.`{REPORT_TAG}` = '{entry.sha256}'", max_results=100)
        whole = [run for run in found if run.data.tags.get(STATE_TAG) == WHOLE]
        if whole:
            return whole[0], False
        ours = [run for run in found if run.data.tags.get(STATE_TAG) == BEGUN]
        if ours:
            say(f"MLflow: goes on with run {ours[0].info.run_id}, which was cut off")
            return ours[0], True
    tags = {REPORT_TAG: entry.sha256, STATE_TAG: BEGUN, NOTE_TAG: entry.note}
    return client.create_run(experiment, tags=tags, run_name=entry.name), True


def _existing(client: MlflowClient, entry: Entry, where: Destination, run_id: str) -> Run:
    run = client.get_run(run_id)
    if run.info.lifecycle_stage != "active":
        raise UsageError(f"MLflow: run {run_id} is deleted; restore it, or log without --run-id")
    if where.experiment is not None:
        name = client.get_experiment(run.info.experiment_id).name
        if name != where.experiment:
            raise UsageError(f"MLflow: run {run_id} is of experiment {name!r}, not of {where.experiment!r}")
    held = run.data.tags.get(REPORT_TAG)
    if held not in (None, entry.sha256):
        raise UsageError(
            f"MLflow: run {run_id} holds another report (SHA-256 {held[:12]}…), and its params cannot be changed: "
            "log this one without --run-id, or into another run"
        )
    return run


def _experiment(client: MlflowClient, name: str | None, say: Callable[[str], None]) -> str:
    """The id of the experiment: by its name, by MLflow's own variables, or its default one; made where there is none."""
    name = name or os.environ.get("MLFLOW_EXPERIMENT_NAME")
    if name is None:
        return os.environ.get("MLFLOW_EXPERIMENT_ID", DEFAULT_EXPERIMENT)
    found = client.get_experiment_by_name(name)
    if found is None:
        say(f"MLflow: makes the experiment {name!r}")
        return str(client.create_experiment(name))
    if found.lifecycle_stage != "active":
        raise UsageError(f"MLflow: experiment {name!r} is deleted; restore it, or give another name with --experiment")
    return str(found.experiment_id)


def _write(client: MlflowClient, id_: str, entry: Entry, folder: Path, state: str) -> None:
    """Everything but the last tag, and then that: a run without it was cut off."""
    from mlflow.entities import Metric, Param, RunTag

    tags = {**entry.tags, REPORT_TAG: entry.sha256, STATE_TAG: state}
    for params in _batches([Param(key, str(value)) for key, value in entry.params.items()], MOST_PARAMS):
        client.log_batch(id_, params=params)
    for metrics in _batches([Metric(*item, entry.created, 0) for item in entry.metrics.items()], MOST_METRICS):
        client.log_batch(id_, metrics=metrics)
    for words in _batches([RunTag(*item) for item in tags.items()], MOST_PARAMS):
        client.log_batch(id_, tags=words)
    for name in entry.files:
        client.log_artifact(id_, str(folder / name), (PurePosixPath(FOLDER) / name).parent.as_posix())
    client.set_tag(id_, STATE_TAG, WHOLE)


def _batches(items: Sequence[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
