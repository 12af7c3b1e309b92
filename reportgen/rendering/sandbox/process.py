"""A template of the user's own, rendered in a process of its own: limited in memory and time, and stopped.

The sandbox keeps a template from files, network and code, but not from a loop that never ends or a page that never
stops growing. The other side is `reportgen.rendering.sandbox.worker`; between the two goes JSON. Output is the same, byte for
byte, as in this process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from reportgen.rendering.plain import Plain
from reportgen.rendering.sources import Sources
from reportgen.utils.errors import ReportgenError

MIB = 2**20
# `-I` keeps the working folder and the environment's Python settings out of it; the path is handed over as it is here.
START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from reportgen.rendering.sandbox.worker import main; main()"


@dataclass(frozen=True)
class Limits:
    """What one rendering may take.

    Attributes:
        seconds: of wall time, and of processor time.
        memory: bytes of address space (Unix; elsewhere only time is limited).
        output: bytes of the largest file that it may write (Unix).
    """

    seconds: float
    memory: int
    output: int


def limits_for(pictures: int) -> Limits:
    """Generous limits for a report of so many pictures: some ten times what a shipped template takes."""
    return Limits(seconds=180 + pictures, memory=(2048 + 4 * pictures) * MIB, output=(256 + 2 * pictures) * MIB)


def render_in_sandbox(format: str, context: Plain, sources: Sources, target: Path, limits: Limits) -> list[str]:
    """Write one file as `write_html` or `write_pdf` would.

    Args:
        format: "html", "pdf", or "page": the page that becomes a PDF, before it is laid out.
        context: see `reportgen.rendering.context.page_context`.

    Returns:
        what WeasyPrint complained about.

    Raises:
        ReportgenError: the template is wrong, asks for what it may not have, or goes beyond a limit.
    """
    job = {
        "format": format,
        "context": context,
        "run": str(sources.run.resolve()),
        "pictures": sorted(sources.pictures),
        "folders": [str(folder.resolve()) for folder in sources.folders],
        "data": {name: content.decode() for name, content in sources.data.items()},
        "archive": sources.archive,
        "target": str(target.resolve()),
        "limits": asdict(limits),
    }
    command = [sys.executable, "-I", "-c", START, json.dumps([path or os.getcwd() for path in sys.path])]  # noqa: PTH109
    # What the worker leaves behind when it is stopped (fonts that WeasyPrint unpacked) goes with this folder.
    with tempfile.TemporaryDirectory(prefix="reportgen-") as scratch, tempfile.TemporaryFile() as messages:
        try:
            done = subprocess.run(
                command,
                input=json.dumps(job).encode(),
                stdout=subprocess.PIPE,
                stderr=messages,
                timeout=limits.seconds,
                check=False,
                env=worker_environment(scratch),
            )
        except subprocess.TimeoutExpired:
            raise _too_long(limits) from None
        messages.seek(max(0, messages.seek(0, os.SEEK_END) - 4000))
        return _judge(done, messages.read().decode(errors="replace"), limits)


def worker_environment(scratch: str) -> dict[str, str]:
    """The environment with a folder for temporary files, but for this program's own variables: one is a secret."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REPORTGEN_")}
    return {**kept, "TMPDIR": scratch, "TEMP": scratch, "TMP": scratch}


def _judge(done: subprocess.CompletedProcess[bytes], messages: str, limits: Limits) -> list[str]:
    """The complaints that the worker passes on.

    Raises:
        ReportgenError: see `render_in_sandbox`.
        RuntimeError: a mistake of ours.
    """
    try:
        said = json.loads(done.stdout)
    except ValueError:
        raise _stopped(done.returncode, messages, limits) from None
    if said["problem"] == "memory":
        raise _too_large(limits)
    if said["problem"] == "output":
        raise ReportgenError(f"template: stopped at {limits.output // MIB} MiB of output; look for a loop without end")
    if said["problem"]:
        raise ReportgenError(said["problem"])
    if said["bug"]:
        raise RuntimeError(said["bug"])
    return list(said["complaints"])


def _stopped(code: int, messages: str, limits: Limits) -> Exception:
    """Why a worker ended without a word."""
    if code == -getattr(signal, "SIGXCPU", 0):
        return _too_long(limits)
    # Libraries in C end the process where they find no memory.
    if code < 0 or "memory" in messages.lower():
        return _too_large(limits)
    return RuntimeError(f"the rendering process ended with {code}: {messages}")


def _too_long(limits: Limits) -> ReportgenError:
    return ReportgenError(
        f"template: stopped after {limits.seconds:g} s; look for a loop or a layout without end in the template or its CSS"
    )


def _too_large(limits: Limits) -> ReportgenError:
    return ReportgenError(
        f"template: stopped at {limits.memory // MIB} MiB of memory; look for a loop or a text that grows without end"
    )
