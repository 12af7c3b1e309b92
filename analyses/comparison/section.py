"""The chapter that compares the explained models: how alike their maps are, their numbers side by side, and where they disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations

import numpy as np

from reportgen.analysis import wording
from reportgen.analysis.entries import Entries
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.run_view import RunView
from reportgen.report.blocks import Block, Facts, Heading, Listing, Section, Text
from reportgen.report.document import Finding
from reportgen.settings.group import NoSettings
from reportgen.utils.json_types import JSON

from .figures import MOST_PICTURED, chosen, likeness_chart, side_by_side
from .findings import comparison_findings
from .measured import Compared, compared
from .statistics import rows
from .tables import images_table, measures_table

TITLE = "Comparison of the models"
Run = RunView[NoSettings]
# Frames that share so much are cut alike but for whole pixels.
WHOLE = 0.98
TERMS_USED = ("IoU", "rank correlation", "saliency map", "chance level")


def reduce_comparison(run: Run) -> Contribution:
    """Hold every two explained models against each other, and make the section."""
    pairs = [compared(run, a, b) for a, b in combinations(run.explained, 2)]
    blocks: list[Block] = []
    findings: list[Finding] = []
    for number, found in enumerate(pairs, start=1):
        id = "comparison" if number == 1 else f"comparison-{number}"
        measured = rows(found)
        blocks += [
            Heading(text=f"{found.models[0]} and {found.models[1]}"),
            Listing(role="observation", items=_observations(found)),
            *likeness_chart(run, found, id),
            run.files.table(images_table(found, id)),
            run.files.table(measures_table(found, measured, f"{id}-measures")),
        ]
        findings += comparison_findings(found, measured, run.statistics, table=id, several=len(pairs) > 1)
    blocks += [*_pictures(run, pairs), Listing(role="limit", items=_limits(pairs)), *_approach(run, pairs)]
    faithful = any(measure.gain for found in pairs for measure in found.values)
    return Contribution(
        Section(id="comparison", title=TITLE, blocks=blocks),
        per_image=Entries(entry(pairs, position) for position in range(len(run.images))),
        findings=findings,
        references=("jaccard1912", "spearman1904", *(("petsiuk2018",) if faithful else ())),
        terms=(*TERMS_USED, *(("deletion", "insertion") if faithful else ())),
    )


def entry(pairs: Sequence[Compared], position: int) -> dict[str, JSON]:
    """What stands under `comparison` of the image in report.json, by pair."""
    return {found.id: _entry(found, position) for found in pairs}


def _entry(found: Compared, position: int) -> dict[str, JSON]:
    likeness = found.alike.images[position]
    values = {measure.key: of[position] for measure, of in found.values.items()}
    return {
        "same_class": found.same_class[position],
        "likeness": None if likeness is None else asdict(likeness),
        "shared": list(found.shares[position]),
        "values": {key: None if pair is None else list(pair) for key, pair in values.items()},
    }


def _approach(run: Run, pairs: Sequence[Compared]) -> list[Block]:
    models = wording.listed(list(run.explained), most=len(run.explained))
    sides = {model: side for found in pairs for model, side in zip(found.models, found.sides, strict=True)}
    grids = _grids(pairs)
    text = (
        f"{models} were explained on the same images, each for its own first choice. On each image their Grad-CAM maps are compared "
        "on the part of the photograph that both models see, brought to the size of the smaller frame: by the IoU of the parts above "
        "half of the maximum, and by the rank correlation of the pixels. Maps are centred as photographs are, so that any two maps "
        "are somewhat alike: each number stands beside what maps of different images reach."
    )
    facts = [
        (model, f"frame {side} × {side}, map of {grids[model][0]} × {grids[model][1]} cells")
        for model, side in sides.items()
    ]
    return [
        Heading(text="Approach"),
        Text(text=text),
        Facts(
            title="Definitions",
            items=[
                *facts,
                (
                    "Other images",
                    "either model's map of the image with the other model's of different photographs",
                ),
                ("Paired", "the same measure on the same image, the first model minus the second"),
            ],
        ),
    ]


def _observations(found: Compared) -> list[str]:
    """On images that count as one observation each."""
    first, second = found.models
    same = [found.same_class[i] for i in found.observations]
    likenesses = [found.alike.images[i] for i in found.observations]
    items = [f"{first} and {second} name the same class on {sum(same)} of {wording.count(len(same), 'image')}."]
    known = [(like, alike) for like, alike in zip(likenesses, same, strict=True) if like is not None]
    if not known:
        return [*items, "No image has a Grad-CAM map of both that marks a place."]
    ious, rhos = ([getattr(like, key) for like, _ in known] for key in ("iou", "rank_correlation"))
    others = [like.other_iou for like, _ in known if like.other_iou is not None]
    level = f"; maps of different images have {np.mean(others):.3f}" if others else ""
    items.append(
        f"The IoU of their Grad-CAM maps is {np.mean(ious):.3f} on average over {wording.count(len(known), 'image')} (from "
        f"{min(ious):.3f} to {max(ious):.3f}){level}. The rank correlation is {wording.signed(float(np.mean(rhos)))} on average."
    )
    agreeing, differing = ([like.iou for like, alike in known if alike is wanted] for wanted in (True, False))
    if agreeing and differing:
        items.append(
            f"Where they name the same class the mean IoU is {np.mean(agreeing):.3f} ({wording.count(len(agreeing), 'image')}), where they "
            f"name different ones {np.mean(differing):.3f} ({wording.count(len(differing), 'image')})."
        )
    return items


def _pictures(run: Run, pairs: Sequence[Compared]) -> list[Block]:
    positions, differ = chosen(run, pairs)
    if not positions:
        return []
    count = sum(not all(pair.same_class[i] for pair in pairs) for i in run.observations)
    if differ:
        rest = f", {len(positions)} of them here, at most {MOST_PICTURED}" if count > len(positions) else ""
        text = f"The models do not name the same class on {wording.count(count, 'image')}{rest}."
    else:
        elsewhere = f"; they differ on {wording.count(count, 'image')} without figures" if count else ""
        text = f"On the images with figures all models name the same class{elsewhere}. Here their maps overlap least."
    return [
        Heading(text="Side by side"),
        Text(role="observation", text=text),
        *side_by_side(run, positions),
    ]


def _grids(pairs: Sequence[Compared]) -> dict[str, tuple[int, int]]:
    """By model the rows and columns of its maps."""
    return {model: grid for found in pairs for model, grid in zip(found.models, found.grids, strict=True)}


def _limits(pairs: Sequence[Compared]) -> list[str]:
    items = [limit for found in pairs for limit in _frames(found)]
    grids = _grids(pairs)
    if len(set(grids.values())) > 1:
        cells = [f"{model} {rows} × {columns}" for model, (rows, columns) in grids.items()]
        items.append(
            f"The maps come from grids of different size ({wording.listed(cells, most=len(cells))} cells): part of a difference in area or "
            "Gini index is that of the grids."
        )
    if not all(same for found in pairs for same in found.same_class):
        items.append(
            "Where two models name different classes their maps answer different questions, and need not agree."
        )
    if any(measure.gain for found in pairs for measure in found.values):
        items.append(
            "Areas under deletion and insertion curves follow how sure a model is and how it bears removed pixels; a random order "
            "under the same model takes most of that away, and not all of it."
        )
    items.append("That two models look at the same place does not make it the right one.")
    return items


def _frames(found: Compared) -> list[str]:
    first, second = found.models
    least = [min(shares[which] for shares in found.shares) for which in (0, 1)]
    if min(least) >= WHOLE:
        return []
    return [
        f"{first} and {second} cut different frames out of a photograph: at least {wording.percent(least[0])} of the frame of "
        f"{first} and {wording.percent(least[1])} of that of {second} lie in the other's. What lies outside was not compared."
    ]
