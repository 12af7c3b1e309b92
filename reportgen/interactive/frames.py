"""A report's numbers as pandas data frames; pandas is the user's own, and nothing else here needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from reportgen.report.blocks import Cell, Table
from reportgen.report.document import ImageRecord, Report

if TYPE_CHECKING:
    import pandas

# Of an image what is a name, a place or a hash, and no number.
_NO_NUMBERS = {"name", "slug", "sha256", "picture"}


def frame_of(part: Report | Table) -> pandas.DataFrame:
    """The images of a report, a row each, or the rows of a table (`Report.to_pandas`, `Table.to_pandas`).

    Raises:
        ImportError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError("a data frame needs pandas: pip install pandas") from None
    if isinstance(part, Report):
        names = pandas.Index([image.name for image in part.images], name="name")
        return pandas.DataFrame([dict(_flat(image)) for image in part.images], index=names)
    keys = [column.key for column in part.columns]
    frame = pandas.DataFrame(part.rows, columns=keys)
    units = {column.key: "share" if column.percent else column.unit for column in part.columns}
    frame.attrs = {"caption": part.caption, "units": {key: unit for key, unit in units.items() if unit}}
    return frame


def _flat(image: ImageRecord) -> Iterator[tuple[str, Cell]]:
    data = image.model_dump(mode="json", exclude=_NO_NUMBERS)
    for group in ("label", "prediction", "target"):
        values = data.pop(group) or {}
        yield group, values.pop("name", None)
        yield from _scalars(values, f"{group}.")
    yield from _scalars(data, "")


def _scalars(values: Mapping[str, object], prefix: str) -> Iterator[tuple[str, Cell]]:
    """What is no list, under dotted keys."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _scalars(value, f"{prefix}{key}.")
        elif value is None or isinstance(value, str | int | float):
            yield f"{prefix}{key}", value
