"""The PDF report: tagged, made by WeasyPrint from the same template; it carries the report as data.

PDF/UA-1 by default. A file can claim one variant only, so `archive` makes PDF/A-3a instead: it is tagged just the
same, and may carry attachments of any kind, as PDF/UA-1 may (ISO 14289-1, 7.11).
"""

from __future__ import annotations

import gc
import hashlib
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from reportgen.rendering.environment import environment, page_chunks
from reportgen.rendering.pdf.attachments import attaching
from reportgen.rendering.pdf.tagging import complete_tags, noting_languages, place_names
from reportgen.rendering.plain import Plain
from reportgen.rendering.sources import Sources
from reportgen.utils.errors import ReportgenError

if TYPE_CHECKING:
    import pydyf

ACCESSIBLE, ARCHIVAL = "pdf/ua-1", "pdf/a-3a"
# PDF/A forbids that a viewer smooths pictures of its own accord.
ARCHIVAL_STYLE = "img { image-rendering: crisp-edges }"
LOGGER = logging.getLogger(__name__)
PANGO_HINT = "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
# What WeasyPrint says of every font where HarfBuzz-Subset is missing: pages are the same; `reportgen doctor` says it once.
ABOUT_SUBSETTER = "Using fontTools instead of HarfBuzz-Subset"


def write_pdf(context: Plain, sources: Sources, target: Path) -> None:
    """Lay the page out on paper and write it.

    The file's identifier is a hash of the page and the data, and its dates come from the report: equal reports give
    equal bytes. What WeasyPrint complains about is logged by this module's logger.

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
    fonts, variant = FontConfiguration(), ARCHIVAL if sources.archive else ACCESSIBLE
    styles = [weasyprint.CSS(string=ARCHIVAL_STYLE)] if sources.archive else []
    identifier = hashlib.sha256(b"\0".join([page.encode(), *sources.data.values()])).digest()[:16]
    attach = attaching(sources, context["report"]["provenance"]["created"])

    def finish(document: Any, pdf: pydyf.PDF) -> None:
        complete_tags(pdf, place_names(context), languages)
        attach(document, pdf)

    try:
        with complaints(), rare_collections(), noting_languages() as languages:
            document = weasyprint.HTML(string=page, url_fetcher=RunFetcher(sources)).render(
                font_config=fonts, stylesheets=styles, pdf_variant=variant
            )
            document.write_pdf(target, finisher=finish, pdf_variant=variant, pdf_identifier=identifier)
    except FatalURLFetchingError as error:
        raise ReportgenError(str(error)) from None


def load_weasyprint() -> ModuleType:
    """The `weasyprint` module; its import takes half a second.

    Raises:
        ReportgenError: Pango cannot be loaded.
    """
    try:
        # Where a library is missing it prints how to install it, to stdout, and warns of HarfBuzz-Subset.
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import weasyprint
    except OSError as error:
        raise ReportgenError(
            f"PDF needs Pango, which cannot be loaded; on Debian or Ubuntu: {PANGO_HINT} (HTML works without: --format html)"
        ) from error
    module: ModuleType = weasyprint
    return module


def has_subsetter() -> bool:
    """Whether fonts are cut to the characters used by HarfBuzz-Subset, and not by fontTools, whose PDFs have other bytes.

    Raises:
        ReportgenError: see `load_weasyprint`.
    """
    load_weasyprint()
    from weasyprint.text import ffi

    return ffi.harfbuzz_subset is not None and bool(ffi.harfbuzz.hb_version_atleast(4, 1, 0))


@contextmanager
def rare_collections() -> Iterator[None]:
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
        message = record.getMessage()
        if not message.startswith(ABOUT_SUBSETTER):
            self.messages.append(message)


@contextmanager
def complaints() -> Iterator[None]:
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
