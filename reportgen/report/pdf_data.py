"""What a PDF carries, read back: its report, its manifest, its pictures. How they got there: `reportgen.rendering.pdf.attachments`.

    open_pdf(path)                context: the files that it carries, one at a time
    attachments(path)             {"report.json": bytes, "manifest.json": bytes}, as far as the PDF has them
    page_count(path)              how many pages it has
    differing_pages(a, b)         which of them say or show something else

PDFs are untrusted. What is read is bounded (`ReadLimits`), and anything wrong with a PDF is a `UsageError` of one line.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.report.limits import DEFAULT_LIMITS, ReadLimits
from reportgen.report.manifest import MANIFEST
from reportgen.report.report_json import REPORT
from reportgen.utils.errors import ReportgenError, UsageError
from reportgen.utils.files import write_file

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader
    from pypdf.generic import EmbeddedFile


class PdfData:
    """A PDF that can be read; of two files with one name it holds the first."""

    def __init__(self, path: Path, reader: PdfReader, limits: ReadLimits) -> None:
        self.path = path
        self._limits = limits
        self._reader = reader
        self._entries: dict[str, EmbeddedFile] = {}
        for entry in reader.attachment_list:
            self._entries.setdefault(str(entry.name), entry)
        self._jpegs: dict[str, bytes] | None = None

    @property
    def names(self) -> list[str]:
        """What is attached."""
        return sorted(self._entries)

    def read(self, name: str) -> bytes:
        """An attached file.

        Raises:
            UsageError: there is none, or it is larger than a file of a report can be.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise UsageError(f"{self.path}: carries no {name}; give a PDF that reportgen made, or a run folder")
        content = entry.content
        if len(content) > self._limits.file:
            raise UsageError(f"{self.path}: {name[:80]} is larger than {self._limits.file >> 20} MiB")
        return content

    def copy(self, name: str, target: Path) -> None:
        """Write an attached file to `target`.

        Raises:
            UsageError: see `read`.
        """
        write_file(target, self.read(name))

    def picture(self, name: str, sha256: str) -> bytes | None:
        """A picture by its name, or, where it is not attached, a JPEG that the pages show by its hash; None: neither."""
        if name in self._entries:
            return self.read(name)
        if self._jpegs is None:
            self._jpegs = _jpegs(self._reader)
        return self._jpegs.get(sha256)


@contextmanager
def open_pdf(path: Path, limits: ReadLimits = DEFAULT_LIMITS) -> Iterator[PdfData]:
    """Open a PDF, if it is one that can be read; what goes wrong while it is open is one line too.

    Raises:
        UsageError: the file cannot be read, or is no PDF.
    """
    with _open_reader(path, limits) as reader:
        yield PdfData(path, reader, limits)


def attachments(path: Path, limits: ReadLimits = DEFAULT_LIMITS) -> dict[str, bytes]:
    """The JSON files that a PDF carries, by name: `report.json` and `manifest.json`, as far as it has them.

    Raises:
        UsageError: the file cannot be read, or is no PDF.
    """
    with open_pdf(path, limits) as pdf:
        return {name: pdf.read(name) for name in (REPORT, MANIFEST) if name in pdf.names}


def page_count(path: Path, limits: ReadLimits = DEFAULT_LIMITS) -> int:
    """How many pages a PDF has.

    Raises:
        UsageError: the file cannot be read, or is no PDF.
    """
    with _open_reader(path, limits) as reader:
        return len(reader.pages)


def differing_pages(a: Path, b: Path, limits: ReadLimits = DEFAULT_LIMITS) -> list[int]:
    """The pages, counted from 1, whose words or photographs differ between two PDFs; how they are drawn does not count.

    Raises:
        UsageError: a file cannot be read, or is no PDF.
    """
    sides = []
    for path in (a, b):
        with _open_reader(path, limits) as reader:
            sides.append([(page.extract_text(), sorted(_page_jpegs(page))) for page in reader.pages])
    return [number for number, (x, y) in enumerate(zip_longest(*sides), 1) if x != y]


@contextmanager
def _open_reader(path: Path, limits: ReadLimits) -> Iterator[PdfReader]:
    """A reader of the file, in which anything that goes wrong is one line."""
    import pypdf

    logger = logging.getLogger("pypdf")
    level = logger.level
    try:
        size = path.stat().st_size
        if size > limits.pdf:
            raise UsageError(f"{path}: is larger than {limits.pdf >> 20} MiB")
        logger.setLevel(logging.CRITICAL + 1)  # what it says about a damaged file is said below, once
        bounds = {"zlib_maximum_output_length": limits.file, "maximum_declared_stream_length": limits.file}
        with path.open("rb") as file, pypdf.apply_configuration(None, **bounds):
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
    except Exception as error:  # a parser fed with untrusted bytes: whatever it meets, the file is at fault
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UsageError(f"{path}: not a PDF that can be read ({reason})") from None
    finally:
        logger.setLevel(level)


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
