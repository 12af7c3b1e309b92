"""`reportgen submit`: one file of a finished run, to an evaluation server that the user names.

What may leave this machine: that file, its name, and the token of REPORTGEN_TOKEN, which stands in a header and nowhere
else: not in the URL, a message, a log or a file. A server that repeats it has it blotted out. Redirects are not followed.
The answer of a server is read up to a limit, never interpreted, and kept in the run folder beside the report.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from reportgen.analysis.registry import load_analyses
from reportgen.report.manifest import MANIFEST, entry_of, parse_manifest, stays_inside
from reportgen.utils.errors import CheckFailed, ReportgenError, UsageError
from reportgen.utils.files import write_file
from reportgen.utils.secrets import BLOT, unlogged, without_secret
from reportgen.utils.terminal_text import printable
from reportgen.utils.untrusted_files import read_at_most

TOKEN_VARIABLE = "REPORTGEN_TOKEN"
RECORD = "submissions.json"
MAX_FILE_BYTES = 512 * 2**20
MAX_ANSWER_BYTES = 2**20
MAX_SHOWN = 2000  # characters of an answer on the terminal; the whole of it is in the record
TRIES = 3  # to connect; once there is a connection nothing is sent twice


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for, seconds.

    Attributes:
        connect: for a connection, and for each write; answer: for each read.
        total: for everything: a server that sends a byte now and then does not hold the command for ever.
        between: before the second try to connect, and so much more before each further one.
    """

    connect: float = 10.0
    answer: float = 60.0
    total: float = 600.0
    between: float = 1.0


PATIENCE = Patience()


@dataclass(frozen=True)
class Sent:
    """What came of one submission.

    Attributes:
        problem: why it does not count as accepted, in one line; None where it does.
        lines: the answer, fit for a terminal.
        record: the file in the run folder that keeps it; None where it could not be written.
    """

    problem: str | None
    lines: tuple[str, ...]
    record: Path | None

    @property
    def accepted(self) -> bool:
        return self.problem is None


@dataclass(frozen=True)
class Answer:
    """A server's answer, without the token.

    Attributes:
        value: its JSON, or its text.
        whole: it was read to its end.
        location: where a redirect leads.
    """

    status: int
    value: Any
    is_json: bool
    whole: bool
    location: str = ""


def submit(
    run: Path,
    url: str,
    file: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    say: Callable[[str], None] = lambda _: None,
    patience: Patience = PATIENCE,
) -> Sent:
    """POST a file of the run, as the multipart field `file`, with the header `token`.

    Accepted is an answer with a status of 200 to 299 whose body is JSON, as the evaluation server's is; whatever the answer,
    it is added to `submissions.json` in the run folder, which no manifest lists.

    Args:
        file: one that the run's manifest lists, and that has not changed since; None: its file of parameters.
        environ: where the token is looked for; default the process's own environment.
        say: told what the user should know on the way.

    Raises:
        UsageError: no finished run, no such file, no token, no such URL.
        CheckFailed: no answer came.
    """
    token = _token(os.environ if environ is None else environ)
    shown_url = _checked_url(url, token)
    file = file or _parameter_file()
    data, digest = _file_of_run(run, file)
    earlier = _earlier(run / RECORD)
    if url.lower().startswith("http:"):
        say(f"{shown_url}: not encrypted; whoever is on the way can read the token")
    try:
        answer = _exchange(url, token, PurePosixPath(file).name, data, say, patience)
    except _NoAnswer as error:
        raise CheckFailed(f"{shown_url}: {without_secret(token, str(error))}") from None
    entry = {
        "url": shown_url,
        "file": {"name": file, "sha256": digest, "bytes": len(data)},
        "status": answer.status,
        "answer": answer.value,
        "whole": answer.whole,
    }
    text = json.dumps({"schema_version": 1, "submissions": [*earlier, entry]}, indent=1)
    try:
        write_file(run / RECORD, f"{text}\n".encode())
    except ReportgenError as error:  # it is sent: the answer is told all the same
        say(str(error))
        return Sent(_problem(answer), _lines(answer), None)
    return Sent(_problem(answer), _lines(answer), run / RECORD)


def _parameter_file() -> str:
    """The file of parameters of the installed analyses: the first in the report's order that writes one."""
    names = [analysis.parameter_file.name for analysis in load_analyses() if analysis.parameter_file is not None]
    if not names:
        raise UsageError("no installed analysis writes a file of parameters; say which file to send with --file")
    return names[0]


# --- before anything is sent ---------------------------------------------------------------------


def _token(environ: Mapping[str, str]) -> str:
    token = environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise UsageError(f"no token: put it into the environment variable {TOKEN_VARIABLE}")
    if len(token) > 4096 or not re.fullmatch(r"[!-~]+", token):
        raise UsageError(f"{TOKEN_VARIABLE} holds what no header can carry: a token is one word of plain characters")
    return token


def _checked_url(url: str, token: str) -> str:
    """The URL as it is shown and kept: without query and fragment, which may hold a secret of another kind.

    Raises:
        UsageError: it is not http or https, names no host, or carries a name, a password or the token.
    """
    if len(token) >= 8 and token in url:
        raise UsageError(f"--url holds the token, and a command line can be read by others: only {TOKEN_VARIABLE} may")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f"--url {printable(url, 80)}: not a URL") from None
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"--url {printable(url, 80)}: give an address that begins with http:// or https://")
    if "@" in parts.netloc:
        raise UsageError(f"--url: no name or password in the address; the token goes into {TOKEN_VARIABLE}")
    if any(character <= " " or character == "\x7f" for character in url):
        raise UsageError(f"--url {printable(url, 80)}: holds a blank or a control character")
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def _file_of_run(run: Path, file: str) -> tuple[bytes, str]:
    """The file's bytes and SHA-256, which are those of the manifest: what is handed in belongs to the report."""
    if not run.is_dir():
        raise UsageError(f"{run}: no such run folder")
    if not (run / MANIFEST).is_file():
        raise UsageError(f"{run}: no {MANIFEST}, so no finished run; run reportgen run again")
    listed = parse_manifest(read_at_most(run / MANIFEST))
    if listed is None:
        raise UsageError(f"{run / MANIFEST}: not a manifest of reportgen's")
    if file not in listed:
        own = [name for name in sorted(listed) if "/" not in name]
        raise UsageError(f"{run}: the run has no file {printable(file, 80)!r}; it has {printable(', '.join(own), 200)}")
    if not stays_inside(file):
        raise UsageError(f"{run / MANIFEST}: names a file outside the run folder")
    data = read_at_most(run / file, MAX_FILE_BYTES)
    digest, _ = entry_of(data)
    if digest != listed[file][0]:
        raise UsageError(f"{run / file}: changed since the run ended; run reportgen run again")
    return data, digest


def _earlier(record: Path) -> list[Any]:
    """What was submitted before: an accepted answer is not lost to a later one that is refused."""
    if not record.exists():
        return []
    try:
        content = json.loads(read_at_most(record))
        if content["schema_version"] == 1 and isinstance(content["submissions"], list):
            earlier: list[Any] = content["submissions"]
            return earlier
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise UsageError(f"{record}: not a record of reportgen's; move it away")


# --- the exchange --------------------------------------------------------------------------------


class _NoAnswer(Exception):
    """The server did not answer; the message is one plain line."""


def _exchange(url: str, token: str, name: str, data: bytes, say: Callable[[str], None], patience: Patience) -> Answer:
    """In a thread of its own: each read has its limit, but only the clock ends a server that sends a byte now and then."""
    future: Future[Answer] = Future()

    def work() -> None:
        try:
            with unlogged("httpx2", "httpcore2"):  # it logs headers, in which a server may repeat the token
                future.set_result(_tries(url, token, name, data, say, patience))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        return future.result(patience.total)
    except FutureTimeout:
        raise _NoAnswer(f"no whole answer within {patience.total:g} s; whether the file arrived is not known") from None


def _tries(url: str, token: str, name: str, data: bytes, say: Callable[[str], None], patience: Patience) -> Answer:
    import httpx2 as httpx

    for left in reversed(range(TRIES)):
        try:
            return _post(url, token, name, data, patience)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            reason = _reason(error)
            if not left:
                raise _NoAnswer(f"no connection ({reason}); is the address right, and the server up?") from None
            say(f"no connection ({reason}); trying again")
            time.sleep(patience.between * (TRIES - left))
        except httpx.TimeoutException:
            raise _NoAnswer(f"no answer within {patience.answer:g} s; whether the file arrived is not known") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _NoAnswer(f"no answer ({_reason(error)}); whether the file arrived is not known") from None
    raise AssertionError("unreachable")


def _post(url: str, token: str, name: str, data: bytes, patience: Patience) -> Answer:
    import httpx2 as httpx

    limits = httpx.Timeout(patience.connect, read=patience.answer)
    headers = {"token": token, "Accept": "application/json", "Accept-Encoding": "identity"}
    files = {"file": (name, data, "application/octet-stream")}
    with (
        httpx.Client(timeout=limits, follow_redirects=False) as client,
        client.stream("POST", url, headers=headers, files=files) as response,
    ):
        body, whole = bytearray(), True
        try:
            # Raw: what comes packed is not unpacked, so that a bomb stays as small as it came.
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    whole = False
                    break
        except (httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout):
            whole = False
        packed = response.headers.get("Content-Encoding", "identity").lower() != "identity"
        answer = read_answer(response.status_code, bytes(body[:MAX_ANSWER_BYTES]), whole, packed, token)
        return replace(answer, location=without_secret(token, response.headers.get("Location", "")))


def _reason(error: Exception) -> str:
    return printable(str(error) or type(error).__name__, 200)


# --- the answer ----------------------------------------------------------------------------------


def read_answer(status: int, body: bytes, whole: bool, packed: bool, token: str) -> Answer:
    """What a server sent, with the token blotted out in every form that it may come back in.

    Args:
        whole: the body was read to its end; packed: it came in an encoding that was not asked for.
    """
    if packed:
        return Answer(status, f"({len(body)} bytes in an encoding that was not asked for)", False, whole)
    text = body.decode("utf-8", "replace")
    if whole:
        try:
            value = _blotted(token, json.loads(text, parse_constant=str))
            json.dumps(value, indent=1)  # as it will be written: this encoder goes less deep than the reader
            return Answer(status, value, True, True)
        except (ValueError, RecursionError):
            pass
    return Answer(status, without_secret(token, text), False, whole)


def _blotted(token: str, value: Any) -> Any:
    """A JSON value with the token taken out of every text in it."""
    if isinstance(value, str):
        return without_secret(token, value)
    if isinstance(value, list):
        return [_blotted(token, item) for item in value]
    if isinstance(value, dict):
        return {without_secret(token, key): _blotted(token, item) for key, item in value.items()}
    # A token of digits may come back as a number.
    return BLOT if token in json.dumps(value) else value


def _problem(answer: Answer) -> str | None:
    if 300 <= answer.status < 400:
        place = printable(answer.location, 120) or "nowhere"
        return f"the server answered {answer.status}, a redirect to {place}, which is not followed: give that address if you trust it"
    if not 200 <= answer.status < 300:
        return f"the server refused it with status {answer.status}"
    if not answer.whole:
        return (
            f"the server answered {answer.status}, but its answer is longer than {MAX_ANSWER_BYTES} bytes or broke off"
        )
    if not answer.is_json:
        return f"the server answered {answer.status}, but not with JSON: is this the evaluation server?"
    return None


def _lines(answer: Answer) -> tuple[str, ...]:
    """A JSON object of plain values as one line a key, anything else as one line."""
    value = answer.value
    if (
        answer.is_json
        and isinstance(value, dict)
        and value
        and not any(isinstance(v, list | dict) for v in value.values())
    ):
        lines = [
            f"{key}: {item if isinstance(item, str) else json.dumps(item)}" for key, item in list(value.items())[:50]
        ]
    else:
        lines = [json.dumps(value) if answer.is_json else value.strip()]
    return tuple(printable(line, MAX_SHOWN) for line in lines if line)
