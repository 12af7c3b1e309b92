"""A report and its pictures out of a PDF."""

from __future__ import annotations

from fuzz.harness import on_disk, refused
from reportgen.report.open import read_report, unpack_report
from reportgen.report.pdf_data import differing_pages, page_count

READERS = ("reportgen/report/pdf_data.py", "reportgen/report/open.py", "reportgen/report/manifest.py")


def one(data: bytes) -> None:
    with on_disk(data, "report.pdf") as path:
        with refused():
            read_report(path)
        with refused():
            unpack_report(path, path.parent / "into")
        with refused():
            page_count(path)
        with refused():
            differing_pages(path, path)
