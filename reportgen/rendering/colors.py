"""An accent that can be read: contrast as WCAG 2.1 defines it."""

from __future__ import annotations

LIGHT_PAPER, DARK_PAPER = "#ffffff", "#12171c"  # --paper of style.css, and of screen.css in the dark
ENOUGH = 4.5  # WCAG 2.1, 1.4.3: text of any size


def contrast(a: str, b: str) -> float:
    """The contrast ratio of two colours `#rrggbb`, 1 to 21."""
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


def readable(color: str, paper: str) -> str:
    """The colour, mixed with as little black (on light paper) or white (on dark) as text in it needs."""
    ink = 0 if _luminance(paper) > 0.5 else 255
    channels = _channels(color)
    mixed = color
    for step in range(21):
        mixed = "#" + "".join(f"{round(value + (ink - value) * step / 20):02x}" for value in channels)
        if contrast(mixed, paper) >= ENOUGH:
            break
    return mixed


def _channels(color: str) -> tuple[int, ...]:
    return tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))


def _luminance(color: str) -> float:
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in _channels(color))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
