"""The numbers of two models compared, image by image, over the images that count as one observation each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reportgen.analysis.stats import Paired, paired

from .measured import Compared, Measure


@dataclass(frozen=True)
class Row:
    """A measure of both models: their medians, and the first minus the second image by image."""

    measure: Measure
    medians: tuple[float, float]
    by: Paired


def rows(found: Compared) -> list[Row]:
    """Every measure that both models have on an image at least."""
    made = []
    for measure, values in found.values.items():
        known = [pair for i in found.observations if (pair := values[i]) is not None]
        if known:
            a, b = ([pair[which] for pair in known] for which in (0, 1))
            made.append(Row(measure, (float(np.median(a)), float(np.median(b))), paired(a, b)))
    return made
