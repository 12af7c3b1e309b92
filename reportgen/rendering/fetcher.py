"""The URL fetcher of a PDF rendering: denies by default.

Pictures and assets have addresses of their own (`run:figures/a.jpg`, `template:fonts/b.woff2`), so that neither the
place of the run folder nor the machine's file system shows in the PDF, and `file:` is never asked for.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from reportgen.rendering.drawings import require_drawable
from reportgen.rendering.sources import Sources, mime_type
from reportgen.utils.errors import ReportgenError

RUN, TEMPLATE = "run:", "template:"


def run_url(file: str) -> str:
    return RUN + quote(file)


def template_url(name: str) -> str:
    return TEMPLATE + quote(name)


class RunFetcher(URLFetcher):  # type: ignore[misc]  # WeasyPrint is not typed
    """Serves the pictures that the report names and the template's assets; anything else stops the rendering."""

    def __init__(self, sources: Sources) -> None:
        super().__init__(allowed_protocols=(), allow_redirects=False, fail_on_errors=True)
        self._sources = sources

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        try:
            path = self._path(url)
            return _LocalFile(url, path)
        except (ReportgenError, OSError) as error:
            raise FatalURLFetchingError(str(error)) from error

    def _path(self, url: str) -> Path:
        if url.startswith(RUN):
            file = unquote(url.removeprefix(RUN))
            path = self._sources.picture(file)
            if path.suffix.lower() == ".svg":
                require_drawable(path, file)
            return path
        if url.startswith(TEMPLATE):
            return self._sources.asset(unquote(url.removeprefix(TEMPLATE)))
        raise ReportgenError(f"{url[:80]}: refused; a report reads only its run folder and its template")


class _LocalFile(URLFetcherResponse):  # type: ignore[misc]
    """A response that knows its file, so that WeasyPrint embeds a JPEG from disk, as it is, when it writes."""

    def __init__(self, url: str, path: Path) -> None:
        super().__init__(url, BytesIO(path.read_bytes()), {"Content-Type": mime_type(path)})
        self._path = path

    @property
    def path(self) -> str:
        return str(self._path)
