"""reportgen.report:  a report as bytes and back, and what is not a report."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from fixtures import make_report
from reportgen.report.blocks import Column, Figure, Section, Table, Text
from reportgen.report.document import ImageRecord, Report
from reportgen.report.open import read_report, run_folder
from reportgen.report.report_json import report_json
from reportgen.utils.errors import UsageError


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return make_report(tmp_path_factory.mktemp("made"), 2)[0]


def test_a_report_comes_back_equal(report: Report, tmp_path: Path) -> None:
    data = report_json(report)
    (tmp_path / "report.json").write_bytes(data)
    for place in (tmp_path, tmp_path / "report.json", str(tmp_path)):
        found = read_report(place)
        assert found.model_dump() == report.model_dump()
        assert report_json(found) == data
        assert found.folder == tmp_path


def test_a_report_from_before_headline_measures_is_read(report: Report, tmp_path: Path) -> None:
    data = report_json(report)
    old = re.sub(rb',\s*"headline": (true|false)', b"", data)
    assert b"headline" in data and b"headline" not in old
    (tmp_path / "report.json").write_bytes(old)
    tables = [b for s in read_report(tmp_path).sections for b in s.blocks if isinstance(b, Table)]
    assert tables and not any(column.headline for table in tables for column in table.columns)


def test_what_an_analysis_adds_comes_back_too(report: Report, tmp_path: Path) -> None:
    image = ImageRecord(**{**dict(report.images[0]), "brightness": {"mean": 0.1 + 0.2}})
    added = report.model_copy(update={"images": [image], "dissection": [{"model": "m", "layers": []}]})
    (tmp_path / "report.json").write_bytes(report_json(added))
    found = json.loads(report_json(read_report(tmp_path)))
    assert found["images"][0]["brightness"] == {"mean": 0.1 + 0.2}
    assert found["dissection"] == [{"model": "m", "layers": []}]


def test_report_json_is_text_with_every_key_and_no_folder(report: Report) -> None:
    text = report_json(report.model_copy(update={"title": "Ünïcödé"})).decode()
    assert text.endswith("}\n")
    assert "Ünïcödé" in text
    data = json.loads(text)
    assert {"schema_version", "skipped", "findings", "warnings"} <= set(data)
    assert "_folder" not in data
    assert all("label" in image and "correct" in image for image in data["images"]), "null where there is nothing"


def test_a_number_that_json_does_not_know_is_null(report: Report) -> None:
    image = ImageRecord(**{**dict(report.images[0]), "lime": {"r2": math.nan, "worst": -math.inf, "best": 0.5}})
    data = json.loads(report_json(report.model_copy(update={"images": [image]})), parse_constant=pytest.fail)
    assert data["images"][0]["lime"] == {"r2": None, "worst": None, "best": 0.5}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not a report of schema version 1"),
        ("{", "not a report of schema version 1"),
        ("[]", "not a report of schema version 1"),
        ("{}", r"at title: Field required"),
        ('{"schema_version": 2}', "at schema_version: "),
        ("\x00", "not a report of schema version 1"),
    ],
)
def test_what_is_no_report_is_one_line(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(UsageError, match=said) as error:
        read_report(tmp_path)
    assert str(error.value).startswith(str(tmp_path / "report.json"))
    assert "\n" not in str(error.value)


def test_a_report_of_another_schema_is_refused(report: Report, tmp_path: Path) -> None:
    data = json.loads(report_json(report))
    (tmp_path / "report.json").write_text(json.dumps({**data, "schema_version": 2}))
    with pytest.raises(UsageError, match="at schema_version"):
        read_report(tmp_path)


def test_a_run_is_where_its_report_lies(tmp_path: Path) -> None:
    folder = tmp_path / "run.pdf"
    folder.mkdir()
    for source in (folder, folder / "report.json", folder / "gone.pdf"):
        assert run_folder(source) == folder


def test_a_place_without_a_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone/report\.json|gone: no such report"):
        read_report(tmp_path / "gone")
    with pytest.raises(UsageError, match=r"report\.json: no such report; give a run folder or its report\.json"):
        read_report(tmp_path)


def test_blocks_keep_their_kind_and_refuse_what_they_do_not_know() -> None:
    section = Section(
        id="s",
        title="S",
        blocks=[
            Text(text="t", role="limit"),
            Table(id="t", caption="c", columns=[Column(key="k", label="K")], rows=[[1.5]]),
        ],
    )
    again = Section.model_validate_json(section.model_dump_json())
    assert again == section
    assert [type(block) for block in again.blocks] == [Text, Table]
    with pytest.raises(ValidationError, match="captoin"):
        Figure(id="f", captoin="c", pictures=[])
    with pytest.raises(ValidationError, match="type"):
        Section(id="s", title="S", blocks=[{"type": "poem", "text": "t"}])
    with pytest.raises(ValidationError, match="frozen"):
        section.title = "T"  # type: ignore[misc]
