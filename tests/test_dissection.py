"""Network dissection from images to section: what is drawn, what is written, what is cached."""

from __future__ import annotations

import csv
import gzip
import hashlib
import shutil
import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_dissection import RECIPE
from reportgen.analyses.dissection import charts, wordings
from reportgen.analyses.dissection.approach import exploratory
from reportgen.analyses.dissection.label_file import read_label_file
from reportgen.analyses.dissection.labels import DissectedModel
from reportgen.analyses.dissection.settings import DissectionSettings
from reportgen.analyses.dissection.task import ANALYSIS, EMBEDDING
from reportgen.analysis.registry import load_analyses
from reportgen.cli.dissect import dissect
from reportgen.figures import overlays
from reportgen.pipeline.analyse import analyse
from reportgen.pipeline.probe_file import make_probe_file
from reportgen.report.blocks import Figure, Notice
from reportgen.report.document import Report
from reportgen.settings.model import Settings
from reportgen.storage.run_folder import RunFolder
from reportgen.storage.store import cache_folder
from reportgen.utils.errors import NothingToDo, Problems, UsageError
from test_dissection_labels import layer
from toys import ROOT, photo_folder

WORDS = "cat\ncoffee\nrocket\nspace\nfur\ncup\nRed\norange\ngray\nwater\nperson\ncat\n\n"
MODELS = ("efficientnet_lite0", "efficientnet_lite2")


# --- drawn ---------------------------------------------------------------------------------------


def drawn_bars(axes: Any) -> list[tuple[str, int]]:
    """(label, length) of each bar as the axes show them, top to bottom."""
    labels = dict(zip(axes.get_yticks(), [text.get_text() for text in axes.get_yticklabels()], strict=True))
    bars = [bar for bar in axes.patches if np.isfinite(bar.get_width())]
    found = [(bar.get_y() + bar.get_height() / 2, int(bar.get_width())) for bar in bars]
    upside = axes.get_ylim()[0] > axes.get_ylim()[1]
    return [(labels[round(y)], width) for y, width in sorted(found, reverse=not upside)]


@pytest.fixture
def model() -> DissectedModel:
    return DissectedModel(
        "m", (layer("early", "sky sky sky red fish"), layer("late", "fish fish red blue dog fish", "+++++-"))
    )


def test_the_bars_carry_their_own_labels(model: DissectedModel) -> None:
    (axes,) = charts.top_concepts(model).axes
    assert drawn_bars(axes) == list(model.counts.items())
    assert drawn_bars(axes)[0] == ("fish", 3)


def test_each_layer_has_a_histogram_of_its_own(model: DissectedModel) -> None:
    panels = charts.layer_histograms(model).axes
    assert [drawn_bars(panel) for panel in panels] == [list(layer.counts.items()) for layer in model.layers]
    assert [panel.get_title(loc="left") for panel in panels] == ["early: 5 of 5 units", "late: 5 of 6 units"]


def test_five_layers_make_five_panels(model: DissectedModel) -> None:
    five = DissectedModel("m", tuple(layer(f"l{i}", "cat dog dog") for i in range(5)))
    panels = [panel for panel in charts.layer_histograms(five).axes if panel.axison]
    assert [drawn_bars(panel) for panel in panels] == [[("dog", 2), ("cat", 1)]] * 5


def test_colours_are_drawn_as_count_and_as_share(model: DissectedModel) -> None:
    distinct, count, share = charts.layer_comparison([model]).axes
    assert list(distinct.lines[0].get_ydata()) == [3, 4]
    assert list(count.lines[0].get_ydata()) == [1, 2]
    assert list(share.lines[0].get_ydata()) == pytest.approx([20, 100 / 3])


def test_a_unit_of_another_colour_stands_out(model: DissectedModel) -> None:
    (axes,) = charts.top_concepts(model).axes
    colours = {label: bar.get_facecolor() for (label, _), bar in zip(model.counts.items(), axes.patches, strict=False)}
    assert colours["red"] == colours["blue"] != colours["fish"] == colours["sky"]


def test_a_contact_sheet_keeps_the_order_of_its_pictures() -> None:
    pictures = [np.full((40, 40, 3), value, np.uint8) for value in (10, 200, 60, 90)]
    sheet = overlays.contact_sheet([pictures[:2], pictures[2:]], side=20, gap=4)
    assert sheet.shape == (44, 44, 3)
    corners = [sheet[:20, :20], sheet[:20, 24:], sheet[24:, :20], sheet[24:, 24:]]
    assert [set(corner.ravel()) for corner in corners] == [{10}, {200}, {60}, {90}]
    assert (sheet[20:24] == 255).all()


# --- said ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, 2, 2, 3], "never falls"),
        ([3, 2, 1], "never rises"),
        ([1, 3, 2], "rises, then falls"),
        ([3, 1, 2], "falls, then rises"),
        ([1, 2, 1, 2], "goes up and down"),
        ([2, 2], "stays the same"),
    ],
)
def test_trends_in_words(values: list[float], words: str) -> None:
    assert wordings.trend(values) == words


@pytest.mark.parametrize(("n", "k", "stamped"), [(10, 10, True), (999, 100, True), (1000, 100, False)])
def test_a_small_probe_set_is_stamped_exploratory(n: int, k: int, stamped: bool) -> None:
    recipe = RECIPE.model_copy(update={"probe_images": n, "top_k": k})
    assert recipe.exploratory is stamped
    assert f"N = {n}" in exploratory(recipe) and f"K = {k}" in exploratory(recipe)


# --- the whole way -------------------------------------------------------------------------------


def settings(words: Path, **values: Any) -> Settings:
    group = DissectionSettings(concepts=str(words), min_margin=0)
    return Settings(models=MODELS, tasks=("dissection",), dissection=group, **values)


def run(images: Path, out: Path, chosen: Settings, **options: Any) -> Report:
    return analyse(images, chosen, RunFolder(out), cache_folder(), **options)[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[Path, Path, Path, Report]:
    """(images, words, run folder, report) of a run on three photographs with a small word list."""
    folder = tmp_path_factory.mktemp("dissection")
    images = photo_folder(folder / "images", "chelsea", "coffee", "rocket")
    words = folder / "words.txt"
    words.write_text(WORDS)
    return images, words, folder / "out", run(images, folder / "out", settings(words))


def test_the_promised_keys(made: tuple[Path, Path, Path, Report]) -> None:
    report = made[3].model_dump(mode="json")
    first, second = report["dissection"]
    assert [first["model"], second["model"]] == list(MODELS)
    assert [layer["name"] for layer in first["layers"]] == ["blocks.3", "blocks.4", "blocks.5", "blocks.6", "conv_head"]
    assert [layer["n_units"] for layer in first["layers"]] == [80, 112, 192, 320, 1280]
    assert (first["n_images"], first["top_k"], first["encoder"], first["exploratory"]) == (3, 3, "conse", True)
    assert first["concept_set"]["name"] == "words.txt" and first["concept_set"]["size"] == 11
    assert len(first["concept_set"]["sha256"]) == 64
    for entry in first["layers"]:
        assert sum(entry["concepts"].values()) == entry["labelled"] <= entry["n_units"]
        assert entry["colour_units"] == sum(entry["concepts"].get(c, 0) for c in ("Red", "orange", "gray"))
        assert set(entry["concepts"]) <= set(WORDS.split("\n"))
        assert {"mean_similarity", "median_margin", "constant_units", "distinct_concepts"} <= set(entry)


def test_the_units_table_agrees_with_the_counts(made: tuple[Path, Path, Path, Report]) -> None:
    report = made[3].model_dump(mode="json")
    with (made[2] / "tables" / "dissection-units.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(layer["n_units"] for model in report["dissection"] for layer in model["layers"])
    for model in report["dissection"]:
        for entry in model["layers"]:
            own = [r for r in rows if (r["model"], r["layer"]) == (model["model"], entry["name"])]
            labelled = [r["concept"] for r in own if r["labelled"] == "True"]
            assert {c: labelled.count(c) for c in set(labelled)} == entry["concepts"]
            assert [int(r["unit"]) for r in own] == list(range(entry["n_units"]))


def test_the_section_says_exploratory_first_and_n_everywhere(made: tuple[Path, Path, Path, Report]) -> None:
    (section,) = made[3].sections
    assert isinstance(section.blocks[0], Notice) and section.blocks[0].title == "Exploratory"
    captions = [b.caption for b in section.blocks if b.type in ("figure", "table")]
    assert len(captions) >= 10
    assert all("N = 3 probe images" in caption for caption in captions)
    assert "exploratory-dissection" in [warning.code for warning in made[3].warnings]


def test_every_picture_has_words_and_a_file(made: tuple[Path, Path, Path, Report]) -> None:
    figures = [block for block in made[3].sections[0].blocks if isinstance(block, Figure)]
    kinds = [figure.id.rsplit("-", 1)[-1] for figure in figures]
    assert kinds == ["top", "layers", "units"] * 2 + ["layers", "margins"]
    for picture in (picture for figure in figures for picture in figure.pictures):
        assert picture.alt.endswith(".") and len(picture.alt) > 40
        assert (made[2] / picture.file).is_file()


def test_photographs_are_described_by_what_they_show(made: tuple[Path, Path, Path, Report]) -> None:
    """Three images, words that fit one each: the label of a unit is the word of the image that drives it most."""
    with (made[2] / "tables" / "dissection-units.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["layer"] == "conv_head"]
    by_image = {"chelsea.png": {"cat", "fur"}, "coffee.png": {"coffee", "cup"}, "rocket.jpg": {"rocket", "space"}}
    fits = [row["concept"] in by_image[row["strongest_image"]] for row in rows]
    assert np.mean(fits) > 0.9


def test_a_second_run_takes_all_from_the_store_and_says_the_same(
    made: tuple[Path, Path, Path, Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every word is in the store: without its tokenizer the text model could not be loaded.
    monkeypatch.setitem(sys.modules, "tokenizers", None)  # type: ignore[arg-type]  # None: its import fails
    again = run(made[0], tmp_path / "out", settings(made[1]))
    assert again.model_dump()["dissection"] == made[3].model_dump()["dissection"]
    assert again.sections == made[3].sections


def test_fresh_gives_the_same_labels(made: tuple[Path, Path, Path, Report], tmp_path: Path) -> None:
    again = run(made[0], tmp_path / "out", settings(made[1]), fresh=True)
    assert again.model_dump()["dissection"] == made[3].model_dump()["dissection"]


def test_a_changed_word_list_gives_new_labels_under_the_same_file_name(
    made: tuple[Path, Path, Path, Report], tmp_path: Path
) -> None:
    words = tmp_path / "words.txt"
    words.write_text("animal\ndrink\nmachine\n")
    before = made[3].model_dump()["dissection"][0]
    words_before = {concept for entry in before["layers"] for concept in entry["concepts"]}
    after = run(made[0], tmp_path / "out", settings(words)).model_dump()["dissection"][0]
    assert {concept for entry in after["layers"] for concept in entry["concepts"]} == {"animal", "drink", "machine"}
    assert not words_before & {"animal", "drink", "machine"}
    assert after["concept_set"]["name"] == before["concept_set"]["name"]
    assert after["concept_set"]["sha256"] != before["concept_set"]["sha256"]


@pytest.fixture(scope="module")
def label_files(
    made: tuple[Path, Path, Path, Report], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[str]]:
    """A file of labels of the second model, as `reportgen dissect` makes it of five photographs and a copy; what it printed."""
    folder = tmp_path_factory.mktemp("labels")
    probe = photo_folder(folder / "probe", "astronaut", "chelsea", "coffee", "rocket", "coins")
    (probe / "again.png").write_bytes((probe / "chelsea.png").read_bytes())
    (folder / "own.toml").write_text(f'[dissection]\nconcepts = "{made[1]}"\n', encoding="utf-8")
    out = folder / "labels.csv.gz"
    command = [
        "dissect",
        "--model",
        MODELS[1],
        "--probe",
        str(probe),
        "-o",
        str(out),
        "--config",
        str(folder / "own.toml"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "reportgen", *command], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return out, [*done.stdout.splitlines(), *done.stderr.splitlines()]


def test_reportgen_dissect_writes_a_file_and_says_what_is_in_it(label_files: tuple[Path, list[str]]) -> None:
    file, printed = label_files
    found = read_label_file(file)
    assert found.recipe is not None
    assert (found.recipe.model, found.recipe.probe_images, found.recipe.concepts) == (MODELS[1], 5, "words.txt")
    assert [line.split()[0] for line in printed[:6]] == ["layer", *found.layers]
    assert str(file) in printed
    assert "1 copy of other images left out" in printed
    assert file.read_bytes()[4:8] == bytes(4)


def dissect_settings(made: tuple[Path, Path, Path, Report], **further: Any) -> Settings:
    """Those of `label_files`, and what belongs to reports."""
    return Settings(models=MODELS[1:], dissection={"concepts": str(made[1])}, **further)


def test_what_belongs_to_reports_does_not_reach_reportgen_dissect(
    made: tuple[Path, Path, Path, Report], label_files: tuple[Path, list[str]], tmp_path: Path
) -> None:
    probe = Path(shutil.copytree(label_files[0].parent / "probe", tmp_path / "probe"))
    (probe / "labels.csv").write_text("nonsense\n1,2,3\n")
    (probe / "boxes.csv").write_text("nonsense\n")
    settings = dissect_settings(
        made, explain=("torchvision:resnet18",), document={"show": ("nowhere.png",), "logo": "nowhere.png"}, title="T"
    )
    make_probe_file(probe, tmp_path / "units.csv", settings)
    assert (tmp_path / "units.csv").read_bytes() == gzip.decompress(label_files[0].read_bytes())


@pytest.mark.parametrize(
    "taken",
    [
        b"name,class\nchelsea.png,tabby\n",
        b"",
        b"# reportgen labels",
        gzip.compress(b"name,class\n", mtime=0),
        b"\x1f\x8b damaged",
        b"layer,unit,description,similarity\na,0,cat,1\n",
    ],
)
def test_reportgen_dissect_writes_over_no_file_of_others(
    made: tuple[Path, Path, Path, Report],
    label_files: tuple[Path, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    taken: bytes,
) -> None:
    out = tmp_path / "labels.csv"
    out.write_bytes(taken)
    monkeypatch.setattr("reportgen.pipeline.probe_file.prepare_models", lambda *_: pytest.fail("work has begun"))
    with pytest.raises(UsageError, match=r"labels\.csv: is in the way and no file of reportgen dissect"):
        make_probe_file(label_files[0].parent / "probe", out, dissect_settings(made))
    assert out.read_bytes() == taken


@pytest.mark.parametrize("name", ["labels.csv", "labels.csv.gz"])
def test_reportgen_dissect_replaces_a_file_of_its_own(
    made: tuple[Path, Path, Path, Report], label_files: tuple[Path, list[str]], tmp_path: Path, name: str
) -> None:
    out, own = tmp_path / name, gzip.decompress(label_files[0].read_bytes())
    before = own + b"\n"
    out.write_bytes(gzip.compress(before) if name.endswith(".gz") else before)
    make_probe_file(label_files[0].parent / "probe", out, dissect_settings(made))
    assert (gzip.decompress(out.read_bytes()) if name.endswith(".gz") else out.read_bytes()) == own


def test_the_name_that_reportgen_dissect_chooses_is_not_that_of_class_labels() -> None:
    assert signature(dissect).parameters["out"].default != Path("labels.csv")


def test_a_run_takes_the_labels_of_one_model_from_the_file(
    made: tuple[Path, Path, Path, Report], label_files: tuple[Path, list[str]], tmp_path: Path
) -> None:
    group = DissectionSettings(concepts=str(made[1]), min_margin=0, labels=str(label_files[0]))
    chosen = Settings(models=MODELS, tasks=("dissection",), dissection=group)
    report = run(made[0], tmp_path / "out", chosen).model_dump(mode="json")
    first, second = report["dissection"]
    assert (first["labels"]["source"], first["n_images"], first["own"]) == ("images", 3, None)
    assert (second["labels"]["source"], second["n_images"], second["own"]["n_images"]) == ("file", 5, 3)
    assert second["labels"]["file"] == "labels.csv.gz" and len(second["labels"]["sha256"]) == 64
    assert all(one["labelled"] + one["constant_units"] == one["n_units"] for one in second["layers"])
    assert report["settings"]["dissection"]["labels"] == "labels.csv.gz"
    read = {"dissection.labels": label_files[0], "dissection.concepts": made[1]}
    assert report["provenance"]["inputs"] == {
        key: hashlib.sha256(file.read_bytes()).hexdigest() for key, file in read.items()
    }
    assert str(tmp_path) not in str(report)


def test_labels_that_do_not_fit_stop_the_run_at_its_first_image(
    made: tuple[Path, Path, Path, Report], label_files: tuple[Path, list[str]], tmp_path: Path
) -> None:
    text = gzip.decompress(label_files[0].read_bytes()).decode()
    file = tmp_path / "other.csv"
    file.write_text(text.replace(read_label_file(label_files[0]).recipe.weights_sha256, "a" * 64), encoding="utf-8")  # type: ignore[union-attr]
    group = DissectionSettings(concepts=str(made[1]), labels=str(file))
    with pytest.raises(UsageError, match=r"other\.csv: labels of efficientnet_lite2 with weights aaaa"):
        run(made[0], tmp_path / "out", Settings(models=MODELS, tasks=("dissection",), dissection=group), fresh=True)
    assert not (tmp_path / "out").exists()


def test_published_labels_that_do_not_fit_stop_the_run_at_its_first_image(
    made: tuple[Path, Path, Path, Report], tmp_path: Path
) -> None:
    file = tmp_path / "published.csv"
    file.write_text("layer,unit,description,similarity\nconv_head,0,cat,0.5\n", encoding="utf-8")
    group = DissectionSettings(concepts=str(made[1]), labels=str(file))
    chosen = Settings(models=MODELS, explain=MODELS[1:], tasks=("dissection",), dissection=group)
    with pytest.raises(UsageError, match=r"1 units in conv_head, where efficientnet_lite2 has 1280"):
        run(made[0], tmp_path / "out", chosen, fresh=True)
    assert not (tmp_path / "out").exists()


def test_a_probe_set_of_its_own(made: tuple[Path, Path, Path, Report], tmp_path: Path) -> None:
    probe = photo_folder(tmp_path / "probe", "astronaut", "chelsea", "coffee", "rocket", "coins")
    (probe / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    report = run(made[0], tmp_path / "out", settings(made[1], probe=str(probe)))
    data = report.model_dump(mode="json")
    assert data["dissection"][0]["n_images"] == 5
    assert [image.name for image in report.images] == ["chelsea.png", "coffee.png", "rocket.jpg"]
    assert "probe-skipped" in [warning.code for warning in report.warnings]
    assert report.skipped == []
    assert data["settings"]["probe"] == "probe"
    assert str(tmp_path) not in str(data)


def test_an_empty_probe_set_stops_the_run(made: tuple[Path, Path, Path, Report], tmp_path: Path) -> None:
    (tmp_path / "probe").mkdir()
    with pytest.raises(NothingToDo, match="probe"):
        run(made[0], tmp_path / "out", settings(made[1], probe=str(tmp_path / "probe")))


def test_the_task_pulls_in_what_it_needs() -> None:
    assert load_analyses(["dissection"]) == [EMBEDDING, ANALYSIS]
    assert [analysis.name for analysis in load_analyses(["agreement"])] == ["cams", "lime", "agreement"]


def test_missing_files_are_one_line_each_before_any_work(
    made: tuple[Path, Path, Path, Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(Problems) as stopped:
        run(made[0], tmp_path / "out", Settings(preset="writeup", tasks=("dissection",)))
    assert [line.split(": ")[0] for line in stopped.value.lines] == [
        "resnet50", "resnet18", "resnet18_places365", "open_clip:ViT-B-16/openai",
    ]  # fmt: skip
    assert not (tmp_path / "out").exists()


def test_the_command_prints_one_line_for_each_missing_file(tmp_path: Path) -> None:
    images = photo_folder(tmp_path / "images", "chelsea")
    home = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TORCH_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        "-m",
        "reportgen",
        "run",
        str(images),
        "-o",
        str(tmp_path / "out"),
        "--preset",
        "writeup",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=home, check=False)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.returncode == 2
    assert len(lines) == 4 and all(line.startswith("reportgen: ") for line in lines)
    assert "Traceback" not in done.stderr
