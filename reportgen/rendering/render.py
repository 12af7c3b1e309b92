"""Report -> files: every format that is asked for, each whole or absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from reportgen.rendering.context import page_context
from reportgen.rendering.office.writer import require_docx
from reportgen.rendering.pdf.attachments import data_files
from reportgen.rendering.pdf.writer import LOGGER, load_weasyprint
from reportgen.rendering.plain import Plain
from reportgen.rendering.sandbox.limits import Limits, limits_for
from reportgen.rendering.sandbox.process import Content, render_in_sandbox
from reportgen.rendering.sources import Sources, sources
from reportgen.rendering.templates import Template, find_template, require_paper
from reportgen.rendering.words import chosen_language, read_words
from reportgen.rendering.writers import DRAWN, MANUSCRIPTS, WRITERS
from reportgen.report.document import Paper, Report
from reportgen.report.manifest import MAIN_FILES, Entry, read_manifest, renew_manifest
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
        UsageError: an unknown template, format or language, a paper that the template is not made for, a mistake in the
            template's words, or a format that needs a library which is not installed.
        ReportgenError: the PDF library cannot be loaded.
    """
    _prepare(template, formats, language, paper)


def _prepare(
    template: str | Path, formats: Sequence[str], wanted: str | None, paper: Paper | None
) -> tuple[Template, str, Plain]:
    """The template, its language and words, once everything that `require_renderable` asks for is there."""
    unknown = [name for name in formats if name not in MAIN_FILES]
    if unknown:
        raise UsageError(f"unknown format {unknown[0]!r}: use one or more of {', '.join(MAIN_FILES)}")
    chosen = find_template(template)
    language = chosen_language(chosen, wanted)
    words = read_words(chosen, language)
    if "pdf" in formats:
        require_paper(chosen.file, paper)
    if not DRAWN.isdisjoint(formats):
        load_weasyprint()
    if "docx" in formats:
        require_docx()
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
    """`render_all`, of which the file to open is returned for each of `formats`, in their order."""
    made = render_all(report, run, out, template, formats, archive=archive, manifest=manifest, limits=limits)
    return [files[0] for files in made.values()]


def render_all(
    report: Report,
    run: Path,
    out: Path,
    template: str | Path = "writeup",
    formats: Sequence[str] = ("pdf", "html"),
    *,
    archive: bool = False,
    manifest: Mapping[str, Entry] | None = None,
    limits: Limits | None = None,
) -> dict[str, list[Path]]:
    """Write `out`/report.pdf, `out`/report.html, and what else is asked for; each file is whole or absent.

    What may be without end is rendered in a process of its own, within limits: a template or CSS of the user's own, and any report
    that was read from a file, whatever the template.

    Args:
        run: the run folder, in which the pictures named by the report lie.
        out: made where it is missing; may be a finished run's folder where that run's report is this one: its manifest
            then lists the new files.
        template: the name of a shipped template, or a folder that extends one. Word, Markdown and LaTeX take its title,
            byline, accent, paper, words and sections, and not its pages.
        formats: any of "pdf", "html", "docx", "md" and "tex".
        archive: the PDF is PDF/A-3a instead of PDF/UA-1.
        manifest: SHA-256 and size of the run's files, which the PDF carries; None: as the run folder lists them.
        limits: of that process; by default generous, and by the number of pictures and the environment (`limits_for`).

    Returns:
        for each format, once, the files written: the one to open first, then what it needs beside it.

    Raises:
        UsageError: an unknown template, format or language, a library that a format needs and that is not installed, or
            `out` is the finished run of another report.
        ReportgenError: a picture is missing, the template is wrong or takes more than its limits, or the PDF library
            cannot be loaded.
    """
    chosen, language, words = _prepare(template, formats, report.document.language, report.document.paper)
    _require_no_other_run(report, Path(run), Path(out))
    files = sources(report, Path(run), chosen.folders)
    if "pdf" in formats:
        files = replace(files, data=data_files(report, files, manifest), archive=archive)
    content = Content(report, chosen.file, language, words, own=not chosen.shipped or bool(report.document.css))
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    made: dict[str, list[Path]] = {}
    for name in dict.fromkeys(formats):
        if _from_elsewhere(name, content):
            made[name] = _write_apart(name, content, files, out, limits or limits_for(len(files.pictures)))
        else:
            made[name] = _write(name, content, files, out)
    renew_manifest(out, [path for files_of_one in made.values() for path in files_of_one])
    return made


def _from_elsewhere(name: str, content: Content) -> bool:
    """Whether what a file is made of is not all from this process and the package; no template makes a manuscript."""
    return content.report.was_read or (content.own and name not in MANUSCRIPTS)


def _write(name: str, content: Content, files: Sources, out: Path) -> list[Path]:
    """The files of one format, made in this process."""
    medium = name if name in WRITERS else "manuscript"
    context = page_context(content.report, medium, content.template, content.language, content.words)
    if name in MANUSCRIPTS:
        return MANUSCRIPTS[name](context, files, out)
    with replacing(out / MAIN_FILES[name]) as temporary:
        WRITERS[name](context, files, temporary)
    return [out / MAIN_FILES[name]]


def _write_apart(name: str, content: Content, files: Sources, out: Path, limits: Limits) -> list[Path]:
    """The files of one format, made in a process of its own."""
    if name in MANUSCRIPTS:
        written, complaints = render_in_sandbox(name, replace(content, own=False), files, out, limits)
    else:
        written = [out / MAIN_FILES[name]]
        with replacing(written[0]) as temporary:
            _, complaints = render_in_sandbox(name, content, files, temporary, limits)
    for complaint in complaints:
        LOGGER.warning("%s", complaint)
    return written


def _require_no_other_run(report: Report, run: Path, out: Path) -> None:
    """Pages belong to the data beside them: into a finished run go pages of its own report alone."""
    if out.resolve() == run.resolve() or read_manifest(out) is None:
        return
    with suppress(UsageError):  # a damaged report is another
        if report_json(read_report(out)) == report_json(report):
            return
    raise UsageError(f"{out}: holds the finished run of another report; give another folder with -o")
