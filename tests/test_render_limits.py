"""A report that others made costs what its size says, or is stopped and said in one line: layout has limits, whatever the data."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from made_hostile_reports import CASES, FIXTURE, SVG, doubling, hostile, nested
from reportgen.cli import main as cli
from reportgen.rendering.drawings import require_drawable
from reportgen.rendering.filters import number
from reportgen.rendering.render import render, render_all
from reportgen.rendering.sandbox.limits import MIB, Limits, limits_for
from reportgen.rendering.sections import Anchors
from reportgen.rendering.sources import sources
from reportgen.report.document import Report
from reportgen.report.open import read_report
from reportgen.report.report_json import report_json
from reportgen.settings.load import load
from reportgen.utils.errors import ReportgenError, UsageError

# --- drawings ------------------------------------------------------------------------------------


pytestmark = pytest.mark.apart


def looked_over(folder: Path, text: str) -> None:
    (folder / "x.svg").write_text(text, "utf-8")
    require_drawable(folder / "x.svg", "figures/x.svg")


PATTERN = '<pattern id="{}" width="1" height="1"><rect fill="url(#{})" width="1" height="1"/></pattern>'


@pytest.mark.parametrize(
    ("inside", "says"),
    [
        ('<g id="a"><use xlink:href="#a"/></g>', "a part of it uses itself"),
        ('<g id="a"><g><use href="#b"/></g></g><g id="b"><use href="#a"/></g>', "a part of it uses itself"),
        (PATTERN.format("p", "q") + PATTERN.format("q", "p"), "a part of it uses itself"),
        ('<clipPath id="c"><rect style="clip-path: url(\'#c\')"/></clipPath>', "a part of it uses itself"),
        (doubling(11), "draws more than 1000000 elements"),
        (doubling(400), "draws more than 1000000 elements"),
        ("<rect/>" * 1_000_001, "draws more than 1000000 elements"),
        (nested(250), "nested more than 200 deep"),
        (nested(500_000), "nested more than 200 deep"),
        ("<rect", "is no drawing that a report can show"),
        (" " * (33 << 20), "more than 32 MiB"),
    ],
)
def test_a_drawing_that_would_never_be_done_is_refused_before_it_begins(tmp_path: Path, inside: str, says: str) -> None:
    start = time.process_time()
    with pytest.raises(ReportgenError, match=rf"^figures/x\.svg: .*{says}") as caught:
        looked_over(tmp_path, SVG.format(inside))
    assert "\n" not in str(caught.value)
    assert time.process_time() - start < 10


def test_entities_are_refused_where_they_are_declared(tmp_path: Path) -> None:
    with pytest.raises(ReportgenError, match="declares entities"):
        looked_over(tmp_path, "<!DOCTYPE svg [<!ENTITY a 'b'>]>" + SVG.format("<text>&a;</text>"))


def test_what_is_used_often_and_ends_is_drawn(tmp_path: Path) -> None:
    require_drawable(FIXTURE / "figures/spread.svg", "figures/spread.svg")
    looked_over(tmp_path, SVG.format(doubling(5)))
    looked_over(tmp_path, SVG.format(nested(150)))
    looked_over(tmp_path, SVG.format('<g id="a"/>' + '<use href="#a"/>' * 1000 + '<use href="#nowhere"/>'))
    looked_over(tmp_path, '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd">' + SVG.format("<rect/>"))


def test_the_page_refuses_it_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    report, run = hostile("a drawing that uses itself", tmp_path)
    with pytest.raises(ReportgenError, match=r"^figures/spread\.svg: a part of it uses itself"):
        render(report, run, tmp_path / "out", formats=("pdf",))
    assert list((tmp_path / "out").iterdir()) == []


# --- data ----------------------------------------------------------------------------------------


def test_no_number_has_millions_of_decimals() -> None:
    assert number(0.5, 500_000_000) == number(0.5, 20) == "0.50000000000000000000"
    assert number(0.5, -3) == number(0.5, 0)


def test_equal_names_have_anchors_of_their_own_however_many_there_are() -> None:
    anchors = Anchors()
    made = [anchors.new("image", "a") for _ in range(20_000)]
    assert made[:3] == ["image-a", "image-a-2", "image-a-3"]
    assert len(set(made)) == len(made)


def test_a_name_that_is_taken_again_and_again_does_not_end_the_program() -> None:
    anchors, name = Anchors(), "a"
    for _ in range(1500):
        anchors.new("image", name)
        name += "-2"
    assert anchors.new("image", "a") == "image-a" + "-2" * 1500


def test_a_picture_that_no_report_has_is_not_read(tmp_path: Path) -> None:
    report, run = hostile("a picture of 20 GiB", tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ReportgenError, match=r"frame-000\.jpg: more than 64 MiB"):
        render(report, run, tmp_path / "out", formats=("pdf",))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB
    assert sources(report, run, ()).picture("figures/spread.svg").is_file()


# --- the process ---------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["html", "pdf", "docx", "md", "tex"])
def test_a_report_of_others_is_stopped_at_its_limit_and_leaves_no_half_file(tmp_path: Path, format: str) -> None:
    report, run = hostile("a million words", tmp_path)
    out = tmp_path / "out"
    with pytest.raises(ReportgenError, match=r"^report\.|^tex/") as caught:
        render(report, run, out, formats=(format,), limits=Limits(0.2, 2048 * MIB, 1 * MIB))
    assert "\n" not in str(caught.value) and "REPORTGEN_RENDER_" in str(caught.value)
    assert not [path for path in out.rglob("*") if path.name.startswith(".partial") or path.suffix in (".html", ".pdf")]


@pytest.mark.parametrize("format", ["html", "md", pytest.param("pdf", marks=pytest.mark.slow)])
def test_the_process_changes_no_byte(tmp_path: Path, format: str) -> None:
    report, run = hostile("nothing odd", tmp_path)
    made = Report.model_validate_json(report_json(report))
    (here,) = render_all(made, run, tmp_path / "here", formats=[format])[format][:1]
    (apart,) = render_all(report, run, tmp_path / "apart", formats=[format])[format][:1]
    assert here.read_bytes() == apart.read_bytes()


def test_a_run_lays_its_own_report_out_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("no further process")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    report, run = hostile("nothing odd", tmp_path)
    made = Report.model_validate_json(report_json(report))
    render_all(made, run, tmp_path / "here", formats=["html"])
    with pytest.raises(AssertionError, match="no further process"):
        render_all(read_report(run), run, tmp_path / "apart", formats=["html"])


def test_the_command_says_it_in_one_line_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run = hostile("a million words", tmp_path)
    monkeypatch.setenv("REPORTGEN_RENDER_SECONDS", "1")
    monkeypatch.setattr(sys, "argv", ["reportgen", "render", str(run), "-o", str(tmp_path / "out")])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    err = capsys.readouterr().err
    assert err.startswith("reportgen: report.pdf: stopped after 1 s; ") and err.count("\n") == 1
    assert "REPORTGEN_RENDER_SECONDS allows more" in err


# --- the limits ----------------------------------------------------------------------------------


def test_limits_grow_with_the_pictures_to_a_bound_and_are_the_users_to_raise() -> None:
    assert limits_for(0, {}) == Limits(45, 2048 * MIB, 256 * MIB)
    assert limits_for(1000, {}) == Limits(145, 3048 * MIB, 2256 * MIB), "docs/templates.md and SECURITY.md say so"
    assert limits_for(10**9, {}) == limits_for(4000, {}) == Limits(445, 6048 * MIB, 8256 * MIB)
    raised = {"REPORTGEN_RENDER_SECONDS": "900", "REPORTGEN_RENDER_MIB": "8192", "REPORTGEN_RENDER_OUTPUT_MIB": "10"}
    assert limits_for(10, raised) == Limits(900, 8192 * MIB, 10 * MIB)
    assert load({}, None, Path("/"), raised).settings == load({}, None, Path("/"), {}).settings


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e99", "ten", "9" * 5000])
def test_a_limit_that_is_no_number_is_one_line(value: str) -> None:
    with pytest.raises(UsageError, match=r"^REPORTGEN_RENDER_SECONDS is .*; give a number such as 45$") as caught:
        limits_for(0, {"REPORTGEN_RENDER_SECONDS": value})
    assert len(str(caught.value)) < 200


# --- the corpus ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("format", ["pdf", "html"])
@pytest.mark.parametrize("case", CASES)
def test_every_hostile_report_is_a_page_or_one_line_within_the_limits(tmp_path: Path, case: str, format: str) -> None:
    report, run = hostile(case, tmp_path)
    limits = limits_for(len(sources(report, run, ()).pictures), {})
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        (page,) = render(report, run, tmp_path / "out", formats=(format,))
        assert page.stat().st_size
    except ReportgenError as error:
        assert "\n" not in str(error) and error.exit_code == 2
        assert not any((tmp_path / "out").iterdir())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < limits.seconds + 5
    assert read_report(run) == report
