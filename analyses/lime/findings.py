"""The write-up's claim L4: the quality of LIME's explanations depends on the parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from reportgen.analysis import evidence, verdicts, wording
from reportgen.analysis.stats import paired
from reportgen.analysis.verdicts import Claim, Decision
from reportgen.report.document import Evidence

from .result import Varied

CLAIM = "The quality of LIME's explanations depends on the parameters (number of samples and of features)."


class Held(Protocol):
    """How far the mask of one image holds (`LimeResult`)."""

    @property
    def jaccard_seeds(self) -> float | None: ...

    @property
    def jaccard_half_samples(self) -> float | None: ...

    @property
    def jaccard_half_features(self) -> float | None: ...


# What is changed, in words, and the Jaccard index of the masks of different draws once it is.
PARAMETERS: dict[str, tuple[str, Callable[[Held], float | None]]] = {
    "jaccard_half_samples": ("with half the samples", lambda held: held.jaccard_half_samples),
    "jaccard_half_features": ("with half the features", lambda held: held.jaccard_half_features),
}


def depends_on_parameters(entries: Sequence[Held], smallest: float, varied: Varied = "seeds") -> Claim:
    """A parameter matters where masks of different draws agree less once it is halved, image by image.

    Args:
        entries: of each observation; smallest: difference of Jaccard indices of interest; varied: what the masks are of.
    """
    seeds = [e.jaccard_seeds for e in entries if e.jaccard_seeds is not None]
    if not seeds:
        text = (
            "Without resamples or further draws no mask is there to hold a changed parameter against; lime.resamples or lime.repeats of 2 "
            "or more gives them."
        )
        return verdicts.not_measured("L4", "lime", CLAIM, text)
    of_one = {"seeds": "under different seeds", "resamples": "from different resamples of its samples"}[varied]
    parts = [f"the masks of one image {of_one} have a median Jaccard index of {np.median(seeds):.2f}"]
    numbers = [
        Evidence(
            name="jaccard_seeds_median",
            words=f"Jaccard index of the masks of one image {of_one}, median",
            value=float(np.median(seeds)),
            n=len(seeds),
            source="lime-stability",
        )
    ]
    decided: list[Decision] = []
    for key, (words, of) in PARAMETERS.items():
        both = [(e.jaccard_seeds, half) for e in entries if e.jaccard_seeds is not None and (half := of(e)) is not None]
        if not both:
            continue
        moved = paired([seed for seed, _ in both], [changed for _, changed in both])
        decided.append(verdicts.of_paired(moved, smallest, tests=len(PARAMETERS)))
        median = float(np.median([changed for _, changed in both]))
        less = "less" if moved.shift > 0 else "more" if moved.shift < 0 else "as much"
        parts.append(f"{words} it is {median:.2f}: they agree {less} ({wording.tested(moved)})")
        numbers.append(
            evidence.shift(
                f"seeds_minus_{key}",
                f"Jaccard index of the masks of different {varied} minus that {words}",
                moved,
                "lime-stability",
            )
        )
    text = f"{parts[0][0].upper()}{parts[0][1:]}; {'; '.join(parts[1:])}."
    return verdicts.claim("L4", "lime", CLAIM, verdicts.any_of(decided), text, numbers)
