"""The pictures of the chapter: bars of labels, and the images that drive the units of each image's largest label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reportgen.analysis import wording
from reportgen.figures import overlays
from reportgen.report.blocks import Figure, Picture

from ..dissection.result import DissectionResult
from .charts import COLUMNS, RELATED, Panel, concept_bars
from .grouping import Concepts, ConceptSum
from .measured import SHOWN_CONCEPTS, ImageSum, Measured, Run
from .result import AttributionResult

PANELS = 4
STRIPS, STRIPS_ACROSS = 24, 3
SIDE_PX, GAP_PX, STRONGEST = 120, 6, 4
NAMED_IN_ALT = 3


def bar_figures(run: Run, measured: Measured) -> list[Figure]:
    """A panel for each image that has figures, a page at most to a figure."""
    shown = [image for image in measured.images if image.name in run.shown.images]
    known = [(image, image.concepts) for image in shown if image.concepts is not None]
    if not any(concepts.positive or concepts.negative for _, concepts in known):
        return []
    # Figures of an even size, so that the last is no lonely panel.
    parts = _parts(known)
    return [_bars(run, measured, images, number, len(parts)) for number, images in enumerate(parts, start=1)]


def _parts(known: Sequence[tuple[ImageSum, Concepts]]) -> list[list[tuple[ImageSum, Concepts]]]:
    """Figures of an even size, so that the last is no lonely panel. Of many images the first figure, which alone stands on paper,
    has the one on which related labels carry most, and the one on which least."""
    first, rest = [], list(known)
    if len(known) > PANELS:
        ranked = sorted(known, key=lambda pair: -1.0 if pair[0].related is None else pair[0].related, reverse=True)
        first = [ranked[0], ranked[-1]]
        rest = [pair for pair in known if pair not in first]
    count = -(-len(rest) // PANELS)
    each = -(-len(rest) // count)
    each += each % COLUMNS if each > 1 else 0
    return [*([first] if first else []), *(rest[start : start + each] for start in range(0, len(rest), each))]


def _bars(
    run: Run,
    measured: Measured,
    images: Sequence[tuple[ImageSum, Concepts]],
    number: int,
    of: int,
) -> Figure:
    panels = [
        Panel(
            f"{image.target}: {_file(image.name)}",
            concepts.positive,
            concepts.negative,
            rest_of(measured, image),
            measured.related_labels(image.target),
        )
        for image, concepts in images
    ]
    name, pale = f"attribution-{number}", measured.labels_by_chance > 0
    picture = run.files.chart(
        f"figures/{name}.svg",
        concept_bars(panels, SHOWN_CONCEPTS, chance=pale),
        alt=" ".join(_alt(image, concepts) for image, concepts in images),
    )
    part = f" (part {number} of {of})" if of > 1 else ""
    most = "The images on which related labels carry most and least. " if of > 1 and number == 1 else ""
    sums = "contributions" if measured.exact else "first-order contributions"
    return Figure(
        id=name,
        kind="chart",
        caption=f"{most}The labels whose units add most to the logit of the class, and those that take most from it: sums of {sums}, at "
        "most "
        f"{SHOWN_CONCEPTS} of either sign{part}. Each panel has its own scale. An asterisk ({RELATED}) marks labels that are related to "
        f"the class. {'Pale: units whose label fits no better than chance. ' if pale else ''}Under each panel, what the bars leave out.",
        pictures=[picture],
        detail=number > 1,
    )


def rest_of(measured: Measured, image: ImageSum) -> str:
    """What the bars of an image leave out of its logit, in a line."""
    concepts = image.concepts
    assert concepts is not None
    others = f"{concepts.rest} other labels {_signed(concepts.rest_positive)} {_signed(concepts.rest_negative)}; "
    last = f"bias {_signed(image.bias)}" if measured.exact else f"not of first order {_signed(image.remainder)}"
    none = concepts.unlabelled
    unlabelled = f"{none.units} unlabelled units {_signed(none.sum)}; " if none.units else ""
    return f"{others}{unlabelled}{last}; logit {_number(image.logit)}"


def _signed(value: float) -> str:
    return wording.signed(value) if abs(value) >= 0.005 else "0"


def _alt(image: ImageSum, concepts: Concepts) -> str:
    def named(found: Sequence[ConceptSum]) -> str:
        said = [f"{c.concept} {wording.signed(c.sum)}" for c in found[:NAMED_IN_ALT]]
        return wording.listed(said) if said else "no label"

    return (
        f"{_file(image.name)}, logit {_number(image.logit)} of {image.target}: for it {named(concepts.positive)}, against it "
        f"{named(concepts.negative)}."
    )


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _file(name: str) -> str:
    return name.rsplit("/", 1)[-1]


# --- the images that drive a label's units -------------------------------------------------------


def driving_figures(run: Run, measured: Measured) -> list[Figure]:
    """For each image that has figures, the images that drive the units of its largest label most."""
    if measured.labels is None or measured.grouping is None:
        return []
    grouping = measured.grouping
    wanted = [
        (image, image.concepts.positive[0], grouping.units(grouping.words.index(image.concepts.positive[0].concept)))
        for image in measured.images
        if image.name in run.shown.images and image.concepts is not None and image.concepts.positive
    ][:STRIPS]
    means = _means(run, measured.labels.layer, [units for _, _, units in wanted]) if wanted else None
    if means is None or len(means[0]) < 2:
        return []
    slugs = {image.name: image.slug for image in run.images}
    pictures = [
        _strip(run, f"figures/{slugs[image.name]}-attribution.jpg", image, concept, _strongest(activations))
        for (image, concept, _), activations in zip(wanted, means, strict=True)
    ]
    whose = "images of the probe set" if run.has_probe else "images of this run"
    return [
        Figure(
            id="attribution-driving",
            title="What drives the largest label of each image",
            caption=f"For each image the label that adds most to its logit, and the {whose} that drive this label's units most, strongest "
            "first: by the mean over the units of the activation, each divided by its mean over all of them.",
            pictures=pictures,
            columns=min(STRIPS_ACROSS, len(pictures)),
            detail=True,
        )
    ]


def _means(run: Run, layer: str, sets: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """For each set of units (N, units): mean activations over the probe set's images, or this run's; None where there are none."""
    rows: list[list[np.ndarray]] = [[] for _ in sets]
    for i in range(len(run.probe.names)):
        found = (
            run.probe.result("dissection", i, DissectionResult).means.get(layer)
            if run.has_probe
            else run.result("attribution", i, AttributionResult).means
        )
        if found is None:
            return None
        for kept, units in zip(rows, sets, strict=True):
            kept.append(found[units])
    return [np.stack(kept) for kept in rows]


def _strongest(activations: np.ndarray) -> list[int]:
    """Positions of the images whose (N, units) activations are largest, each unit on its own scale."""
    scale = activations.mean(axis=0)
    relative = activations / np.where(scale > 0, scale, 1)
    return [int(i) for i in np.argsort(-relative.mean(axis=1), kind="stable")[:STRONGEST]]


def _strip(run: Run, file: str, image: ImageSum, concept: ConceptSum, strongest: Sequence[int]) -> Picture:
    names = wording.listed([_file(run.probe.names[i]) for i in strongest], most=STRONGEST)
    units = wording.count(concept.units, "unit")
    return run.files.photo(
        file,
        overlays.contact_sheet([[run.probe.frame(i) for i in strongest]], SIDE_PX, GAP_PX),
        alt=f"The images that drive the {units} labelled {concept.concept} most, the largest label of {image.name}: {names}.",
        label=f"{image.target}: {concept.concept} ({units}, {wording.signed(concept.sum)})",
    )
