"""report.json: the Report as bytes, and back."""

from __future__ import annotations

import json

from pydantic import ValidationError

from reportgen.report.document import Report
from reportgen.utils.errors import UsageError

REPORT = "report.json"


def report_json(report: Report) -> bytes:
    """report.json's bytes: every key, null where there is nothing, no NaN."""
    return (json.dumps(report.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


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
