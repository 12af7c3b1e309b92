"""Ids of a report that explains several models: what speaks of a further one is called as for the first, with the model behind it.

`C1` and `cams` are the first model's; `C1@efficientnet_lite2` and `cams@efficientnet_lite2` a further one's.
"""

from __future__ import annotations

from collections.abc import Iterable

_OF = "@"


def id_of(plain: str, model: str) -> str:
    """The id of a section, figure, table or finding for a further explained model."""
    return f"{plain}{_OF}{model}"


def parts_of(given: str) -> tuple[str, str]:
    """The id as it is for the first model, and the further model that it names; empty for the first."""
    plain, _, model = given.partition(_OF)
    return plain, model


def listed_ids(ids: Iterable[str]) -> str:
    """Ids in a sentence, those of a further model behind its name: `C1, C2; efficientnet_lite2: C1, C2`."""
    by_model: dict[str, list[str]] = {}
    for plain, model in map(parts_of, ids):
        by_model.setdefault(model, []).append(plain)
    return "; ".join(f"{model}: {', '.join(of)}" if model else ", ".join(of) for model, of in by_model.items())
