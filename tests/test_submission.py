"""reportgen submit, against a server on this machine that the test starts: what is sent, what is kept, and where the token is not."""

from __future__ import annotations

import gzip
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from reportgen.cli import main as cli
from reportgen.report.manifest import manifest_json
from reportgen.sharing import submit as submission
from reportgen.sharing.submit import MAX_ANSWER_BYTES, RECORD, TRIES, Patience, read_answer, submit
from reportgen.storage.run_folder import RunFolder
from reportgen.utils.errors import CheckFailed, ReportgenError, UsageError
from toys import ROOT, imported

TOKEN = "s3cret-Token/9f8e7d"
PARAMETERS = b"\x80\x04}." * 9
SCORES = {"avg_iou": 0.4375, "avg_time": 2.5}


class Answers(BaseHTTPRequestHandler):
    """Answers by path, and keeps what came."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.server.seen.append((self.path, self.headers, b""))  # type: ignore[attr-defined]
        if self.path == "/early":
            return self.close_now()
        if self.path == "/too-large":  # said at once, the body unread
            self.answer(413, b'{"error": "too large"}')
            return self.close_now()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen[-1] = (self.path, self.headers, body)  # type: ignore[attr-defined]
        name = self.path.strip("/").partition("?")[0].replace("-", "_")
        getattr(self, f"say_{name}", self.say_ok)()
        return None

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def close_now(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def say_ok(self) -> None:
        self.answer(200, json.dumps(SCORES).encode(), Content_Type="application/json")

    def say_refuse(self) -> None:
        self.answer(401, b'{"detail": "bad token ' + TOKEN.encode() + b'"}', Content_Type="application/json")

    def say_broken(self) -> None:
        self.answer(500, b"<html>\x1b[2J oh \x07 no\n" + TOKEN.encode() + b"</html>")

    def say_text(self) -> None:
        self.answer(200, "all \u202eright\x1b]0;title\x07".encode())

    def say_echo(self) -> None:
        slashed = TOKEN.replace("/", "\\/")  # as some encoders write it
        self.answer(200, f'{{"{slashed}": ["{slashed}", {{"a": "Bearer {TOKEN}"}}], "n": 1}}'.encode())

    def say_escapes(self) -> None:
        self.answer(200, json.dumps({"note\x1b[2J": "x\x1b[31m\u202e\u2028y", "avg_iou": float("nan")}).encode())

    def say_packed(self) -> None:
        self.answer(200, gzip.compress(b"x" * 50_000_000), Content_Encoding="gzip")

    def say_deep(self) -> None:
        self.answer(200, b"[" * 100_000 + b"]" * 100_000)

    def say_hidden(self) -> None:
        self.answer(307, b"", Location=f"{self.server.other}/ok?t={TOKEN}")  # type: ignore[attr-defined]

    def say_moved(self) -> None:
        self.answer(302, b"", Location=f"{self.server.other}/ok")  # type: ignore[attr-defined]

    def say_here(self) -> None:
        self.answer(308, b"", Location="/ok")

    def say_huge(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * 65536)
                self.server.huge += 65536  # type: ignore[attr-defined]
        except OSError:
            self.close_connection = True

    def say_cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "500")
        self.end_headers()
        self.wfile.write(b'{"avg_iou": 0.4')
        self.close_now()

    def say_slow(self) -> None:
        self.server.may_answer.wait(30)  # type: ignore[attr-defined]
        self.say_ok()

    def say_drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(300):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            self.close_connection = True

    def say_garbage(self) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        self.close_now()

    def log_message(self, *args: object) -> None: ...


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.seen: list[tuple[str, Message, bytes]] = []
        self.huge = 0
        self.may_answer = threading.Event()
        self.other = ""
        self.url = f"http://127.0.0.1:{self.server_port}"


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Server, Server]]:
    servers = Server(), Server()
    servers[0].other = servers[1].url
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield servers
    for server in servers:
        server.may_answer.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def server(pair: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server that the tests name; whatever proxy this machine has is not asked."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for each in pair:
        each.seen.clear()
    pair[0].may_answer.clear()
    pair[0].huge = 0
    return pair[0]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run, as far as a submission looks at it."""
    folder = RunFolder(tmp_path / "run")
    folder.begin()
    folder.raw("explain_params.pkl", PARAMETERS)
    folder.raw("report.pdf", b"%PDF-1.7" + bytes(3_000_000))
    folder.raw("tables/a.csv", b"a\n")
    folder.finish()
    return folder.path


# One that does not wait long to try again.
QUICK = Patience(between=0.2)


def send(
    run: Path, url: str, file: str | None = None, token: str = TOKEN, patience: Patience = QUICK
) -> submission.Sent:
    return submit(run, url, file, environ={"REPORTGEN_TOKEN": token}, patience=patience)


def record(run: Path) -> list[dict[str, Any]]:
    return json.loads((run / RECORD).read_bytes())["submissions"]  # type: ignore[no-any-return]


# --- what is sent --------------------------------------------------------------------------------


def test_one_post_with_the_token_and_the_file(server: Server, run: Path) -> None:
    sent = send(run, f"{server.url}/ok")
    assert sent.accepted
    assert sent.lines == ("avg_iou: 0.4375", "avg_time: 2.5")
    ((path, headers, body),) = server.seen
    assert path == "/ok"
    assert headers.get_all("token") == [TOKEN]
    kind = headers["Content-Type"].encode()
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind + b"\r\n\r\n" + body)
    (part,) = message.iter_parts()  # type: ignore[attr-defined]
    assert part.get_param("name", header="content-disposition") == "file"
    assert part.get_filename() == "explain_params.pkl"
    assert part.get_payload(decode=True) == PARAMETERS
    others = " ".join(f"{key}: {value}" for key, value in headers.items() if key != "token")
    for secret in (os.environ.get("USER", "root") + "@", socket.gethostname(), str(run)):
        assert secret not in others
        assert secret.encode() not in body


def test_another_file_of_the_run_may_be_chosen(server: Server, run: Path) -> None:
    assert send(run, server.url, "report.pdf").accepted
    assert b'filename="report.pdf"' in server.seen[0][2]
    assert record(run)[0]["file"]["name"] == "report.pdf"


def test_the_answer_is_kept_beside_the_run_and_no_earlier_one_is_lost(server: Server, run: Path) -> None:
    manifest = (run / "manifest.json").read_bytes()
    for path in ("ok", "refuse", "text"):
        send(run, f"{server.url}/{path}?course=7#top")
    first, second, third = record(run)
    assert first["answer"] == SCORES
    assert first["url"] == f"{server.url}/ok", "no query: it may hold a secret of another kind"
    assert first["file"]["sha256"] == json.loads(manifest)["files"]["explain_params.pkl"]["sha256"]
    assert (first["status"], second["status"], third["status"]) == (200, 401, 200)
    assert third["answer"].startswith("all ")
    assert (run / "manifest.json").read_bytes() == manifest
    assert sorted(path.name for path in run.iterdir()) == sorted(
        ["explain_params.pkl", "manifest.json", "report.pdf", "tables", RECORD]
    )


# --- what comes back -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "problem", "line"),
    [
        ("refuse", "refused it with status 401", "detail: bad token [token]"),
        ("too-large", "refused it with status 413", "error: too large"),
        ("broken", "refused it with status 500", r"<html>\x1b[2J oh \x07 no\n[token]</html>"),
        ("text", "answered 200, but not with JSON", r"all \u202eright\x1b]0;title\x07"),
        ("deep", "answered 200, but not with JSON", None),
        ("packed", "answered 200, but not with JSON", "bytes in an encoding that was not asked for)"),
        ("cut", "broke off", '{"avg_iou": 0.4'),
        ("huge", "longer than 1048576 bytes", None),
        ("echo", None, '{"[token]": ["[token]", {"a": "Bearer [token]"}], "n": 1}'),
        ("escapes", None, r"note\x1b[2J: x\x1b[31m\u202e\u2028y"),
    ],
)
def test_every_answer_is_one_outcome(
    path: str, problem: str | None, line: str | None, server: Server, run: Path
) -> None:
    sent = send(run, f"{server.url}/{path}", "report.pdf")
    assert len(server.seen) == 1, "sent once"
    assert (sent.problem is None) == (problem is None)
    assert problem is None or problem in str(sent.problem)
    assert line is None or line in sent.lines[0]
    assert all(character.isprintable() for shown in sent.lines for character in shown)
    assert all(len(shown) <= 2001 for shown in sent.lines)
    kept = (run / RECORD).read_text()
    assert TOKEN not in kept
    assert TOKEN.replace("/", "\\/") not in kept
    assert len(kept) < 2 * MAX_ANSWER_BYTES


def test_an_endless_answer_is_left_at_the_limit(server: Server, run: Path) -> None:
    send(run, f"{server.url}/huge")
    time.sleep(0.3)
    reached = server.huge
    time.sleep(0.3)
    assert server.huge == reached, "the connection is closed"
    assert reached < 16 * MAX_ANSWER_BYTES  # what lies in the buffers between us among it
    assert len(record(run)[0]["answer"]) == MAX_ANSWER_BYTES


@pytest.mark.parametrize(
    ("path", "place"),
    [("moved", "/ok, which is not followed"), ("hidden", "/ok?t=[token], which"), ("here", "to /ok, which")],
)
def test_a_redirect_is_not_followed(
    path: str, place: str, pair: tuple[Server, Server], server: Server, run: Path
) -> None:
    sent = send(run, f"{server.url}/{path}")
    assert "a redirect to " in str(sent.problem)
    assert place in str(sent.problem)
    assert TOKEN not in str(sent.problem)
    assert len(server.seen) == 1
    assert pair[1].seen == [], "the token went nowhere else"


@pytest.mark.parametrize(("path", "said"), [("early", "no answer"), ("garbage", "no answer")])
def test_no_answer_is_said_and_nothing_is_sent_twice(path: str, said: str, server: Server, run: Path) -> None:
    with pytest.raises(CheckFailed, match=f"{path}: {said}.*whether the file arrived is not known") as error:
        send(run, f"{server.url}/{path}")
    assert "\n" not in str(error.value)
    assert len(server.seen) == 1
    assert not (run / RECORD).exists()


def test_a_slow_server_is_waited_for_and_not_for_ever(server: Server, run: Path) -> None:
    threading.Timer(0.5, server.may_answer.set).start()
    assert send(run, f"{server.url}/slow").accepted
    server.may_answer.clear()
    with pytest.raises(CheckFailed, match=r"no answer within 0\.3 s"):
        send(run, f"{server.url}/slow", patience=Patience(answer=0.3))
    assert len(server.seen) == 2, "not sent again"
    start = time.perf_counter()
    with pytest.raises(CheckFailed, match=r"no whole answer within 0\.6 s"):
        send(run, f"{server.url}/drip", patience=Patience(total=0.6))  # a byte now and then satisfies every single read
    assert time.perf_counter() - start < 5


def test_a_connection_that_is_refused_is_tried_again(run: Path, server: Server) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        port, said = taken.getsockname()[1], []
        with pytest.raises(CheckFailed, match=rf"^http://127\.0\.0\.1:{port}/x: no connection .*is the address right"):
            submit(
                run, f"http://127.0.0.1:{port}/x", environ={"REPORTGEN_TOKEN": TOKEN}, say=said.append, patience=QUICK
            )
        assert sum("trying again" in line for line in said) == TRIES - 1

        def listen(line: str) -> None:
            """Comes up when it is said that nobody was there."""
            if "trying again" in line and not answering.is_alive():
                taken.listen()
                answering.start()

        def answer() -> None:
            connection, _ = taken.accept()
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            connection.close()

        answering = threading.Thread(target=answer, daemon=True)
        found = submit(
            run, f"http://127.0.0.1:{port}/x", environ={"REPORTGEN_TOKEN": TOKEN}, say=listen, patience=QUICK
        )
        assert found.accepted, "it came up while we waited"


# --- the token -----------------------------------------------------------------------------------


def test_the_token_is_in_no_message_log_or_file(
    server: Server, run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for path in ("ok", "refuse", "broken", "echo", "hidden", "early", "garbage", "cut"):
        try:
            sent = send(run, f"{server.url}/{path}")
            print(sent)
        except CheckFailed as error:
            print(error, repr(error.__cause__), error.__context__)
    out, err = capfd.readouterr()
    assert server.seen[0][1]["token"] == TOKEN
    assert TOKEN not in out + err + caplog.text
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


def test_the_process_list_does_not_show_the_token(server: Server, run: Path) -> None:
    command = [sys.executable, "-m", "reportgen", "submit", str(run), "--url", f"{server.url}/slow"]
    environment = {**os.environ, "REPORTGEN_TOKEN": TOKEN}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        deadline = time.monotonic() + 30
        while not server.seen and time.monotonic() < deadline:
            time.sleep(0.02)
        shown = [
            path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.parent.name == str(child.pid)
        ]
        server.may_answer.set()
        out, err = child.communicate(timeout=30)
    assert child.returncode == 0
    assert TOKEN.encode() not in b"".join(shown) + out + err
    assert b"submit" in b"".join(shown) or not Path("/proc/self").exists()
    assert out == b"avg_iou: 0.4375\navg_time: 2.5\n"


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nbreak", "ümlaut", "x" * 5000, "nul\0"])
def test_what_cannot_be_a_token_is_refused_unseen(token: str, server: Server, run: Path) -> None:
    with pytest.raises(UsageError, match="REPORTGEN_TOKEN") as error:
        send(run, server.url, token=token)
    assert not token.strip() or token not in str(error.value)
    assert server.seen == []


# --- wrong usage ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://127.0.0.1/x", "begins with http:// or https://"),
        ("file:///etc/passwd", "begins with http:// or https://"),
        ("127.0.0.1/x", "begins with http:// or https://"),
        ("http://", "begins with http:// or https://"),
        ("http://[::1", "not a URL"),
        ("http://h:99999/", "not a URL"),
        ("http://ann:pw@127.0.0.1/", "no name or password in the address"),
        ("http://127.0.0.1/a b", "a blank or a control character"),
        ("http://127.0.0.1/\x1b[2J", r"a blank or a control character"),
        (f"http://127.0.0.1/?token={TOKEN}", "holds the token"),
    ],
)
def test_a_wrong_address_is_one_line_and_nothing_is_sent(url: str, said: str, run: Path, server: Server) -> None:
    with pytest.raises(UsageError, match=said) as error:
        send(run, url)
    assert str(error.value).isprintable()
    assert TOKEN not in str(error.value)
    assert "pw" not in str(error.value)


def test_only_a_whole_run_is_submitted(server: Server, run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such run folder"):
        send(tmp_path / "gone", server.url)
    with pytest.raises(UsageError, match=r"the run has no file 'gone\.pkl'; it has explain_params\.pkl, report\.pdf"):
        send(run, server.url, "gone.pkl")
    (run / "explain_params.pkl").write_bytes(PARAMETERS + b"x")
    with pytest.raises(UsageError, match=r"explain_params\.pkl: changed since the run ended"):
        send(run, server.url)
    (run / "explain_params.pkl").unlink()
    with pytest.raises(UsageError, match=r"explain_params\.pkl: no such file"):
        send(run, server.url)
    (run / "manifest.json").unlink()
    with pytest.raises(UsageError, match=r"no manifest\.json, so no finished run"):
        send(run, server.url)
    assert server.seen == []


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"files": []}', b'{"files": {"explain_params.pkl": 3}}', b"[" * 99_999]
)
def test_a_manifest_that_is_none_is_one_line(content: bytes, server: Server, run: Path) -> None:
    (run / "manifest.json").write_bytes(content)
    with pytest.raises(UsageError, match=r"manifest\.json: not a manifest|the run has no file"):
        send(run, server.url)


def test_a_manifest_cannot_have_a_file_outside_sent(server: Server, run: Path) -> None:
    secret = run.parent / "secret"
    secret.write_bytes(b"mine")
    for name in ("../secret", str(secret)):
        (run / "manifest.json").write_bytes(manifest_json({name: ("0" * 64, 4)}))
        with pytest.raises(UsageError, match="names a file outside the run folder"):
            send(run, server.url, name)
    (run / "link.pkl").symlink_to(secret)
    (run / "manifest.json").write_bytes(manifest_json({"link.pkl": ("2f8281cb" * 8, 4)}))
    with pytest.raises(UsageError, match="changed since the run ended"):
        send(run, server.url, "link.pkl")
    assert server.seen == []


@pytest.mark.parametrize("content", [b"", b"{}", b'{"schema_version": 1}', b'{"schema_version": 2, "submissions": []}'])
def test_a_record_of_somebody_elses_is_not_overwritten(content: bytes, server: Server, run: Path) -> None:
    (run / RECORD).write_bytes(content)
    with pytest.raises(UsageError, match=rf"{RECORD}: not a record of reportgen's; move it away"):
        send(run, server.url)
    assert (run / RECORD).read_bytes() == content
    assert server.seen == []


# --- the command ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "code", "out", "err"),
    [
        ("ok", 0, "avg_iou: 0.4375\navg_time: 2.5\n", ""),
        (
            "refuse",
            1,
            "detail: bad token [token]\n",
            "reportgen: the server refused it with status 401; the answer is kept in ",
        ),
        ("early", 1, "", "reportgen: http://127.0.0.1:"),
    ],
)
def test_exit_codes(
    path: str,
    code: int,
    out: str,
    err: str,
    server: Server,
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("REPORTGEN_TOKEN", TOKEN)
    monkeypatch.setattr(sys, "argv", ["reportgen", "submit", str(run), "--url", f"{server.url}/{path}"])
    ended = 0
    try:
        cli.main()
    except SystemExit as stop:
        ended = int(stop.code or 0)
    printed = capfd.readouterr()
    assert (ended, printed.out) == (code, out)
    warning, _, rest = printed.err.partition("\n")
    assert "not encrypted; whoever is on the way can read the token" in warning
    assert rest.startswith(err)
    assert rest.count("\n") == (1 if err else 0)


def test_no_token_and_no_url_are_wrong_usage(
    run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for arguments, said in (
        (
            [str(run), "--url", "http://127.0.0.1:1/"],
            "reportgen: no token: put it into the environment variable REPORTGEN_TOKEN\n",
        ),
        ([str(run)], "reportgen: Missing option '--url'"),
    ):
        monkeypatch.setattr(sys, "argv", ["reportgen", "submit", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert stop.value.code == 2
        assert capfd.readouterr().err.startswith(said)


def test_only_a_submission_imports_an_http_client(run: Path) -> None:
    code = f"import sys\nfrom reportgen.cli.main import main\nsys.argv = ['reportgen', 'submit', {str(run)!r}, '--url', 'x:']\n"
    assert imported(f"{code}try:\n    main()\nexcept SystemExit:\n    pass", ["httpx2", "httpcore2", "torch"]) == []


def test_an_answer_that_cannot_be_kept_is_still_told(
    server: Server, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, _: bytes) -> None:
        raise ReportgenError(f"{path}: cannot be written (no space left on device)")

    monkeypatch.setattr(submission, "write_file", full)
    said: list[str] = []
    sent = submit(run, f"{server.url}/ok", environ={"REPORTGEN_TOKEN": TOKEN}, say=said.append)
    assert (sent.accepted, sent.record) == (True, None)
    assert sent.lines == ("avg_iou: 0.4375", "avg_time: 2.5")
    assert "no space left" in said[-1]


def test_a_folder_in_place_of_the_record_is_said(server: Server, run: Path) -> None:
    (run / RECORD).mkdir()
    with pytest.raises(UsageError, match="not a regular file"):
        send(run, server.url)
    shutil.rmtree(run / RECORD)


@pytest.mark.parametrize(
    ("token", "echo"),
    [
        ("12345678", '{"token": 12345678}'),
        ("ab+/c=", '{"url": "https://x/?t=ab%2B%2Fc%3D"}'),
        ("a&b<c", '{"html": "a&amp;b&lt;c"}'),
        ("ab+/c=", "no JSON, but ab%2B%2Fc%3D"),
    ],
)
def test_a_token_that_comes_back_in_another_form_is_blotted_out(token: str, echo: str) -> None:
    answer = read_answer(200, echo.encode(), True, False, token)
    shown = json.dumps(answer.value)
    assert submission.BLOT in shown or json.dumps(submission.BLOT)[1:-1] in shown
    assert not any(form in shown for form in (token, "%2B%2Fc", "&amp;b"))
