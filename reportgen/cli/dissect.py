"""`reportgen dissect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.options import Config
from reportgen.cli.progress import progress_of
from reportgen.cli.run import AllowDownload, Fresh, Jobs, Precision, Preset, Runtime, Seed, StoreAt
from reportgen.cli.terminal import Terminal


@mannered
def dissect(
    terminal: Terminal,
    probe: Annotated[Path, typer.Option(help="The folder of images to dissect units on.", show_default=False)],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The file to write, .csv or .csv.gz; of files that are there, only its own are replaced.",
        ),
    ] = Path("units.csv"),
    model: Annotated[
        str | None, typer.Option(help="The classifier to dissect.", show_default="the first of the settings")
    ] = None,
    preset: Preset = None,
    config: Config = None,
    runtime: Runtime = None,
    precision: Precision = None,
    seed: Seed = None,
    allow_download: AllowDownload = False,
    fresh: Fresh = False,
    jobs: Jobs = None,
    store: StoreAt = None,
) -> None:
    """Label a model's units on a probe set, once, for later runs (setting dissection.labels)."""
    with progress_of(terminal) as progress:
        from reportgen.pipeline.execution import Execution
        from reportgen.pipeline.probe_file import make_probe_file
        from reportgen.settings.load import load

        flags = {
            "preset": preset,
            "models": (model,) if model else None,
            "runtime": runtime,
            "precision": precision,
            "seed": seed,
            "allow_download": allow_download or None,
        }
        settings = load(flags, config).settings
        execution = Execution(jobs=jobs, store=store)
        made = make_probe_file(probe, out, settings, fresh=fresh, execution=execution, progress=progress)
    terminal.found(paths=[out], columns=made.columns, rows=made.rows, notes=made.notes)
    terminal.table(made.columns, made.rows)
    for note in made.notes:
        terminal.say(note)
    terminal.result(out)
