"""report.json: the Report as bytes, and back."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from reportgen.report.document import Report
from reportgen.utils.errors import UsageError
from reportgen.utils.untrusted_files import is_file, is_folder, read_at_most

REPORT = "report.json"


def report_json(report: Report) -> bytes:
    """report.json's bytes: every key, null where there is nothing, no NaN."""
    return (json.dumps(report.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_report(path: str | Path) -> Report:
    """Read a report back from a run folder or its report.json.

    Raises:
        UsageError: there is none, or it is not a report of this schema.
    """
    path = Path(path)
    file = path / REPORT if is_folder(path) else path
    if not is_file(file):
        raise UsageError(f"{file}: no such report; give a run folder or its report.json")
    report = parse_report(read_at_most(file), str(file))
    report._folder = file.parent
    return report


def run_folder(source: Path) -> Path:
    """The folder of a run that is named by itself, or by a file in it: its report.json, its PDF."""
    return source if is_folder(source) else source.parent


def parse_report(data: bytes, source: str) -> Report:
    """report.json's bytes as a Report, without a folder.

    Args:
        source: where they come from, for messages.

    Raises:
        UsageError: they are not a report of this schema.
    """
    try:
        return Report.model_validate_json(data)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"]) or "its first line"
        raise UsageError(f"{source}: not a report of schema version 1 (at {where}: {problem['msg']})") from None
