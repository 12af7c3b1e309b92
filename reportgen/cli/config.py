"""`reportgen config`."""

from __future__ import annotations

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.options import Config
from reportgen.cli.terminal import Terminal

app = typer.Typer(help="Effective settings.", no_args_is_help=True)


@app.command("show")
@mannered
def show_settings(terminal: Terminal, config: Config = None) -> None:
    """Show every effective setting and where it came from."""
    from reportgen.settings.load import load

    loaded = load({}, config)
    values = loaded.settings.model_dump(mode="json")
    shown = {}
    for key in sorted(loaded.origins):
        value = values
        for part in key.split("."):
            value = value[part]
        shown[key] = {"value": value, "origin": loaded.origins[key]}
        terminal.result(f"{key} = {value!r}  ({loaded.origins[key]})")
    terminal.found(settings=shown)
