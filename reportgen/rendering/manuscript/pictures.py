"""The pictures of a manuscript as files of a kind that its format takes."""

from __future__ import annotations

import io
from pathlib import Path

from reportgen.rendering.pdf.chart import chart_pdf
from reportgen.rendering.sources import Sources
from reportgen.report.soundness import is_plain_picture
from reportgen.utils.errors import ReportgenError

CHART = ".svg"
ENDINGS = {"JPEG": ".jpg", "PNG": ".png"}
DOTS = 240  # pixels of an inch
MOST_PIXELS = 100_000_000


def is_chart(file: str) -> bool:
    """Whether a picture is a drawing, which has no pixels."""
    return file.lower().endswith(CHART)


def photograph(sources: Sources, file: str) -> tuple[bytes, str]:
    """A picture with pixels: its bytes, and the ending that is theirs whatever the file is called.

    Raises:
        ReportgenError: it is missing, no JPEG or PNG, or too large to be opened.
    """
    from PIL import Image, UnidentifiedImageError

    path = sources.picture(file)
    try:
        with Image.open(path, formats=tuple(ENDINGS)) as image:
            ending, (width, height) = ENDINGS[str(image.format)], image.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise ReportgenError(
            f"{file}: is no picture that a report can show; render from a complete run folder"
        ) from None
    if width * height > MOST_PIXELS:
        raise ReportgenError(f"{file}: {width} x {height} pixels are more than a report shows")
    return path.read_bytes(), ending


def chart_png(sources: Sources, file: str, width: int, height: int) -> bytes:
    """A chart as pixels, sharp on paper: for a format that takes no drawing.

    Args:
        width, height: in CSS pixels.

    Raises:
        ReportgenError: see `chart_pdf`.
    """
    import pypdfium2

    scale = min(DOTS / 72, (MOST_PIXELS / 4 / (width * height)) ** 0.5)
    document = pypdfium2.PdfDocument(chart_pdf(sources, file, width, height))
    try:
        image = document[0].render(scale=scale).to_pil().convert("RGB")
    finally:
        document.close()
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True, dpi=(DOTS, DOTS))
    return buffer.getvalue()


def own_place(file: str, folder: Path) -> Path:
    """Where a picture lies below another folder, called as in the run.

    Raises:
        ReportgenError: its name could lead out of the folder; a report may come from anybody.
    """
    if not is_plain_picture(file):
        raise ReportgenError(f"{file[:80]!r}: the report names a picture that could lie outside its folder")
    return folder / file
