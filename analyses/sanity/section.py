"""The chapter on the sanity check: correlations down the cascade, and which methods pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reportgen.analysis import wording
from reportgen.analysis.layer_words import words_of
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.sample import of_sample, once
from reportgen.report.blocks import Block, Cell, Column, Facts, Figure, Heading, Listing, Section, Table, Text
from reportgen.report.document import Warning_
from reportgen.utils.json_types import JSON

from ..cams.result import CamsResult
from . import rules
from .charts import cascade_figure
from .checked import Checked, checked_methods
from .result import SanityResult
from .settings import SanitySettings

# ScoreCAM takes a pass a channel, and nearly all channels of a random network are live. It weighs them all alike, so that a
# random tenth of EfficientNet-Lite0's gives nearly the same map (rank correlation 0.95 and more).
KEPT_CHANNELS = 128
# Over so many methods a sentence each is more than anybody reads; the table has them all.
MOST_SENTENCES = 4
TITLE = "Sanity check of the maps"
Run = RunView[SanitySettings]
Results = Sequence[SanityResult]


def reduce_sanity(run: Run) -> Contribution:
    """Compare the maps of the re-initialised networks with the trained network's."""
    found = of_sample(run, "sanity", SanityResult)
    per_image = [entry(found[i]) if i in found else {} for i in range(len(run.images))]
    checked = {i: result for i, result in found.items() if result.correlation}
    # Copies count once: their trained maps are alike as those of no two different images are.
    sampled = once(checked, run.observations)
    if not sampled:
        text = "The check was not made: no image of its sample could be read, or no method was left to check."
        section = Section(id="sanity", title=TITLE, appendix=True, blocks=[Text(role="limit", text=text)])
        return Contribution(section, per_image=per_image)
    results = list(sampled.values())
    methods = checked_methods(results, [run.result("cams", i, CamsResult) for i in sampled])
    stages, n = results[0].stages, len(results)
    blocks: list[Block] = [
        Listing(role="observation", items=_observations(methods)),
        Heading(text="Correlation with the trained network's map"),
        _curves(run, stages, methods, n),
        run.files.table(_table(stages, methods, n)),
        Listing(role="limit", items=_limits(n)),
        *_approach(run, results, [run.images[i].name for i in sampled]),
    ]
    return Contribution(
        Section(id="sanity", title=TITLE, appendix=True, blocks=blocks),
        per_image=per_image,
        references=("adebayo2018", "lecun1998", "spearman1904"),
        terms=("saliency map", "rank correlation"),
        warnings=_warnings(methods),
    )


def entry(result: SanityResult) -> dict[str, JSON]:
    """What stands under `sanity` of the image in report.json."""
    return {
        "stages": list(result.stages),
        "correlation": {method: list(found) for method, found in result.correlation.items()},
        "constant": dict(result.constant),
        "forward_passes": result.forward_passes,
    }


def _approach(run: Run, results: Results, names: Sequence[str]) -> list[Block]:
    text = (
        "A map that explains what the network has learned must change when the network forgets it. The weights are drawn anew from the "
        f"head downwards, one stage after the other ({wording.listed(results[0].stages, most=12)}; the last one named takes everything "
        "before it along), and after each step the same methods explain the same class again. The rank correlation (Spearman) of the "
        "map's pixels with the trained network's map says what is left of it: 1 is the same order of pixels, 0 none."
    )
    unit = words_of(results[0].layer).unit
    scorecam = (
        f"ScoreCAM, which takes a forward pass for each {unit}, was computed only where all weights are drawn anew, on a network that "
        f"keeps {KEPT_CHANNELS} {unit}s of the layer that maps are read from, drawn at random, with the others at zero."
    )
    return [
        Heading(text="Approach"),
        Text(text=text),
        *([Text(text=scorecam)] if "scorecam" in results[0].correlation else []),
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
                    f"median correlation below {rules.LOST_RHO:g} when all weights are drawn anew, or below that of two different "
                    "images' trained maps where that is larger",
                ),
                ("Forward passes", f"{wording.whole(sum(r.forward_passes for r in results))} over all images"),
            ],
        ),
    ]


def _curves(run: Run, stages: Sequence[str], methods: Sequence[Checked], n: int) -> Figure:
    labels = [method.label for method in methods]
    picture = run.files.chart(
        "figures/sanity-cascade.svg",
        cascade_figure(stages, methods),
        alt=f"Rank correlation with the trained network's map down the cascade, for {wording.listed(labels, most=len(labels))}: "
        "a thin line for each image, a thick one for the median.",
    )
    return Figure(
        id="sanity-cascade",
        kind="chart",
        caption="What is left of each map as the weights are lost, from the head (left) to the whole network (right): a thin line "
        f"for each of {wording.count(n, 'image')}, a thick one for the median, dotted over stages that were not computed. "
        "A method passes whose median ends below the dashed line.",
        pictures=[picture],
    )


def _table(stages: Sequence[str], methods: Sequence[Checked], n: int) -> Table:
    columns = [
        Column(key="method", label="Method"),
        *(Column(key=stage, label=_down_to(stage, stages), decimals=2) for stage in stages),
        Column(key="lowest", label="Lowest at the end", decimals=2),
        Column(key="highest", label="Highest at the end", decimals=2),
        Column(key="between_images", label="Two different images, trained", decimals=2),
        Column(key="passes", label="Passes"),
    ]
    rows: list[list[Cell]] = []
    for method in methods:
        medians = np.median(method.correlation, axis=0).tolist()
        padded = [None] * (len(stages) - len(medians)) + medians
        passes = "yes" if method.passes else "no"
        rows.append([method.label, *padded, min(method.last), max(method.last), method.between_images, passes])
    return Table(
        id="sanity",
        caption=f"Median rank correlation with the trained network's map over {wording.count(n, 'image')}{wording.small(n)}, after "
        "each stage has lost its weights; and, for comparison, of the trained network's maps of two different images.",
        columns=columns,
        rows=rows,
    )


def _down_to(stage: str, stages: Sequence[str]) -> str:
    return stage if stage != stages[-1] else f"{stage} (all)"


def _observations(methods: Sequence[Checked]) -> list[str]:
    items = []
    if len(methods) > MOST_SENTENCES:
        items += _who_passes(methods)
    for method in methods:
        if len(methods) <= MOST_SENTENCES:
            items.append(_result_of(method))
        if method.constant:
            items.append(
                f"{wording.count(method.constant, 'map')} of {method.label} in the cascade marked no place and counts as 0."
            )
    return items + _kept_without_the_head(methods)


def _who_passes(methods: Sequence[Checked]) -> list[str]:
    items = []
    for passing, one, several in ((True, "passes", "pass"), (False, "does not pass", "do not pass")):
        labels = [f"{m.label} ({m.median:.2f})" for m in methods if m.passes == passing]
        if labels:
            items.append(
                f"{wording.listed(labels, most=len(labels))} {one if len(labels) == 1 else several}: in brackets the median correlation "
                "with the trained network's map when all weights are drawn anew."
            )
    return items


def _result_of(method: Checked) -> str:
    word = "passes" if method.passes else "does not pass"
    between = (
        ""
        if method.between_images is None
        else f" The trained one's maps of two different images correlate by a median of {method.between_images:.2f}."
    )
    return (
        f"{method.label} {word}: with all weights drawn anew its map correlates with the trained one's by a median of "
        f"{method.median:.2f} over {wording.count(method.n, 'image')} (from {min(method.last):.2f} to {max(method.last):.2f}).{between}"
    )


def _kept_without_the_head(methods: Sequence[Checked]) -> list[str]:
    """What is left of the maps where the head alone is drawn anew, of methods that keep much."""
    heads = [(m.label, float(np.median(m.correlation[:, 0]))) for m in methods if m.correlation.shape[1] > 1]
    kept = [(label, head) for label, head in heads if head >= rules.LOST_RHO]
    if len(methods) > MOST_SENTENCES and len(kept) > 1:
        listed = wording.listed([f"{label} ({head:.2f})" for label, head in kept], most=len(kept))
        return [
            f"With the head alone drawn anew {listed} keep at least {rules.LOST_RHO:g} in the median: much of their maps is where the "
            "network responds at all, whatever the class."
        ]
    return [
        f"With the head alone drawn anew {label} keeps a median of {head:.2f}: much of its map is where the "
        "network responds at all, whatever the class."
        for label, head in kept
    ]


def _limits(n: int) -> list[str]:
    return [
        "To pass is necessary and not sufficient: a map that depends on the weights may still be wrong about what they do.",
        f"One cascade and {wording.count(n, 'image')}{wording.small(n)}: smooth maps of one frame often correlate "
        "by chance, and a single image says little.",
    ]


def _warnings(methods: Sequence[Checked]) -> list[Warning_]:
    return [
        Warning_(
            code="fails-sanity-check",
            name="A method hardly depends on the weights",
            text=f"{method.label} keeps much of its map when the network loses all weights (median rank correlation "
            f"{method.median:.2f} over {wording.count(method.n, 'image')}{wording.small(method.n)}; the limit is "
            f"{rules.limit(method.between_images):.2f}): so that much of it need not be about what was learned.",
        )
        for method in methods
        if not method.passes
    ]
