"""The colours of every figure: Okabe and Ito's eight, which people who do not see red and green alike can tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE, YELLOW = PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#56B4E9",
    "#CC79A7",
    "#F0E442",
)
INK, MUTED, RULE = "#1B2530", "#5A6672", "#D5DADF"
POSITIVE, NEGATIVE = BLUE, VERMILLION
ONLY_A, ONLY_B, BOTH = VERMILLION, BLUE, YELLOW
