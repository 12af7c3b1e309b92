"""`preprocessor_config.json` of a Hugging Face model as a `Preprocessing`, without transformers.

What a file leaves out its processor's class says in transformers: PROCESSORS holds those values, and a test holds them against the
library. The frame is Pillow's, as in the library's Pillow processors and in every version before 5; what it makes of tensors by
default since then differs from that by a level of 255 here and there (docs/methods.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from reportgen.models.classifiers.base import Geometry, Interpolation, Preprocessing
from reportgen.utils.errors import UsageError
from reportgen.utils.json_types import JSON
from reportgen.utils.terminal_text import printable

# By Pillow's number.
FILTERS: tuple[Interpolation, ...] = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")
LARGEST = 4096  # pixels along a side
_NEAREST_UNCUT = 384  # ConvNeXt's evaluation: from this size on it crops nothing
_LEVIT_RATIO = 256 / 224

_HALF = (0.5, 0.5, 0.5)
_IMAGENET = {"image_mean": (0.485, 0.456, 0.406), "image_std": (0.229, 0.224, 0.225)}
_CLIP = {
    "image_mean": (0.48145466, 0.4578275, 0.40821073),
    "image_std": (0.26862954, 0.26130258, 0.27577711),
}
# Of every class.
ANY: Mapping[str, JSON] = {
    "do_resize": True,
    "resample": 3,
    "do_center_crop": False,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": _HALF,
    "image_std": _HALF,
    "do_pad": False,
}


@dataclass(frozen=True)
class Processor:
    """A class of transformers, called `NAMEImageProcessor` there.

    Attributes:
        models: values of `model_type` in config.json whose models have this processor where nothing names one.
        square: what a `size` that is one number means: both sides, or the short one.
        defaults: what a file that says nothing leaves in place.
        resizing: what `size` and `crop_pct` mean.
    """

    models: tuple[str, ...]
    square: bool
    defaults: Mapping[str, JSON]
    resizing: Literal["plain", "convnext", "levit", "poolformer"] = "plain"


def _both(side: int) -> dict[str, JSON]:
    return {"height": side, "width": side}


def _short(side: int) -> dict[str, JSON]:
    return {"shortest_edge": side}


def _cropped(size: Mapping[str, JSON], crop: int = 224) -> dict[str, JSON]:
    return {"size": size, "do_center_crop": True, "crop_size": _both(crop)}


PROCESSORS: Mapping[str, Processor] = MappingProxyType(
    {
        "ViT": Processor(
            ("vit", "vit_msn", "swin", "swinv2", "swiftformer", "ijepa", "dinat"),
            True,
            {"size": _both(224), "resample": 2},
        ),
        "DeiT": Processor(("deit",), True, _cropped(_both(256))),
        "Beit": Processor(("beit", "data2vec-vision"), True, {"size": _both(224), "crop_size": _both(224)}),
        "Bit": Processor(("bit", "dinov2", "focalnet", "hiera"), False, {**_cropped(_short(224)), **_CLIP}),
        "CLIP": Processor(("clip", "metaclip_2"), False, {**_cropped(_short(224)), **_CLIP}),
        "ConvNext": Processor(
            ("convnext", "convnextv2", "cvt", "regnet", "resnet"),
            False,
            {"size": _short(384), "crop_pct": 0.875},
            "convnext",
        ),
        "EfficientNet": Processor(
            ("efficientnet",),
            True,
            {"size": _both(346), "crop_size": _both(289), "rescale_offset": False, "include_top": True},
        ),
        "Levit": Processor(("levit",), False, {**_cropped(_short(224)), **_IMAGENET}, "levit"),
        "MobileNetV1": Processor(("mobilenet_v1",), False, {**_cropped(_short(256)), "resample": 2}),
        "MobileNetV2": Processor(("mobilenet_v2",), False, {**_cropped(_short(256)), "resample": 2}),
        "MobileViT": Processor(
            ("mobilevit", "mobilevitv2"), False, {**_cropped(_short(224), 256), "do_flip_channel_order": True}
        ),
        "PoolFormer": Processor(
            ("poolformer",), False, {**_cropped(_short(224)), **_IMAGENET, "crop_pct": 0.9}, "poolformer"
        ),
        "Pvt": Processor(("pvt", "pvt_v2"), True, {"size": _both(224), **_IMAGENET}),
        "Segformer": Processor(("segformer",), True, {"size": _both(512), "resample": 2, **_IMAGENET}),
        "Siglip": Processor(("siglip",), False, {"size": _both(224)}),
    }
)


def read_preprocessing(
    path: Path, content: Mapping[str, JSON], model_type: str, geometry: Geometry | None
) -> Preprocessing:
    """What the processor's file says, all of it.

    Args:
        path: of the file, for messages.
        content: the file.
        model_type: of config.json; it decides where the file names no class.
        geometry: what the user wants instead of the processor's own resizing and cropping; None keeps that.

    Raises:
        UsageError: it says something that is not understood, or that makes no square frame of three channels.
    """
    name = _class_name(path, content, model_type)
    return _Reading(path, name, content).preprocessing(geometry)


def _class_name(path: Path, content: Mapping[str, JSON], model_type: str) -> str:
    """The class without `ImageProcessor`; files from before 4.25 call it a FeatureExtractor, or not at all."""
    named = content.get("image_processor_type") or content.get("feature_extractor_type")
    if named is None:
        found = [name for name, processor in PROCESSORS.items() if model_type in processor.models]
    else:
        plain = str(named).removesuffix("Pil").removesuffix("Fast")
        plain = plain.removesuffix("FeatureExtractor").removesuffix("ImageProcessor")
        found = [name for name in PROCESSORS if name == plain]
    if not found:
        said = (
            f"image_processor_type {named!r}"
            if named
            else f"no image_processor_type for a model of type {model_type!r}"
        )
        raise UsageError(
            f"{path}: {printable(said, 120)} is not understood; known: {', '.join(f'{n}ImageProcessor' for n in PROCESSORS)}"
        )
    return found[0]


@dataclass(frozen=True)
class _Reading:
    """One file, and the class that it is read as."""

    path: Path
    name: str
    content: Mapping[str, JSON]
    processor: Processor = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "processor", PROCESSORS[self.name])

    def preprocessing(self, geometry: Geometry | None) -> Preprocessing:
        if not self._switch("do_resize"):
            raise self._wrong("do_resize", "is false, so that frames have any size; write true, and the size, into it")
        if self._switch("do_pad"):
            raise self._wrong("do_pad", "is true: padded frames are not supported")
        own, resize, size = self._frame()
        mean, std = self._normalisation()
        return Preprocessing(
            size=size,
            resize=size if geometry == "squash" else resize,
            mean=mean,
            std=std,
            interpolation=self._filter(),
            geometry=geometry or own,
            channels="BGR" if self._switch("do_flip_channel_order") else "RGB",
            crop_start="before",
        )

    def _frame(self) -> tuple[Literal["crop", "squash", "squash_crop"], int, int]:
        """Geometry, length before the crop, and side of the frame."""
        short, length = self._size()
        crop = self._crop()
        resizing = self.processor.resizing
        if resizing == "convnext":
            if not short:
                raise self._wrong("size", "has no shortest_edge")
            if crop not in (None, length):
                raise self._wrong("crop_size", f"is {crop}, and the frame {length}: two crops are not supported")
            if length >= _NEAREST_UNCUT:
                return "squash", length, length
            return "crop", self._fraction_of(length), length
        if resizing == "poolformer":
            short, length = True, self._fraction_of(length)
        if resizing == "levit" and short:
            length = int(_LEVIT_RATIO * length)
        if crop is None and short:
            raise self._wrong(
                "do_center_crop", "is false, so that frames are not square; write true, and crop_size, into it"
            )
        if crop is None or (crop == length and not short):
            return "squash", length, length
        return ("crop" if short else "squash_crop"), length, crop

    def _size(self) -> tuple[bool, int]:
        """Whether `size` is of the short side alone, and its length."""
        given = self._value("size")
        if isinstance(given, int):
            given = _both(given) if self._switch("default_to_square") else _short(given)
        sides = self._sides("size", given)
        if set(sides) == {"shortest_edge"}:
            return True, sides["shortest_edge"]
        if set(sides) != {"height", "width"} or sides["height"] != sides["width"]:
            raise self._wrong("size", f"{sides}: only a square, or the shortest_edge alone, is supported")
        return False, sides["height"]

    def _crop(self) -> int | None:
        if not self._switch("do_center_crop"):
            return None
        given = self._value("crop_size")
        sides = self._sides("crop_size", _both(given) if isinstance(given, int) else given)
        if set(sides) != {"height", "width"} or sides["height"] != sides["width"]:
            raise self._wrong("crop_size", f"{sides}: only a square is supported")
        return sides["height"]

    def _sides(self, key: str, given: JSON) -> dict[str, int]:
        if isinstance(given, Sequence) and not isinstance(given, str) and len(given) == 2:
            given = {"height": given[0], "width": given[1]}
        if not isinstance(given, Mapping):
            raise self._wrong(key, f"{given!r} is no size")
        sides: dict[str, int] = {}
        for side, length in given.items():
            if length is None:
                continue
            if not isinstance(length, int) or isinstance(length, bool) or not 1 <= length <= LARGEST:
                raise self._wrong(key, f"{side} {length!r} is no length from 1 to {LARGEST}")
            sides[side] = length
        return sides

    def _fraction_of(self, length: int) -> int:
        fraction = self._number("crop_pct")
        if not length / LARGEST <= fraction <= length:
            raise self._wrong("crop_pct", f"{fraction!r} of {length} makes no length from 1 to {LARGEST}")
        return int(length / fraction)

    def _normalisation(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Mean and deviation on pixels in [0, 1] that do all that the processor does with 0..255, one operation after another."""
        scale = self._number("rescale_factor") if self._switch("do_rescale") else 1.0
        shift = 1.0 if self._switch("do_rescale") and self._switch("rescale_offset") else 0.0
        mean, std = self._channels("image_mean"), self._channels("image_std")
        normalised = self._switch("do_normalize") and self.name != "MobileViT"  # that class never does
        again = std if self._switch("include_top") else _ONES  # EfficientNet's second division
        if not normalised:
            mean, std = _ZEROS, _ONES
        whole = 255 * scale
        if whole == 0 or 0 in std or 0 in again:
            raise self._wrong("rescale_factor and image_std", "make a division by zero")
        red, green, blue = ((m + shift) / whole for m in mean)
        red_std, green_std, blue_std = (s * a / whole for s, a in zip(std, again, strict=True))
        return (red, green, blue), (red_std, green_std, blue_std)

    def _channels(self, key: str) -> tuple[float, float, float]:
        given = self._value(key)
        values = given if isinstance(given, Sequence) else (given,) * 3
        numbers = [number for number in map(_finite, values) if number is not None]
        if len(values) != 3 or len(numbers) != 3:
            raise self._wrong(key, f"{given!r} is not one number for each of three channels")
        red, green, blue = numbers
        return red, green, blue

    def _filter(self) -> Interpolation:
        number = self._value("resample")
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < len(FILTERS):
            known = ", ".join(f"{i} {name}" for i, name in enumerate(FILTERS))
            raise self._wrong("resample", f"{number!r} is no filter; known: {known}")
        return FILTERS[number]

    def _number(self, key: str) -> float:
        value = self._value(key)
        number = _finite(value)
        if number is None:
            raise self._wrong(key, f"{value!r} is no number")
        return number

    def _switch(self, key: str) -> bool:
        value = self._value(key)
        if value not in (None, True, False):
            raise self._wrong(key, f"{value!r} is neither true nor false")
        return bool(value)

    def _value(self, key: str) -> JSON:
        """Of the file; null means the class' default there, as a key that it has not."""
        known = {**ANY, "default_to_square": self.processor.square, **self.processor.defaults}
        if key in _OF_SOME and key not in known:
            return None  # this class does not look at it
        value = self.content.get(key)
        return known.get(key) if value is None else value

    def _wrong(self, key: str, reason: str) -> UsageError:
        return UsageError(f"{self.path}: {key} {printable(reason, 200)}")


# Keys that only the classes read whose defaults have them.
_OF_SOME = ("crop_pct", "do_flip_channel_order", "include_top", "rescale_offset")
_ZEROS, _ONES = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def _finite(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > 1e12 or math.isnan(value):
        return None
    return float(value)
