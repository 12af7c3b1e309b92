"""reportgen.sections: a section is made again when something that it reads has changed, and only then."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_runs import MadeRun, analyse_toy
from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.registry import load_analyses
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject
from reportgen.pipeline import section_cache as sections
from reportgen.pipeline.code import code_of
from reportgen.report.blocks import Section, Text
from reportgen.report.document import Evidence, Finding
from reportgen.settings.group import SettingsGroup, UserPath
from reportgen.settings.model import Settings
from reportgen.storage.codec import Array
from reportgen.storage.store import Store
from toys import photo_folder, toy_network


class WordSettings(SettingsGroup):
    """A group with a path in it."""

    words: UserPath | None = None


@dataclass(frozen=True)
class Mean:
    mean: float


class Counting(Analysis[WordSettings, Mean]):
    """An analysis that counts its reduces and writes files of every kind that is cheap."""

    name, title, version, order = "counting", "Counting", "1", 10

    def __init__(self, large: bool = False) -> None:
        self.reduces, self.large = 0, large

    def map(self, subject: Subject[WordSettings]) -> Mean:
        return Mean(float(subject.view.frame.mean()))

    def reduce(self, run: RunView[WordSettings]) -> Contribution:
        self.reduces += 1
        means = [run.result(self.name, i, Mean).mean for i in range(len(run.images))]
        run.files.raw("figures/means.json", json.dumps(means).encode())
        run.files.mask("masks/all.png", np.ones((4, 4), bool))
        if self.large:
            run.files.raw("maps/large.npy", bytes(sections.MOST_BYTES))
        evidence = Evidence(name="mean", value=np.mean(means), ci=(0.1, 0.2))
        return Contribution(
            Section(id="counting", title="Counting", blocks=[Text(text=f"{len(means)} images.")]),
            per_image=[{"mean": mean, "pair": (1, 2)} for mean in means],
            report={"extra": {"means": means}},
            findings=[
                Finding(id="X1", section="counting", claim="c", verdict="undecided", text="t", evidence=[evidence])
            ],
        )


class Again(Counting):
    name = "again"


@dataclass(frozen=True)
class Handed:
    words: tuple[str | None, ...]
    numbers: Array


class Giving(Counting):
    """Hands a value on that its settings decide."""

    name, order = "giving", 5
    shares = Handed

    def relevant(self, settings: Settings) -> dict[str, Any]:
        return {}  # so that no key of a result tells the other analysis of a change

    def reduce(self, run: RunView[WordSettings]) -> Contribution:
        self.reduces += 1
        word = None if run.settings.words is None else Path(run.settings.words).read_text()
        return Contribution(section=None, shared=Handed(("a", word), np.arange(3, dtype=np.int16)))


class Taking(Analysis[WordSettings, Mean]):
    """Says what it was handed, and what the head of the model is."""

    name, title, version, order = "taking", "Taking", "1", 20
    requires = ("giving",)

    def __init__(self) -> None:
        self.reduces = 0

    def relevant(self, settings: Settings) -> dict[str, Any]:
        return {}

    def map(self, subject: Subject[WordSettings]) -> Mean:
        return Mean(0.0)

    def reduce(self, run: RunView[WordSettings]) -> Contribution:
        self.reduces += 1
        handed, head = run.shared("giving", Handed), run.head()
        said = "nothing" if handed is None else f"{handed.words} {handed.numbers.tolist()} {handed.numbers.dtype}"
        text = f"{said}; {None if head is None else head.weight.shape}"
        return Contribution(Section(id="taking", title="Taking", blocks=[Text(text=text)]))


class Bench:
    """The same folder, store and analysis, run after run."""

    def __init__(self, home: Path) -> None:
        self.home, self.analysis = home, Counting()
        self.images = photo_folder(home / "images", "coffee", "rocket")
        self._runs = 0

    def run(self, **settings: Any) -> tuple[dict[str, Any], dict[str, bytes], int]:
        """report.json as data without its date, the files, and the reduces that this run took."""
        before, out = self.analysis.reduces, self.home / f"out{self._runs}"
        self._runs += 1
        report, _ = analyse_toy(self.images, out, self.home / "cache", [self.analysis], **settings)
        files = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        return report.model_dump(mode="json", exclude={"provenance"}), files, self.analysis.reduces - before


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_second_run_reduces_nothing_and_says_and_writes_the_same(bench: Bench) -> None:
    report, files, reduces = bench.run()
    assert reduces == 1
    again, same_files, none = bench.run()
    assert none == 0
    assert again == report
    assert same_files == files
    assert {"figures/means.json", "masks/all.png"} <= set(files)


def change_an_image(bench: Bench) -> dict[str, Any]:
    (bench.images / "rocket.jpg").write_bytes((bench.images / "coffee.png").read_bytes())
    return {}


def rename_an_image(bench: Bench) -> dict[str, Any]:
    (bench.images / "rocket.jpg").rename(bench.images / "spacecraft.jpg")
    return {}


def label_the_images(bench: Bench) -> dict[str, Any]:
    (bench.images / "labels.csv").write_text("name,class\nrocket.jpg,class 1\n")
    return {}


def another_version_of_a_package(bench: Bench) -> dict[str, Any]:
    return {"versions": lambda packages: {"numpy": "99"}}


def another_model_name(bench: Bench) -> dict[str, Any]:
    return {"models": ("toy", "toy2")}


def another_seed(bench: Bench) -> dict[str, Any]:
    return {"seed": 1}


@pytest.mark.parametrize(
    "change",
    [
        change_an_image,
        rename_an_image,
        label_the_images,
        another_version_of_a_package,
        another_model_name,
        another_seed,
    ],
)
def test_whatever_a_reduce_reads_makes_it_run_again(change: Any, bench: Bench) -> None:
    bench.run()
    settings = change(bench)
    assert bench.run(**settings)[2] == 1


@pytest.mark.parametrize(
    "setting",
    [
        {"title": "Another"},
        {"document": {"authors": ("A. Student",), "accent": "#0b5a8c"}},
        {"template": "brief"},
        {"formats": ("html",)},
        {"gates": {"max_skipped": 3}},
        {"lime": {"num_samples": 9}},
    ],
)
def test_what_a_reduce_cannot_read_draws_nothing_again(setting: dict[str, Any], bench: Bench) -> None:
    bench.run()
    assert bench.run(**setting)[2] == 0


def test_a_file_that_the_settings_name_counts_by_its_content(bench: Bench) -> None:
    words = bench.home / "words.txt"
    words.write_text("one")
    named = {"counting": {"words": str(words)}}
    assert [bench.run(**named)[2], bench.run(**named)[2]] == [1, 0]
    words.write_text("two")
    assert bench.run(**named)[2] == 1


def test_a_large_section_is_not_kept(bench: Bench) -> None:
    bench.analysis = Counting(large=True)
    report, files, _ = bench.run()
    again, same_files, reduces = bench.run()
    assert reduces == 1
    assert (again, same_files) == (report, files)


def test_a_file_that_two_sections_write_alike_is_kept_with_both(tmp_path: Path) -> None:
    first, second, store = Counting(), Again(), Store(tmp_path / "store")
    results = {name: [Mean(1.0)] for name in ("counting", "again")}

    def reduce(folder: str, *analyses: Counting) -> None:
        run = MadeRun(tmp_path / folder, results)
        for analysis in analyses:
            sections.reduced(analysis, run, "code", {}, run.files, store, fresh=False)

    reduce("both", first, second)
    reduce("alone", second)
    assert second.reduces == 1, "the second time from the store"
    assert (tmp_path / "alone/figures/means.json").read_bytes() == b"[1.0]"


class SharingBench:
    """One analysis that hands a value on and one that reads it, run after run."""

    def __init__(self, home: Path) -> None:
        self.home, self.analyses = home, (Giving(), Taking())
        self.images = photo_folder(home / "images", "coffee")

    def run(self, *, linear: bool = True, **settings: Any) -> tuple[str, list[int]]:
        """What was said, and the reduces that it took of each."""
        before = [analysis.reduces for analysis in self.analyses]
        report, _ = analyse_toy(
            self.images,
            self.home / f"out{sum(before)}{linear}",
            self.home / "cache",
            self.analyses,
            network=lambda: toy_network(linear=linear),
            **settings,
        )
        [block] = report.sections[-1].blocks
        assert isinstance(block, Text)
        return block.text, [now.reduces - was for now, was in zip(self.analyses, before, strict=True)]


def test_what_an_analysis_shares_is_handed_on_by_its_type_also_from_the_store(tmp_path: Path) -> None:
    bench = SharingBench(tmp_path)
    said = "('a', None) [0, 1, 2] int16; (5, 10)"
    assert bench.run() == (said, [1, 1])
    assert bench.run() == (said, [0, 0])
    own = {"taking": {"words": str(tmp_path / "words.txt")}}
    assert bench.run(**own) == (said, [0, 1]), "only the second reduces again: what it is handed comes from the store"


def test_another_shared_value_makes_the_section_that_reads_it_again(tmp_path: Path) -> None:
    bench = SharingBench(tmp_path)
    words = tmp_path / "words.txt"
    words.write_text("b")
    assert bench.run()[1] == [1, 1]
    assert bench.run(giving={"words": str(words)}) == ("('a', 'b') [0, 1, 2] int16; (5, 10)", [1, 1])


def test_a_value_of_another_type_than_the_class_says_is_not_shared(tmp_path: Path) -> None:
    giving = Giving()
    giving.shares = Mean  # type: ignore[misc]
    run = MadeRun(tmp_path, {"giving": [Mean(1.0)]}, WordSettings())
    with pytest.raises(TypeError, match="giving shares a Handed, and its class says a Mean"):
        sections.reduced(giving, run, "code", {}, run.files, Store(tmp_path / "store"), fresh=False)


def test_only_what_is_required_and_reduced_before_can_be_read(tmp_path: Path) -> None:
    taking = Taking()
    taking.requires = ()  # type: ignore[misc]
    with pytest.raises(LookupError, match="giving is not required"):
        analyse_toy(photo_folder(tmp_path / "i", "coffee"), tmp_path / "o", tmp_path / "c", [Giving(), taking])
    giving, taking = Giving(), Taking()
    giving.order = 30  # type: ignore[misc]
    with pytest.raises(LookupError, match="does not reduce before"):
        analyse_toy(photo_folder(tmp_path / "i", "coffee"), tmp_path / "p", tmp_path / "d", [taking, giving])


def test_a_head_that_is_not_linear_is_none(tmp_path: Path) -> None:
    assert SharingBench(tmp_path).run(linear=False)[0].endswith("; None")


def test_a_file_in_the_home_folder_counts_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(bench.home))
    words = bench.home / "words.txt"
    words.write_text("one")
    named = {"counting": {"words": "~/words.txt"}}
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
    before = code_of(analysis)
    assert before is not None
    (package / "inner" / "chapter.py").write_text("TEXT = 'another'\n")
    assert code_of(analysis) not in (None, before)
    assert code_of(object()) is None, "no source: never kept"  # type: ignore[arg-type]


def test_the_sources_of_shipped_analyses_are_found() -> None:
    """They lie outside the package in a checkout."""
    [cams] = load_analyses(("cams",))
    assert code_of(cams) not in (None, code_of(Counting()))


def test_another_code_makes_another_section(tmp_path: Path) -> None:
    counting, store = Counting(), Store(tmp_path / "store")
    for code in ("one", "one", "two", None, None):
        run = MadeRun(tmp_path / "run", {"counting": [Mean(1.0)]})
        sections.reduced(counting, run, code, {}, run.files, store, fresh=False)
    assert counting.reduces == 4, "one, two, and twice where there is no source to tell it by"


def test_an_image_over_a_lowered_limit_is_refused_although_its_results_are_kept(bench: Bench) -> None:
    report, _, _ = bench.run()
    pixels = sorted(image["width"] * image["height"] for image in report["images"])
    lower, _, _ = bench.run(max_pixels=pixels[0])
    assert (len(lower["images"]), len(lower["skipped"])) == (1, 1)
