"""Small pieces of English that every analysis makes from numbers: counts, percentages, places in a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from reportgen.analysis.stats import PAIRINGS, Paired, Pairing
from reportgen.analysis.verdicts import ALPHA, SMALL_N


def whole(number: int) -> str:
    """A number of things as tables write it: `1984`, and with its digits in groups from `10 000` on."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}" if number >= 10_000 else "")


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 image`, `3 images`."""
    return f"{whole(number)} {noun if number == 1 else plural or noun + 's'}"


def percent(share: float) -> str:
    """A share in [0, 1] as `23 %`; under one percent as `0.4 %`."""
    return f"{share * 100:.0f} %" if share == 0 or share >= 0.01 else f"{share * 100:.1f} %"


def listed(items: Sequence[str], most: int = 6) -> str:
    """`a, b and c`; past `most` items the rest is counted."""
    shown = list(items[:most])
    if len(items) > most:
        shown = [*shown, f"{len(items) - most} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def place(values: np.ndarray) -> str:
    """Where in the frame the centre of mass of non-negative (H, W) values lies, in thirds: `upper left`, `centre`."""
    total = float(values.sum())
    if total <= 0:
        return "nowhere"
    height, width = values.shape
    row = float(values.sum(axis=1) @ (np.arange(height) + 0.5)) / total / height
    column = float(values.sum(axis=0) @ (np.arange(width) + 0.5)) / total / width
    vertical = ("upper", "", "lower")[min(int(row * 3), 2)]
    horizontal = ("left", "", "right")[min(int(column * 3), 2)]
    if vertical and horizontal:
        return f"{vertical} {horizontal}"
    return {
        "upper": "upper middle",
        "lower": "lower middle",
        "left": "middle left",
        "right": "middle right",
    }.get(vertical or horizontal, "centre")


def small_amount(value: float) -> str:
    """The size of a difference that is not zero: `0.038`, `less than 0.001`."""
    return f"{abs(value):.3f}" if abs(value) >= 0.0005 else "less than 0.001"


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, the minus a true one: `+0.18`, `−0.39`."""
    text = f"{value:+.{digits}f}"
    return f"{0:.{digits}f}" if _shows_zero(text) else text.replace("-", "−")


def probability(p: float) -> str:
    """A p-value: `p = 0.021`, `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def by_shift(comparison: Paired, number: Callable[[float], str], unit: str = "") -> str:
    """How far a paired comparison lies from zero: `by 0.12, 95 % interval 0.05 to 0.20`; its sign is left to the sentence.

    Args:
        number: how a value is written, without its sign.
    """
    sign = -1 if comparison.shift < 0 else 1
    if comparison.ci is None:
        return f"by {number(abs(comparison.shift))}{unit}"
    low, high = (_with_minus(end, number) for end in sorted(sign * end for end in comparison.ci))
    return f"by {number(abs(comparison.shift))}{unit}, 95 % interval {low} to {high}"


def _with_minus(value: float, number: Callable[[float], str]) -> str:
    text = number(abs(value))
    return f"−{text}" if value < 0 and not _shows_zero(text) else text


def _shows_zero(text: str) -> bool:
    return not any(digit in text for digit in "123456789")


def tested(comparison: Paired) -> str:
    """What a paired comparison rests on: `10 of 10 images, p = 0.002, a small sample`; p of the sign-flip test, not corrected.

    Where p does not show that there is a difference at all, that is said: `6 of 10 images, p = 0.322: no direction shown`.
    """
    p = "every image tied" if comparison.p is None else probability(comparison.p)
    if comparison.p is not None and comparison.p >= ALPHA:
        p += ", no direction shown"
    larger = max(comparison.wins, comparison.losses)
    return f"{larger} of {count(comparison.n, 'image')}, {p}{small(comparison.n)}"


def permutations(found: Pairing) -> str:
    """How a pairing was permuted: `10 000 permutations`, `all permutations`."""
    return "all permutations" if found.exact else f"{whole(PAIRINGS)} permutations"


def small(n: int) -> str:
    """`, a small sample` where n is one."""
    return ", a small sample" if n < SMALL_N else ""
