"""The chapter on the sanity check: correlations down the cascade, and which methods pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from reportgen.analysis import verdicts, wording
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.run_view import RunView
from reportgen.figures import charts, colors
from reportgen.report.document import Block, Column, Facts, Figure, Heading, Listing, Section, Table, Text, Warning_
from reportgen.storage.store import Result

from .correlation import rank_correlation

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

LABELS = {"gradcam": "Grad-CAM", "ablationcam": "AblationCAM", "scorecam": "ScoreCAM"}
# ScoreCAM takes a pass a channel, and nearly all channels of a random network are live. It weighs them all alike, so that a
# random tenth of EfficientNet-Lite0's gives nearly the same map (rank correlation 0.95 and more).
KEPT_CHANNELS = 128
Values = Sequence[dict[str, Any]]
# By method the correlation of the trained network's maps of two different images; None with a single image.
Chance = Mapping[str, float | None]


def reduce_sanity(run: RunView) -> Contribution:
    """Compare the maps of the re-initialised networks with the trained network's."""
    found = [
        (image, run.result("sanity", position, Result).values if run.sampled("sanity", position) else {})
        for position, image in enumerate(run.images)
    ]
    sampled = [(image.name, values) for image, values in found if values.get("correlation")]
    places = [position for position, (_, values) in enumerate(found) if values.get("correlation")]
    title = "Sanity check of the maps"
    if not sampled:
        text = "The check was not made: no image of its sample could be read, or no method was left to check."
        section = Section(id="sanity", title=title, blocks=[Text(role="limit", text=text)])
        return Contribution(section, per_image=[values for _, values in found])
    values = [v for _, v in sampled]
    methods = [method for method in LABELS if method in values[0]["correlation"]]
    chance = {method: _between_images(run, places, method) for method in methods}
    blocks: list[Block] = [
        *_approach(run, values, [name for name, _ in sampled]),
        Heading(text="Correlation with the trained network's map"),
        _curves(run, values, chance),
        _table(run, values, chance),
        Listing(role="observation", items=_observations(values, chance)),
        Listing(role="limit", items=_limits(values)),
    ]
    return Contribution(
        Section(id="sanity", title=title, blocks=blocks),
        per_image=[v for _, v in found],
        references=("adebayo2018", "lecun1998", "spearman1904"),
        terms=("saliency map", "rank correlation"),
        warnings=_warnings(values, chance),
    )


def _approach(run: RunView, values: Values, names: Sequence[str]) -> list[Block]:
    stages = values[0]["stages"]
    text = (
        "A map that explains what the network has learned must change when the network forgets it. The weights are drawn anew from the "
        f"head downwards, one stage after the other ({wording.listed(stages, most=12)}; the last one named takes everything before it "
        "along), and after each step the same methods explain the same class again. The rank correlation (Spearman) of the map's pixels "
        "with the trained network's map says what is left of it: 1 is the same order of pixels, 0 none."
    )
    scorecam = (
        f"ScoreCAM, which takes a forward pass for each channel, was computed only where all weights are drawn anew, on a network that "
        f"keeps {KEPT_CHANNELS} channels of its last stage, drawn at random, with the others at zero."
    )
    return [
        Heading(text="Approach"),
        Text(text=text),
        *([Text(text=scorecam)] if "scorecam" in values[0]["correlation"] else []),
        Facts(
            title="Settings",
            items=[
                ("Images", f"{len(names)} of {len(run.images)}: {wording.listed(names, most=12)}"),
                (
                    "Chosen",
                    "the images whose file has the first SHA-256 in order, which has nothing to do with what they show",
                ),
                (
                    "New weights",
                    "normal, variance one over a unit's inputs (LeCun et al., 1998); biases 0, normalisation set back",
                ),
                ("Networks", "one cascade, drawn from the run's seed, for all images"),
                (
                    "Passes",
                    f"median correlation below {verdicts.SANITY_RHO:g} when all weights are drawn anew, or below that of two different "
                    "images' trained maps where that is larger",
                ),
                ("Forward passes", f"{wording.whole(sum(v['forward_passes'] for v in values))} over all images"),
            ],
        ),
    ]


def _last(values: Values, method: str) -> list[float]:
    """The correlations when all weights are drawn anew, one an image."""
    return [v["correlation"][method][-1] for v in values]


def _between_images(run: RunView, places: Sequence[int], method: str) -> float | None:
    """The median correlation of the trained network's maps of two different images: what smooth maps have in common anyway."""
    maps = [run.result("cams", place, Result).arrays[method] for place in places]
    pairs = [rank_correlation(a, b) for a, b in combinations(maps, 2)]
    return float(np.median(pairs)) if pairs else None


def _curves(run: RunView, values: Values, chance: Chance) -> Figure:
    picture = run.files.chart(
        "figures/sanity-cascade.svg",
        cascade_figure(values, chance),
        alt=f"Rank correlation with the trained network's map down the cascade, for {wording.listed([LABELS[m] for m in chance])}: "
        "a thin line for each image, a thick one for the median.",
    )
    return Figure(
        id="sanity-cascade",
        kind="chart",
        caption="What is left of each map as the weights are lost, from the head (left) to the whole network (right): a thin line "
        f"for each of {wording.count(len(values), 'image')}, a thick one for the median, dotted over stages that were not computed. "
        "A method passes whose median ends below the dashed line.",
        pictures=[picture],
    )


def cascade_figure(values: Values, chance: Chance) -> Drawing:
    """One panel a method; ScoreCAM has only its first and last point."""
    from matplotlib.figure import Figure as Drawing

    stages = ["trained", *values[0]["stages"]]
    x = np.arange(len(stages))
    with charts.style():
        figure = Drawing(figsize=(charts.FULL_MM / 25.4, 74 / 25.4), layout="constrained")
        panels = figure.subplots(1, len(chance), sharey=True, squeeze=False)[0]
        for axes, (method, between) in zip(panels, chance.items(), strict=True):
            rows = np.array([v["correlation"][method] for v in values])
            at = x[-rows.shape[1] :]
            # The trained network's map correlates with itself; dotted over stages that were not computed.
            rows, at = np.insert(rows, 0, 1.0, axis=1), np.insert(at, 0, 0)
            dotted = ":" if len(at) < len(x) else "-"
            axes.plot(at, rows.T, color=colors.SKY, linewidth=0.8, linestyle=dotted)
            axes.plot(at, np.median(rows, axis=0), dotted, color=colors.BLUE, linewidth=1.8, marker="o", markersize=4)
            axes.axhline(0, color=colors.MUTED, linewidth=0.6)
            axes.axhline(verdicts.sanity_limit(between), color=colors.VERMILLION, linestyle="--", linewidth=1)
            axes.set_title(LABELS[method])
            axes.set_xticks(x, stages, rotation=50, ha="right", rotation_mode="anchor")
            axes.set_xlim(-0.3, len(stages) - 0.7)
            axes.set_ylim(-1.05, 1.05)
        figure.axes[0].set_ylabel("rank correlation")
        figure.supxlabel("last stage that lost its weights", fontsize=8.5)
    return figure


def _table(run: RunView, values: Values, chance: Chance) -> Table:
    stages = values[0]["stages"]
    columns = [
        Column(key="method", label="Method"),
        *(Column(key=stage, label=_down_to(stage, stages), decimals=2) for stage in stages),
        Column(key="lowest", label="Lowest at the end", decimals=2),
        Column(key="highest", label="Highest at the end", decimals=2),
        Column(key="between_images", label="Two different images, trained", decimals=2),
        Column(key="passes", label="Passes"),
    ]
    rows: list[list[str | float | None]] = []
    for method, between in chance.items():
        medians = np.median([v["correlation"][method] for v in values], axis=0).tolist()
        last = _last(values, method)
        padded = [None] * (len(stages) - len(medians)) + medians
        passes = "yes" if verdicts.passes_sanity(last, between) else "no"
        rows.append([LABELS[method], *padded, min(last), max(last), between, passes])
    return run.files.table(
        Table(
            id="sanity",
            caption=f"Median rank correlation with the trained network's map over {wording.count(len(values), 'image')}"
            f"{wording.small(len(values))}, after each stage has lost its weights; and, for comparison, of the trained network's maps of "
            "two different images.",
            columns=columns,
            rows=rows,
        )
    )


def _down_to(stage: str, stages: Sequence[str]) -> str:
    return stage if stage != stages[-1] else f"{stage} (all)"


def _observations(values: Values, chance: Chance) -> list[str]:
    n = wording.count(len(values), "image")
    items = []
    for method, between in chance.items():
        last = _last(values, method)
        word = "passes" if verdicts.passes_sanity(last, between) else "does not pass"
        items.append(
            f"{LABELS[method]} {word}: with all weights drawn anew its map correlates with the trained one's by a median of "
            f"{np.median(last):.2f} over {n} (from {min(last):.2f} to {max(last):.2f})."
            + (
                ""
                if between is None
                else f" The trained one's maps of two different images correlate by a median of {between:.2f}."
            )
        )
        constant = sum(v["constant"][method] for v in values)
        if constant:
            items.append(
                f"{wording.count(constant, 'map')} of {LABELS[method]} in the cascade marked no place and counts as 0."
            )
    for method in (m for m in chance if len(values[0]["correlation"][m]) > 1):
        head = float(np.median([v["correlation"][method][0] for v in values]))
        if head >= verdicts.SANITY_RHO:
            items.append(
                f"With the head alone drawn anew {LABELS[method]} keeps a median of {head:.2f}: much of its map is where the "
                "network responds at all, whatever the class."
            )
    return items


def _limits(values: Values) -> list[str]:
    return [
        "To pass is necessary and not sufficient: a map that depends on the weights may still be wrong about what they do.",
        f"One cascade and {wording.count(len(values), 'image')}{wording.small(len(values))}: smooth maps of one frame often correlate "
        "by chance, and a single image says little.",
    ]


def _warnings(values: Values, chance: Chance) -> list[Warning_]:
    return [
        Warning_(
            code="fails-sanity-check",
            text=f"{LABELS[method]} keeps much of its map when the network loses all weights (median rank correlation "
            f"{np.median(last):.2f} over {wording.count(len(values), 'image')}{wording.small(len(values))}; the limit is "
            f"{verdicts.sanity_limit(between):.2f}): so much of it is not about what was learned.",
        )
        for method, between in chance.items()
        if not verdicts.passes_sanity(last := _last(values, method), between)
    ]
