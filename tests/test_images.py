"""reportgen.images: an untrusted folder -> upright sRGB pixels, frames, labels, folder names."""

from __future__ import annotations

import csv
import hashlib
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from folders import holding, looked_through
from pictures import MAX_PIXELS, blocks, encode
from reportgen.images import frame as frame_module
from reportgen.images import names as names_module
from reportgen.images.decode import UnreadableImage, read_image
from reportgen.images.files import InputFile
from reportgen.images.find import find_images
from reportgen.images.frame import frame_transform, model_frame
from reportgen.images.labels.read import read_labels
from reportgen.images.names import slugs
from reportgen.images.remarks import Remarks
from reportgen.models.classifiers.base import Preprocessing
from reportgen.report.document import Skipped
from reportgen.storage.run_folder import RunFolder
from reportgen.utils.errors import UsageError

SAMPLES = Path(__file__).parent.parent / "sample_images"


def names_of(folder: Path) -> list[str]:
    return [file.name for file in find_images(folder).files]


# --- find ----------------------------------------------------------------------------------------


def test_images_are_found_by_content_and_named_by_posix_path_in_plain_sort_order(tmp_path: Path) -> None:
    for name in ("b.png", "a/z.JPG", "a/b/deep.jpeg", "a.png", "B.png", "a-.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(encode(blocks()))
    found, skipped = looked_through(tmp_path)
    assert [file.name for file in found] == ["B.png", "a-.png", "a.png", "a/b/deep.jpeg", "a/z.JPG", "b.png"]
    assert [file.path for file in found] == [tmp_path / file.name for file in found]
    assert skipped == []


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "MPO"])
def test_an_image_is_read_under_any_extension(kind: str, tmp_path: Path) -> None:
    (tmp_path / "photo.dat").write_bytes(encode(blocks(), kind))
    (found,), _ = looked_through(tmp_path)
    assert read_image(found, MAX_PIXELS).pixels.shape == (48, 64, 3)


def test_a_text_that_opens_with_bm_is_no_bitmap(tmp_path: Path) -> None:
    (tmp_path / "cars").write_text("BMW and others: a list of cars, long enough to hold a header.")
    assert looked_through(tmp_path) == ([], [])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.jpg", b"", "empty file"),
        ("b.png", b"dear reader", "looks like text"),
        ("umlaut.gif", b"a" + "ä".encode() * 300, "looks like text"),
        ("noise.TIFF", bytes(range(256)), "not a JPEG, PNG"),
        ("phone.jpg", b"\0\0\0\x18ftypisom" + bytes(50), "a film"),
        ("phone.heic", b"\0\0\0\x18ftypmp42" + bytes(50), "as JPEG or PNG"),
    ],
)
def test_a_file_that_only_claims_to_be_an_image_is_skipped_with_a_reason(
    name: str, content: bytes, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    found, (skipped,) = looked_through(tmp_path)
    assert found == []
    assert skipped.name == name
    assert words in skipped.reason


def test_other_files_hidden_ones_and_system_litter_are_ignored(tmp_path: Path) -> None:
    png = encode(blocks())
    for name in (
        ".hidden.png",
        ".git/a.png",
        "__MACOSX/a.png",
        "sub/.thumbs/a.png",
        "Thumbs.db",
        "sub/THUMBS.DB",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(png)
    for name in ("notes.txt", "labels.csv", "boxes.csv", "a.xml", "a.json", "clip.mp4", "empty"):
        (tmp_path / name).write_bytes(b"" if name == "empty" else b"some text")
    assert looked_through(tmp_path) == ([], [])


def test_the_input_folder_itself_may_be_hidden_or_a_link(tmp_path: Path) -> None:
    hidden = tmp_path / ".data"
    hidden.mkdir()
    (hidden / "a.png").write_bytes(encode(blocks()))
    (tmp_path / "link").symlink_to(hidden)
    assert names_of(hidden) == names_of(tmp_path / "link") == ["a.png"]


def test_a_folder_named_like_an_image_is_walked(tmp_path: Path) -> None:
    (tmp_path / "album.jpg").mkdir()
    (tmp_path / "album.jpg" / "a.png").write_bytes(encode(blocks()))
    assert names_of(tmp_path) == ["album.jpg/a.png"]


def test_links_to_files_are_followed_and_loops_of_folders_do_not_hang(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside.png", tmp_path / "in"
    outside.write_bytes(encode(blocks()))
    (folder / "sub").mkdir(parents=True)
    (folder / "linked.png").symlink_to(outside)
    (folder / "sub" / "loop").symlink_to(folder)
    (folder / "self.jpg").symlink_to(folder / "self.jpg")
    (folder / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (folder / "gone.txt").symlink_to(tmp_path / "nowhere")
    found, skipped = looked_through(folder)
    assert [file.name for file in found] == ["linked.png"]
    assert [item.name for item in skipped] == ["gone.jpg", "self.jpg"]
    assert {item.reason for item in skipped} == {"a link that leads nowhere"}


def test_a_link_to_a_folder_elsewhere_is_named_because_its_images_are_missed(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "a.png").write_bytes(encode(blocks()))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "more").symlink_to(tmp_path / "album")
    assert looked_through(tmp_path / "in") == (
        [],
        [Skipped(name="more", reason="a link to a folder elsewhere: not followed")],
    )


@pytest.mark.parametrize("finished", [True, False])
def test_the_figures_of_an_earlier_report_are_no_photographs_but_what_lies_beside_them_is(
    finished: bool, tmp_path: Path
) -> None:
    album = tmp_path / "album"
    with closing(RunFolder(album)) as run:
        run.begin()
        run.raw("figures/a.png", encode(blocks()))
        if finished:
            run.raw("report.json", b"{}")
            run.finish()
    for name in ("a.png", "album/b.png", "album/more/figures/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(encode(blocks()))
    assert names_of(tmp_path) == ["a.png", "album/b.png", "album/more/figures/c.png"]
    assert looked_through(tmp_path)[1] == []
    assert names_of(album) == ["b.png", "more/figures/c.png"]
    assert names_of(album / "figures") == ["a.png"], "what is named itself is looked into"


def test_a_folder_with_a_manifest_of_something_else_is_looked_into(tmp_path: Path) -> None:
    for name, text in {
        "app": '{"name": "app"}',
        "other": '{"schema_version": 1, "files": {}}',
        "deep": "[" * 10**5,
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(text)
        (tmp_path / name / ".unfinished").write_text(text)
        (tmp_path / name / "a.png").write_bytes(encode(blocks()))
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe/manifest.json")
    os.mkfifo(tmp_path / "pipe/.unfinished")
    assert names_of(tmp_path) == ["app/a.png", "deep/a.png", "other/a.png"]


def test_a_fifo_named_like_an_image_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe")
    assert looked_through(tmp_path) == ([], [Skipped(name="pipe.jpg", reason="not a regular file")])
    with pytest.raises(UnreadableImage, match="not a regular file"):
        read_image(InputFile("pipe.jpg", tmp_path / "pipe.jpg"), MAX_PIXELS)


def test_what_may_not_be_read_is_skipped_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The suite may run as root, whom no permission stops: the refusal is made where the system would make it.
    (tmp_path / "locked").mkdir()
    (tmp_path / "secret.jpg").write_bytes(encode(blocks()))
    scandir, opened = os.scandir, Path.open

    def deny_folder(path: Any) -> Any:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    def deny_file(path: Path, *args: Any, **options: Any) -> Any:
        if path.name == "secret.jpg":
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **options)

    monkeypatch.setattr(os, "scandir", deny_folder)
    monkeypatch.setattr(Path, "open", deny_file)
    found, skipped = looked_through(tmp_path)
    assert found == []
    assert [(item.name, item.reason) for item in skipped] == [
        ("locked", "folder cannot be read: permission denied"),
        ("secret.jpg", "cannot be read: permission denied"),
    ]


def test_a_missing_folder_or_a_file_in_its_place_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode(blocks()))
    with pytest.raises(UsageError, match="no such folder"):
        find_images(tmp_path / "missing")
    with pytest.raises(UsageError, match="not a folder"):
        find_images(tmp_path / "a.png")


def test_odd_names_survive_as_valid_text(tmp_path: Path) -> None:
    odd = [
        "line\nbreak.png",
        "🐈.png",
        "שלום.png",
        "a" * 251 + ".png",
        "back\\slash.png",
        "-rf.png",
        "%s{0}.png",
    ]
    png = encode(blocks())
    for name in odd:
        (tmp_path / name).write_bytes(png)
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(png)
    found, skipped = looked_through(tmp_path)
    assert sorted(file.name for file in found) == sorted([*odd, "caf\\xe9.png"])
    assert skipped == []
    for file in found:
        file.name.encode("utf-8")  # raises where a surrogate is left
        assert read_image(file, MAX_PIXELS).pixels.shape == (48, 64, 3)
    assert len(set(slugs(file.name for file in found).values())) == len(found)


def test_two_names_that_become_equal_as_text_do_not_hide_each_other(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(encode(blocks()))
    (tmp_path / "caf\\xe9.png").write_bytes(encode(blocks()))
    found, skipped = looked_through(tmp_path)
    assert [file.name for file in found] == [item.name for item in skipped] == ["caf\\xe9.png"]


def test_a_tree_deeper_than_pythons_stack_is_walked(tmp_path: Path) -> None:
    depth = 1200
    levels = [tmp_path / "/".join(["d"] * level) for level in range(1, depth + 1)]
    for level in levels:
        level.mkdir()
    (levels[-1] / "a.png").write_bytes(encode(blocks()))
    try:
        assert names_of(tmp_path) == ["d/" * depth + "a.png"]
    finally:  # pytest would clear the folder up by a recursion of its own, and fail at it
        (levels[-1] / "a.png").unlink()
        for level in reversed(levels):
            level.rmdir()


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
