"""A report.pdf as data: what it carries, read back into a folder.

For whoever reads a PDF (`render report.pdf`, `verify report.pdf`):

    attachments(path)             {"report.json": bytes, "manifest.json": bytes}, as far as the PDF has them
    report_from_pdf(path, into)   the Report; writes report.json, manifest.json and every picture into `into`
    page_count(path)              how many pages it has
    differing_pages(a, b)         which of them say or show something else
    opened(source)                context: (Report, folder with its pictures) of a run folder, a report.json or a PDF

What the PDF carries is described in `reportgen.rendering.attachments`. The manifest lists every file of the run, so
after `report_from_pdf` the folder lacks those that a PDF does not carry (maps, masks, tables, the pickle); the
pictures are checked against it, report.json is not: that is the business of `verify`.

PDFs come from strangers. Nothing is written but what the report names, under the folder; what is read and written is
bounded (`MAX_PDF`, `MAX_FILE`, `MAX_TOTAL`); anything wrong with a PDF is a `UsageError` of one line.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from reportgen.report.document import Report, named_pictures
from reportgen.report.manifest import MANIFEST, parse_manifest
from reportgen.report.report_json import REPORT, read_report, run_folder
from reportgen.utils.errors import ReportgenError, UsageError
from reportgen.utils.files import write_file

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

MAX_PDF = 1 << 30  # bytes of the PDF itself
MAX_FILE = 1 << 28  # bytes of one file in it, unpacked
MAX_TOTAL = 1 << 30  # bytes of all files that are written
ENDINGS = (".jpg", ".jpeg", ".png", ".svg")


def attachments(path: Path) -> dict[str, bytes]:
    """The JSON files that a PDF carries, by name: `report.json` and `manifest.json`, as far as it has them.

    Raises:
        UsageError: the file cannot be read, or is no PDF.
    """
    with _reading(path) as reader:
        return {name: _content(path, entry) for name, entry in _entries(reader).items() if name in (REPORT, MANIFEST)}


def page_count(path: Path) -> int:
    """How many pages a PDF has.

    Raises:
        UsageError: the file cannot be read, or is no PDF.
    """
    with _reading(path) as reader:
        return len(reader.pages)


def differing_pages(a: Path, b: Path) -> list[int]:
    """The pages, counted from 1, whose words or photographs differ between two PDFs; how they are drawn does not count.

    Raises:
        UsageError: a file cannot be read, or is no PDF.
    """
    sides = []
    for path in (a, b):
        with _reading(path) as reader:
            sides.append([(page.extract_text(), sorted(_page_jpegs(page))) for page in reader.pages])
    return [number for number, (x, y) in enumerate(zip_longest(*sides), 1) if x != y]


def report_from_pdf(path: Path, into: Path) -> Report:
    """Read the report back from a PDF that reportgen made.

    Args:
        into: receives report.json, manifest.json and every picture that the report names; made where it is missing.

    Returns:
        the report, ready to be rendered from `into`.

    Raises:
        UsageError: the file cannot be read, is no PDF, carries no report, or lacks a picture.
    """
    with _reading(path) as reader:
        entries = _entries(reader)
        missing = [name for name in (REPORT, MANIFEST) if name not in entries]
        if missing:
            raise UsageError(f"{path}: carries no {missing[0]}; give a PDF that reportgen made, or a run folder")
        data = {name: _content(path, entries[name]) for name in (REPORT, MANIFEST)}
        manifest = parse_manifest(data[MANIFEST])
        if manifest is None:
            raise UsageError(f"{path}: its {MANIFEST} is not a manifest of schema version 1")
        for name, content in data.items():
            write_file(into / name, content)
        try:
            report = read_report(into)
        except UsageError as error:
            raise UsageError(f"{path}: {str(error).removeprefix(f'{into}/')}") from None
        _write_pictures(path, reader, report, {name: sha for name, (sha, _) in manifest.items()}, into)
    return report


@contextmanager
def opened(source: str | Path) -> Iterator[tuple[Report, Path]]:
    """A report and the folder that holds its pictures, while the context lasts.

    Args:
        source: a run folder, its report.json, or a PDF that reportgen made.

    Raises:
        UsageError: it is none of these.
    """
    source = Path(source)
    if source.suffix.lower() != ".pdf" or source.is_dir():
        yield read_report(source), run_folder(source)
        return
    with tempfile.TemporaryDirectory(prefix="reportgen-") as folder:
        yield report_from_pdf(source, Path(folder)), Path(folder)


def _write_pictures(path: Path, reader: PdfReader, report: Report, hashes: Mapping[str, str], into: Path) -> None:
    attached = _entries(reader)
    shown: dict[str, bytes] | None = None
    total = 0
    for name in sorted(set(named_pictures(report))):
        if not _safe(name):
            raise UsageError(f"{path}: its report names a picture {name[:80]!r} that could lie outside its folder")
        if name in attached:
            content: bytes | None = _content(path, attached[name])
        else:
            shown = _jpegs(reader) if shown is None else shown
            content = shown.get(hashes.get(name, ""))
        if content is None or hashlib.sha256(content).hexdigest() != hashes.get(name):
            raise UsageError(f"{path}: does not hold {name} as its manifest describes it; give the run folder")
        total += len(content)
        if total > MAX_TOTAL:
            raise UsageError(f"{path}: holds more than {MAX_TOTAL >> 20} MiB of pictures")
        write_file(into / name, content)


def _safe(name: str) -> bool:
    """Whether a picture's name is a plain path below its folder, on any system."""
    parts = PurePosixPath(name).parts
    plain = not any(character in name for character in "\\:\0")
    return plain and not name.startswith("/") and ".." not in parts and name.lower().endswith(ENDINGS)


@contextmanager
def _reading(path: Path) -> Iterator[PdfReader]:
    """A reader of the file, in which anything that goes wrong is one line."""
    import pypdf

    logger = logging.getLogger("pypdf")
    level = logger.level
    try:
        size = path.stat().st_size
        if size > MAX_PDF:
            raise UsageError(f"{path}: is larger than {MAX_PDF >> 20} MiB")
        logger.setLevel(logging.CRITICAL + 1)  # what it says about a damaged file is said below, once
        limits = {"zlib_maximum_output_length": MAX_FILE, "maximum_declared_stream_length": MAX_FILE}
        with path.open("rb") as file, pypdf.apply_configuration(None, **limits):
            reader = pypdf.PdfReader(file)
            if reader.is_encrypted:
                raise UsageError(f"{path}: is encrypted; give the PDF as reportgen made it")
            yield reader
    except ReportgenError:
        raise
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; give a PDF that reportgen made") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from None
    except Exception as error:  # a parser fed with a stranger's bytes: whatever it meets, the file is at fault
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UsageError(f"{path}: not a PDF that can be read ({reason})") from None
    finally:
        logger.setLevel(level)


def _entries(reader: PdfReader) -> dict[str, Any]:
    """What is attached, by name; of two with one name the first."""
    entries: dict[str, Any] = {}
    for entry in reader.attachment_list:
        entries.setdefault(str(entry.name), entry)
    return entries


def _content(path: Path, entry: Any) -> bytes:
    content = entry.content
    if len(content) > MAX_FILE:
        raise UsageError(f"{path}: {entry.name[:80]} is larger than {MAX_FILE >> 20} MiB")
    return content


def _jpegs(reader: PdfReader) -> dict[str, bytes]:
    """Every JPEG that the pages show, by SHA-256."""
    found: dict[str, bytes] = {}
    seen: set[object] = set()
    for page in reader.pages:
        objects = page.get("/Resources", {}).get("/XObject", {})
        for reference in objects.values() if id(objects) not in seen else ():
            key = (reference.idnum, reference.generation) if hasattr(reference, "idnum") else id(reference)
            if key in seen:
                continue
            seen.add(key)
            item = reference.get_object()
            if item.get("/Filter") == "/DCTDecode":
                data = item.get_data()
                found[hashlib.sha256(data).hexdigest()] = data
        seen.add(id(objects))
    return found


def _page_jpegs(page: PageObject) -> set[str]:
    """SHA-256 of every JPEG that a page may show."""
    items = [reference.get_object() for reference in page.get("/Resources", {}).get("/XObject", {}).values()]
    return {hashlib.sha256(i.get_data()).hexdigest() for i in items if i.get("/Filter") == "/DCTDecode"}
