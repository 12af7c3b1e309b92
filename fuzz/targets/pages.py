"""What is written of a report that passes: its summary, and its chapters in Markdown. In this process, where `render` takes another."""

from __future__ import annotations

from fuzz.harness import changed_json, refused
from reportgen.rendering.context import page_context
from reportgen.rendering.manuscript.walk import manuscript
from reportgen.rendering.markdown.writer import markdown
from reportgen.report import digest
from reportgen.report.report_json import parse_report

READERS = (
    "reportgen/rendering/context.py", "reportgen/rendering/manuscript", "reportgen/rendering/markdown/writer.py",
    "reportgen/rendering/filters.py", "reportgen/rendering/sections.py", "reportgen/report/digest.py",
)  # fmt: skip
CHANGE = changed_json


def one(data: bytes) -> None:
    with refused():
        report = parse_report(data, "report.json")
        digest.markdown(report), digest.pairs(report), list(digest.lines(report))
        markdown(manuscript(page_context(report, "manuscript"))).encode()
