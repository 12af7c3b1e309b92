"""The write-up's claim L4: the quality of LIME's explanations depends on the parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from reportgen.analysis import verdicts, wording
from reportgen.analysis.stats import paired
from reportgen.report.document import Evidence, Finding, Verdict

CLAIM = "The quality of LIME's explanations depends on the parameters (number of samples and of features)."


class Held(Protocol):
    """How far the mask of one image holds (`LimeResult`)."""

    @property
    def jaccard_seeds(self) -> float | None: ...

    @property
    def jaccard_half_samples(self) -> float | None: ...

    @property
    def jaccard_half_features(self) -> float | None: ...


# What is changed, in words, and the Jaccard index of the first mask with the one that comes of it.
PARAMETERS: dict[str, tuple[str, Callable[[Held], float | None]]] = {
    "jaccard_half_samples": ("halving the samples", lambda held: held.jaccard_half_samples),
    "jaccard_half_features": ("halving the features", lambda held: held.jaccard_half_features),
}


def depends_on_parameters(entries: Sequence[Held]) -> Finding:
    """A parameter matters where changing it moves the mask further than changing the seed does, image by image."""
    seeds = [e.jaccard_seeds for e in entries if e.jaccard_seeds is not None]
    if not seeds:
        text = "One draw an image gives no spread over seeds to hold a changed parameter against; lime.repeats of 2 or more does."
        return Finding(id="L4", section="lime", claim=CLAIM, verdict="not measured", text=text)
    parts = [f"the masks of one image under different seeds have a median Jaccard index of {np.median(seeds):.2f}"]
    evidence = [
        Evidence(name="jaccard_seeds_median", value=float(np.median(seeds)), n=len(seeds), source="lime-stability")
    ]
    decided: list[Verdict] = []
    for key, (words, of) in PARAMETERS.items():
        both = [(e.jaccard_seeds, half) for e in entries if e.jaccard_seeds is not None and (half := of(e)) is not None]
        if not both:
            continue
        moved = paired([seed for seed, _ in both], [changed for _, changed in both])
        decided.append(verdicts.of_paired(moved, tests=len(PARAMETERS)))
        median = float(np.median([changed for _, changed in both]))
        further = "further" if moved.median > 0 else "less far"
        parts.append(
            f"{words} leaves {median:.2f}, which is {further} from the mask than another seed ({wording.tested(moved)})"
        )
        evidence.append(
            Evidence(
                name=f"seeds_minus_{key}",
                value=moved.median,
                n=moved.n,
                ci=moved.ci,
                p=moved.p,
                source="lime-stability",
            )
        )
    text = f"{parts[0][0].upper()}{parts[0][1:]}; {'; '.join(parts[1:])}."
    return Finding(
        id="L4", section="lime", claim=CLAIM, verdict=verdicts.combined(decided), text=text, evidence=evidence
    )
