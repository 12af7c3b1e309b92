"""What was measured of one image, as tables and report.json have it."""

from __future__ import annotations

from dataclasses import dataclass

from reportgen.utils.json_types import JSON

from .result import Surrogate, Varied


@dataclass(frozen=True)
class Measured:
    """What stands in tables of one image; `mask` is a file of the run folder, if it was written, the rest as in `LimeResult`.

    Attributes:
        area: share of the frame in the mask; stable: None where no two masks can be compared.
    """

    mask: str | None
    area: float
    stable: bool | None
    n_segments: int
    n_selected: int
    seed: int
    surrogate: Surrogate
    forward_passes: int
    varied: Varied
    jaccard_seeds: float | None
    r2_seeds: tuple[float, ...]
    jaccard_half_samples: float | None
    jaccard_half_features: float | None

    def entry(self) -> dict[str, JSON]:
        """Its entry in report.json."""
        return {
            **({} if self.mask is None else {"mask": self.mask}),
            "area": self.area,
            "stable": self.stable,
            "n_segments": self.n_segments,
            "n_selected": self.n_selected,
            "r2": self.surrogate.r2,
            "forward_passes": self.forward_passes,
            "seed": self.seed,
            "probability": self.surrogate.probability,
            "surrogate_probability": self.surrogate.prediction,
            "weights": [[superpixel, weight] for superpixel, weight in self.surrogate.weights],
            "varied": self.varied,
            "jaccard_seeds": self.jaccard_seeds,
            "r2_seeds": list(self.r2_seeds),
            "jaccard_half_samples": self.jaccard_half_samples,
            "jaccard_half_features": self.jaccard_half_features,
        }
