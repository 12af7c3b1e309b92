"""reportgen: a folder of images in, an explainability report out.

from reportgen import Settings, explain, read_report, render, run
report = run("photos/", Settings(preset="embedded"))
report["cat.jpg"].map("gradcam")
render(report, "out/", formats=("html", "pdf"))
explain("cat.jpg", method="lime").overlay()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reportgen.api import make_report, render, run
    from reportgen.interactive.explain import Explanation, explain
    from reportgen.interactive.image_view import ImageView
    from reportgen.report.blocks import Figure, Section, Table
    from reportgen.report.document import Finding, ImageRecord, Report
    from reportgen.report.open import read_report
    from reportgen.settings.model import Settings
    from reportgen.utils.errors import ReportgenError, UsageError
    from reportgen.utils.progress import Progress

_HOMES = {
    "run": "reportgen.api",
    "render": "reportgen.api",
    "make_report": "reportgen.api",
    "explain": "reportgen.interactive.explain",
    "Explanation": "reportgen.interactive.explain",
    "ImageView": "reportgen.interactive.image_view",
    "read_report": "reportgen.report.open",
    "Figure": "reportgen.report.blocks",
    "Section": "reportgen.report.blocks",
    "Table": "reportgen.report.blocks",
    "Finding": "reportgen.report.document",
    "ImageRecord": "reportgen.report.document",
    "Report": "reportgen.report.document",
    "Settings": "reportgen.settings.model",
    "ReportgenError": "reportgen.utils.errors",
    "UsageError": "reportgen.utils.errors",
    "Progress": "reportgen.utils.progress",
}


def __getattr__(name: str) -> Any:
    """Import on first use: `import reportgen` costs nothing, and `reportgen --help` next to nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'reportgen' has no attribute {name!r}")
    from importlib import import_module

    import_module("reportgen.interactive")  # from now on reports show themselves in a notebook
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "Explanation",
    "Figure",
    "Finding",
    "ImageRecord",
    "ImageView",
    "Progress",
    "Report",
    "ReportgenError",
    "Section",
    "Settings",
    "Table",
    "UsageError",
    "explain",
    "make_report",
    "read_report",
    "render",
    "run",
]
