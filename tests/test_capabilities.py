"""What a classifier lacks is known before the work: what needs it is left out and said, and a task asked for by name is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from made_runs import analyse_toy
from reportgen.analysis.registry import load_analyses
from reportgen.models.classifiers import ClassifierSpec, resolve
from reportgen.pipeline.capabilities import capabilities
from reportgen.pipeline.plan import plan
from reportgen.pipeline.providers import Providers
from reportgen.report.document import Report
from reportgen.report.ids import parts_of
from reportgen.settings.model import Settings
from reportgen.utils.errors import Problems
from toys import photo_folder, toy_network, toy_spec

NO_MAP = "its answers are all there is of it"
LACKS: dict[Any, str] = {"activations": NO_MAP, "stages": NO_MAP, "weights": "it has none"}
TASKS = ("cams", "lime", "agreement", "faithfulness", "sanity", "comparison")
SMALL: dict[str, Any] = {"lime": {"num_samples": 20, "resamples": 0}, "faithfulness": {"draws": 1, "random_masks": 1}}


def specs() -> dict[str, ClassifierSpec]:
    """A network with everything, and one of which nothing but its answers can be had."""
    return {
        "toy": toy_spec(toy_network()),
        "closed": replace(toy_spec(toy_network(1), name="closed"), lacks=LACKS),
    }


def classifier(name: str, settings: Settings) -> ClassifierSpec:
    """One of these two, or, for the concept encoder, the one that it reads."""
    return specs().get(name) or resolve(name, settings)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photo_folder(tmp_path_factory.mktemp("photos"), "chelsea", "coffee")


def report_of(photos: Path, folder: Path, **settings: Any) -> tuple[Report, list[str]]:
    chosen = {"specs": specs(), "sanity": {"images": 1}, **SMALL, **settings}
    # Not the comparison, unless two are explained: `plan` asks each whether it applies.
    return analyse_toy(photos, folder / "out", folder / "cache", load_analyses(TASKS), **chosen)


def test_what_needs_more_than_answers_is_left_out_and_said(photos: Path, tmp_path: Path) -> None:
    report, said = report_of(photos, tmp_path, models=("closed",))
    assert [section.id for section in report.sections] == ["lime", "faithfulness"]
    told = [warning.text for warning in report.warnings if warning.code == "left-out"]
    assert told == said[: len(told)], "the same on the terminal, and before the work"
    assert f"Class activation maps: left out for closed, because {NO_MAP}." in told
    assert "Sanity check of the maps: left out for closed, because it has none." in told
    assert "Agreement of Grad-CAM and LIME: left out for closed, because it needs class activation maps." in told
    assert {finding.section for finding in report.findings} <= {"lime", "faithfulness"}


def test_no_sentence_speaks_of_maps_that_are_not_there(photos: Path, tmp_path: Path) -> None:
    report, _ = report_of(photos, tmp_path, models=("closed",))
    data = report.model_dump(mode="json", include={"sections", "findings", "rules", "summary", "glossary", "images"})
    for absent in ("Grad-CAM", "gradcam", "ScoreCAM", "feature map", "class activation"):
        assert absent not in str(data)
    maps = next(section for section in report.sections if section.id == "faithfulness")
    assert "LIME" in str(maps.model_dump())


@pytest.mark.parametrize("explain", [("toy", "closed"), ("closed", "toy")])
def test_of_several_models_each_is_explained_as_far_as_it_goes(
    explain: tuple[str, ...], photos: Path, tmp_path: Path
) -> None:
    report, _ = report_of(photos, tmp_path, models=("toy",), explain=explain)
    made = {(parts_of(section.id)[0], section.title.rpartition(": ")[2]) for section in report.sections}
    both = {(name, model) for name in ("lime", "faithfulness") for model in explain}
    # Not the comparison, which needs the maps of both.
    assert made == both | {(name, "toy") for name in ("cams", "agreement", "sanity")}
    roles = {model.name: set(model.roles) for model in report.provenance.models}
    assert "cams" in roles["toy"]
    assert roles["closed"] == {"lime", "faithfulness"}


def problems(photos: Path, tasks: tuple[str, ...], **settings: Any) -> list[str]:
    made = Settings(models=("closed",), tasks=tasks, **settings)
    known = Providers(classifier=classifier)
    with pytest.raises(Problems) as error:
        plan(photos, made, providers=known)
    return list(error.value.lines)


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("cams", NO_MAP),
        ("sanity", "it has none"),
        ("agreement", "it needs class activation maps"),
        ("dissection", NO_MAP),
    ],
)
def test_a_task_that_is_asked_for_and_cannot_be_done_is_refused_in_one_line(task: str, why: str, photos: Path) -> None:
    (line,) = problems(photos, (task,))
    assert line == f"task {task} cannot be done on closed, because {why}; drop the task, or explain another model"


def test_a_gate_on_what_is_left_out_is_refused(photos: Path) -> None:
    known = Providers(classifier=classifier)
    measure = next(
        name for analysis in load_analyses(("agreement",)) if analysis.name == "agreement" for name in analysis.gates
    )
    with pytest.raises(Problems, match=f"none of this run's tasks measures '{measure}'"):
        plan(photos, Settings(models=("closed",), gates={f"min_{measure}": 0.1}), providers=known)


def test_who_only_serves_goes_with_those_it_serves() -> None:
    analyses = load_analyses(("dissection", "lime"))
    assert "embedding" in [analysis.name for analysis in analyses]
    can = capabilities(analyses, specs(), Settings(models=("closed",)))
    assert [analysis.name for analysis in can.analyses] == ["lime"]
    both = capabilities(analyses, specs(), Settings(models=("toy", "closed")))
    assert [analysis.name for analysis in both.analyses] == ["embedding", "dissection", "lime"]
    assert set(both.gaps) == {("dissection", "closed")}


def test_a_classifier_that_lacks_nothing_changes_nothing() -> None:
    analyses = load_analyses(TASKS[:-1])
    can = capabilities(analyses, specs(), Settings(models=("toy",)))
    assert (list(can.analyses), can.gaps, can.left_out) == (analyses, {}, ())
