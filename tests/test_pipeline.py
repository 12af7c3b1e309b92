"""reportgen.pipeline and reportgen.api: real photographs through every stage, twice, and with one thing changed at a time."""

from __future__ import annotations

import csv
import getpass
import json
import pickle
import re
import shutil
import socket
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import models

import reportgen
from made_runs import analyse_toy
from reportgen.analyses.cams.result import CamsResult
from reportgen.analysis.protocol import Analysis, AnyAnalysis, Contribution
from reportgen.analysis.registry import load_analyses
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject, View
from reportgen.api import make_report
from reportgen.pipeline.analyse import analyse
from reportgen.pipeline.execution import Execution
from reportgen.pipeline.providers import Providers
from reportgen.report.blocks import Section
from reportgen.report.document import Report
from reportgen.report.open import read_report
from reportgen.report.report_json import report_json
from reportgen.settings.group import NoSettings
from reportgen.settings.model import Settings
from reportgen.storage.run_folder import RunFolder
from reportgen.utils.errors import NothingToDo, UsageError
from reportgen.utils.hashing import seed_from
from toys import photo_folder, photo_path

EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}
ESPRESSO, CAT, BROKEN = "n07920052_espresso.png", "sub/cat.jpg", "broken.jpg"
LIME = {"num_samples": 40, "repeats": 2}
GRADCAM = {"methods": ("gradcam",)}
CAMS = ("gradcam", "ablationcam", "scorecam")


def settings(**values: Any) -> Settings:
    return Settings(**{"tasks": ("agreement",), **values, "lime": {**LIME, **values.get("lime", {})}})


@dataclass
class Told:
    """What the pipeline told the user."""

    stages: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def stage(self, name: str, total: int) -> None:
        self.stages.append(name)

    def step(self, detail: str = "") -> None: ...

    def detail(self, message: str) -> None: ...

    def say(self, message: str) -> None:
        self.said.append(message)

    @property
    def computed(self) -> int:
        (line,) = [line for line in self.said if "computed" in line]
        return int(re.findall(r"(\d+) computed", line)[0])


@dataclass
class Done:
    """One run: its report as an object and as report.json, its folder, what it told."""

    report: Report
    out: Path
    told: Told

    @property
    def json(self) -> Any:
        return json.loads((self.out / "report.json").read_bytes())

    def image(self, name: str) -> Any:
        return next(image for image in self.json["images"] if image["name"] == name)

    def files(self) -> dict[str, bytes]:
        """Every file of the run folder but the timings."""
        paths = [path for path in self.out.rglob("*") if path.is_file() and path.name != "timings.json"]
        return {path.relative_to(self.out).as_posix(): path.read_bytes() for path in sorted(paths)}


def run(images: Path, out: Path, cache: Path, chosen: Settings | None = None, **options: Any) -> Done:
    """`make_report` without the rendering, which has tests of its own."""
    told, folder = Told(), RunFolder(out)
    report, watch = analyse(images, chosen or settings(), folder, cache, progress=told, **options)
    folder.raw("report.json", report_json(report))
    folder.timings({"stages": watch.stages, "images": watch.images})
    folder.finish()
    return Done(report, out, told)


@contextmanager
def environment(**values: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def mine(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache without results; the conversion to OpenVINO is the session's."""
    folder = tmp_path_factory.mktemp("mine")
    (cache / "models").mkdir(exist_ok=True)
    (folder / "models").symlink_to(cache / "models")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs, one labelled by its name, one (wrongly) by labels.csv; and a file that is no image."""
    folder = tmp_path_factory.mktemp("home_of_ann") / "photos"
    (folder / "sub").mkdir(parents=True)
    for source, name in (("coffee", ESPRESSO), ("chelsea", CAT)):
        Image.open(photo_path(source)).convert("RGB").resize((300, 260)).save(folder / name)
    (folder / "labels.csv").write_text(f"name,class\n{CAT},goldfish\n")
    (folder / BROKEN).write_text("no image at all")
    return folder


@pytest.fixture(scope="module")
def first(photos: Path, mine: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    with environment(**EPOCH):
        return run(photos, tmp_path_factory.mktemp("first") / "out", mine, command=["reportgen", "run", "photos"])


# --- the contract --------------------------------------------------------------------------------


def test_report_json_has_every_key_of_the_contract(first: Done) -> None:
    report = first.json
    assert report["schema_version"] == 1
    assert report["title"] == "Explainability report"
    assert set(report) >= {"provenance", "settings", "images", "skipped", "sections", "findings", "warnings"}
    provenance = report["provenance"]
    assert set(provenance) >= {"reportgen", "python", "packages", "command", "created", "seed", "runtime", "models"}
    assert set(provenance["runtime"]) >= {"name", "precision", "device"}
    assert provenance["packages"]["lime"] == "0.2.0.1"
    assert provenance["command"] == ["reportgen", "run", "photos"]
    (model,) = provenance["models"]
    assert model["name"] == "efficientnet_lite0"
    assert re.fullmatch("[0-9a-f]{64}", model["weights_sha256"])
    assert model["preprocessing"]["size"] == 224
    assert model["roles"] == ["cams", "lime", "agreement"]
    assert [section["id"] for section in report["sections"]] == ["cams", "lime", "agreement"]
    for section in report["sections"]:
        assert set(section) >= {"id", "title", "blocks"}
    for warning in report["warnings"]:
        assert set(warning) >= {"code", "text"}


def test_images_have_every_key_of_the_contract(first: Done) -> None:
    assert [image["name"] for image in first.json["images"]] == [ESPRESSO, CAT], "a plain sort of the paths"
    for image in first.json["images"]:
        assert set(image) >= {"name", "sha256", "width", "height", "label", "prediction", "target", "correct"}
        assert (image["width"], image["height"]) == (300, 260)
        prediction = image["prediction"]
        assert set(prediction) >= {"index", "name", "probability", "top5"}
        probabilities = [entry["probability"] for entry in prediction["top5"]]
        assert len(probabilities) == 5
        assert probabilities == sorted(probabilities, reverse=True)
        assert prediction["top5"][0] == {key: prediction[key] for key in ("index", "name", "probability")}
        assert image["target"] == {"index": prediction["index"], "name": prediction["name"]}
        assert set(image["cams"]) >= set(CAMS)
        for method in CAMS:
            assert set(image["cams"][method]) >= {"map", "forward_passes", "degenerate"}
        assert set(image["lime"]) >= {"mask", "n_segments", "n_selected", "r2", "forward_passes"}
        assert image["lime"]["forward_passes"] == 80
        assert set(image["agreement"]) >= {"iou", "cam_area", "lime_area", "chance", "ceiling", "iou_area_matched"}


def test_predictions_are_those_of_the_network(first: Done, lite0_torch: Any, photos: Path) -> None:
    from reportgen.images.frame import model_frame

    for image in first.json["images"]:
        frame = model_frame(np.array(Image.open(photos / image["name"]).convert("RGB")), lite0_torch.spec.preprocessing)
        probabilities = lite0_torch.probabilities(1, lambda _, out, f=frame: np.copyto(out, lite0_torch.normalise(f)))[
            0
        ]
        assert image["prediction"]["index"] == probabilities.argmax()
        assert image["prediction"]["probability"] == pytest.approx(float(probabilities.max()), abs=1e-4)
    assert first.image(ESPRESSO)["prediction"]["name"] == "espresso"


def test_maps_are_arrays_in_the_models_frame(first: Done) -> None:
    for image in first.json["images"]:
        for method in CAMS:
            assert image["cams"][method]["map"] == f"maps/{image['slug']}/{method}.npy"
            values = np.load(first.out / image["cams"][method]["map"], allow_pickle=False)
            assert values.dtype == np.float32
            assert values.shape == (224, 224)
            assert 0 <= values.min() <= values.max() <= 1


def test_iou_is_that_of_the_masks_on_disk(first: Done) -> None:
    """Ten lines of numpy that know nothing of the product, from the files alone."""
    for image in first.json["images"]:
        folder = first.out / "masks" / image["slug"]
        cam, lime = (np.asarray(Image.open(folder / f"{name}.png")) for name in ("gradcam", "lime"))
        assert set(np.unique([cam, lime])) == {0, 255}
        a, b = cam == 255, lime == 255
        found = image["agreement"]
        assert found["iou"] == pytest.approx((a & b).sum() / (a | b).sum(), abs=1e-9)
        assert found["cam_area"] == pytest.approx(a.mean(), abs=1e-9)
        assert found["lime_area"] == pytest.approx(b.mean(), abs=1e-9)
        assert found["chance"] == pytest.approx(
            a.mean() * b.mean() / (a.mean() + b.mean() - a.mean() * b.mean()), abs=1e-9
        )
        assert found["ceiling"] == pytest.approx(min(a.mean(), b.mean()) / max(a.mean(), b.mean()), abs=1e-9)


def test_tables_on_disk_hold_the_reports_numbers(first: Done) -> None:
    with (first.out / "tables/agreement.csv").open(newline="") as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    assert {name: float(row["iou"]) for name, row in rows.items()} == {
        i["name"]: i["agreement"]["iou"] for i in first.json["images"]
    }
    ordered = [float(row["iou"]) for row in rows.values()]
    assert ordered == sorted(ordered, reverse=True)


def test_explain_params_has_an_entry_an_image_with_its_seed(first: Done, photos: Path) -> None:
    entries = pickle.loads((first.out / "explain_params.pkl").read_bytes())
    assert list(entries) == ["espresso", "cat"]
    for image, arguments in zip(first.json["images"], entries.values(), strict=True):
        assert arguments["num_samples"] == 40
        assert arguments["random_seed"] == image["lime"]["seed"] == seed_from(0, image["sha256"])


def test_every_file_that_the_report_names_is_there_and_in_the_manifest(first: Done) -> None:
    manifest = json.loads((first.out / "manifest.json").read_bytes())["files"]
    text = (first.out / "report.json").read_text("utf-8")
    named = set(re.findall(r'"((?:figures|tables|maps|masks)/[^"]+)"', text))
    assert named <= set(manifest)
    assert {name for name in manifest if name.partition("/")[0] in ("figures", "tables", "maps", "masks")} == named
    assert set(first.files()) == {*manifest, "manifest.json"}


def test_labels_come_from_the_name_or_the_table(first: Done) -> None:
    assert first.image(ESPRESSO)["label"] == {"index": 967, "name": "espresso", "source": "file name"}
    assert first.image(ESPRESSO)["correct"] is True
    assert first.image(CAT)["label"] == {"index": 1, "name": "goldfish", "source": "labels.csv"}
    assert first.image(CAT)["correct"] is False
    wrong = [warning for warning in first.json["warnings"] if warning["code"] == "wrong-prediction"]
    assert [warning["image"] for warning in wrong] == [CAT]
    assert "goldfish" in wrong[0]["text"]


def test_a_file_that_cannot_be_read_is_skipped_with_a_reason(first: Done) -> None:
    (skipped,) = first.json["skipped"]
    assert skipped["name"] == BROKEN
    assert skipped["reason"]


def test_the_report_names_neither_machine_nor_user_nor_folder(first: Done, photos: Path, mine: Path) -> None:
    for name, data in first.files().items():
        if name.endswith((".json", ".csv", ".svg", ".pkl")):
            text = data.decode("utf-8", "replace")
            for private in (
                str(photos.parent),
                photos.parent.name,
                str(first.out),
                str(mine),
                str(Path.home()),
                str(Path.cwd()),
            ):
                assert private not in text, name
            for word in (getpass.getuser(), socket.gethostname()):
                assert not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text), (name, word)


def test_seconds_stand_only_in_the_timings(first: Done) -> None:
    def keys(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from value
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from keys(inner)

    assert not [key for key in keys(first.json) if re.search("second|elapsed|duration|timing", key)]
    timings = json.loads((first.out / "timings.json").read_bytes())
    assert set(timings["images"]) == {ESPRESSO, CAT}
    assert set(timings["images"][CAT]) >= {*CAMS, "lime"}
    assert all(seconds > 0 for image in timings["images"].values() for seconds in image.values())
    assert {"models", "prediction", "cams", "lime", "agreement"} <= set(timings["stages"])


# --- again ---------------------------------------------------------------------------------------


def test_a_second_run_computes_nothing_and_gives_equal_bytes(
    first: Done, photos: Path, mine: Path, tmp_path: Path
) -> None:
    assert first.told.computed == 8, "an observation and three analyses for each of two images"
    with environment(**EPOCH):
        again = run(photos, tmp_path / "out", mine, command=["reportgen", "run", "photos"])
    assert again.told.computed == 0
    assert again.files() == first.files()


def test_computing_everything_anew_gives_equal_bytes(first: Done, photos: Path, mine: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(photos / CAT, folder)
    with environment(**EPOCH):
        stored, anew = run(folder, tmp_path / "stored", mine), run(folder, tmp_path / "anew", mine, fresh=True)
    assert (stored.told.computed, anew.told.computed) == (0, 4)
    assert anew.files() == stored.files()


@pytest.mark.parametrize(
    ("changed", "recomputed"),
    [
        ({"title": "Another", "template": "brief", "formats": ("html",), "strict": True}, []),
        ({"agreement": {"threshold": "max:0.5"}}, ["agreement"]),
        ({"lime": {"num_samples": 6}}, ["lime", "agreement"]),
        ({"lime": {"batch_size": 3}}, []),
        ({"cams": GRADCAM}, ["cams", "agreement"]),
        (
            {"geometry": "squash", "cams": GRADCAM, "lime": {"num_samples": 6}},
            ["observation", "cams", "lime", "agreement"],
        ),
    ],
)
def test_a_changed_setting_recomputes_only_what_depends_on_it(
    first: Done, photos: Path, mine: Path, tmp_path: Path, changed: dict[str, Any], recomputed: list[str]
) -> None:
    assert run(photos, tmp_path / "out", mine, settings(**changed)).told.computed == 2 * len(recomputed)


def test_another_seed_draws_lime_anew(first: Done, photos: Path, mine: Path, tmp_path: Path) -> None:
    other = run(photos, tmp_path / "out", mine, settings(seed=1, tasks=("lime",)))
    for image in first.json["images"]:
        found = other.image(image["name"])
        assert found["lime"]["seed"] != image["lime"]["seed"]
        assert found["lime"]["weights"] != image["lime"]["weights"]
        assert found["prediction"] == image["prediction"]


def test_results_follow_the_bytes_and_not_the_name(first: Done, photos: Path, mine: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(photos / CAT, folder / "renamed.jpg")
    shutil.copy(photos / CAT, folder / "twice.jpg")
    found = run(folder, tmp_path / "out", mine)
    assert found.told.computed == 0
    for name in ("renamed.jpg", "twice.jpg"):
        for key in ("prediction", "sha256"):
            assert found.image(name)[key] == first.image(CAT)[key]
        assert found.image(name)["agreement"]["iou"] == first.image(CAT)["agreement"]["iou"]


def test_a_new_image_is_the_only_one_explained(first: Done, photos: Path, mine: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(photos, tmp_path / "photos"))
    Image.open(photos / CAT).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "a_new_one.png")
    (folder / "labels.csv").unlink()
    chosen = settings(cams=GRADCAM)
    run(photos, tmp_path / "before", mine, chosen)
    found = run(folder, tmp_path / "out", mine, chosen)
    assert found.told.computed == 4
    assert (found.image("a_new_one.png")["label"], found.image("a_new_one.png")["correct"]) == (None, None)


def test_damaged_results_are_computed_again(photos: Path, tmp_path: Path, mine: Path) -> None:
    cache, chosen = tmp_path / "cache", settings(tasks=("lime",), lime={"num_samples": 6, "resamples": 0})
    cache.mkdir()
    (cache / "models").symlink_to(mine / "models")
    with environment(**EPOCH):
        whole = run(photos, tmp_path / "whole", cache, chosen)
        for path in (cache / "results").rglob("*-*.npz"):
            path.write_bytes(path.read_bytes()[:-40])
        again = run(photos, tmp_path / "again", cache, chosen)
        once_more = run(photos, tmp_path / "more", cache, chosen)
    # The map leaves arrays where they are; what reads them has them made again.
    assert (whole.told.computed, again.told.computed) == (4, 0)
    assert again.files() == whole.files() == once_more.files()


@pytest.mark.parametrize(("epoch", "created"), [("0", "1970-01-01T00:00:00Z"), ("1700000000", "2023-11-14T22:13:20Z")])
def test_created_honours_source_date_epoch(photos: Path, mine: Path, tmp_path: Path, epoch: str, created: str) -> None:
    with environment(SOURCE_DATE_EPOCH=epoch):
        assert run(photos, tmp_path / "out", mine).json["provenance"]["created"] == created


def test_created_is_now_otherwise(photos: Path, mine: Path, tmp_path: Path) -> None:
    before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SOURCE_DATE_EPOCH", raising=False)
        created = run(photos, tmp_path / "out", mine).json["provenance"]["created"]
    assert before <= created <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


# --- tasks, and an analysis of the user's own ----------------------------------------------------


def test_agreement_pulls_in_what_it_requires_in_the_reports_order() -> None:
    assert [analysis.name for analysis in load_analyses(["agreement"])] == ["cams", "lime", "agreement"]
    assert [analysis.name for analysis in load_analyses(["lime", "cams"])] == ["cams", "lime"]
    assert [analysis.name for analysis in load_analyses(["lime", "lime"])] == ["lime"]
    assert {"cams", "lime", "agreement"} <= {analysis.name for analysis in load_analyses()}


def test_an_unknown_task_names_those_that_are_installed() -> None:
    with pytest.raises(UsageError, match=r"unknown task 'gradcam'; installed: agreement, attribution, cams, .*lime"):
        load_analyses(["gradcam"])


def test_one_task_alone(photos: Path, mine: Path, tmp_path: Path) -> None:
    found = run(photos, tmp_path / "out", mine, settings(tasks=("lime",)))
    assert [section["id"] for section in found.json["sections"]] == ["lime"]
    assert "cams" not in found.json["images"][0]
    assert not (found.out / "maps").exists()


@dataclass(frozen=True)
class Bright:
    mean: float
    peak: int
    target: int
    seed: int


class Brightness(Analysis[NoSettings, Bright]):
    """A user's own analysis: the mean pixel of the frame, and where Grad-CAM's maximum lies."""

    name, title, order = "brightness", "Brightness", 90
    requires = ("cams",)

    def __init__(self, version: str = "1", *, concurrent: bool = False, fail_on: str = "") -> None:
        self.version, self.concurrent, self.fail_on = version, concurrent, fail_on
        self.seen: list[int] = []
        self.views_alive: list[int] = []
        self._views: list[weakref.ref[View]] = []

    def count_views(self) -> int:
        """How many of the views that this analysis has seen are still in memory."""
        return sum(view() is not None for view in self._views)

    def map(self, subject: Subject[NoSettings]) -> Bright:
        if self.fail_on and len(self.seen) == 1:
            raise RuntimeError(self.fail_on)
        self.seen.append(subject.target)
        self._views.append(weakref.ref(subject.view))
        self.views_alive.append(self.count_views())
        gradcam = subject.required("cams", CamsResult).maps["gradcam"].map
        with subject.timed("brightness"):
            return Bright(float(subject.view.frame.mean()), int(gradcam.argmax()), subject.target, subject.seed)

    def reduce(self, run: RunView[NoSettings]) -> Contribution:
        entries = [vars(run.result("brightness", i, Bright)) for i in range(len(run.images))]
        return Contribution(
            Section(id="brightness", title=self.title, blocks=[]),
            per_image=entries,
            report={"brightest": max(e["mean"] for e in entries)},
        )

    @property
    def providers(self) -> Providers:
        """This analysis beside the installed ones."""

        def load(tasks: Sequence[str]) -> list[AnyAnalysis]:
            others = load_analyses([name for name in (*tasks, *self.requires) if name != self.name])
            return [*others, self]

        return Providers(analyses=load)


def test_a_users_own_analysis_is_a_first_class_one(first: Done, photos: Path, mine: Path, tmp_path: Path) -> None:
    brightness = Brightness()
    found = run(photos, tmp_path / "out", mine, settings(tasks=("brightness",)), providers=brightness.providers)
    assert [section["id"] for section in found.json["sections"]] == ["cams", "brightness"]
    assert found.told.computed == 2, "the CAMs that it requires were in the store"
    for image in found.json["images"]:
        known = first.image(image["name"])
        assert image["brightness"]["peak"] == np.load(first.out / known["cams"]["gradcam"]["map"]).argmax()
        assert image["brightness"]["target"] == known["target"]["index"]
        assert image["brightness"]["seed"] == known["lime"]["seed"]
    assert found.json["brightest"] == max(image["brightness"]["mean"] for image in found.json["images"])
    assert read_report(found.out).model_dump(mode="json") == found.json
    again = run(photos, tmp_path / "again", mine, settings(tasks=("brightness",)), providers=brightness.providers)
    assert again.told.computed == 0
    newer = Brightness("2").providers
    assert run(photos, tmp_path / "more", mine, settings(tasks=("brightness",)), providers=newer).told.computed == 2


@pytest.mark.parametrize("jobs", [1, 3])
def test_memory_does_not_grow_with_the_folder(mine: Path, tmp_path: Path, jobs: int) -> None:
    """As many images are in memory as are under way."""
    brightness = Brightness(f"memory, {jobs} jobs", concurrent=True)
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(9):
        Image.new("RGB", (224, 224), (25 * i, 0, 0)).save(folder / f"{i}.png")
    run(
        folder,
        tmp_path / "out",
        mine,
        settings(tasks=("brightness",), cams={"methods": ["gradcam"]}),
        execution=Execution(jobs=jobs),
        providers=brightness.providers,
    )
    assert len(brightness.views_alive) == 9
    assert max(brightness.views_alive) <= jobs, "an image's pixels outlive its turn"
    assert brightness.count_views() == 0


@pytest.mark.parametrize("made_for_several", [False, True])
def test_an_analysis_is_called_once_at_a_time_unless_it_says_otherwise(
    mine: Path, tmp_path: Path, made_for_several: bool
) -> None:
    folder, lock, now, most = tmp_path / "photos", threading.Lock(), 0, 0
    both_here = threading.Barrier(2)
    folder.mkdir()
    for i in range(4):
        Image.new("RGB", (224, 224), (25 * i, 0, 0)).save(folder / f"{i}.png")

    class Slow(Brightness):
        def map(self, subject: Subject[NoSettings]) -> Bright:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            if made_for_several:
                both_here.wait(60)
            else:
                time.sleep(0.1)
            with lock:
                now -= 1
            return super().map(subject)

    slow = Slow(f"at once: {made_for_several}", concurrent=made_for_several)
    chosen = settings(tasks=("brightness",), cams={"methods": ("gradcam",)})
    run(folder, tmp_path / "out", mine, chosen, execution=Execution(jobs=2), providers=slow.providers)
    assert most == (2 if made_for_several else 1)


def test_an_analysis_that_says_nothing_of_threads_is_called_by_one_at_a_time() -> None:
    assert not Analysis.concurrent
    assert all(analysis.concurrent for analysis in load_analyses(())), "the shipped ones are made for several"


def test_equal_images_under_way_at_once_are_explained_once(mine: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(6):
        Image.new("RGB", (224, 224), "olive").save(folder / f"{i}.png")

    class Slow(Brightness):
        def map(self, subject: Subject[NoSettings]) -> Bright:
            time.sleep(2)  # long enough for the others to come here, if they may
            return super().map(subject)

    slow = Slow("equal", concurrent=True)
    run(
        folder,
        tmp_path / "out",
        mine,
        settings(tasks=("brightness",)),
        execution=Execution(jobs=4),
        providers=slow.providers,
    )
    assert len(slow.seen) == 1


@pytest.mark.parametrize("jobs", [pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow), 5])
def test_how_many_images_are_under_way_changes_no_byte(
    first: Done, photos: Path, mine: Path, tmp_path: Path, jobs: int
) -> None:
    with environment(**EPOCH):
        again = run(
            photos,
            tmp_path / "out",
            mine,
            fresh=True,
            execution=Execution(jobs=jobs),
            command=["reportgen", "run", "photos"],
        )
    assert again.told.computed == first.told.computed > 0
    assert again.files() == first.files()


def test_a_run_that_was_cut_off_goes_on_from_there(photos: Path, mine: Path, tmp_path: Path) -> None:
    chosen, failing = settings(tasks=("brightness",)), Brightness("cut off", fail_on="power cut")
    with pytest.raises(RuntimeError, match="power cut"):
        run(photos, tmp_path / "out", mine, chosen, providers=failing.providers)
    assert not (tmp_path / "out/manifest.json").exists()
    again = run(photos, tmp_path / "out", mine, chosen, providers=Brightness("cut off").providers)
    assert again.told.computed == 1


# --- folders of every kind -----------------------------------------------------------------------


def test_equal_stems_in_two_folders_do_not_collide(photos: Path, mine: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for inner, source in (("a", ESPRESSO), ("b", CAT)):
        (folder / inner).mkdir(parents=True)
        shutil.copy(photos / source, folder / inner / "photo.jpg")
    found = run(folder, tmp_path / "out", mine, settings(tasks=("lime",)))
    masks = [image["lime"]["mask"] for image in found.json["images"]]
    assert len(set(masks)) == 2
    assert len({(found.out / mask).read_bytes() for mask in masks}) == 2


def test_images_with_nothing_in_them_are_explained_or_say_why_not(mine: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (1, 1), (200, 10, 10)).save(folder / "one_pixel.png")
    Image.new("L", (64, 40), 128).save(folder / "grey.png")
    found = run(
        folder,
        tmp_path / "out",
        mine,
        settings(cams={"methods": ("gradcam", "ablationcam")}, lime={"num_samples": 6, "resamples": 0}),
    )
    assert [image["name"] for image in found.json["images"]] == ["grey.png", "one_pixel.png"]
    assert "NaN" not in (found.out / "report.json").read_text()


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: None,
        lambda folder: (folder / "a.jpg").write_text("no image"),
        lambda folder: (folder / "notes.txt").write_text("x"),
    ],
)
def test_a_folder_without_a_readable_image_leaves_nothing_behind(make: Any, mine: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    make(folder)
    with pytest.raises(NothingToDo, match=r"no (readable )?image") as error:
        run(folder, tmp_path / "out", mine)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_images_that_fail_only_when_decoded_leave_nothing_behind(photos: Path, mine: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cut.jpg").write_bytes((photos / CAT).read_bytes()[:400])
    with pytest.raises(NothingToDo, match=r"1 skipped, the first is cut\.jpg"):
        run(folder, tmp_path / "out", mine)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", ["photos/report", "photos"])
def test_a_report_inside_its_images_folder_is_the_same_the_second_time(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = photo_folder(tmp_path / "photos", "coffee", "rocket")

    def made() -> Report:
        return analyse_toy(photos, tmp_path / place, tmp_path / "cache", load_analyses(("cams",)))[0]

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    first = made()
    assert made() == first
    assert (len(first.images), first.skipped) == (2, [])


def test_an_image_that_changes_under_the_run_is_skipped(
    photos: Path, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reportgen.pipeline import map as images_module

    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(photos / CAT, folder / name)
    Image.new("RGB", (50, 50), "red").save(folder / "b.jpg")
    decode = images_module.read_image

    def racing(file: Any, *how: Any) -> Any:
        if file.name == "b.jpg":
            Image.new("RGB", (50, 50), "blue").save(file.path)
        return decode(file, *how)

    monkeypatch.setattr(images_module, "read_image", racing)
    found = run(folder, tmp_path / "out", mine, settings(tasks=("lime",)))
    assert [image["name"] for image in found.json["images"]] == ["a.jpg"]
    assert found.json["skipped"] == [{"name": "b.jpg", "reason": "the file changed while it was being read"}]


def test_class_names_that_change_are_not_taken_from_the_store(photos: Path, mine: Path, tmp_path: Path) -> None:
    """The names of a checkpoint's classes come from a file of the user's: the results must not keep older ones."""
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(photos / CAT, folder)
    torch.manual_seed(0)
    torch.save(models.squeezenet1_1(num_classes=3).state_dict(), tmp_path / "mine.pth")
    name = f"checkpoint:{tmp_path / 'mine.pth'}"
    for names in ("ant bee cat", "axe bow cap"):
        (tmp_path / "names.txt").write_text("\n".join(names.split()))
        chosen = settings(
            models=(name,),
            classes={name: str(tmp_path / "names.txt")},
            architectures={name: "torchvision:squeezenet1_1"},
            tasks=("lime",),
            runtime="torch",
            lime={"num_samples": 4, "resamples": 0},
        )
        found = run(folder, tmp_path / "out", mine, chosen)
        top5 = [entry["name"] for image in found.json["images"] for entry in image["prediction"]["top5"]]
        assert set(top5) == set(names.split())


def test_a_place_that_is_taken_is_refused_before_the_work(photos: Path, mine: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    told = Told()
    with pytest.raises(UsageError, match="is a file"):
        analyse(photos, settings(lime={"num_samples": 43}), RunFolder(tmp_path / "out"), mine, progress=told)
    assert told.stages == []


# --- the Python API ------------------------------------------------------------------------------


def test_make_report_writes_a_whole_run_folder(photos: Path, cache: Path, tmp_path: Path) -> None:
    told, folder = Told(), tmp_path / "photos"
    folder.mkdir()
    shutil.copy(photos / CAT, folder)
    report = make_report(folder, tmp_path / "out", settings(cams=GRADCAM), progress=told)
    manifest = json.loads((tmp_path / "out/manifest.json").read_bytes())["files"]
    assert {"report.pdf", "report.html", "report.json", "explain_params.pkl"} <= set(manifest)
    assert {path.parts[0] for path in map(Path, manifest) if len(path.parts) > 1} == {
        "figures",
        "tables",
        "maps",
        "masks",
    }
    for name, entry in manifest.items():
        assert (tmp_path / "out" / name).stat().st_size == entry["bytes"] > 0
    assert (tmp_path / "out/report.pdf").read_bytes().startswith(b"%PDF-")
    assert read_report(tmp_path / "out").model_dump() == report.model_dump()
    timings = json.loads((tmp_path / "out/timings.json").read_bytes())
    assert {"render pdf", "render html"} <= set(timings["stages"])
    assert told.stages[-1] == "Rendering"


def test_run_and_render_from_python(photos: Path, cache: Path, tmp_path: Path) -> None:
    report = reportgen.run(photos, settings(tasks=("lime",)))
    written = reportgen.render(report, tmp_path / "out", formats=("html",))
    assert [path.name for path in written] == ["report.html"]
    assert "espresso" in (tmp_path / "out/report.html").read_text("utf-8")
    with pytest.raises(UsageError, match="lost its run folder"):
        reportgen.render(Report.model_validate_json(report_json(report)), tmp_path / "again")
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        _ = reportgen.no_such_name


def test_reduced_precision_says_what_it_did_to_these_images(tmp_path: Path) -> None:
    photos = photo_folder(tmp_path / "photos", "coffee", "rocket", "astronaut")
    fast, _ = analyse_toy(photos, tmp_path / "fast", tmp_path / "cache", [], precision="fast")
    exact, _ = analyse_toy(photos, tmp_path / "exact", tmp_path / "cache", [])
    measured = [image.deviation for image in fast.images]
    for one, other, deviation in zip(fast.images, exact.images, measured, strict=True):
        assert abs(one.prediction.logit - other.prediction.logit) > 0
        assert abs(one.prediction.probability - other.prediction.probability) <= deviation["probability"] + 1e-7
        assert deviation["same_class"] == (one.prediction.index == other.prediction.index)
        assert 1e-5 < deviation["logits"] < 0.05, "bf16 keeps eight bits"
    (warning,) = fast.warnings
    assert warning.code == "fast-precision"
    assert f"{100 * max(d['logits'] for d in measured):.1f} %" in warning.text
    assert f"same on {sum(d['same_class'] for d in measured)} of 3" in warning.text
    assert not exact.warnings
    assert all("deviation" not in (image.model_extra or {}) for image in exact.images)


@pytest.mark.parametrize("epoch", ["1700000000000000", "12x", "²"])
def test_a_date_that_is_none_is_said_before_any_work(
    epoch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    photos = photo_folder(tmp_path / "photos", "coffee")
    with pytest.raises(UsageError, match="give whole seconds since 1970"):
        analyse_toy(photos, tmp_path / "out", tmp_path / "cache", [])
    assert not (tmp_path / "cache").exists()
