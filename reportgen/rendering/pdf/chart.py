"""A chart of the run, which is an SVG, as a PDF of one page: for a format that takes no SVG."""

from __future__ import annotations

import hashlib

from reportgen.rendering.pdf.writer import complaints, load_weasyprint, rare_collections
from reportgen.rendering.sources import Sources
from reportgen.utils.errors import ReportgenError

PAGE = (
    "<style>@page {{ size: {width}px {height}px; margin: 0 }} body {{ margin: 0 }}"
    " img {{ display: block; width: {width}px; height: {height}px }}</style><img src='{url}' alt=''>"
)


def chart_pdf(sources: Sources, file: str, width: int, height: int) -> bytes:
    """The chart at its size, in CSS pixels. Equal charts give equal bytes: the identifier is a hash of what is drawn.

    Raises:
        ReportgenError: Pango is missing, or the chart asks for a file that it may not read.
    """
    weasyprint = load_weasyprint()
    from weasyprint.urls import FatalURLFetchingError

    from reportgen.rendering.fetcher import RunFetcher, run_url

    page = PAGE.format(width=width, height=height, url=run_url(file))
    identifier = hashlib.sha256(page.encode() + sources.picture(file).read_bytes()).digest()[:16]
    try:
        with complaints(), rare_collections():
            made = weasyprint.HTML(string=page, url_fetcher=RunFetcher(sources))
            pdf: bytes = made.write_pdf(pdf_identifier=identifier)
    except FatalURLFetchingError as error:
        raise ReportgenError(str(error)) from None
    return pdf
