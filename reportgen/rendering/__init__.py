"""Report -> files. Imports no model, no analysis, neither torch nor matplotlib, and WeasyPrint only for a PDF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from reportgen.document import Report
from reportgen.errors import UsageError
from reportgen.files import replacing
from reportgen.manifest import Entry
from reportgen.rendering.attachments import data_files
from reportgen.rendering.context import page_context
from reportgen.rendering.environment import shipped_templates, template_folders
from reportgen.rendering.html import write_html
from reportgen.rendering.pdf import load_weasyprint, write_pdf
from reportgen.rendering.sources import sources

FORMATS = ("html", "pdf")


def check(template: str | Path, formats: Sequence[str]) -> None:
    """Whether `render` can begin: asked before the work that leads to it.

    Raises:
        UsageError: an unknown template or format.
        ReportgenError: the PDF library cannot be loaded.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UsageError(f"unknown format {unknown[0]!r}: use {' or '.join(FORMATS)}")
    template_folders(template)
    if "pdf" in formats:
        load_weasyprint()


def render(
    report: Report,
    run: Path,
    out: Path,
    template: str | Path = "writeup",
    formats: Sequence[str] = ("pdf", "html"),
    *,
    archive: bool = False,
    manifest: Mapping[str, Entry] | None = None,
) -> list[Path]:
    """Write `out`/report.pdf and `out`/report.html; each file is whole or absent.

    Args:
        run: the run folder, in which the pictures named by the report lie.
        out: made where it is missing; may be the run folder itself.
        template: the name of a shipped template, or a folder that extends one.
        formats: any of "pdf" and "html".
        archive: the PDF is PDF/A-3a instead of PDF/UA-1.
        manifest: SHA-256 and size of the run's files, which the PDF carries; None: as the run folder lists them.

    Returns:
        the files written, in the order of `formats`.

    Raises:
        UsageError: an unknown template or format.
        ReportgenError: a picture is missing, the template is wrong, or the PDF library cannot be loaded.
    """
    check(template, formats)
    files = sources(report, Path(run), template_folders(template))
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name in dict.fromkeys(formats):
        target = out / f"report.{name}"
        with replacing(target) as temporary:
            context = page_context(report, name)
            if name == "pdf":
                write_pdf(context, files, temporary, data_files(report, files, manifest), archive=archive)
            else:
                write_html(context, files, temporary)
        written.append(target)
    return written


__all__ = ["check", "render", "shipped_templates", "template_folders"]
