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
]


class CamSettings(SettingsGroup):
    """Class activation maps. The definitions are fixed (docs/methods.md); which are computed is not."""

    methods: tuple[CamMethod, ...] = Field(("gradcam", "ablationcam", "scorecam"), min_length=1)
