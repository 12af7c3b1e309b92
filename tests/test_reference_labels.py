"""Which labels stand for a model: the user's file, the table that comes along, or those that the run makes; and what images drive."""

from __future__ import annotations

import gzip
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from made_dissection import FALLING, RECIPE, RISING, DissectedRun
from reportgen.analyses.dissection import shipped
from reportgen.analyses.dissection.chapter import chapter
from reportgen.analyses.dissection.concepts import concept_set
from reportgen.analyses.dissection.driven import driven
from reportgen.analyses.dissection.label_file import LabelFile, label_file, label_table
from reportgen.analyses.dissection.labels import DissectedModel, half_overlap
from reportgen.analyses.dissection.overlap import overlap
from reportgen.analyses.dissection.probing import dissect, probe
from reportgen.analyses.dissection.result import DissectionResult, SharedLabels
from reportgen.analyses.dissection.settings import DissectionSettings
from reportgen.analyses.dissection.shipped import FOLDER, TABLES, shipped_labels
from reportgen.analyses.dissection.task import ANALYSIS
from reportgen.analyses.dissection.these_images import driven_entry, driven_units
from reportgen.analyses.dissection.unit_table import LABELS_OF_UNITS
from reportgen.models.classifiers import resolve
from reportgen.models.encoders import resolve_encoder
from reportgen.settings.model import PRESETS, Settings
from reportgen.utils.errors import UsageError
from test_dissection_findings import layer
from toys import subject, toy_network, toy_spec

SHOWN = [("cat", "dog", "sky", "Red", "gray")[i % 5] for i in range(40)]


def made(folder: Path, shown: list[str] = SHOWN, models: Any = None, **settings: Any) -> DissectedRun:
    return DissectedRun(folder, models or {"net": RISING}, shown, meant="cat", top_k=4, lam=0.1, **settings)


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabelFile:
    """A table of `net`, made on forty images, that comes along."""
    (model,) = chapter(made(tmp_path / "table")).models
    assert model.origin.recipe is not None
    found = label_table("net.csv.gz", label_file(model, model.origin.recipe))
    monkeypatch.setattr(
        "reportgen.analyses.dissection.origins.shipped_labels", lambda name: found if name == "net" else None
    )
    return found


# --- the tables that come along ------------------------------------------------------------------


def test_the_embedded_models_have_tables_that_fit_them_and_the_default_settings() -> None:
    settings = Settings()
    assert tuple(TABLES) == PRESETS["embedded"]["models"]
    own, encoder = DissectionSettings(), resolve_encoder(DissectionSettings().encoder, settings)
    for name in TABLES:
        found, spec = shipped_labels(name), resolve(name, settings)
        assert found is not None and found.recipe is not None
        recipe, words = found.recipe, concept_set(own.concepts, spec.classes.names)
        assert (recipe.model, recipe.weights_sha256) == (name, spec.weights_sha256)
        assert (recipe.probe_images, recipe.top_k, recipe.exploratory) == (1000, own.top_k, False)
        assert recipe.encoder_identity == encoder.identity()
        assert (recipe.concepts_sha256, recipe.similarity, recipe.lam) == (words.sha256, own.similarity, own.lam)
        assert list(found.layers) == ["blocks.3", "blocks.4", "blocks.5", "blocks.6", "conv_head"]
        for one in found.layers.values():
            assert one.control is not None and one.halves is not None and one.lift is not None
            assert set(one.concepts) <= set(words.words)
            assert one.labelled.tolist() == (one.lift > one.control.lift).tolist()


def test_the_tables_are_small_and_carry_no_time() -> None:
    files = [FOLDER / f"{name}.csv.gz" for name in TABLES]
    assert sorted(FOLDER.iterdir()) == sorted(files)
    assert sum(file.stat().st_size for file in files) < 300_000
    for file in files:
        assert file.read_bytes()[4:8] == bytes(4)


def test_a_table_that_was_edited_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = next(iter(TABLES))
    text = gzip.decompress((FOLDER / f"{name}.csv.gz").read_bytes())
    (tmp_path / f"{name}.csv.gz").write_bytes(gzip.compress(text.replace(b"terrier", b"tiger")))
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    assert shipped_labels.__wrapped__(name) is None
    assert shipped_labels("resnet50") is None


# --- which labels stand --------------------------------------------------------------------------


def test_the_table_stands_and_own_labels_come_second(tmp_path: Path, table: LabelFile) -> None:
    found = chapter(made(tmp_path / "run", SHOWN[:10]))
    (model,) = found.models
    assert (model.origin.kind, model.origin.n_images, model.origin.exploratory) == ("reference", 40, False)
    assert [one.concepts for one in model.layers] == [one.concepts for one in table.layers.values()]
    own = found.computed["net"]
    assert (own.origin.n_images, own.origin.exploratory) == (10, True)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"labels": "own"}, ""),
        ({"labels": None}, ""),
        ({"similarity": "wpmi"}, "the similarity"),
        ({"concepts": ("cat", "dog", "Red")}, "the concept set"),
    ],
)
def test_where_the_table_does_not_stand_the_run_says_why(
    tmp_path: Path, table: LabelFile, settings: dict[str, Any], says: str
) -> None:
    shown = [word for word in SHOWN if word in ("cat", "dog", "Red")] if "concepts" in settings else SHOWN
    (model,) = chapter(made(tmp_path / "run", shown, **settings)).models
    assert model.origin.kind == "images"
    assert (not model.origin.notes) if not says else says in model.origin.notes[0]


def test_a_probe_set_of_the_users_own_comes_before_the_table(tmp_path: Path, table: LabelFile) -> None:
    (model,) = chapter(made(tmp_path / "run", probe=True)).models
    assert (model.origin.kind, model.origin.notes) == ("probe", ())


def test_a_table_of_other_weights_does_not_stand(tmp_path: Path, table: LabelFile) -> None:
    run = made(tmp_path / "run")
    run.weights = {"net": "2" * 64}
    (model,) = chapter(run).models
    assert model.origin.kind == "images"
    assert "other weights of net" in model.origin.notes[0]


def test_a_model_without_a_table_is_labelled_on_the_images_and_the_report_says_so(
    tmp_path: Path, table: LabelFile
) -> None:
    found = chapter(made(tmp_path / "run", models={"net": RISING, "other": FALLING}))
    assert [model.origin.kind for model in found.models] == ["reference", "images"]
    (note,) = found.models[1].origin.notes
    assert "No table of labels for other" in note and "reportgen dissect" in note and "--probe" in note


def test_a_threshold_on_the_margin_counts_for_a_table_too(tmp_path: Path, table: LabelFile) -> None:
    (model,) = chapter(made(tmp_path / "run", min_margin=0.5)).models
    assert model.origin.kind == "reference"
    for one in model.layers:
        assert one.margin is not None
        assert one.labelled.tolist() == ((one.margin >= 0.5) & ~one.constant).tolist()


def test_a_file_that_names_a_model_goes_to_it_and_to_no_other(tmp_path: Path) -> None:
    both = {"net": RISING, "other": FALLING}
    first = chapter(made(tmp_path / "first", models=both))
    other = first.models[1]
    assert other.origin.recipe is not None
    file = tmp_path / "labels.csv"
    file.write_bytes(label_file(other, other.origin.recipe))
    again = chapter(made(tmp_path / "again", models=both, labels=str(file)))
    assert [model.origin.kind for model in again.models] == ["images", "file"]
    with pytest.raises(UsageError, match="labels of other, which is not among the models"):
        chapter(made(tmp_path / "alone", labels=str(file)))
    alone = made(tmp_path / "asked")
    settings = Settings(models=("net",), dissection={"labels": str(file)})
    with pytest.raises(UsageError, match="not among the models"):
        ANALYSIS.require_settings(settings)
    assert alone.settings.labels == "reference"


def published(folder: Path, layers: dict[str, Any]) -> Path:
    """A file of others, which names no model."""
    file = folder / "published.csv"
    rows = [f"{name},{unit},cat,0.5" for name, units in layers.items() for unit in range(len(units))]
    file.write_text("layer,unit,description,similarity\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return file


def test_a_published_file_is_about_the_explained_model_which_need_not_be_the_first(tmp_path: Path) -> None:
    file = published(tmp_path, FALLING)
    run = made(tmp_path / "run", models={"net": RISING, "other": FALLING}, labels=str(file))
    run.explained = ("other", "net")
    found = chapter(run)
    assert [model.origin.kind for model in found.models] == ["images", "file"]
    settings = Settings(models=("net", "other"), explain=("third", "other"), dissection={"labels": str(file)})
    with pytest.raises(UsageError, match=r"names no model.*labels of third, which is not among the models"):
        ANALYSIS.require_settings(settings)


@pytest.mark.parametrize(
    ("layers", "explained", "says"),
    [
        ({"stage": "-----"}, "toy", "5 units in stage, where toy has 3"),
        ({"conv": "---"}, "toy", "names none of the layers of toy"),
        ({"stage": "---"}, "toy", ""),
        ({"conv": "---"}, "another", ""),
    ],
)
def test_a_published_file_that_does_not_fit_stops_at_the_first_image(
    tmp_path: Path, layers: dict[str, str], explained: str, says: str
) -> None:
    means = {"stage": np.ones((1, 3), np.float32)}
    engine = SimpleNamespace(spec=toy_spec(toy_network()), stage_means=lambda *_: means)
    view = SimpleNamespace(engine=engine, input=np.zeros((3, 8, 8), np.float32))
    chosen = DissectionSettings(labels=str(published(tmp_path, layers)))
    given = replace(subject(view, 0, chosen), explained=explained)  # type: ignore[arg-type]
    if not says:
        assert list(ANALYSIS.map(given).means) == ["stage"]
        return
    with pytest.raises(UsageError, match=says):
        ANALYSIS.map(given)


def test_a_file_that_is_missing_is_said_before_any_work() -> None:
    with pytest.raises(
        UsageError, match=r"nowhere\.csv: no such file of labels; dissection\.labels takes reference, own"
    ):
        ANALYSIS.require_settings(Settings(dissection={"labels": "nowhere.csv"}))


def test_what_the_last_stage_is_called_is_handed_on(tmp_path: Path, table: LabelFile) -> None:
    found = ANALYSIS.reduce(made(tmp_path / "run", SHOWN[:10])).shared
    assert isinstance(found, SharedLabels) and ANALYSIS.shares is SharedLabels
    assert found.of("other") is None
    last, labels = table.layers["stage4"], found.of("net")
    assert labels is not None and not labels.exploratory and not labels.own_images
    assert (labels.model, labels.layer, labels.n_images, labels.encoder) == ("net", "stage4", 40, "words")
    assert labels.concepts == tuple(c if yes else None for c, yes in zip(last.concepts, last.labelled, strict=True))


def test_report_json_says_what_the_labels_came_from(tmp_path: Path, table: LabelFile) -> None:
    (entry,) = ANALYSIS.reduce(made(tmp_path / "run", SHOWN[:10])).report["dissection"]  # type: ignore[misc, union-attr]
    assert isinstance(entry, dict)
    assert (entry["n_images"], entry["own"]["n_images"], entry["own"]["exploratory"]) == (40, 10, True)  # type: ignore[index, call-overload]
    assert entry["labels"]["source"] == "reference" and entry["labels"]["sha256"] == table.sha256  # type: ignore[index, call-overload]


# --- what images drive ---------------------------------------------------------------------------


def test_an_image_drives_the_units_that_nearly_no_image_of_the_probe_set_drives_so_far(
    tmp_path: Path, table: LabelFile
) -> None:
    run = made(tmp_path / "run", SHOWN[:10])
    bright = run.results["net"]
    assert isinstance(bright, list)
    means = {name: units.copy() for name, units in bright[3].means.items()}
    means["stage4"][0] = 9.0
    bright[3] = DissectionResult(means)
    (model,) = chapter(run).models
    (found,) = driven(run, model, model.layers[-1:])
    assert np.argwhere(found.beyond).tolist() == [[3, 0]]
    # By hand, over the forty images that the table was made on.
    values = np.array([(2 if word == "cat" else 0) + 0.01 * i for i, word in enumerate(SHOWN)])
    assert found.z[3, 0] == pytest.approx((9 - values.mean()) / values.std(), rel=1e-4)
    assert found.strongest(3, 5) == [(0, pytest.approx(found.z[3, 0]))]
    assert found.concepts(range(10)) == {"cat": 1}


def test_copies_drive_what_their_image_drives_and_are_no_several_images(tmp_path: Path, table: LabelFile) -> None:
    shown = ["cat", "cat", "dog"]
    run = made(tmp_path / "run", shown)
    results = run.results["net"]
    assert isinstance(results, list)
    bright = DissectionResult({**results[0].means, "stage4": np.full_like(results[0].means["stage4"], 9)})
    results[:2] = [bright, bright]
    run.observations = [0, 2]
    found = chapter(run)
    (text,) = driven_units(found)[-1].items  # type: ignore[union-attr]
    assert "No label is driven by two of the 2 different images." in text
    assert "Labels that several" not in text
    entry = driven_entry(found.driven["net"], run.observations)
    assert entry is not None and set(entry["concepts"].values()) == {1}  # type: ignore[union-attr]
    assert len(entry["units"]) == 3  # type: ignore[arg-type]


def test_images_drive_nothing_that_can_be_said_where_they_made_the_labels(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    (model,) = chapter(run).models
    assert driven(run, model, model.layers) == []


# --- copies, and the file of reportgen dissect ---------------------------------------------------


def test_copies_of_an_image_change_no_label(tmp_path: Path) -> None:
    once, thrice = made(tmp_path / "once"), made(tmp_path / "thrice", [*SHOWN, *SHOWN[:9]])
    for results in thrice.results.values():
        assert isinstance(results, list)
        results[40:] = results[:9]
    thrice.hashes = [*once.hashes, *once.hashes[:9]]
    thrice.observations = list(range(40))
    a, b = (next(dissect(run, probe(run), ("net",))) for run in (once, thrice))
    assert a.origin.recipe == b.origin.recipe
    for one, other in zip(a.layers, b.layers, strict=True):
        assert (one.concepts, one.control, one.agreement) == (other.concepts, other.control, other.agreement)


def test_the_file_of_a_probe_set_is_that_of_the_labels_and_names_copies_and_small_sets(tmp_path: Path) -> None:
    run = made(tmp_path / "run", [*SHOWN[:10], SHOWN[0]])
    run.observations = list(range(10))
    found = LABELS_OF_UNITS.make(run)
    assert [row[0] for row in found.rows] == list(RISING)
    assert found.notes[0] == "1 copy of other images left out"
    assert "10 images for K = 4" in found.notes[1]
    read = label_table("labels.csv", found.data)
    assert read.recipe is not None and read.recipe.probe_images == 10


@pytest.mark.parametrize("name", ["temperature", "lam", "min_margin"])
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_setting_that_a_file_could_not_hold_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValidationError, match=name):
        DissectionSettings(**{name: value})


def test_settings_that_a_file_is_made_under_read_no_file() -> None:
    settings = DissectionSettings(labels="mine.csv", layers={"a": ("x",), "b": ("y",)})
    own = LABELS_OF_UNITS.own_settings(settings, "a")
    assert (own.labels, own.layers) == ("own", {"a": ("x",)})


# --- overlap -------------------------------------------------------------------------------------


def test_overlap_by_halves_is_the_mean_over_pairs_layers_and_both_ways_round() -> None:
    models = [
        DissectedModel("a", (layer("l", {"cat": 2, "dog": 1}, {"red": 3}),)),
        DissectedModel("b", (layer("l", {"red": 2}, {"cat": 2}),)),
        DissectedModel("c", (layer("l", {"dog": 4}, {"dog": 4}),)),
    ]
    found = overlap(models, 0)
    assert found is not None
    between = [half_overlap(x.layers[0], y.layers[0]) for x, y in combinations(models, 2)]
    within = [half_overlap(x.layers[0], x.layers[0]) for x in models]
    assert found.between == pytest.approx(np.mean(between))  # type: ignore[arg-type]
    assert found.within == pytest.approx(np.mean(within))  # type: ignore[arg-type]
    assert within == pytest.approx([0, 0, 1])
    assert between == pytest.approx([(1 / 2 + 1) / 2, (1 / 2 + 0) / 2, 0])


def test_models_whose_units_are_dealt_at_random_differ_in_five_of_a_hundred_cases() -> None:
    random = np.random.default_rng(0)
    words = [f"w{i}" for i in range(30)]
    p = []
    for seed in range(60):
        models = []
        for name in "ab":
            first = random.choice(words, 40)
            second = np.where(random.random(40) < 0.5, first, random.choice(words, 40))
            one = layer("l", dict.fromkeys((f"u{i}" for i in range(40)), 1))
            assert one.halves is not None
            models.append(
                DissectedModel(
                    name, (replace(one, halves=replace(one.halves, first=tuple(first), second=tuple(second))),)
                )
            )
        found = overlap(models, seed)
        assert found is not None and found.p is not None
        p.append(found.p)
    assert np.mean(np.array(p) < 0.05) <= 0.15  # 5 % of 60, and twice its standard error
    assert 0.3 < np.mean(p) < 0.7


def test_a_probe_set_of_ten_k_images_is_not_exploratory() -> None:
    assert RECIPE.exploratory is False
    assert RECIPE.model_copy(update={"probe_images": 999}).exploratory
