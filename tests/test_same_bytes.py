"""With SOURCE_DATE_EPOCH set, equal images, settings and versions give equal bytes, wherever and however often."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pikepdf
import pytest

from pdf_checks import problems
from reportgen.report.manifest import manifest_json, read_manifest
from reportgen.report.pdf_data import attachments
from toys import photo_path

SETTINGS = """
models = ["efficientnet_lite0"]
tasks = ["cams", "lime", "agreement"]
[cams]
methods = ["gradcam", "ablationcam"]
[lime]
num_samples = 20
repeats = 2
"""
ROOT = Path(__file__).resolve().parent.parent


def reportgen(*arguments: str | Path, **environment: str) -> None:
    """The command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "reportgen", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "settings.toml"
    path.write_text(SETTINGS)
    return path


def photos(folder: Path, names: tuple[str, ...]) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        shutil.copyfile(photo_path(name), folder / photo_path(name).name)
    return folder


@pytest.fixture(scope="module")
def first(config: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("first")
    out = base / "out"
    reportgen(
        "run", photos(base / "photos", ("chelsea", "coffee")), "-o", out, "--config", config,
        SOURCE_DATE_EPOCH="1700000000", PYTHONHASHSEED="1", TZ="UTC", LC_ALL="C.UTF-8",
    )  # fmt: skip
    return out


def test_another_process_folder_and_place_give_the_same_bytes(first: Path, config: Path, tmp_path: Path) -> None:
    """Computed anew, over what an earlier run left, under another clock, locale and order of the folder."""
    out = tmp_path / "elsewhere/deep er/out"
    shutil.copytree(first, out)
    (out / "figures/old.jpg").write_bytes(b"of an earlier run")
    listed = read_manifest(out) or {}
    (out / "manifest.json").write_bytes(manifest_json({**listed, "figures/old.jpg": ("0" * 64, 17)}))
    folder = photos(tmp_path / "photos", ("coffee", "chelsea"))
    reportgen(
        "run", folder, "-o", out, "--config", config, "--fresh",
        SOURCE_DATE_EPOCH="1700000000", PYTHONHASHSEED="2", TZ="Asia/Tokyo", LC_ALL="C", COLUMNS="60",
    )  # fmt: skip
    one, two = files(first), files(out)
    timings = json.loads(one.pop("timings.json")), json.loads(two.pop("timings.json"))
    assert timings[0].keys() == timings[1].keys()
    assert sorted(one) == sorted(two)
    assert [name for name in one if one[name] != two[name]] == []
    kinds = {Path(name).suffix for name in one}
    assert kinds >= {".pdf", ".html", ".json", ".csv", ".png", ".jpg", ".svg", ".npy", ".pkl"}


def test_rendering_again_gives_the_same_bytes(first: Path, tmp_path: Path) -> None:
    for source, out in ((first / "report.json", "a"), (first / "report.pdf", "b")):
        reportgen("render", source, "-o", tmp_path / out, PYTHONHASHSEED="3", TZ="America/Lima")
        for name in ("report.pdf", "report.html"):
            assert (tmp_path / out / name).read_bytes() == (first / name).read_bytes(), (source, name)


def test_the_pdf_of_a_run_carries_its_report_and_manifest(first: Path) -> None:
    found = attachments(first / "report.pdf")
    assert found["report.json"] == (first / "report.json").read_bytes()
    listed = json.loads((first / "manifest.json").read_bytes())["files"]
    carried = json.loads(found["manifest.json"])["files"]
    assert carried == {
        name: entry for name, entry in listed.items() if not name.startswith("report.") or name == "report.json"
    }
    assert {"explain_params.pkl", "references.bib", "tables/cams.csv"} <= set(carried)


def test_an_archive_is_made_on_request(first: Path, tmp_path: Path) -> None:
    reportgen("render", first / "report.pdf", "-o", tmp_path, "--archive", "--format", "pdf")
    with pikepdf.open(tmp_path / "report.pdf") as pdf:
        assert b'pdfaid:part="3"' in pdf.Root.Metadata.read_bytes()
    assert attachments(tmp_path / "report.pdf") == attachments(first / "report.pdf")


def test_the_pdf_of_a_run_is_accessible(first: Path) -> None:
    assert problems(first / "report.pdf") == []


def test_nothing_names_the_machine(first: Path) -> None:
    for name, data in files(first).items():
        assert str(first.parent).encode() not in data, name
        assert str(ROOT).encode() not in data, name
