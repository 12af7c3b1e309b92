"""Results in a folder or at an address (`--store`): the same report, found again by any run, and every trouble in one line.

The command line, the pipeline and the store are the real ones, the model is a toy; S3 is a server on this machine.
"""

from __future__ import annotations

import pickle
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

import test_manners
from reportgen.pipeline.execution import Execution
from reportgen.storage.blobs import CHECK, AddressBlobs, FolderBlobs, blobs_at
from reportgen.storage.cache import info
from reportgen.storage.store import Store
from reportgen.utils.errors import ReportgenError, UsageError
from test_store import KEY, Small, assert_same

folder, call = test_manners.folder, test_manners.call  # fixtures
BUCKET = "s3://results/of/ours"
KEY_ID, SECRET = "AKIAOURSECRETNAME", "our-secret-key-of-s3"
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server that speaks S3; its address."""
    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    yield f"http://{host}:{port}"
    made.stop()


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The file system of that server, with one empty bucket; the environment names both."""
    with of_s3(monkeypatch, server) as files:
        files.mkdir("results")
        yield files
        files.rm("results", recursive=True)


@contextmanager
def of_s3(monkeypatch: pytest.MonkeyPatch, address: str) -> Iterator[Any]:
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    yield s3fs.S3FileSystem()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def memory() -> Iterator[Any]:
    made = fsspec.filesystem("memory")
    made.store.clear()
    yield made
    made.store.clear()


def files(out: Path) -> dict[str, bytes]:
    paths = [path for path in out.rglob("*") if path.is_file() and path.name != "timings.json"]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def run(call: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`reportgen run` on two photographs; returns the files of the report, and what was said."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")

    def run(out: str, *more: str) -> tuple[dict[str, bytes], str]:
        ended = call("run", "photos", "-o", out, "--model", "toy", "--format", "html", *more)
        assert ended.code == 0, ended.err
        return files(Path(out)), ended.err

    return run


# --- reports -------------------------------------------------------------------------------------


def test_a_report_is_the_same_wherever_its_results_are(
    run: Run, folder: Path, memory: Any, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, _ = run("cached")
    kept = info(folder / "cache").results
    assert kept > 0
    for place in ("shelf", "memory://shelf", BUCKET):
        made, said = run("first", "--store", place)
        assert made == expected
        assert "0 of 4 results were in the store; 4 computed" in said
        monkeypatch.setenv("REPORTGEN_STORE", place)
        again, said = run("second")
        assert again == expected
        assert "4 of 4 results were in the store; 0 computed" in said
    # What is typed has won over the variable; nothing of them is in the cache folder.
    assert info(folder / "cache").results == kept
    assert b"shelf" not in b"".join(expected.values())
    names = {len(Path(name).name) for name in s3.find("results/of/ours") if not name.endswith(CHECK)}
    assert names == {64 + len(".json"), 64 + len("-.npz") + 16}


@pytest.mark.parametrize("place", ["shelf", "memory://shelf", BUCKET])
def test_two_runs_at_once_on_one_store(place: str, memory: Any, s3: Any, tmp_path: Path) -> None:
    """Each finds what the other has kept, and never half of it, where they write the same and where they round differently."""
    stores = [Store(blobs_at(place if "://" in place else str(tmp_path / place))) for _ in range(2)]

    def work(store: Store, fill: int) -> bool:
        right = True
        for _ in range(10):
            store.put(KEY, Small(fill, np.full(2000, fill, np.float32)))
            found = store.get(KEY, Small)
            right = right and found is not None and bool((found.a == found.fill).all())
        return right

    with ThreadPoolExecutor(2) as threads:
        for fills in ((1, 1), (1, 2)):
            assert list(threads.map(work, stores, fills)) == [True, True]


def test_entries_that_were_spoilt_in_a_bucket_are_made_again(run: Run, s3: Any) -> None:
    expected, _ = run("first", "--store", BUCKET)
    values = sorted(name for name in s3.find("results/of/ours") if name.endswith(".json"))
    arrays = sorted(name for name in s3.find("results/of/ours") if name.endswith(".npz"))
    good = {name: s3.cat_file(name) for name in (*values, *arrays)}
    cut, rotated = (
        good[arrays[0]][:-9],
        dict(zip(values, [good[name] for name in (*values[1:], values[0])], strict=True)),
    )
    edited = {name: good[name].replace(b"0", b"1") for name in values[:1]}
    for spoilt in (
        {arrays[0]: cut, values[-1]: good[values[-1]][:-9], **edited},
        rotated,
        dict(zip(arrays, [good[name] for name in (*arrays[1:], arrays[0])], strict=True)),
    ):
        for name, data in spoilt.items():
            s3.pipe_file(name, data)
        made, said = run("again", "--store", BUCKET)
        assert made == expected
        assert " 0 computed" not in said or not set(spoilt) & set(values), (
            "arrays are read by what needs them, after the map"
        )
        assert {name: s3.cat_file(name) for name in good} == good


def test_units_are_labelled_from_a_store_too(memory: Any, tmp_path: Path) -> None:
    store, checks = Execution(store="memory://probe").results_in(tmp_path)
    for check in checks:
        check()
    store.put(KEY, Small(1.0, np.ones(2)))
    assert_same(Store(blobs_at("memory://probe")).get(KEY, Small), Small(1.0, np.ones(2)))
    assert not list(tmp_path.iterdir())


# --- stores --------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["shelf", "memory://shelf", BUCKET])
def test_a_store_goes_to_another_process_as_it_is(place: str, memory: Any, s3: Any, tmp_path: Path) -> None:
    store = Store(blobs_at(place if "://" in place else str(tmp_path / place)))
    store.put(KEY, Small(0.5, np.eye(3)))
    sent = pickle.loads(pickle.dumps(store))
    assert_same(sent.get(KEY, Small), Small(0.5, np.eye(3)))
    found = sent.values(KEY, Small)
    assert found is not None and found.a.shape == (3, 3)
    assert sent.get("0" * 64, Small) is None and sent.values("0" * 64, Small) is None


def test_values_alone_fetch_one_object(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store, asked = Store(blobs_at("memory://shelf")), []
    store.put(KEY, Small(0.5, np.eye(3)))
    real = AddressBlobs.read
    monkeypatch.setattr(AddressBlobs, "read", lambda self, name: asked.append(name) or real(self, name))
    store.values(KEY, Small)
    assert asked == [f"{KEY[:2]}/{KEY}.json"]
    store.get(KEY, Small)
    assert len(asked) == 3


def test_a_path_is_a_folder_whatever_it_looks_like(tmp_path: Path) -> None:
    assert blobs_at(tmp_path / "a") == blobs_at(str(tmp_path / "a")) == FolderBlobs(tmp_path / "a", aged=False)
    assert blobs_at("~/a") == FolderBlobs(Path.home() / "a", aged=False)


def test_a_folder_of_ones_own_is_not_aged(tmp_path: Path) -> None:
    """The limit of the cache is not for it: no use is noted, so that a hundred readers write nothing."""
    store = Store(blobs_at(tmp_path))
    store.put(KEY, Small(1.0, np.ones(2)))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    tmp_path.joinpath(KEY[:2]).chmod(0o755)
    assert store.get(KEY, Small) is not None
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


# --- what goes wrong -----------------------------------------------------------------------------


def refused(call: Run, *arguments: str) -> str:
    """The one line of a run that does not begin."""
    ended = call("run", "photos", "-o", "out", "--model", "toy", "--format", "html", *arguments)
    assert ended.code == 2
    assert not Path("out").exists()
    for secret in (KEY_ID, SECRET, "hunter2"):
        assert secret not in ended.out + ended.err
    (line,) = ended.err.strip().splitlines()
    return line.removeprefix("reportgen: ")


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (
            "ftp://ann:hunter2@host/a",
            "ftp://host/a: no store that results can be kept in; give a folder, or an address of",
        ),
        ("hf://datasets/a/b", "hf://datasets/a/b: no store that results can be kept in"),
        ("file:///tmp/a", "file:///tmp/a: no store that results can be kept in"),
        ("simplecache::s3://b/a", "simplecache::s3://b/a: no store that results can be kept in"),
        ("s3://[", "s3://[: no store that results can be kept in"),
        ("s3:///a", "s3:///a: give a store as s3://BUCKET/FOLDER"),
        ("s3://bucket/a?key=hunter2", "s3://bucket/a: give a store as s3://BUCKET/FOLDER and no more"),
        ("photos/a.png", "photos/a.png: is a file; give a folder for the store"),
        ("photos/a.png/b", f"photos/a.png/b/{CHECK}: cannot be written (Not a directory)"),
        ("s3://ann:hunter2@bucket/a", "s3://bucket/a: give a store as s3://BUCKET/FOLDER and no more"),
        ("s3://hunter2@bucket/a", "s3://bucket/a: give a store as s3://BUCKET/FOLDER and no more"),
        ("abfs://ann:hunter2@account/a", "abfs://account/a: give a store as abfs://BUCKET/FOLDER and no more"),
    ],
)
def test_what_is_no_store_is_one_line(call: Run, place: str, line: str) -> None:
    assert refused(call, "--store", place).removeprefix(f"{Path.cwd()}/").startswith(line)


def test_a_bucket_that_is_not_there_is_one_line(call: Run, s3: Any) -> None:
    line = refused(call, "--store", "s3://none/a")
    assert line == "s3://none/a: cannot be written: there is no such bucket"


def test_a_server_that_does_not_answer_is_one_line(call: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with of_s3(monkeypatch, f"http://127.0.0.1:{port}"):
        assert refused(call, "--store", BUCKET) == f"{BUCKET}: cannot be read: its server cannot be reached"


def test_no_credentials_are_one_line(call: Run, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    type(s3).clear_instance_cache()
    assert refused(call, "--store", BUCKET) == f"{BUCKET}: cannot be read: no credentials that are accepted"


def test_no_permission_is_one_line(call: Run, memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise PermissionError(f"AccessDenied for {KEY_ID}")

    monkeypatch.setattr(type(memory), "pipe_file", forbidden)
    assert refused(call, "--store", "memory://a") == "memory://a: cannot be written: no permission"
    monkeypatch.setattr(type(memory), "cat_file", forbidden)
    assert refused(call, "--store", "memory://a") == "memory://a: cannot be read: no permission"


def test_a_store_that_forgets_is_one_line(call: Run, memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(memory), "pipe_file", lambda *_, **__: None)
    line = refused(call, "--store", "memory://a")
    assert line == "memory://a: what was written there does not read back; give another store"


def test_a_package_that_is_missing_is_one_line(call: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    assert refused(call, "--store", BUCKET) == "s3:// needs a further package: pip install 'reportgen[remote]'"


def test_a_store_that_fails_during_a_run_is_one_line(call: Run, memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = type(memory).pipe_file

    def failing(self: Any, path: str, value: bytes, **options: Any) -> None:
        if not path.endswith(CHECK):
            raise ConnectionResetError(f"key {SECRET}")
        real(self, path, value, **options)

    monkeypatch.setattr(type(memory), "pipe_file", failing)
    ended = call("run", "photos", "-o", "out", "--model", "toy", "--format", "html", "--store", "memory://a")
    assert ended.code == 2
    assert "reportgen: memory://a: cannot be written: its server cannot be reached" in ended.err.splitlines()
    assert SECRET not in ended.err and "Traceback" not in ended.err


def test_no_secret_is_shown_or_written(call: Run, s3: Any) -> None:
    address = "abfs://ann@account/a"
    for value in (
        Execution(store=address),
        blobs_at(address),
        Store(blobs_at(address)),
        vars(Store(blobs_at(address))),
    ):
        assert address not in repr(value)
    ended = call("run", "photos", "-o", "out", "--model", "toy", "--format", "html", "--store", BUCKET, "-v")
    assert ended.code == 0
    assert f"results are kept in {BUCKET}" in ended.err
    written = b"".join(files(Path("out")).values()).decode("latin-1")
    for secret in (SECRET, KEY_ID):
        assert secret not in ended.out + ended.err + written
    assert BUCKET not in written, "where results are kept is no part of the report"


def test_a_network_error_is_no_missing_result(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a run of hours would compute what is there."""
    store = Store(blobs_at("memory://shelf"))
    store.put(KEY, Small(1.0, np.ones(2)))

    def failing(*_: Any, **__: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr(type(memory), "cat_file", failing)
    for read in (store.get, store.values):
        with pytest.raises(ReportgenError, match=r"^memory://shelf: cannot be read: its server cannot be reached$"):
            read(KEY, Small)


def test_an_address_of_no_store_is_refused_in_python() -> None:
    with pytest.raises(UsageError, match="no store that results can be kept in"):
        Execution(store="https://host/a").results_in(Path("cache"))
