"""The chapter on faithfulness: curves, one paired table, the controls, and the object where the user marked it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from reportgen.analysis import bibliography, verdicts, wording
from reportgen.analysis.heads import ACTIVATIONS, head_note
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.sample import of_sample, once
from reportgen.report.blocks import Block, Column, Facts, Heading, Listing, Section, Table, Text
from reportgen.utils.json_types import JSON

from . import curves as protocol
from . import removal
from .cautions import Rows, cautions
from .charts import ROWS
from .compare import Scores, Standing, median
from .figures import curve_figures
from .findings import NO_TRUTH, Labels, faithfulness_findings, hits, in_a_sentence
from .maps import CLASS_BLIND
from .result import FaithfulnessResult, Measurements
from .score_table import ScoreTable, score_table
from .settings import FaithfulnessSettings

Run = RunView[FaithfulnessSettings]
TITLE = "Faithfulness of the maps"
BEATS = {
    "yes": "It is beaten by",
    "not shown": "Not shown to beat it, nor to be worse",
    "no": "Worse than it",
}


DECIDED_BY_PLACE = (
    " Where the object is marked, these measures and not the curves decide whether Grad-CAM highlights it, whether LIME or "
    "Grad-CAM localises better, and whether AblationCAM or ScoreCAM is more precise."
)
ATTENTION_CONTROL = (
    "A fifth, the attention rollout, knows the model but not the class: on this network the positions of a layer have already looked at "
    "each other, and a map of them may show little more than where attention goes in any case. "
)


def reduce_faithfulness(run: Run) -> Contribution:
    """Draw the curves, compare the maps with the controls, and make the section; of the images that it was measured on."""
    found = {i: result.measured for i, result in of_sample(run, "faithfulness", FaithfulnessResult).items()}
    per_image = [entry(found[i]) if i in found else {} for i in range(len(run.images))]
    counting = once(found, run.observations)
    if not counting:
        text = "Nothing was measured: no image of the sample could be read."
        empty = Section(id="faithfulness", title=TITLE, appendix=True, blocks=[Text(role="limit", text=text)])
        return Contribution(empty, per_image=per_image)
    rows = [(run.images[i], measured) for i, measured in found.items()]
    positions, counted = list(counting), list(counting.values())
    table = score_table(counted, run.statistics)
    hidden = [v.lime_hidden for v in counted]
    return Contribution(
        Section(
            id="faithfulness",
            title=TITLE,
            blocks=_blocks(run, rows, positions, counted, table),
            appendix=True,
        ),
        per_image=per_image,
        findings=faithfulness_findings(
            table.scores, table.located, hidden, table.labels, run.statistics, agreement="agreement" in run.analyses
        ),
        references=("petsiuk2018", *bibliography.PAIRED, *(("zhang2016",) if table.located else ())),
        terms=(
            "saliency map",
            "deletion",
            "insertion",
            "control",
            "Hodges-Lehmann shift",
            "sign-flip test",
            "Holm's correction",
            "smallest effect of interest",
            "mask",
            "superpixel",
            *(("IoU",) if table.located else ()),
        ),
        warnings=cautions(rows, table),
    )


def _blocks(
    run: Run, rows: Rows, positions: Sequence[int], counted: Sequence[Measurements], table: ScoreTable
) -> list[Block]:
    return [
        Listing(role="observation", items=_observations(table)),
        Heading(text="Curves"),
        *curve_figures(run, positions, table),
        Heading(text="Maps against controls"),
        _comparisons(run, table),
        Text(role="note", text=f"The areas of each image stand in {_per_image(run, rows)}."),
        Heading(text="Hiding LIME's mask"),
        _hidden(run, rows),
        *_localisation(run, table, counted),
        Listing(role="limit", items=[*_sample(run, rows), *_limits(table)]),
        *_approach(run, rows),
    ]


def entry(v: Measurements) -> dict[str, JSON]:
    """The entry of one image in report.json."""
    entry: dict[str, JSON] = {
        "maps": list(v.labels),
        "scores": {name: asdict(score) for name, score in v.scores.items()},
        "lime_hidden": asdict(v.lime_hidden),
        "forward_passes": v.forward_passes,
        "truth": None if v.truth is None else asdict(v.truth),
    }
    if v.localisation is not None:
        entry["localisation"] = {name: asdict(place) for name, place in v.localisation.items()}
    return entry


# --- what was done -------------------------------------------------------------------------------


def _approach(run: Run, rows: Rows) -> list[Block]:
    draws = run.settings.draws
    return [
        Heading(text="Approach"),
        Text(
            text="If a map marks what the model looks at, taking away the pixels that the map ranks highest should cost the class "
            "its probability at once, and showing only those should bring it back at once. In deletion the pixels take the mean "
            "colour of the image, most important first; a good map has a small area under the curve. In insertion they come "
            "back into a blurred copy, most important first; a good map has a large area."
        ),
        Text(
            text="The same is done with four controls that know nothing of the model: a random order, a Gaussian on the centre of "
            "the frame, the image's own edges, and an empty map. "
            f"{ATTENTION_CONTROL if any(CLASS_BLIND in v.labels for _, v in rows) else ''}A map that does not beat the best of them has "
            "not been shown to say anything about the model, however convincing it looks."
        ),
        *head_note(run.head_kind, run.classes),
        Facts(
            title="Protocol",
            items=[
                ("Measured", f"{ACTIVATIONS[run.head_kind]} probability of the target class"),
                ("Steps", f"{protocol.STEPS}, of equal pixel count; area by the trapezoid rule"),
                ("Deletion", "pixels take the mean of each colour channel over the frame"),
                (
                    "Insertion",
                    f"into the frame under a Gaussian of {removal.BLUR_SIDE} × {removal.BLUR_SIDE} pixels, "
                    f"sigma {removal.BLUR_SIGMA:g}, mirrored at its borders",
                ),
                (
                    "Ties",
                    f"equal pixels in random order, seeded; mean of {wording.count(draws, 'order')} where more than "
                    f"{wording.percent(protocol.TIED_SHARE)} of the frame has one value",
                ),
                ("LIME", "the signed weight of each pixel's superpixel, 0 where the surrogate gave none"),
                ("Centred Gaussian", "sigma a quarter of the frame's side"),
                ("Sobel edge map", "gradient of the grey levels"),
                (
                    "Forward passes",
                    f"{wording.whole(sum(v.forward_passes for _, v in rows))} over {wording.count(len(rows), 'image')}",
                ),
            ],
        ),
    ]


def _sample(run: Run, rows: Rows) -> list[str]:
    """Which images stand for all, where not all were measured."""
    images = len(run.images)
    if len(rows) == images:
        return []
    return [
        f"Measured on {len(rows)} of {wording.count(images, 'image')}, those whose SHA-256 comes first; evidence.images sets how many."
    ]


def _limits(table: ScoreTable) -> list[str]:
    n = len(table.scores)
    items = [
        "Images with pixels removed are unlike any that the model was trained on; part of every curve is its surprise at them.",
        "Areas depend on the fill, the blur and the number of steps: they can be compared inside this table, not with other reports.",
        f"Each comparison rests on {wording.count(n, 'image')} and one model; a corrected p is corrected for the rows of its own table, "
        "not for those of other tables.",
    ]
    if table.partial:
        labels = list(table.partial.values())
        items.append(f"Not computed on every image, and in no comparison: {wording.listed(labels, most=len(labels))}.")
    if not table.located:
        items.append(f"Nothing here says whether a map lies on the object: {NO_TRUTH}.")
    return items


# --- curves and table ----------------------------------------------------------------------------


def _comparisons(run: Run, table: ScoreTable) -> Table:
    n = len(table.scores)
    columns = [
        Column(key="measure", label="Measure"),
        Column(key="map", label="Map"),
        Column(key="median_auc", label="Median area", decimals=3),
        Column(key="better_by", label="Better than best control by", decimals=3),
        Column(key="low", label="95 % from", decimals=3),
        Column(key="high", label="to", decimals=3),
        Column(key="better_on", label="Better on", unit="images", decimals=0),
        Column(key="p", label="p", decimals=3, floor=0.001),
        Column(key="p_corrected", label="p, corrected", decimals=3, floor=0.001),
        Column(key="beats_controls", label="Beats the controls"),
    ]
    return run.files.table(
        Table(
            id="faithfulness",
            caption=f"Areas under the curves, medians over {wording.count(n, 'image')}{wording.small(n)}, and each map against the "
            "control with the best median: the Hodges-Lehmann shift, positive where the map is better, with its interval, and p of the "
            "sign-flip test, alone and corrected by Holm's method over all rows. To beat the controls takes a corrected p below "
            f"{verdicts.ALPHA:g} and a shift above {run.statistics.auc:g}. Controls follow, best first.",
            columns=columns,
            rows=[_row(standing, table.labels) for rows in table.standings.values() for standing in rows],
        )
    )


def _row(s: Standing, labels: Labels) -> list[str | float | None]:
    start: list[str | float | None] = [ROWS[s.measure], labels[s.name], s.median]
    if s.by is None:
        return [*start, *_compared(s), "control"]
    return [*start, *_compared(s), s.beats]


def _compared(s: Standing) -> list[float | None]:
    """Shift, interval, on how many images better, p and corrected p of one row; nothing for a control."""
    if s.by is None:
        return [None] * 6
    low, high = s.by.ci or (None, None)
    return [s.by.shift, low, high, s.by.wins, s.by.p, s.p_corrected]


def _per_image(run: Run, measured: Rows) -> str:
    """Write the areas of every image and map, and say where."""
    columns = [
        Column(key="image", label="Image"),
        Column(key="map", label="Map"),
        *(Column(key=measure, label=ROWS[measure], decimals=3) for measure in ROWS),
        Column(key="draws", label="Orders drawn", decimals=0),
    ]
    rows = [
        [image.name, v.labels[name], score.deletion, score.insertion, score.draws]
        for image, v in measured
        for name, score in v.scores.items()
    ]
    caption = f"Areas under the deletion and insertion curves of {wording.count(len(measured), 'image')}."
    return run.files.table(Table(id="faithfulness-images", caption=caption, columns=columns, rows=rows)).file


def _observations(table: ScoreTable) -> list[str]:
    items, labels = [], table.labels
    for measure, rows in table.standings.items():
        control = next(s for s in rows if s.by is None)  # best first
        parts = [
            f"{ROWS[measure]}: the best control is {in_a_sentence(control.name, labels)}, with a median area of {control.median:.3f}."
        ]
        for word, said in BEATS.items():
            names = [labels[s.name] for s in rows if s.beats == word]
            parts += [f"{said}: {wording.listed(names)}."] if names else []
        items.append(" ".join(parts))
    apart = float(np.median([abs(s["random"]["deletion"] - s["empty"]["deletion"]) for s in table.scores]))
    items.append(
        f"On one image the random and the empty map, which both know nothing, differ by a median of {apart:.3f} in deletion: "
        "a difference of that size on a single image is noise."
    )
    return items


# --- hiding LIME's mask --------------------------------------------------------------------------


def _hidden(run: Run, measured: Rows) -> Table:
    columns = [
        Column(key="image", label="Image"),
        Column(key="area", label="Mask area", unit="% of frame", decimals=1, percent=True),
        Column(key="probability", label="Whole image", decimals=3),
        Column(key="hidden", label="LIME's mask hidden", decimals=3),
        Column(key="random_mean", label="Random superpixels hidden, mean", decimals=3),
        Column(key="random_lowest", label="lowest", decimals=3),
        Column(key="random_highest", label="highest", decimals=3),
    ]
    rows = []
    for image, v in measured:
        h, random = v.lime_hidden, v.lime_hidden.random
        spread = [float(np.mean(random)), min(random), max(random)] if random else [None] * 3
        rows.append([image.name, h.area, h.probability, h.hidden, *spread])
    masks = wording.count(run.settings.random_masks, "mask")
    return run.files.table(
        Table(
            id="lime-hidden",
            caption="Probability of the target class with LIME's mask in the mean colour, and with random superpixels of the same "
            f"number of pixels ({masks} an image, seeded).",
            detail=True,
            columns=columns,
            rows=rows,
            row_images=[image.name for image, _ in measured],
        )
    )


# --- localisation --------------------------------------------------------------------------------


def _localisation(run: Run, table: ScoreTable, values: Sequence[Measurements]) -> list[Block]:
    located = table.located
    if not located:
        return []
    marked = [v.truth for v in values if v.truth is not None]
    sources = sorted({truth.source for truth in marked})
    categories = sorted({category for truth in marked for category in truth.categories})
    called = f" Its files call it {wording.listed(categories)}." if categories else ""
    n = len(located)
    area = float(np.median([v.truth.area for v in values if v.truth is not None and v.localisation is not None]))
    placed = {s.name: s for s in table.placed}
    columns = [
        Column(key="map", label="Map"),
        Column(key="pointing", label="Maximum on the object", unit="images", decimals=0),
        Column(key="energy", label="Map on the object", unit="%, median", decimals=1, percent=True),
        Column(key="iou", label="IoU at equal area, median", decimals=3),
        Column(key="better_by", label="IoU better than the Gaussian's by", decimals=3),
        Column(key="low", label="95 % from", decimals=3),
        Column(key="high", label="to", decimals=3),
        Column(key="better_on", label="Better on", unit="images", decimals=0),
        Column(key="p", label="p", decimals=3, floor=0.001),
        Column(key="p_corrected", label="p, corrected", decimals=3, floor=0.001),
        Column(key="beats_controls", label="Beats the Gaussian"),
    ]
    rows = [[label, *_located_cells(located, placed[name])] for name, label in table.labels.items()]
    cells = Table(
        id="localisation",
        caption=f"The maps and the marked object, over {wording.count(n, 'image')} with ground truth{wording.small(n)}. Each map's IoU "
        "is held against the centred Gaussian's: Hodges-Lehmann shift, interval, and p of the sign-flip test, alone and corrected by "
        f"Holm's method over all rows. To beat it takes a corrected p below {verdicts.ALPHA:g} and a shift above {run.statistics.iou:g}.",
        columns=columns,
        rows=rows,
    )
    return [
        Heading(text="Localisation"),
        Text(
            text=f"The user marked the object ({wording.listed(sources)}); mapped into the model's frame it covers a median of "
            f"{wording.percent(area)} of it.{called} "
            "Three measures: whether the map's maximum lies on the object (pointing game, without a "
            "tolerance); the share of the map's positive values that does; and the IoU of the object and as many of the map's "
            "strongest pixels as the object has. A map that knows nothing has the object's own share of the frame in the first two."
        ),
        Text(
            text="But photographers put the object in the middle, and a Gaussian on the centre of the frame lies on it without having "
            "seen the image. That is the control to beat here: a map that covers the object no better has not been shown to find it."
            + (DECIDED_BY_PLACE if "gradcam" in table.labels else "")
        ),
        run.files.table(cells),
    ]


def _located_cells(located: Scores, s: Standing) -> list[str | float | None]:
    return [hits(located, s.name), median(located, s.name, "energy"), s.median, *_compared(s), s.beats or "control"]
