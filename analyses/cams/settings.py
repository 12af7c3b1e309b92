"""The settings of task 2, class activation maps."""

from __future__ import annotations

from typing import Literal

from reportgen.settings.group import SettingsGroup


class CamSettings(SettingsGroup):
    """Class activation maps. The definitions are fixed (docs/methods.md); which are computed is not."""

    methods: tuple[Literal["gradcam", "ablationcam", "scorecam"], ...] = (
        "gradcam",
        "ablationcam",
        "scorecam",
    )
