"""When LIME's masks are called stable."""

from __future__ import annotations

# Masks of one image under different seeds, or from different resamples: at least this mean Jaccard index counts as stable.
STABLE_JACCARD = 0.6
RULES = (
    f"A LIME mask is called stable when the mean Jaccard index of the masks under different seeds, or from different resamples, is at "
    f"least {STABLE_JACCARD:g}.",
)
