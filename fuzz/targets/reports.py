"""report.json, at the one place where every command reads it."""

from __future__ import annotations

from fuzz.harness import changed_json, refused
from reportgen.report.document import Report
from reportgen.report.report_json import parse_report, report_json
from reportgen.report.soundness import require_sound

READERS = ("reportgen/report/json_text.py", "reportgen/report/report_json.py", "reportgen/report/soundness.py")
CHANGE = changed_json


def one(data: bytes) -> Report | None:
    """The report, if it is one: sound, and read again as the same."""
    with refused():
        report = parse_report(data, "report.json")
        require_sound(report)
        written = report_json(report)
        assert report_json(parse_report(written, "again.json")) == written
        return report
    return None
