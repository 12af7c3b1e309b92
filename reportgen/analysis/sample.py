"""An analysis that is mapped over a sample of the images: its results, and which of them count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from reportgen.analysis.run_view import Mapped

R = TypeVar("R")


def of_sample(folder: Mapped, analysis: str, kind: type[R]) -> dict[int, R]:
    """The results of the images, by position, that the analysis was mapped over; their arrays are not read."""
    every = range(len(folder.names))
    return {i: folder.values(analysis, i, kind) for i in every if folder.sampled(analysis, i)}


def once(found: Mapping[int, R], observations: Sequence[int]) -> dict[int, R]:
    """Those that count: of copies one. A near copy may be all that was drawn: then it counts."""
    return {i: found[i] for i in observations if i in found} or dict(found)
