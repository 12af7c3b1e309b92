"""Who presents a report to a Python user (`reportgen.report.blocks.Presenter`)."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.report.blocks import Displayed, Table
from reportgen.report.document import Report

if TYPE_CHECKING:
    import pandas

    from reportgen.interactive.image_view import ImageView


class _Presenter:
    """Imports what it needs when it is asked, so that reading a report stays quick."""

    def html(self, part: object, folder: Path | None) -> str:
        from reportgen.rendering.notebook.parts import part_html

        return part_html(part, folder)

    def image(self, report: Report, name: str) -> ImageView:
        from reportgen.interactive.image_view import find_image

        return find_image(report, name)

    def frame(self, part: Report | Table) -> pandas.DataFrame:
        from reportgen.interactive.frames import frame_of

        return frame_of(part)


def present() -> None:
    """Let reports be presented from now on."""
    Displayed.presenter = _Presenter
    if "IPython" in sys.modules:
        # tqdm, which libraries of the methods import, asks in red for widgets that nothing here uses.
        warnings.filterwarnings("ignore", "IProgress not found")
