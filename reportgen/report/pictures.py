"""Which files of the run folder a report shows."""

from __future__ import annotations

from collections.abc import Iterator

from reportgen.report.blocks import ColorBar, Figure
from reportgen.report.document import Report


def named_pictures(report: Report) -> Iterator[str]:
    """Every picture that the report shows, as its path in the run folder; one shown twice comes twice."""
    if report.document.logo is not None:
        yield report.document.logo.file
    for image in (*report.images, *(report.records.cards if report.records is not None else ())):
        yield image.picture.file
    for section in report.sections:
        for block in section.blocks:
            if isinstance(block, Figure):
                yield from (picture.file for picture in block.pictures)
                if isinstance(block.legend, ColorBar) and block.legend.file:
                    yield block.legend.file
