"""When a method passes the check by re-initialisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# A map of the re-initialised network that correlates less than this with the trained network's has lost it.
LOST_RHO = 0.5
RULES = (
    "A map passes the check by re-initialisation when, with all weights drawn anew, the median over images of its rank correlation with "
    f"the trained network's map is below {LOST_RHO:g}, or below that of the trained network's maps of two different images where "
    "that is larger: smooth maps resemble one another anyway.",
)


def limit(between_images: float | None) -> float:
    """The correlation that a re-initialised network's map must stay under; `between_images` is that of two images' trained maps."""
    return max(LOST_RHO, between_images or 0.0)


def passes(correlations: Sequence[float], between_images: float | None) -> bool:
    """Whether maps of the wholly re-initialised network have lost the trained network's: one rank correlation an image."""
    return float(np.median(correlations)) < limit(between_images)
