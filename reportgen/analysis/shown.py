"""Which images have figures of their own: all of a small run, a few of a large one, by a rule that the report states.

One selection holds for the whole report, so that an image that is shown can be followed through every chapter. The
others are not lost: they stand in the contact sheet, in the tables, and with their maps and masks in the run folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reportgen.analysis.run_view import AnyRun
from reportgen.report.blocks import Block, Text
from reportgen.report.document import Shown

# Where it is said what the store calls the results of an image that has no files.
KEYS = "the keys that images.parquet names"
PROBABILITY = "the probability of the model's first choice"


def select(
    names: Sequence[str], scores: Sequence[float | None], measure: str, *, most: int, asked: Sequence[str] = ()
) -> Shown:
    """Choose the images that have figures.

    Args:
        names: of all images, in their order.
        scores: what they are ranked by; None (no value could be measured) ranks lowest.
        measure: what the scores are, in words.
        most: so many are chosen: a third lowest, a third highest, the rest around the median; all of a smaller run.
        asked: further images, chosen whatever their score.
    """
    if len(names) <= most:
        return Shown(of=len(names), images=list(names))
    order = sorted(range(len(names)), key=lambda i: (-1e300 if (s := scores[i]) is None else s, names[i]))
    third = most // 3
    middle = most - 2 * third
    start = (len(order) - middle) // 2
    reasons = {i: "asked for" for i, name in enumerate(names) if name in set(asked)}
    for word, chosen in (
        ("around the median", order[start : start + middle]),
        ("among the lowest", order[:third]),
        ("among the highest", order[len(order) - third :]),
    ):
        reasons.update(dict.fromkeys(chosen, word))
    extra = sum(reason == "asked for" for reason in reasons.values())
    positions = sorted(reasons)
    rule = (
        f"{len(positions)} of {len(names)} images have figures of their own. Ranked by {measure}, they are the {third} lowest, the "
        f"{middle} around the median and the {third} highest"
        + (f", and {extra} that were asked for." if extra else ".")
    )
    return Shown(
        of=len(names), images=[names[i] for i in positions], reasons=[reasons[i] for i in positions], rule=rule
    )


def particular(scores: Mapping[int, float | None], measure: str) -> dict[int, str]:
    """Which of a chapter's images stand on paper beside their strips, and why: the lowest, the median and the highest.

    Args:
        scores: by position of an image; None (no value could be measured) is never particular. Equal scores keep their order.
        measure: what the scores are, in words: `IoU`.
    """
    ranked = sorted((i for i, score in scores.items() if score is not None), key=lambda i: scores[i] or 0.0)
    if len(ranked) < 3:
        return dict.fromkeys(ranked, "")
    places = {ranked[0]: "Lowest", ranked[-1]: "Highest", ranked[(len(ranked) - 1) // 2]: "Median"}
    return {i: f"{word} {measure}" for i, word in places.items()}


def shown_note(run: AnyRun, where: str, *, arrays: bool = True) -> list[Block]:
    """The line above the figures of a chapter that does not show every image; nothing where it does.

    Args:
        where: what the run folder holds of every image, for example `maps/`.
        arrays: whether it holds files of arrays, which of very many images (`RunView.has_files`) are written for a few.
    """
    shown = run.shown
    if shown.everything:
        return []
    text = f"Figures stand here for {len(shown.images)} of {shown.of} images, chosen as the chapter on the images says; {where} holds "
    without = sum(not run.has_files(position) for position in range(len(run.names))) if arrays else 0
    if without:
        text += f"the same for {shown.of - without} of them. Those of the other {without} lie in the store of results, under {KEYS}."
    else:
        text += "the same for all of them."
    return [Text(role="note", text=text)]
