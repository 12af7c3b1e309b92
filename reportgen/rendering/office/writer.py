"""report.docx: the report as a document of Word, with its own styles, so that whoever gets it can go on writing in it."""

from __future__ import annotations

from pathlib import Path

from reportgen.rendering.manuscript.pictures import chart_png, is_chart, photograph
from reportgen.rendering.manuscript.walk import manuscript
from reportgen.rendering.plain import Plain
from reportgen.rendering.sources import Sources
from reportgen.utils.errors import UsageError
from reportgen.utils.files import replacing

FILE = "report.docx"


def require_docx() -> None:
    """Whether a document of Word can be made here.

    Raises:
        UsageError: python-docx, or what draws charts for it, is not installed.
    """
    try:
        import docx  # noqa: F401
        import pypdfium2  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"format docx needs {error.name}, which is not installed: pip install 'reportgen[docx]'"
        ) from None


def write_docx(context: Plain, sources: Sources, out: Path) -> list[Path]:
    """Write `out`/report.docx.

    Returns:
        the file written.

    Raises:
        UsageError: see `require_docx`.
        ReportgenError: a picture is missing or none, or Pango, which charts need.
    """
    require_docx()
    from reportgen.rendering.office.document import make_document
    from reportgen.rendering.office.package import save

    document = manuscript(context)
    pictures = {
        picture.file: chart_png(sources, picture.file, picture.width, picture.height)
        if is_chart(picture.file)
        else photograph(sources, picture.file)[0]
        for picture in document.pictures
    }
    with replacing(out / FILE) as temporary:
        save(make_document(document, pictures), temporary)
    return [out / FILE]
