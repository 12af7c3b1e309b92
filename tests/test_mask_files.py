"""Masks: which pictures are some, by their names, and which of their pixels are the object's, however a tool says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from reportgen.images.find import find_images
from reportgen.images.ground_truth.annotation import TruthNote
from reportgen.images.ground_truth.mask_file import fits
from reportgen.images.ground_truth.masks import masks_of
from truth_folders import BOX, HEIGHT, WIDTH, beside, folder_with, painted, read, seen

OBJECT = painted(BOX)
GREY = OBJECT.astype(np.uint8) * 255

# --- by name -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mask", "image"),
    [
        ("a.mask.png", "a.jpg"),
        ("a_mask.png", "a.jpg"),
        ("a-mask.bmp", "a.jpg"),
        ("a mask.png", "a.jpg"),
        ("a_seg.png", "a.jpg"),  # ADE20K
        ("a_gt.tif", "a.tif"),
        ("ISIC_0000000_segmentation.png", "ISIC_0000000.jpg"),
        ("ISIC_0000000_Segmentation.png", "ISIC_0000000.jpg"),
        ("0cdf5b5d0ce1_01_mask.gif", "0cdf5b5d0ce1_01.jpg"),  # Carvana
        ("benign (1)_mask.png", "benign (1).png"),  # BUSI
        ("benign (1)_mask_1.png", "benign (1).png"),
        ("a.jpg.mask.png", "a.jpg"),
        ("a.jpg_mask.png", "a.jpg"),
        ("A_MASK.PNG", "A.JPG"),
        ("mask_a.png", "a.jpg"),
        ("sub/a_mask.png", "sub/a.jpg"),
        ("masks/a.png", "a.jpg"),
        ("masks/a.png", "images/a.jpg"),
        ("masks/a_mask.png", "images/a.jpg"),
        ("masks/a.jpg", "images/a.jpg"),  # masks are saved as JPEG, too
        ("train/masks/a.png", "train/images/a.jpg"),
        ("masks/train/a.png", "images/train/a.jpg"),
        ("masks/a.png", "tench/a.jpg"),  # a folder a class
        ("masks/a.png", "photos of fish/a.jpg"),
        ("SegmentationClass/2007_000032.png", "JPEGImages/2007_000032.jpg"),
        ("annotations/trimaps/a.png", "images/a.jpg"),  # the Oxford-IIIT pets
        ("labels/a.png", "images/a.png"),
        ("gt/a.png", "imgs/a.png"),
        ("mask/a.png", "image/a.png"),
        ("GT/a.bmp", "Images/a.jpg"),
        ("00ae65/masks/07a9bf.png", "00ae65/images/00ae65.png"),  # nuclei of the Data Science Bowl: a file an object
        ("a_json/label.png", "a_json/img.png"),  # labelme_json_to_dataset
        ("train_masks/a_mask.gif", "train/a.jpg"),  # Carvana
        ("train_labels/a.png", "train/a.png"),  # CamVid
        ("trainannot/a.png", "train/a.png"),
        ("DUTS-TR-Mask/a.png", "DUTS-TR-Image/a.jpg"),
        ("PedMasks/a_mask.png", "PNGImages/a.png"),  # Penn-Fudan
        ("ISIC2018_Task1_Training_GroundTruth/I_1_segmentation.png", "ISIC2018_Task1-2_Training_Input/I_1.jpg"),
        ("Annotations/480p/bear/00000.png", "JPEGImages/480p/bear/00000.jpg"),  # DAVIS
    ],
)
def test_a_mask_is_known_by_its_name_and_is_no_image(tmp_path: Path, mask: str, image: str) -> None:
    assert masks_of([image, mask]) == {mask: (image,)}
    folder = folder_with(tmp_path, image, mask)
    assert find_images(folder).names == [image]


@pytest.mark.parametrize(
    "names",
    [
        ["photo_gt.jpg", "photo_mask.png"],  # without the photograph that they would be of
        ["a.jpg", "b_mask.png"],
        ["labels/a.jpg", "labels/b.jpg"],  # the only copies
        ["masks/a.png", "masks/b.png"],
        ["Mask/1.jpg", "Non Mask/1.jpg"],  # people with and without one: two classes
        ["mask/1.png", "no_mask/1.png"],
        ["with_mask/1.jpg", "without_mask/1.jpg"],
        ["labels/1.png", "bottles/1.png"],
        ["face_mask/1.jpg", "face/1.jpg"],
        ["face_mask/1.png", "face_no_mask/1.png"],
        ["label/1.jpg", "text/1.jpg"],
        ["masks/1.png", "cats/1.jpg", "dogs/1.jpg"],  # could be of either
        ["sub/a.jpg", "a_mask.png"],
        ["mask.png", "a.jpg"],
        ["a.jpg", "a_1.jpg", "a_masked.jpg", "amask.jpg"],
    ],
)
def test_a_photograph_that_is_called_like_a_mask_stays_one(names: list[str]) -> None:
    assert masks_of(names) == {}


def test_of_two_splits_each_has_its_own_mask() -> None:
    names = ["train/images/a.jpg", "val/images/a.jpg", "train/masks/a.png", "val/masks/a.png"]
    assert masks_of(names) == {
        "train/masks/a.png": ("train/images/a.jpg",),
        "val/masks/a.png": ("val/images/a.jpg",),
    }


def test_a_mask_is_of_all_images_of_its_stem_beside_it() -> None:
    assert masks_of(["a.jpg", "a.png", "a.mask.png"]) == {"a.mask.png": ("a.jpg", "a.png")}


def test_a_mask_among_masks_whose_image_is_gone_is_no_photograph(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "images/a.jpg")
    for name in ("masks/a.png", "masks/b.png"):
        save(folder / name, GREY)
    found = read(folder)
    assert find_images(folder).names == ["images/a.jpg"]
    assert set(found.truths) == {"images/a.jpg"}
    assert found.left == {"masks/b.png": "a mask of an image that is not in the folder"}


NAMES = st.lists(
    st.tuples(
        st.sampled_from(("", "masks/", "images/", "labels/", "a/masks/", "a/images/", "masks/masks/", "MASK/")),
        st.sampled_from(("a", "b", "a_mask", "a.mask", "a_mask_mask", "mask_a", "a_mask_1", "mask", "_mask", ".mask")),
        st.sampled_from((".png", ".jpg", ".PNG", "")),
    ).map("".join),
    unique=True,
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(NAMES, st.randoms())
def test_masks_are_of_images_that_are_none_and_whatever_order_they_come_in(names: list[str], random: object) -> None:
    found = masks_of(names)
    assert set(found) <= set(names)
    assert all(image in names and image not in found for images in found.values() for image in images)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert masks_of(names) == found


# --- by content ----------------------------------------------------------------------------------


def save(path: Path, pixels: np.ndarray | Image.Image, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(path, **options)


def palette(*colours: tuple[int, int, int]) -> list[int]:
    return [value for colour in colours for value in colour]


def indexed(indices: np.ndarray, colours: list[int]) -> Image.Image:
    image = Image.fromarray(indices.astype(np.uint8), "P")
    image.putpalette(colours + [0] * (768 - len(colours)))
    return image


def voc_like() -> Image.Image:
    """Pascal VOC: two classes, and 255, a border about each object."""
    indices = np.zeros((HEIGHT, WIDTH), np.uint8)
    indices[18:62, 28:72] = 255
    indices[20:60, 30:50], indices[20:60, 50:70] = 15, 3
    colours = [0] * 768
    colours[9:12], colours[45:48], colours[765:768] = [128, 128, 0], [192, 128, 128], [224, 224, 192]
    return indexed(indices, colours)


def in_alpha(colour: tuple[int, int, int]) -> Image.Image:
    layers = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    layers[..., :3], layers[..., 3] = colour, GREY
    return Image.fromarray(layers, "RGBA")


def cut_out() -> Image.Image:
    """A photograph whose background was made transparent."""
    layers = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)
    layers[..., 3] = GREY
    return Image.fromarray(layers, "RGBA")


def painted_over() -> Image.Image:
    """White on black, opaque but for a corner."""
    layers = np.dstack([GREY, GREY, GREY, np.full_like(GREY, 255)])
    layers[:3, :3, 3] = 0
    return Image.fromarray(layers, "RGBA")


def classes_with_border() -> np.ndarray:
    return np.asarray(voc_like()).copy()


MADE: dict[str, Callable[[], object]] = {
    "0 and 255": lambda: GREY,
    "0 and 1": lambda: OBJECT.astype(np.uint8),
    "bits": lambda: Image.fromarray(GREY).convert("1"),
    "colours": lambda: np.dstack([GREY, GREY * 0, GREY // 2]),
    "16 bits": lambda: OBJECT.astype(np.uint16) * 65535,
    "alpha of black": lambda: in_alpha((0, 0, 0)),
    "alpha of white": lambda: in_alpha((255, 255, 255)),
    "cut out": cut_out,
    "opaque but for a corner": painted_over,
    "Pascal VOC": voc_like,
    "numbers of classes with a border": classes_with_border,
    "palette that begins with the object": lambda: indexed(~OBJECT, palette((255, 255, 255), (0, 0, 0))),
    "palette of black and white": lambda: indexed(OBJECT * 255, palette(*[(v, v, v) for v in range(256)])),
}


@pytest.mark.parametrize("made", MADE)
def test_the_object_is_found_however_a_png_marks_it(tmp_path: Path, made: str) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    save(folder / "a.mask.png", MADE[made]())  # type: ignore[arg-type]
    found = read(folder)
    assert np.array_equal(found.mask(), seen(OBJECT))
    assert found.truths["a.jpg"].source == "masks" and found.said == "" and found.fitted().notes == ()


@pytest.mark.parametrize("suffix", ["bmp", "tif", "gif", "png", "webp"])
def test_a_mask_of_any_lossless_format_says_the_same(tmp_path: Path, suffix: str) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    save(folder / f"a_mask.{suffix}", GREY, **({"lossless": True} if suffix == "webp" else {}))
    assert np.array_equal(read(folder).mask(), seen(OBJECT))


def test_a_jpeg_mask_is_cut_at_half_and_said(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.png")
    save(folder / "a_mask.jpg", GREY, quality=60)
    assert np.count_nonzero(np.asarray(Image.open(folder / "a_mask.jpg"))) > OBJECT.sum()  # it is blurred
    found = read(folder)
    assert np.array_equal(found.mask("a.png"), seen(OBJECT))
    assert found.fitted("a.png").notes == (TruthNote("truth-soft-mask"),)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("how", ["was a JPEG", "smoothed"])
def test_a_soft_border_is_cut_at_half_and_said(tmp_path: Path, how: str, mode: str) -> None:
    folder = folder_with(tmp_path, "a.png")
    if how == "smoothed":
        soft = Image.fromarray(GREY).filter(ImageFilter.GaussianBlur(3))
    else:
        save(tmp_path / "elsewhere.jpg", GREY, quality=40)
        soft = Image.open(tmp_path / "elsewhere.jpg").convert("L")
        soft.load()
        (tmp_path / "elsewhere.jpg").unlink()
    save(folder / "a_mask.png", soft.convert(mode))
    found = read(folder)
    assert (found.mask("a.png") ^ seen(OBJECT)).sum() <= 24  # the corners are rounded
    assert found.fitted("a.png").notes == (TruthNote("truth-soft-mask"),)


def test_many_classes_are_all_of_them_the_object(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    classes = np.zeros((HEIGHT, WIDTH), np.uint8)
    classes[20:60, 30:70] = 1 + np.arange(40)  # 40 numbers, a column each
    save(folder / "a_mask.png", classes)
    assert np.array_equal(read(folder).mask(), seen(OBJECT))


def test_the_middle_of_a_trimap_is_the_object(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "images/a.jpg")
    trimap = np.full((HEIGHT, WIDTH), 2, np.uint8)
    trimap[18:62, 28:72], trimap[20:60, 30:70] = 3, 1
    save(folder / "annotations/trimaps/a.png", trimap)
    assert np.array_equal(read(folder).mask("images/a.jpg"), seen(OBJECT))


def test_several_masks_of_an_image_are_one_truth(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    first, second = painted((30, 20, 50, 60)), painted((50, 20, 70, 60))
    for place, mask in enumerate((first, second)):
        save(folder / f"a_mask_{place}.png", mask.astype(np.uint8) * 255)
    assert np.array_equal(read(folder).mask(), seen(OBJECT))


def test_a_damaged_mask_among_good_ones_is_said_and_the_others_count(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    save(folder / "a_mask_1.png", GREY)
    save(folder / "a_mask_2.png", GREY)
    data = (folder / "a_mask_2.png").read_bytes()
    beside(folder, "a_mask_2.png", data[: len(data) // 2])
    found = read(folder)
    assert np.array_equal(found.mask(), seen(OBJECT))
    assert found.fitted().notes == (TruthNote("truth-unreadable", detail="not a picture that can be read"),)


# --- size ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(60, 40), (240, 160), (121, 80)])
def test_a_mask_of_another_size_of_the_same_shape_is_scaled_and_said(tmp_path: Path, size: tuple[int, int]) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    save(folder / "a_mask.png", Image.fromarray(GREY).resize(size, Image.Resampling.NEAREST))
    found = read(folder)
    different = found.mask() ^ seen(OBJECT)
    assert different.sum() <= 0.06 * seen(OBJECT).sum()
    sizes = f"{size[0]} x {size[1]} pixels, the upright image has 120 x 80"
    assert found.fitted().notes == (TruthNote("truth-scaled", detail=sizes),)


def test_a_mask_of_another_shape_is_left_out(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    save(folder / "a_mask.png", Image.fromarray(GREY).resize((80, 80)))
    fitted = read(folder).fitted()
    assert fitted.truth is None
    assert fitted.notes == (TruthNote("truth-other-shape", detail="80 x 80 pixels, the upright image has 120 x 80"),)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(0.01, 10))
def test_what_was_scaled_and_rounded_fits(width: int, height: int, scale: float) -> None:
    scaled = max(1, round(width * scale)), max(1, round(height * scale))
    assert fits(scaled, width, height)


def test_a_mask_that_is_far_larger_than_its_image_is_not_decoded(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    Image.new("1", (15_000, 10_000)).save(folder / "a_mask.png")
    assert read(folder).fitted().notes == (
        TruthNote("truth-unreadable", detail="a mask of 15000 x 10000 pixels is too large"),
    )


@pytest.mark.parametrize(("value", "said"), [(0, "nothing"), (255, "everything")])
def test_a_mask_of_all_or_nothing_is_no_evidence(tmp_path: Path, value: int, said: str) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    save(folder / "a_mask.png", np.full((HEIGHT, WIDTH), value, np.uint8))
    fitted = read(folder).fitted()
    assert fitted.truth is None
    assert fitted.notes == (TruthNote("truth-says-nothing", detail=f"masks: {said}"),)


def test_a_mask_whose_object_the_crop_removed_is_a_truth_all_the_same(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    save(folder / "a_mask.png", painted((0, 0, 4, 80)).astype(np.uint8))
    fitted = read(folder).fitted()
    assert fitted.truth is not None and not fitted.truth.mask.any() and fitted.notes == ()


def test_the_digest_is_of_what_is_in_the_masks(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a.jpg")
    digests = []
    for pixels in (GREY, GREY, 255 - GREY):
        save(folder / "a_mask.png", pixels)
        digests.append(read(folder).truths["a.jpg"].digest)
    assert digests[0] == digests[1] != digests[2]
