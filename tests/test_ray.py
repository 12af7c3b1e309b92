"""The map on Ray: the bytes are those of threads, whatever happens to workers, nodes and the driver."""

from __future__ import annotations

import importlib.util
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import made_faults
from made_faults import Told, ToneAnalysis, pictures, run, seed_of
from reportgen.images.files import InputFile
from reportgen.pipeline.execution import Execution
from reportgen.settings.model import Settings
from reportgen.utils.errors import ReportgenError, UsageError
from reportgen.utils.hashing import file_sha256
from toys import ROOT

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ray's processes are those of Unix here")
EPOCH = "1700000000"
ON_RAY = Execution(engine="ray")


@pytest.fixture(scope="module", autouse=True)
def surroundings(cache: Path) -> Iterator[None]:
    """What Ray's processes inherit: where the tests' modules are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", EPOCH)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictures(tmp_path_factory.mktemp("home") / "photos")


@pytest.fixture(scope="module")
def by_threads(images: Path, surroundings: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the run that all others are held to."""
    home = tmp_path_factory.mktemp("threads")
    return run(images, home / "out", home / "cache")


def processes() -> set[str]:
    """Of Ray, by id and name."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            mine = (folder / "status").stat().st_uid == os.getuid()
        except OSError:
            continue
        if mine and ("raylet" in command or "gcs_server" in command or command.startswith("ray::")):
            found.add(folder.name)
    return found


def gone(before: set[str]) -> bool:
    """Whether all processes of Ray that came since `before` end."""
    end = time.monotonic() + 120  # agents of Ray look for it every ten seconds, five times
    while processes() - before and time.monotonic() < end:
        time.sleep(0.2)
    return not processes() - before


# --- on one machine ------------------------------------------------------------------------------


def test_ray_gives_the_bytes_of_threads_and_leaves_no_process(
    images: Path, by_threads: dict[str, bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before, told = processes(), Told()
    found = run(images, tmp_path / "out", tmp_path / "cache", execution=ON_RAY, progress=told)
    assert found == by_threads
    assert gone(before)
    assert b"broken.jpg" in found["report.json"], "skipped, as by threads"
    assert capfd.readouterr() == ("", ""), "Ray's own words"
    assert sorted(told.done[1:-1]) == sorted([f"{i}.png" for i in range(6)] + [*told.done[7:-1]])
    assert any(line.startswith("0.png: computed ") for line in told.details)
    assert told.said[-1] == "0 of 12 results were in the store; 12 computed"


def test_without_ray_one_line_says_how_to_install_it(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *given: None if name == "ray" else find(name, *given))
    with pytest.raises(UsageError, match=r"^--engine ray needs Ray; run pip install 'reportgen\[ray\]'") as error:
        run(images, tmp_path / "out", tmp_path / "cache", execution=ON_RAY)
    assert error.value.exit_code == 2
    assert not (tmp_path / "out").exists(), "before any work"


def test_an_address_belongs_to_ray(images: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--address 10.0.0.1:6379: is that of a Ray cluster; add --engine ray$"):
        run(images, tmp_path / "out", tmp_path / "cache", execution=Execution(address="10.0.0.1:6379"))


@pytest.mark.slow
def test_a_worker_that_dies_in_mid_batch_costs_its_batch(
    images: Path, by_threads: dict[str, bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    once = tmp_path / "died"
    dying = ToneAnalysis("killed", seed_of(images / "3.png"), str(once))
    assert run(images, tmp_path / "out", tmp_path / "cache", dying, ON_RAY) == by_threads
    assert once.exists()
    assert capfd.readouterr() == ("", ""), "Ray's own words"


@pytest.mark.slow
def test_an_image_that_kills_every_worker_ends_the_run_with_its_name(images: Path, tmp_path: Path) -> None:
    poison = ToneAnalysis("killed", seed_of(images / "3.png"))
    with pytest.raises(UsageError, match=r"3\.png.*died over it 3 times.*lower --jobs.*max_pixels") as error:
        run(images, tmp_path / "out", tmp_path / "cache", poison, ON_RAY)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_worker_without_memory_says_which_image_and_what_to_lower(images: Path, tmp_path: Path) -> None:
    full = ToneAnalysis("memory", seed_of(images / "3.png"))
    with pytest.raises(UsageError, match=r"^3\.png: a worker of Ray has too little memory.*--jobs.*max_pixels"):
        run(images, tmp_path / "out", tmp_path / "cache", full, ON_RAY)


@pytest.mark.slow
def test_an_error_of_an_analysis_is_that_error(images: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="a fault of the analysis"):
        run(images, tmp_path / "out", tmp_path / "cache", ToneAnalysis("error"), ON_RAY)


# --- what a worker is sent -----------------------------------------------------------------------


def test_files_reach_a_worker_by_content_and_keys_know_nothing_of_its_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights, class names and a conversion that the worker has nowhere; keys are the driver's."""
    from ray.cloudpickle import CloudPickler

    from reportgen.pipeline.engines import work, worker

    home = tmp_path / "driver"
    weights, names = made_faults.written(home / "net.pt", b"weights"), made_faults.written(home / "names.txt", b"a\nb")
    conversion = made_faults.written(home / "models" / ("0" * 32) / "meta.json", b"{}").parent
    bench = made_faults.bench(tmp_path / "store", weights, names, conversion)
    packed = work.pack([ToneAnalysis()], bench, made_faults.MadeEngine, home / "models", CloudPickler)
    contents = {sha256: np.fromfile(file.path, np.uint8) for sha256, file in packed.files.items()}
    shutil.rmtree(home)
    monkeypatch.setenv("REPORTGEN_CACHE_DIR", str(tmp_path / "worker"))
    monkeypatch.setattr(worker.ray, "get", lambda found: found)
    files = worker.NodeFiles(packed.files, contents)
    sent = work.unpack(packed.pickled, files.locate)
    models = files.models_cache(sent.models_cache, packed.conversions)
    opened = work.opened(sent, packed.settings, models, files.locate)
    assert models == tmp_path / "worker" / "models"
    assert (models / conversion.name / "meta.json").read_bytes() == b"{}"
    assert opened.models["toy"].identity == bench.models["toy"].identity
    assert opened.plan.relevant == bench.plan.relevant
    (loaded,) = opened.models["toy"].spec.load.args  # type: ignore[attr-defined]
    assert loaded.is_relative_to(models) and loaded.read_bytes() == b"weights" and loaded.name == "net.pt"
    assert Path(opened.plan.settings.classes["toy"]).read_bytes() == b"a\nb"
    without = worker.NodeFiles(packed.files, {})
    shutil.rmtree(models)
    with pytest.raises(UsageError, match=r"net\.pt: is not what it was when the run began"):
        without.locate(next(sha for sha, file in packed.files.items() if file.path.name == "net.pt"))


def test_where_the_same_path_has_the_same_bytes_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reportgen.pipeline.engines import work, worker

    monkeypatch.setenv("REPORTGEN_CACHE_DIR", str(tmp_path / "worker"))
    path = made_faults.written(tmp_path / "net.pt", b"weights")
    file = work.FileToCarry(path, file_sha256(path))
    assert worker.NodeFiles({file.sha256: file}, {}).locate(file.sha256) == path
    assert not (tmp_path / "worker").exists()


def test_settings_come_back_as_they_were() -> None:
    chosen = Settings(models=("toy",), weights={"toy": "net.pt"}, tasks=("cams",))
    again = pickle.loads(pickle.dumps(chosen))
    assert again == chosen and type(again) is type(chosen) and again.model_fields_set == chosen.model_fields_set


def test_batches_are_bounded_by_number_and_by_bytes(tmp_path: Path) -> None:
    from reportgen.pipeline.engines.ray import MOST_BYTES, batches
    from reportgen.pipeline.engines.worker import Task

    small, large = tmp_path / "small.png", tmp_path / "large.png"
    small.write_bytes(b"x")
    with large.open("wb") as file:
        file.truncate(MOST_BYTES)
    given = [InputFile(path.name, path) for path in [small] * 10 + [large] * 2 + [small]]
    tasks = [Task(at, file) for at, file in enumerate(given * 5)]
    sizes = [[task.at for task in batch] for batch in batches(tasks, 1)]
    assert [at for batch in sizes for at in batch] == list(range(65)), "each once, in order"
    assert sizes[:6] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [10], [11], [12, 13, 14, 15]]
    assert all(len(batch) == 1 for batch in batches(tasks[: len(given)], 8)), (
        "as many batches as keep eight workers busy"
    )


SLOW_RUN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have had it ignored
from pathlib import Path
import torch
torch.set_num_threads(1)
from made_faults import Told, ToneAnalysis, run
from reportgen.pipeline.execution import Execution

class Loud(Told):
    def step(self, detail=""):
        print("done", detail, flush=True)
    def say(self, message):
        print(message, flush=True)

images, home = Path(sys.argv[1]), Path(sys.argv[2])
run(images, home / "out", home / "cache", ToneAnalysis("slow"), Execution(engine="ray"), Loud())
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_driver_that_ends_leaves_no_process_and_the_same_command_goes_on(
    images: Path, by_threads: dict[str, bytes], tmp_path: Path, how: signal.Signals
) -> None:
    before = processes()
    command = [sys.executable, "-c", SLOW_RUN, str(images), str(tmp_path)]
    driver = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert driver.stdout is not None
    for line in driver.stdout:
        if ".png" in line:
            break
    if how == signal.SIGINT:
        os.killpg(driver.pid, how)  # as a terminal does: every process of the command hears it
    else:
        driver.send_signal(how)
    said, errors = driver.communicate(timeout=120)
    assert driver.returncode != 0
    if how == signal.SIGINT:
        assert "images are done and kept" in said and "the same command goes on" in said
        assert "ray" not in errors.replace("made_faults", "").lower().partition("traceback")[0]
    assert gone(before)
    told = Told()
    assert run(images, tmp_path / "out", tmp_path / "cache", progress=told) == by_threads
    assert not told.said[-1].startswith("0 of"), "what was finished is in the store"


# --- on two nodes --------------------------------------------------------------------------------


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of one core each on this machine."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 128 << 20})
    made.second = made.add_node(num_cpus=1, object_store_memory=128 << 20)
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.mark.slow
def test_two_nodes_give_the_bytes_of_threads(
    cluster: Any, images: Path, by_threads: dict[str, bytes], tmp_path: Path
) -> None:
    chosen = Execution(engine="ray", address=cluster.address)
    assert run(images, tmp_path / "out", tmp_path / "cache", execution=chosen) == by_threads


@pytest.mark.slow
def test_a_node_says_what_it_cannot_see(
    cluster: Any, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "photos"
    shutil.copytree(images, copy)
    from reportgen.pipeline.engines import ray as engine

    monkeypatch.setattr(engine, "_absolute", lambda file: made_faults.elsewhere(file))
    with pytest.raises(ReportgenError, match=r"node [\d.]+: cannot read /nowhere/.*put the images where every node"):
        run(copy, tmp_path / "out", tmp_path / "cache", execution=Execution(engine="ray", address=cluster.address))
    assert not (tmp_path / "out" / "report.json").exists()


class Removing(Told):
    """Takes a node away when the first images are done."""

    def __init__(self, cluster: Any, after: int) -> None:
        super().__init__()
        self.cluster, self.after = cluster, after

    def step(self, detail: str = "") -> None:
        super().step(detail)
        if sum(name.endswith(".png") for name in self.done) == self.after and self.cluster.second is not None:
            node, self.cluster.second = self.cluster.second, None
            self.cluster.remove_node(node, allow_graceful=False)


@pytest.mark.slow
def test_a_node_that_is_lost_costs_what_it_was_at(
    cluster: Any, images: Path, by_threads: dict[str, bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    chosen, told = Execution(engine="ray", address=cluster.address), Removing(cluster, 2)
    found = run(images, tmp_path / "out", tmp_path / "cache", ToneAnalysis("slow"), chosen, told)
    assert cluster.second is None, "the node was there to the end"
    assert found == by_threads
    assert "raylet" not in "".join(capfd.readouterr()), "Ray's own words"
