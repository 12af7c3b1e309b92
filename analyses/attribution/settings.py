"""The settings of concept attribution."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from reportgen.settings.group import SettingsGroup


class AttributionSettings(SettingsGroup):
    """Concept attribution (docs/methods.md, Concept attribution)."""

    related: float = Field(
        0.5, gt=-1, le=1, description="a label is related to a class from this cosine of the two names on"
    )
    units: Literal["all", "labelled"] = Field(
        "all", description="all: each unit stands under its best label; labelled: those alone whose label beats chance"
    )
    encoder: str = Field(
        "conse", description="in whose space names are compared; another encoder needs another `related`"
    )
    permutations: int = Field(
        10_000, ge=99, le=1_000_000, description="of the labels over the units, which the related share is held against"
    )
    removal_images: int = Field(
        200, ge=1, description="images on which units are removed, those whose SHA-256 comes first"
    )
    draws: int = Field(20, ge=1, description="random sets of units that the removal of a concept is held against")
