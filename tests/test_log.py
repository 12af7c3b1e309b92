"""reportgen log: what a tracker is given of a run, read back from MLflow and from the file that W&B keeps offline."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fixtures import finish_run, make_report
from reportgen.cli import main as cli
from reportgen.report.document import Evidence, Finding, Gate, Report
from reportgen.report.manifest import read_manifest
from reportgen.report.open import read_report
from reportgen.report.report_json import report_json
from reportgen.sharing.tracking import wandb_tracker
from reportgen.sharing.tracking.entry import MOST_NAME, Entry, entry_of, is_chosen, legal
from reportgen.sharing.tracking.log import log
from reportgen.sharing.tracking.mlflow_tracker import ATTACHING, BEGUN, REPORT_TAG, STATE_TAG, WHOLE
from reportgen.sharing.tracking.tracker import Destination
from reportgen.utils.errors import CheckFailed, UsageError
from reportgen.utils.secrets import shown_address, without_secrets
from test_offline import alone
from toys import ROOT, imported

TOKEN = "tok-3n/with+signs=="
LEGAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z0-9_]+)*")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    report, folder = make_report(tmp_path_factory.mktemp("made"), 2)
    evidence = [
        Evidence(name="iou_own", value=0.25, unit="%", n=10, ci=(0.125, 0.5)),
        Evidence(name="holds", value=True),
        Evidence(name="concept", value="red & round"),
        Evidence(name="gone", value=None),
    ]
    claims = {"C3": "supported", "C3@onnx:a b/net.onnx": "not measured"}
    findings = [
        Finding(id=id_, section="cams", claim="c", verdict=verdict, text="t", evidence=evidence, p=0.03, needed=None)  # type: ignore[arg-type]
        for id_, verdict in claims.items()
    ]
    gates = [
        Gate(name="min_share_correct", measure="share", bound="at least", limit=0.5, value=0.75, passed=True),
        Gate(name="max_skipped", measure="skipped", bound="at most", limit=0, value=None, passed=False),
    ]
    settings = {"seed": 7, "lime": {"num_samples": 500, "quick": 0.25}, "explain": [], "models": ["a", "b"], "x": None}
    return report.model_copy(update={"findings": findings, "gates": gates, "settings": settings}), folder


@pytest.fixture(scope="module")
def run(report: tuple[Report, Path]) -> Path:
    return finish_run(*report)


@pytest.fixture
def entry(run: Path) -> Entry:
    files = {name: sha256 for name, (sha256, _) in (read_manifest(run) or {}).items()}
    return entry_of(read_report(run), run, files, None, everything=False)


# --- what is logged ------------------------------------------------------------------------------


def test_metrics_are_what_was_measured_and_nothing_else(entry: Entry) -> None:
    assert entry.metrics["gates/min_share_correct"] == 0.75
    assert entry.metrics["findings/C3/iou_own"] == 0.25
    assert entry.metrics["findings/C3/iou_own_ci_low"] == 0.125
    assert entry.metrics["findings/C3/iou_own_ci_high"] == 0.5
    assert entry.metrics["findings/C3/p"] == 0.03
    assert entry.metrics["verdicts/supported"] == entry.metrics["verdicts/not_measured"] == 1
    assert entry.metrics["images/explained"] == 2
    unmeasured = (
        "gates/max_skipped",
        "findings/C3/holds",
        "findings/C3/concept",
        "findings/C3/gone",
        "findings/C3/needed",
    )
    assert not entry.metrics.keys() & set(unmeasured)


def test_params_say_what_made_the_run(entry: Entry) -> None:
    made = entry.params
    assert made["reportgen/settings/lime/num_samples"] == 500
    assert made["reportgen/settings/models"] == "a, b"
    assert not {"reportgen/settings/explain", "reportgen/settings/x"} & made.keys()
    assert {"reportgen/seed", "reportgen/version", "reportgen/python", "reportgen/runtime"} <= made.keys()
    assert any(re.fullmatch(r"reportgen/models/\w+/weights_sha256", name) for name in made)


def test_tags_hold_the_verdicts_and_the_gates(entry: Entry) -> None:
    assert entry.tags["reportgen/finding/C3"] == "supported"
    assert entry.tags["reportgen/gates"] == entry.tags["reportgen/gate/max_skipped"] == "failed"


def test_every_name_is_one_that_every_tracker_takes(entry: Entry) -> None:
    names = [*entry.metrics, *entry.params, *entry.tags]
    assert [name for name in names if not LEGAL.fullmatch(name) or len(name) > MOST_NAME] == []
    # MLflow's folder store makes a file of a name, so none may be a folder of another.
    for group in (entry.metrics, entry.params, entry.tags):
        assert [name for name in group if any(other.startswith(f"{name}/") for other in group)] == []


def test_names_that_would_become_one_stay_apart() -> None:
    made = legal(
        {
            ("f", "a b"): 1,
            ("f", "a/b"): 2,
            ("f", "a_b"): 3,
            ("f", "c"): 4,
            ("f", ""): 5,
            ("f", ".."): 6,
            ("f", "é" * 300): 7,
        }
    )
    assert sorted(made.values()) == [1, 2, 3, 4, 5, 6, 7]
    assert made["f/c"] == 4
    assert [name for name in made if not LEGAL.fullmatch(name) or len(name) > MOST_NAME] == []
    # A name does not depend on what else is there, where it needs no hash.
    assert legal({("f", "a b"): 1}) == {"f/a_b": 1}


def test_what_people_look_at_is_chosen() -> None:
    chosen = (
        "report.pdf",
        "report.json",
        "junit.xml",
        "tables/a.csv",
        "figures/a.svg",
        "models/resnet18/figures/a.jpg",
    )
    left = (
        "explain_params.pkl",
        "maps/a/gradcam.npy",
        "masks/a/lime.png",
        "models/resnet18/maps/a/x.npy",
        "timings.json",
    )
    assert [name for name in (*chosen, *left) if is_chosen(name)] == list(chosen)


# --- MLflow --------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of an empty store in a folder, which MLFLOW_TRACKING_URI names."""
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    mlflow = pytest.importorskip("mlflow", reason="pip install -e '.[test]' brings it")
    return mlflow.MlflowClient((tmp_path / "store").as_uri())


def held(client: Any, experiment: str = "0") -> list[Any]:
    return client.search_runs([experiment])


def artifacts(client: Any, run_id: str, path: str = "") -> dict[str, int]:
    found = {}
    for file in client.list_artifacts(run_id, path or None):
        found |= artifacts(client, run_id, file.path) if file.is_dir else {file.path: file.file_size}
    return found


def test_a_run_is_read_back_from_mlflow_as_it_was_logged(run: Path, entry: Entry, store: Any) -> None:
    done = log(run, "mlflow")
    (kept,) = held(store)
    assert kept.info.run_id == done.logged.run_id
    assert (kept.info.run_name, kept.info.status) == (run.name, "FINISHED")
    assert kept.data.metrics == pytest.approx(dict(entry.metrics))
    assert kept.data.params == {key: str(value) for key, value in entry.params.items()}
    assert entry.tags.items() <= kept.data.tags.items()
    assert kept.data.tags[REPORT_TAG] == entry.sha256
    assert kept.data.tags["mlflow.note.content"].startswith("### ")
    expected = {f"report/{name}": (run / name).stat().st_size for name in entry.files}
    assert artifacts(store, kept.info.run_id) == expected
    assert Path(store.download_artifacts(kept.info.run_id, "report/report.json")).read_bytes() == report_json(
        read_report(run)
    )


def test_all_files_are_logged_when_asked(run: Path, store: Any) -> None:
    done = log(run, "mlflow", everything=True)
    listed = {f"report/{name}" for name in read_manifest(run) or {}}
    assert set(artifacts(store, done.logged.run_id)) == {*listed, "report/manifest.json"}
    assert "report/explain_params.pkl" in listed


def test_the_same_report_is_logged_once(
    run: Path, store: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = log(run, "mlflow", name="mine")
    assert call(monkeypatch, "log", run, "--to", "mlflow") == 0
    assert capsys.readouterr().out.startswith(f"already logged: run {first.logged.run_id} ")
    assert [kept.info.run_name for kept in held(store)] == ["mine"]
    log(run, "mlflow", Destination(again=True))
    assert len(held(store)) == 2


def test_an_experiment_is_made_by_its_name(
    run: Path, store: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "from the environment")
    assert call(monkeypatch, "log", run, "--to", "mlflow", "--experiment", "birds") == 0
    assert "makes the experiment 'birds'" in capsys.readouterr().err
    log(run, "mlflow")
    for name in ("birds", "from the environment"):
        assert len(held(store, store.get_experiment_by_name(name).experiment_id)) == 1
    store.delete_experiment(store.get_experiment_by_name("birds").experiment_id)
    with pytest.raises(UsageError, match="experiment 'birds' is deleted"):
        log(run, "mlflow", Destination(experiment="birds"))


def test_a_report_is_attached_to_a_training_run(run: Path, entry: Entry, store: Any) -> None:
    training = store.create_run("0", run_name="training").info.run_id
    store.log_param(training, "seed", "42")
    log(run, "mlflow", Destination(run_id=training))
    (kept,) = held(store)
    assert (kept.info.run_name, kept.info.status) == ("training", "RUNNING"), "it is not ours to end"
    assert kept.data.params["seed"] == "42"
    assert kept.data.params["reportgen/seed"] == str(entry.params["reportgen/seed"])
    assert "mlflow.note.content" not in kept.data.tags
    assert log(run, "mlflow", Destination(run_id=training)).logged.already


def test_a_run_that_holds_another_report_is_left_alone(run: Path, store: Any) -> None:
    other = store.create_run("0", tags={REPORT_TAG: "0" * 64, STATE_TAG: WHOLE}).info.run_id
    with pytest.raises(UsageError, match="holds another report"):
        log(run, "mlflow", Destination(run_id=other))
    store.delete_run(other)
    with pytest.raises(UsageError, match="is deleted"):
        log(run, "mlflow", Destination(run_id=other))
    with pytest.raises(UsageError, match="is of experiment 'Default', not of 'birds'"):
        log(run, "mlflow", Destination(run_id=store.create_run("0").info.run_id, experiment="birds"))
    with pytest.raises(CheckFailed, match=r"MLflow: .*not found"):
        log(run, "mlflow", Destination(run_id="f" * 32))


def test_what_was_cut_off_is_gone_on_with(run: Path, entry: Entry, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    training = store.create_run("0").info.run_id
    whole, sent = MlflowClient.log_artifact, 0

    def breaks(self: Any, *arguments: Any) -> None:
        nonlocal sent
        sent += 1
        if sent % 3 == 0:
            raise OSError("the disk is full")
        whole(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_artifact", breaks)
        for where in (Destination(run_id=training), Destination()):
            with pytest.raises(CheckFailed, match="MLflow: the disk is full"):
                log(run, "mlflow", where)
    states = {kept.info.run_id: (kept.info.status, kept.data.tags[STATE_TAG]) for kept in held(store)}
    (ours,) = states.keys() - {training}
    assert states == {training: ("RUNNING", ATTACHING), ours: ("FAILED", BEGUN)}
    said: list[str] = []
    assert log(run, "mlflow", say=said.append).logged.run_id == ours, "not the training run, which is not ours"
    assert "goes on with run" in said[0]
    assert store.get_run(ours).info.status == "FINISHED"
    assert len(artifacts(store, ours)) == len(entry.files)
    assert len(store.get_metric_history(ours, "images/explained")) >= 1


# --- what is refused -----------------------------------------------------------------------------


def call(patch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The program, on these arguments; its exit code."""
    patch.setattr(sys, "argv", ["reportgen", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.mark.parametrize("to", ["mlflow", "wandb"])
def test_a_run_that_was_changed_is_not_logged(
    to: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "tables" / "iou.csv").write_text("image,iou\na,0.9\n")
    monkeypatch.setitem(sys.modules, to, None)  # an import would say that it is missing
    assert call(monkeypatch, "log", copy, "--to", to) == 1
    assert capsys.readouterr().err == f"reportgen: {copy}: 1 changed (see reportgen verify); nothing was logged\n"
    (copy / "manifest.json").unlink()
    assert call(monkeypatch, "log", copy, "--to", to) == 1
    assert "is no finished run" in capsys.readouterr().err
    assert call(monkeypatch, "log", copy / "report.pdf", "--to", to) == 2


@pytest.mark.parametrize("to", ["mlflow", "wandb"])
def test_without_the_extra_the_command_says_how_to_get_it(
    to: str, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, to, None)
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert call(monkeypatch, "log", run, "--to", to) == 2
    assert capsys.readouterr().err.endswith(f"is not installed: pip install 'reportgen[{to}]'\n")


def test_no_password_stands_on_the_command_line(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "log", run, "--to", "mlflow", "--url", "https://me:hunter22@tracker.example") == 2
    assert "MLFLOW_TRACKING_PASSWORD" in (said := capsys.readouterr().err)
    assert "hunter22" not in said


class Refuses(BaseHTTPRequestHandler):
    """Answers 401 with the header that came, as a careless server may."""

    def do_GET(self) -> None:
        body = json.dumps({"error_code": "UNAUTHENTICATED", "message": f"no: {self.headers['Authorization']}"}).encode()
        self.send_response(401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def refusing() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refuses)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_what_mlflow_refuses_is_one_line_without_the_token(
    run: Path, refusing: str, store: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
    assert call(monkeypatch, "log", run, "--to", "mlflow", "--url", refusing) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith("reportgen: MLflow: ")
    assert "[token]" in said.err, "the server did send it back"
    assert TOKEN not in said.err


def test_a_server_that_is_not_there_is_one_line(
    run: Path, store: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:hunter22@127.0.0.1:{free_port()}")
    assert call(monkeypatch, "log", run, "--to", "mlflow") == 1
    expected = "reportgen: MLflow: no connection (it was refused); is the address right, and the server up?\n"
    assert capsys.readouterr().err == expected


def test_secrets_are_found_by_the_names_of_their_variables() -> None:
    environ = {"MLFLOW_TRACKING_TOKEN": TOKEN, "WANDB_API_KEY": "k" * 40, "HOME": "/home/ann", "X_PASSWORD": "ab"}
    text = f"Bearer {TOKEN} at https://me:pw@host/{quote(TOKEN, safe='')}?k={'k' * 40} /home/ann ab"
    said = without_secrets(environ, text)
    assert said == "Bearer [token] at https://[token]@host/[token]?k=[token] /home/ann ab"
    assert shown_address("https://me:pw@host:5000/path?token=a#b") == "https://host:5000/path"
    assert shown_address("/tmp/mlruns") == "/tmp/mlruns"


# --- Weights & Biases ----------------------------------------------------------------------------

Call = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def wandb_call(tmp_path: Path) -> Call:
    """The program in a process of its own, in `tmp_path`, with W&B's folders there."""
    pytest.importorskip("wandb", reason="pip install -e '.[test]' brings it")

    def called(*arguments: object, network: bool = False, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {
            name: str(tmp_path / name.lower())
            for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "HOME")
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
        return subprocess.run(
            [*([] if network else alone()), sys.executable, "-m", "reportgen", *map(str, arguments)],
            cwd=tmp_path,
            env={**kept, **own, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return called


def test_wandb_offline_keeps_the_report_without_a_network(
    run: Path, entry: Entry, wandb_call: Call, tmp_path: Path
) -> None:
    done = wandb_call("log", run, "--to", "wandb", "--project", "team/birds", "--name", "mine", WANDB_MODE="offline")
    assert (done.returncode, done.stderr) == (0, "")
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    assert f"wandb sync {folder}" in done.stdout
    from wandb_file import records

    (file,) = folder.glob("*.wandb")
    kept: dict[str, list[Any]] = {}
    for record in records(file):
        kind = record.WhichOneof("record_type")
        kept.setdefault(kind, []).append(getattr(record, kind))
    (begun,) = kept["run"]
    assert (begun.run_id, begun.project, begun.entity, begun.display_name) == (
        f"report-{entry.sha256[:16]}", "birds", "team", "mine",
    )  # fmt: skip
    assert begun.host == "", "a report names no machine"
    (history,) = kept["history"]
    numbers = {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in history.item}
    assert {name: numbers[name] for name in entry.metrics} == pytest.approx(dict(entry.metrics))
    config = {item.key: json.loads(item.value_json) for record in kept["config"] for item in record.update}
    assert entry.params.items() <= config.items()
    assert config["reportgen/report_sha256"] == entry.sha256
    (artifact,) = kept["artifact"]
    files = {content.path: content.size for content in artifact.manifest.contents}
    assert files == {name: (run / name).stat().st_size for name in entry.files}
    summary = {
        item.key: json.loads(item.value_json) for record in kept["summary"] for item in record.update if item.key
    }
    assert entry.tags.items() <= summary.items()
    assert not {"files", "output", "output_raw"} & kept.keys(), "neither code nor console"


def test_offline_twice_is_one_run_and_said(run: Path, wandb_call: Call, tmp_path: Path) -> None:
    for _ in range(2):
        done = wandb_call("log", run, "--to", "wandb", WANDB_MODE="offline")
    assert "this run was kept before, too (offline-run-" in done.stderr
    names = {path.name.split("-", 3)[-1] for path in (tmp_path / "wandb").glob("offline-run-*")}
    assert len(names) == 1


@pytest.mark.parametrize(
    ("environment", "code", "line"),
    [
        ({}, 2, "W&B: no key: put it into WANDB_API_KEY, give wandb login, or set WANDB_MODE=offline"),
        (
            {"WANDB_MODE": "disabled"},
            2,
            "W&B is switched off (WANDB_MODE, WANDB_DISABLED): set WANDB_MODE to online or offline",
        ),
    ],
)
def test_what_wandb_lacks_is_one_line(
    environment: dict[str, str], code: int, line: str, run: Path, wandb_call: Call
) -> None:
    done = wandb_call("log", run, "--to", "wandb", **environment)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"reportgen: {line}\n")


def test_what_wandb_refuses_is_one_line_without_the_key(run: Path, refusing: str, wandb_call: Call) -> None:
    key = "0123456789abcdef" * 2 + "01234567"
    done = wandb_call("log", run, "--to", "wandb", "--url", refusing, network=True, WANDB_API_KEY=key)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("reportgen: W&B: ")
    assert key not in done.stderr


def test_a_report_logged_again_has_an_id_of_its_own(entry: Entry) -> None:
    ids = {wandb_tracker._id_of(entry, again=again) for again in (False, False, True, True)}
    assert len(ids) == 3


def test_neither_tracker_is_imported_before_it_is_asked_for() -> None:
    code = "import reportgen.sharing.tracking.log, reportgen.cli.main, reportgen.cli.log"
    assert imported(code, ["mlflow", "wandb"]) == []


# --- a real server -------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """`mlflow server` on loopback, its database and files in a folder of the test's own."""
    for module in ("mlflow", "sqlalchemy", "uvicorn"):
        pytest.importorskip(module, reason="the server comes with the whole of mlflow: pip install mlflow")
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db", "--artifacts-destination", f"{tmp_path}/kept"]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (tmp_path / "server.log").open("wb") as said:
        process = subprocess.Popen(
            command, cwd=tmp_path, env={**os.environ, **quiet}, stdout=said, stderr=said, start_new_session=True
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(f"{url}/health", process, tmp_path / "server.log")
            yield url
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], said: Path, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"mlflow's server did not start: {said.read_text()[-2000:]}")


@pytest.mark.slow
def test_a_real_server_keeps_the_report(
    server: str,
    run: Path,
    entry: Entry,
    store: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert call(monkeypatch, "log", run, "--to", "mlflow", "--experiment", "birds", "--all") == 0
    out = capsys.readouterr().out.splitlines()
    client = MlflowClient(server)
    experiment = client.get_experiment_by_name("birds").experiment_id
    (kept,) = client.search_runs(
        [experiment], "metrics.`gates/min_share_correct` > 0.5 and tags.`reportgen/gates` = 'failed'"
    )
    assert out[-1] == f"{server}/#/experiments/{experiment}/runs/{kept.info.run_id}"
    assert kept.data.metrics == pytest.approx(dict(entry.metrics))
    assert kept.data.params == {key: str(value) for key, value in entry.params.items()}
    listed = {
        **{name: size for name, (_, size) in (read_manifest(run) or {}).items()},
        "manifest.json": (run / "manifest.json").stat().st_size,
    }
    assert artifacts(client, kept.info.run_id) == {f"report/{name}": size for name, size in listed.items()}
    assert call(monkeypatch, "log", run, "--to", "mlflow", "--experiment", "birds") == 0
    assert capsys.readouterr().out.startswith("already logged")
    training = client.create_run(experiment).info.run_id
    assert call(monkeypatch, "log", run, "--to", "mlflow", "--run-id", training) == 0
    assert call(monkeypatch, "log", run, "--to", "mlflow", "--run-id", "f" * 32) == 1
    assert capsys.readouterr().err.count("\n") == 1
    history = client.get_metric_history(kept.info.run_id, "images/explained")
    assert [(point.step, point.timestamp) for point in history] == [(0, entry.created)]
