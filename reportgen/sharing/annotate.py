"""`render RUN --notes DIR`: the author's own words put into a finished run, and its pages made again; nothing is computed.

The run folder that comes out is whole: report.json carries the notes, the manifest lists what is there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from shutil import copyfile

from reportgen.notes.folder import find_notes
from reportgen.pipeline.own_words import read_all, with_notes
from reportgen.rendering.render import render_all
from reportgen.rendering.sources import inside
from reportgen.report.document import Report
from reportgen.report.every_image import EveryImage
from reportgen.report.manifest import (
    MAIN_FILES,
    OWN_NAMES,
    Entry,
    entry_of,
    file_entry,
    is_rendered,
    read_manifest,
    stays_inside,
)
from reportgen.report.open import run_folder
from reportgen.report.pictures import named_pictures
from reportgen.report.report_json import REPORT, report_json
from reportgen.storage.run_folder import RunFolder
from reportgen.utils.errors import CheckFailed, UsageError
from reportgen.utils.terminal_text import printable
from reportgen.utils.untrusted_files import is_folder


def annotated(report: Report, notes: Path, say: Callable[[str], None]) -> Report:
    """The report with the notes of a folder in the place of its own.

    Args:
        say: tells the user a line: of a file that is no note, of what a reader does not get.

    Raises:
        UsageError: there is no such folder, a note cannot be read, or it refers to what the report does not have.
    """
    if not is_folder(notes):
        raise UsageError(f"{notes}: no such folder; give the folder of your notes")
    with EveryImage(report) as every:
        files, left_out = find_notes(notes, [section.id for section in report.sections], every.names)
    for line in left_out:
        say(line)
    if not files:
        raise UsageError(
            f"{notes}: holds no note on this report; name them introduction.md, conclusion.md or SECTION.md"
        )
    return with_notes(report, read_all(files), str(notes), say)


def write_annotated(
    report: Report,
    source: Path,
    folder: Path,
    out: Path | None,
    template: str | Path,
    formats: Sequence[str],
    *,
    archive: bool = False,
) -> list[Path]:
    """Write a finished run folder with this report and its pages.

    Args:
        source: what the user named; folder: where the pictures of the report lie (`open_report`).
        out: None: the run's own folder, whose other formats are made again too.

    Returns:
        for each format the file to open.

    Raises:
        UsageError: no run folder to write into, or `out` holds what is no run's.
        CheckFailed: the run is not as it was made, so that a new manifest would hide it.
    """
    own = run_folder(source)
    target = own if out is None else out
    if folder.resolve() != own.resolve() and out is None:
        raise UsageError(f"{source}: is a copy of a run; say with -o where the run folder with the notes shall lie")
    here = target.resolve() == folder.resolve()
    entries = _files(report, folder, here)
    if here:
        listed = read_manifest(folder) or {}
        formats = [*formats, *(name for name, file in MAIN_FILES.items() if file in listed)]
    data = report_json(report)
    parameter_files = {name.partition("/")[0] for name in entries} - set(OWN_NAMES)
    with (
        tempfile.TemporaryDirectory(prefix="reportgen-") as scratch,
        closing(RunFolder(target, parameter_files)) as made,
    ):
        made.require_free()
        manifest = {**entries, REPORT: entry_of(data)}
        pages = render_all(report, folder, Path(scratch), template, formats, archive=archive, manifest=manifest)
        made.begin()
        for name in entries:
            if here:
                made.adopt(name)
            else:
                made.streamed(name, partial(copyfile, folder / name))
        made.raw(REPORT, data)
        for page in (page for files in pages.values() for page in files):
            made.raw(page.relative_to(scratch).as_posix(), page.read_bytes())
        made.finish()
    return [target / MAIN_FILES[name] for name in pages]


def _files(report: Report, folder: Path, here: bool) -> dict[str, Entry]:
    """What of the run stays as it is: what its manifest lists and lies there, or the report's pictures where it has none.

    Raises:
        UsageError, CheckFailed: see `write_annotated`.
    """
    listed = read_manifest(folder)
    if listed is None:
        if here:
            raise UsageError(f"{folder}: is no finished run; make it again, or give another folder with -o")
        names = sorted(set(named_pictures(report)))
        return {name: file_entry(path) for name in names if (path := inside(folder, name))}
    kept = {}
    for name, entry in listed.items():
        path = inside(folder, name) if stays_inside(name) else None
        if path is None and not here:  # a PDF carries the pictures alone
            continue
        if not is_rendered(name) and (path is None or file_entry(path) != entry):
            raise CheckFailed(f"{folder}: is not as it was made ({printable(name)}); make it again")
        kept[name] = entry
    return {name: entry for name, entry in kept.items() if name != REPORT and not is_rendered(name)}
