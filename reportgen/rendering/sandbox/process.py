"""Files of a report that come from elsewhere, or are made by a template that does: rendered in a process of its own, and stopped.

Jinja's sandbox keeps a template from files, network and code, but not from a loop that never ends; and a valid report can hold a
table or a drawing that no layout finishes. Here either is limited in time, memory and output, whatever it is. The other side is
`reportgen.rendering.sandbox.worker`; between the two goes JSON. Output is the same, byte for byte, as in this process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from base64 import b64encode
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from reportgen.rendering.plain import Plain
from reportgen.rendering.sandbox.limits import MEMORY, MIB, OUTPUT, SECONDS, Limits
from reportgen.rendering.sources import Sources
from reportgen.rendering.templates import TemplateFile
from reportgen.report.document import Report
from reportgen.report.manifest import MAIN_FILES
from reportgen.report.report_json import REPORT, report_json
from reportgen.utils.errors import ReportgenError
from reportgen.utils.files import PARTIAL

# `-I` keeps the working folder and the environment's Python settings out of it; the path is handed over as it is here.
# How many seconds may pass for one of processor time: a machine has other work to do. Where processor time has no limit, one.
WALL = 10 if os.name == "posix" else 1
START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from reportgen.rendering.sandbox.worker import main; main()"


@dataclass(frozen=True)
class Content:
    """What is laid out, and in which words.

    Attributes:
        template: what template.toml says.
        language, words: see `reportgen.rendering.context.page_context`.
        own: the template or the CSS is the user's own, so that what goes wrong may be its fault.
    """

    report: Report
    template: TemplateFile
    language: str
    words: Plain
    own: bool = True


def render_in_sandbox(
    format: str, content: Content, sources: Sources, target: Path, limits: Limits
) -> tuple[list[Path], list[str]]:
    """Write the files of one format as the functions of `reportgen.rendering.writers` would.

    Args:
        format: one of "html", "pdf", "docx", "md" and "tex"; or "page": the page that becomes a PDF, before it is laid out.
        target: the file; of "docx", "md" and "tex" the folder, in which no half of a file stays behind.

    Returns:
        the files that were written, the one to open first; what WeasyPrint complained about.

    Raises:
        ReportgenError: the template is wrong, asks for what it may not have, or goes beyond a limit; or the report does.
    """
    job = {
        "format": format,
        "report": "" if REPORT in sources.data else report_json(content.report).decode(),
        "template": content.template.model_dump(mode="json"),
        "language": content.language,
        "words": content.words,
        "run": str(sources.run.resolve()),
        "pictures": sorted(sources.pictures),
        "folders": [str(folder.resolve()) for folder in sources.folders],
        "data": {name: b64encode(data).decode() for name, data in sources.data.items()},
        "archive": sources.archive,
        "target": str(target.resolve()),
        "limits": asdict(limits),
    }
    what = "template" if content.own else MAIN_FILES.get(format, format)
    command = [sys.executable, "-I", "-c", START, json.dumps([path or os.getcwd() for path in sys.path])]  # noqa: PTH109
    # What the worker leaves behind when it is stopped (fonts that WeasyPrint unpacked) goes with this folder.
    with tempfile.TemporaryDirectory(prefix="reportgen-") as scratch, tempfile.TemporaryFile() as messages:
        pipe, environment = subprocess.PIPE, worker_environment(scratch)
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=messages, env=environment) as worker:
            try:
                answer, _ = worker.communicate(json.dumps(job).encode(), timeout=WALL * limits.seconds)
            except BaseException as error:
                worker.kill()
                worker.wait()
                _sweep(target, worker.pid)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise _too_long(what, limits) from None
                raise
        if worker.returncode:
            _sweep(target, worker.pid)
        messages.seek(max(0, messages.seek(0, os.SEEK_END) - 4000))
        said = _judge(answer, worker.returncode, messages.read().decode(errors="replace"), what, limits)
    paths = [target / name for name in said["written"]]
    return paths, list(said["complaints"])


def _sweep(target: Path, worker: int) -> None:
    """Remove what a worker that was stopped had half written in a folder."""
    for left in target.rglob(f"{PARTIAL}{worker}-*") if target.is_dir() else ():
        with suppress(OSError):
            left.unlink()


def worker_environment(scratch: str) -> dict[str, str]:
    """The environment with a folder for temporary files, but for this program's own variables: one is a secret."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REPORTGEN_")}
    return {**kept, "TMPDIR": scratch, "TEMP": scratch, "TMP": scratch}


def _judge(answer: bytes, code: int, messages: str, what: str, limits: Limits) -> Plain:
    """What the worker says that it did.

    Raises:
        ReportgenError: see `render_in_sandbox`.
        RuntimeError: a mistake of ours.
    """
    try:
        said: Plain = json.loads(answer)
    except ValueError:
        raise _stopped(code, messages, what, limits) from None
    if said["problem"] == "memory":
        raise _too_large(what, limits)
    if said["problem"] == "output":
        raise ReportgenError(
            f"{what}: stopped at {limits.output // MIB} MiB of output; {_look_for(what, 'a loop without end')}; {OUTPUT} allows more"
        )
    if said["problem"]:
        raise ReportgenError(said["problem"])
    if said["bug"] and what == "template":
        raise RuntimeError(said["bug"])
    if said["bug"]:
        last = said["bug"].strip().splitlines()[-1][:200]
        raise ReportgenError(f"{what}: cannot be laid out; the report holds what no page can show ({last})")
    return said


def _stopped(code: int, messages: str, what: str, limits: Limits) -> Exception:
    """Why a worker ended without a word."""
    if code == -getattr(signal, "SIGXCPU", 0):
        return _too_long(what, limits)
    # Libraries in C end the process where they find no memory, or where things are nested deeper than their stack.
    if code < 0 or "memory" in messages.lower():
        return _too_large(what, limits)
    return RuntimeError(f"the rendering process ended with {code}: {messages}")


def _look_for(what: str, fault: str) -> str:
    return f"look for {fault}" if what == "template" else "the report holds more than its pictures account for"


def _too_long(what: str, limits: Limits) -> ReportgenError:
    looked = _look_for(what, "a loop or a layout without end in the template or its CSS")
    return ReportgenError(f"{what}: stopped after {limits.seconds:g} s; {looked}; {SECONDS} allows more")


def _too_large(what: str, limits: Limits) -> ReportgenError:
    looked = _look_for(what, "a loop or a text that grows without end")
    return ReportgenError(f"{what}: stopped at {limits.memory // MIB} MiB of memory; {looked}; {MEMORY} allows more")
