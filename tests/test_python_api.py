"""What a Python user holds: one image of a report with its maps, one picture explained alone, frames, names that are there."""

from __future__ import annotations

import ast
import json
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reportgen
from made_runs import analyse_toy
from reportgen import ImageView, Report, Settings, UsageError, explain, read_report
from reportgen.analysis.registry import load_analyses
from reportgen.models.classifiers import ClassifierSpec, Network
from reportgen.pipeline import one_image
from reportgen.pipeline.one_image import KeptModels
from reportgen.pipeline.providers import Providers
from reportgen.report.provenance import RuntimeRecord
from reportgen.report.report_json import report_json
from toys import ROOT, imported, photo_folder, photo_path, toy_network, toy_spec

LIME = {"num_samples": 20, "repeats": 2}
TOY_RECORD = RuntimeRecord(name="torch", precision="exact", device="cpu")


def specs() -> dict[str, ClassifierSpec]:
    other = toy_spec(toy_network(1, linear=True), size=48, name="toy2")
    return {"toy": toy_spec(toy_network(0)), "toy2": other}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A finished run of two toys over three photographs, read back from its folder."""
    home = tmp_path_factory.mktemp("api")
    photos = photo_folder(home / "photos" / "n01_animals", "chelsea", "coffee")
    photo_folder(home / "photos", "rocket")
    shutil.copy(photos / "coffee.png", home / "photos" / "big_coffee.png")
    analyses = load_analyses(("cams", "lime", "agreement"))
    chosen: dict[str, Any] = {"specs": specs(), "explain": ("toy", "toy2"), "lime": LIME}
    report, _ = analyse_toy(home / "photos", home / "out", home / "cache", analyses, **chosen)
    (home / "out/report.json").write_bytes(report_json(report))
    return read_report(home / "out")


def folder_of(report: Report) -> Path:
    assert report.folder is not None
    return report.folder


# --- one image of a report -------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["n01_animals/chelsea.png", "chelsea.png", "chelsea", "n01_animals/chelsea"])
def test_an_image_is_found_by_its_name_its_end_or_its_stem(run: Report, asked: str) -> None:
    assert run[asked].name == "n01_animals/chelsea.png"


@pytest.mark.parametrize("asked", ["animals/chelsea.png", "helsea.png", "elsea", ".png", "CHELSEA.png"])
def test_a_part_of_a_word_is_no_name(run: Report, asked: str) -> None:
    with pytest.raises(KeyError, match=r"no image is called|several images are called"):
        run[asked]


def test_a_whole_name_goes_before_the_end_of_another(run: Report) -> None:
    assert run["coffee.png"].name == "n01_animals/coffee.png"
    assert run["big_coffee"].name == "big_coffee.png"


def test_a_name_that_several_or_none_have_is_an_error_that_says_so(run: Report) -> None:
    both = run.model_copy(update={"images": [*run.images, run.images[1].model_copy(update={"name": "b/chelsea.png"})]})
    with pytest.raises(KeyError, match=r"several images are called 'chelsea.png': .*b/chelsea.png"):
        both["chelsea.png"]
    with pytest.raises(KeyError, match=r"no image is called 'rockt.jpg'; did you mean 'rocket.jpg'\?"):
        run["rockt.jpg"]
    with pytest.raises(KeyError, match="no image is called ''"):
        run[""]


def test_maps_and_masks_are_those_of_the_run_folder(run: Report) -> None:
    view, out = run["rocket.jpg"], folder_of(run)
    assert view.maps == ("gradcam", "ablationcam", "scorecam")
    assert view.masks == ("gradcam", "lime")
    for method in view.maps:
        values = view.map(method)
        assert values.dtype == np.float32 and values.shape == (32, 32)
        assert np.array_equal(values, np.load(out / f"maps/rocket/{method}.npy"))
    mask = view.mask("lime")
    assert mask.dtype == bool
    assert np.array_equal(mask, np.asarray(Image.open(out / "masks/rocket/lime.png")) == 255)


def test_iou_is_the_one_of_the_report(run: Report) -> None:
    for image in run.images:
        said = run[image.name].numbers["agreement"]["iou"]  # type: ignore[index, call-overload]
        assert run[image.name].iou() == pytest.approx(said)


def test_a_further_model_has_its_own_maps_and_its_own_prediction(run: Report) -> None:
    view = run["rocket"]
    assert view.models == ("toy", "toy2")
    other = view.seen_by("toy2")
    assert view.map("gradcam", model="toy2").shape == (48, 48)
    assert np.array_equal(view.map("gradcam", model="toy2"), other.map("gradcam"))
    assert other.prediction.index == (view.record.model_extra or {})["models"]["toy2"]["prediction"]["index"]
    assert (other.photo.size, view.photo.size) == ((48, 48), (32, 32))
    assert "models" not in other.numbers and set(other.numbers) >= {"cams", "lime"}
    assert other.seen_by("toy").record == view.record
    with pytest.raises(UsageError, match="no explained model is called 'toy3'; did you mean 'toy"):
        view.map("gradcam", model="toy3")


def test_an_overlay_is_a_picture_of_the_size_asked_for(run: Report) -> None:
    view = run["rocket"]
    assert view.overlay("gradcam").size == (448, 448)
    assert view.overlay("lime", size=64).size == (64, 64)
    assert view.overlay("gradcam", model="toy2", size=96).mode == "RGB"
    html = view._repr_html_()
    assert html.count("<img") == 5 and ".map(&#34;scorecam&#34;)" in html
    assert repr(view).startswith("ImageView(name='rocket.jpg', model='toy', prediction='class ")


def test_a_method_that_was_not_run_is_named_with_those_that_were(run: Report) -> None:
    view = run["rocket"]
    with pytest.raises(UsageError, match=r"rocket.jpg: no map is called 'layercam'; .*gradcam"):
        view.map("layercam")
    with pytest.raises(UsageError, match=r"lime has a mask in this run and no map: \.mask\('lime'\)"):
        view.map("lime")
    with pytest.raises(UsageError, match=r"scorecam has a map in this run and no mask"):
        view.mask("scorecam")
    with pytest.raises(UsageError, match="no map is called"):
        view.map("../../masks/rocket/gradcam")


def test_without_its_folder_an_image_says_where_maps_are(run: Report, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="read without its run folder"):
        run.with_folder(None)["rocket"].map("gradcam")
    gone = run.with_folder(tmp_path / "gone")["rocket"]
    with pytest.raises(UsageError, match="the run folder is gone"):
        gone.map("gradcam")
    assert "the run folder is gone" in gone._repr_html_()


# --- run folders of strangers ----------------------------------------------------------------------


@pytest.fixture
def strange(run: Report, tmp_path: Path) -> ImageView:
    """An image of a copy of the run, to be changed."""
    shutil.copytree(folder_of(run), tmp_path / "copy")
    return read_report(tmp_path / "copy")["rocket"]


class Exploit:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("exploited",)


def header(text: str) -> bytes:
    padded = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode()


HUGE = header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000)}") + b"\0" * 64
OBJECT = header("{'descr': '|O', 'fortran_order': False, 'shape': (1, 1)}") + pickle.dumps(Exploit())


@pytest.mark.parametrize(
    "data",
    [
        HUGE,
        OBJECT,
        pickle.dumps(Exploit()),
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x02\x00" + b"\0" * 99,
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2)}") + b"\0" * 32,
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (4,)}") + b"\0" * 16,
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -2)}") + b"\0" * 16,
        header("[" * 100) + b"\0" * 16,
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4)}"),
    ],
)
def test_a_file_that_is_no_map_is_refused_in_one_line(
    strange: ImageView, data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (folder_of(strange.report) / "maps/rocket/gradcam.npy").write_bytes(data)
    with pytest.raises(UsageError, match="not a map of reportgen's") as error:
        strange.map("gradcam")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "exploited").exists()


def test_a_map_that_holds_no_number_is_not_drawn(strange: ImageView) -> None:
    np.save(folder_of(strange.report) / "maps/rocket/gradcam.npy", np.full((32, 32), np.nan, np.float32))
    with pytest.raises(UsageError, match="no number"):
        strange.overlay("gradcam")
    assert "no number" in strange._repr_html_()


def test_a_slug_that_leads_out_of_the_folder_leads_nowhere(strange: ImageView, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    np.save(outside / "gradcam.npy", np.zeros((4, 4), np.float32))
    record = strange.record.model_copy(update={"slug": "../../../outside"})
    view = replace(strange, report=strange.report.model_copy(update={"images": [record]}), record=record)
    assert view.maps == ()
    with pytest.raises(UsageError, match="no map is called"):
        view.map("gradcam")
    (folder_of(strange.report) / "maps/rocket/gradcam.npy").unlink()
    (folder_of(strange.report) / "maps/rocket/gradcam.npy").symlink_to(outside / "gradcam.npy")
    with pytest.raises(UsageError, match="gradcam has a mask in this run and no map"):
        strange.map("gradcam")


def test_a_damaged_picture_and_an_incomplete_model_are_one_line(strange: ImageView) -> None:
    out = folder_of(strange.report)
    (out / "masks/rocket/lime.png").write_bytes(b"\x89PNG\r\n\x1a\nx")
    with pytest.raises(UsageError, match="a damaged picture"):
        strange.mask("lime")
    data = json.loads((out / "report.json").read_bytes())
    for image in data["images"]:
        image["models"]["toy2"] = {"prediction": 1}
    broken = Report.model_validate(data).with_folder(out)["rocket"]
    with pytest.raises(UsageError, match="incomplete"):
        broken.map("gradcam", model="toy2")


# --- one picture alone -----------------------------------------------------------------------------


def toys(loads: list[str] | None = None) -> Providers:
    """Providers of two toys, whose loads are counted."""
    made = specs()

    def counted(name: str) -> Network:
        if loads is not None:
            loads.append(name)
        return made[name].load()

    def classifier(name: str, settings: Settings) -> ClassifierSpec:
        if name not in made:
            raise UsageError(f"unknown model {name!r}")
        return replace(made[name], load=lambda: counted(name))

    return Providers(classifier=classifier, runtime=lambda *_: TOY_RECORD)


PROVIDERS = toys()
OF_TOY = Settings(models=("toy",), lime=LIME)


def test_one_picture_gives_the_bytes_of_a_run(run: Report) -> None:
    rocket = photo_path("rocket")
    for model in ("toy", "toy2"):
        for method in ("gradcam", "ablationcam", "scorecam"):
            found = explain(rocket, model=model, method=method, settings=OF_TOY, providers=PROVIDERS)
            assert found.map.tobytes() == run["rocket"].map(method, model=model).tobytes()
        lime = explain(rocket, model=model, method="lime", settings=OF_TOY, providers=PROVIDERS)
        assert lime.mask is not None
        assert np.array_equal(lime.mask, run["rocket"].mask("lime", model=model))
        seen = run["rocket"].seen_by(model)
        assert (found.prediction, found.target, found.name) == (seen.prediction, seen.target, "rocket.jpg")
        assert found.frame.shape == (*found.map.shape, 3)


def test_file_image_and_array_are_one_picture() -> None:
    path = photo_path("coffee")
    ways = [path, str(path), Image.open(path), np.asarray(Image.open(path).convert("RGB"))]
    found = [explain(way, settings=OF_TOY, providers=PROVIDERS) for way in ways]
    assert all(np.array_equal(found[0].map, other.map) for other in found)
    assert [one.name for one in found] == ["coffee.png", "coffee.png", "coffee.png", "array"]
    grey = np.asarray(Image.open(photo_path("camera")).convert("L"))
    assert np.array_equal(
        explain(grey, settings=OF_TOY, providers=PROVIDERS).map,
        explain(photo_path("camera"), settings=OF_TOY, providers=PROVIDERS).map,
    )


def test_a_turned_photograph_is_turned_however_it_is_given(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(photo_path("chelsea")).save(tmp_path / "turned.jpg", exif=exif)
    opened = Image.open(tmp_path / "turned.jpg")
    size = opened.size
    frames = [explain(way, settings=OF_TOY, providers=PROVIDERS).frame for way in (tmp_path / "turned.jpg", opened)]
    assert np.array_equal(*frames)
    assert opened.size == size, "the user's image stays as it is"


def test_a_model_is_loaded_once_and_two_are_kept() -> None:
    loads: list[str] = []
    providers = toys(loads)
    for model in ("toy", "toy", "toy2", "toy", "toy2"):
        explain(photo_path("coffee"), model=model, settings=OF_TOY, providers=providers)
    assert sorted(loads) == ["toy", "toy2"]


def test_of_more_models_the_one_used_longest_ago_goes(tmp_path: Path) -> None:
    kept, providers = KeptModels(1), toys()
    first = kept.model(providers.classifier("toy", OF_TOY), OF_TOY, tmp_path, providers)
    assert kept.model(providers.classifier("toy", OF_TOY), OF_TOY, tmp_path, providers) is first
    kept.model(providers.classifier("toy2", OF_TOY), OF_TOY, tmp_path, providers)
    assert kept.model(providers.classifier("toy", OF_TOY), OF_TOY, tmp_path, providers) is not first


def test_other_weights_under_the_same_name_are_another_model(tmp_path: Path) -> None:
    kept, providers = KeptModels(2), toys()
    spec = providers.classifier("toy", OF_TOY)
    first = kept.model(spec, OF_TOY, tmp_path, providers)
    assert kept.model(replace(spec, weights_sha256="1" * 64), OF_TOY, tmp_path, providers) is not first


def test_any_class_can_be_explained_by_name_or_index() -> None:
    by_name = explain(photo_path("coffee"), target="class 3", settings=OF_TOY, providers=PROVIDERS)
    by_index = explain(photo_path("coffee"), target=3, settings=OF_TOY, providers=PROVIDERS)
    assert by_name.target == by_index.target and by_name.target.index == 3
    assert np.array_equal(by_name.map, by_index.map)
    assert by_name.prediction.index != 3 or by_name.target.name == by_name.prediction.name


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"method": "gradcan"}, "no method is called 'gradcan'; did you mean 'gradcam'?"),
        ({"method": "agreement"}, "no method is called 'agreement'"),
        ({"model": "toy3"}, "unknown model 'toy3'"),
        ({"target": "class 9"}, "toy: no class is called 'class 9'; did you mean 'class"),
        ({"target": 5}, "toy: no class has the index 5; there are 0 to 4"),
        ({"target": -1}, "toy: no class has the index -1"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as error:
        explain(photo_path("coffee"), settings=OF_TOY, providers=PROVIDERS, **given)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def unreadable(tmp_path: Path) -> Sequence[tuple[Any, str]]:
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "cut.png").write_bytes(photo_path("coffee").read_bytes()[:5000])
    return [
        (tmp_path / "none.jpg", "none.jpg: "),
        (tmp_path, "a folder; explain takes one picture, reportgen.run a folder of them"),
        (tmp_path / "text.jpg", "not an image"),
        (tmp_path / "cut.png", "truncated"),
        (Image.open(tmp_path / "cut.png"), "cut.png: damaged or truncated"),
        (np.zeros((8, 8, 3)), "an array of float64 (8, 8, 3): explain takes uint8 pixels"),
        (np.zeros((8, 8, 4), np.uint8), "explain takes uint8 pixels"),
        (np.zeros((0, 8, 3), np.uint8), "it needs pixels"),
        (Image.new("L", (4000, 4000)), "more than max_pixels"),
    ]


def test_a_picture_that_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    settings = Settings(models=("toy",), max_pixels=1_000_000)
    for given, said in unreadable(tmp_path):
        with pytest.raises(UsageError) as error:
            explain(given, settings=settings, providers=PROVIDERS)
        assert said in str(error.value)


def test_a_method_that_the_network_does_not_allow_is_refused_with_the_reason() -> None:
    lacking = replace(
        PROVIDERS, classifier=lambda name, _: replace(specs()[name], lacks={"activations": "it has no map"})
    )
    with pytest.raises(UsageError, match="task cams cannot be done on toy, because it has no map"):
        explain(photo_path("coffee"), settings=OF_TOY, providers=lacking)
    assert explain(photo_path("coffee"), method="lime", settings=OF_TOY, providers=lacking).mask is not None


def test_a_method_that_marks_nothing_says_why() -> None:
    found = explain(photo_path("coffee"), method="attentionrollout", settings=OF_TOY, providers=PROVIDERS)
    assert found.failure is not None and "no self-attention" in found.failure
    assert not found.map.any() and not found.above().any()
    assert "no self-attention" in found._repr_html_()


def test_an_explanation_shows_itself() -> None:
    found = explain(photo_path("coffee"), method="lime", settings=OF_TOY, providers=PROVIDERS)
    assert found.signed and found.overlay().size == (448, 448)
    assert found._repr_html_().count('src="data:image/jpeg') == 3
    assert repr(found).startswith("Explanation(name='coffee.png', model='toy', method='lime'")
    cam = explain(photo_path("coffee"), settings=OF_TOY, providers=PROVIDERS)
    assert cam.mask is None and np.array_equal(cam.above(0.5), cam.map > 0.5 * cam.map.max())
    assert cam.photo.size == (32, 32)


def test_every_offered_method_belongs_to_one_analysis_that_needs_no_other() -> None:
    for method, analysis in one_image.methods(PROVIDERS).items():
        assert analysis.requires == ()
        assert [other.name for other in load_analyses() if method in other.methods] == [analysis.name]


# --- frames ----------------------------------------------------------------------------------------


def test_a_report_is_a_frame_of_its_images(run: Report) -> None:
    frame = run.to_pandas()
    assert list(frame.index) == [image.name for image in run.images]
    assert frame.loc["rocket.jpg", "prediction"] == run["rocket"].prediction.name
    cams = run["rocket"].numbers["cams"]
    assert frame.loc["rocket.jpg", "cams.gradcam.gini"] == cams["gradcam"]["gini"]  # type: ignore[index, call-overload]
    assert "models.toy2.cams.gradcam.gini" in frame.columns
    assert not {"sha256", "slug", "name"} & set(frame.columns)
    assert frame["target.index"].dtype.kind == "i"


def test_a_table_is_a_frame_at_full_precision(run: Report) -> None:
    table = run.table("cams-measures")
    frame = table.to_pandas()
    assert list(frame.columns) == [column.key for column in table.columns]
    assert frame.shape == (len(table.rows), len(table.columns))
    numbers = [column.key for column in table.columns if column.decimals is not None]
    assert all(frame[key].dtype.kind in "fi" for key in numbers)
    assert frame.attrs["caption"] == table.caption


def test_without_pandas_one_line_says_how_to_get_it(run: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        run.to_pandas()


# --- names and types -------------------------------------------------------------------------------


def test_every_public_name_is_there_and_typed() -> None:
    tree = ast.parse((ROOT / "reportgen/__init__.py").read_text("utf-8"))
    typed = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert set(reportgen.__all__) == set(reportgen._HOMES) == typed & set(reportgen.__all__)
    for name in reportgen.__all__:
        assert getattr(reportgen, name).__name__ == name
    assert set(reportgen.__all__) <= set(dir(reportgen))


def test_a_name_that_computes_nothing_imports_nothing_heavy() -> None:
    heavy = ["torch", "openvino", "matplotlib", "skimage", "weasyprint", "pandas", "IPython"]
    assert imported("from reportgen import UsageError, Report, read_report", [*heavy, "numpy"]) == []
    assert imported("from reportgen import ImageView, explain", heavy) == []


@pytest.mark.slow
def test_the_wheel_says_that_it_is_typed_and_has_what_a_notebook_shows(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    assert {
        "reportgen/py.typed",
        *(f"reportgen/rendering/notebook/notebook.{kind}" for kind in ("html", "css")),
    } <= names


@pytest.mark.slow
def test_a_typed_program_of_a_users_passes_mypy_strict(tmp_path: Path) -> None:
    """Every type that a user meets, as `typed_use.py` asserts it."""
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        str(ROOT / "pyproject.toml"),
        str(ROOT / "tests/typed_use.py"),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "MYPYPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
