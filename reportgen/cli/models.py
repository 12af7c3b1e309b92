"""`reportgen models`: what can be loaded, and its download."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.options import Config
from reportgen.cli.progress import progress_of
from reportgen.cli.terminal import Terminal
from reportgen.utils.errors import CheckFailed

app = typer.Typer(help="What can be loaded, from where, and whether its weights are here.")


@app.callback(invoke_without_command=True)
@mannered
def list_models(terminal: Terminal, context: typer.Context, config: Config = None) -> None:
    """List what can be loaded, from where, and whether its weights are here."""
    if context.invoked_subcommand is not None:
        return
    from reportgen.analysis.registry import encoders_used
    from reportgen.models.classifiers.registry import list_classifiers
    from reportgen.models.encoders.registry import list_encoders
    from reportgen.settings.load import load

    settings = load({}, config).settings
    rows = [*list_classifiers(settings), *list_encoders(settings, encoders_used(settings))]
    terminal.found(models=[{**asdict(row), "here": row.missing is None} for row in rows])
    for row in rows:
        presets = f" [{', '.join(row.presets)}]" if row.presets else ""
        where = (
            f"{row.source}; here" if row.missing is None else f"not here; {row.missing.removeprefix(f'{row.name}: ')}"
        )
        terminal.result(f"{row.name}{presets}: {where}")
    terminal.result("torchvision:NAME, timm:NAME: any classifier of these libraries with a convolutional feature map")
    terminal.result("onnx:PATH: your own classifier as an ONNX file, with classes (and preprocessing) in the settings")
    terminal.result("checkpoint:PATH: your own weights, with architectures and classes in the settings")
    terminal.result(
        "hf:FOLDER, hf:USER/NAME: an image classifier as Hugging Face's libraries save it, timm's among them"
    )


@app.command("fetch")
@mannered
def fetch_models(
    terminal: Terminal,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Models or encoders, as the list names them.")],
    config: Config = None,
) -> None:
    """Download weights that are not here, and check them."""
    from reportgen.models.download import fetch
    from reportgen.settings.load import load

    settings = load({}, config).settings
    with progress_of(terminal) as progress:
        fetched = {name: fetch(name, settings, progress) for name in names}
    terminal.found(paths=[file for files in fetched.values() for file in files])
    for name, files in fetched.items():
        for file in files:
            terminal.result(file)
        if not files:
            terminal.say(f"{name}: nothing to fetch, its weights are here")


@app.command("check")
@mannered
def check(
    terminal: Terminal,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model, as --model takes it.")],
    config: Config = None,
) -> None:
    """Load a model and say what can be explained of it; exit code 1 where nothing can."""
    from reportgen.pipeline.model_check import check_model
    from reportgen.settings.load import load
    from reportgen.storage.cache import in_use
    from reportgen.storage.store import cache_folder

    settings, cache = load({"models": (name,)}, config).settings, cache_folder()
    with in_use(cache):
        found = check_model(settings, cache / "models")
    rows = [{"about": about, "said": said} for about, said in found.rows]
    terminal.found(model=settings.models[0], rows=rows, explained=found.failure is None)
    terminal.table(("Model", settings.models[0]), found.rows)
    if found.failure is not None:
        raise CheckFailed(f"{found.failure}; nothing of it can be explained")
