"""reportgen.sections: a section is made again when something that it reads has changed, and only then."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_runs import MadeRun, analyse_toy
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject
from reportgen.pipeline import section_cache as sections
from reportgen.report.document import Evidence, Finding, Section, Text
from reportgen.settings.model import Settings
from reportgen.storage.store import Result, Store
from toys import photo_folder


class Counting:
    """An analysis that counts its reduces and writes files of every kind that is cheap."""

    name, title, version, order = "counting", "Counting", "1", 10
    requires: tuple[str, ...] = ()
    over = "images"

    def __init__(self) -> None:
        self.reduces = 0

    def models(self, settings: Settings) -> tuple[str, ...]:
        return settings.models[:1]

    def relevant(self, settings: Settings) -> dict[str, Any]:
        return {}

    def map(self, subject: Subject) -> Result:
        return Result({"mean": float(subject.view.frame.mean())})

    def reduce(self, run: RunView) -> Contribution:
        self.reduces += 1
        means = [run.result(self.name, i).values["mean"] for i in range(len(run.images))]
        run.files.raw("figures/means.json", json.dumps(means).encode())
        run.files.mask("masks/all.png", np.ones((4, 4), bool))
        text = f"{run.settings.title}: {len(means)} images."
        evidence = Evidence(name="mean", value=np.mean(means), ci=(0.1, 0.2))
        return Contribution(
            Section(id="counting", title="Counting", blocks=[Text(text=text)]),
            per_image=[{"mean": mean, "pair": (1, 2)} for mean in means],
            report={"extra": {"means": means}},
            findings=[
                Finding(id="X1", section="counting", claim="c", verdict="undecided", text="t", evidence=[evidence])
            ],
        )


class Bench:
    """The same folder, store and analysis, run after run."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.analysis, self._monkeypatch = home, Counting(), monkeypatch
        self.images = photo_folder(home / "images", "coffee", "rocket")
        self._runs = 0

    def run(self, **settings: Any) -> tuple[dict[str, Any], dict[str, bytes], int]:
        """report.json as data without its date, the files, and the reduces that this run took."""
        before, out = self.analysis.reduces, self.home / f"out{self._runs}"
        self._runs += 1
        report, _ = analyse_toy(self.images, out, self.home / "cache", [self.analysis], self._monkeypatch, **settings)
        files = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        return report.model_dump(mode="json", exclude={"provenance"}), files, self.analysis.reduces - before


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def test_a_second_run_reduces_nothing_and_says_and_writes_the_same(bench: Bench) -> None:
    report, files, reduces = bench.run()
    assert reduces == 1
    again, same_files, none = bench.run()
    assert none == 0
    assert again == report
    assert same_files == files
    assert {"figures/means.json", "masks/all.png"} <= set(files)


def change_an_image(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    (bench.images / "rocket.jpg").write_bytes((bench.images / "coffee.png").read_bytes())
    return {}


def rename_an_image(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    (bench.images / "rocket.jpg").rename(bench.images / "spacecraft.jpg")
    return {}


def label_the_images(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    (bench.images / "labels.csv").write_text("name,class\nrocket.jpg,class 1\n")
    return {}


def another_title(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return {"title": "Another"}


def another_version_of_a_package(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr("reportgen.pipeline.run.versions", lambda packages=(): {"numpy": "99"})
    return {}


def another_code(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(sections, "_code", lambda package: "edited")
    return {}


@pytest.mark.parametrize(
    "change",
    [change_an_image, rename_an_image, label_the_images, another_title, another_version_of_a_package, another_code],
)
def test_whatever_a_reduce_reads_makes_it_run_again(change: Any, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run()
    settings = change(bench, monkeypatch)
    assert bench.run(**settings)[2] == 1


def test_a_file_that_the_settings_name_counts_by_its_content(bench: Bench) -> None:
    words = bench.home / "words.txt"
    words.write_text("one")
    named = {"dissection": {"concepts": str(words)}}
    assert [bench.run(**named)[2], bench.run(**named)[2]] == [1, 0]
    words.write_text("two")
    assert bench.run(**named)[2] == 1


def test_a_large_section_is_not_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "MOST_BYTES", 10)
    report, files, _ = bench.run()
    again, same_files, reduces = bench.run()
    assert reduces == 1
    assert (again, same_files) == (report, files)


def test_a_file_that_two_sections_write_alike_is_kept_with_both(tmp_path: Path) -> None:
    first, second, store = Counting(), Counting(), Store(tmp_path / "store")
    second.name = "again"
    results = {name: [Result({"mean": 1.0})] for name in ("counting", "again")}

    def reduce(folder: str, *analyses: Counting) -> None:
        run = MadeRun(tmp_path / folder, results)
        for analysis in analyses:
            sections.reduced(analysis, run, {}, run.files, store, fresh=False)

    reduce("both", first, second)
    reduce("alone", second)
    assert second.reduces == 1, "the second time from the store"
    assert (tmp_path / "alone/figures/means.json").read_bytes() == b"[1.0]"


def test_a_file_in_the_home_folder_counts_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(bench.home))
    words = bench.home / "words.txt"
    words.write_text("one")
    named = {"dissection": {"concepts": "~/words.txt"}}
    assert [bench.run(**named)[2], bench.run(**named)[2]] == [1, 0]
    words.write_text("two")
    assert bench.run(**named)[2] == 1


def test_an_edit_anywhere_in_the_package_of_an_analysis_makes_another_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "my_methods"
    (package / "inner").mkdir(parents=True)
    for name in ("__init__.py", "inner/__init__.py", "inner/chapter.py"):
        (package / name).write_text("")
    (package / "inner" / "analysis.py").write_text("class Mine: ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    analysis = importlib.import_module("my_methods.inner.analysis").Mine()
    before = sections.code_of(analysis)
    assert before is not None
    (package / "inner" / "chapter.py").write_text("TEXT = 'another'\n")
    assert sections.code_of(analysis) == before, "asked once: what is edited during a run is not what runs"
    sections._code.cache_clear()
    assert sections.code_of(analysis) not in (None, before)
    assert sections.code_of(object()) is None, "no source: never kept"  # type: ignore[arg-type]


def test_an_image_over_a_lowered_limit_is_refused_although_its_results_are_kept(bench: Bench) -> None:
    report, _, _ = bench.run()
    pixels = sorted(image["width"] * image["height"] for image in report["images"])
    lower, _, _ = bench.run(max_pixels=pixels[0])
    assert (len(lower["images"]), len(lower["skipped"])) == (1, 1)
