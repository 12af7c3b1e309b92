"""`reportgen log`."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.options import FinishedRun
from reportgen.cli.terminal import Terminal
from reportgen.utils.terminal_text import printable


class To(str, Enum):
    """Experiment trackers."""

    mlflow = "mlflow"
    wandb = "wandb"


@mannered
def log(
    terminal: Terminal,
    run: FinishedRun,
    to: Annotated[To, typer.Option(help="The experiment tracker.", show_default=False)],
    experiment: Annotated[
        str | None,
        typer.Option("--experiment", "--project", help="MLflow's experiment; W&B's project, or ENTITY/PROJECT."),
    ] = None,
    run_id: Annotated[
        str | None, typer.Option(help="Log into this run of the tracker, such as a training run.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the new run.", show_default="the report's title, or the folder's name")
    ] = None,
    url: Annotated[str | None, typer.Option(help="The tracker.", show_default="what its own variables say")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All files: also maps, masks, and files of parameters.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Log a report once more that is logged there already.")
    ] = False,
) -> None:
    """Log a finished run to MLflow or Weights & Biases: its pages, tables and figures, its numbers, what made it."""
    from reportgen.sharing.tracking.log import log as log_run
    from reportgen.sharing.tracking.tracker import Destination

    where = Destination(url, experiment, run_id, again)
    done = log_run(run, to.value, where, name=name, everything=everything, say=terminal.say)
    entry, logged = done.entry, done.logged
    terminal.found(run_id=logged.run_id, place=logged.place, already=logged.already, metrics=len(entry.metrics))
    if logged.already:
        terminal.result(
            printable(f"already logged: run {logged.run_id} ({logged.place}); nothing was sent (--again does)")
        )
    else:
        counts = f"{len(entry.metrics)} metrics, {len(entry.params)} params, {len(entry.files)} files"
        terminal.result(printable(f"logged: run {logged.run_id} ({logged.place}), {counts}"))
    if logged.hint:
        terminal.result(printable(logged.hint))
