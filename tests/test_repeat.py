"""`run --from`: a run is made again from its own report, byte for byte; what is not the same is named before the work."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from crash_runs import Job, files
from fixtures import make_report
from reportgen.report.diff import compare
from reportgen.report.document import Report
from reportgen.report.report_json import report_json
from reportgen.settings.load import load
from reportgen.settings.model import Settings
from reportgen.sharing.repeat import plan, require_same_files
from reportgen.utils.errors import CheckFailed, Problems, UsageError
from reportgen.utils.hashing import digest_of


def again(job: Job, *arguments: str, **how: Any) -> dict[str, Any]:
    """`reportgen run ARGUMENTS` with the job's cache."""
    (answer,) = job.server.runs({**job.request(**how), "argv": ["run", *arguments]})
    return answer


@pytest.fixture
def job(server: Any, photos: Path, tmp_path: Path) -> Job:
    made = Job(server, photos, tmp_path)
    (tmp_path / "mine.toml").write_text('title = "Mine"\n[lime]\nnum_samples = 41\n[gates]\nmax_skipped = 0\n')
    assert made.run("--seed", "5", "--config", str(tmp_path / "mine.toml"))["code"] == 0
    return made


def test_a_run_is_repeated_byte_for_byte(job: Job, tmp_path: Path) -> None:
    """Results computed anew, whatever the settings around are; the images from where they are said to be, or beside the run."""
    empty = {"REPORTGEN_CACHE_DIR": str(tmp_path / "empty"), "REPORTGEN_SEED": "99"}
    shutil.copytree(job.photos, tmp_path / "photos")
    for number, arguments in enumerate(
        ([str(job.photos), "--from", str(job.out / "report.json")], ["--from", str(job.out)])
    ):
        out = tmp_path / f"again-{number}"
        answer = again(job, *arguments, "-o", str(out), env=empty)
        assert answer["code"] == 0, answer["said"]
        assert "repeated: every number, text and verdict is the same" in answer["said"]
        assert files(out) == files(job.out)


def test_a_person_with_only_the_pdf_repeats_the_run(server: Any, photos: Path, tmp_path: Path) -> None:
    job = Job(server, photos, tmp_path, ("--format", "pdf", "--seed", "3"))
    expected = job.finish()
    alone = tmp_path / "alone.pdf"
    alone.write_bytes(expected["report.pdf"])
    assert again(job, str(photos), "--from", str(alone), "-o", str(tmp_path / "b"))["code"] == 0
    assert files(tmp_path / "b") == expected


def test_a_run_is_not_repeated_over_itself(job: Job) -> None:
    before = files(job.out)
    answer = again(job, str(job.photos), "--from", str(job.out / "report.json"), "-o", str(job.out))
    assert answer["code"] == 2
    assert "is the run to repeat; give another folder with -o" in answer["said"]
    assert files(job.out) == before


def test_another_seed_is_no_repetition_and_says_so(job: Job, tmp_path: Path) -> None:
    answer = again(job, str(job.photos), "--from", str(job.out), "--seed", "6", "-o", str(tmp_path / "b"))
    assert "note: setting seed: 5 then, 6 now" in answer["said"]
    assert "repeated, with " in answer["said"]
    report = json.loads((tmp_path / "b/report.json").read_bytes())
    assert report["settings"]["lime"]["num_samples"] == 41
    assert report["provenance"]["command"][-4:] == ["--seed", "6", "--from", "out"]


def test_images_that_are_not_those_of_the_run_are_named(job: Job, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(job.photos, tmp_path / "others"))
    (folder / "photo-001.png").unlink()
    shutil.copy(folder / "photo-002.png", folder / "photo-003.png")
    shutil.copy(folder / "photo-002.png", folder / "photo-999.png")
    answer = again(job, str(folder), "--from", str(job.out), "-o", str(tmp_path / "b"))
    assert answer["code"] == 1
    assert answer["said"].splitlines()[-1] == (
        f"reportgen: {folder}: not the images of {job.out}: image photo-003.png changed; image photo-001.png missing; "
        "image photo-999.png extra"
    )
    assert not (tmp_path / "b").exists()


def test_provenance_says_what_a_repetition_needs(job: Job, tmp_path: Path) -> None:
    def provenance() -> Any:
        return json.loads((job.out / "report.json").read_bytes())["provenance"]

    before = provenance()
    assert before["template"]["name"] == "writeup"
    assert len(before["template"]["sha256"]) == 64
    assert before["analyses"] == {
        "brightness": {"version": "1", "settings_sha256": before["analyses"]["brightness"]["settings_sha256"]}
    }
    assert before["inputs"] == {}
    mine = tmp_path / "template"
    mine.mkdir()
    (mine / "report.html").write_text('{% extends "base/report.html" %}')
    (mine / "extra.css").write_text("p { color: black }")
    job.photos = Path(shutil.copytree(job.photos, tmp_path / "labelled"))
    (job.photos / "labels.csv").write_text("name,class\nphoto-000.png,class 1\n")
    assert job.run("--template", str(mine), "--format", "html")["code"] == 0
    first = provenance()
    assert first["template"]["name"] == "template"
    assert set(first["inputs"]) == {"labels.csv"}
    (mine / "extra.css").write_text("p { color: navy }")
    refused = again(job, str(job.photos), "--from", str(job.out), "--template", str(mine), "-o", str(tmp_path / "b"))
    assert (refused["code"], "not the template of" in refused["said"]) == (1, True)
    assert job.run("--template", str(mine), "--format", "html")["code"] == 0
    assert provenance()["template"] != first["template"]


# --- what a report cannot say --------------------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a report.json with these settings."""
    report, _ = make_report(tmp_path / "made", 1)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def write(**settings: Any) -> Path:
        full = Settings(**{key: value for key, value in settings.items() if key != "raw"}).public()
        data: Report = report.model_copy(update={"settings": {**full, **settings.get("raw", {})}})
        (tmp_path / "report.json").write_bytes(report_json(data))
        return tmp_path / "report.json"

    return write


def test_files_that_the_settings_name_have_to_be_named_again_all_at_once(source: Any, tmp_path: Path) -> None:
    path = source(
        models=("torchvision:resnet18",),
        weights={"torchvision:resnet18": "/data/ann/r18.pth"},
        probe="/data/ann/probe",
        template="/data/ann/mine",
        dissection={"concepts": "/data/ann/words.txt"},
    )
    with pytest.raises(Problems) as error:
        plan(path, tmp_path, {}, None)
    lines = list(error.value.lines)
    assert len(lines) == 4
    assert "names the file 'r18.pth'" in lines[0]
    assert '--config FILE with [weights] "torchvision:resnet18" = "PATH"' in lines[0]
    assert [
        word in line
        for line, word in zip(lines[1:], ("--probe FOLDER", "[dissection]", "--template FOLDER"), strict=True)
    ]
    (tmp_path / "mine.toml").write_text(
        '[weights]\n"torchvision:resnet18" = "/elsewhere/r18.pth"\n[dissection]\nconcepts = "/elsewhere/words.txt"\n'
    )
    Path("mine").mkdir()  # found by its name in the working folder
    made = plan(path, tmp_path, {"probe": "/elsewhere/probe"}, tmp_path / "mine.toml")
    settings = made.loaded.settings
    assert (settings.weights, settings.template) == ({"torchvision:resnet18": "/elsewhere/r18.pth"}, "mine")
    assert made.command == ["reportgen", "run", "imagenet10", "-o", "out"], "the same settings, so the same command"


def test_the_settings_around_do_not_count(source: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("reportgen.toml").write_text("seed = 9")
    monkeypatch.setenv("REPORTGEN_SEED", "8")
    settings = plan(source(lime={"num_samples": 9}), tmp_path, {}, None).loaded.settings
    assert (settings.seed, settings.lime.num_samples) == (0, 9)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"allow_download": True}, "was made with allow_download = True; say so again"),
        ({"max_pixels": 10**12}, "was made with max_pixels = 1000000000000; say so again"),
        ({"weights": {"efficientnet_lite0": "/etc/passwd"}}, "names the file 'passwd'"),
        ({"template": "/etc"}, "names the file 'etc'"),
        ({"template": ".."}, "names the file '..'"),
        ({"probe": "../here"}, "names the file 'here'"),
        ({"document": {"extra_css": "/etc/passwd"}}, "names the file 'passwd'"),
        ({"models": ["checkpoint:/etc/passwd"]}, "checkpoint:passwd"),
        ({"models": ["checkpoint:net.pth"]}, "checkpoint:net.pth"),
        ({"nonsense": 1}, "unknown setting nonsense (the run to repeat)"),
    ],
)
def test_an_untrusted_report_reaches_nothing(
    source: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: dict[str, Any], said: str
) -> None:
    path = source(raw=raw)
    if "models" in raw:
        made = plan(path, tmp_path, {}, None)
        assert (made.loaded.settings.models, made.loaded.settings.weights) == ((said,), {})
        return
    with pytest.raises((Problems, UsageError)) as error:
        plan(path, tmp_path, {}, None)
    assert said in str(error.value)


def test_a_smaller_limit_is_taken_over(source: Any, tmp_path: Path) -> None:
    assert plan(source(max_pixels=5000), tmp_path, {}, None).loaded.settings.max_pixels == 5000


def test_images_that_are_not_here_have_to_be_named(source: Any) -> None:
    with pytest.raises(UsageError, match=r"its images \(called 'imagenet10'\) are not here; say where"):
        plan(source(), None, {}, None)
    Path("imagenet10").mkdir()
    assert plan(source(), None, {}, None).images == Path("imagenet10")


def test_versions_that_differ_are_told(source: Any, tmp_path: Path) -> None:
    notes = plan(source(), tmp_path, {}, None).notes
    assert any(note.startswith("torch 2.5.1 then, ") for note in notes)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    report, _ = make_report(tmp_path, 1)
    with pytest.raises(CheckFailed, match=r"efficientnet_lite0: its weights are not those of run \(SHA-256 ab12ab12"):
        require_same_files(report, Settings(), Path("run"))


def test_another_file_of_the_name_that_a_setting_names_is_refused(tmp_path: Path) -> None:
    made, _ = make_report(tmp_path / "made", 1)
    file, elsewhere = tmp_path / "units.csv", tmp_path / "others/units.csv"
    file.write_text("a")
    elsewhere.parent.mkdir()
    elsewhere.write_text("b")
    sha256 = hashlib.sha256(b"a").hexdigest()

    def named(path: Path) -> Settings:
        return Settings(dissection={"labels": str(path)})

    stated = {"models": [], "template": None, "inputs": {"dissection.labels": sha256, "labels.csv": "0" * 64}}
    provenance = made.provenance.model_copy(update=stated)
    report = made.model_copy(update={"settings": named(file).public(), "provenance": provenance})
    require_same_files(report, named(file), Path("run"))
    refused = r"dissection\.labels: units\.csv is not the file of run \(SHA-256 ca978112ca1bbdca"
    with pytest.raises(CheckFailed, match=refused):
        require_same_files(report, named(elsewhere), Path("run"))
    renamed = elsewhere.rename(tmp_path / "more.csv")  # another setting, which is told as such
    require_same_files(report, named(renamed), Path("run"))
    require_same_files(report.model_copy(update={"settings": {}}), named(file), Path("run"))
    other = provenance.model_copy(update={"inputs": {"dissection.labels": "1" * 64}})
    notes = [str(note) for note in compare(report, report.model_copy(update={"provenance": other})).notes]
    assert any(note.startswith("provenance.inputs.dissection.labels: ca978112") for note in notes)


def test_settings_out_of_a_report_are_the_same_to_the_last_type() -> None:
    """4 and 4.0 are equal and have two hashes: a repeated run would find none of its results."""
    settings = Settings(lime={"kernel_width": 1})
    again = load(base=settings.public()).settings
    assert digest_of(again.model_dump()) == digest_of(settings.model_dump())
