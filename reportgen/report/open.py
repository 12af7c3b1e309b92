"""The one place where a report is opened: a run folder, its report.json, a PDF that carries its data, or a bundle.

    read_report(source)           the Report, for its data
    open_report(source)           context: the Report and a folder that holds its pictures, to render it again
    unpack_report(source, into)   what a PDF or a bundle holds of its run, written into a folder

A PDF or a zip may come from anybody. Nothing is written but what the report names, below the folder that is given; what
is read and written is bounded (`ReadLimits`). The manifest lists every file of the run, so an unpacked folder lacks
those that a PDF does not carry (maps, masks, tables, the pickle); its pictures are checked against the manifest,
report.json is not: that is the business of `verify`.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reportgen.report.archive import Archive, open_zip
from reportgen.report.document import Report
from reportgen.report.limits import DEFAULT_LIMITS, ReadLimits
from reportgen.report.manifest import MANIFEST, parse_manifest
from reportgen.report.pdf_data import PdfData, open_pdf
from reportgen.report.pictures import named_pictures
from reportgen.report.report_json import REPORT, parse_report
from reportgen.utils.errors import UsageError
from reportgen.utils.files import write_file
from reportgen.utils.untrusted_files import is_file, is_folder, read_at_most

ZIP_START = b"PK\x03\x04"


def read_report(source: str | Path, limits: ReadLimits = DEFAULT_LIMITS) -> Report:
    """The report of a run folder, its report.json, a PDF that reportgen made, or a bundle.

    Returns:
        the report; its `folder` is the one that it lies in, and None where it was read from a PDF or a bundle. Of a run of many
        images the file of records comes along, where there is one.

    Raises:
        UsageError: there is none, or it is not a report of this schema.
        CheckFailed: a zip that is damaged or refused.
    """
    path = Path(source)
    if _is_packed(path):
        with _open_packed(path, limits) as packed:
            report = parse_report(packed.read(REPORT), str(path), limits)
            if report.records is None or report.records.file not in packed.names:
                return report
            folder = tempfile.TemporaryDirectory(prefix="reportgen-")
            packed.copy(report.records.file, Path(folder.name) / report.records.file)
            return report.with_records(folder)
    file = path / REPORT if is_folder(path) else path
    if not is_file(file):
        raise UsageError(f"{file}: no such report; give a run folder or its report.json")
    return parse_report(read_at_most(file, limits.file), str(file), limits).with_folder(file.parent)


@contextmanager
def open_report(source: str | Path, limits: ReadLimits = DEFAULT_LIMITS) -> Iterator[tuple[Report, Path]]:
    """A report and the folder that holds its pictures, while the context lasts.

    Args:
        source: as for `read_report`.

    Raises:
        UsageError, CheckFailed: see `read_report` and `unpack_report`.
    """
    path = Path(source)
    if not _is_packed(path):
        yield read_report(path, limits), run_folder(path)
        return
    with tempfile.TemporaryDirectory(prefix="reportgen-") as folder:
        yield unpack_report(path, Path(folder), limits), Path(folder)


def unpack_report(source: Path, into: Path, limits: ReadLimits = DEFAULT_LIMITS) -> Report:
    """Read a report back from a PDF or a bundle, with its pictures.

    Args:
        into: receives report.json, manifest.json, every picture that the report names and, of a run of many images, the file
            of records where it is carried; made where it is missing.

    Returns:
        the report, ready to be rendered from `into`.

    Raises:
        UsageError: the file cannot be read, carries no report, or lacks a picture.
        CheckFailed: a zip that is damaged or refused, or lacks a file.
    """
    with _open_packed(source, limits) as packed:
        data = {name: packed.read(name) for name in (REPORT, MANIFEST)}
        manifest = parse_manifest(data[MANIFEST])
        if manifest is None:
            raise UsageError(f"{source}: its {MANIFEST} is not a manifest of schema version 1")
        report = parse_report(data[REPORT], f"{source}: {REPORT}", limits)
        for name, content in data.items():
            write_file(into / name, content)
        if report.records is not None and report.records.file in packed.names:
            packed.copy(report.records.file, into / report.records.file)
        total = 0
        for name in sorted(set(named_pictures(report))):
            picture = _picture(packed, source, name, manifest.get(name, ("", 0))[0])
            total += len(picture)
            if total > limits.pictures:
                raise UsageError(f"{source}: holds more than {limits.pictures >> 20} MiB of pictures")
            write_file(into / name, picture)
    return report.with_folder(into)


def run_folder(source: Path) -> Path:
    """The folder of a run that is named by itself, or by a file in it: its report.json, its PDF."""
    return source if is_folder(source) else source.parent


def _picture(packed: PdfData | Archive, source: Path, name: str, sha256: str) -> bytes:
    """A picture of the report, as the manifest describes it; `parse_report` has seen that its name is a plain one."""
    content = packed.picture(name, sha256)
    if content is None or hashlib.sha256(content).hexdigest() != sha256:
        raise UsageError(f"{source}: does not hold {name} as its manifest describes it; give the run folder")
    return content


def _is_packed(path: Path) -> bool:
    """Whether a report lies in a PDF or a zip, and not in a folder."""
    return not is_folder(path) and (path.suffix.lower() == ".pdf" or _is_zip(path))


def _is_zip(path: Path) -> bool:
    """Whether it is a zip by its name, or by its first bytes where its name says nothing."""
    if path.suffix.lower() in (".zip", ".json", ".pdf") or not is_file(path):
        return path.suffix.lower() == ".zip"
    try:
        with path.open("rb") as file:
            return file.read(len(ZIP_START)) == ZIP_START
    except OSError:
        return False


@contextmanager
def _open_packed(path: Path, limits: ReadLimits) -> Iterator[PdfData | Archive]:
    with open_zip(path, limits) if _is_zip(path) else open_pdf(path, limits) as packed:
        yield packed
