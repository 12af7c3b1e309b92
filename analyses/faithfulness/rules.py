"""When a map beats the controls."""

from __future__ import annotations

RULES = (
    "A map beats the controls on a measure (yes) when the paired claim that it is better than the control with the best median is "
    "supported; it does not (no) when the median difference is not on its side; everything between is not shown.",
)
