"""Nothing calls the network unless the user asked: every command, imports included, with sockets watched and blocked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from PIL import Image

from reportgen.cli import main as cli
from toys import ROOT, photo_path

# Python runs a module of this name before anything else, in this process and in every one that it starts.
WATCH = """
import os, sys

def watch(event, arguments):
    name = event.partition(".")[0]
    if name == "socket" and event not in ("socket.gethostname", "socket.__new__"):
        local = event in ("socket.connect", "socket.bind") and isinstance(arguments[1], (str, bytes))
        if not local:
            note(event, arguments[1:] if event in ("socket.connect", "socket.bind", "socket.sendto") else arguments)
            raise OSError("no network in this test")
    elif event in ("urllib.Request", "http.client.connect", "ftplib.connect", "smtplib.connect", "telnetlib.Telnet.open"):
        note(event, arguments)
        raise OSError("no network in this test")
    elif event in ("os.fork", "os.forkpty", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen"):
        program = arguments[0] if arguments else ""
        # The process that lays out an untrusted template refuses sockets by a hook of its own (test_templates.py).
        if event == "subprocess.Popen" and "reportgen.rendering.sandbox.worker" in repr(arguments[1]):
            return
        if os.path.basename(os.fsdecode(program)) not in LOCAL_PROGRAMS:
            note(event, arguments)

def note(event, arguments):
    line = f"{event} {arguments!r}\\n".encode("utf-8", "replace")
    file = os.open(os.environ["WATCH_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line)
    os.close(file)

sys.addaudithook(watch)
"""

# Each command line is given to the program in turn; {n} of the answers is checked below.
DRIVER = """
import json, sys, time
start = time.perf_counter()
from reportgen.cli import main as cli
codes = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["reportgen", *arguments]
    print(f"{time.perf_counter() - start:.1f} s $", *arguments, file=sys.stderr, flush=True)
    try:
        cli.main()
        codes.append(0)
    except SystemExit as stop:
        codes.append(int(stop.code or 0))
time.sleep(0.5)  # a report of usage would be sent from a thread
print("CODES", json.dumps(codes))
"""

SMALL = """
models = ["efficientnet_lite0"]
[cams]
methods = ["gradcam", "ablationcam"]
[dissection]
concepts = "words.txt"
[lime]
num_samples = 20
resamples = 0
[faithfulness]
draws = 1
random_masks = 1
[sanity]
images = 1
scorecam = false
"""

# By command what is run; those that a checkout does not have are left out. The three that go out when asked are not here.
COMMANDS: dict[str, list[list[str]]] = {
    "run": [["run", "photos", "-o", "out", "--config", "small.toml"]],
    "open": [["open", "out"]],
    "init": [["init", "new", "--yes"]],
    "labels": [["labels", "photos"]],
    "help": [["help", "run"]],
    "render": [["render", "out", "-o", "again", "--format", "html"]],
    "dissect": [["dissect", "--probe", "photos", "-o", "units.csv", "--config", "small.toml"]],
    "models": [["models"]],
    "models check": [["models", "check", "efficientnet_lite0"]],
    "templates list": [["templates", "list"]],
    "templates new": [["templates", "new", "mine"]],
    "templates check": [["templates", "check", "mine"]],
    "config show": [["config", "show", "--config", "small.toml"]],
    "doctor": [["doctor"], ["doctor", "--security"]],
    "validate": [
        ["validate", "out/explain_params.pkl", "--images", "photos", "--masks", "photos", "--config", "small.toml"]
    ],
    "bundle": [["bundle", "out", "-o", "out.zip"]],
    "verify": [["verify", "out"]],
    "diff": [["diff", "out", "out"]],
    "summary": [["summary", "out", "--format", form] for form in ("text", "markdown", "pairs")],
    "schema": [["schema"]],
    "card": [["card", "out"]],
    "cache info": [["cache", "info"]],
    "cache clear": [["cache", "clear"]],
}
GO_OUT = {"submit", "log", "models fetch"}
# Programs that libraries start: the loader's list of libraries and the linker (ctypes), the list of fonts (matplotlib).
LOCAL_PROGRAMS = {"ldconfig", "gcc", "cc", "ld", "objdump", "fc-list"}


@dataclass(frozen=True)
class Watched:
    """What a program did."""

    code: int
    out: str
    err: str
    attempts: list[str]


def alone() -> list[str]:
    """A prefix that gives a command a network of its own with nothing in it, where this machine lets us."""
    unshare = shutil.which("unshare")
    works = unshare and subprocess.run([unshare, "-n", "true"], capture_output=True, check=False).returncode == 0
    return [str(unshare), "-n"] if works else []


def watched(code: str, *arguments: str, folder: Path, network: bool = False, **environment: str) -> Watched:
    """Run Python code that may not reach the network, from its first import on."""
    (folder / "watch").mkdir(exist_ok=True)
    (folder / "watch" / "sitecustomize.py").write_text(f"LOCAL_PROGRAMS = {LOCAL_PROGRAMS!r}\n{WATCH}")
    log = folder / "attempts"
    done = subprocess.run(
        [*([] if network else alone()), sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={
            **{key: value for key, value in os.environ.items() if key not in cli.NO_TELEMETRY},
            "PYTHONPATH": os.pathsep.join((str(folder / "watch"), str(ROOT))),
            "WATCH_LOG": str(log),
            "HOME": str(folder / "home"),
            **dict.fromkeys(("CI", "TF_BUILD", "JENKINS_URL"), ""),  # OpenVINO is silent where it sees one
            **dict.fromkeys(
                ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"), ""
            ),  # what a display is for is no program of ours
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return Watched(done.returncode, done.stdout, done.stderr, log.read_text().splitlines() if log.exists() else [])


def commands() -> set[str]:
    """Every command of the program, as it is typed."""
    root = typer.main.get_command(cli.app)
    found = set()
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found |= {f"{name} {sub}" for sub in inner} if inner else {name}
        if inner and getattr(command, "invoke_without_command", False):
            found.add(name)
    return found


def test_telemetry_of_the_hub_is_off_unless_the_user_says_otherwise(tmp_path: Path) -> None:
    code = (
        "import sys; from reportgen.cli import main as cli; sys.argv = ['reportgen', 'templates', 'list']; cli.main()\n"
        "from huggingface_hub import constants; print(constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_TELEMETRY)"
    )
    assert watched(code, folder=tmp_path).out.splitlines()[-1] == "True True"
    assert watched(code, folder=tmp_path, HF_HUB_OFFLINE="0").out.splitlines()[-1] == "False True"


def test_every_command_is_covered() -> None:
    missing = commands() - set(COMMANDS) - GO_OUT
    assert not missing, f"say in COMMANDS how {missing} is called, so that it is watched too"


def test_no_command_calls_out(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "home").mkdir()
    Image.open(photo_path("coffee")).resize((80, 64)).save(tmp_path / "photos/coffee.png")
    Image.new("L", (80, 64), 255).save(tmp_path / "photos/coffee.mask.png")
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "words.txt").write_text("cup\ntable\nred\ndog\n")
    mine = tmp_path / "cache"
    mine.mkdir()
    (cache / "models").mkdir(exist_ok=True)
    (mine / "models").symlink_to(cache / "models")
    called = [line for name, lines in COMMANDS.items() if name in commands() for line in lines]
    called += [[*name.split(), "--help"] for name in sorted(commands())]
    done = watched(DRIVER, json.dumps(called), folder=tmp_path, REPORTGEN_CACHE_DIR=str(mine), OMP_NUM_THREADS="1")
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    codes = dict(zip(map(" ".join, called), json.loads(done.out.rpartition("CODES")[2]), strict=True))
    assert {line for line, code in codes.items() if code != 0} == set(), done.err[-3000:]
    assert done.attempts == []
    assert not (tmp_path / "home/intel").exists(), "OpenVINO's telemetry would write an id there"
    assert (tmp_path / "out/report.pdf").stat().st_size > 10_000


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import socket; socket.getaddrinfo('example.invalid', 80)",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/')",
        "import httpx2; httpx2.get('http://127.0.0.1:9/', trust_env=False)",
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import socket; socket.create_connection((\"127.0.0.1\", 9))'])",
    ],
)
def test_the_watch_sees_and_stops_what_calls_out(code: str, tmp_path: Path) -> None:
    done = watched(code, folder=tmp_path)
    assert "no network in this test" in done.err
    assert any(line.startswith(("socket.", "urllib.", "http.")) for line in done.attempts)


def test_what_a_user_asks_for_does_call_out(tmp_path: Path) -> None:
    """Else the watch would prove nothing about the program."""
    call = "import sys; from reportgen.cli import main as cli; sys.argv = ['reportgen', *sys.argv[1:]]; cli.main()"
    done = watched(
        call, "models", "fetch", "torchvision:squeezenet1_1", folder=tmp_path, TORCH_HOME=str(tmp_path / "none")
    )
    assert (done.code, "Traceback" in done.err) == (2, False)
    assert "cannot be fetched from https://download.pytorch.org/" in done.err
    assert any("download.pytorch.org" in line for line in done.attempts)
