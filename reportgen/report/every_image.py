"""All images of a report, wherever they stand: in report.json, or, of a run of many, in images.parquet.

`Report.images` holds the images that report.json has in full. Whoever needs all of them asks here, and holds one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from reportgen.report.blocks import Cell, Table
from reportgen.report.columns import ImagesFile, open_images, read_rows, scalars_of
from reportgen.report.document import ImageRecord, Report, Warning_
from reportgen.utils.errors import UsageError


class EveryImage:
    """The images of a report in the run's order; a context, for a file is open while it lasts.

    Attributes:
        names, hashes: of all images.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._open = ExitStack()
        self._file: ImagesFile | None = None

    def __enter__(self) -> EveryImage:
        """
        Raises:
            UsageError: images.parquet is needed and not here, is another report's, or cannot be read.
        """
        report = self._report
        if report.records is None:
            self.names = [image.name for image in report.images]
            self.hashes = [image.sha256 for image in report.images]
            return self
        folder = report.records_folder
        if folder is None:
            raise UsageError(
                f"this report holds {len(report.images)} of its {report.records.count} images; {report.records.file} holds them all, "
                "so give the run folder"
            )
        with ExitStack() as opening:
            file = opening.enter_context(open_images(folder / report.records.file, report.records))
            self.names, self.hashes = file.texts("name"), file.texts("sha256")
            self._file, self._open = file, opening.pop_all()
        return self

    def __exit__(self, *raised: object) -> None:
        self._open.close()

    def __len__(self) -> int:
        return len(self.names)

    def at(self, position: int) -> ImageRecord:
        """The record of one image, in full; quick where images are asked for in their order."""
        return self._report.images[position] if self._file is None else self._file.record(position)

    def __iter__(self) -> Iterator[ImageRecord]:
        return (self.at(position) for position in range(len(self)))

    def columns(self) -> dict[str, list[Cell]]:
        """What every record says that is no list, by dotted key (`reportgen.report.columns.scalars_of`); None where one says nothing."""
        if self._file is not None:
            return self._file.scalars()
        rows = [dict(scalars_of(image)) for image in self._report.images]
        keys = dict.fromkeys(key for row in rows for key in row)
        return {key: [row.get(key) for row in rows] for key in keys}

    def warnings(self) -> Iterator[Warning_]:
        """Every warning of the report: those about the whole run, then those about single images, in the run's order.

        Of a report that holds them all, in its own order.
        """
        if self._file is None:
            yield from self._report.warnings
            return
        yield from (warning for warning in self._report.warnings if warning.image is None)
        yield from self._file.warnings()


def whole_table(folder: Path | None, table: Table) -> Table:
    """A table with all of its rows.

    Args:
        folder: of the run; None: it is not here.

    Raises:
        UsageError: they stand in a file that is not here, or cannot be read.
    """
    if table.all_rows is None:
        return table
    file = table.all_rows.file
    path = None if folder is None else (folder / file).resolve()
    if folder is None or path is None or not path.is_relative_to(folder.resolve()):
        raise UsageError(
            f"{file[:80]}: holds all rows of the table {table.id[:80]}, and is not here; give the run folder"
        )
    return read_rows(path, table)
