"""The sentences of the chapter, made from what was measured."""

from __future__ import annotations

import numpy as np

from reportgen.analysis import wording
from reportgen.analysis.layer_words import where, words_of
from reportgen.report.blocks import Facts

from .decomposition import CARRIED
from .findings import unsettling
from .measured import REMOVED_CONCEPTS, SHOWN_CONCEPTS, ImageSum, Measured, Run
from .removal import NEAREST

# Under such a cosine encoder a label reaches a unit by class names alone.
BY_CLASS_NAMES = "conse"


def approach(measured: Measured) -> str:
    """What was done."""
    words = words_of(measured.layer)
    first = (
        f"The explained model ends in {words.linear_head}, so that the logit of a class is exactly "
        "a sum: each unit of the last feature map adds its mean activation times its weight for the class, and the bias is "
        "added once (Zhou et al., 2016). No approximation is made, and no further pass."
        if measured.exact
        else f"What follows {where(measured.layer)} is not {words.linear_head}, so that the logit is no sum over units. "
        f"What stands here is gradient times activation there, summed over {words.places} (Shrikumar et al., "
        "2017): it is of first order, and what it leaves of the logit is shown beside it."
    )
    if measured.labels is None:
        return first
    return (
        f"{first} These terms, the contributions, are added up by the labels of the units that the chapter before found: "
        "which labels carry "
        "the prediction, and which speak against it?"
    )


def settings(run: Run, measured: Measured) -> Facts:
    """The settings in force."""
    items = [
        ("Units", f"{wording.whole(measured.units)}, the {words_of(measured.layer).unit}s of {where(measured.layer)}"),
        ("Units for 80 %", "the fewest units whose contributions reach 80 % of the positive sum, largest first"),
    ]
    labels, grouping = measured.labels, measured.grouping
    if labels is not None and grouping is not None:
        probes = "" if labels.n_images is None else f", from {wording.count(labels.n_images, 'probe image')}"
        named = int((grouping.of_unit < len(grouping.words)).sum())
        chance = measured.labels_by_chance
        held = f"; {wording.whole(named - chance)} of them fit better than chance" if chance else ""
        items += [
            (
                "Labels",
                f"{labels.source}{probes}, for {labels.layer}; {wording.whole(named)} units carry "
                f"{wording.count(len(grouping.words), 'distinct label')}, {wording.whole(measured.units - named)} none{held}",
            ),
            (
                "Related label",
                f"cosine of label and class name of at least {run.settings.related:g}, in the text space of "
                f"{run.encoder(run.settings.encoder).title}",
            ),
            (
                "Permuted labels",
                f"{wording.whole(run.settings.permutations)} permutations of all labels over all units, seeded",
            ),
        ]
    if measured.removal is not None:
        draws = wording.count(run.settings.draws, "draw")
        items.append(
            (
                "Removal",
                f"the units of one label give zero, for the {REMOVED_CONCEPTS} labels at most with the largest sums of an "
                "image; for each unit a "
                f"random one of the {NEAREST} others nearest in mean activation on that image, {draws}; and the "
                f"{REMOVED_CONCEPTS} largest "
                f"groups of permuted labels, {draws}",
            )
        )
    return Facts(title="Definitions", items=items)


# --- observations --------------------------------------------------------------------------------


def observations(measured: Measured) -> list[str]:
    """What carries the predictions; every sentence with its numbers."""
    images = measured.observed
    carriers = [image.carriers for image in images if image.carriers]
    items = [_sum_sentence(measured)]
    if carriers:
        items.append(
            f"It takes {_range(carriers)} of {wording.whole(measured.units)} units to carry {CARRIED * 100:.0f} % of the "
            f"positive sum (median {np.median(carriers):.0f}, {wording.count(len(carriers), 'image')}"
            f"{wording.small(len(carriers))})."
        )
    if measured.labels is not None:
        items += [*_largest(images), *_unlabelled(measured)]
    return items


def _sum_sentence(measured: Measured) -> str:
    n, largest = wording.count(len(measured.observed), "image"), measured.largest_difference
    if measured.exact:
        return f"Contributions and bias add up to the logit: over {n} the largest difference is {_digits(largest)}."
    median = float(np.median([abs(image.remainder) for image in measured.observed]))
    return (
        f"First-order contributions do not add up to the logit: over {n} the difference has a median of {median:.2f} and is at most "
        f"{largest:.2f}."
    )


def _digits(value: float) -> str:
    """A small number with two digits that count: `0.0000048`."""
    return np.format_float_positional(value, precision=2, fractional=False, trim="-")


def _range(values: list[int]) -> str:
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"


def _largest(images: tuple[ImageSum, ...]) -> list[str]:
    found = [(image, image.concepts.positive) for image in images if image.concepts and image.concepts.positive]
    if not found:
        return ["No label adds to the logit of any image."]
    image, labels = max(found, key=lambda one: one[1][0].sum / one[0].positive)
    first = labels[0]
    shares = [sum(c.sum for c in labels) / image.positive for image, labels in found]
    return [
        f"The largest single label is {first.concept} ({wording.count(first.units, 'unit')}) on {image.name}: "
        f"{wording.signed(first.sum)} of "
        f"a logit of {image.logit:.2f} for {image.target}.",
        f"The {SHOWN_CONCEPTS} largest labels of an image together have a net sum of {_percents(shares)} of its positive sum.",
    ]


def _unlabelled(measured: Measured) -> list[str]:
    found = [image.concepts.unlabelled for image in measured.observed if image.concepts]
    if not found or not found[0].units:
        return []
    sums = [unlabelled.sum for unlabelled in found]
    ends = wording.signed(min(sums)), wording.signed(max(sums))
    return [
        f"The {wording.count(found[0].units, 'unlabelled unit')}, {wording.percent(found[0].units / measured.units)} of all, add "
        f"{' to '.join(dict.fromkeys(ends))} to the logit (median {wording.signed(float(np.median(sums)))})."
    ]


def _percents(shares: list[float]) -> str:
    """The range of shares in [0, 1], and their median."""
    low, high = wording.percent(min(shares)), wording.percent(max(shares))
    if low == high:
        return low
    return f"{low.removesuffix(' %')} to {high} (median {wording.percent(float(np.median(shares)))})"


# --- do the labels explain the predictions -------------------------------------------------------


def explained(measured: Measured) -> list[str]:
    """What the labels say of the classes."""
    known = [(image.related, image.unlabelled) for image in measured.observed if image.related is not None]
    shares = [(near, max(0.0, round(1 - near - bare, 12)), bare) for near, bare in known if bare is not None]
    if not shares:
        return ["No unit adds to the logit of any image, so that there is no positive sum to explain."]
    n, mostly = wording.count(len(shares), "image"), sum(near < other for near, other, _ in shares)
    parts = ("labels related to the class carry", "other labels", "unlabelled units")
    said = [
        f"{part} {_percents([row[i] for row in shares])}"
        for i, part in enumerate(parts)
        if i < 2 or any(row[i] for row in shares)
    ]
    named = [(image, concept) for image in measured.observed if image.concepts for concept in image.concepts.positive]
    related = {name: measured.related_labels(name) for name in {image.target for image in measured.observed}}
    near = sum(concept.concept in related[image.target] for image, concept in named)
    first = [
        (image.concepts.positive[0].concept, image.target)
        for image in measured.observed
        if image.concepts and image.concepts.positive
    ]
    leaders = [f"{concept} for {target}" for concept, target in first if concept in related[target]]
    led, leading = list(dict.fromkeys(leaders)), len(leaders)
    without = [] if measured.test is None else list(measured.test.without)
    return [
        f"Of the positive sum, {wording.listed(said)}, over {n}.",
        *_by_chance(measured),
        f"On {mostly} of {n} labels that have nothing to do with the class, by this measure, carry more than those that "
        "are related to it.",
        f"Of the {wording.count(len(named), 'label')} that add most, at most {SHOWN_CONCEPTS} an image, {wording.whole(near)} "
        f"{'is' if near == 1 else 'are'} related to the class of the image.",
        f"The label that adds most is related to the class on {leading} of {n}"
        + (f": {wording.listed(led)}." if led else "."),
        *([f"No label of the layer is related to {wording.listed(without)}."] if without else []),
    ]


def _by_chance(measured: Measured) -> list[str]:
    """How much stands under labels that shuffled activations would fit as well."""
    shares = [image.standing for image in measured.observed if image.standing is not None]
    if not measured.labels_by_chance or not shares:
        return []
    return [
        f"Labels that fit their unit better than those of shuffled activations stand over {_percents(shares)} of the positive sum; "
        f"the rest "
        "stands under labels that are each no better than chance, and can say something only together."
    ]


# --- limits --------------------------------------------------------------------------------------


def limits(run: Run, measured: Measured) -> list[str]:
    """What the data do not support."""
    items = []
    if measured.exact:
        items.append(
            "The sum is exact, and yet no explanation by itself: a unit's contribution says how much it adds, not what in "
            "the image made it "
            "active."
        )
    else:
        items.append(
            "First-order terms say what a small change of each activation would do; large changes, such as a unit that is "
            "removed, can do "
            "something else."
        )
    labels = measured.labels
    if labels is None:
        return [*items, measured.missing]
    why = unsettling(labels)
    items += [why] if why else []
    items.append(
        f"Whether a label is related to a class is read from the cosine of two names, and {run.settings.related:g} is a "
        "choice: related things "
        "with names unlike each other are missed, and names alike in spelling or use are counted."
    )
    if labels.encoder == BY_CLASS_NAMES:
        items.append(
            "The encoder behind the labels knows images only through class names, and these are what the labels are "
            "compared with: that related "
            "labels carry more than permuted ones can mean no more than that units which images of a class drive also raise its logit."
        )
    if measured.removal is not None:
        items.append(
            "The labels removed are those that add most, so that removing them must cost more than removing random units, "
            "whatever the labels "
            "mean; only what they cost beyond the largest groups of permuted labels speaks for the labels."
        )
    return items
