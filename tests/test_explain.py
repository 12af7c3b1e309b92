"""Several explained models in one run: each as it would be alone, told apart everywhere, and the first as it is without the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_runs import analyse_toy
from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.registry import load_analyses
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject
from reportgen.api import render
from reportgen.models.classifiers import ClassifierSpec, ClassList
from reportgen.pipeline.assemble import by_claim
from reportgen.pipeline.plan import plan
from reportgen.pipeline.summary import summarise
from reportgen.rendering.context import page_context
from reportgen.report.blocks import Figure, Table
from reportgen.report.diff import compare
from reportgen.report.document import Finding, Report
from reportgen.report.ids import id_of, parts_of
from reportgen.report.report_json import parse_report, report_json
from reportgen.settings.group import NoSettings
from reportgen.settings.model import Settings
from reportgen.sharing.repeat import plan as plan_again
from reportgen.storage.run_folder import RunFolder
from reportgen.utils.errors import Problems, UsageError
from toys import photo_folder, toy_network, toy_spec

TASKS = ("cams", "lime", "agreement", "faithfulness", "comparison")
LIME = {"num_samples": 20, "resamples": 0}
FAITHFULNESS = {"draws": 1, "random_masks": 1}
PHOTOS = ("chelsea", "coffee", "rocket")


def specs() -> dict[str, ClassifierSpec]:
    """Two toys that differ in weights, in the size of their frame, and in what they cut out of an image."""
    other = toy_spec(toy_network(1, linear=True), size=48, name="toy2")
    return {
        "toy": toy_spec(toy_network(0)),
        "toy2": replace(other, preprocessing=replace(other.preprocessing, resize=60)),
    }


class Runs:
    """Runs over the same photographs with one cache."""

    def __init__(self, home: Path) -> None:
        self.home, self.photos = home, photo_folder(home / "photos", *PHOTOS)
        (self.photos / "labels.csv").write_text("name,class\nrocket.jpg,class 1\n")

    def made(self, place: str, tasks: tuple[str, ...] = TASKS, **settings: Any) -> tuple[Report, Path, list[str]]:
        chosen = {"specs": specs(), "lime": LIME, "faithfulness": FAITHFULNESS, **settings}
        analyses = load_analyses(tasks)
        report, said = analyse_toy(self.photos, self.home / place, self.home / "cache", analyses, **chosen)
        return report, self.home / place, said


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        yield Runs(tmp_path_factory.mktemp("explain"))


@pytest.fixture(scope="module")
def both(runs: Runs) -> tuple[Report, Path]:
    return runs.made("both", explain=("toy", "toy2"))[:2]


@pytest.fixture(scope="module")
def first(runs: Runs) -> tuple[Report, Path]:
    return runs.made("first")[:2]


@pytest.fixture(scope="module")
def second(runs: Runs) -> tuple[Report, Path]:
    return runs.made("second", models=("toy2",))[:2]


def files(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: path.read_bytes() for name, path in found.items() if not name.startswith(".") and name != "references.bib"
    }


def plain(value: object, model: str) -> object:
    """Data of a further model as they would be if it were the only one."""
    if isinstance(value, dict):
        return {key: plain(inner, model) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner, model) for inner in value]
    if isinstance(value, str):
        return value.removeprefix(f"models/{model}/").removeprefix(f"{model}: ").removesuffix(f" {model}")
    return value


# --- each model as it would be alone ---------------------------------------------------------------


def test_the_numbers_of_the_first_model_stand_where_they_do_without_the_second(
    both: tuple[Report, Path], first: tuple[Report, Path]
) -> None:
    for with_other, alone in zip(both[0].images, first[0].images, strict=True):
        data = with_other.model_dump(mode="json")
        assert set(data.pop("models")) == {"toy2"}
        assert set(data.pop("comparison")) == {"toy~toy2"}
        assert data == alone.model_dump(mode="json")


def test_the_numbers_of_the_second_model_are_those_of_a_run_on_it_alone(
    both: tuple[Report, Path], second: tuple[Report, Path]
) -> None:
    for with_other, alone in zip(both[0].images, second[0].images, strict=True):
        own = plain((with_other.model_extra or {})["models"]["toy2"], "toy2")
        expected = alone.model_dump(mode="json", exclude={"name", "slug", "sha256", "width", "height"})
        assert own == expected
        assert own["cams"]["gradcam"]["gini"] is not None  # type: ignore[index]


def test_files_of_the_first_lie_where_they_do_alone_and_those_of_the_second_below_its_name(
    both: tuple[Report, Path], first: tuple[Report, Path], second: tuple[Report, Path]
) -> None:
    made, alone, other = files(both[1]), files(first[1]), files(second[1])
    own = {name: data for name, data in made.items() if not name.startswith("models/")}
    compared = {name for name in own if "compar" in name}
    assert {name: data for name, data in own.items() if name not in compared} == alone
    further = {name.removeprefix("models/toy2/"): data for name, data in made.items() if name not in own}
    # The parameters of LIME are those of every model, and stand once.
    assert {**further, "explain_params.pkl": other["explain_params.pkl"]} == other
    assert alone["explain_params.pkl"] == other["explain_params.pkl"]
    assert np.load(both[1] / "maps/coffee/gradcam.npy").shape == (32, 32)
    assert np.load(both[1] / "models/toy2/maps/coffee/gradcam.npy").shape == (48, 48)


def test_findings_of_both_are_those_of_each_alone(
    both: tuple[Report, Path], first: tuple[Report, Path], second: tuple[Report, Path]
) -> None:
    for model, alone in (("toy", first[0]), ("toy2", second[0])):
        called = (lambda id: id) if model == "toy" else (lambda id: id_of(id, "toy2"))
        found = {finding.id: finding for finding in both[0].findings}
        assert len(found) == len(both[0].findings)
        for finding in alone.findings:
            with_other = found[called(finding.id)]
            assert (with_other.text, with_other.p) == (finding.text, finding.p)
            assert with_other.claim == f"{model}: {finding.claim}"
            assert with_other.section == called(finding.section)
            sources = [called(item.source) for item in finding.evidence if item.source]
            assert [item.source for item in with_other.evidence if item.source] == sources
            blocks = [block for section in both[0].sections for block in section.blocks]
            assert set(sources) <= {block.id for block in blocks if isinstance(block, Figure | Table)}
    assert {finding.id for finding in both[0].findings if finding.section == "comparison"} == {"M1", "M2"}


def test_one_explained_model_leaves_no_trace_of_the_comparison(first: tuple[Report, Path]) -> None:
    text = report_json(first[0]).decode()
    assert '"comparison' not in text
    assert '"models": {' not in text
    assert first[0].settings["explain"] == []
    assert not (first[1] / "models").exists()
    assert "Comparison" not in str([section.title for section in first[0].sections])


def test_naming_the_one_model_changes_nothing_but_the_setting(runs: Runs, first: tuple[Report, Path]) -> None:
    named = runs.made("named", explain=("toy", "toy"))[0]
    data, expected = ({**r.model_dump(mode="json"), "settings": None} for r in (named, first[0]))
    assert data == expected


# --- told apart ------------------------------------------------------------------------------------


def test_every_id_is_the_only_one_of_its_kind(both: tuple[Report, Path]) -> None:
    report = both[0]
    blocks = [block for section in report.sections for block in section.blocks if isinstance(block, Figure | Table)]
    for ids in (
        [section.id for section in report.sections],
        [block.id for block in blocks],
        [finding.id for finding in report.findings],
        [table.file for table in blocks if isinstance(table, Table)],
    ):
        assert len(set(ids)) == len(ids)


def test_titles_captions_and_claims_name_their_model(both: tuple[Report, Path]) -> None:
    for section in both[0].sections:
        if section.id == "comparison":
            continue
        model = parts_of(section.id)[1] or "toy"
        assert section.title.endswith(f": {model}")
        for block in section.blocks:
            if isinstance(block, Figure | Table):
                assert block.caption.startswith(f"{model}: ")
            if isinstance(block, Figure):
                assert all(picture.alt.startswith(f"{model}: ") for picture in block.pictures)
    assert all(warning.text.startswith(("toy: ", "toy2: ")) for warning in both[0].warnings)


def test_warnings_and_summary_speak_of_both(both: tuple[Report, Path]) -> None:
    assert both[0].summary is not None
    assert "explained for toy;" in both[0].summary.images
    assert "explained for toy2;" in both[0].summary.images
    wrong = {warning.text.split(":")[0] for warning in both[0].warnings if warning.code == "wrong-prediction"}
    judged = {"toy": both[0].images[2].correct, "toy2": both[0].images[2].model_extra["models"]["toy2"]["correct"]}  # type: ignore[index]
    assert wrong == {model for model, correct in judged.items() if not correct}


def test_no_layer_lies_over_the_photograph_of_another_model(both: tuple[Report, Path]) -> None:
    page = page_context(both[0], "html")
    over: dict[str, set[str]] = {}
    for section in page["sections"]:
        for figure in (block for block in section["blocks"] if block["type"] == "figure"):
            for picture in figure["pictures"]:
                if picture["over"]:
                    over.setdefault(picture["over"], set()).add(picture["file"].partition("/")[0])
    anchors = [image["anchor"] for image in page["images"]]
    own = {anchor: {"figures"} for anchor in anchors}
    assert over == {**own, **{f"{anchor} toy2": {"models"} for anchor in anchors}}
    for image in page["images"]:
        assert {layer["file"].partition("/")[0] for layer in image["layers"]} == {"figures"}
    photographs = [
        picture["file"]
        for section in page["sections"]
        if section["id"] == "cams@toy2"
        for block in section["blocks"]
        if block["type"] == "figure"
        for picture in block["pictures"]
        if picture["over"] and not picture["layer"]
    ]
    assert photographs == [f"models/toy2/figures/{name}-input.jpg" for name in PHOTOS]


def test_measures_of_the_second_name_it_and_stand_beside_no_photograph(both: tuple[Report, Path]) -> None:
    measures = page_context(both[0], "html")["measures"]
    own = [m for m in measures if parts_of(m["id"].rpartition(".")[0])[1] == "toy2"]
    assert own and all(m["label"].endswith(", toy2") and not m["headline"] for m in own)
    assert any(m["headline"] for m in measures)


def test_a_work_is_cited_once_for_all_models(both: tuple[Report, Path]) -> None:
    cited = {work.key: work.cited_in for work in both[0].references}
    assert cited["ribeiro2016"] == ["lime"]
    assert cited["jaccard1912"] == ["lime", "agreement", "comparison"]
    works = page_context(both[0], "html")["references"]
    titles = {work["key"]: [place["title"] for place in work["cited"]] for work in works}
    assert titles["ribeiro2016"] == ["LIME"]


def test_a_claim_is_numbered_without_the_model_that_it_names(both: tuple[Report, Path]) -> None:
    found = {finding["id"]: finding["claim_id"] for finding in page_context(both[0], "html")["findings"]}
    assert found["C3@toy2"] == found["C3"] == "C3"


def test_claims_stand_beside_each_other_and_the_summary_names_their_models() -> None:
    made = [
        Finding(id=id, section="s", claim="c", verdict="undecided", text="t")
        for id in ("C10", "C2", "C10@net_b2", "C2@net_b2", "A1", "A1@net_b2")
    ]
    ordered = by_claim(made)
    assert [finding.id for finding in ordered] == ["C2", "C2@net_b2", "C10", "C10@net_b2", "A1", "A1@net_b2"]
    rest = summarise([], ordered, "net").rest
    assert "6 (C2, C10, A1; net_b2: C2, C10, A1) are undecided" in rest


# --- the rest of a run -----------------------------------------------------------------------------


def test_a_second_run_computes_nothing_and_says_the_same(runs: Runs, both: tuple[Report, Path]) -> None:
    again, folder, said = runs.made("again", explain=("toy", "toy2"))
    assert any(line.endswith(" 0 computed") for line in said), said
    assert again.model_dump(mode="json") == both[0].model_dump(mode="json")
    assert files(folder) == files(both[1])


def test_the_other_order_makes_the_other_model_the_first(runs: Runs, second: tuple[Report, Path]) -> None:
    report, folder, _ = runs.made("turned", explain=("toy2", "toy"))
    assert [model.name for model in report.provenance.models] == ["toy2", "toy"]
    own = [image.model_dump(mode="json", exclude={"models", "comparison"}) for image in report.images]
    assert own == [image.model_dump(mode="json") for image in second[0].images]
    assert (folder / "models/toy/maps/coffee/gradcam.npy").is_file()


def test_an_explained_model_need_not_be_among_the_models(both: tuple[Report, Path]) -> None:
    assert both[0].settings["models"] == ["toy"]
    roles = {model.name: model.roles for model in both[0].provenance.models}
    assert roles == {name: ["cams", "lime", "agreement", "faithfulness"] for name in ("toy", "toy2")}


def test_labels_count_for_a_model_of_the_same_classes_alone(runs: Runs) -> None:
    own = specs()
    own["toy2"] = replace(own["toy2"], classes=ClassList(tuple(f"place {i}" for i in range(5))))
    report = runs.made("places", tasks=("cams",), explain=("toy", "toy2"), specs=own)[0]
    rocket = report.images[2]
    assert rocket.label is not None and rocket.correct is not None
    of_places = (rocket.model_extra or {})["models"]["toy2"]
    assert of_places["label"] is None and of_places["correct"] is None
    assert of_places["prediction"]["name"].startswith("place ")


def test_gates_judge_the_first_model(runs: Runs) -> None:
    one, two = (
        runs.made(place, explain=explain, gates={"min_lime_stability": 0.0, "min_iou_above_other_images": -1.0})[
            0
        ].gates
        for place, explain in (("gate one", ("toy2",)), ("gate two", ("toy2", "toy")))
    )
    assert one == two


def test_a_chosen_section_stands_for_both_models(runs: Runs) -> None:
    report = runs.made("chosen", explain=("toy", "toy2"), document={"sections": ("cams",)})[0]
    page = page_context(report, "html")
    assert [section["id"] for section in page["sections"]] == ["cams", "cams@toy2"]
    left = {part["id"] for part in page["left_out"]}
    assert "lime@toy2" in left and "cams@toy2" not in left


def test_such_a_report_is_read_rendered_compared_and_repeated(both: tuple[Report, Path], tmp_path: Path) -> None:
    report, folder = both
    again = parse_report(report_json(report), "report.json").with_folder(folder)
    assert compare(report, again).same
    page = render(again, tmp_path, formats=("html",))[0].read_text("utf-8")
    assert 'data-over="image-coffee toy2"' in page
    changed = json.loads(report_json(report))
    changed["images"][0]["models"]["toy2"]["cams"]["gradcam"]["gini"] = 9.0
    (difference,) = compare(report, Report.model_validate(changed)).numbers
    assert difference.place == "chelsea.png: models.toy2.cams.gradcam.gini"
    kept = tmp_path / "run"
    kept.mkdir()
    (kept / "report.json").write_bytes(report_json(report))
    repeated = plan_again(kept / "report.json", folder, {}, None)
    assert repeated.loaded.settings.explained == ("toy", "toy2")


@pytest.mark.parametrize("models", [[], "text", {"toy2": None}, {"toy2": {"picture": {"file": 1}}}, {"toy2": {}}])
def test_a_page_stands_whatever_a_stranger_wrote_about_further_models(both: tuple[Report, Path], models: Any) -> None:
    data = json.loads(report_json(both[0]))
    for image in data["images"]:
        image["models"] = models
    page_context(Report.model_validate(data), "pdf")


# --- settings and folder ---------------------------------------------------------------------------


def problems(folder: Path, **settings: Any) -> tuple[str, ...]:
    with pytest.raises(Problems) as error:
        plan(photo_folder(folder, "coffee"), Settings(**settings))
    return tuple(error.value.lines)


def test_an_unknown_name_is_one_line_with_the_nearest(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, explain=("efficientnet_lite0", "efficientnet_lte2"), tasks=("cams",))
    assert "'efficientnet_lte2'" in line and "did you mean efficientnet_lite2?" in line


def test_a_comparison_that_is_asked_for_needs_two_models(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, tasks=("comparison",))
    assert "two explained models" in line and "explain" in line


def test_a_comparison_needs_grad_cam(tmp_path: Path) -> None:
    explain = ("efficientnet_lite0", "efficientnet_lite2")
    (line,) = problems(tmp_path, cams={"methods": ("scorecam",)}, explain=explain, tasks=("cams", "comparison"))
    assert "add gradcam to cams.methods" in line


def test_a_checkpoint_that_is_explained_is_named_without_its_folder() -> None:
    settings = Settings(explain=("checkpoint:/home/ann/net.pth",), architectures={"checkpoint:net.pth": "timm:x"})
    assert settings.explained == ("checkpoint:net.pth",)
    assert settings.weights == {"checkpoint:net.pth": "/home/ann/net.pth"}


def test_a_folder_of_models_is_in_the_way_of_a_run_that_writes_one_and_of_no_other(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    RunFolder(tmp_path).require_free()
    with pytest.raises(UsageError, match="models: is in the way"):
        RunFolder(tmp_path, ["models"]).require_free()


def test_a_second_run_writes_over_the_models_of_the_first(tmp_path: Path) -> None:
    for content in (b"1", b"2"):
        folder = RunFolder(tmp_path / "run", ["models"])
        folder.begin()
        folder.raw("models/net/maps/a.npy", content)
        folder.finish()
    assert (tmp_path / "run/models/net/maps/a.npy").read_bytes() == b"2"
    folder = RunFolder(tmp_path / "run")
    folder.begin()
    folder.raw("maps/a.npy", b"3")
    folder.finish()
    assert not (tmp_path / "run/models").exists(), "one model: nothing of the other is left"


# --- what is handed on ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """The model that an analysis was reduced for."""

    model: str


class Teller(Analysis[NoSettings, Told]):
    name, title, version, order, shares = "teller", "Teller", "1", 10, Told

    def map(self, subject: Subject[NoSettings]) -> Told:
        return Told(subject.view.engine.spec.name)

    def reduce(self, run: RunView[NoSettings]) -> Contribution:
        return Contribution(None, shared=run.result(self.name, 0, Told))


class Listener(Analysis[NoSettings, Told]):
    name, title, version, order, requires = "listener", "Listener", "1", 20, ("teller",)

    def map(self, subject: Subject[NoSettings]) -> Told:
        return subject.required("teller", Told)

    def reduce(self, run: RunView[NoSettings]) -> Contribution:
        heard, own = run.shared("teller", Told), run.result(self.name, 0, Told)
        assert heard is not None
        said = {"heard": heard.model, "own": own.model, "first": run.models[0]}
        return Contribution(None, per_image=[said] * len(run.images), report={"listener": said})


def test_an_analysis_is_handed_what_was_found_for_its_own_model(tmp_path: Path) -> None:
    photos = photo_folder(tmp_path / "photos", "coffee")
    report, _ = analyse_toy(
        photos, tmp_path / "out", tmp_path / "cache", [Teller(), Listener()], specs=specs(), explain=("toy", "toy2")
    )
    extra = report.images[0].model_extra or {}
    assert extra["listener"] == dict.fromkeys(("heard", "own", "first"), "toy")
    assert extra["models"]["toy2"]["listener"] == dict.fromkeys(("heard", "own", "first"), "toy2")
    assert (report.model_extra or {})["listener"]["own"] == "toy"
    assert (report.model_extra or {})["models"] == {"toy2": {"listener": extra["models"]["toy2"]["listener"]}}
