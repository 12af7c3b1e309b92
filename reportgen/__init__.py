"""reportgen: a folder of images in, an explainability report out.

from reportgen import run, render, Settings
report = run("photos/", Settings(preset="embedded"))
render(report, "out/", formats=("html", "pdf"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reportgen.api import make_report, render, run
    from reportgen.report.document import Report
    from reportgen.report.open import read_report
    from reportgen.settings.model import Settings

_HOMES = {
    "run": "reportgen.api",
    "render": "reportgen.api",
    "make_report": "reportgen.api",
    "read_report": "reportgen.report.open",
    "Report": "reportgen.report.document",
    "Settings": "reportgen.settings.model",
}


def __getattr__(name: str) -> Any:
    """Import on first use: `import reportgen` costs nothing, and `reportgen --help` next to nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'reportgen' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


__all__ = ["Report", "Settings", "make_report", "read_report", "render", "run"]
