"""Report -> files. Imports no model, no analysis, neither torch nor matplotlib, and WeasyPrint only for a PDF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reportgen.document import Report
from reportgen.errors import UsageError
from reportgen.files import replacing
from reportgen.manifest import Entry, renew_manifest
from reportgen.rendering.apart import Limits, limits_for, render_apart
from reportgen.rendering.attachments import data_files
from reportgen.rendering.context import page_context
from reportgen.rendering.pdf import LOGGER, load_weasyprint
from reportgen.rendering.sources import sources
from reportgen.rendering.templates import (
    find_template,
    shipped_names,
    shipped_templates,
    template_folders,
    template_sha256,
)
from reportgen.rendering.writers import WRITERS


def check(template: str | Path, formats: Sequence[str]) -> None:
    """Whether `render` can begin: asked before the work that leads to it.

    Raises:
        UsageError: an unknown template or format.
        ReportgenError: the PDF library cannot be loaded.
    """
    unknown = [name for name in formats if name not in WRITERS]
    if unknown:
        raise UsageError(f"unknown format {unknown[0]!r}: use {' or '.join(WRITERS)}")
    find_template(template)
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
    limits: Limits | None = None,
) -> list[Path]:
    """Write `out`/report.pdf and `out`/report.html; each file is whole or absent.

    A template of the user's own, or the user's own CSS, is rendered in a process of its own, within limits.

    Args:
        run: the run folder, in which the pictures named by the report lie.
        out: made where it is missing; may be the run folder itself, whose manifest then lists the new files.
        template: the name of a shipped template, or a folder that extends one.
        formats: any of "pdf" and "html".
        archive: the PDF is PDF/A-3a instead of PDF/UA-1.
        manifest: SHA-256 and size of the run's files, which the PDF carries; None: as the run folder lists them.
        limits: of that process; by default generous, and by the number of pictures.

    Returns:
        the files written, in the order of `formats`.

    Raises:
        UsageError: an unknown template or format.
        ReportgenError: a picture is missing, the template is wrong or takes more than its limits, or the PDF library
            cannot be loaded.
    """
    check(template, formats)
    chosen = find_template(template)
    files = sources(report, Path(run), chosen.folders)
    if "pdf" in formats:
        files = replace(files, data=data_files(report, files, manifest), archive=archive)
    trusted = chosen.shipped and not report.document.css
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name in dict.fromkeys(formats):
        target = out / f"report.{name}"
        with replacing(target) as temporary:
            context = page_context(report, name, chosen.file)
            if trusted:
                WRITERS[name](context, files, temporary)
            else:
                for complaint in render_apart(
                    name, context, files, temporary, limits or limits_for(len(files.pictures))
                ):
                    LOGGER.warning("%s", complaint)
        written.append(target)
    if out.resolve() == Path(run).resolve():
        renew_manifest(out, written)
    return written


__all__ = [
    "Limits",
    "check",
    "find_template",
    "render",
    "shipped_names",
    "shipped_templates",
    "template_folders",
    "template_sha256",
]
