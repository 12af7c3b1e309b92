"""A report's numbers as pandas data frames; pandas is the user's own, and nothing else here needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportgen.report.blocks import Table
from reportgen.report.document import Report
from reportgen.report.every_image import EveryImage, whole_table

if TYPE_CHECKING:
    import pandas


def frame_of(part: Report | Table) -> pandas.DataFrame:
    """The images of a report, a row each, or the rows of a table (`Report.to_pandas`, `Table.to_pandas`).

    Raises:
        ImportError: pandas is not installed.
        UsageError: the images, or the rows, stand in a file that is not here, or cannot be read.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError("a data frame needs pandas: pip install pandas") from None
    if isinstance(part, Report):
        with EveryImage(part) as every:
            cells = every.columns()
            return pandas.DataFrame(cells, index=pandas.Index(every.names, name="name"))
    whole = whole_table(part._home_path(), part)
    keys = [column.key for column in whole.columns]
    frame = pandas.DataFrame(whole.rows, columns=keys)
    units = {column.key: "share" if column.percent else column.unit for column in whole.columns}
    frame.attrs = {"caption": whole.caption, "units": {key: unit for key, unit in units.items() if unit}}
    return frame
