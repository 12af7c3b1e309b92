"""reportgen validate: LIME's parameters checked entry by entry, shown, and scored on images with masks."""

from __future__ import annotations

import os
import pickle
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lime.lime_image import LimeImageExplainer
from lime.wrappers.scikit_image import SegmentationAlgorithm
from PIL import Image

from reportgen.analyses.lime.params import explain_arguments, explain_params, pickled
from reportgen.analyses.lime.settings import LimeSettings
from reportgen.analyses.lime.validation import MAX_ENTRIES, LimeParameters
from reportgen.analysis.registry import load_analyses
from reportgen.analysis.view import View
from reportgen.cli import main as cli
from reportgen.images.frame import model_frame
from reportgen.models.runtime import Engine
from reportgen.utils.errors import CheckFailed
from toys import imported, photo_path


def arguments(**changes: Any) -> dict[str, Any]:
    return {**explain_arguments(LimeSettings(), 0), **changes}


class Runs:
    """A value whose pickle runs a command."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.trace}'",)


# --- LIME's parameters ---------------------------------------------------------------------------


def problems_of(**changes: Any) -> list[str]:
    entry = arguments(**changes)
    return LimeParameters().check(pickle.dumps({"goldfish": entry, "kite": arguments()})).problems


def test_a_runs_own_file_is_good_and_shown_whole() -> None:
    entries = explain_params(["n01443537_goldfish.JPEG", "b.png"], [3, 4], LimeSettings(hide_color=None))
    checked = LimeParameters().check(pickled(entries))
    assert checked.problems == []
    assert checked.entries == entries
    assert checked.columns == ("entry", *arguments())
    assert checked.rows[0] == ("goldfish", "(1)", "None", "1", "15", "500", "10", "None", "'cosine'", "None", "3")


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": [0, 999], "top_labels": None},
        {"labels": ()},
        {"hide_color": 255},
        {"num_features": 100_000, "num_samples": 2},
        {"distance_metric": "euclidean"},
        {"random_seed": None},
        {"random_seed": 2**32 - 1},
        {"segmentation_fn": SegmentationAlgorithm("quickshift", kernel_size=4, max_dist=200, ratio=0.2)},
        {"segmentation_fn": SegmentationAlgorithm("slic", n_segments=100, compactness=10.0, start_label=1)},
        {"segmentation_fn": SegmentationAlgorithm("felzenszwalb", scale=100, sigma=0.5, min_size=50)},
    ],
)
def test_what_lime_takes_is_good(changes: dict[str, Any]) -> None:
    assert problems_of(**changes) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": 1}, "labels is 1; a tuple of at most 1000 class indices is needed"),
        ({"labels": (1, -1)}, "labels is (1, -1); a tuple"),
        ({"labels": (True,)}, "labels is of type tuple; a tuple"),
        ({"labels": (), "top_labels": None}, "labels is empty and top_labels None: no class would be explained"),
        ({"hide_color": 256}, "hide_color is 256; an integer from 0 to 255 or None is needed"),
        ({"hide_color": 0.5}, "hide_color is 0.5; an integer from 0 to 255 or None is needed"),
        ({"top_labels": 0}, "top_labels is 0; an integer from 1 to 100000 or None is needed"),
        ({"top_labels": True}, "top_labels is True; an integer"),
        ({"num_features": None}, "num_features is None; an integer from 1 to 100000 is needed"),
        ({"num_samples": "500"}, "num_samples is '500'; an integer from 2 to 100000 is needed"),
        ({"num_samples": 500.0}, "num_samples is 500; an integer"),
        ({"num_samples": 1}, "num_samples is 1; an integer"),
        ({"num_samples": 10**9}, "num_samples is 1000000000; an integer"),
        ({"num_samples": 2**100_000}, "num_samples is an integer of 100001 bits; an integer"),
        ({"batch_size": 0}, "batch_size is 0; an integer"),
        ({"distance_metric": "precomputed"}, "distance_metric is 'precomputed'; cosine or euclidean or"),
        ({"distance_metric": "x" * 99}, "distance_metric is '" + "x" * 40 + "…'; cosine"),
        ({"model_regressor": "ridge"}, "model_regressor is 'ridge'; None is needed"),
        ({"random_seed": -1}, "random_seed is -1; an integer from 0 to 4294967295 or None is needed"),
        ({"random_seed": float("nan")}, "random_seed is nan; an integer"),
        ({"segmentation_fn": "slic"}, "segmentation_fn is 'slic'; None or lime's SegmentationAlgorithm is needed"),
        ({"num_sample": 5}, "unknown argument 'num_sample'; did you mean num_samples?"),
        ({"\x1b[2J": 5}, r"unknown argument '\x1b[2J'"),
        ({7: 5}, "unknown argument 7"),
    ],
)
def test_a_wrong_value_is_named_with_its_entry(changes: dict[Any, Any], said: str) -> None:
    checked = LimeParameters().check(pickle.dumps({"goldfish": {**arguments(), **changes}, "kite": arguments()}))
    (problem,) = checked.problems
    assert problem.startswith(f"entry 'goldfish': {said}")
    assert checked.entries == {}, "nothing of a bad file is handed on"


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("slic", {"n_segments": 10**9}, "n_segments of slic is 1000000000; an integer from 1 to 10000 is needed"),
        ("slic", {"mask": None}, "slic has no parameter 'mask'"),
        ("quickshift", {"kernel_size": 500}, "kernel_size of quickshift is 500; a number from 0.1 to 20 is needed"),
        ("quickshift", {"return_tree": True}, "quickshift has no parameter 'return_tree'"),
        ("felzenszwalb", {"sigma": float("inf")}, "sigma of felzenszwalb is inf; a number from 0 to 100 is needed"),
    ],
)
def test_a_wrong_parameter_of_a_segmentation_is_named(name: str, parameters: dict[str, Any], said: str) -> None:
    (problem,) = problems_of(segmentation_fn=SegmentationAlgorithm(name, **parameters))
    assert problem.startswith(f"entry 'goldfish': segmentation_fn: {said}")


@pytest.mark.parametrize(
    "changes", [{"algo_type": "quickshift"}, {"target_fn": None}, {"target_params": []}, {"algo_type": []}]
)
def test_a_segmentation_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    algorithm = SegmentationAlgorithm("slic", n_segments=20)
    vars(algorithm).update(changes)
    (problem,) = problems_of(segmentation_fn=algorithm)
    assert "None or lime's SegmentationAlgorithm is needed" in problem


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "not a dict with an entry for each image"),
        ({}, "not a dict with an entry for each image"),
        ({str(n): 1 for n in range(MAX_ENTRIES + 1)}, f"{MAX_ENTRIES + 1} entries; at most {MAX_ENTRIES} are read"),
    ],
)
def test_what_holds_no_entries_is_refused(content: Any, said: str) -> None:
    with pytest.raises(CheckFailed, match=said):
        LimeParameters().check(pickle.dumps(content))


def test_every_entry_and_key_is_looked_at() -> None:
    del (short := arguments())["labels"]
    checked = LimeParameters().check(pickle.dumps({"a": short, "": arguments(), "c": 5, 4: arguments(top_labels=0)}))
    assert [problem.partition(";")[0] for problem in checked.problems] == [
        "entry 'a': labels is missing",
        "entry '': the key is not the name of an image or class",
        "entry 'c': a dict of the ten arguments is needed, it is 5",
        "entry 4: the key is not the name of an image or class",
        "entry 4: top_labels is 0",
    ]
    assert checked.rows[0][1] == "missing"


def test_the_analysis_declares_its_file() -> None:
    declared = [a.parameter_file for a in load_analyses() if getattr(a, "parameter_file", None) is not None]
    assert [file.name for file in declared] == ["explain_params.pkl"]


# --- hostile values ---------------------------------------------------------------------------------


def laughing(depth: int = 60) -> list[Any]:
    """A list of two lists of two lists: sixty small objects, and 2 ** 60 where they are walked or printed."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value, value]
    return value


@pytest.mark.parametrize("name", [*arguments(), "labels of labels", "the whole entry", "unknown", "parameters"])
def test_nested_values_are_named_and_not_walked(name: str) -> None:
    entry: Any = arguments(**{name: laughing()})
    if name == "labels of labels":
        entry = arguments(labels=(1, laughing()))
    elif name == "the whole entry":
        entry = laughing()
    elif name == "parameters":
        entry = arguments(segmentation_fn=SegmentationAlgorithm("slic"))
        entry["segmentation_fn"].target_params = {"n_segments": laughing()}
    checked = LimeParameters().check(pickle.dumps({"fish": entry}))
    (problem,) = [p for p in checked.problems if "unknown argument 'labels of labels'" not in p]
    assert problem.startswith("entry 'fish': ")
    assert len(problem) < 300
    assert sum(len(cell) for row in checked.rows for cell in row) < 500


def test_one_large_value_in_every_entry_is_not_walked_for_each() -> None:
    wide = {str(number): number for number in range(50_000)}
    algorithm = SegmentationAlgorithm("slic")
    algorithm.target_params = wide
    entry = arguments(labels=tuple(range(50_000)), segmentation_fn=algorithm)
    data = pickle.dumps({**{f"a{i}": entry for i in range(5000)}, **{f"b{i}": wide for i in range(4000)}})
    start = time.process_time()
    checked = LimeParameters().check(data)
    assert time.process_time() - start < 20
    assert (len(checked.problems), checked.more) == (1000, 2 * 5000 + 4000 - 1000)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_damage_is_a_reason_and_never_an_error(data: st.DataObject) -> None:
    entries = {"kite": arguments(segmentation_fn=SegmentationAlgorithm("slic", n_segments=50)), "fish": arguments()}
    content = bytearray(pickle.dumps(entries, data.draw(st.integers(0, 5))))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        checked = LimeParameters().check(bytes(content[: data.draw(st.integers(0, len(content)))]))
    except CheckFailed as error:
        assert "\n" not in str(error)
    else:
        assert all("\n" not in problem for problem in checked.problems)


# --- scored --------------------------------------------------------------------------------------

FEW = {"num_samples": 40, "random_seed": 5}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name in ("chelsea", "coffee"):
        Image.open(photo_path(name)).convert("RGB").resize((300, 260)).save(folder / f"{name}.png")
    return folder


def seen(photos: Path, name: str, engine: Engine) -> View:
    pixels = np.array(Image.open(photos / name))
    return View(model_frame(pixels, engine.spec.preprocessing), engine)


def selected_by_the_library(view: View, entry: dict[str, Any]) -> np.ndarray:
    """(H, W) bool: what lime as shipped selects under these arguments, its samples drawn from their seed."""
    engine = view.engine

    def classify(images: np.ndarray) -> np.ndarray:
        return engine.probabilities(len(images), lambda i, out: np.copyto(out, engine.normalise(images[i])))

    found = LimeImageExplainer(random_state=entry["random_seed"]).explain_instance(view.frame, classify, **entry)
    count = entry["num_features"]
    return found.get_image_and_mask(found.top_labels[0], positive_only=True, num_features=count)[1].astype(bool)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"hide_color": None, "num_features": 4},
        {"distance_metric": "euclidean"},
        {"segmentation_fn": SegmentationAlgorithm("slic", n_segments=30, start_label=0)},
        {"segmentation_fn": SegmentationAlgorithm("felzenszwalb", scale=200, sigma=0.8, min_size=100)},
    ],
    ids=["default", "mean colour", "euclidean", "slic", "felzenszwalb"],
)
def test_an_entry_selects_what_lime_selects(changes: dict[str, Any], photos: Path, lite0: Engine) -> None:
    view, entry = seen(photos, "chelsea.png", lite0), arguments(**FEW, **changes)
    read = LimeParameters().check(pickle.dumps({"chelsea": entry})).entries["chelsea"]
    ours = LimeParameters().mask(view, int(view.forward.logits[0].argmax()), read)
    assert ours.any()
    assert np.array_equal(ours, selected_by_the_library(view, entry))


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "explain_params.pkl"
    file.write_bytes(pickled({"chelsea": arguments(**FEW), "coffee": arguments(**FEW), "gone": arguments(**FEW)}))
    return file


@pytest.fixture
def call(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    """`reportgen validate ARGUMENTS` in this process: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def called(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["reportgen", "validate", *map(str, arguments)])
        capfd.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return called


@pytest.mark.usefixtures("lite0")
def test_a_dry_run_gives_the_iou_with_masks_of_either_size(
    call: Any, good: Path, photos: Path, tmp_path: Path, lite0: Engine
) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    own = selected_by_the_library(seen(photos, "chelsea.png", lite0), arguments(**FEW))
    Image.fromarray(own).save(masks / "chelsea.png")  # in the model's frame, as a run folder has them
    Image.new("L", (300, 260), 255).save(masks / "coffee.mask.png")  # as large as the image
    area = selected_by_the_library(seen(photos, "coffee.png", lite0), arguments(**FEW)).mean()
    code, out, err = call(good, "--images", photos, "--masks", masks, "--model", "efficientnet_lite0")
    assert code == 0
    assert re.search(r"^chelsea +1\.000 +\d+\.\d\d$", out, re.MULTILINE)
    assert re.search(rf"^coffee +{area:.3f} ", out, re.MULTILINE)
    assert f"average IoU: {(1 + area) / 2:.3f} over 2 of 3 entries" in out
    assert re.search(r"^average time: \d+\.\d\d s$", out, re.MULTILINE)
    assert "not scored 'gone': no image of that name in the folder" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["explain_params.pkl", "masks"], "nothing is written"


@pytest.mark.usefixtures("lite0")
def test_a_file_that_cannot_be_scored_has_its_reason_and_the_rest_is_scored(
    call: Any, good: Path, tmp_path: Path
) -> None:
    photos, masks = tmp_path / "photos", tmp_path / "masks"
    for folder in (photos, masks):
        folder.mkdir()
    for name in ("chelsea", "coffee", "gone"):
        Image.open(photo_path("chelsea")).resize((300, 260)).save(photos / f"{name}.png")
        Image.new("L", (300, 260), 255).save(masks / f"{name}.png")
    Image.new("L", (30, 26), 255).save(masks / "coffee.png")
    (photos / "gone.png").write_bytes((photos / "gone.png").read_bytes()[:5000])
    code, out, err = call(good, "--images", photos, "--masks", masks)
    assert code == 0
    assert "over 1 of 3 entries" in out
    assert "not scored 'coffee': coffee.png: a mask of 30 x 26 pixels, the upright image has 300 x 260" in err
    assert "not scored 'gone': truncated PNG" in err


# --- the command ---------------------------------------------------------------------------------


def test_a_good_file_is_shown_as_a_table(call: Any, good: Path) -> None:
    code, out, err = call(good)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["entry", *arguments()]
    assert [line.split()[0] for line in lines[1:]] == ["chelsea", "coffee", "gone"]
    assert len({line.index("'cosine'") for line in lines[1:]}) == 1, "columns stand under each other"


def test_problems_are_named_and_the_code_is_1(call: Any, tmp_path: Path) -> None:
    hostile = {"a\x1b[2Jb\n": arguments(num_samples=1), **{f"e{n}": arguments(batch_size=0) for n in range(60)}}
    (tmp_path / "x.pkl").write_bytes(pickled(hostile))
    code, out, err = call("x.pkl")
    assert code == 1
    assert "PROBLEM entry 'a\\x1b[2Jb\\n': num_samples is 1; an integer from 2 to 100000 is needed" in out
    assert "\x1b" not in out + err
    assert out.count("PROBLEM") == 50
    assert err == "reportgen: x.pkl: 61 problems found, of which 50 are shown\n"


@pytest.mark.parametrize(
    ("make", "arguments", "code", "said"),
    [
        (
            lambda p: p.write_bytes(pickle.dumps(Runs(p.parent / "trace"))),
            [],
            1,
            "x.pkl: refused: it asks for posix.system",
        ),
        (lambda p: p.write_bytes(b"no pickle"), [], 1, "x.pkl: refused: not a pickle"),
        (lambda p: p.write_bytes(b""), [], 1, "x.pkl: refused: not a pickle"),
        (lambda p: p.write_bytes(pickle.dumps([])), [], 1, "x.pkl: not a dict with an entry"),
        (lambda p: p.symlink_to("/dev/zero"), [], 2, "x.pkl: not a regular file"),
        (os.mkfifo, [], 2, "x.pkl: not a regular file"),
        (lambda p: p.mkdir(), [], 2, "x.pkl: not a regular file"),
        (lambda p: (p.touch(), os.truncate(p, 2**40)), [], 2, "x.pkl: 1099511627776 bytes; at most 16777216 are read"),
        (lambda p: None, [], 2, "x.pkl: no such file"),
        (
            lambda p: p.write_bytes(pickled({"a": arguments()})),
            ["--images", "."],
            2,
            "--images and --masks belong together",
        ),
        (
            lambda p: p.write_bytes(pickled({"a": arguments()})),
            ["--images", ".", "--masks", "no"],
            2,
            "no: no such folder of masks",
        ),
        (
            lambda p: p.write_bytes(pickled({"a": arguments()})),
            ["--images", "no", "--masks", "."],
            2,
            "no: no such folder",
        ),
        (
            lambda p: p.write_bytes(pickled({"a": arguments()})),
            ["--images", ".", "--masks", "."],
            3,
            ".: no mask for any entry's image (0 images",
        ),
    ],
)
def test_every_other_file_is_one_line_and_a_code(
    call: Any, make: Callable[[Path], object], arguments: list[str], code: int, said: str, tmp_path: Path
) -> None:
    make(tmp_path / "x.pkl")
    ended, _, err = call("x.pkl", *arguments)
    assert ended == code
    assert err.startswith(f"reportgen: {said}")
    assert err.count("\n") == 1
    assert not (tmp_path / "trace").exists()


def test_a_name_in_a_message_cannot_move_the_cursor_or_fill_the_screen(call: Any) -> None:
    assert call("a\x1b[2J\u202eb.pkl")[2] == "reportgen: a\\x1b[2J\\u202eb.pkl: no such file\n"
    code, _, err = call("x" * 5000)
    assert (code, len(err)) == (2, 2002)


def test_checking_a_file_imports_neither_lime_nor_torch(good: Path) -> None:
    code = (
        f"import sys\nfrom reportgen.cli.main import main\nsys.argv = ['reportgen', 'validate', {str(good)!r}]\nmain()"
    )
    assert imported(code, ["torch", "lime", "lime.wrappers", "skimage", "sklearn", "openvino", "matplotlib"]) == []
