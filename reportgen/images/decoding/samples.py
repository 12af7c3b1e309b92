"""Samples of any kind -> 8 bits."""

from __future__ import annotations

import numpy as np

from reportgen.images.decoding.source import Source, UnreadableImage

# What cameras and scanners give, in bits: `images.range = "auto"` takes the smallest of them that holds a picture.
_USUAL_BITS = (8, 10, 12, 14, 16)
_WHOLE = 16
# 4095 of 65535 is a sixteenth of the range: no photograph that uses its range is so dark.
_NEARLY_BLACK_BITS = 12
# Rows that are scaled at once.
_ROWS = 64


def bits_that_hold(value: int) -> int:
    """Of the usual numbers of bits the smallest that holds a value of at most 16."""
    return next((bits for bits in _USUAL_BITS if value < 2**bits), _WHOLE)


def declared_bits(largest: int | None) -> int | None:
    """The bits of a range whose largest value a file declares: exactly, where it is a power of two less one."""
    if largest is None or not 0 < largest < 2**_WHOLE:
        return None
    exact = largest.bit_length()
    return exact if largest == 2**exact - 1 and exact >= _USUAL_BITS[0] else bits_that_hold(largest)


def sixteen_bit(values: np.ndarray, source: Source, declared: int | None = None) -> np.ndarray:
    """uint16 samples -> uint8: the eight highest bits of the range that they are in.

    The range is 16 bits, but for samples that a file declares to lie in fewer, and those that `images.range` gives a range.

    Args:
        values: colour channels, without alpha.
        declared: bits of the range that the file declares; it holds where no sample is beyond it.
    """
    largest = int(values.max(initial=0))
    if declared is not None and largest < 2**declared:
        return high_bits(values, declared)
    chosen = source.reading.range
    if declared is None and chosen != "declared":
        bits = bits_that_hold(largest) if chosen == "auto" else int(chosen)
        if bits < _WHOLE and largest < 2**bits:
            source.remark(
                "sample-range",
                "Range of 16-bit samples",
                f"Its 16-bit samples reach {largest} at most and were read as {bits} bits, as images.range = {chosen} says.",
            )
            return high_bits(values, bits)
    if declared is None and 0 < largest < 2**_NEARLY_BLACK_BITS:
        source.remark(
            "undeclared-range",
            "Nearly black: range not declared",
            f"Its 16-bit samples reach only {largest} of 65535 and the file does not declare their range, so that it was read nearly "
            f'black; images.range = "auto" reads it as {bits_that_hold(largest)} bits.',
        )
    return high_bits(values, _WHOLE)


def high_bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Unsigned samples of so many bits -> uint8: their eight highest; of fewer than eight the largest is 255."""
    if bits < 8:
        return few_bits(values, bits)
    eight: np.ndarray = (values >> (bits - 8)).clip(0, 255).astype(np.uint8)
    return eight


def few_bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Unsigned samples of 1 to 8 bits -> uint8, the largest 255."""
    return of_shares(values / np.float32(2**bits - 1))


def of_shares(shares: np.ndarray) -> np.ndarray:
    """Numbers in [0, 1], beyond which they are cut -> uint8."""
    eight: np.ndarray = np.rint(shares.clip(0, 1) * 255).astype(np.uint8)
    return eight


def scaled(values: np.ndarray) -> np.ndarray:
    """Floats, signed or 32-bit integers -> uint8.

    From [0, 1] (floats) or [0, 255] (integers) where all of it lies in there, otherwise from [min, max] over all channels; samples
    that are not finite become black.

    Raises:
        UnreadableImage: no sample is finite.
    """
    whole = 1.0 if values.dtype.kind == "f" else 255.0
    finite = np.isfinite(values)
    if not finite.any():
        raise UnreadableImage("no pixel has a finite value")
    sound = values if finite.all() else values[finite]
    low, high = float(sound.min()), float(sound.max())
    if low >= 0 and high <= whole:
        low, high = 0.0, whole
    # Halves: the span of the largest floats is none.
    span = (high / 2 - low / 2) or 0.5
    eight = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), _ROWS):  # doubles of a whole picture would take eight times its memory
        rows = slice(start, start + _ROWS)
        eight[rows] = of_shares((np.where(finite[rows], values[rows], low).astype(np.float64) / 2 - low / 2) / span)
    return eight
