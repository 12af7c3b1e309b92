"""`reportgen config`."""

from __future__ import annotations

import typer

from reportgen.cli.options import Config

app = typer.Typer(help="Effective settings.", no_args_is_help=True)


@app.command("show")
def show_settings(config: Config = None) -> None:
    """Show every effective setting and where it came from."""
    from reportgen.settings.load import load

    loaded = load({}, config)
    values = loaded.settings.model_dump(mode="json")
    for key in sorted(loaded.origins):
        value = values
        for part in key.split("."):
            value = value[part]
        typer.echo(f"{key} = {value!r}  ({loaded.origins[key]})")
