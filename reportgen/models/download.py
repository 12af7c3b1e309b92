"""Fetch weights, and only when a user asks: `reportgen models fetch NAME` or `--allow-download`.

A file is written beside its place, checked, and renamed: nobody ever sees half of it.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import IO

from reportgen.models.classifiers.registry import missing_classifier_files
from reportgen.models.classifiers.weights import Remote
from reportgen.models.encoders.registry import is_encoder, missing_encoder_files
from reportgen.settings.model import Settings
from reportgen.utils.errors import ReportgenError, UsageError
from reportgen.utils.hashing import file_sha256
from reportgen.utils.https import HTTPS, opened
from reportgen.utils.progress import Progress

CHUNK = 1 << 20


def fetch(name: str, settings: Settings, progress: Progress) -> list[Path]:
    """Fetch the files of the classifier or encoder `name` that are not here; in `progress` a stage a file, a step a MiB.

    Returns:
        the files fetched; empty where all of them were here.

    Raises:
        ReportgenError: a file cannot be fetched, or is not what it should be.
    """
    missing = missing_encoder_files if is_encoder(name) else missing_classifier_files
    fetched: list[Path] = []
    # Again and again: what else a Hugging Face model needs stands in a file that is fetched first.
    while files := [file for file in missing(name, settings) if file.path not in fetched]:
        for file in files:
            download(file, progress)
            fetched.append(file.path)
    return fetched


def download(remote: Remote, progress: Progress, schemes: frozenset[str] = HTTPS) -> None:
    """Fetch one file to its place.

    Args:
        schemes: of the addresses that are asked, redirects too.

    Raises:
        ReportgenError: no connection, an error of the server, a short file, a wrong hash, no room on the disk.
    """
    import httpx2 as httpx

    folder = remote.path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The suffix stays: what reads a weights file goes by it.
        with tempfile.NamedTemporaryFile(
            dir=folder, prefix=".partial-", suffix=remote.path.suffix, delete=False
        ) as file:
            scratch = Path(file.name)
            try:
                expected = _transfer(remote, file, progress, schemes)
                file.close()
                _require_content(remote, scratch, expected)
                scratch.chmod(0o644)
                scratch.replace(remote.path)
            finally:
                with contextlib.suppress(OSError):
                    scratch.unlink(missing_ok=True)
    except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(getattr(error, "strerror", None) or error) or type(error).__name__
        raise ReportgenError(
            f"{remote.path.name}: cannot be fetched from {remote.url} ({reason}); bring the file to {remote.path} by hand"
        ) from None


def _transfer(remote: Remote, file: IO[bytes], progress: Progress, schemes: frozenset[str]) -> str:
    """Write the body to `file`; returns the SHA-256, or its first digits, that it must have, "" where none is known."""
    with opened(remote.url, schemes) as (response, linked):
        size = int(response.headers.get("Content-Length") or 0)
        progress.stage(f"Fetching {remote.path.name}", max(1, -(-size // CHUNK)))
        received = 0
        for chunk in response.iter_raw(CHUNK):
            file.write(chunk)
            received += len(chunk)
            progress.step(f"{received / 2**20:.0f} MiB")
    if size and received != size:
        raise OSError(f"the connection ended after {received} of {size} bytes")
    return remote.sha256 or linked


def _require_content(remote: Remote, scratch: Path, expected: str) -> None:
    digest = file_sha256(scratch)
    if not digest.startswith(expected):
        raise OSError(f"its SHA-256 is {digest[:16]}…, not {expected[:16]}…: the file is damaged or was replaced")
    if remote.check is not None:
        try:
            remote.check(scratch)
        except UsageError as error:
            raise OSError(str(error).replace(str(scratch), "what came")) from None
