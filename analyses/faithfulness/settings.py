"""The settings of the measurement of faithfulness."""

from __future__ import annotations

from pydantic import Field

from reportgen.settings.group import SettingsGroup


class FaithfulnessSettings(SettingsGroup):
    """Deletion and insertion. The protocol is fixed (docs/methods.md, Faithfulness); how often chance is drawn is not."""

    draws: int = Field(2, ge=1, description="orders of the pixels that a map gives one value, averaged")
    random_masks: int = Field(
        10, ge=0, description="random masks that hiding LIME's mask is compared with; 0: no comparison"
    )
