"""The Python API: `run` makes a Report, `render` makes files of it, `make_report` does both into a run folder."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from reportgen.images.sources.given import Images
from reportgen.pipeline.analyse import analyse
from reportgen.pipeline.execution import EngineName, Execution
from reportgen.pipeline.gates import JUNIT, junit_xml
from reportgen.pipeline.own_words import OwnWords
from reportgen.pipeline.providers import INSTALLED, Providers
from reportgen.rendering.render import render as render_files
from reportgen.rendering.render import render_all, require_renderable
from reportgen.rendering.templates import template_sha256
from reportgen.report.document import Note, Report
from reportgen.report.manifest import FURTHER_MODELS, MAIN_FILES
from reportgen.report.provenance import TemplateRecord
from reportgen.report.report_json import REPORT, report_json
from reportgen.settings.model import Settings
from reportgen.storage.cache import in_use
from reportgen.storage.run_folder import RunFolder
from reportgen.storage.store import cache_folder
from reportgen.utils.errors import UsageError
from reportgen.utils.progress import Progress, Stopwatch
from reportgen.utils.progress_bars import watched


def run(images: Images, settings: Settings | None = None, *, progress: Progress | bool | None = None) -> Report:
    """Explain the images of a folder, an archive, several paths, or an address.

    The figures lie in a temporary folder that lives as long as the report, or a part of it; `render` and `make_report` keep them.

    Args:
        images: a path, several of them, or what `reportgen.images.sources.given.read_list` read.
        progress: who is told how far it is. None: whoever sees the terminal or the notebook; False: nobody.

    Raises:
        ReportgenError: see `make_report`.
    """
    home = tempfile.TemporaryDirectory(prefix="reportgen-")
    folder, cache, settings = RunFolder(Path(home.name)), cache_folder(), settings or Settings()
    names = [analysis.name for analysis in INSTALLED.analyses(settings.tasks)]
    with watched(progress) as told, in_use(cache):
        words = OwnWords(images, settings, names, say=told.say)
        report, _ = analyse(images, settings, folder, cache, progress=told, further=(words.require_possible,))
    report = words.added_to(report).with_folder(home)
    # A finished run folder, so that a PDF made from it carries the same manifest as one made by `make_report`.
    folder.raw(REPORT, report_json(report))
    folder.finish()
    return report


def render(
    report: Report,
    out: str | Path,
    *,
    formats: Sequence[str] = ("pdf", "html"),
    template: str | Path = "writeup",
    archive: bool = False,
) -> list[Path]:
    """Write report.pdf and report.html of a report made by `run`, or read by `read_report`, into `out`.

    Args:
        formats: any of "pdf", "html", "docx", "md" and "tex"; the file to open of each is returned.
        archive: the PDF is PDF/A-3a instead of PDF/UA-1.

    Raises:
        UsageError: the report has no folder with its figures, the template or a format is unknown, or `out` is the
            finished run of another report.
    """
    if report.folder is None:
        raise UsageError("this report has lost its run folder: read it from there with reportgen.read_report")
    return render_files(report, report.folder, Path(out), template, formats, archive=archive)


def make_report(
    images: Images,
    out: str | Path,
    settings: Settings | None = None,
    *,
    fresh: bool = False,
    jobs: int | None = None,
    store: str | Path | None = None,
    engine: EngineName = "threads",
    address: str | None = None,
    command: Sequence[str] = (),
    progress: Progress | bool | None = None,
    providers: Providers = INSTALLED,
    notes: Sequence[Note] = (),
) -> Report:
    """Explain a folder of images and write a complete run folder; its manifest is written last.

    Args:
        images: as for `run`.
        fresh: compute every result, also those in the store.
        jobs: how many images are under way at once, by default up to as many as there are cores; the report is the same.
        store: a folder or an address (s3://bucket/folder) of results, in place of the cache folder; default: REPORTGEN_STORE.
        engine: "threads", or "ray", which is started on this machine unless there is an address.
        address: of a Ray cluster.
        command: the command line as the report shows it.
        progress: as for `run`.
        providers: where analyses and classifiers come from.
        notes: the author's own words, of a run that is repeated; where the settings name a folder of notes, those win.

    Raises:
        NothingToDo: no readable image.
        UsageError: wrong settings, an unknown model or task, missing weights; a note that refers to what is not there.
        ReportgenError: a file cannot be written, or a renderer cannot be loaded.
    """
    out, settings = Path(out), settings or Settings()
    cache, analyses = cache_folder(), providers.analyses(settings.tasks)
    files = [analysis.parameter_file for analysis in analyses]
    further = [FURTHER_MODELS] if len(settings.explained) > 1 else []
    names = [*further, *(file.name for file in files if file is not None)]
    with ExitStack() as open_until_the_end:
        told = open_until_the_end.enter_context(watched(progress))
        words = OwnWords(images, settings, [analysis.name for analysis in analyses], notes, told.say)
        folder = open_until_the_end.enter_context(closing(RunFolder(out, names)))
        with in_use(cache):
            report, watch = analyse(
                images,
                settings,
                folder,
                cache,
                fresh=fresh,
                execution=Execution(jobs, engine, address, store),
                command=command,
                progress=told,
                providers=providers,
                further=(lambda: _require_pages(settings), words.require_possible),
            )
        report = _with_template(words.added_to(report).with_folder(out), settings)
        _write(report, folder, watch, settings, told)
    return report


def _require_pages(settings: Settings) -> None:
    """Raises: UsageError: template, format, language or paper is none that there is."""
    document = settings.document
    require_renderable(settings.template, settings.formats, document.language, document.paper)


def _with_template(report: Report, settings: Settings) -> Report:
    """The report, with the template of its pages in the provenance; a pipeline knows no templates."""
    record = TemplateRecord(name=str(settings.public()["template"]), sha256=template_sha256(settings.template))
    return report.model_copy(update={"provenance": report.provenance.model_copy(update={"template": record})})


def _write(report: Report, folder: RunFolder, watch: Stopwatch, settings: Settings, progress: Progress) -> None:
    """Write what is made of the report, and the manifest last."""
    out = folder.path
    folder.raw(REPORT, report_json(report))
    if report.gates:
        folder.raw(JUNIT, junit_xml(report.gates))
    manifest = folder.written
    progress.stage("Rendering", len(settings.formats))
    for name in settings.formats:
        with watch.stage(f"render {name}"):
            made = render_all(report, out, out, settings.template, [name], archive=settings.archive, manifest=manifest)
        for path in made[name]:
            folder.adopt(path.relative_to(out).as_posix())
        progress.step(MAIN_FILES[name])
    folder.timings({"stages": watch.stages, "images": watch.images})
    folder.finish()
