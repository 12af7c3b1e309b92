"""reportgen.images: an untrusted folder -> upright sRGB pixels, frames, labels, folder names."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from folders import holding, looked_through
from pictures import MAX_PIXELS
from reportgen.images import frame as frame_module
from reportgen.images import names as names_module
from reportgen.images.decode import read_image
from reportgen.images.find import find_images
from reportgen.images.frame import frame_transform, model_frame
from reportgen.images.labels.read import read_labels
from reportgen.images.names import slugs
from reportgen.images.remarks import Remarks
from reportgen.models.classifiers.base import Preprocessing

SAMPLES = Path(__file__).parent.parent / "sample_images"


def names_of(folder: Path) -> list[str]:
    return [file.name for file in find_images(folder).files]


# --- frame ---------------------------------------------------------------------------------------


def preprocessing(size: int = 224, resize: int = 256, **changes: Any) -> Preprocessing:
    values: dict[str, Any] = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bicubic"} | changes
    return Preprocessing(size=size, resize=resize, **values)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 10_007 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


SIDES = [
    (300, 451),
    (451, 300),
    (224, 224),
    (256, 256),
    (255, 257),
    (1, 1),
    (3, 2),
    (37, 900),
    (601, 17),
    (480, 640),
]


@pytest.mark.parametrize("geometry", ["crop", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_the_frame_is_torchvisions(geometry: str, interpolation: str) -> None:
    transforms = pytest.importorskip("torchvision.transforms")
    mode = transforms.InterpolationMode(interpolation)
    for size, resize in ((224, 256), (240, 274), (260, 297), (64, 64), (65, 90), (50, 33), (50, 35)):
        steps = [transforms.Resize(resize, mode), transforms.CenterCrop(size)]
        if geometry == "squash":
            steps = [transforms.Resize((size, size), mode)]
        expected = transforms.Compose(steps)
        wanted = preprocessing(size, resize, geometry=geometry, interpolation=interpolation)
        for height, width in SIDES:
            pixels = noise(height, width)
            frame = model_frame(pixels, wanted)
            assert (frame == np.asarray(expected(Image.fromarray(pixels)))).all(), (
                height,
                width,
                size,
                resize,
            )


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear", "lanczos", "hamming"])
def test_cropping_before_the_resize_gives_the_plain_paths_frame(
    interpolation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size, resize in ((224, 256), (65, 90), (50, 33)):
        wanted = preprocessing(size, resize, interpolation=interpolation)
        for height, width in [*SIDES, (3, 10_000), (9_999, 7)]:
            pixels = noise(height, width)
            plain = model_frame(pixels, wanted)
            with monkeypatch.context() as patch:
                patch.setattr(frame_module, "_LARGEST_RESIZED", 0)
                early = model_frame(pixels, wanted)
            # Pillow keeps the box in single precision: a rounding may fall the other way.
            difference = np.abs(early.astype(int) - plain)
            assert difference.max() <= 1, (height, width, size, resize)
            assert (difference > 0).mean() < 0.02


@pytest.mark.parametrize(("height", "width"), [(1, 20_000), (20_000, 1), (1, 1_000_000)])
def test_a_strip_does_not_explode(height: int, width: int) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    frame = model_frame(noise(height, width), preprocessing())
    assert frame.shape == (224, 224, 3)
    assert frame.std() > 0
    # The resized copy would hold 5 million by 256 pixels: gigabytes. ru_maxrss is in KiB here.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


@pytest.mark.parametrize("geometry", ["crop", "squash", "squash_crop"])
@pytest.mark.parametrize(("height", "width"), [(300, 451), (451, 300), (80, 80), (1000, 333)])
def test_the_transform_sends_a_pixel_to_where_the_frame_shows_it(geometry: str, height: int, width: int) -> None:
    wanted = preprocessing(geometry=geometry)
    scale_x, scale_y, offset_x, offset_y = frame_transform(width, height, wanted)
    # A white patch about the point; its centre of mass in the frame is where the point went.
    x, y, half = width * 0.55, height * 0.46, 6
    pixels = np.zeros((height, width, 3), np.uint8)
    left, top = round(x) - half, round(y) - half
    pixels[top : top + 2 * half, left : left + 2 * half] = 255
    shown = model_frame(pixels, wanted)[..., 0].astype(float)
    rows, columns = np.indices(shown.shape) + 0.5
    assert (columns * shown).sum() / shown.sum() == pytest.approx(round(x) * scale_x + offset_x, abs=0.3)
    assert (rows * shown).sum() / shown.sum() == pytest.approx(round(y) * scale_y + offset_y, abs=0.3)


# --- name ----------------------------------------------------------------------------------------


def marked(name: str, stem: str) -> str:
    return f"{stem}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def test_a_safe_stem_that_no_other_image_has_is_the_slug() -> None:
    names = ["n01443537_goldfish.JPEG", "sub/IMG-1.2.png"]
    assert slugs(names) == {"n01443537_goldfish.JPEG": "n01443537_goldfish", "sub/IMG-1.2.png": "IMG-1.2"}


def test_equal_stems_get_a_mark_each_whatever_their_case() -> None:
    names = ["a/cat.png", "b/CAT.jpg", "dog.png"]
    assert slugs(names) == {
        "a/cat.png": marked("a/cat.png", "cat"),
        "b/CAT.jpg": marked("b/CAT.jpg", "CAT"),
        "dog.png": "dog",
    }


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("my photo.png", "my_photo"),
        ("Käse.png", "Kase"),
        ("🐈.png", "image"),
        ("line\nbreak.png", "line_break"),
        ("CON.png", "_CON"),
        ("con.old.png", "_con.old"),
        ("x" * 90 + ".png", "x" * 71),
        ("dot..png", "dot."),
        ("a-0123abcd.png", "a-0123abcd"),
    ],
)
def test_an_unsafe_stem_is_sanitised_and_marked(name: str, stem: str) -> None:
    assert slugs([name]) == {name: marked(name, stem)}


def test_no_file_can_pose_as_another() -> None:
    pose = marked("a/cat.png", "cat")
    names = ["a/cat.png", "b/cat.png", f"{pose}.png", f"{pose.upper()}.jpg"]
    assert len({slug.lower() for slug in slugs(names).values()}) == len(names)


def test_forged_digests_make_the_marks_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names_module, "_DIGEST_LENGTHS", (1, 64))  # one digit: a clash is certain among 40
    names = [f"{folder}/cat.png" for folder in range(40)]
    chosen = slugs(names)
    assert len(set(chosen.values())) == 40
    assert {len(slug) for slug in chosen.values()} == {len("cat-") + 64}


def test_slugs_are_unique_safe_and_independent_of_order() -> None:
    random = np.random.default_rng(5)
    alphabet = [*"aAbB01.-_ /é🐈\n\\:*", "con", "-0123abcd", "İ", "ß", "x" * 40]
    names = sorted({"".join(random.choice(alphabet, random.integers(1, 7))) + ".png" for _ in range(3000)})
    chosen = slugs(names)
    assert set(chosen) == set(names)
    assert len({slug.lower() for slug in chosen.values()}) == len(names)
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    for slug in chosen.values():
        assert 0 < len(slug) <= 80 and set(slug) <= allowed and not slug.startswith(".") and not slug.endswith(".")
    assert slugs(names[::-1]) == chosen


# --- the samples ---------------------------------------------------------------------------------


def test_every_sample_image_is_read_and_has_its_row_in_the_readme() -> None:
    from reportgen.models.classifiers.imagenet import imagenet_classes

    found, skipped = looked_through(SAMPLES)
    assert (len(found), skipped) == (10, [])
    rows = (SAMPLES / "README.md").read_text("utf-8")
    for file in found:
        assert f"| `{file.name}` |" in rows
        assert file.path.stat().st_size < 300_000
        assert min(read_image(file, MAX_PIXELS).pixels.shape[:2]) >= 256
    labels = read_labels(holding(SAMPLES, [file.name for file in found]), imagenet_classes(), Remarks()).labels
    with (SAMPLES / "labels.csv").open(newline="") as table:
        assert {name: label.name for name, label in labels.items()} == dict(list(csv.reader(table))[1:])
