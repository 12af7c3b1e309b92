"""The PDF report: tagged (PDF/UA-1), made by WeasyPrint from the same template."""

from __future__ import annotations

import gc
import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from reportgen.errors import ReportgenError
from reportgen.rendering.environment import environment, page_chunks
from reportgen.rendering.sources import Sources

VARIANT = "pdf/ua-1"
LOGGER = logging.getLogger(__name__)


def write_pdf(context: dict[str, Any], sources: Sources, target: Path) -> None:
    """Lay the page out on paper and write it.

    The file's identifier is a hash of the page, and its dates come from the report: equal reports give equal bytes.
    What WeasyPrint complains about is logged by this module's logger.

    Args:
        context: see `reportgen.rendering.context.page_context`, with medium "pdf".

    Raises:
        ReportgenError: Pango is missing, the template is wrong, or it asks for a file that it may not read.
    """
    weasyprint = load_weasyprint()
    from weasyprint.text.fonts import FontConfiguration
    from weasyprint.urls import FatalURLFetchingError

    from reportgen.rendering.fetcher import RunFetcher, run_url, template_url

    env = environment(sources.folders, url=run_url, asset=template_url)
    page = "".join(page_chunks(env, context))
    fonts = FontConfiguration()
    try:
        with _complaints(), _rare_collections():
            document = weasyprint.HTML(string=page, url_fetcher=RunFetcher(sources)).render(
                font_config=fonts, pdf_variant=VARIANT
            )
            document.write_pdf(target, pdf_variant=VARIANT, pdf_identifier=hashlib.sha256(page.encode()).digest()[:16])
    except FatalURLFetchingError as error:
        raise ReportgenError(str(error)) from None


def load_weasyprint() -> ModuleType:
    """The `weasyprint` module; its import takes half a second.

    Raises:
        ReportgenError: Pango cannot be loaded.
    """
    try:
        import weasyprint
    except OSError as error:
        raise ReportgenError(
            "PDF needs Pango, which cannot be loaded; on Debian or Ubuntu: "
            "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 (HTML works without: --format html)"
        ) from error
    return weasyprint


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Fewer garbage collections: a layout makes millions of objects that live to its end; a tenth of its time."""
    thresholds = gc.get_threshold()
    gc.set_threshold(200_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def _complaints() -> Iterator[None]:
    """Pass WeasyPrint's warnings on, each once, under this module's name."""
    collector, logger = _Collector(), logging.getLogger("weasyprint")
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(collector)
    try:
        yield
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate
        for message in dict.fromkeys(collector.messages):
            LOGGER.warning("PDF: %s", message)
