"""`reportgen schema`."""

from __future__ import annotations

import json

from reportgen.cli.manners import mannered
from reportgen.cli.terminal import Terminal


@mannered
def schema(terminal: Terminal) -> None:
    """Print the JSON Schema of report.json."""
    from reportgen.report.schema import schema_json

    text = schema_json()
    terminal.found(schema=json.loads(text))
    terminal.result(text.removesuffix("\n"))
