"""Masks within annotations: runs of pixels. COCO's are counts, column after column, as a list or packed into text.

The packing is that of cocodataset/cocoapi (maskApi.c, `rleFrString`): five bits a character, the sixth says that more follow,
a number from the third on is the difference to the one before the last. `tests/test_coco.py` holds it against pycocotools.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reportgen.images.ground_truth.shapes import MAX_MASK_PIXELS, Flaw, Runs

_FIRST = ord("0")
_LONGEST = 7  # characters of a number: more than any count of pixels needs


def runs_of(segmentation: Mapping[object, object]) -> Runs:
    """The pixels of `{"size": [height, width], "counts": [...] or "..."}`.

    Raises:
        Flaw: they are not so given, or do not fill the mask.
    """
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(size, list) or len(size) != 2 or not all(type(side) is int and side > 0 for side in size):
        raise Flaw("runs of pixels without a size")
    height, width = size
    if height * width > MAX_MASK_PIXELS:
        raise Flaw(f"runs of more than {MAX_MASK_PIXELS} pixels")
    if isinstance(counts, str):
        numbers = unpacked(counts, height * width)
    elif isinstance(counts, list):
        numbers = _listed(counts)
    else:
        raise Flaw("runs of pixels without counts")
    if sum(numbers) != height * width:
        raise Flaw("runs of pixels that do not fill their mask")
    return Runs(tuple(numbers), width, height)


def placed(part: np.ndarray, left: int, top: int, size: tuple[float, float] | None) -> Runs:
    """A part of a mask, (h, w) bool, whose upper left pixel lies at (left, top) of an image of a `size`, (width, height).

    Raises:
        Flaw: the size is not stated, or larger than is drawn; or the part lies outside.
    """
    if size is None or not all(float(side).is_integer() for side in size):
        raise Flaw("a mask in an image whose size is not stated")
    width, height = int(size[0]), int(size[1])
    if width * height > MAX_MASK_PIXELS:
        raise Flaw(f"runs of more than {MAX_MASK_PIXELS} pixels")
    inside = part[max(0, -top) : max(0, height - top), max(0, -left) : max(0, width - left)]
    if not inside.any():
        raise Flaw("a mask without a pixel in its image")
    y, x = max(0, top), max(0, left)
    columns = np.zeros((inside.shape[1], height), bool)  # those that it lies in; before and behind them is nothing
    columns[:, y : y + inside.shape[0]] = inside.T
    flat = columns.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    ends = [0, *([0] if flat[0] else []), *edges.tolist(), flat.size, *([flat.size] if flat[-1] else [])]
    counts = np.diff(ends).tolist()
    counts[0] += x * height
    counts[-1] += width * height - x * height - flat.size
    return Runs(tuple(counts), width, height)


def unpacked(text: str, pixels: int) -> list[int]:
    """The counts in COCO's packed text. Raises: Flaw: it is none."""
    counts: list[int] = []
    value, shift, filled = 0, 0, 0
    for character in text:
        bits = ord(character) - _FIRST
        if not 0 <= bits < 64 or shift > 5 * _LONGEST:
            raise Flaw("runs of pixels that cannot be unpacked")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        if len(counts) > 2:
            value += counts[-2]
        filled += value
        if value < 0 or filled > pixels:
            raise Flaw("runs of pixels that do not fill their mask")
        counts.append(value)
        value, shift = 0, 0
    if shift:
        raise Flaw("runs of pixels that cannot be unpacked")
    return counts


def _listed(counts: Sequence[object]) -> list[int]:
    numbers = [count for count in counts if isinstance(count, int) and not isinstance(count, bool) and count >= 0]
    if len(numbers) != len(counts):
        raise Flaw("runs of pixels whose counts are no numbers")
    return numbers
