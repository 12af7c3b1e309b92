"""What lets others run reportgen: the GitHub Action, the pre-commit hook and the Dockerfile; and `reportgen summary`, which they use."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures import finish_run, make_report
from reportgen.cli import main as cli
from reportgen.rendering.templates import templates_among
from reportgen.report import digest
from reportgen.report.document import Gate, Report, Skipped, Summary
from toys import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    report, folder = make_report(tmp_path_factory.mktemp("made"), 2)
    gates = [
        Gate(name="min_share_correct", measure="share", bound="at least", limit=0.5, value=0.75, passed=True),
        Gate(name="max_skipped", measure="skipped", bound="at most", limit=0, value=2, passed=False),
    ]
    summary = Summary(
        images="2 images were explained.", findings=["iou-range", "ablation-sparser"], rest="More inside."
    )
    return report.model_copy(update={"gates": gates, "summary": summary}), folder


@pytest.fixture(scope="module")
def run(report: tuple[Report, Path]) -> Path:
    return finish_run(*report, formats=("html",))


def call(patch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The program, on these arguments; its exit code."""
    patch.setattr(sys, "argv", ["reportgen", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


# --- reportgen summary ---------------------------------------------------------------------------


def test_pairs_are_names_and_values_for_programs(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "summary", run, "--format", "pairs") == 0
    pairs = dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines())
    assert pairs == {
        "images": "2", "skipped": "2", "warnings": pairs["warnings"],
        "supported": "1", "contradicted": "1", "undecided": "1", "not_measured": "1", "gates": "failed",
    }  # fmt: skip
    assert int(pairs["warnings"]) >= 1


def test_lines_and_page_say_what_the_first_page_says(
    run: Path, report: tuple[Report, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "summary", run) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "2 images were explained.",
        "1 supported, 1 contradicted, 1 undecided, 1 not measured (claims)",
    ]
    by_id = {finding.id: finding for finding in report[0].findings}
    assert lines[2] == f"iou-range supported: {by_id['iou-range'].text}"
    assert lines[3].startswith("ablation-sparser contradicted: ")
    assert "FAIL max_skipped: 2 is not at most 0 (skipped)" in lines
    assert call(monkeypatch, "summary", run, "--format", "markdown") == 0
    page = capsys.readouterr().out
    assert "| 1 | 1 | 1 | 1 |" in page
    assert "| FAIL | max\\_skipped: 2 is not at most 0 (skipped) |" in page


def test_gates_are_none_where_the_run_had_none(report: tuple[Report, Path]) -> None:
    assert digest.gates_state(report[0].model_copy(update={"gates": []})) == "none"
    assert digest.gates_state(report[0].model_copy(update={"gates": report[0].gates[:1]})) == "passed"


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "![x](https://a.b/c)",
        "[x](javascript:1)",
        "a|b",
        "`c`",
        "@user #1",
        "two\nlines",
        "- x",
        "# h",
        "*b*",
    ],
)
def test_a_name_is_shown_on_the_page_as_it_stands(name: str, report: tuple[Report, Path]) -> None:
    """By a reader of Markdown that is not ours."""
    from markdown_it import MarkdownIt

    made = report[0].model_copy(update={"title": name, "skipped": [Skipped(name=name, reason=name)]})
    page = MarkdownIt("commonmark", {"html": True}).enable("table").parse(digest.markdown(made))
    kinds = {token.type for token in page} | {inner.type for token in page for inner in token.children or []}
    assert not {"html_block", "html_inline", "link_open", "image", "code_inline", "em_open", "fence"} & kinds
    shown = name.replace("\n", "\\n")
    (heading,) = [page[at + 1] for at, token in enumerate(page) if token.type == "heading_open"]
    assert "".join(inner.content for inner in heading.children or []) == shown
    assert any("".join(i.content for i in token.children or []) == f"{shown}: {shown}" for token in page)


# --- action.yml ----------------------------------------------------------------------------------


@dataclass
class Job:
    """A job on this machine: what its steps wrote and called."""

    folder: Path
    outputs: dict[str, dict[str, str]]
    codes: dict[str, int]
    called: list[list[str]]

    @property
    def page(self) -> str:
        return (self.folder / "page.md").read_text("utf-8")


# Stands in for programs that would install something: notes how it was called. `reportgen run` puts a finished run in its place.
STAND_IN = """#!{python}
import json, os, shutil, subprocess, sys
name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
if name == "python" and arguments[:2] != ["-m", "pip"]:
    sys.exit(subprocess.run([sys.executable, *arguments]).returncode)
if name == "reportgen" and arguments[0] != "run":
    sys.exit(subprocess.run([sys.executable, "-m", "reportgen", *arguments], env=dict(os.environ, PYTHONPATH={root!r})).returncode)
with open({log!r}, "a") as log:
    log.write(json.dumps([name, *arguments, os.environ.get("PIP_CONSTRAINT", "")]) + "\\n")
if name == "reportgen" and {made!r}:
    shutil.copytree({made!r}, arguments[arguments.index("-o") + 1])
sys.exit({code} if name == "reportgen" else 0)
"""


def value_of(text: str, inputs: Mapping[str, str], outputs: Mapping[str, Mapping[str, str]], platform: str) -> str:
    """A value of the action with its expressions replaced: inputs, outputs of steps, and two words of the context."""

    def one(found: re.Match[str]) -> str:
        kind, *path = found[1].split(".")
        if kind == "inputs":
            return inputs[path[0]]
        if kind == "steps":
            return outputs.get(path[0], {}).get(path[2], "")
        return {"runner.os": platform, "github.action_path": str(ROOT)}[found[1]]

    return EXPRESSION.sub(one, text)


@pytest.fixture
def perform(tmp_path: Path, run: Path) -> Callable[..., Job]:
    """Run the shell steps of the action as a runner does: bash, -eo pipefail, variables alone; later ones where a step failed."""
    programs = tmp_path / "bin"
    programs.mkdir()

    def performed(inputs: Mapping[str, str], code: int = 0, made: bool = True, platform: str = "Linux") -> Job:
        known = {name: str(said.get("default", "")) for name, said in ACTION["inputs"].items()}
        given = {**known, **inputs}
        log = tmp_path / "log"
        text = STAND_IN.format(
            python=sys.executable, root=str(ROOT), log=str(log), made=str(run) if made else "", code=code
        )
        for name in ("python", "reportgen", "apt-get", "sudo", "brew"):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        job = Job(tmp_path, {}, {}, [])
        for step in STEPS:
            if "run" in step and (not any(job.codes.values()) or "always()" in step.get("if", "")):
                _step(step, job, given, platform, programs)
        job.called = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return job

    return performed


def _step(step: Mapping[str, Any], job: Job, inputs: Mapping[str, str], platform: str, programs: Path) -> None:
    assert step["shell"] == "bash"
    said = job.folder / "output"
    said.write_text("")
    script = job.folder / "step.sh"
    script.write_text(step["run"])
    environment = {name: value_of(value, inputs, job.outputs, platform) for name, value in step.get("env", {}).items()}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        cwd=job.folder,
        env={
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(job.folder),
            "GITHUB_OUTPUT": str(said),
            "GITHUB_STEP_SUMMARY": str(job.folder / "page.md"),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    job.codes[step["name"]] = done.returncode
    assert done.returncode == 0 or step["name"] == "Make the report", done.stderr
    if "id" in step:
        job.outputs[step["id"]] = dict(line.split("=", 1) for line in said.read_text().splitlines())


def test_every_input_is_used_and_none_reaches_a_script_as_text() -> None:
    text = (ROOT / "action.yml").read_text("utf-8")
    used = set(re.findall(r"inputs\.([\w-]+)", text))
    assert used == set(ACTION["inputs"])
    assert [step["name"] for step in STEPS if "run" in step and EXPRESSION.search(step["run"])] == []
    assert all(said["description"] for group in ("inputs", "outputs") for said in ACTION[group].values())
    for step in STEPS:  # what is handed over is read
        handed = [name for name, value in step.get("env", {}).items() if EXPRESSION.search(value)]
        assert [name for name in handed if not re.search(rf"\b{name}\b", step["run"])] == []


def test_other_actions_are_github_s_own_and_have_a_version() -> None:
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert [use for use in used if not re.fullmatch(r"actions/[\w-]+@v\d+", use)] == []


def test_a_job_gets_the_report_its_page_and_its_outputs(perform: Callable[..., Job], run: Path) -> None:
    job = perform({"images": "my photos", "config": "a b.toml", "args": "--seed 7 --task 'cams'", "output": "out here"})
    assert set(job.codes.values()) == {0}
    (made,) = [called for called in job.called if called[0] == "reportgen"]
    assert made[1:-1] == ["run", "my photos", "-o", "out here", "--config", "a b.toml", "--seed", "7", "--task", "cams"]
    assert job.page.startswith("### ")
    given = {name: value_of(said["value"], {}, job.outputs, "Linux") for name, said in ACTION["outputs"].items()}
    assert given["report"] == "out here"
    assert (given["supported"], given["not-measured"], given["gates"], given["images"]) == ("1", "1", "failed", "2")
    assert "" not in given.values()
    assert (job.folder / "out here" / "report.html").read_bytes() == (run / "report.html").read_bytes()


def test_a_gate_that_failed_fails_the_job_and_the_report_is_kept(perform: Callable[..., Job]) -> None:
    job = perform({"images": "photos"}, code=1)
    assert (job.codes["Make the report"], job.codes["Sum it up"]) == (1, 0)
    assert job.outputs["summary"]["report"] == "report"
    keep = STEPS[-1]
    assert keep["uses"].startswith("actions/upload-artifact@")
    assert "always()" in keep["if"]
    assert value_of(keep["with"]["path"], {}, job.outputs, "Linux") == "report"


def test_without_a_finished_run_there_is_nothing_to_keep(perform: Callable[..., Job]) -> None:
    job = perform({"images": "photos"}, code=2, made=False)
    assert job.outputs["summary"] == {}
    assert not (job.folder / "page.md").exists()


def test_arguments_are_words_and_nothing_that_runs(perform: Callable[..., Job]) -> None:
    hostile = "--author '$(touch ran)' \"`touch ran`\" ; touch ran"
    job = perform({"images": "$(touch ran)", "args": hostile}, made=False)
    (made,) = [called for called in job.called if called[0] == "reportgen"]
    assert made[2] == "$(touch ran)"
    assert made[5:-1] == ["--author", "$(touch ran)", "`touch ran`", ";", "touch", "ran"]
    assert not (job.folder / "ran").exists()


def test_what_is_installed_is_this_checkout_in_its_known_versions(perform: Callable[..., Job]) -> None:
    job = perform({"images": "photos", "extras": "transformers", "torch-index": "file:///wheels"}, made=False)
    torch, own = [called for called in job.called if called[:4] == ["python", "-m", "pip", "install"]]
    assert torch[4:-1] == ["--quiet", "--no-deps", "--index-url", "file:///wheels", "torch", "torchvision"]
    assert own[4:] == ["--quiet", f"{ROOT}[transformers]", f"{ROOT}/constraints.txt"]
    assert any({"libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"} <= set(called) for called in job.called)
    (job.folder / "log").unlink()
    other = perform({"images": "photos", "python-version": "3.13"}, made=False, platform="macOS")
    (own,) = [called for called in other.called if called[:4] == ["python", "-m", "pip", "install"]]
    assert own[4:] == ["--quiet", str(ROOT), ""]
    assert ["brew", "install", "--quiet", "pango", ""] in other.called


# --- the hook ------------------------------------------------------------------------------------

HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with two templates, one of them a page alone, and a finished run's page, which is none."""
    for name in ("mine", "reports/short"):
        shutil.copytree(ROOT / "templates" / "_starter", tmp_path / name)
    (tmp_path / "reports/short/template.toml").unlink()
    (tmp_path / "mine/words").mkdir()
    (tmp_path / "mine/words/de.toml").write_text("")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/report.html").write_text("<!doctype html>")
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_files_are_mapped_to_their_templates(folders: Path) -> None:
    changed = [
        "mine/words/de.toml",
        "out/report.html",
        "mine/report.html",
        "reports/short/report.html",
        "pyproject.toml",
    ]
    assert templates_among(changed) == ["mine", "reports/short"]
    assert templates_among(["mine/", "mine/report.html", "writeup"]) == ["mine", "writeup"]
    assert templates_among([str(folders / "mine/report.html")]) == [str(folders / "mine")]


def test_files_of_no_template_are_no_mistake(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "templates", "check", "pyproject.toml", "out/report.html") == 0
    assert capsys.readouterr().out == "none of these files is of a template\n"


def test_mistakes_of_several_templates_are_told_apart(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("mine", "reports/short"):
        (folders / name / "report.html").write_text(
            "{% extends 'base/report.html' %}\n{% block nowhere %}{% endblock %}\n"
        )
    assert call(monkeypatch, "templates", "check", "mine/report.html", "reports/short/report.html") == 1
    said = capsys.readouterr()
    assert "mine: report.html, line 2: block nowhere overrides nothing" in said.out
    assert "reports/short: report.html, line 2: " in said.out
    assert said.err == "reportgen: 2 templates: 2 mistakes found\n"


def test_pre_commit_runs_the_hook_on_what_changed(folders: Path) -> None:
    pytest.importorskip("pre_commit", reason="pip install -e '.[test]' brings it")
    git = shutil.which("git")
    if git is None:
        pytest.skip("no git on this machine")
    hooks = folders.parent / f"{folders.name}-hooks"
    hooks.mkdir()
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    programs = folders.parent / f"{folders.name}-bin"
    programs.mkdir()
    own = f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m reportgen "$@"\n'
    (programs / "reportgen").write_text(own)
    (programs / "reportgen").chmod(0o755)
    identity = {f"GIT_{who}_{what}": "a@b.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))},
        **identity,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(folders.parent / f"{folders.name}-home"),
    }

    def do(*command: str, at: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=at, env=environment, capture_output=True, text=True, check=False, timeout=300
        )

    for place in (hooks, folders):
        assert do(git, "init", "-q", at=place).returncode == 0
        do(git, "add", "-A", at=place)
        assert do(git, "commit", "-q", "-m", "first", at=place).returncode == 0
    (folders / "mine/report.html").write_text("{% extends 'base/report.html' %}\n{% block nowhere %}{% endblock %}\n")
    trial = (
        sys.executable,
        "-m",
        "pre_commit",
        "try-repo",
        str(hooks),
        "reportgen-templates-check",
        "--verbose",
        "--files",
    )
    done = do(*trial, "mine/report.html", "pyproject.toml", "out/report.html", at=folders)
    assert done.returncode == 1
    assert "report.html, line 2: block nowhere overrides nothing" in done.stdout
    passed = do(*trial, "pyproject.toml", "out/report.html", at=folders)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "none of these files is of a template" in passed.stdout


def test_the_hook_sees_every_kind_of_file_that_a_template_has() -> None:
    (hook,) = HOOKS
    files = [
        path
        for name in ("writeup", "brief", "_starter")
        for path in (ROOT / "templates" / name).rglob("*")
        if path.is_file()
    ]
    unseen = {path.name for path in files if not re.search(hook["files"], path.name)}
    assert {name for name in unseen if not re.match(r"LICEN[CS]E|OFL|README", name)} == set()


# --- the Dockerfile ------------------------------------------------------------------------------

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def instructions() -> list[tuple[str, str]]:
    """(instruction, its arguments), continued lines joined, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [
        (line.split(None, 1)[0], " ".join(line.split(None, 1)[1].split())) for line in text.splitlines() if line.strip()
    ]


def test_the_last_stage_has_no_compiler_and_no_root() -> None:
    found = instructions()
    stages = [at for at, (name, _) in enumerate(found) if name == "FROM"]
    assert len(stages) == 2
    last = found[stages[1] :]
    assert not re.search(r"gcc|build-essential|g\+\+|pip install", " ".join(text for _, text in last))
    assert ("USER", "reportgen") in last
    assert last.index(("USER", "reportgen")) > max(at for at, (name, _) in enumerate(last) if name == "RUN")
    assert ("ENTRYPOINT", '["reportgen"]') in last
    assert ("VOLUME", '["/cache", "/out"]') in last
    packages = {"libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"}
    assert packages <= set(next(text for name, text in last if name == "RUN").split())


def test_no_address_of_an_index_stands_in_it() -> None:
    assert "://" not in DOCKERFILE
    assert "://" not in (ROOT / "action.yml").read_text("utf-8")


def test_the_line_that_lists_what_is_needed_lists_it(tmp_path: Path) -> None:
    (line,) = re.findall(r'python -c "(.*?)" > needed\.txt', DOCKERFILE)
    if sys.version_info < (3, 11):
        pytest.skip("the image has Python 3.11")
    done = subprocess.run([sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True, check=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert done.stdout.splitlines() == project["dependencies"]


def test_what_the_wheel_is_made_of_reaches_the_builder() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert ignored[0] == "*"
    let = {line[1:] for line in ignored if line.startswith("!")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", "constraints.txt", project["project"]["readme"], *project["project"]["license-files"]}
    needed |= {*wheel["packages"], *wheel["force-include"]}
    assert needed <= let
    assert all((ROOT / name).exists() for name in let)
    assert not [name for name in let if fnmatch.fnmatch(name, "*tests*") or name.startswith(".git")]


def test_what_the_image_installs_by_apt_is_what_the_documents_name() -> None:
    named = set(re.findall(r"\blib[\w.-]+\d\b", (ROOT / "README.md").read_text("utf-8")))
    assert {name for name in named if name.startswith(("libpango", "libharfbuzz"))} <= set(DOCKERFILE.split())
