"""reportgen.models.classifiers.hugging_face.processors: a processor's file gives the very input that transformers makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from PIL import Image
from transformers.image_utils import SizeDict
from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES

from reportgen.images.frame import model_frame
from reportgen.models.classifiers.base import Geometry, Preprocessing
from reportgen.models.classifiers.hugging_face.processors import ANY, FILTERS, PROCESSORS, read_preprocessing
from reportgen.utils.errors import UsageError
from toys import photo_path

PATH = Path("preprocessor_config.json")


def read(content: dict[str, Any], model_type: str = "", geometry: Geometry | None = None) -> Preprocessing:
    return read_preprocessing(PATH, content, model_type, geometry)


def library(name: str, backend: str = "Pil") -> Any:
    return getattr(transformers, f"{name}ImageProcessor{backend}")


def photograph(width: int = 451, height: int = 300) -> np.ndarray:
    with Image.open(photo_path("chelsea")) as image:
        return np.array(image.convert("RGB").crop((0, 0, width, height)))


def ours(content: dict[str, Any], pixels: np.ndarray, model_type: str = "") -> np.ndarray:
    preprocessing = read(content, model_type)
    return preprocessing.normalise(model_frame(pixels, preprocessing))


def theirs(processor: Any, pixels: np.ndarray) -> np.ndarray:
    return np.asarray(processor(Image.fromarray(pixels), return_tensors="np")["pixel_values"][0], np.float32)


def saved(processor: Any, folder: Path) -> dict[str, Any]:
    processor.save_pretrained(folder)
    return json.loads((folder / PATH).read_text())


SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("ViT", {}),
    ("ViT", {"size": {"height": 64, "width": 64}, "resample": 3}),
    ("ViT", {"size": {"shortest_edge": 80}, "do_center_crop": True, "crop_size": 64}),
    ("ViT", {"do_normalize": False}),
    ("ViT", {"do_rescale": False}),
    ("ViT", {"do_rescale": False, "do_normalize": False}),
    ("ViT", {"rescale_factor": 1 / 127.5, "image_mean": [1.0, 1.1, 0.9], "image_std": [1.0, 0.9, 1.1]}),
    ("DeiT", {}),
    ("DeiT", {"size": 96, "crop_size": 77}),
    ("Beit", {}),
    ("Beit", {"do_center_crop": True, "size": 256}),
    ("Bit", {}),
    ("CLIP", {}),
    ("ConvNext", {}),
    ("ConvNext", {"size": {"shortest_edge": 224}}),
    ("ConvNext", {"size": 64, "crop_pct": 0.95}),
    ("EfficientNet", {}),
    ("EfficientNet", {"include_top": False, "rescale_offset": True, "rescale_factor": 1 / 127.5}),
    ("EfficientNet", {"rescale_offset": True, "do_normalize": False, "do_center_crop": True}),
    ("Levit", {}),
    ("Levit", {"size": {"height": 100, "width": 100}, "crop_size": 99}),
    ("MobileNetV1", {}),
    ("MobileNetV2", {}),
    ("MobileViT", {}),
    ("MobileViT", {"size": {"shortest_edge": 288}}),
    ("MobileViT", {"size": {"shortest_edge": 288}, "do_flip_channel_order": False, "do_normalize": True}),
    ("PoolFormer", {}),
    ("PoolFormer", {"size": 64, "crop_size": 64, "crop_pct": 0.95}),
    ("Pvt", {}),
    ("Segformer", {"size": 64}),
    ("Siglip", {}),
]


@pytest.mark.parametrize(("name", "values"), SETTINGS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(SETTINGS)])
@pytest.mark.parametrize(("width", "height"), [(451, 300), (203, 300)])
def test_the_input_is_what_the_library_makes(
    name: str, values: dict[str, Any], width: int, height: int, tmp_path: Path
) -> None:
    """Of what the library saves, which is complete, and of the few entries alone that differ from the class' own."""
    processor, pixels = library(name)(**values), photograph(width, height)
    expected = theirs(processor, pixels)
    for content in (saved(processor, tmp_path), {"image_processor_type": f"{name}ImageProcessor", **values}):
        np.testing.assert_allclose(ours(content, pixels), expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("number", range(len(FILTERS)), ids=FILTERS)
def test_every_filter_of_pillow_is_known_by_its_number(number: int) -> None:
    assert Image.Resampling(number).name.lower() == FILTERS[number]
    for values in ({"size": 48}, {"size": {"shortest_edge": 64}, "do_center_crop": True, "crop_size": 47}):
        content = {"image_processor_type": "ViTImageProcessor", "resample": number, **values}
        expected = theirs(library("ViT")(resample=number, **values), photograph())
        np.testing.assert_allclose(ours(content, photograph()), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["ViT", "ConvNext", "DeiT", "MobileViT"])
def test_the_librarys_processors_of_tensors_differ_by_a_level_or_two_here_and_there(name: str) -> None:
    """Since version 5 they are the default: torch resizes there, and Pillow here. On the mean that is less than 0.01 levels."""
    processor = library(name, "")()
    levels = 255 * float(np.max(processor.image_std)) if processor.do_normalize else 255
    content = {"image_processor_type": f"{name}ImageProcessor"}
    difference = np.abs(ours(content, photograph()) - theirs(processor, photograph())) * levels
    assert 0 < difference.max() < 2.1
    assert difference.mean() < 0.01


@pytest.mark.parametrize("name", PROCESSORS)
def test_what_a_file_leaves_out_is_what_the_class_says(name: str) -> None:
    known = {**ANY, **PROCESSORS[name].defaults}
    if name == "MobileViT":
        del known["do_normalize"]  # that class has the key and does not look at it
    for backend in ("", "Pil"):
        processor = library(name, backend)()
        for key in {*known, "size", "crop_size", "crop_pct"}:
            value = getattr(processor, key, None)
            value = (
                {side: length for side, length in dict(value).items() if length}
                if isinstance(value, SizeDict)
                else value
            )
            assert (value or None) == (known.get(key) or None), key
        assert processor.default_to_square is PROCESSORS[name].square


def test_the_processor_of_a_model_whose_file_names_none_is_the_librarys() -> None:
    for name, processor in PROCESSORS.items():
        for model_type in processor.models:
            assert IMAGE_PROCESSOR_MAPPING_NAMES[model_type]["pil"] == f"{name}ImageProcessorPil"
    # As the file of google/vit-base-patch16-224 is.
    content = {"do_normalize": True, "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": 224}
    np.testing.assert_array_equal(ours(content, photograph(), "vit"), theirs(library("ViT")(), photograph()))


@pytest.mark.parametrize("named", ["ViTFeatureExtractor", "ViTImageProcessorFast", "ViTImageProcessorPil"])
def test_former_names_of_a_class_are_known(named: str) -> None:
    key = "feature_extractor_type" if named.endswith("Extractor") else "image_processor_type"
    assert read({key: named}) == read({"image_processor_type": "ViTImageProcessor"})


def test_a_crop_between_two_pixels_begins_where_the_library_begins_it() -> None:
    """(83 - 64) / 2 = 9.5: torchvision takes the even one of 9 and 10, transformers the first."""
    values = {"size": {"shortest_edge": 67}, "do_center_crop": True, "crop_size": 64}
    content = {"image_processor_type": "ViTImageProcessor", **values}
    pixels = photograph(100, 80)
    np.testing.assert_array_equal(ours(content, pixels), theirs(library("ViT")(**values), pixels))
    assert read(content).crop_start == "before"


@pytest.mark.parametrize("side", [31, 40, 49, 62, 63])
def test_a_border_that_the_crop_adds_is_the_librarys(side: int) -> None:
    values = {"size": {"shortest_edge": side}, "do_center_crop": True, "crop_size": 64}
    for pixels in (photograph(100, 80), photograph(80, 81)):
        made = ours({"image_processor_type": "CLIPImageProcessor", **values}, pixels)
        np.testing.assert_allclose(made, theirs(library("CLIP")(**values), pixels), atol=1e-6)


@pytest.mark.parametrize(
    ("geometry", "expected"),
    [(None, ("squash_crop", 256, 224)), ("crop", ("crop", 256, 224)), ("squash", ("squash", 224, 224))],
)
def test_the_users_geometry_wins(geometry: Geometry | None, expected: tuple[str, int, int]) -> None:
    made = read({"image_processor_type": "DeiTImageProcessor"}, geometry=geometry)
    assert (made.geometry, made.resize, made.size) == expected


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"image_processor_type": "DonutImageProcessor"}, "DonutImageProcessor.* is not understood; known: ViTImage"),
        ({"image_processor_type": None}, "no image_processor_type for a model of type 'bert'"),
        ({"do_resize": False}, "do_resize is false"),
        ({"do_resize": "yes"}, "do_resize 'yes' is neither"),
        ({"do_pad": True}, "do_pad is true"),
        ({"size": {"shortest_edge": 224}}, "do_center_crop is false, so that frames are not square"),
        ({"size": {"height": 224, "width": 192}}, "size .*only a square"),
        ({"size": {"shortest_edge": 224, "longest_edge": 333}}, "size .*only a square"),
        ({"size": {"height": 0, "width": 0}}, "height 0 is no length"),
        ({"size": 10**9}, "height 1000000000 is no length from 1 to 4096"),
        ({"size": "large"}, "size 'large' is no size"),
        ({"do_center_crop": True}, "crop_size None is no size"),
        ({"resample": 6}, "resample 6 is no filter; known: 0 nearest"),
        ({"resample": True}, "resample True is no filter"),
        ({"image_mean": [0.5]}, "image_mean .*three channels"),
        ({"image_std": [0.5, "a", 0.5]}, "image_std .*three channels"),
        ({"image_std": [0.5, float("nan"), 0.5]}, "image_std .*three channels"),
        ({"image_std": 0}, "make a division by zero"),
        ({"rescale_factor": 0}, "make a division by zero"),
        ({"rescale_factor": "1/255\x1b[31m\n"}, r"rescale_factor '1/255\\"),
        ({"image_processor_type": "ConvNextImageProcessor", "size": {"height": 9, "width": 9}}, "has no shortest_edge"),
        (
            {"image_processor_type": "ConvNextImageProcessor", "size": 224, "crop_pct": 0},
            "crop_pct 0.0 of 224 makes no",
        ),
        (
            {"image_processor_type": "ConvNextImageProcessor", "do_center_crop": True, "crop_size": 200},
            "two crops are not supported",
        ),
    ],
)
def test_what_is_not_understood_stops_in_one_line(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        read({"image_processor_type": "ViTImageProcessor", **values}, "bert")
    text = str(error.value)
    assert text.startswith("preprocessor_config.json: ")
    assert text.isprintable()


def test_channels_are_turned_after_normalisation() -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[..., 0] = 255
    plain = Preprocessing(8, 8, (0.1, 0.2, 0.3), (0.5, 0.6, 0.7), "nearest")
    turned = Preprocessing(8, 8, (0.1, 0.2, 0.3), (0.5, 0.6, 0.7), "nearest", channels="BGR")
    np.testing.assert_array_equal(turned.normalise(pixels), plain.normalise(pixels)[::-1])
    assert turned.normalise(pixels).flags.c_contiguous
