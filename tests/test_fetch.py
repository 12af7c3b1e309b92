"""Downloads, against a server on this machine that the test starts: good, damaged, short, absent, never uninvited."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reportgen.models.classifiers import Remote
from reportgen.models.download import download
from reportgen.utils.errors import ReportgenError, UsageError

BODY = bytes(range(256)) * 8192  # 2 MiB
DIGEST = hashlib.sha256(BODY).hexdigest()


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/missing.pth":
            self.send_error(404)
        elif self.path == "/hub":
            self.send_response(302)
            self.send_header("Location", "/weights.pth")
            self.send_header("X-Linked-Etag", f'"{self.headers.get("X-Pretend", DIGEST)}"')
            self.end_headers()
        elif self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "ftp://127.0.0.1/weights.pth")
            self.end_headers()
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY[: len(BODY) // 2] if self.path == "/short.pth" else BODY)

    def log_message(self, *args: object) -> None: ...


class Steps:
    """Progress that is written down."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int]] = []
        self.steps = 0

    def stage(self, name: str, total: int) -> None:
        self.stages.append((name, total))

    def step(self, detail: str = "") -> None:
        self.steps += 1


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


# A test's server has no certificate.
HTTP = frozenset({"http"})


def test_a_file_is_fetched_whole_with_progress(host: str, tmp_path: Path) -> None:
    steps, place = Steps(), tmp_path / "deep" / "weights.pth"
    download(Remote(f"{host}/weights.pth", place, DIGEST[:8]), steps, HTTP)
    assert place.read_bytes() == BODY
    assert list(place.parent.iterdir()) == [place]
    assert steps.stages == [("Fetching weights.pth", 2)]
    assert steps.steps >= 2


@pytest.mark.parametrize(
    ("path", "sha256", "reason"),
    [
        ("missing.pth", "", "the server says 404"),
        ("short.pth", "", "the connection ended|without sending complete message body"),
        ("weights.pth", "0badc0de", "SHA-256"),
        ("elsewhere", "", "is not https"),
    ],
)
def test_a_failing_download_is_one_line_and_leaves_nothing(
    host: str, tmp_path: Path, path: str, sha256: str, reason: str
) -> None:
    place = tmp_path / "weights.pth"
    with pytest.raises(ReportgenError, match=reason) as failure:
        download(Remote(f"{host}/{path}", place, sha256), Steps(), HTTP)
    assert "\n" not in str(failure.value)
    assert str(place) in str(failure.value)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_download_keeps_what_was_there(host: str, tmp_path: Path) -> None:
    place = tmp_path / "weights.pth"
    place.write_bytes(b"old")
    with pytest.raises(ReportgenError):
        download(Remote(f"{host}/weights.pth", place, "0badc0de"), Steps(), HTTP)
    assert place.read_bytes() == b"old"


def test_the_hash_that_a_hub_names_beside_its_redirect_is_checked(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    download(Remote(f"{host}/hub", tmp_path / "good.safetensors"), Steps(), HTTP)
    monkeypatch.setattr("test_fetch.DIGEST", "0" * 64)
    with pytest.raises(ReportgenError, match="SHA-256"):
        download(Remote(f"{host}/hub", tmp_path / "bad.safetensors"), Steps(), HTTP)


def test_what_has_no_hash_is_checked_by_its_form(host: str, tmp_path: Path) -> None:
    def refuse(path: Path) -> None:
        raise UsageError(f"{path}: 3 class names, 365 expected")

    with pytest.raises(ReportgenError, match="what came: 3 class names, 365 expected"):
        download(Remote(f"{host}/weights.pth", tmp_path / "categories.txt", check=refuse), Steps(), HTTP)
    assert list(tmp_path.iterdir()) == []


def test_no_server_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ReportgenError, match="refused"):
        download(Remote(f"http://127.0.0.1:{port}/w.pth", tmp_path / "w.pth"), Steps(), HTTP)


def test_only_https_is_spoken(host: str, tmp_path: Path) -> None:
    with pytest.raises(ReportgenError, match="is not https"):
        download(Remote(f"{host}/weights.pth", tmp_path / "w.pth"), Steps())
