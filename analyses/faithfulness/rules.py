"""When a map beats the controls, and what decides where the object is marked."""

from __future__ import annotations

from reportgen.analysis.verdicts import ALPHA

BEATS_CONTROLS = (
    "A map beats the controls on a measure (yes) when its Hodges-Lehmann shift over the control with the best median is on its side and "
    f"larger than the smallest effect of interest, and p of the sign-flip test is below {ALPHA:g} after Holm's correction over all rows "
    "of the table; it does worse (no) when all that holds the other way round; everything between is not shown."
)
RULES = (
    BEATS_CONTROLS,
    "Where boxes or masks mark the object, the object decides and the curves stand beside. The control to beat is the centred Gaussian: "
    "Grad-CAM highlights the object when its maximum lies on it on a majority of the images and its IoU with it at equal area is larger "
    "than the Gaussian's; LIME localises better when it does better than Grad-CAM, in IoU or in the share of the map on the object, and "
    "its IoU is larger than the Gaussian's; AblationCAM is more precise than ScoreCAM when it does better in IoU or in that share.",
)
