"""DICOM: the first frame, as its own window or range shows it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, SupportsFloat

import numpy as np
from PIL import Image

from reportgen.images.decoding.pillow import upright
from reportgen.images.decoding.samples import few_bits, high_bits, of_shares, scaled, sixteen_bit
from reportgen.images.decoding.source import Source, UnreadableImage

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_NEEDS = "reading it needs the extra dicom (pip install 'reportgen[dicom]'), or export it as PNG"
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_MOST_BITS = 32


def read_dicom(source: Source) -> np.ndarray:
    """(H, W, 3) uint8.

    Grey is brought to 8 bits by the first window of the file; without one, by the range of its stored bits, and where they are signed
    from [min, max]. MONOCHROME1 is turned around. Nothing of the header but what the pixels need is kept.

    Raises:
        UnreadableImage: pydicom is not installed, no picture, too large, or compressed in a way that is not read here.
    """
    try:
        import pydicom
        from pydicom.errors import InvalidDicomError
    except ImportError:
        raise UnreadableImage(f"DICOM: {_NEEDS}") from None
    if _DEFLATED in source.data[:2000]:  # unpacked whole, whatever it becomes
        raise UnreadableImage("a deflated DICOM: export it as PNG")
    try:
        dataset = pydicom.dcmread(io.BytesIO(source.data))
    except InvalidDicomError:
        raise UnreadableImage("damaged or truncated DICOM") from None
    frames = _check(dataset, source)
    with _limited(source.max_pixels):
        values = _first_frame(dataset)
    kind = str(dataset.PhotometricInterpretation)
    if values.ndim == 2 and kind.startswith("MONOCHROME"):
        grey = _grey(dataset, values, source)
        image = Image.fromarray(255 - grey if kind == "MONOCHROME1" else grey)
    else:
        image = Image.fromarray(_colours(values, int(dataset.BitsStored)))
    if frames > 1:
        source.remark("dicom-frames", "First of several frames", f"It holds {frames} frames; the first was read.")
    return upright(image, source)


@contextmanager
def _limited(max_pixels: int) -> Iterator[None]:
    """Pillow, which pydicom may use, unpacks a frame in the size that it says itself; called with Pillow's switches held."""
    kept, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = kept


def _check(dataset: Dataset, source: Source) -> int:
    """The number of frames."""
    if not any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise UnreadableImage("a DICOM without a picture")
    rows, columns, samples = (int(dataset.get(name, 1)) for name in ("Rows", "Columns", "SamplesPerPixel"))
    source.check_size(columns, rows)
    if samples not in (1, 3) or not 1 <= int(dataset.get("BitsAllocated", 8)) <= _MOST_BITS:
        raise UnreadableImage("a DICOM of an unusual kind of pixels: export it as PNG")
    return int(dataset.get("NumberOfFrames") or 1)


def _first_frame(dataset: Dataset) -> np.ndarray:
    """(H, W) of stored values or (H, W, 3) of RGB."""
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array

    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        values = np.asarray(pixel_array(dataset, index=0))
    except (RuntimeError, NotImplementedError, AttributeError):
        known = syntax.name != str(syntax)  # the words of the standard, and none of the file's
        named = f"the compression {syntax.name}" if known else "an unknown compression"
        raise UnreadableImage(f"a DICOM of {named}, which is not read here: export it as PNG") from None
    return apply_color_lut(values, dataset) if dataset.PhotometricInterpretation == "PALETTE COLOR" else values


def _colours(values: np.ndarray, bits: int) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.uint16:
        return high_bits(values, 16 if values.max(initial=0) >= 2**bits else bits)
    return scaled(values)


def _grey(dataset: Dataset, values: np.ndarray, source: Source) -> np.ndarray:
    """(H, W) uint8."""
    from pydicom.pixels.processing import apply_modality_lut, apply_voi

    bits = int(dataset.get("BitsStored", 0) or dataset.BitsAllocated)
    measured = np.asarray(apply_modality_lut(values, dataset))
    if "VOILUTSequence" in dataset:
        depth = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        return high_bits(np.asarray(apply_voi(measured.astype(np.int32), dataset, 0)), depth)
    centre, width = _first(dataset.get("WindowCenter")), _first(dataset.get("WindowWidth"))
    if centre is not None and width is not None and width >= 1:
        return _windowed(measured.astype(np.float64), centre, width, str(dataset.get("VOILUTFunction", "LINEAR")))
    if values.dtype.kind == "u" and bits <= 16 and "ModalityLUTSequence" not in dataset:
        falling = _first(dataset.get("RescaleSlope")) or 1.0
        declared = bits if bits < 16 else None  # which is said of any numbers that have sixteen
        eight = few_bits(values, bits) if bits <= 8 else sixteen_bit(values.astype(np.uint16), source, declared)
        return eight if falling > 0 else 255 - eight
    return scaled(measured)


def _first(value: object) -> float | None:
    """A number of the header, the first of several."""
    if value is None or value == "":
        return None
    one = value[0] if isinstance(value, Sequence) and not isinstance(value, str) else value
    return float(one) if isinstance(one, SupportsFloat) else None


def _windowed(values: np.ndarray, centre: float, width: float, function: str) -> np.ndarray:
    """By DICOM PS3.3, C.11.2.1: linear, linear exact or sigmoid."""
    if function == "SIGMOID":
        part = 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700)))
    elif function == "LINEAR_EXACT" or width == 1:
        part = (values - centre) / width + 0.5
    else:
        part = (values - (centre - 0.5)) / (width - 1) + 0.5
    return of_shares(part)
