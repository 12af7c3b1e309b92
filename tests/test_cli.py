"""reportgen.cli: exit codes, one line for each mistake, results on stdout and messages on stderr, and what is not imported."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from PIL import Image

from fixtures import make_report
from reportgen import api
from reportgen.cli import main as cli
from reportgen.cli.run import shown_command
from reportgen.report.open import read_report
from reportgen.report.report_json import report_json
from reportgen.utils.errors import UsageError
from toys import ROOT, imported, photo_path, python

HEAVY = (
    "torch",
    "torchvision",
    "timm",
    "matplotlib",
    "weasyprint",
    "openvino",
    "numpy",
    "PIL",
    "scipy",
    "skimage",
    "sklearn",
    "pytorch_grad_cam",
    "lime",
    "rich.progress",
)
# Analyses declare their settings, and are written with arrays.
OF_ANALYSES = ("numpy", "PIL")
QUICK = ("--task", "lime", "--config", "quick.toml", "--format", "html")


@dataclass
class Ended:
    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line that says what is wrong."""
        assert "Traceback" not in self.err
        (line,) = [line for line in self.err.splitlines() if line.startswith("reportgen: ")]
        assert self.err.rstrip().endswith(line), "it comes last"
        assert self.out == ""
        return line


@pytest.fixture
def call(
    cache: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Any:
    """`reportgen ARGUMENTS` in this process, in a folder of its own, with no result in its cache."""
    mine = tmp_path_factory.mktemp("cache")
    (cache / "models").mkdir(exist_ok=True)
    (mine / "models").symlink_to(cache / "models")
    monkeypatch.setenv("REPORTGEN_CACHE_DIR", str(mine))
    monkeypatch.chdir(tmp_path)

    def called(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["reportgen", *arguments])
        capfd.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return called


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.open(photo_path("coffee")).resize((300, 260)).save(folder / "coffee.jpg")
    (tmp_path / "quick.toml").write_text("[lime]\nnum_samples = 10\nresamples = 0")
    return folder


# --- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "missing"], 2, "missing: no such folder"),
        (["run", "photos", "--list", "list.txt"], 2, "--list and paths on the command line: give one of them"),
        (["run", "photos", "-"], 2, "- (a list on standard input) and other paths: give one of them"),
        (["run", "pho*os/*.tif"], 2, "pho*os/*.tif: nothing matches this pattern"),
        (["run", "s3://bucket/photos"], 2, "s3://bucket/photos: is fetched only with --allow-download"),
        (["run", "empty"], 3, "empty: no image in it"),
        (["run", "unreadable"], 3, "unreadable: no readable image; 1 skipped, the first is a.jpg"),
        (["run", "photos", "--model", "efficientnet_lit0"], 2, "did you mean efficientnet_lite"),
        (
            ["run", "photos", "--model", "torchvision:nonsense"],
            2,
            "torchvision:nonsense: torchvision has no classifier",
        ),
        (["run", "photos", "--task", "gradcam"], 2, "unknown task 'gradcam'; installed: agreement, attribution"),
        (["run", "photos", "--sede", "1"], 2, "No such option: --sede"),
        (["run", "photos", "--seed", "many"], 2, "Invalid value for '--seed'"),
        (["run", "photos", "--seed", "-1"], 2, "setting seed (flag): input should be greater than or equal to 0"),
        (["run", "photos", "--preset", "fast"], 2, "'fast' is not one of 'embedded', 'writeup'"),
        (
            ["run", "photos", "--format", "doc"],
            2,
            "setting formats.0 (flag): input should be 'pdf', 'html', 'docx', 'md' or 'tex'; it is 'doc'",
        ),
        (["run", "photos", "--config", "gone.toml"], 2, "gone.toml: no such settings file"),
        (["run", "photos", "--template", "nonsense"], 2, "unknown template 'nonsense'"),
        (["run", "photos", "-o", "taken"], 2, "taken: is a file; give a folder for the report with -o"),
        (["run", "photos", "-o", "site"], 2, "site/report.html: is in the way and no run of reportgen's"),
        (["run"], 2, "Missing argument"),
        (["run", "photos", "more"], 2, "more: no such folder or file"),
        (["rum", "photos"], 2, "No such command 'rum'"),
        (["render", "missing"], 2, "no such report; give a run folder or its report.json"),
        (["render", "photos"], 2, "photos/report.json: no such report"),
        (["render", "quick.toml"], 2, "quick.toml: not a report of schema version 1"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(
    call: Any, photos: Path, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    for name in ("empty", "unreadable", "site"):
        (tmp_path / name).mkdir()
    (tmp_path / "unreadable/a.jpg").write_text("no image")
    (tmp_path / "taken").write_text("mine")
    (tmp_path / "site/report.html").write_text("mine")
    before = set(tmp_path.rglob("*"))
    ended = call(*arguments)
    assert said in ended.complaint.replace("\xa0", " ")
    assert ended.code == code
    assert "Explaining images" not in ended.err, "said before the work, not after"
    assert set(tmp_path.rglob("*")) == before, "nothing is written"


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("sede = 1", "unknown setting sede (reportgen.toml); did you mean seed?"),
        ("[lime]\nnum_sample = 1", "unknown setting lime.num_sample (reportgen.toml); did you mean num_samples?"),
        ("seed = ", "reportgen.toml: not valid TOML"),
    ],
)
@pytest.mark.parametrize("command", [["run", "photos"], ["config", "show"], ["models"], ["doctor"]])
def test_a_mistake_in_reportgen_toml(
    call: Any, photos: Path, tmp_path: Path, command: list[str], toml: str, said: str
) -> None:
    (tmp_path / "reportgen.toml").write_text(toml)
    ended = call(*command)
    assert (ended.code, said in ended.complaint) == (2, True)


def test_a_mistake_in_the_environment(call: Any, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORTGEN_LIME__NUM_SAMPELS", "9")
    ended = call("run", "photos")
    assert ended.code == 2
    assert "unknown setting lime.num_sampels (environment); did you mean num_samples?" in ended.complaint


def test_a_class_that_the_model_does_not_have_stops_a_strict_run(call: Any, photos: Path) -> None:
    (photos / "labels.csv").write_text("name,class\ncoffee.jpg,espreso\n")
    ended = call("run", "photos", "--strict")
    assert ended.code == 2
    assert "Preparing models" not in ended.err
    assert "labels.csv line 2: unknown class 'espreso'; did you mean 'espresso'?" in ended.complaint


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["config", "--help"], []])
def test_help_is_help(call: Any, arguments: list[str]) -> None:
    ended = call(*arguments)
    assert "Usage" in ended.out + ended.err
    assert "Traceback" not in ended.err
    if arguments:
        assert (ended.code, ended.err) == (0, "")


def test_an_interrupt_says_that_results_are_kept(call: Any, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "make_report", interrupted)
    ended = call("run", "photos")
    assert ended.code == 130
    assert "finished results are kept" in ended.complaint


def test_a_bug_of_ours_is_not_dressed_up_as_the_users(call: Any, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(api, "make_report", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        call("run", "photos")


# --- runs ----------------------------------------------------------------------------------------


def test_a_run_prints_what_it_made_and_tells_how_it_went_on_stderr(call: Any, photos: Path, tmp_path: Path) -> None:
    (photos / "a\x1b[31mred.jpg").write_text("no image")
    ended = call("run", "photos", "-o", "out", *QUICK)
    assert ended.code == 0
    assert ended.out == f"{Path('out/report.html')}\n"
    assert "Explaining images" in ended.err
    assert "0 of 2 results were in the store; 2 computed" in ended.err
    assert r"skipped 'a\x1b[31mred.jpg': " in ended.err
    assert "\x1b[31m" not in ended.err
    assert not (tmp_path / "out/report.pdf").exists()
    again = call("run", "photos", "-o", "out", *QUICK)
    assert "2 of 2 results were in the store; 0 computed" in again.err
    anew = call("run", "photos", "-o", "out", *QUICK, "--fresh")
    assert "2 computed" in anew.err


def test_strict_fails_when_an_image_was_skipped(call: Any, photos: Path, tmp_path: Path) -> None:
    assert call("run", "photos", "-o", "out", *QUICK, "--strict").code == 0
    (photos / "b.jpg").write_text("no image")
    ended = call("run", "photos", "-o", "out", *QUICK, "--strict")
    assert ended.code == 1
    assert "1 of 2 images were skipped (--strict)" in ended.err
    assert "Traceback" not in ended.err
    assert (tmp_path / "out/manifest.json").exists(), "the report is made all the same"
    assert call("run", "photos", "-o", "out", *QUICK).code == 0


def test_flags_reach_the_settings_and_the_report_shows_the_command_without_folders(
    call: Any, photos: Path, tmp_path: Path
) -> None:
    call(
        "run",
        str(photos),
        "-o",
        str(tmp_path / "out"),
        *QUICK,
        "--seed",
        "7",
        "--runtime",
        "torch",
        "--model",
        "efficientnet_lite0",
    )
    report = read_report(tmp_path / "out")
    assert report.provenance.seed == report.settings["seed"] == 7
    assert report.provenance.runtime.name == "torch"
    assert report.settings["models"] == ["efficientnet_lite0"]
    assert report.settings["lime"]["num_samples"] == 10
    assert report.provenance.command[:3] == ["reportgen", "run", "photos"]
    assert str(tmp_path) not in " ".join(report.provenance.command)
    for flag, value in (("--seed", "7"), ("--runtime", "torch"), ("--task", "lime"), ("--format", "html")):
        assert report.provenance.command[report.provenance.command.index(flag) + 1] == value


def test_the_command_is_shown_as_it_was_given_but_for_places_and_what_changes_no_result() -> None:
    given = [
        *(
            "/home/ann/photos",
            "-o",
            "/home/ann/out",
            "--config",
            "/home/ann/mine.toml",
            "--fresh",
            "-j",
            "3",
            "--strict",
        ),
        *(
            "--model",
            "resnet50",
            "--model",
            "checkpoint:/home/ann/net.pth",
            "-t",
            "/home/ann/mine",
            "--format",
            "pdf, html",
        ),
        *("--probe", "/home/ann/probe/", "--seed", "0", "--from", "/home/ann/first", "--preset", "writeup"),
    ]
    command = typer.main.get_command(cli.app).commands["run"]  # type: ignore[attr-defined]
    shown = shown_command(command.make_context("run", given), Path("/home/ann/photos"))
    assert " ".join(shown) == (
        "reportgen run photos --preset writeup --model resnet50 --model checkpoint:net.pth --template mine "
        "--format pdf,html --seed 0 --probe probe --strict --from first"
    )
    nameless = command.make_context("run", ["a", "--probe", os.fsdecode(b"/home/ann/p\xff")])
    assert shown_command(nameless, Path("a"))[-1] == r"p\xff", "bytes that are no text stand in no report"


# --- the other commands --------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A finished run folder, made without a model."""
    report, folder = make_report(tmp_path, 2)
    (folder / "report.json").write_bytes(report_json(report))
    return folder


def test_render_makes_files_from_data_alone(call: Any, made: Path) -> None:
    ended = call("render", str(made), "-o", "again", "--format", "html")
    assert (ended.code, ended.out) == (0, f"{Path('again/report.html')}\n")
    assert "goldfish" in Path("again/report.html").read_text("utf-8")
    shutil.move(made / "report.json", made / "other.json")
    assert call("render", str(made / "other.json"), "--format", "html").code == 0
    assert (made / "report.html").exists()


def test_render_imports_no_torch_and_no_analysis(made: Path) -> None:
    code = (
        "import sys\nfrom reportgen.cli.main import main\n"
        f"sys.argv = ['reportgen', 'render', {str(made)!r}, '--format', 'html,pdf']\nmain()"
    )
    unwanted = [
        "torch",
        "torchvision",
        "timm",
        "openvino",
        "matplotlib",
        "skimage",
        "sklearn",
        "lime",
        "analyses",
        "reportgen.models.classifiers",
        "reportgen.models.runtime",
        "reportgen.pipeline.analyse",
    ]
    assert imported(code, [*unwanted, "weasyprint"]) == ["weasyprint"]


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["--help"], ()),
        (["run", "--help"], ()),
        (["run", "missing", "--sede"], ()),
        (["config", "show"], OF_ANALYSES),
    ],
)
def test_nothing_heavy_is_imported_before_there_is_work(arguments: list[str], needed: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom reportgen.cli.main import main\n"
        f"sys.argv = ['reportgen', *{arguments!r}]\ntry:\n    main()\nexcept SystemExit:\n    pass"
    )
    assert imported(code, [name for name in HEAVY if name not in needed]) == []


def test_importing_the_package_costs_nothing() -> None:
    assert imported("import reportgen", [*HEAVY, "pydantic", "typer"]) == []


def test_config_show_tells_every_value_and_where_it_came_from(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reportgen.toml").write_text("seed = 3\n[lime]\nnum_samples = 9")
    monkeypatch.setenv("REPORTGEN_GEOMETRY", "squash")
    lines = call("config", "show").out.splitlines()
    assert "seed = 3  (reportgen.toml)" in lines
    assert "lime.num_samples = 9  (reportgen.toml)" in lines
    assert "geometry = 'squash'  (environment)" in lines
    assert "agreement.threshold = 'otsu'  (default)" in lines
    assert [line for line in lines if line.startswith("models = ") and line.endswith("(preset embedded)")]
    assert lines == sorted(lines, key=lambda line: line.partition(" = ")[0])


def test_models_says_what_is_here(call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    ended = call("models")
    assert ended.code == 0
    assert re.search(r"^efficientnet_lite0 \[embedded\]: PyPI package .*; here$", ended.out, re.MULTILINE)
    assert re.search(r"^resnet50 \[writeup\]: not here; ", ended.out, re.MULTILINE)


def test_templates_list_names_the_default(call: Any) -> None:
    lines = call("templates", "list").out.splitlines()
    assert lines[0].startswith("writeup: The whole report") and lines[1].startswith("brief: Two pages")


def test_a_template_of_ones_own_from_new_to_check(call: Any, made: Path, tmp_path: Path) -> None:
    ended = call("templates", "new", "mine")
    assert (ended.code, ended.out.split()) == (0, ["mine/extra.css", "mine/report.html", "mine/template.toml"])
    ended = call("templates", "new", "mine")
    assert (ended.code, ended.complaint) == (2, "reportgen: mine: is not empty; nothing was written")
    assert call("templates", "check", "mine").code == 0
    (tmp_path / "mine/report.html").write_text('{% extends "base/report.html" %}\n{% block covr %}{% endblock %}')
    ended = call("templates", "check", "mine")
    assert ended.code == 1
    assert ended.out.startswith("report.html, line 2: block covr overrides nothing: ")
    assert ended.err == "reportgen: mine: 1 mistake found\n"
    (tmp_path / "mine/report.html").write_text("{{ nonsense }}")
    ended = call("render", str(made), "--template", "mine", "--format", "html")
    assert ended.code == 2
    assert "template report.html, line 1: 'nonsense' is undefined" in ended.complaint
    assert not (made / "report.html").exists()
    assert call("templates", "check", "gone").code == 2


def test_doctor_reports_each_check_on_a_line(call: Any) -> None:
    ended = call("doctor")
    assert re.search(r"^ok +settings of this folder$", ended.out, re.MULTILINE)
    assert re.search(r"^ok +model efficientnet_lite0$", ended.out, re.MULTILINE)
    problems = [line for line in ended.out.splitlines() if line.startswith("PROBLEM")]
    assert ended.code == (1 if problems else 0)


def test_doctor_says_how_to_mend_a_missing_model(call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "reportgen.toml").write_text('models = ["torchvision:resnet18"]')
    ended = call("doctor")
    assert ended.code == 1
    assert re.search(r"^PROBLEM model torchvision:resnet18: .*not on this machine", ended.out, re.MULTILINE)
    assert "reportgen: 1 problem found" in ended.err


def test_doctor_notices_a_cache_that_cannot_be_written(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setenv("REPORTGEN_CACHE_DIR", str(tmp_path / "locked"))
    ended = call("doctor")
    assert ended.code == 1
    assert f"{tmp_path / 'locked'} cannot be written; set REPORTGEN_CACHE_DIR" in ended.out


# --- as a program --------------------------------------------------------------------------------


def test_python_dash_m_and_exit_codes_reach_the_shell(tmp_path: Path) -> None:
    done = python(
        "import runpy, sys; sys.argv = ['reportgen', 'run', 'missing']; runpy.run_module('reportgen', run_name='__main__')",
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert done.stderr == "reportgen: missing: no such folder or file\n"
    shown = subprocess.run(
        [sys.executable, "-m", "reportgen", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0
    assert "explainability report" in shown.stdout


def test_a_pipe_that_closes_early_is_no_error(tmp_path: Path) -> None:
    listing = f"{sys.executable} -m reportgen config show"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{listing} | true"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupt_that_comes_out_as_another_error_is_an_interrupt(
    call: Any, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Python makes one of it where a class is being made."""

    def interrupted(*_: object, **__: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            raise UsageError("an analysis cannot be loaded") from None

    monkeypatch.setattr("reportgen.api.make_report", interrupted)
    before = signal.getsignal(signal.SIGTERM)
    ended = call("run", str(photos))
    assert ended.code == 128 + signal.SIGTERM
    assert "cannot be loaded" not in ended.err and "interrupted by SIGTERM; finished results are kept" in ended.err
    assert signal.getsignal(signal.SIGTERM) == before
