"""The settings of task 4, agreement."""

from __future__ import annotations

from pydantic import Field, field_validator

from reportgen.settings.group import SettingsGroup


class AgreementSettings(SettingsGroup):
    """How the Grad-CAM map becomes a mask: `otsu`, `max:F`, `area:F` (shares in (0, 1)) or `area:lime`."""

    threshold: str = Field(
        "otsu", description="how Grad-CAM's map becomes a mask: otsu, max:SHARE, area:SHARE, area:lime"
    )

    @field_validator("threshold")
    @classmethod
    def _known_rule(cls, rule: str) -> str:
        name, _, share = rule.partition(":")
        if rule in ("otsu", "area:lime"):
            return rule
        try:
            if name in ("max", "area") and 0 < float(share) < 1:
                return rule
        except ValueError:
            pass
        raise ValueError("use otsu, max:SHARE, area:SHARE or area:lime, with 0 < SHARE < 1 (for example max:0.5)")
