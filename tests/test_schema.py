"""The JSON Schema of report.json: what is published is what is written, and reports hold to it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from fixtures import make_report
from reportgen.cli import main as cli
from reportgen.report.document import Document, Report, Shown
from reportgen.report.provenance import TemplateRecord
from reportgen.report.report_json import parse_report, report_json
from reportgen.report.schema import VERSION, report_schema, schema_json
from toys import ROOT

PUBLISHED = ROOT / "docs" / "schema" / f"report-v{VERSION}.json"
COMMAND = f"reportgen schema > docs/schema/report-v{VERSION}.json"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(report_schema())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """report.json of a report with every kind of block, as data."""
    report, _ = make_report(tmp_path_factory.mktemp("made"), 3)
    update = {
        "shown": Shown(of=3, images=[report.images[0].name], reasons=["worst"], rule="one"),
        "document": Document(authors=["A. B."], accent="#123456", paper="A4", logo=report.images[0].picture),
    }
    template = TemplateRecord(name="writeup", sha256="0" * 64)
    provenance = report.provenance.model_copy(update={"template": template})
    return json.loads(report_json(report.model_copy(update={**update, "provenance": provenance})))


def test_the_published_schema_is_the_one_in_force() -> None:
    assert PUBLISHED.read_text("utf-8") == schema_json(), (
        f"the document has changed: read the difference, then {COMMAND}; where what was valid no longer is, raise schema_version "
        "(reportgen/report/document.py) and VERSION (reportgen/report/schema.py) instead, and publish it beside the old one"
    )


def test_the_command_prints_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["reportgen", "schema"])
    cli.main()
    assert capsys.readouterr().out == PUBLISHED.read_text("utf-8")


def test_it_is_a_schema_that_says_which_it_is() -> None:
    schema = report_schema()
    Draft202012Validator.check_schema(schema)
    assert list(schema)[:3] == ["$schema", "$id", "title"]
    assert schema["$id"].endswith(f":{VERSION}")
    assert schema["properties"]["schema_version"]["const"] == VERSION == Report.model_fields["schema_version"].default


def test_a_report_of_every_kind_of_block_is_valid(written: Any, validator: Draft202012Validator) -> None:
    kinds = {block["type"] for section in written["sections"] for block in section["blocks"]}
    assert kinds == {"heading", "text", "listing", "facts", "figure", "table", "notice"}
    validator.validate(written)


@pytest.mark.parametrize("file", sorted(ROOT.glob("templates/*/report.json")), ids=lambda path: path.parent.name)
def test_a_report_that_ships_is_valid(file: Path, validator: Draft202012Validator) -> None:
    validator.validate(json.loads(file.read_text("utf-8")))


def test_a_report_of_before_a_key_with_a_default_is_valid(written: Any, validator: Draft202012Validator) -> None:
    """As it is to the reader of report.json: a key that is added later does not make older reports wrong."""
    older = {
        key: value for key, value in written.items() if key not in ("tested", "rules", "summary", "shown", "document")
    }
    older["provenance"] = {key: value for key, value in older["provenance"].items() if key != "template"}
    validator.validate(older)
    parse_report(json.dumps(older).encode(), "older")


def test_analyses_may_add_numbers_under_their_names(written: Any, validator: Draft202012Validator) -> None:
    images = [{**image, "darkness": {"share": 0.5, "of": [1, None]}} for image in written["images"]]
    validator.validate({**written, "images": images, "darkness": [{"model": "a", "layers": {}}]})


def broken(report: Any) -> Iterator[tuple[str, Any]]:
    """By what is wrong with it: a report that is none."""
    first = report["images"][0]
    yield "version", {**report, "schema_version": 2}
    yield "no images", {key: value for key, value in report.items() if key != "images"}
    yield "misspelt key", {**report, "provenance": {**report["provenance"], "sed": 0}}
    yield "verdict", {**report, "findings": [{**report["findings"][0], "verdict": "proven"}]}
    yield "text for a number", {**report, "images": [{**first, "width": "wide"}]}
    yield "no prediction", {**report, "images": [{key: value for key, value in first.items() if key != "prediction"}]}
    yield "block", {**report, "sections": [{"id": "a", "title": "A", "blocks": [{"type": "video", "file": "a.mp4"}]}]}


def test_what_the_reader_refuses_the_schema_refuses(written: Any, validator: Draft202012Validator) -> None:
    for wrong, data in broken(written):
        with pytest.raises(ValidationError):
            validator.validate(data)
            pytest.fail(wrong)
        with pytest.raises(Exception, match="not a report of schema version 1"):
            parse_report(json.dumps(data).encode(), "broken")


def test_every_model_says_what_it_is() -> None:
    """And every field's meaning stands in its own description, or in that of its model."""
    for name, definition in report_schema()["$defs"].items():
        assert name in ("ClassProbability", "RuntimeRecord", "ModelRecord") or definition.get("description"), name
