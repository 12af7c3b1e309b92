"""What is noticed when a picture is read reaches the report, whether it was decoded now or its results were in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pictures import blocks, encode
from reportgen.images.decode import PictureRemark
from reportgen.images.files import InputFile
from reportgen.pipeline.analyse import analyse
from reportgen.pipeline.map import Explained, Mapped
from reportgen.pipeline.observation import Observation
from reportgen.pipeline.pictures import of_probe_pictures
from reportgen.report.document import ClassProbability, Prediction, Report
from reportgen.settings.model import Settings
from reportgen.storage.run_folder import RunFolder
from toys import photo_path

CAMS: dict[str, Any] = {"tasks": ("cams",), "cams": {"methods": ("gradcam",)}}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph, its first rows as a JPEG that is cut, a picture of 12 bits, and one of one colour."""
    folder = tmp_path_factory.mktemp("photos")
    cat = Image.open(photo_path("chelsea")).convert("RGB").resize((300, 640))
    cat.save(folder / "cat.jpg", quality=90)
    (folder / "cut.jpg").write_bytes(encode(cat, "JPEG", quality=90)[:-30])
    dark = np.asarray(blocks(160, 160))[..., 1].astype(np.uint16) * 16
    (folder / "dark.png").write_bytes(encode(Image.fromarray(dark)))
    Image.new("RGB", (100, 100), "red").save(folder / "red.png")
    return folder


@pytest.fixture(scope="module")
def mine(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache without results; the conversion to OpenVINO is the session's."""
    folder = tmp_path_factory.mktemp("mine")
    (cache / "models").mkdir(exist_ok=True)
    (folder / "models").symlink_to(cache / "models")
    return folder


def run(photos: Path, out: Path, cache: Path, **values: Any) -> Report:
    report, _ = analyse(photos, Settings(**{**CAMS, **values}), RunFolder(out), cache)
    return report


def of_pictures(report: Report) -> dict[str, str | None]:
    codes = ("jpeg-cut", "undeclared-range", "sample-range", "picture-without-structure")
    return {warning.code: warning.image for warning in report.warnings if warning.code in codes}


def probability(report: Report, name: str) -> float:
    return next(image.prediction.probability for image in report.images if image.name == name)


def test_remarks_reach_the_report_also_from_the_store_and_settings_change_pixels(
    photos: Path, mine: Path, tmp_path: Path
) -> None:
    first = run(photos, tmp_path / "first", mine)
    assert of_pictures(first) == {
        "jpeg-cut": "cut.jpg",
        "undeclared-range": "dark.png",
        "picture-without-structure": "red.png",
    }
    again = run(photos, tmp_path / "again", mine)
    assert again.warnings == first.warnings
    assert len(first.images) == 4 and first.skipped == []
    chosen = run(photos, tmp_path / "chosen", mine, images={"range": "auto"})
    assert "sample-range" in of_pictures(chosen) and "undeclared-range" not in of_pictures(chosen)
    assert probability(chosen, "dark.png") != probability(first, "dark.png")
    assert probability(chosen, "cat.jpg") == probability(first, "cat.jpg")


def test_with_strict_a_picture_that_is_cut_is_skipped_also_where_the_store_has_it(
    photos: Path, mine: Path, tmp_path: Path
) -> None:
    run(photos, tmp_path / "first", mine)
    strict = run(photos, tmp_path / "strict", mine, strict=True)
    assert [image.name for image in strict.images] == ["cat.jpg", "dark.png", "red.png"]
    (skipped,) = strict.skipped
    assert skipped.name == "cut.jpg" and skipped.reason.startswith("truncated JPEG (about the last ")


def test_two_models_see_one_picture(photos: Path, mine: Path, tmp_path: Path) -> None:
    names = ("efficientnet_lite0", "efficientnet_lite1")
    report = run(photos, tmp_path / "out", mine, models=names, explain=names)
    assert [w.image for w in report.warnings if w.code == "jpeg-cut"] == ["cut.jpg"]


def test_remarked_pictures_of_a_probe_set_are_counted_and_three_named() -> None:
    best = ClassProbability(index=1, name="cat", probability=0.5)
    prediction = Prediction(**best.model_dump(), logit=1.0, top5=[best])
    cut = PictureRemark("jpeg-cut", "JPEG without its end", "The file is cut.")
    seen = {"net": Observation(8, 8, prediction, "0" * 16, remarks=(cut,))}
    names = [f"{letter}.jpg" for letter in "abcde"]
    images = tuple(Explained(InputFile(name, Path(name)), "0" * 64, seen, {}) for name in names)
    (said,) = of_probe_pictures(Mapped(images, ()), "net")
    text = "JPEG without its end, of 5 images of the probe set: a.jpg, b.jpg, c.jpg and 2 more."
    assert (said.code, said.text, said.image) == ("jpeg-cut", text, None)
    assert list(of_probe_pictures(None, "net")) == []
