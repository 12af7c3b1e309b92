"""Runs in surroundings that are none: full and read-only disks, odd places, images that change, closed streams, no home.

Each ends as it should, or in one line with the exit code that docs/run-folder.md names; nothing half-written looks finished, and
the same command goes on to the bytes of an undisturbed run.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crash_runs import KILLED, Job, Server, assert_whole_or_unfinished, files, photo_folder
from reportgen.storage.run_folder import RunFolder
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import file_sha256

Undisturbed = tuple[dict[str, bytes], Any]
Disk = Callable[[Path, str], Path]
ASCII: dict[str, str | None] = {
    "LC_ALL": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONIOENCODING": None,
}


@pytest.fixture
def disk() -> Iterator[Disk]:
    """Mounts a file system of a few KiB at a place."""
    mounted: list[Path] = []

    def mount(place: Path, size: str) -> Path:
        place.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no file system can be mounted here")
        mounted.append(place)
        return place

    yield mount
    for place in reversed(mounted):
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(scope="module")
def private() -> None:
    """Skips where a process cannot have mounts of its own."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("no mounts of one's own here")


def grow(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=16m", str(place)], check=True)


def the_line(answer: dict[str, Any], code: int = 2) -> str:
    """The one line of a run that could not end well."""
    assert answer["code"] == code, answer["said"]
    assert "Traceback" not in answer["said"]
    (line,) = [line for line in answer["said"].splitlines() if line.startswith("reportgen: ")]
    return line


def refused(server: Server, out: Path) -> bool:
    """Whether `verify` finds no finished run there."""
    (answer,) = server.runs({"argv": ["verify", str(out)]})
    return answer["code"] in (1, 2)


# --- killed --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_fifty_kills_with_four_images_under_way(
    server: Server, photos: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    expected, first = undisturbed
    draw, kills = random.Random(17), 0
    for number in range(50):
        job = Job(server, photos, tmp_path / str(number))
        kills += job.run("--jobs", "4", after=draw.uniform(0.01, first["seconds"]))["code"] == KILLED
        assert_whole_or_unfinished(job.out)
        assert (job.out / "manifest.json").exists() or not job.out.exists() or refused(server, job.out)
        assert job.finish() == expected
        shutil.rmtree(job.folder)
    assert kills > 35, "most runs were over before they were killed"


# --- full disks ----------------------------------------------------------------------------------


def test_a_full_disk_of_the_cache(
    server: Server, photos: Path, undisturbed: Undisturbed, disk: Disk, tmp_path: Path
) -> None:
    job = Job(server, photos, tmp_path)
    cache = disk(tmp_path / "cache", "80k")
    line = the_line(job.run())
    assert str(cache) in line and "(No space left on device); make room and give the same command again" in line
    assert not job.out.exists() and not list(tmp_path.rglob(".partial-*"))
    grow(cache)
    answer = job.run()
    assert answer["code"] == 0 and "\n0 of 12 results were in the store" not in answer["said"], (
        "what was finished is found"
    )
    assert files(job.out) == undisturbed[0]


@pytest.mark.slow
@pytest.mark.parametrize("kib", [4, 60, 120, 200, 400, 600, 680, 720])
@pytest.mark.parametrize("place", ["out", "cache", "store"])
def test_a_disk_that_is_full_at_any_moment(
    place: str, kib: int, server: Server, photos: Path, undisturbed: Undisturbed, disk: Disk, tmp_path: Path
) -> None:
    job = Job(server, photos, tmp_path)
    small = disk(tmp_path / place, f"{kib}k")
    more = ("--store", str(small)) if place == "store" else ()
    answer = job.run(*more)
    if answer["code"] == 0:  # it had room enough
        assert kib > 120 and files(job.out) == undisturbed[0]
        return
    line = the_line(answer)
    assert str(small) in line and "No space left on device" in line
    assert refused(server, job.out) and not list(tmp_path.rglob(".partial-*"))
    assert {name for name, data in files(job.out).items() if undisturbed[0].get(name) != data} <= {".unfinished"}
    grow(small)
    assert job.run(*more)["code"] == 0
    assert files(job.out) == undisturbed[0]


@pytest.mark.slow
def test_a_full_disk_of_temporary_files(server: Server, photos: Path, disk: Disk, tmp_path: Path) -> None:
    """A user's own style is laid out in another process, which unpacks fonts there."""
    job = Job(server, photos, tmp_path, ("--config", str(tmp_path / "own.toml")))
    scratch = disk(tmp_path / "tmp", "64k")
    (tmp_path / "own.css").write_text("p { color: red }")
    (tmp_path / "own.toml").write_text(f'formats = ["pdf"]\n[document]\nextra_css = "{tmp_path / "own.css"}"\n')
    line = the_line(job.run(env={"TMPDIR": str(scratch)}, fresh=True))
    assert "No space left on device" in line
    assert f"temporary files lie in {scratch}, another disk; TMPDIR moves them" in line
    assert refused(server, job.out) and list(scratch.iterdir()) == []
    expected = Job(server, photos, tmp_path / "other", job.more).finish()
    assert job.finish() == expected


@pytest.mark.slow
def test_no_folder_for_temporary_files(server: Server, photos: Path, private: None, disk: Disk, tmp_path: Path) -> None:
    place = disk(tmp_path / "place", "16m")
    job = Job(server, photos, place, ("--format", "pdf"))
    nowhere = [["read-only", name] for name in ("/tmp", "/var/tmp", "/usr/tmp") if Path(name).is_dir()]
    nowhere.append(["read-only", str(server.home)])  # where Python looks last: the working folder
    if not any(tmp_path.is_relative_to(name) for _, name in nowhere):
        nowhere.append(["read-only", str(tmp_path)])
    line = the_line(job.run(env={"TMPDIR": None}, fresh=True, mounts=nowhere))
    assert "no folder for temporary files can be written; set TMPDIR" in line
    assert refused(server, job.out)
    assert job.run("--format", "html", env={"TMPDIR": None}, mounts=nowhere)["code"] == 0, "a page needs none"


# --- where the report goes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("file", "is a file; give a folder for the report with -o"),
        ("to file", "is a file; give a folder for the report with -o"),
        ("dangling", "is a link that leads nowhere; give another folder with -o"),
    ],
)
def test_a_file_or_a_link_in_place_of_the_run_folder(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "to file").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(UsageError, match=said):
        RunFolder(tmp_path / name).require_free()
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("out", ["out", pytest.param("", marks=pytest.mark.slow)])
def test_a_read_only_disk_is_said_before_any_work(
    out: str, server: Server, photos: Path, private: None, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    job = Job(server, photos, tmp_path)
    place = tmp_path / "disk" / out
    answer = job.run("-o", str(place), mounts=[["read-only", str(tmp_path / "disk")]])
    assert the_line(answer) == (
        f"reportgen: {place}: cannot be written (Read-only file system); give another folder with -o"
    )
    assert "Explaining images" not in answer["said"]


@pytest.mark.slow
def test_a_report_goes_where_a_link_to_a_folder_leads(
    server: Server, photos: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    job = Job(server, photos, tmp_path)
    (tmp_path / "real").mkdir()
    job.out.symlink_to("real")
    assert job.finish() == undisturbed[0]
    assert job.finish() == files(tmp_path / "real") and job.out.is_symlink()


@pytest.mark.slow
@pytest.mark.parametrize(("images", "out"), [("x", "x"), ("x", "x/y"), ("x/y", "x"), ("x/y/z", "x")])
def test_images_and_report_may_lie_within_each_other(
    images: str, out: str, server: Server, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """The report is that of the images, the first time and the second, and they stay as they are."""
    (tmp_path / images).parent.mkdir(parents=True, exist_ok=True)
    given = photo_folder(tmp_path / images, 6)
    before = files(given)
    job = Job(server, given, tmp_path / "elsewhere")
    for _ in range(2):
        assert job.run("-o", str(tmp_path / out))["code"] == 0
        found = files(tmp_path / out)
        assert files(given).items() >= before.items()
        listed = json.loads(found["manifest.json"])["files"]
        assert len(listed) == len(undisturbed[0]) - 1
        report = json.loads(found["report.json"])
        assert [image["name"] for image in report["images"]] == sorted(before)
        assert report["skipped"] == [] and report["left_alone"] == []


@pytest.mark.slow
def test_of_two_runs_into_one_folder_at_once_one_is_refused_and_one_is_whole(
    server: Server, photos: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """With caches of their own, so that both come to writing at the same time; where one has ended before, both are done."""
    job = Job(server, photos, tmp_path)
    for attempt in range(3):
        caches = [{"REPORTGEN_CACHE_DIR": str(tmp_path / f"cache-{attempt}-{name}")} for name in "ab"]
        answers = server.runs(*(job.request(env=env) for env in caches))
        assert files(job.out) == undisturbed[0]
        losers = [answer for answer in answers if answer["code"]]
        if losers:
            break
    assert len(losers) == 1, "they never met"
    assert "another run is writing here; wait for it, or give another folder with -o" in the_line(losers[0])


@pytest.mark.slow
def test_four_runs_with_one_cache_and_places_of_their_own(
    server: Server, photos: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    jobs = [Job(server, photos, tmp_path / name) for name in "abcd"]
    shared = {"REPORTGEN_CACHE_DIR": str(tmp_path / "cache")}
    for _ in range(3):
        for job, answer in zip(jobs, server.runs(*(job.request(env=shared) for job in jobs)), strict=True):
            assert answer["code"] == 0, answer["said"]
            assert files(job.out) == undisturbed[0]
        shutil.rmtree(tmp_path / "cache")


# --- images that change --------------------------------------------------------------------------

CHANGES = {
    "cut": "truncated PNG",
    "pipe": "not a regular file",
    "folder": "not a regular file",
    "": "cannot be read: no such file or directory",
    "other": None,
}


@pytest.mark.parametrize(
    "change", [name if name == "pipe" else pytest.param(name, marks=pytest.mark.slow) for name in CHANGES]
)
def test_an_image_that_changes_during_the_run_is_skipped_with_a_reason_or_is_what_it_is_now(
    change: str, server: Server, tmp_path: Path
) -> None:
    given = photo_folder(tmp_path / "photos", 3)
    place = given / "photo-002.png"
    job = Job(server, given, tmp_path)
    answer = job.run("--jobs", "1", env={"AT": f"1:{change}:{place}" if change else f"1:{place}"})
    assert answer["code"] == 0, answer["said"]
    report = json.loads((job.out / "report.json").read_bytes())
    if CHANGES[change] is None:
        assert report["skipped"] == []
        assert report["images"][2]["sha256"] == file_sha256(place)
    else:
        assert report["skipped"] == [{"name": place.name, "reason": CHANGES[change]}]


@pytest.mark.slow
def test_all_images_gone_during_the_run(server: Server, tmp_path: Path) -> None:
    given = photo_folder(tmp_path / "photos", 1)
    job = Job(server, given, tmp_path)
    job.finish()
    for path in given.iterdir():
        path.unlink()
        os.mkfifo(path)
    assert "not a regular file" in the_line(job.run(), code=3)
    assert (job.out / "manifest.json").exists(), "the report that is there stays"


# --- told to stop, and nobody there --------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)])
def test_a_signal_that_ends_a_run_is_said_as_ctrl_c_is(
    number: signal.Signals, server: Server, photos: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    job = Job(server, photos, tmp_path)
    answer = job.run(env={"AT": f"4:{int(number)}"})
    line = the_line(answer, code=128 + number)
    assert line.endswith(
        f"interrupted by {number.name}; finished results are kept, the same command goes on from there"
    )
    assert " of 6 images are done and kept, " in answer["said"]
    assert not list(tmp_path.rglob(".partial-*"))
    if number == signal.SIGHUP:  # the other is followed by whole runs below
        assert job.finish() == undisturbed[0]


@pytest.mark.slow
def test_sigterm_at_twenty_random_moments(
    server: Server, photos: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    expected, first = undisturbed
    draw, stopped = random.Random(19), 0
    job = Job(server, photos, tmp_path)
    for number in range(20):
        answer = job.run("--fresh", after=draw.uniform(0.1, first["seconds"]), signal=int(signal.SIGTERM))
        # Before a handler is there the signal ends the process as it ends any.
        assert answer["code"] in (143, -signal.SIGTERM, 0), answer["said"]
        assert "Traceback" not in answer["said"]
        stopped += answer["code"] == 143
        assert_whole_or_unfinished(job.out)
        if number % 5 == 4:
            assert job.finish() == expected
    assert stopped > 5, "too few were at work"


GONE = {
    "closed": {"0": "closed", "1": "closed", "2": "closed"},
    "readers gone": {"1": "gone", "2": "gone"},
    "nowhere to say anything": {"2": "/dev/full"},
}


@pytest.mark.parametrize(
    "name", [name if name == "closed" else pytest.param(name, marks=pytest.mark.slow) for name in GONE]
)
def test_a_run_that_nobody_listens_to_is_the_same_run(
    name: str, server: Server, photos: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    job = Job(server, photos, tmp_path)
    answer = job.run(streams=GONE[name])
    assert (answer["code"], answer["said"]) == (0, "")
    assert files(job.out) == undisturbed[0]


@pytest.mark.slow
@pytest.mark.parametrize("manner", [(), ("--json",)])
def test_results_that_cannot_be_written_are_an_error(
    manner: tuple[str, ...], server: Server, photos: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    job = Job(server, photos, tmp_path)
    line = the_line(job.run(*manner, streams={"1": "/dev/full"}))
    assert line == "reportgen: standard output: cannot be written (No space left on device)"
    assert files(job.out) == undisturbed[0], "what was asked for is there all the same"


# --- around the process --------------------------------------------------------------------------


def no_fonts(folder: Path) -> str:
    file = folder / "fonts.conf"
    file.write_text('<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig></fontconfig>')
    return str(file)


@pytest.mark.slow
def test_a_run_without_home_fonts_locale_and_files(
    server: Server, photos: Path, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """All at once."""
    job = Job(server, photos, tmp_path)
    env = {**ASCII, "HOME": "/nonexistent", "XDG_CACHE_HOME": None, "FONTCONFIG_FILE": no_fonts(tmp_path)}
    answer = job.run(env=env, fresh=True, limits={"NOFILE": 64})
    assert answer["code"] == 0, answer["said"]
    assert files(job.out) == undisturbed[0]


@pytest.fixture(scope="module")
def with_pdf(server: Server, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return Job(server, photos, tmp_path_factory.mktemp("with-pdf"), ()).finish()


SURROUNDINGS: dict[str, dict[str, Any]] = {
    "no HOME": {"env": {"HOME": None, "XDG_CACHE_HOME": None}},
    "a HOME that is not there": {"env": {"HOME": "/nonexistent", "XDG_CACHE_HOME": None}},
    "a HOME that cannot be written": {"env": {"HOME": "/proc", "XDG_CACHE_HOME": None}},
    "ASCII": {"env": ASCII},
    "an unknown locale": {"env": {"LC_ALL": "xx_XX.ISO-8859-1", "PYTHONUTF8": "0"}},
    "64 files": {"limits": {"NOFILE": 64}},
    "24 files": {"limits": {"NOFILE": 24}},
    # `ulimit -v` counts what torch maps and never touches; this counts what is written.
    "2 GB": {"limits": {"DATA": 2 << 30}},
    "no /dev/shm": {"mounts": [["tmpfs", "/dev/shm", "size=4k,mode=555"], ["read-only", "/dev/shm"]]},
    "no fonts": {"env": {"FONTCONFIG_FILE": ""}},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SURROUNDINGS)
def test_no_byte_of_a_report_depends_on_what_is_around_the_process(
    name: str, server: Server, photos: Path, with_pdf: dict[str, bytes], private: None, tmp_path: Path
) -> None:
    how = SURROUNDINGS[name]
    if name == "no fonts":
        how = {"env": {"FONTCONFIG_FILE": no_fonts(tmp_path)}}
    job = Job(server, photos, tmp_path, ())
    answer = job.run(fresh=True, **how)
    assert answer["code"] == 0, answer["said"]
    assert files(job.out) == with_pdf


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "day"), [("0", "1970-01-01"), ("2208988800", "2040-01-01"), ("99999999999999", None), ("x", None)]
)
def test_a_clock_in_another_time(seconds: str, day: str | None, server: Server, photos: Path, tmp_path: Path) -> None:
    job = Job(server, photos, tmp_path, ())
    answer = job.run(env={"SOURCE_DATE_EPOCH": seconds})
    if day is None:
        assert the_line(answer) == f"reportgen: SOURCE_DATE_EPOCH is '{seconds}': give whole seconds since 1970"
        return
    assert answer["code"] == 0, answer["said"]
    assert json.loads((job.out / "report.json").read_bytes())["provenance"]["created"].startswith(day)
    (checked,) = server.runs({"argv": ["verify", str(job.out)]})
    assert checked["code"] == 0


@pytest.mark.parametrize("env", [{}, pytest.param(ASCII, marks=pytest.mark.slow)])
def test_folders_and_images_whose_names_are_no_text(env: dict[str, str | None], server: Server, tmp_path: Path) -> None:
    """Of bytes that are no UTF-8, in any locale the same; nothing of them stops a command."""
    given = photo_folder(tmp_path / os.fsdecode(b"f\xff\xe4"), 2)
    (given / "photo-000.png").rename(given / os.fsdecode(b"p\xff.png"))
    (given / "photo-001.png").rename(given / "ü.png")
    job = Job(server, given, tmp_path / os.fsdecode(b"o\xfe"))
    answer = job.run(str(photo_folder(tmp_path / "more", 1)), env=env, fresh=bool(env))
    assert answer["code"] == 0, answer["said"]
    report = json.loads((job.out / "report.json").read_bytes())
    assert [image["name"] for image in report["images"]] == [
        r"f\xff\xe4/p\xff.png",
        r"f\xff\xe4/ü.png",
        "more/photo-000.png",
    ]
    assert report["provenance"]["command"][2] == r"f\xff\xe4"
    (checked,) = server.runs({"argv": ["verify", str(job.out)]})
    assert checked["code"] == 0, checked["said"]
