"""The settings of the sanity check."""

from __future__ import annotations

from pydantic import Field

from reportgen.settings.group import SettingsGroup


class SanitySettings(SettingsGroup):
    """The check by re-initialisation (Adebayo et al., 2018). Leave it out with `tasks`."""

    images: int = Field(5, ge=1, description="images it is made on: those whose SHA-256 comes first")
    scorecam: bool = Field(True, description="ScoreCAM too, where all weights are drawn anew: some 130 passes an image")
