"""Report -> files: every format that is asked for, each whole or absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from reportgen.rendering.context import page_context
from reportgen.rendering.pdf.attachments import data_files
from reportgen.rendering.pdf.writer import LOGGER, load_weasyprint
from reportgen.rendering.plain import Plain
from reportgen.rendering.sandbox.process import Limits, limits_for, render_in_sandbox
from reportgen.rendering.sources import sources
from reportgen.rendering.templates import Template, find_template, require_paper
from reportgen.rendering.words import chosen_language, read_words
from reportgen.rendering.writers import WRITERS
from reportgen.report.document import Paper, Report
from reportgen.report.manifest import Entry, read_manifest, renew_manifest
from reportgen.report.open import read_report
from reportgen.report.report_json import report_json
from reportgen.utils.errors import UsageError
from reportgen.utils.files import replacing


def require_renderable(
    template: str | Path, formats: Sequence[str], language: str | None = None, paper: Paper | None = None
) -> None:
    """Whether `render` can begin: asked before the work that leads to it.

    Args:
        language: of the words of the pages; None: what the template says.
        paper: of the PDF; None: what the template says.

    Raises:
        UsageError: an unknown template, format or language, a paper that the template is not made for, or a mistake in
            the template's words.
        ReportgenError: the PDF library cannot be loaded.
    """
    _prepare(template, formats, language, paper)


def _prepare(
    template: str | Path, formats: Sequence[str], wanted: str | None, paper: Paper | None
) -> tuple[Template, str, Plain]:
    """The template, its language and words, once everything that `require_renderable` asks for is there."""
    unknown = [name for name in formats if name not in WRITERS]
    if unknown:
        raise UsageError(f"unknown format {unknown[0]!r}: use {' or '.join(WRITERS)}")
    chosen = find_template(template)
    language = chosen_language(chosen, wanted)
    words = read_words(chosen, language)
    if "pdf" in formats:
        require_paper(chosen.file, paper)
        load_weasyprint()
    return chosen, language, words


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
        out: made where it is missing; may be a finished run's folder where that run's report is this one: its manifest
            then lists the new files.
        template: the name of a shipped template, or a folder that extends one.
        formats: any of "pdf" and "html".
        archive: the PDF is PDF/A-3a instead of PDF/UA-1.
        manifest: SHA-256 and size of the run's files, which the PDF carries; None: as the run folder lists them.
        limits: of that process; by default generous, and by the number of pictures.

    Returns:
        the files written, in the order of `formats`.

    Raises:
        UsageError: an unknown template, format or language, or `out` is the finished run of another report.
        ReportgenError: a picture is missing, the template is wrong or takes more than its limits, or the PDF library
            cannot be loaded.
    """
    chosen, language, words = _prepare(template, formats, report.document.language, report.document.paper)
    _require_no_other_run(report, Path(run), Path(out))
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
            context = page_context(report, name, chosen.file, language, words)
            if trusted:
                WRITERS[name](context, files, temporary)
            else:
                for complaint in render_in_sandbox(
                    name, context, files, temporary, limits or limits_for(len(files.pictures))
                ):
                    LOGGER.warning("%s", complaint)
        written.append(target)
    renew_manifest(out, written)
    return written


def _require_no_other_run(report: Report, run: Path, out: Path) -> None:
    """Pages belong to the data beside them: into a finished run go pages of its own report alone."""
    if out.resolve() == run.resolve() or read_manifest(out) is None:
        return
    with suppress(UsageError):  # a damaged report is another
        if report_json(read_report(out)) == report_json(report):
            return
    raise UsageError(f"{out}: holds the finished run of another report; give another folder with -o")
