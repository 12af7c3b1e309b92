"""The settings of task 2, class activation maps."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from reportgen.settings.group import SettingsGroup

# `analyses.cams.methods.METHODS` says what each is.
CamMethod = Literal[
    "gradcam",
    "ablationcam",
    "scorecam",
    "gradcam++",
    "hirescam",
    "xgradcam",
    "layercam",
    "gradcamelementwise",
    "eigencam",
    "eigengradcam",
    "segeigencam",
    "kpcacam",
    "fem",
    "finercam",
    "shapleycam",
    "attentionrollout",
    "gradientattention",
]

# Those that read a network's attention, and no activations.
ROLLOUT: CamMethod = "attentionrollout"
GRADIENT: CamMethod = "gradientattention"
OF_ATTENTION = (ROLLOUT, GRADIENT)


class CamSettings(SettingsGroup):
    """Class activation maps. The definitions are fixed (docs/methods.md); which are computed is not."""

    methods: tuple[CamMethod, ...] = Field(("gradcam", "ablationcam", "scorecam"), min_length=1)
    attention: bool = Field(
        True,
        description="attention rollout and gradient-weighted attention beside them, where a network's attention can be read",
    )
