"""The process in which is rendered what comes from elsewhere (see `reportgen.rendering.sandbox.process`).

A job comes as JSON on stdin, what happened goes as JSON to stdout. Before the report or the template is touched, the process takes
from itself what it does not need: memory and time beyond the limits, sockets, other programs.
"""

from __future__ import annotations

import errno
import json
import logging
import math
import os
import sys
import traceback
from base64 import b64decode
from contextlib import suppress
from pathlib import Path
from typing import Any

from reportgen.rendering.context import page_context
from reportgen.rendering.environment import environment, page_chunks
from reportgen.rendering.plain import Plain
from reportgen.rendering.sandbox.policy import require_policy
from reportgen.rendering.sources import Sources
from reportgen.rendering.templates import TemplateFile
from reportgen.rendering.writers import DRAWN, MANUSCRIPTS, WRITERS
from reportgen.report.document import Report
from reportgen.report.report_json import REPORT
from reportgen.utils.errors import ReportgenError
from reportgen.utils.files import unwritable

FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "os.startfile")


def main() -> None:
    """Do the job on stdin. The result goes to what was stdout; nothing that a library prints can mix with it."""
    answer, sys.stdout = sys.stdout, sys.stderr
    job = json.load(sys.stdin)
    kept = _Kept()
    logging.getLogger("reportgen.rendering.pdf").addHandler(kept)
    said: Plain = {"problem": "", "bug": "", "written": []}
    try:
        _limit(**job["limits"])
        said["written"] = _render(job)
    except ReportgenError as error:
        # Writers of files tell what the disk says in a line of their own.
        said["problem"] = "output" if _too_large(error.__context__) else str(error)
    except MemoryError:
        said["problem"] = "memory"
    except OSError as error:
        parent = Path(job["target"]).parent
        said["problem"] = "output" if _too_large(error) else unwritable(parent, error)
    except Exception:
        said["bug"] = traceback.format_exc()
    said["complaints"] = kept.messages
    answer.write(json.dumps(said))
    answer.flush()
    os._exit(0)  # what a template made is not taken apart piece by piece


def _too_large(error: BaseException | None) -> bool:
    """Whether this is the limit of output (`_limit`) speaking."""
    return isinstance(error, OSError) and error.errno == errno.EFBIG


def _render(job: Plain) -> list[str]:
    """Write the files; returns their names in the target folder, where that is one."""
    _load_libraries(job["format"])
    sys.addaudithook(refuse_event)
    folders = tuple(Path(folder) for folder in job["folders"])
    data = {name: b64decode(text) for name, text in job["data"].items()}
    sources = Sources(Path(job["run"]), frozenset(job["pictures"]), folders, data, job["archive"])
    format, target = job["format"], Path(job["target"])
    medium = "pdf" if format == "page" else format if format in WRITERS else "manuscript"
    # Where it came in it was held to every rule already (`reportgen.report.report_json.parse_report`).
    report = Report.model_validate_json(data.get(REPORT) or job["report"])
    template = TemplateFile.model_validate(job["template"])
    context = page_context(report, medium, template, job["language"], job["words"])
    if format in MANUSCRIPTS:
        return [path.relative_to(target).as_posix() for path in MANUSCRIPTS[format](context, sources, target)]
    {**WRITERS, "page": _write_page}[format](context, sources, target)
    if format == "html":
        require_policy(target)
    return []


def _load_libraries(format: str) -> None:
    """What looks for its libraries by other programs is imported before that is refused."""
    if format in DRAWN:
        from reportgen.rendering.pdf.writer import load_weasyprint

        load_weasyprint()
    if format == "docx":
        from reportgen.rendering.office.writer import require_docx

        require_docx()


def _write_page(context: Plain, sources: Sources, target: Path) -> None:
    with target.open("w", encoding="utf-8", newline="\n") as page:
        page.writelines(page_chunks(environment(sources.folders, url=str, asset=str), context))


def _limit(seconds: float, memory: int, output: int) -> None:
    """Take what is beyond the limits from this process; where there is no such means, the parent's clock remains."""
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = {
        resource.RLIMIT_CPU: math.ceil(seconds),
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: output,
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in wanted.items():
        with suppress(ValueError, OSError):  # a system that knows the name but not the limit
            hard = resource.getrlimit(kind)[1]
            resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def refuse_event(event: str, _: Any) -> None:
    """The last line: neither sandbox nor fetcher lets a template come this far."""
    if event.startswith(FORBIDDEN):
        raise ReportgenError(f"template: {event} is refused")


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.messages) < 1000:
            self.messages.append(record.getMessage())
