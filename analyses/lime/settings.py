"""The settings of task 3, LIME."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from reportgen.settings.group import SettingsGroup

from .result import Varied


class LimeSettings(SettingsGroup):
    """The write-up's parameters. Names are those of lime's `explain_instance`."""

    top_labels: int = Field(1, ge=1, description="classes that the surrogate explains, likeliest first")
    hide_color: int | None = Field(0, ge=0, le=255, description="grey level of a hidden superpixel; null: its mean")
    num_features: int = Field(15, ge=1, description="superpixels kept by the surrogate and, at most, in the mask")
    num_samples: int = Field(500, ge=2, description="perturbed images, the unperturbed first one included")
    repeats: int = Field(1, ge=1, description="draws under different seeds; the first one is the explanation")
    resamples: int = Field(
        10,
        ge=0,
        description="of one draw, refits to its samples drawn with replacement, which tell how far the mask holds; 0: none",
    )
    batch_size: int = Field(10, ge=1, description="as written to explain_params.pkl; the runtime picks its own")
    distance_metric: Literal["cosine"] = Field("cosine", description="of a sample to the unperturbed image")
    kernel_width: float = Field(0.25, gt=0, description="how fast a sample's weight falls with its distance")
    quickshift_kernel_size: float = Field(4, gt=0, description="larger: fewer superpixels")
    quickshift_max_dist: float = Field(
        200, gt=0, description="the farthest that pixels are joined; smaller: more superpixels"
    )
    quickshift_ratio: float = Field(0.2, ge=0, le=1, description="colour (1) against nearness (0)")

    @property
    def varied(self) -> Varied:
        """What the masks are of that are compared: draws under several seeds, or resamples of the only one."""
        return "resamples" if self.repeats == 1 and self.resamples > 1 else "seeds"

    @property
    def compared(self) -> int:
        """How many masks are compared; 0: no two."""
        if self.varied == "resamples":
            return self.resamples
        return self.repeats if self.repeats > 1 else 0
