"""`reportgen schema`."""

from __future__ import annotations

import typer


def schema() -> None:
    """Print the JSON Schema of report.json."""
    from reportgen.report.schema import schema_json

    typer.echo(schema_json(), nl=False)
