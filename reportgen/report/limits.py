"""How much of an untrusted report is read: of its JSON, of the PDF or zip that it comes in, and of its Parquet files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadLimits:
    """Limits on what is read, in bytes where nothing else is said.

    Attributes:
        pdf: of a PDF itself.
        file: of report.json, and of any other file in a PDF or a zip that is read whole, unpacked.
        values: how many values report.json may hold; one of 1,000 images and every analysis holds some hundred thousand.
        depth: how deep they may be nested.
        pictures: of all pictures of a report together, unpacked.
        entries: how many entries a zip may have.
        total: of all entries of a zip, unpacked.
        dense_total: up to here a zip may be as dense as it likes.
        columns: of a Parquet file, which is read part by part.
        ratio: how many times its own size a larger one may unpack to; a hundred is what honest files reach.
    """

    pdf: int = 1 << 30
    file: int = 1 << 28
    values: int = 10_000_000
    depth: int = 64
    pictures: int = 1 << 30
    entries: int = 200_000
    total: int = 4 << 30
    dense_total: int = 256 << 20
    columns: int = 8 << 30
    ratio: int = 100


DEFAULT_LIMITS = ReadLimits()
