"""reportgen.gates: thresholds judged on the run's own numbers, in the report, in JUnit XML and in the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from crash_runs import Job
from fixtures import make_report
from reportgen.analysis.registry import load_analyses
from reportgen.pipeline.gates import judged, junit_xml, require_known_measures
from reportgen.rendering.render import render
from reportgen.report.digest import gate_sentence
from reportgen.report.document import Gate, Report
from reportgen.settings.load import load
from reportgen.utils.errors import UsageError

STABLE = SimpleNamespace(name="lime", gates={"lime_stability": "how stable"})


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Three images, two of them predicted as labelled; two skipped files; two warnings."""
    return make_report(tmp_path_factory.mktemp("made"), 3)[0]


def judge(report: Report, measured: dict[str, float | None] | None = None, **gates: float) -> dict[str, Gate]:
    return {gate.name: gate for gate in judged(gates, [STABLE], measured or {}, report)}


def test_a_gate_passes_at_its_limit_and_fails_beyond(report: Report) -> None:
    found = judge(
        report, {"lime_stability": 0.5}, min_share_correct=2 / 3, max_skipped=2, min_images=4, max_lime_stability=0.49
    )
    assert {name: (gate.value, gate.passed) for name, gate in found.items()} == {
        "max_lime_stability": (0.5, False),
        "max_skipped": (2, True),
        "min_images": (3, False),
        "min_share_correct": (2 / 3, True),
    }
    assert found["max_lime_stability"].measure == "how stable"
    assert gate_sentence(found["min_images"]) == "min_images: 3 is not at least 4 (images explained)"


def test_what_could_not_be_measured_has_not_passed(report: Report) -> None:
    unlabelled = report.model_copy(update={"images": [i.model_copy(update={"correct": None}) for i in report.images]})
    found = judge(unlabelled, {"lime_stability": None}, min_share_correct=0, max_lime_stability=9)
    assert [gate.passed for gate in found.values()] == [False, False]
    assert "could not be measured" in gate_sentence(found["min_share_correct"])


def test_a_gate_that_nothing_measures_stops_the_run_before_the_work() -> None:
    require_known_measures({"min_lime_stability": 1, "max_warnings": 0}, [STABLE])
    with pytest.raises(UsageError, match=r"gates\.min_lime_stabilty: .*did you mean min_lime_stability\?"):
        require_known_measures({"min_lime_stabilty": 1}, [STABLE])
    with pytest.raises(
        UsageError, match=r"none of this run's tasks measures 'lime_stability'; measures of this run: images"
    ):
        require_known_measures({"min_lime_stability": 1}, [])


def test_gates_come_from_a_file_and_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "reportgen.toml").write_text("[gates]\nmax_skipped = 0\n")
    assert load(folder=tmp_path, environ={}).settings.gates == {"max_skipped": 0.0}
    environ = {"REPORTGEN_GATES__MIN_SHARE_CORRECT": "0.5"}
    assert load(folder=tmp_path.parent, environ=environ).settings.gates == {"min_share_correct": 0.5}
    for wrong in ("share_correct = 1", "min_share_correct = nan", 'min_share_correct = "much"'):
        (tmp_path / "reportgen.toml").write_text(f"[gates]\n{wrong}\n")
        with pytest.raises(UsageError, match=r"setting gates"):
            load(folder=tmp_path, environ={})


def test_junit_says_the_same_to_a_machine(report: Report) -> None:
    gates = list(
        judge(report, {"lime_stability": 0.5}, max_skipped=0, max_warnings=9, min_lime_stability=0.75).values()
    )
    root = ElementTree.fromstring(junit_xml(gates))
    suite = root.find("testsuite")
    assert root.tag == "testsuites" and suite is not None
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "3",
        "failures": "2",
        "errors": "0",
        "skipped": "0",
    }
    cases = {case.get("name"): case.find("failure") for case in suite.iter("testcase")}
    assert cases["max_warnings"] is None
    failure = cases["min_lime_stability"]
    assert failure is not None and failure.get("message") == "min_lime_stability: 0.5 is not at least 0.75 (how stable)"
    assert junit_xml(gates) == junit_xml(gates)
    assert b"time" not in junit_xml(gates)


def test_junit_survives_any_text() -> None:
    gate = Gate(name="min_<a&\"'>", measure="<b>\u00fc]]>", bound="at least", limit=1, value=0, passed=False)
    case = next(ElementTree.fromstring(junit_xml([gate])).iter("testcase"))
    assert case.get("name") == "min_<a&\"'>"
    assert "<b>ü]]>" in str(case[0].get("message"))


@pytest.mark.parametrize(("limit", "word"), [(2.0, "PASS"), (1.0, "FAIL")])
def test_the_report_shows_a_box(report: Report, tmp_path: Path, limit: float, word: str) -> None:
    _, run = make_report(tmp_path, 3)
    shown = report.model_copy(update={"gates": list(judge(report, max_skipped=limit, min_images=1).values())})
    page = render(shown, run, tmp_path / "out", formats=("html",))[0].read_text("utf-8")
    box = page.partition('<section class="chapter gates"')[2].partition("</section>")[0]
    assert f'<p class="notice-title">{word}</p>' in box
    assert f"{1 + (word == 'PASS')} of 2 gates passed" in box
    assert "files that could not be read" in box
    assert "chapter gates" not in render(report, run, tmp_path / "none", formats=("html",))[0].read_text("utf-8")


def test_every_declared_measure_is_handed_over() -> None:
    """What an analysis promises in `gates` is what its reduce gives."""
    declared = {a.name: set(a.gates) for a in load_analyses()}
    assert {name: gates for name, gates in declared.items() if gates} == {
        "lime": {"lime_stability"},
        "agreement": {"iou_above_chance", "iou_above_other_images"},
    }


def test_a_failed_gate_is_in_the_exit_code_and_the_run_folder(server: Any, photos: Path, tmp_path: Path) -> None:
    config = tmp_path / "gates.toml"
    config.write_text("[gates]\nmax_skipped = 0\nmin_images = 7\n")
    job = Job(server, photos, tmp_path)
    answer = job.run("--config", str(config))
    assert answer["code"] == 1
    assert "gate min_images: 6 is not at least 7 (images explained)" in answer["said"].splitlines()
    assert answer["said"].splitlines()[-1] == f"reportgen: 1 of 2 gates failed; see {job.out / 'junit.xml'}"
    assert {"junit.xml", "report.html"} <= set(json.loads((job.out / "manifest.json").read_bytes())["files"])
    gates = json.loads((job.out / "report.json").read_bytes())["gates"]
    assert [(gate["name"], gate["passed"]) for gate in gates] == [("max_skipped", True), ("min_images", False)]
    config.write_text("[gates]\nmax_skipped = 0\n")
    assert job.run("--config", str(config))["code"] == 0
    assert job.run()["code"] == 0
    assert not (job.out / "junit.xml").exists(), "a run without gates leaves no result of an older one"
    config.write_text("[gates]\nmin_imgaes = 7\n")
    wrong = job.run("--config", str(config))
    assert (wrong["code"], "did you mean min_images?" in wrong["said"]) == (2, True)
    assert "Explaining" not in wrong["said"]
