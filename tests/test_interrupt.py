"""Runs that end badly: killed, interrupted, out of disk, two at once. The next run gives the bytes of an undisturbed one."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from crash_runs import KILLED, Job, Server, assert_whole_or_unfinished, files, photo_folder
from reportgen.cli import main as cli
from reportgen.storage import cache
from reportgen.storage.codec import Array
from reportgen.storage.run_folder import RunFolder
from reportgen.storage.store import Store
from reportgen.utils.errors import ReportgenError, UsageError
from reportgen.utils.files import write_file
from reportgen.utils.hashing import digest_of


@dataclass(frozen=True)
class Nothing:
    """A result of nothing."""


@dataclass(frozen=True)
class Zeros:
    """A result of a kilobyte."""

    a: Array


# --- killed --------------------------------------------------------------------------------------


def test_a_run_killed_at_random_moments_ends_with_the_same_bytes(
    server: Server, photos: Path, undisturbed: tuple[dict[str, bytes], Any], tmp_path: Path
) -> None:
    expected, first = undisturbed
    draw, kills = random.Random(7), 0
    for number in range(4):
        job = Job(server, photos, tmp_path / str(number))
        if number % 3 == 2:  # over a finished run of other images and settings
            other = Job(server, photo_folder(tmp_path / f"other-{number}", 3), job.folder)
            assert other.run("--seed", "1")["code"] == 0
        for _ in range(4):
            kills += job.run(after=draw.uniform(0.01, first["seconds"]))["code"] == KILLED
            assert_whole_or_unfinished(job.out)
        assert job.finish() == expected
    assert kills, "every run was over before it was killed"


def killed(job: Job, operation: int) -> bool:
    """Kill the command right before its n-th operation on the disk; False where it was done before it came so far.

    A run that finds results has fewer to do, and threads that meet at a folder now and then try twice to make it.
    """
    answer = job.run(operation=operation)
    assert answer["code"] == KILLED or (answer["code"] == 0 and answer["operations"] < operation), answer["said"]
    return bool(answer["code"] == KILLED)


def test_a_run_killed_at_any_operation_on_the_disk_ends_with_the_same_bytes(
    server: Server, photos: Path, undisturbed: tuple[dict[str, bytes], Any], tmp_path: Path
) -> None:
    expected, first = undisturbed
    draw, kills = random.Random(11), 0
    for number in range(4):
        job = Job(server, photos, tmp_path / str(number))
        for _ in range(4):
            kills += killed(job, draw.randint(1, first["operations"]))
            assert_whole_or_unfinished(job.out)
        assert job.finish() == expected
    assert kills > 4, "too many runs were over before they were killed"


@pytest.mark.slow
@pytest.mark.parametrize("start", [1, 2, 3])
def test_a_run_with_a_pdf_killed_all_along_its_way(server: Server, photos: Path, tmp_path: Path, start: int) -> None:
    """Every ninth operation of a run with a PDF, and the last ones all; after each kill the next run is whole."""
    reference = Job(server, photos, tmp_path / "reference", ())
    operations = reference.run()["operations"]
    expected = files(reference.out)
    for operation in sorted({*range(start * 3, operations, 9), *range(operations - 3 * start, operations + 1)}):
        job = Job(server, photos, tmp_path / str(operation), ())
        assert killed(job, operation) or operation > operations - 9
        assert_whole_or_unfinished(job.out)
        assert job.finish() == expected, operation
        shutil.rmtree(job.folder)


def test_one_of_two_runs_at_once_is_killed_and_the_other_does_not_notice(
    server: Server, photos: Path, undisturbed: tuple[dict[str, bytes], Any], tmp_path: Path
) -> None:
    expected, first = undisturbed
    draw = random.Random(13)
    for number in range(3):
        a = Job(server, photos, tmp_path / str(number))
        b = Job(server, photos, tmp_path / str(number) / "b")
        shared = {"REPORTGEN_CACHE_DIR": str(a.folder / "cache")}
        killed, other = server.runs(
            a.request(after=draw.uniform(0.02, first["seconds"]), env=shared), b.request(env=shared)
        )
        assert (other["code"], killed["code"] in (KILLED, 0)) == (0, True), other["said"]
        assert files(b.out) == expected
        assert a.finish() == expected


@pytest.mark.slow
def test_three_hundred_images_interrupted_five_times(server: Server, tmp_path: Path) -> None:
    many = photo_folder(tmp_path / "photos", 300)
    expected = Job(server, many, tmp_path / "reference", ()).finish()
    job, stops = Job(server, many, tmp_path / "job", ()), []
    for number in range(5):
        stop = signal.SIGINT if number % 2 else signal.SIGKILL
        stops.append(job.run(env={"AT": f"{20 + 7 * number}:{int(stop)}"})["code"])
    assert stops == [KILLED, 130, KILLED, 130, KILLED]
    assert job.finish() == expected


# --- interrupted ---------------------------------------------------------------------------------


def test_an_interrupt_says_what_is_kept_and_how_to_go_on(
    server: Server, photos: Path, undisturbed: tuple[dict[str, bytes], Any], tmp_path: Path
) -> None:
    job, at = Job(server, photos, tmp_path), {"AT": f"4:{int(signal.SIGINT)}"}
    answer = job.run(env=at)
    assert answer["code"] == 130
    *_, kept, last = answer["said"].splitlines()
    said = re.fullmatch(r"(\d) of 6 images are done and kept, (\d+) results are new; the same command goes on", kept)
    assert said, kept
    assert last.startswith("reportgen: interrupted; finished results are kept")
    images, results = int(said[1]), int(said[2])
    # Of the image that it was at, and of those under way beside it, some results may be there too.
    assert images <= 5 and 2 * images <= results <= 12
    assert f"{results} of 12 results were in the store; {12 - results} computed" in job.run()["said"]
    assert files(job.out) == undisturbed[0]
    anew = job.run("--fresh", env=at)
    assert "give the same command without --fresh to go on" in anew["said"]


def test_fresh_computes_everything_and_gives_the_same_bytes(
    server: Server, photos: Path, undisturbed: tuple[dict[str, bytes], Any], tmp_path: Path
) -> None:
    job = Job(server, photos, tmp_path)
    job.finish()
    assert "0 of 12 results were in the store; 12 computed" in job.run("--fresh")["said"]
    # The command stands in the report, and this one has one flag fewer.
    assert job.finish() == undisturbed[0]


# --- the disk ------------------------------------------------------------------------------------


def test_a_disk_that_is_full_is_one_line_and_nothing_looks_whole(
    server: Server, photos: Path, undisturbed: tuple[dict[str, bytes], Any], tmp_path: Path
) -> None:
    """A limit on the size of files stops the write half-way, as a full disk does: at a result, a chart, a page."""
    expected, _ = undisturbed
    stopped = set()
    for limit in (3_000, 9_000, 10_500, 14_000, 100_000):
        job = Job(server, photos, tmp_path / str(limit))
        answer = job.run(limits={"FSIZE": limit})
        assert answer["code"] == 2
        assert "Traceback" not in answer["said"]
        (line,) = [line for line in answer["said"].splitlines() if line.startswith("reportgen: ")]
        assert line.endswith("cannot be written (File too large)")
        stopped.add(Path(line.split(": ")[1]).suffix)
        assert not (job.out / "manifest.json").exists()
        assert not list(job.folder.rglob(".partial-*"))
        assert_whole_or_unfinished(job.out)
        assert job.finish() == expected
    assert stopped == {".npz", ".svg", ".html"}  # a section as the store keeps it is larger than report.json


def test_no_space_left_says_so_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ReportgenError, match=r"a: cannot be written \(No space left on device\); make room and give"):
        write_file(tmp_path / "a", b"1")
    assert list(tmp_path.iterdir()) == []


@contextmanager
def another_user() -> Iterator[None]:
    """Nobody's rights: root may write anywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder that nobody may write to, in a place that everybody may read."""
    import tempfile

    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "locked"
        folder.mkdir()
        Path(home).chmod(0o755)
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


def test_a_folder_that_cannot_be_written_is_one_line(locked: Path) -> None:
    with another_user():
        for attempt in (
            lambda: RunFolder(locked / "out").begin(),
            lambda: RunFolder(locked).begin(),
            lambda: Store(locked / "results").put(digest_of(1), Nothing()),
        ):
            with pytest.raises(ReportgenError, match=r"cannot be written \(Permission denied\)"):
                attempt()
        with cache.in_use(locked):  # reading works
            assert Store(locked / "results").get(digest_of(1), Nothing) is None
    assert list(locked.iterdir()) == []


def test_a_run_into_a_folder_that_cannot_be_written(server: Server, photos: Path, tmp_path: Path) -> None:
    """A file where the cache, or a folder of the run, should be: true for root as well."""
    job = Job(server, photos, tmp_path)
    (tmp_path / "file").write_text("mine")
    answer = job.run(env={"REPORTGEN_CACHE_DIR": str(tmp_path / "file")})
    assert (answer["code"], "Traceback" in answer["said"]) == (2, False)
    assert "cannot be written (Not a directory)" in answer["said"].splitlines()[-1]
    assert not job.out.exists()


# --- the images ----------------------------------------------------------------------------------


def test_an_image_that_vanishes_or_changes_between_runs_is_noticed(server: Server, tmp_path: Path) -> None:
    folder = photo_folder(tmp_path / "photos", 4)
    job = Job(server, folder, tmp_path)
    before = job.finish()
    Image.new("RGB", (30, 30), "red").save(folder / "photo-001.png")
    (folder / "photo-002.png").unlink()
    changed = job.run()
    assert "4 of 6 results were in the store; 2 computed" in changed["said"]
    report = json.loads((job.out / "report.json").read_bytes())
    assert [image["name"] for image in report["images"]] == ["photo-000.png", "photo-001.png", "photo-003.png"]
    red = hashlib.sha256((folder / "photo-001.png").read_bytes()).hexdigest()
    assert report["images"][1]["sha256"] == red
    assert "maps/photo-002/brightness.npy" in before
    assert not (job.out / "maps/photo-002").exists()


def test_an_image_that_vanishes_during_the_run_is_skipped_with_a_reason(server: Server, tmp_path: Path) -> None:
    folder = photo_folder(tmp_path / "photos", 3)
    answer = Job(server, folder, tmp_path).run(env={"AT": f"1:{folder / 'photo-002.png'}"})
    assert answer["code"] == 0, answer["said"]
    report = json.loads((tmp_path / "out/report.json").read_bytes())
    assert report["skipped"] == [{"name": "photo-002.png", "reason": "cannot be read: no such file or directory"}]


# --- the cache -----------------------------------------------------------------------------------


def stored(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "results").rglob("*.json"))


def put(folder: Path, *numbers: int, used: float | None = None) -> list[str]:
    keys = [digest_of(number) for number in numbers]
    for key in keys:
        Store(folder / "results").put(key, Zeros(np.zeros(250, np.float32)))
        if used is not None:
            for path in (folder / "results" / key[:2]).glob(f"{key}*"):
                os.utime(path, (used, used))
    return keys


def conversion(folder: Path, name: str, used: float) -> Path:
    path = folder / "models" / (name * 32)
    path.mkdir(parents=True)
    (path / "model.bin").write_bytes(bytes(5000))
    (path / "meta.json").write_text("{}")
    os.utime(path / "meta.json", (used, used))
    return path


def test_over_the_limit_the_longest_unused_goes_and_never_what_this_run_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, older, read = put(tmp_path, 1, used=2000), put(tmp_path, 2, used=1000), put(tmp_path, 3, used=500)
    monkeypatch.setenv("REPORTGEN_CACHE_LIMIT", str(cache.info(tmp_path).size * 2 // 3))
    model = conversion(tmp_path, "a", used=1500)
    with cache.in_use(tmp_path):
        assert Store(tmp_path / "results").get(read[0], Zeros) is not None
        assert sorted([*old, *older, *read]) == stored(tmp_path)
    assert stored(tmp_path) == sorted([*old, *read]), "older and the model went, in that order, until it fitted"
    assert not model.exists()
    monkeypatch.setenv("REPORTGEN_CACHE_LIMIT", "0")
    with cache.in_use(tmp_path):
        new = put(tmp_path, 4)
    assert stored(tmp_path) == new


def test_nothing_goes_while_another_run_is_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORTGEN_CACHE_LIMIT", "0")
    old = put(tmp_path, 1, used=1000)
    with cache.in_use(tmp_path):
        with cache.in_use(tmp_path):
            pass
        assert stored(tmp_path) == old
        with pytest.raises(UsageError, match="a run is using this cache"):
            cache.clear(tmp_path)
    assert stored(tmp_path) == []


def test_two_runs_at_once_under_a_limit_of_nothing(
    server: Server, photos: Path, undisturbed: tuple[dict[str, bytes], Any], tmp_path: Path
) -> None:
    shared = {"REPORTGEN_CACHE_DIR": str(tmp_path / "cache"), "REPORTGEN_CACHE_LIMIT": "0"}
    jobs = [Job(server, photos, tmp_path / name) for name in "ab"]
    for _ in range(3):
        for answer in server.runs(*(job.request(env=shared) for job in jobs)):
            assert answer["code"] == 0, answer["said"]
        assert [files(job.out) == undisturbed[0] for job in jobs] == [True, True]


def test_what_a_killed_run_left_half_written_is_swept_up(tmp_path: Path) -> None:
    (key,) = put(tmp_path, 1)
    scraps = [tmp_path / "results" / key[:2] / ".partial-1-abcdef01", tmp_path / ".partial-1-abcdef02"]
    for scrap in scraps:
        scrap.write_bytes(b"half")
    (tmp_path / "models/.export-x").mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("mine")
    with cache.in_use(tmp_path):
        pass
    assert [path.exists() for path in [*scraps, tmp_path / "models/.export-x"]] == [False] * 3
    assert (tmp_path / "notes.txt").exists()
    assert stored(tmp_path) == [key]


def test_a_cache_of_another_version_is_refused_and_can_be_cleared(tmp_path: Path) -> None:
    put(tmp_path, 1)
    (tmp_path / "format").write_text("99\n")
    with pytest.raises(UsageError, match=r"written by another version .*cache clear"), cache.in_use(tmp_path):
        pass
    assert cache.clear(tmp_path).results == 1
    with cache.in_use(tmp_path):
        assert (tmp_path / "format").read_text() == f"{cache.FORMAT}\n"


def test_clearing_takes_entries_and_nothing_else(tmp_path: Path) -> None:
    old, new = put(tmp_path, 1, used=1000), put(tmp_path, 2)
    model = conversion(tmp_path, "b", used=1000)
    for name in ("results/ab/notes.npz", "results/mine.txt", "models/mine/x", "mine.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
    removed = cache.clear(tmp_path, older_than_days=30)
    assert (removed.results, removed.models) == (1, 1)
    assert not model.exists()
    assert [key for key in stored(tmp_path) if key != "notes"] == new != old
    assert cache.clear(tmp_path).results == 1
    for name in ("results/ab/notes.npz", "results/mine.txt", "models/mine/x", "mine.txt"):
        assert (tmp_path / name).exists()
    assert cache.clear(tmp_path / "gone") == cache.Totals(0, 0, 0)
    assert not (tmp_path / "gone").exists()


def test_values_and_arrays_are_one_entry_and_go_together(tmp_path: Path) -> None:
    (key,) = put(tmp_path, 1, used=1000)
    folder = tmp_path / "results" / key[:2]
    assert len(list(folder.iterdir())) == 2
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert cache.info(tmp_path) == cache.Totals(1, 0, size)
    # What an earlier version kept is an entry of its own, and none that is read.
    former = folder / f"{key}.npz"
    former.write_bytes(bytes(100))
    os.utime(former, (500, 500))
    assert cache.info(tmp_path) == cache.Totals(2, 0, size + 100)
    assert Store(tmp_path / "results").get(key, Zeros) is not None
    assert cache.clear(tmp_path, older_than_days=30) == cache.Totals(1, 0, 100)
    assert stored(tmp_path) == [key]
    # Read as values alone it was used, too.
    put(tmp_path, 1, used=1000)
    assert Store(tmp_path / "results").values(key, Zeros) is not None
    assert cache.clear(tmp_path, older_than_days=30) == cache.Totals(0, 0, 0)
    assert cache.clear(tmp_path) == cache.Totals(1, 0, size)
    assert list(folder.iterdir()) == []


def test_the_cache_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REPORTGEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("REPORTGEN_CACHE_LIMIT", "2 GB")
    put(tmp_path, 1, used=1000)
    put(tmp_path, 2)
    conversion(tmp_path, "c", used=1000)

    def call(*arguments: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", ["reportgen", "cache", *arguments])
        cli.main()
        return capsys.readouterr().out.splitlines()

    size = cache.readable(cache.info(tmp_path).size)
    assert call("info") == [
        f"folder: {tmp_path}",
        "results: 2",
        "converted models: 1",
        f"size: {size}",
        "limit: 2.0 GB (REPORTGEN_CACHE_LIMIT)",
    ]
    assert call("clear", "--older-than", "30")[0].startswith("1 results and 1 converted models removed, 6.")
    assert call("clear")[0].startswith("1 results and 0 converted models removed, ")
    assert call("info")[1:4] == ["results: 0", "converted models: 0", "size: 0 B"]


@pytest.mark.parametrize(
    ("text", "size"), [("5GB", 5 * 10**9), ("1.5 mb", 1_500_000), ("0", 0), ("12", 12), ("", 5 * 10**9)]
)
def test_the_limit_is_a_size(text: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORTGEN_CACHE_LIMIT", text)
    assert cache.cache_limit() == size


@pytest.mark.parametrize("text", ["much", "-1", "5 GiBs", "1e9x", "٣"])
def test_a_limit_that_is_no_size_is_refused_before_the_work(text: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("REPORTGEN_CACHE_LIMIT", text)
    with pytest.raises(UsageError, match=r"REPORTGEN_CACHE_LIMIT is .*give a size such as"), cache.in_use(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_sizes_are_readable() -> None:
    assert [cache.readable(n) for n in (0, 999, 1000, 5 * 10**9, 10**13)] == [
        "0 B",
        "999 B",
        "1.0 KB",
        "5.0 GB",
        "10.0 TB",
    ]


# --- the run folder ------------------------------------------------------------------------------


def test_two_runs_do_not_write_one_folder(tmp_path: Path) -> None:
    first = RunFolder(tmp_path / "out")
    first.begin()
    with pytest.raises(UsageError, match="another run is writing here; wait for it, or give another folder with -o"):
        RunFolder(tmp_path / "out").begin()
    first.raw("a", b"1")
    first.finish()
    second = RunFolder(tmp_path / "out")
    second.begin()
    second.close()
    RunFolder(tmp_path / "out").begin()


def test_scraps_of_a_killed_run_are_swept_from_its_folder_and_the_users_files_stay(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    for path in (tmp_path / ".partial-1-a", tmp_path / "maps/x/.partial-1-b", mine / ".partial-1-c"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    (tmp_path / ".unfinished").write_text('"maps/x/y.npy"\n')
    folder = RunFolder(tmp_path)
    folder.begin()
    folder.finish()
    assert sorted(files(tmp_path)) == ["manifest.json", "mine/.partial-1-c"]
