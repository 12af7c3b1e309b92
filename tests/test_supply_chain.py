"""What reportgen is made of: known faults of installed versions, licences, and the audit of the lock."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

from reportgen.cli import faults
from reportgen.cli import main as cli
from reportgen.cli.faults import FAULTS, WATCHED, security_checks
from toys import ROOT

LOCKED = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)


# --- doctor --security ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("package", "installed", "found", "advice"),
    [
        ("jinja2", "3.1.4", {"GHSA-q2x7-8rv6-6q7h", "CVE-2025-27516"}, "pip install 'jinja2>=3.1.6'"),
        ("jinja2", "3.1.5", {"CVE-2025-27516"}, "pip install 'jinja2>=3.1.6'"),
        ("jinja2", "3.1.6", set(), ""),
        ("pillow", "10.2.0", set(), ""),
        ("pillow", "12.1.1", {"CVE-2026-42311", "CVE-2026-40192"}, "pip install 'pillow>=12.2.0'"),
        ("pillow", "9.5.0", {"CVE-2023-4863"}, "pip install 'pillow>=10.0.1'"),
        ("weasyprint", "69.0", {"CVE-2026-55073"}, "pip install 'weasyprint>=70.0'"),
        ("fonttools", "4.28.1", set(), ""),
        ("torch", "2.15.0+cpu", set(), ""),
    ],
)
def test_faulty_versions_are_named_with_the_first_good_one(
    package: str, installed: str, found: set[str], advice: str
) -> None:
    (check,) = security_checks(lambda name: installed if name == package else None)
    assert check.name == f"{package} {installed}"
    assert set(re.findall(r"CVE-[\d-]+\d|GHSA(?:-\w{4}){3}", check.problem or "")) == found
    assert (check.problem or "").endswith(advice)


def test_a_version_that_is_none_is_said() -> None:
    (check,) = security_checks(lambda name: "unknown" if name == "pillow" else None)
    assert check.problem is None and "not checked" in str(check.note)


def test_the_list_is_one_of_watched_packages_and_the_lock_has_none_of_it() -> None:
    for fault in FAULTS:
        assert fault.package in WATCHED
        assert re.fullmatch(r"CVE-20\d\d-\d{4,}|GHSA(-[a-z0-9]{4}){3}", fault.name)
        assert not fault.has(Version(LOCKED[fault.package]))
        assert not fault.since or Version(fault.since) < Version(fault.good)


def test_the_command_fails_where_one_is_installed_and_says_that_it_does_not_know_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["reportgen", "doctor", "--security"])
    cli.main()
    said = capsys.readouterr().out
    assert f"ok      jinja2 {version('jinja2')}\n" in said
    assert faults.KNOWN_ON in said and "not complete" in said and "pip-audit" in said
    monkeypatch.setattr(faults, "_installed", lambda name: "3.1.5" if name == "jinja2" else None)
    monkeypatch.setattr(sys, "argv", ["reportgen", "doctor", "--security", "--json"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    found = json.loads(capsys.readouterr().out)
    assert (stop.value.code, found["error"], found["known_on"]) == (1, "1 problem found", faults.KNOWN_ON)


# --- licences ------------------------------------------------------------------------------------


def test_the_licences_are_those_of_the_installed_packages() -> None:
    place = importlib.util.spec_from_file_location("licences", ROOT / "docs" / "licences.py")
    assert place is not None and place.loader is not None
    licences = importlib.util.module_from_spec(place)
    place.loader.exec_module(licences)
    page = licences.PAGE.read_text("utf-8")
    assert licences.made(page) == page, "python docs/licences.py"
    assert set(licences.table(page)) - {"package", "---"} == set(licences.dependencies())
    changed = page.replace("| pypdf | every run | BSD-3-Clause |", "| pypdf | every run | MIT |")
    assert changed != page and licences.made(changed) == page


# --- the audit of the lock -----------------------------------------------------------------------

CLEAN = {"name": "jinja2", "version": "3.1.6", "vulns": []}
SKIPPED = {"name": "jinja2", "skip_reason": "Dependency not found"}
FAULTY = {
    "name": "pillow",
    "version": "12.0.0",
    "vulns": [{"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["12.1.1"]}],
}


@pytest.mark.parametrize(
    ("probe", "answer", "code", "said"),
    [
        ([CLEAN], [CLEAN, SKIPPED], 0, "1 packages checked, 0 with known faults; not known there: jinja2"),
        ([CLEAN], [CLEAN, FAULTY], 1, "pillow 12.0.0: PYSEC-2026-1, CVE-2026-1; good: 12.1.1"),
        ([SKIPPED], [SKIPPED], 0, "NOT CHECKED"),
        (None, None, 0, "NOT CHECKED"),
        ([CLEAN], None, 0, "NOT CHECKED: pip-audit broke off"),
    ],
)
def test_the_audit_tells_nothing_found_from_nothing_checked(
    probe: list[object] | None, answer: list[object] | None, code: int, said: str, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "pip-audit"
    program.parent.mkdir()
    answers = {
        "probe": json.dumps({"dependencies": probe}) if probe else "",
        "lock": json.dumps({"dependencies": answer}) if answer else "",
    }
    program.write_text(
        f"#!{sys.executable}\nimport sys\nanswers = {answers!r}\n"
        "place = sys.argv[sys.argv.index('-r') + 1]\n"
        "print(answers['probe' if place.endswith('probe.txt') else 'lock'])\n"
    )
    program.chmod(0o755)
    done = subprocess.run([ROOT / ".ci" / "audit", tmp_path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    assert said in done.stdout


def test_the_audit_without_its_tool_says_so(tmp_path: Path) -> None:
    done = subprocess.run([ROOT / ".ci" / "audit", tmp_path], capture_output=True, text=True, check=False)
    assert (done.returncode, "NOT CHECKED" in done.stdout) == (0, True)
