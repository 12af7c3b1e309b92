"""Files that a run left alone are told wherever a report is read: on pages, in manuscripts, on the terminal, in data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fixtures import HOSTILE_NAMES, make_report
from reportgen.cli.outcome import outcome
from reportgen.images.remarks import MOST_NAMED, Remarks
from reportgen.rendering.render import render
from reportgen.report.diff import compare
from reportgen.report.digest import left_alone, markdown
from reportgen.report.document import LeftAlone


def test_files_are_counted_by_reason_and_the_first_are_named() -> None:
    remarks = Remarks()
    for file in reversed([f"{i:03}.mp4" for i in range(MOST_NAMED + 7)]):
        remarks.leave(file, "a film")
    remarks.leave("a.part", "a half download")
    remarks.leave("a.part", "a half download")
    assert remarks.left_alone == [
        LeftAlone(reason="a film", count=MOST_NAMED + 7, names=["000.mp4", "001.mp4", "002.mp4", "003.mp4", "004.mp4"]),
        LeftAlone(reason="a half download", count=1, names=["a.part"]),
    ]
    remarks.use("labels.csv")
    assert remarks.seen == {"labels.csv", "a.part", *(f"{i:03}.mp4" for i in range(MOST_NAMED + 7))}


def test_a_warning_stands_once() -> None:
    remarks = Remarks()
    for _ in range(2):
        remarks.warn("labels-missing", "Labels without an image", "Two rows name no image.")
    remarks.warn("labels-missing", "Labels without an image", "Two rows name no image.", image="a.jpg")
    assert [warning.image for warning in remarks.warnings] == [None, "a.jpg"]


@pytest.mark.parametrize("name", ["html", "md", "tex"])
def test_pages_and_manuscripts_tell_them(name: str, tmp_path: Path) -> None:
    report, run = make_report(tmp_path / "run", 3, size=32)
    [file] = render(report, run, tmp_path / "out", formats=[name])  # type: ignore[list-item]
    page = "".join(path.read_text() for path in [file, *file.parent.glob("*.tex")])
    assert "neither an image nor anything that is read" in page
    assert all(part in page for part in ("c.jpg.part", "a.mp4", "b.mp4", "10 more"))
    [file] = render(report.model_copy(update={"left_alone": []}), run, tmp_path / "none", formats=[name])  # type: ignore[list-item]
    assert "left alone" not in file.read_text()


def test_they_stand_where_nothing_else_does(tmp_path: Path) -> None:
    report, run = make_report(tmp_path / "run", 3, size=32)
    hostile = LeftAlone(reason="a <b>reason</b>", count=len(HOSTILE_NAMES), names=list(HOSTILE_NAMES))
    alone = report.model_copy(update={"left_alone": [hostile], "warnings": [], "skipped": []})
    [file] = render(alone, run, tmp_path / "out", formats=["html"])
    page = file.read_text()
    assert "Files that were left alone" in page and "a &lt;b&gt;reason&lt;/b&gt;" in page
    assert 'href="#warnings"' in page


def test_digests_count_them(tmp_path: Path) -> None:
    report, _ = make_report(tmp_path / "run", 3, size=32)
    told = "13 files left alone: neither an image nor anything that is read (12); a half download (1)"
    assert left_alone(report) == told
    assert told in markdown(report)
    assert json.loads(json.dumps(outcome(report)))["left_alone"][0]["count"] == 1
    many = [LeftAlone(reason=f"reason {i}", count=1, names=["x"]) for i in range(5)]
    assert left_alone(report.model_copy(update={"left_alone": many})).endswith("; 2 further reasons")
    assert left_alone(report.model_copy(update={"left_alone": []})) == ""


def test_diff_tells_them(tmp_path: Path) -> None:
    report, _ = make_report(tmp_path / "run", 3, size=32)
    other = report.model_copy(update={"left_alone": [LeftAlone(reason="a film", count=2, names=["x", "y"])]})
    assert any("left_alone" in line for line in map(str, compare(report, other).other))
    assert not compare(report, report).other
