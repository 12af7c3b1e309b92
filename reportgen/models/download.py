"""Fetch weights, and only when a user asks: `reportgen models fetch NAME` or `--allow-download`.

A file is written beside its place, checked, and renamed: nobody ever sees half of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import tempfile
from pathlib import Path
from typing import IO, Any
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import urlparse

from reportgen.models.classifiers.registry import missing_classifier_files
from reportgen.models.classifiers.weights import Remote
from reportgen.models.encoders.registry import is_encoder, missing_encoder_files
from reportgen.settings.model import Settings
from reportgen.utils.errors import ReportgenError, UsageError
from reportgen.utils.progress import Progress

SCHEMES = frozenset({"https"})
TIMEOUT_S = 30
CHUNK = 1 << 20


def fetch(name: str, settings: Settings, progress: Progress) -> list[Path]:
    """Fetch the files of the classifier or encoder `name` that are not here; in `progress` a stage a file, a step a MiB.

    Returns:
        the files fetched; empty where all of them were here.

    Raises:
        ReportgenError: a file cannot be fetched, or is not what it should be.
    """
    files = (missing_encoder_files if is_encoder(name) else missing_classifier_files)(name, settings)
    for file in files:
        download(file, progress)
    return [file.path for file in files]


def download(remote: Remote, progress: Progress) -> None:
    """Fetch one file to its place.

    Raises:
        ReportgenError: no connection, an error of the server, a short file, a wrong hash, no room on the disk.
    """
    folder = remote.path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The suffix stays: what reads a weights file goes by it.
        with tempfile.NamedTemporaryFile(
            dir=folder, prefix=".partial-", suffix=remote.path.suffix, delete=False
        ) as file:
            scratch = Path(file.name)
            try:
                expected = _transfer(remote, file, progress)
                file.close()
                _check(remote, scratch, expected)
                scratch.chmod(0o644)
                scratch.replace(remote.path)
            finally:
                with contextlib.suppress(OSError):
                    scratch.unlink(missing_ok=True)
    except (OSError, http.client.HTTPException) as error:
        raise ReportgenError(
            f"{remote.path.name}: cannot be fetched from {remote.url} ({_reason(error)}); bring the file to {remote.path} by hand"
        ) from None


def _transfer(remote: Remote, file: IO[bytes], progress: Progress) -> str:
    """Write the body to `file`; returns the SHA-256, or its first digits, that it must have, "" where none is known."""
    redirects = _Redirects()
    _require_https(remote.url)
    with request.build_opener(redirects).open(remote.url, timeout=TIMEOUT_S) as response:
        size = int(response.headers.get("Content-Length") or 0)
        progress.stage(f"Fetching {remote.path.name}", max(1, -(-size // CHUNK)))
        received = 0
        while chunk := response.read(CHUNK):
            file.write(chunk)
            received += len(chunk)
            progress.step(f"{received / 2**20:.0f} MiB")
    if size and received != size:
        raise OSError(f"the connection ended after {received} of {size} bytes")
    return remote.sha256 or redirects.sha256


def _check(remote: Remote, scratch: Path, expected: str) -> None:
    with scratch.open("rb") as file:
        digest = _sha256(file)
    if not digest.startswith(expected):
        raise OSError(f"its SHA-256 is {digest[:16]}…, not {expected[:16]}…: the file is damaged or was replaced")
    if remote.check is not None:
        try:
            remote.check(scratch)
        except UsageError as error:
            raise OSError(str(error).replace(str(scratch), "what came")) from None


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


class _Redirects(request.HTTPRedirectHandler):
    """Follows redirects to https only, and keeps the hash that Hugging Face names beside its own."""

    sha256 = ""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _require_https(newurl)
        etag = (headers.get("X-Linked-Etag") or "").strip('"')
        self.sha256 = etag if len(etag) == 64 else self.sha256
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _require_https(url: str) -> None:
    if urlparse(url).scheme not in SCHEMES:
        raise OSError(f"{url} is not https")


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"the server says {error.code} {error.reason}"
    if isinstance(error, URLError):
        return str(getattr(error.reason, "strerror", None) or error.reason)
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
