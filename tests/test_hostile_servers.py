"""reportgen submit against servers that break every rule: bytes on a socket, written by hand.

The command ends in time with one line, the token is shown nowhere and goes nowhere else. What a server that keeps the rules
may answer is in test_submission.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from reportgen.sharing.submit import MAX_ANSWER_BYTES, RECORD, Patience, submit
from reportgen.storage.run_folder import RunFolder
from reportgen.utils.errors import CheckFailed

TOKEN = "s3cret-Token/9f8e7d"
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
# Whoever drips does so for longer than anybody waits here.
QUICK = Patience(answer=1.0, total=1.5, between=0.05)
Deed = Callable[[socket.socket], None]


class Hostile:
    """Listens on this machine, reads one request whole, and then does its deed to whoever asked."""

    def __init__(self, deed: Deed) -> None:
        self.seen: list[bytes] = []
        self._deed = deed
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:  # who asked has gone
            connection.settimeout(5)
            came = b""
            while not came.endswith(b"--\r\n") and (more := connection.recv(65536)):
                came += more
            self.seen.append(came)
            self._deed(connection)

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Deed], Hostile]]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    started: list[Hostile] = []

    def listening(deed: Deed) -> Hostile:
        started.append(Hostile(deed))
        return started[-1]

    yield listening
    for server in started:
        server.close()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = RunFolder(tmp_path / "run")
    folder.begin()
    folder.raw("explain_params.pkl", b"parameters")
    folder.finish()
    return folder.path


def outcome(run: Path, port: int, token: str = TOKEN, scheme: str = "http") -> str:
    """What came of a submission, in one line, and what was said on the way; it took no longer than it may."""
    said: list[str] = []
    start = time.monotonic()
    try:
        sent = submit(
            run, f"{scheme}://127.0.0.1:{port}/x", environ={"REPORTGEN_TOKEN": token}, say=said.append, patience=QUICK
        )
    except CheckFailed as error:
        found = str(error)
        assert "\n" not in found
    else:
        assert sent.problem is not None and "\n" not in sent.problem
        found = " | ".join((sent.problem, *sent.lines))
    assert time.monotonic() - start < QUICK.total + 1
    everything = found + "".join(said)
    if (run / RECORD).exists():
        everything += (run / RECORD).read_text("utf-8")
        assert len(everything) < 2 * MAX_ANSWER_BYTES
    assert token not in everything
    assert token.replace("\\", "\\\\") not in everything, "as Python and JSON write a backslash"
    return found


def sends(*parts: bytes, times: int = 1) -> Deed:
    def deed(connection: socket.socket) -> None:
        for _ in range(times):
            for part in parts:
                connection.sendall(part)

    return deed


def drips(first: bytes, byte: bytes = b"x") -> Deed:
    def deed(connection: socket.socket) -> None:
        connection.sendall(first)
        for _ in range(100):
            time.sleep(0.1)
            connection.sendall(byte)

    return deed


def endless(first: bytes, part: bytes) -> Deed:
    """`part` until nobody listens any more, or 4 MB have gone."""

    def deed(connection: socket.socket) -> None:
        connection.sendall(first)
        for _ in range(4_000_000 // len(part)):
            connection.sendall(part)

    return deed


DEEDS: dict[str, tuple[Deed, str]] = {
    "closes at once": (sends(), "no answer"),
    "drips a status line": (drips(b"HTTP/1.1 200 "), "no whole answer within"),
    "drips a header": (drips(HEAD + b"a: "), "no whole answer within"),
    "drips a body": (drips(HEAD + b"\r\n"), "no whole answer within"),
    "drips informational answers": (drips(b"", b"HTTP/1.1 102 P\r\n\r\n"), "no whole answer within"),
    "endless informational answers": (endless(b"", b"HTTP/1.1 100 C\r\n\r\n" * 1000), "no "),
    "a status line without end": (endless(b"HTTP/1.1 200 ", b"x" * 65536), "no answer"),
    "100 headers of 60 kB": (sends(HEAD, b"a: " + b"y" * 60_000 + b"\r\n", times=100), "no answer"),
    "headers without end": (endless(HEAD, b"a: b\r\n" * 1000), "no answer"),
    "a body without end": (endless(HEAD + b"\r\n", b"z" * 65536), "longer than"),
    "a length too short": (sends(HEAD + b'Content-Length: 1\r\n\r\n{"a": 1}'), "not with JSON"),
    "a length too long": (sends(HEAD + b'Content-Length: 100\r\n\r\n{"a": 1}'), "broke off"),
    "a negative length": (sends(HEAD + b'Content-Length: -5\r\n\r\n{"a": 1}'), "no answer"),
    "a length of 21 digits": (sends(HEAD + b"Content-Length: " + b"9" * 21 + b"\r\n\r\n{}"), "no answer"),
    "two lengths": (sends(HEAD + b"Content-Length: 2\r\nContent-Length: 7\r\n\r\n{}"), "no answer"),
    "a chunk of exabytes": (sends(CHUNKED + b"f" * 16 + b"\r\n{}"), "broke off"),
    "a chunk's size without end": (endless(CHUNKED, b"1" * 65536), "broke off"),
    "trailers without end": (endless(CHUNKED + b"0\r\n", b"a: b\r\n" * 1000), "broke off"),
    "another protocol": (sends(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), "no answer"),
    "no headers": (sends(b"<html>"), "no answer"),
    "a zero byte in a header": (sends(HEAD + b"a\0b: c\r\n\r\n"), "no answer"),
    "no content": (sends(b"HTTP/1.1 204 No\r\n\r\n"), "not with JSON"),
}


SLOW = {name for name in DEEDS if name.startswith(("endless", "drips")) or "without end" in name} - {
    "drips a status line"
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in DEEDS]
)
def test_a_server_that_breaks_the_rules_is_one_line_in_time(
    name: str, start: Callable[[Deed], Hostile], run: Path
) -> None:
    deed, said = DEEDS[name]
    server = start(deed)
    assert said in outcome(run, server.port)
    assert len(server.seen) == 1, "what may have arrived is not sent twice"


@pytest.mark.parametrize("token", [TOKEN, "back\\slash'\"quote"])
def test_a_server_that_repeats_the_token_where_no_answer_stands(
    token: str, start: Callable[[Deed], Hostile], run: Path
) -> None:
    """The library's own words for a header that is none hold the line."""
    server = start(sends(HEAD + b"no header " + token.encode() + b"\r\n\r\n"))
    assert "[token]" in outcome(run, server.port, token)


@pytest.mark.parametrize(
    ("status", "place"),
    [
        (301, "http://127.0.0.1:{other}/x"),
        (307, "http://localhost:{other}/x"),
        (308, "//localhost:{other}/x"),
        (302, "https://127.0.0.1:{other}/x"),
        (303, "file:///etc/passwd"),
        (300, "javascript:alert(1)"),
        (307, "http://ann:{token}@127.0.0.1:{other}/x?{token}"),
    ],
)
def test_no_redirect_leads_anywhere(status: int, place: str, start: Callable[[Deed], Hostile], run: Path) -> None:
    other = start(sends(HEAD + b"Content-Length: 2\r\n\r\n{}"))
    location = place.format(other=other.port, token=TOKEN)
    answer = f"HTTP/1.1 {status} R\r\nLocation: {location}\r\nRefresh: 0; url={location}\r\nContent-Length: 0\r\n\r\n"
    server = start(sends(answer.encode()))
    assert f"answered {status}, a redirect to " in outcome(run, server.port)
    assert len(server.seen) == 1
    assert other.seen == [], "nothing was sent there"


def test_plain_http_where_https_was_asked_for(start: Callable[[Deed], Hostile], run: Path) -> None:
    """It is not fallen back to: what is not encrypted is not sent."""
    server = start(sends(HEAD + b"Content-Length: 2\r\n\r\n{}"))
    assert "no " in outcome(run, server.port, scheme="https")
    assert TOKEN.encode() not in b"".join(server.seen)
