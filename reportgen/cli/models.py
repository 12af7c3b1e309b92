"""`reportgen models`: what can be loaded, and its download."""

from __future__ import annotations

from typing import Annotated

import typer

from reportgen.cli.options import Config
from reportgen.cli.terminal import print_table, say
from reportgen.utils.errors import CheckFailed
from reportgen.utils.progress_bars import progress_bars

app = typer.Typer(help="What can be loaded, from where, and whether its weights are here.")


@app.callback(invoke_without_command=True)
def list_models(context: typer.Context, config: Config = None) -> None:
    """List what can be loaded, from where, and whether its weights are here."""
    if context.invoked_subcommand is not None:
        return
    from reportgen.analysis.registry import encoders_used
    from reportgen.models.classifiers.registry import list_classifiers
    from reportgen.models.encoders.registry import list_encoders
    from reportgen.settings.load import load

    settings = load({}, config).settings
    for row in [*list_classifiers(settings), *list_encoders(settings, encoders_used(settings))]:
        presets = f" [{', '.join(row.presets)}]" if row.presets else ""
        where = (
            f"{row.source}; here" if row.missing is None else f"not here; {row.missing.removeprefix(f'{row.name}: ')}"
        )
        typer.echo(f"{row.name}{presets}: {where}")
    typer.echo("torchvision:NAME, timm:NAME: any classifier of these libraries with a convolutional feature map")
    typer.echo("onnx:PATH: your own classifier as an ONNX file, with classes (and preprocessing) in the settings")
    typer.echo("checkpoint:PATH: your own weights, with architectures and classes in the settings")
    typer.echo("hf:FOLDER, hf:USER/NAME: an image classifier as Hugging Face's libraries save it, timm's among them")


@app.command("fetch")
def fetch_models(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Models or encoders, as the list names them.")],
    config: Config = None,
) -> None:
    """Download weights that are not here, and check them."""
    from reportgen.models.download import fetch
    from reportgen.settings.load import load

    settings = load({}, config).settings
    with progress_bars() as progress:
        fetched = {name: fetch(name, settings, progress) for name in names}
    for name, files in fetched.items():
        for file in files:
            typer.echo(file)
        if not files:
            say(f"{name}: nothing to fetch, its weights are here")


@app.command("check")
def check(
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
    print_table(("Model", settings.models[0]), found.rows)
    if found.failure is not None:
        raise CheckFailed(f"{found.failure}; nothing of it can be explained")
