"""The chapter on class activation maps: panels, tables, and what was measured on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from reportgen.analysis import bibliography, wording
from reportgen.analysis.entries import Entries
from reportgen.analysis.heads import TARGETS, head_note
from reportgen.analysis.layer_words import limits as layer_limits
from reportgen.analysis.layer_words import reading, size_of, where, words_of
from reportgen.analysis.masks import paired_sample
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.shown import particular, shown_note
from reportgen.figures import overlays
from reportgen.models.classifiers.base import FeatureLayer
from reportgen.report.blocks import Block, Facts, Figure, Heading, Listing, Section, Text
from reportgen.report.document import ImageRecord, Warning_
from reportgen.utils.json_types import JSON

from .algebra import related_sentences
from .alike import halves, most_paired, pairings
from .figures import likeness_figure, panels
from .findings import cam_findings
from .library import LIBRARY
from .methods import METHODS, WRITEUP, label
from .result import CamMap, CamsResult
from .settings import ROLLOUT, CamSettings
from .tables import area_tables, measures_table, median, pairs_table

TITLE = "Class activation maps"
# Under so many methods their names are the title.
MOST_IN_TITLE = 3
Run = RunView[CamSettings]
Results = Sequence[CamsResult]


def reduce_cams(run: Run) -> Contribution:
    """Write maps and panels, measure them, and make the section."""
    scale = run.files.photo("figures/heat-scale.jpg", overlays.color_bar(), alt="")
    entries, warnings = Entries(), []
    shown = frozenset(run.shown.images)
    figures: dict[int, Figure] = {}
    results: list[CamsResult] = []
    above: dict[int, Mapping[str, np.ndarray | None]] = {}
    compared: set[int] = set()
    for position, image in enumerate(run.images):
        if not position:
            methods = list(run.values("cams", 0, CamsResult).maps)
            compared = set(paired_sample(run.observations, run.seed, most_paired(methods)))
        filed = run.has_files(position)
        result = (run.result if filed or position in compared else run.values)("cams", position, CamsResult)
        if position in compared:
            above[position] = halves(result)
        entries.append(entry(run, image, result, filed=filed))
        if image.name in shown:
            figures[position] = panels(run, position, image, result, scale.file)
        warnings += _warnings(image, result)
        results.append(result.without_maps())
    observed = [results[position] for position in run.observations]
    alike = pairings(list(above.values()), run.seed)
    network = replace(results[0], non_negative=all(result.non_negative for result in results))
    tables = [run.files.table(table) for table in area_tables(run.images, results)]
    tables.append(run.files.table(measures_table(observed, _size(run))))
    pairs = [run.files.table(pairs_table(observed, network, alike))] if len(methods) > 1 else []
    blocks: list[Block] = [
        Listing(role="observation", items=_observations(run, results)),
        Heading(text="Maps"),
        Text(role="note", text=_how_to_read(methods)),
        *shown_note(run, run.files.place("maps/")),
        *_particular(figures, results),
        Heading(text="Measurements"),
        *tables,
        *likeness_figure(run, observed),
        *pairs,
        Listing(role="limit", items=_limits(network)),
        *_approach(run, network),
    ]
    title = wording.listed([label(m) for m in methods]) if len(methods) <= MOST_IN_TITLE else TITLE
    return Contribution(
        Section(id="cams", title=title, blocks=blocks),
        per_image=entries,
        findings=cam_findings(observed, _size(run), alike, network, run.statistics),
        warnings=warnings,
        references=[
            *dict.fromkeys(METHODS[method].work for method in methods),
            *("hurley2009", "spearman1904"),
            *bibliography.PAIRED,
        ],
        terms=(
            *("activation", "saliency map", "IoU", "other-image IoU", "rank correlation", "control"),
            *("sign-flip test", "Hodges-Lehmann shift", "Holm's correction", "smallest effect of interest"),
        ),
    )


def _particular(figures: Mapping[int, Figure], results: Results) -> list[Figure]:
    """The figures in their order; those of the images on which the maps are least, middling and most alike say so."""
    alike = {i: _mean_iou(results[i]) for i in figures}
    chosen = particular(alike, "agreement of the methods")
    return [
        figure.model_copy(update={"particular": f"{chosen[i]} (mean IoU {alike[i]:.2f}):"}) if chosen.get(i) else figure
        for i, figure in figures.items()
    ]


def _mean_iou(result: CamsResult) -> float | None:
    """Over all pairs of methods that have one; None where none has."""
    found = [likeness.iou for likeness in result.pairs.values() if likeness.iou is not None]
    return float(np.mean(found)) if found else None


def _size(run: Run) -> tuple[int, int]:
    height, width = run.frame(0).shape[:2]
    return height, width


def entry(run: Run, image: ImageRecord, result: CamsResult, *, filed: bool) -> dict[str, JSON]:
    """What stands under `cams` of the image in report.json; writes its maps where it is one of those that have files."""
    methods: dict[str, JSON] = {
        method: {
            **({"map": run.files.array(f"maps/{image.slug}/{method}.npy", cam.map)} if filed else {}),
            **_numbers(cam),
        }
        for method, cam in result.maps.items()
    }
    pairs: dict[str, JSON] = {
        pair: {"rank_correlation": likeness.rank_correlation, "iou": likeness.iou, "chance": likeness.chance}
        for pair, likeness in result.pairs.items()
    }
    return {"target_logit": result.target_logit, **methods, "pairs": pairs}


def _numbers(cam: CamMap) -> dict[str, JSON]:
    numbers: dict[str, JSON] = {
        "degenerate": cam.degenerate,
        "forward_passes": cam.forward_passes,
        "head_passes": cam.head_passes,
        "area_above_half": cam.area_above_half,
        "gini": cam.gini,
        "total_variation": cam.total_variation,
        "centre_offset": cam.centre_offset,
    }
    if cam.effective_channels is not None:
        numbers["effective_channels"] = cam.effective_channels
    if cam.failure is not None:
        numbers["failure"] = cam.failure
    return numbers


def _approach(run: Run, network: CamsResult) -> list[Block]:
    methods, layer = list(network.maps), network.layer
    of_layer = [method for method in methods if not METHODS[method].of_attention]
    words, size = words_of(layer), size_of(layer, network.channels, network.grid)
    of_attention = [method for method in methods if METHODS[method].of_attention]
    weighed = all(METHODS[method].own_weights for method in of_layer)
    text = (
        f"Each map explains the model's own top class of an image, {run.models[0]}'s, resolved once and given to every method. "
        f"{reading(layer)} All {'class activation maps' if of_attention else 'methods'} read {where(layer)}"
        f"{', after its activation' if network.non_negative else ''}, {size}, and return the positive part of a "
        f"{'weighted ' if weighed else ''}sum of {words.unit}s, interpolated to the input frame and "
        f"scaled to [0, 1]. They differ in {'the weights' if weighed else 'what is summed'}:"
    ).replace("  ", " ")
    blocks: list[Block] = [Heading(text="Approach")]
    for said, those in ((text, of_layer), (_attention(layer, len(of_attention)), of_attention)):
        if those:
            definitions = [
                METHODS[method].definition.format(unit=words.unit, place=words.place, places=words.places)
                for method in those
            ]
            blocks += [Text(text=said), Listing(items=definitions)]
    return [
        *blocks,
        Text(text=_computed(methods, network)),
        *head_note(run.head_kind, run.classes),
        Facts(
            title="Settings",
            items=[
                ("Model", run.models[0]),
                ("Methods", ", ".join(label(method) for method in methods)),
                ("Target class", TARGETS[run.head_kind]),
                ("Feature map", f"{size}{', ' + layer.path if layer.path else ''}"),
            ],
        ),
    ]


def _attention(layer: FeatureLayer, maps: int) -> str:
    """What so many maps of attention read."""
    counted = f"{'One map reads' if maps == 1 else 'Two maps read'} no activations but"
    if not layer.attention_layers:
        return f"{counted} attention, and of this network not all of it can be read:"
    return (
        f"{counted} the attention of all {wording.count(layer.attention_layers, 'layer')}, between every two of their tokens, and "
        f"{'is' if maps == 1 else 'are'} interpolated and scaled in the same way:"
    )


def _computed(methods: Sequence[str], network: CamsResult) -> str:
    """What each method costs on this head."""
    words, linear_head = words_of(network.layer), network.linear_head
    if linear_head:
        sentences = [f"The head of this network is {words.linear_head}."]
    elif network.layer.class_token:
        sentences = ["What follows the layer is the last attention, the rest of its block, and the head."]
    else:
        sentences = [f"What follows the layer is not {words.linear_head}."]
    closed = [method for method in ("gradcam", "ablationcam") if method in methods]
    if linear_head and closed:
        one = len(closed) == 1
        sentences.append(
            f"{wording.listed([label(m) for m in closed])} {'is' if one else 'are'} then {'an ' if one else ''}exact closed "
            f"form{'' if one else 's'} and need{'s' if one else ''} no forward pass beyond the one that all maps share."
        )
    if not linear_head and "ablationcam" in methods:
        sentences.append(f"AblationCAM then reruns what follows the layer once for each {words.unit} that is not zero.")
    if "scorecam" in methods:
        sentences.append(
            f"For ScoreCAM, {words.unit}s with one mask share one pass: those active at the same single {words.place}, and all that "
            "are constant."
        )
    others = [label(method) for method in methods if method not in WRITEUP and not METHODS[method].of_attention]
    if others:
        sentences.append(
            f"{wording.listed(others, most=len(others))} {'is' if len(others) == 1 else 'are'} as the library {LIBRARY} has "
            f"{'it' if len(others) == 1 else 'them'}, on the feature map of that one pass: only what follows it is run, and "
            "differentiated, again."
        )
    return " ".join(sentences)


def _how_to_read(methods: Sequence[str]) -> str:
    blind = [label(method) for method in methods if not METHODS[method].of_class]
    besides = f", and in {wording.listed(blind, most=len(blind))} what stands out whatever the class" if blind else ""
    return (
        f"Where a map is low the photograph shows through in grey; bright colours mark what speaks for the target class{besides}. "
        "Colours are comparable inside one map, not between maps: each is scaled to its own maximum."
    )


def _observations(run: Run, results: Results) -> list[str]:
    observed = [results[i] for i in run.observations]
    items = [*_median_areas(observed), *_scorecam_cost(observed)]
    for method, cam in results[0].maps.items():
        maps = [(image.name, result.maps[method]) for image, result in zip(run.images, results, strict=True)]
        flat = [name for name, found in maps if found.degenerate and found.failure is None]
        if flat:
            items.append(f"{cam.label} is degenerate, with nothing left after the ReLU, on {wording.listed(flat)}.")
        failed = [name for name, found in maps if found.failure is not None]
        if failed:
            items.append(f"{cam.label} could not be computed on {wording.listed(failed)}.")
    return items


def _median_areas(results: Results) -> list[str]:
    medians: dict[str, float | None] = {
        cam.label: median(
            result.maps[method].area_above_half for result in results if not result.maps[method].degenerate
        )
        for method, cam in results[0].maps.items()
    }
    known = [f"{name} {wording.percent(area)}" for name, area in medians.items() if area is not None]
    if not known:
        return []
    return [
        f"Median area above half of the maximum, over {wording.count(len(results), 'image')}: "
        f"{wording.listed(known, most=len(known))} of the frame."
    ]


def _scorecam_cost(results: Results) -> list[str]:
    cams = [result.maps["scorecam"] for result in results if "scorecam" in result.maps]
    effective = [cam.effective_channels for cam in cams if cam.effective_channels is not None]
    if not effective:
        return []
    passes = sum(cam.forward_passes for cam in cams)
    return [
        f"ScoreCAM's weights rest on {np.median(effective):.1f} effective {words_of(results[0].layer).unit}s in the median image "
        f"(from {min(effective):.1f} to {max(effective):.1f}) and took {wording.whole(passes)} forward passes over "
        f"{wording.count(len(cams), 'image')}."
    ]


def _limits(network: CamsResult) -> list[str]:
    methods = list(network.maps)
    limits = [*related_sentences(methods, network), *layer_limits(network.layer)]
    blind = [label(method) for method in methods if not METHODS[method].of_class]
    if blind:
        one = len(blind) == 1
        limits.append(
            f"{wording.listed(blind)} {'does' if one else 'do'} not know which class is explained: the map shows what stands out in "
            f"{_where_blind(blind)}, and is the same for every class."
        )
    signed = [label(method) for method in methods if METHODS[method].of_component]
    if signed:
        limits.append(
            f"The sign of a principal component is arbitrary, and {wording.listed(signed)} take{'s' if len(signed) == 1 else ''} the "
            "one that the library's decomposition gives: on an image the map may mark what lies around the object instead of it."
        )
    limits.append(
        f"A map of {network.grid[0]} × {network.grid[1]} cells cannot resolve outlines; the smooth edges come from interpolation. "
        f"{'Where a map is of the class, a' if blind else 'A'} bright region shows what raises the logit under the method's own "
        "definition, not that the model would fail without it."
    )
    return limits


def _where_blind(blind: Sequence[str]) -> str:
    """What maps that do not know the class, by their labels, are read from."""
    if label(ROLLOUT) not in blind:
        return "the layer"
    return "the attention" if len(blind) == 1 else "the layer or in the attention"


def _warnings(image: ImageRecord, result: CamsResult) -> list[Warning_]:
    found = []
    for cam in result.maps.values():
        if cam.failure is not None:
            text = f"{cam.label} could not be computed ({cam.failure}): there is no map, and none is drawn."
            found.append(Warning_(code="no-map", name="A map could not be computed", text=text, image=image.name))
        elif cam.degenerate:
            text = f"{cam.label} is degenerate: nothing of the map is left after the ReLU, and none is drawn."
            found.append(Warning_(code="degenerate-map", name="Nothing is left of a map", text=text, image=image.name))
    if result.target_logit <= 0 and "ablationcam" in result.maps:
        text = (
            f"The target logit is {result.target_logit:.2f}; AblationCAM divides by it, so its map is turned around and "
            "marks what speaks against the class."
        )
        found.append(Warning_(code="negative-logit", name="AblationCAM is turned around", text=text, image=image.name))
    return found
