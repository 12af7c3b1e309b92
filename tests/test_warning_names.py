"""Warnings have words for names: where they are made, in report.json, and on the pages; a third party's may go without."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from fixtures import make_report
from reportgen.rendering.render import render
from reportgen.report.document import Report, Warning_
from reportgen.report.report_json import report_json

ROOT = Path(__file__).parent.parent
MAKERS = [
    path
    for folder in ("analyses", "reportgen/pipeline")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "Warning_(" in path.read_text("utf-8")
]


def test_a_warning_without_a_name_is_called_by_the_words_of_its_code() -> None:
    assert Warning_(code="low-r2", text="…").name == "low r2"
    assert Warning_(code="low-r2", text="…", name="LIME's surrogate fits badly").name == "LIME's surrogate fits badly"


@pytest.mark.parametrize("path", MAKERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_warning_of_ours_has_a_name(path: Path) -> None:
    made = [
        {keyword.arg for keyword in call.keywords}
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Warning_"
    ]
    assert made and all("name" in given for given in made)


def test_report_json_has_the_name_beside_the_code_and_a_report_without_one_still_opens(tmp_path: Path) -> None:
    report, _ = make_report(tmp_path, 3)
    data = json.loads(report_json(report))
    assert {"code": "few_images", "name": "few images"}.items() <= data["warnings"][-1].items()
    for warning in data["warnings"]:
        del warning["name"]
    assert Report.model_validate(data).warnings[-1].name == "few images"


@pytest.mark.parametrize("template", ["writeup", "brief"])
def test_pages_show_the_name_and_not_the_code(tmp_path: Path, template: str) -> None:
    report, run = make_report(tmp_path, 3)
    told = Warning_(code="low-r2", name="LIME's surrogate <fits> badly", text="Read its weights with care.")
    [file] = render(report.model_copy(update={"warnings": [told]}), run, tmp_path / "out", template, ("html",))
    text = file.read_text("utf-8")
    assert "LIME&#39;s surrogate &lt;fits&gt; badly" in text
    assert "low-r2" not in text and "low r2" not in text
