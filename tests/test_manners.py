"""Manners of the command line: what stands on stdout and on stderr, on a terminal of any width and in a pipe."""

from __future__ import annotations

import fcntl
import io
import json
import logging
import os
import pty
import struct
import sys
import termios
import threading
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
from PIL import Image

import crash_server
from fixtures import make_report
from reportgen import api
from reportgen.cli import main as cli
from reportgen.cli import outcome as outcomes
from reportgen.cli.open_run import page_of, show
from reportgen.cli.progress import Live, Plain, Stage, about
from reportgen.cli.terminal import Terminal, duration, has_colours
from reportgen.report.document import Report, Warning_
from reportgen.report.report_json import report_json
from reportgen.settings.load import load
from reportgen.settings.model import Settings
from reportgen.settings.starter import Answers, starter
from reportgen.sharing import repeat
from reportgen.utils.errors import UsageError
from screen import Screen
from test_cli import Ended
from toys import ROOT, python

RUN = ("run", "photos", "-o", "out", "--model", "toy", "--format", "html")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a cache, two photographs and a file that is none, where runs are toys."""
    monkeypatch.setenv("REPORTGEN_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("NO_COLOR", "FORCE_COLOR", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name, grey in (("a", 30), ("b", 220)):
        Image.new("RGB", (40, 40), (grey,) * 3).save(tmp_path / f"photos/{name}.png")
    (tmp_path / "photos/c.png").write_text("no image")
    monkeypatch.setattr(api, "make_report", api.make_report)  # so that they come back
    monkeypatch.setattr(repeat, "resolve", repeat.resolve)
    crash_server.install_toys()
    return tmp_path


def called(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["reportgen", *arguments])
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.fixture
def call(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """`reportgen ARGUMENTS` in this process, piped."""

    def call(*arguments: str) -> Ended:
        capfd.readouterr()
        code = called(monkeypatch, *arguments)
        return Ended(code, *capfd.readouterr())

    return call


@pytest.fixture
def made(folder: Path) -> Path:
    """A finished run folder, made without a model."""
    report, run = make_report(folder / "made", 2)
    (run / "report.json").write_bytes(report_json(report))
    return run


def on_terminal(monkeypatch: pytest.MonkeyPatch, width: int, *arguments: str, term: str = "xterm") -> tuple[int, str]:
    """The exit code, and what `reportgen ARGUMENTS` writes where stderr is a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    read: list[bytes] = []

    def reader() -> None:
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # the other end is closed
                return
            if not data:
                return
            read.append(data)

    thread = threading.Thread(target=reader)
    thread.start()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream, monkeypatch.context() as patch:
        patch.setenv("TERM", term)
        patch.setattr(sys, "stderr", stream)
        code = called(monkeypatch, *arguments)
    thread.join(10)
    os.close(ours)
    return code, b"".join(read).decode()


def test_a_path_of_bytes_that_are_no_text_comes_out_as_it_is(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    Terminal().result(Path(os.fsdecode(b"out\xff/report.html")))
    assert capfdbinary.readouterr().out == b"out\xff/report.html\n"


# --- quiet, verbose ------------------------------------------------------------------------------


def test_a_quiet_run_says_where_its_pages_are_and_nothing_else(call: Any) -> None:
    for arguments in ((*RUN, "-q"), (*RUN, "--quiet"), ("-q", *RUN)):
        ended = call(*arguments)
        assert (ended.code, ended.out, ended.err) == (0, f"{Path('out/report.html')}\n", "")


def test_a_quiet_run_still_says_what_is_wrong(call: Any) -> None:
    ended = call(*RUN, "-q", "--strict")
    assert (ended.code, ended.err) == (1, "reportgen: 1 of 3 images were skipped (--strict)\n")
    assert call("run", "gone", "-q").err == "reportgen: gone: no such folder or file\n"


def test_a_verbose_run_says_what_is_reused_and_computed_by_which_backend_and_where_files_go(
    call: Any, folder: Path
) -> None:
    said = call(*RUN, "-v").err
    assert f"the report goes to {folder / 'out'}, results are kept in {folder / 'cache'}" in said
    assert "toy: numpy on cpu, exact; made by a test" in said
    assert "a.png: computed observation, brightness" in said
    assert f"{Path('out/explain_params.pkl')}: 1 file" in said
    again = call(*RUN, "-v").err
    assert "a.png: in the store observation, brightness" in again
    assert "computed observation" not in again
    assert "a.png: " not in call(*RUN).err, "only where more is asked for"


def test_quiet_and_verbose_contradict_each_other(call: Any) -> None:
    ended = call(*RUN, "-q", "-v")
    assert ended.code == 2
    assert "--quiet and --verbose contradict each other" in ended.complaint


# --- JSON ----------------------------------------------------------------------------------------


def one_object(ended: Ended) -> dict[str, Any]:
    """What stands on stdout: one line, one object, and nothing else."""
    (line,) = ended.out.splitlines()
    found = json.loads(line)
    assert found["exit_code"] == ended.code
    assert isinstance(found["seconds"], float)
    return found


def test_a_run_as_json(call: Any) -> None:
    found = one_object(call(*RUN, "--json"))
    assert found["command"] == "run"
    assert (found["out"], found["paths"]) == ("out", [str(Path("out/report.html"))])
    assert found["counts"] == {
        "images": 2,
        "skipped": 1,
        "findings": 1,
        "gates": 0,
        "gates_failed": 0,
        "warnings": 3,  # two of them: pictures of one colour
    }
    assert found["verdicts"] == {"supported": 0, "contradicted": 1, "undecided": 0, "not measured": 0}
    (finding,) = found["findings"]
    assert (finding["id"], finding["verdict"], finding["claim"]) == ("bright", "contradicted", "Images are bright.")
    assert [skipped["name"] for skipped in found["skipped"]] == ["c.png"]
    assert (found["gates"], found["warnings"], "error" in found) == ([], 3, False)


def test_a_failed_gate_as_json_has_the_report_and_the_error(call: Any, folder: Path) -> None:
    (folder / "gates.toml").write_text("[gates]\nmax_skipped = 0\nmin_images = 1")
    ended = call(*RUN, "--config", "gates.toml", "--json")
    found = one_object(ended)
    assert ended.code == 1
    assert found["error"].startswith("1 of 2 gates failed")
    assert {gate["name"]: gate["passed"] for gate in found["gates"]} == {"max_skipped": False, "min_images": True}
    assert found["counts"]["gates_failed"] == 1
    assert found["paths"] == [str(Path("out/report.html"))]


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["run", "gone", "--json"], 2, "gone: no such folder"),
        (["run", "--json"], 2, "Missing argument 'IMAGES'"),
        (["run", "photos", "--sede", "1", "--json"], 2, "No such option: --sede"),
        (["--json", "rum"], 2, "No such command 'rum'"),
        (["verify", "gone", "--json"], 2, "gone"),
        (["run", "photos", "-q", "-v", "--json"], 2, "contradict each other"),
        (["run", "photos", "--model", "toy", "--preset", "no", "--json"], 2, "'no' is not one of"),
    ],
)
def test_a_mistake_as_json(call: Any, arguments: list[str], code: int, error: str) -> None:
    ended = call(*arguments)
    found = one_object(ended)
    assert (found["exit_code"], error in found["error"]) == (code, True)
    assert ended.err.splitlines()[-1].startswith("reportgen: "), "it stands on stderr too"


def test_an_argument_that_looks_like_the_option_is_none(call: Any) -> None:
    assert call("run", "--sede", "--", "--json").out == ""


def test_an_interrupt_as_json(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "make_report", interrupted)
    found = one_object(call(*RUN, "--json"))
    assert (found["exit_code"], found["error"][:11]) == (130, "interrupted")


KEYS = {
    "run": {"out", "paths", "counts", "verdicts", "findings", "gates", "skipped", "warnings"},
    "render": {"paths"},
    "open": {"paths", "opened"},
    "init": {"paths"},
    "labels": {
        "model",
        "images",
        "labelled",
        "sources",
        "classes",
        "unlabelled",
        "absent",
        "unknown",
        "warnings",
        "left_alone",
    },
    "dissect": {"paths", "columns", "rows", "notes"},
    "verify": {"ok", "matched", "changed", "missing", "not_in_manifest", "notes", "signed_by", "unsigned"},
    "diff": {"same", "count", "images", "verdicts", "numbers", "other", "notes"},
    "bundle": {"paths", "files", "signer"},
    "validate": {"columns", "rows", "problems", "more_problems"},
    "submit": {"accepted", "answer", "record"},
    "doctor": {"checks"},
    "models": {"models"},
    "models check": {"model", "rows", "explained"},
    "models fetch": {"paths"},
    "config show": {"settings"},
    "cache info": {"folder", "results", "models", "bytes", "limit"},
    "cache clear": {"results", "models", "bytes"},
    "templates list": {"templates"},
    "templates new": {"paths"},
    "templates check": {"mistakes", "templates"},
    "card": {"into", "text", "kept"},
    "log": {"run_id", "place", "already", "metrics"},
    "summary": {"summary"},
    "schema": {"schema"},
}
SHARED = {"command", "seconds", "exit_code"}


def test_every_other_command_as_json(call: Any, folder: Path) -> None:
    assert call(*RUN).code == 0
    assert call(*RUN, "-o", "twice", "--seed", "3").code == 0
    found: dict[str, dict[str, Any]] = {}
    for arguments in (
        ["render", "out", "-o", "again", "--format", "html"],
        ["open", "out"],
        ["init", "new", "--yes"],
        ["labels", "photos"],
        ["verify", "out"],
        ["diff", "out", "twice"],
        ["bundle", "out", "-o", "out.zip"],
        ["card", "out"],
        ["summary", "out"],
        ["schema"],
        ["models"],
        ["config", "show"],
        ["cache", "info"],
        ["cache", "clear", "--older-than", "9"],
        ["templates", "list"],
        ["templates", "new", "mine"],
    ):
        one = one_object(call(*arguments, "--json"))
        found[one["command"]] = one
        assert set(one) - {"error"} == KEYS[one["command"]] | SHARED
    assert found["verify"]["ok"] is True and found["verify"]["matched"] > 5
    assert found["diff"]["same"] is False and found["diff"]["exit_code"] == 1
    assert found["diff"]["count"] == len([*found["diff"]["numbers"], *found["diff"]["other"]]) > 0
    assert found["bundle"]["paths"] == ["out.zip"] and "report.json" in found["bundle"]["files"]
    assert {row["name"]: row["here"] for row in found["models"]["models"]}["efficientnet_lite0"] is True
    assert found["config show"]["settings"]["seed"] == {"value": 0, "origin": "default"}


def test_doctor_and_validate_as_json(call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reportgen.cli import machine

    checks = [machine.Check("one"), machine.Check("two", note="worth knowing"), machine.Check("three", "is broken")]
    monkeypatch.setattr(machine, "machine_checks", lambda: iter(checks))
    found = one_object(call("doctor", "--json"))
    assert set(found) == KEYS["doctor"] | SHARED | {"error"}
    assert [check["problem"] for check in found["checks"]] == [None, None, "is broken"]
    (folder / "a.pkl").write_bytes(b"no pickle")
    found = one_object(call("validate", "a.pkl", "--json"))
    assert (found["exit_code"], set(found)) == (1, SHARED | {"error"})


def test_commands_that_need_a_model_or_a_server_as_json(
    call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reportgen.analysis.probe_file import MadeFile
    from reportgen.models import download
    from reportgen.pipeline import model_check, probe_file
    from reportgen.rendering import checking
    from reportgen.sharing import submit

    checked = model_check.ModelCheck((("layers", "5"),), "no feature map")
    monkeypatch.setattr(model_check, "check_model", lambda *_: checked)
    made = MadeFile(b"", ("layer", "units"), [("4", "32")], ("a note",))
    monkeypatch.setattr(probe_file, "make_probe_file", lambda *_, **__: made)
    monkeypatch.setattr(download, "fetch", lambda *_: [folder / "weights.pth"])
    sent = submit.Sent("not taken", ("no",), None)
    monkeypatch.setattr(submit, "submit", lambda *_, **__: sent)
    monkeypatch.setattr(checking, "check_template", lambda *_: ["report.html, line 2: no"])
    for arguments, code in (
        (["models", "check", "efficientnet_lite0"], 1),
        (["models", "fetch", "efficientnet_lite0"], 0),
        (["dissect", "--probe", "photos"], 0),
        (["submit", "out", "--url", "http://localhost"], 1),
        (["templates", "check", "mine"], 1),
    ):
        ended = call(*arguments, "--json")
        found = one_object(ended)
        assert (ended.code, set(found) - {"error"}) == (code, KEYS[found["command"]] | SHARED)
        assert ("error" in found) == bool(code)


# --- colours -------------------------------------------------------------------------------------


class _Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "coloured"),
    [
        (_Tty(), {}, True),
        (io.StringIO(), {}, False),
        (_Tty(), {"NO_COLOR": "1"}, False),
        (_Tty(), {"NO_COLOR": ""}, True),
        (_Tty(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_no_color_and_force_color_are_honoured(stream: io.StringIO, environ: dict[str, str], coloured: bool) -> None:
    assert has_colours(stream, environ) is coloured


def test_an_error_is_red_where_colours_are_forced_and_plain_where_not(
    call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("run", "gone").err == "reportgen: gone: no such folder or file\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert call("run", "gone").err == "\x1b[31m\x1b[1mreportgen: \x1b[0mgone: no such folder or file\n"
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in call("run", "gone").err


# --- progress ------------------------------------------------------------------------------------


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_in_a_pipe_a_line_a_second_at_most_with_counts_and_time_left(capfd: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    plain = Plain(Terminal(), clock)
    plain.stage("Explaining images", 100)
    said: list[tuple[float, str]] = []
    for _ in range(100):
        clock.now += 0.4
        plain.step("a.jpg")
        said += [(clock.now, line) for line in capfd.readouterr().err.splitlines()]
    first, *lines = said
    assert first[1] == "Explaining images (100)"
    times = [time for time, _ in lines]
    assert min(b - a for a, b in pairwise(times)) >= 1
    assert len(lines) < 30, "later lines come farther apart"
    assert "Explaining images 6/100, about 40 s left" in [line for _, line in lines]
    assert not [line for _, line in lines if "left" in line and line.startswith("Explaining images 3/")], (
        "too early to say"
    )


def test_the_last_step_says_how_long_it_took(capfd: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    plain = Plain(Terminal(), clock)
    plain.stage("Rendering", 2)
    for _ in range(2):
        clock.now += 40
        plain.step()
    assert capfd.readouterr().err.splitlines() == [
        "Rendering (2)",
        "Rendering 1/2, about 40 s left",
        "Rendering 2/2, 1 min 20 s",
    ]


def test_time_left_follows_the_pace_of_late_for_results_of_the_store_come_first(
    capfd: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    plain = Plain(Terminal(), clock)
    plain.stage("Explaining images", 200)
    for i in range(150):
        clock.now += 0.001 if i < 100 else 10
        plain.step()
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith("Explaining images 1")
    assert "about 8 min left" in last or "about 9 min left" in last, "ten seconds for each of the last fifty"


def test_a_step_that_takes_longer_than_those_before_it_moves_the_end() -> None:
    stage = Stage("Writing sections", 8, 0)
    stage.step(4, "")
    assert [stage.left(now) for now in (5, 8, 40)] == ["about 25 s left", "about 25 s left", "about 2 min left"]


@pytest.mark.parametrize(
    ("seconds", "words"), [(2, "about 5 s"), (41, "about 40 s"), (170, "about 3 min"), (4780, "about 1 h 20 min")]
)
def test_a_guess_has_few_digits(seconds: float, words: str) -> None:
    assert about(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (59.6, "1 min"), (151, "2 min 31 s"), (3720, "1 h 2 min"), (7199, "2 h")]
)
def test_what_was_measured_has_more(seconds: float, words: str) -> None:
    assert duration(seconds) == words


NAME = "a photograph with a long name 漢字漢字 and more.jpg"


@pytest.mark.parametrize("width", [200, 80, 40, 20, 8, 2])
def test_the_line_at_the_bottom_never_wraps_and_stages_stay_in_order(width: int) -> None:
    screen, clock, writes = Screen(width), Clock(), []

    def write(text: str) -> None:
        writes.append(text)
        screen.feed(text)

    with Live(Terminal(), clock, write, lambda: width) as live:
        for stage, steps in (("Preparing models", 3), ("Explaining images", 10), ("Rendering", 2)):
            live.stage(stage, steps)
            for _ in range(steps):
                clock.now += 3
                live.step(NAME)
                assert screen.wrapped == 0
    assert len(screen.shown) == 3
    assert all(
        line[:1] == name[: min(1, width - 1)] for line, name in zip(screen.shown, "PER", strict=True) if width > 8
    )
    if width >= 40:
        assert screen.shown == ["Preparing models 3/3, 9 s", "Explaining images 10/10, 30 s", "Rendering 2/2, 6 s"]
    if width == 20:
        assert screen.shown[1] == "Explaining i… 10/10"
    assert not [text for text in writes if text.startswith("\x1b[J")], "what is cleared first flickers"


def test_a_wide_terminal_shows_time_left_a_bar_and_the_last_image() -> None:
    screen, clock = Screen(100), Clock()
    with Live(Terminal(), clock, screen.feed, lambda: 100) as live:
        live.stage("Explaining images", 10)
        for _ in range(3):
            clock.now += 6
            live.step("coffee.jpg")
        assert screen.shown == ["Explaining images 3/10, about 40 s left  ━━━━━━━─────────────────  coffee.jpg"]


def test_a_message_stands_above_the_line_and_below_the_stage_that_was_over(capfd: pytest.CaptureFixture[str]) -> None:
    screen, clock = Screen(60), Clock()
    terminal = Terminal()
    with Live(terminal, clock, screen.feed, lambda: 60) as live:
        live.stage("Explaining images", 2)
        live.step()
        live.say("a note")
        assert [line[:19] for line in screen.shown] == ["a note", "Explaining images 1"]
        live.step()
        terminal.say("1 of 2 results were in the store")
        live.stage("Rendering", 1)
    assert screen.shown == ["a note", "Explaining images 2/2", "1 of 2 results were in the store"], (
        "Rendering was given up"
    )
    assert capfd.readouterr().err == ""


def test_a_terminal_that_grows_narrower_is_followed_and_nothing_wraps_meanwhile() -> None:
    screen, clock, width = Screen(80), Clock(), [80]
    with Live(Terminal(), clock, screen.feed, lambda: width[0]) as live:
        live.stage("Explaining images", 10)
        clock.now += 5
        live.step(NAME)
        screen.width = 24  # the terminal is narrower, and has not said so yet
        clock.now += 5
        live.step(NAME)
        assert screen.wrapped == 0
        width[0] = 24
        clock.now += 5
        live.step(NAME)
        assert (screen.wrapped, screen.shown) == (0, ["Explaining images 3/10"])


def test_a_ctrl_c_that_the_terminal_shows_is_written_over() -> None:
    screen = Screen(60)
    with Live(Terminal(), Clock(), screen.feed, lambda: 60) as live:
        live.stage("Explaining images", 10)
        screen.feed("^C")
        live.print("3 of 10 images are done and kept")
    assert screen.shown == ["3 of 10 images are done and kept"]


def test_the_line_is_written_again_only_where_it_has_changed() -> None:
    writes: list[str] = []
    with Live(Terminal(), Clock(), writes.append, lambda: 80) as live:
        live.stage("Rendering", 3)
        before = len(writes)
        for _ in range(5):
            live._draw()
        assert len(writes) == before


@pytest.mark.parametrize("width", [80, 40, 20])
def test_a_run_on_a_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    code, written = on_terminal(monkeypatch, width, *RUN)
    assert code == 0
    screen = Screen(width)
    screen.feed(written)
    text = " ".join(screen.shown)
    stages = [text.index(name) for name in ("Preparing", "Explaining", "Writing", "Rendering")]
    assert stages == sorted(stages)
    if width == 80:
        assert "0 of 4 results were in the store; 4 computed" in screen.shown
        assert screen.shown[-1] == "open it with: reportgen open out"
        assert "\x1b[32m━" in written, "a terminal has colours"


def test_a_terminal_that_can_nothing_gets_plain_lines(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = on_terminal(monkeypatch, 80, *RUN, term="dumb")[1]
    assert "Explaining images (2)" in written
    assert "\x1b" not in written


# --- what libraries say --------------------------------------------------------------------------


def chatty(*_: Any, **__: Any) -> None:
    logging.getLogger("matplotlib.font_manager").warning("Matplotlib is building the font cache")
    logging.getLogger("reportgen.rendering").warning("ours")
    with warnings.catch_warnings():
        warnings.simplefilter("always")  # and not once a process
        warnings.warn("this function will go", FutureWarning, stacklevel=1)
    raise UsageError("that was all")


def test_what_libraries_log_and_warn_of_is_a_detail(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "make_report", chatty)
    assert call(*RUN).err == "ours\nreportgen: that was all\n"
    assert call(*RUN, "-q").err == "reportgen: that was all\n"
    said = call(*RUN, "-v").err
    assert "matplotlib.font_manager: Matplotlib is building the font cache\n" in said
    assert "FutureWarning: this function will go" in said


def test_logging_is_as_it_was_when_a_command_has_ended(call: Any) -> None:
    before, shown = list(logging.getLogger().handlers), warnings.showwarning
    call("verify", "gone")
    assert (logging.getLogger().handlers, warnings.showwarning) == (before, shown)


def test_a_missing_subsetter_is_a_line_of_doctor_and_none_of_a_run(
    call: Any, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weasyprint.pdf import fonts
    from weasyprint.text import ffi

    from reportgen.cli import machine

    monkeypatch.setattr(fonts, "harfbuzz_subset", None)
    ended = call("render", str(made), "-o", "pdf", "--format", "pdf")
    assert ended.code == 0
    assert [line for line in ended.err.splitlines() if "HarfBuzz" in line or "fontTools" in line] == []
    assert machine._pdf().note is None
    monkeypatch.setattr(ffi, "harfbuzz_subset", None)
    monkeypatch.setattr(machine, "machine_checks", lambda: iter([machine._pdf()]))
    ended = call("doctor")
    (line,) = ended.out.splitlines()
    assert line.startswith("note    PDF library (WeasyPrint and Pango): HarfBuzz-Subset")
    assert line.endswith("apt-get install libharfbuzz-subset0")
    assert (ended.code, ended.err) == (0, "")


WITHOUT_PANGO = """
import sys, cffi
found = cffi.FFI.dlopen
def dlopen(self, name, flags=0):
    if name and "pango" in name:
        raise OSError(f"cannot load library {name!r}")
    return found(self, name, flags)
cffi.FFI.dlopen = dlopen
from reportgen.cli.main import main
sys.argv = ["reportgen", *sys.argv[1:]]
main()
"""


def test_without_pango_stdout_holds_results_alone(made: Path, tmp_path: Path) -> None:
    done = python(WITHOUT_PANGO, "render", str(made), "-o", "out", "--format", "pdf", "--json", cwd=tmp_path)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"].startswith("PDF needs Pango")
    (line,) = done.stderr.splitlines()
    assert "apt-get install libpango" in line


# --- the end of a run ----------------------------------------------------------------------------


def report_with(made: Path, verdicts: tuple[str, ...], **changes: Any) -> Report:
    report = Report.model_validate_json((made / "report.json").read_bytes())
    first = report.findings[0]
    findings = [
        first.model_copy(update={"id": f"C{i}", "verdict": verdict, "claim": f"Claim {i}."})
        for i, verdict in enumerate(verdicts, 1)
    ]
    return report.model_copy(update={"findings": findings, "warnings": [], **changes})


def test_the_end_says_what_was_made_how_long_it_took_and_what_to_look_at(made: Path) -> None:
    report = report_with(made, ("supported", "undecided", "contradicted", "supported"))
    files = [Path("my report/report.pdf"), Path("my report/report.html")]
    lines = list(outcomes.closing_lines(report, Path("my report"), files, 151.2))
    assert lines == [
        f"{files[0]}, {files[1]}: 2 images, 2 min 31 s; 2 of 4 claims supported, 1 contradicted, 1 undecided",
        "look first at finding C3 (contradicted): Claim 3.",
        "open it with: reportgen open 'my report'",
    ]


def test_what_to_look_at_first(made: Path) -> None:
    warning = Warning_(code="x", text="It hardly holds.", image="a.jpg")
    assert outcomes.look_first(report_with(made, ("supported",), warnings=[warning])) == (
        "the warning on a.jpg: It hardly holds."
    )
    assert outcomes.look_first(report_with(made, ("undecided", "supported"))) == "finding C2 (supported): Claim 2."
    assert outcomes.look_first(report_with(made, ("undecided",))) == ""


def test_seconds_stand_on_the_terminal_and_not_in_the_report(
    call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert call(*RUN).code == 0
    first = (folder / "out/report.json").read_bytes(), (folder / "out/report.html").read_bytes()
    assert call(*RUN, "-v", "--json").code == 0
    assert first == ((folder / "out/report.json").read_bytes(), (folder / "out/report.html").read_bytes())


def test_many_skipped_files_push_nothing_from_the_screen(call: Any, folder: Path) -> None:
    for i in range(30):
        (folder / f"photos/{i:02d}.png").write_text("no image")
    said = call(*RUN).err.splitlines()
    assert len([line for line in said if line.startswith("skipped '")]) == outcomes.MOST_SKIPPED
    assert "skipped 11 more; the report names them all" in said


# --- open ----------------------------------------------------------------------------------------


def test_open_takes_a_run_a_page_and_no_bundle(folder: Path) -> None:
    run = folder / "run"
    run.mkdir()
    with pytest.raises(UsageError, match=r"has no report\.html"):
        page_of(run)
    (run / "report.pdf").write_text("")
    assert page_of(run) == run / "report.pdf", "the only page there is"
    (run / "report.html").write_text("")
    assert page_of(run) == page_of(run / "report.html") == run / "report.html"
    assert page_of(run, pdf=True) == run / "report.pdf"
    for name, said in (("a.zip", "unpack it first"), ("run/report.json", "is no page")):
        (folder / name).write_text("")
        with pytest.raises(UsageError, match=said):
            page_of(folder / name)
    with pytest.raises(UsageError, match="no such run"):
        page_of(folder / "gone")


def test_open_starts_a_viewer_only_where_there_is_a_display(tmp_path: Path) -> None:
    page, viewer, started = tmp_path / "report.html", tmp_path / "xdg-open", []
    viewer.write_text("#!/bin/sh\n")
    viewer.chmod(0o755)
    path = {"PATH": str(tmp_path)}
    assert show(page, platform="linux", environ=path, start=started.append) is False
    assert show(page, platform="linux", environ={**path, "DISPLAY": ":0"}, start=started.append) is True
    assert show(page, platform="darwin", environ={}, start=started.append) is True
    assert started == [["xdg-open", str(page)], ["open", str(page)]]


def test_open_without_a_display_says_where_the_page_is(call: Any, made: Path) -> None:
    (made / "report.html").write_text("")
    ended = call("open", str(made))
    assert (ended.code, ended.out) == (0, f"{made / 'report.html'}\n")
    assert ended.err.startswith("there is no display here")


# --- init ----------------------------------------------------------------------------------------


def answered(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    stream = _Tty("".join(f"{line}\n" for line in lines))
    monkeypatch.setattr(sys, "stdin", stream)


def test_init_asks_three_questions_and_writes_what_was_said(
    call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(monkeypatch, "resnet5", "resnet50, resnet18", "", 'A. "Tony" Müller, B')
    ended = call("init")
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "reportgen.toml")
    assert "unknown model 'resnet5'; did you mean resnet50?" in ended.err, "and asks again"
    loaded = load(folder=folder, environ={})
    assert loaded.settings.models == ("resnet50", "resnet18")
    assert loaded.settings.document.model_dump()["authors"] == ('A. "Tony" Müller', "B")
    said = {key for key, origin in loaded.origins.items() if origin == "reportgen.toml"}
    assert said == {"models", "document.authors", "gates"}, "all else is a comment; the table of gates is empty"


def test_init_without_questions_never_overwrites(call: Any, folder: Path) -> None:
    assert call("init", "mine", "--yes", "--task", "lime", "--author", "Ann").code == 0
    text = (folder / "mine/reportgen.toml").read_text("utf-8")
    assert load(folder=folder / "mine", environ={}).settings.tasks == ("lime",)
    ended = call("init", "mine", "--yes")
    assert ended.code == 2
    assert "mine/reportgen.toml: is there already" in ended.complaint
    assert (folder / "mine/reportgen.toml").read_text("utf-8") == text
    (folder / "link").mkdir()
    (folder / "link/reportgen.toml").symlink_to(folder / "elsewhere")
    assert call("init", "link", "--yes").code == 2
    assert not (folder / "elsewhere").exists()


def test_init_asks_nobody_where_nobody_is(call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert "give --yes" in call("init").complaint
    assert "unknown task 'nonsense'" in call("init", "--yes", "--task", "nonsense").complaint
    assert not (folder / "reportgen.toml").exists()


def test_every_line_of_the_written_settings_is_a_real_setting(tmp_path: Path) -> None:
    """The file loads as it is, and with every value that it shows in a comment put in force."""
    text = starter(Answers())
    (tmp_path / "reportgen.toml").write_text(text, "utf-8")
    assert load(folder=tmp_path, environ={}).settings == Settings()
    lines = [line.removeprefix("# ") for line in text.splitlines()]
    keys = [line for line in lines if line.startswith("[") or (" = " in line and line.split(" = ")[0].isidentifier())]
    assert len(keys) > 40
    (tmp_path / "reportgen.toml").write_text("\n".join(keys), "utf-8")
    loaded = load(folder=tmp_path, environ={})
    assert loaded.settings.document.model_dump()["accent"] == "#0b5a8c"
    assert loaded.settings.gates == {"min_share_correct": 0.8, "max_skipped": 0}
    assert sum(origin == "reportgen.toml" for origin in loaded.origins.values()) > 35


# --- what a command line has ---------------------------------------------------------------------


def test_version_and_help(call: Any) -> None:
    from reportgen.utils.versions import own_version

    assert call("--version").out == f"reportgen {own_version()}\n"
    assert call("help", "models", "check").out == call("models", "check", "--help").out
    assert "Usage" in call("help").out
    assert "No such command 'nonsense'" in call("help", "nonsense").complaint


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnu"], "Did you mean 'run'?"),
        (["models", "fech"], "Did you mean 'fetch'?"),
        (["run", "photos", "--sede", "1"], "--seed"),
        (["run", "photos", "--sede", "1"], "(see reportgen run --help)"),
        (["models", "check"], "(see reportgen models check --help)"),
        (["photos"], "to explain the images of this folder: reportgen run photos"),
        (["run"], "Missing argument 'IMAGES'"),
    ],
)
def test_a_mistake_names_what_was_meant(call: Any, arguments: list[str], said: str) -> None:
    ended = call(*arguments)
    assert ended.code == 2
    assert said in ended.complaint


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("", "run"), ("ver", "verify"), ("run --preset ", "writeup"), ("run --task li", "lime"), ("render -t ", "brief")],
)
def test_a_shell_completes_commands_options_and_names(
    call: Any, monkeypatch: pytest.MonkeyPatch, typed: str, offered: str
) -> None:
    line = f"reportgen {typed}"
    monkeypatch.setenv("_REPORTGEN_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    assert offered in call().out.split()


# --- the documentation ---------------------------------------------------------------------------


def commands_of(app: Any, above: str = "") -> Iterator[str]:
    for name, command in app.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{above}{name} ")
        else:
            yield f"{above}{name}"


def test_every_command_is_documented_with_an_example_and_its_json() -> None:
    text = (ROOT / "docs/command-line.md").read_text("utf-8")
    every = set(commands_of(typer.main.get_command(cli.app)))
    assert every - {"help"} == set(KEYS) - {"models"}, "a command that the contract forgets"
    for command in every | {"models"}:
        assert f"reportgen {command}" in text, command
    for command, keys in KEYS.items():
        assert f"`{command}`" in text, command
        row = next(line for line in text.splitlines() if line.startswith(f"| `{command}` |"))
        assert {key for key in keys if f"`{key}`" not in row} == set(), command
    for name in (
        "REPORTGEN_CACHE_DIR",
        "REPORTGEN_CACHE_LIMIT",
        "REPORTGEN_TOKEN",
        "NO_COLOR",
        "FORCE_COLOR",
        "BROWSER",
    ):
        assert f"`{name}`" in text
