"""Everything that the chapter says, measured: each image's sum by unit and by label, and what the labels explain of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from reportgen.analysis.heads import ACTIVATIONS
from reportgen.analysis.run_view import RunView
from reportgen.analysis.stats import Paired, paired
from reportgen.models.classifiers.base import FeatureLayer, LinearHead
from reportgen.utils.hashing import seed_from

from ..dissection.result import DissectionResult, SharedLabels, UnitLabels
from .decomposition import units_that_carry
from .grouping import Concepts, Grouping, by_concept
from .relatedness import LabelTally, LabelTest, RelatedUnits, positive_shares, related_units
from .removal import Removal, relabelled_drops, remove_concepts
from .result import AttributionResult
from .settings import AttributionSettings

Run = RunView[AttributionSettings]
SHOWN_CONCEPTS, REMOVED_CONCEPTS = 8, 5
# Of the largest mean: two passes over one network, which may be of another backend each or in bf16, differ by less.
SAME_MEANS = 0.05


@dataclass(frozen=True)
class ImageSum:
    """The sum that makes one image's logit.

    Attributes:
        positive, negative: the sums of the terms of either sign.
        carriers: the fewest units that carry 80 % of the positive sum.
        concepts: the terms by label; None where the units have no labels.
        related, unlabelled, standing: shares of the positive sum under labels related to the class, under unlabelled units, and under
            labels that fit better than chance; None where there are no labels, or no positive sum.
        removals: of the largest concepts; empty where the head is not linear.
        relabelled: mean drops of the largest groups that permuted labels make, one a permutation.
    """

    name: str
    target: str
    logit: float
    bias: float
    remainder: float
    positive: float
    negative: float
    carriers: int
    concepts: Concepts | None = None
    related: float | None = None
    unlabelled: float | None = None
    standing: float | None = None
    removals: tuple[Removal, ...] = ()
    relabelled: tuple[float, ...] = ()

    @property
    def drop(self) -> float:
        """Mean over the concepts removed."""
        return float(np.mean([removal.drop for removal in self.removals]))

    @property
    def matched_drop(self) -> float:
        """Mean over the concepts removed and their random sets of equal activation."""
        return float(np.mean([removal.matched for removal in self.removals]))

    @property
    def relabelled_drop(self) -> float:
        return float(np.mean(self.relabelled))


@dataclass(frozen=True)
class RemovalTest:
    """The drop of the probability when a concept's units are removed, paired over images.

    Attributes:
        matched: against random units of equal mean activation; relabelled: against the largest groups of permuted labels.
        removals: how many were made; changed: after how many another class comes first.
    """

    matched: Paired
    relabelled: Paired
    removals: int
    changed: int


@dataclass(frozen=True)
class Measured:
    """The chapter in numbers.

    Attributes:
        images: every image; observed: those that count as one observation each, which every number over images is of.
        labels: of the units of the last feature map; None where there are none, and `missing` says why.
        exact: whether the head is pooling and one linear layer.
        units: of the last feature map.
        grouping, related: the units by label, and by the class that their label is related to; None without labels.
        test: of the labels; strict: of those alone that fit better than chance, None where all do.
        removal: None where the head is not linear, or where there are no labels.
        layer: whose units they are.
    """

    images: tuple[ImageSum, ...]
    observed: tuple[ImageSum, ...]
    exact: bool
    units: int
    labels: UnitLabels | None
    missing: str = ""
    grouping: Grouping | None = None
    related: RelatedUnits | None = None
    test: LabelTest | None = None
    strict: LabelTest | None = None
    removal: RemovalTest | None = None
    layer: FeatureLayer = field(default_factory=FeatureLayer)

    def related_labels(self, name: str) -> frozenset[str]:
        """The labels of the layer that are related to a class."""
        if self.related is None or self.grouping is None:
            return frozenset()
        return frozenset(self.grouping.words[i] for i in self.grouping.of_unit[self.related.units[name]])

    @property
    def labels_by_chance(self) -> int:
        """Units whose label fits no better than chance."""
        if self.grouping is None:
            return 0
        return int(((self.grouping.of_unit < len(self.grouping.words)) & ~self.grouping.stands).sum())

    @property
    def largest_difference(self) -> float:
        """Of a logit and the sum of its terms and bias."""
        return max(abs(image.remainder) for image in self.observed)


def measure(run: Run) -> Measured:
    """Read every image's terms once; classes are those that the model names."""
    count, first = len(run.images), run.result("attribution", 0, AttributionResult)
    labels, missing = usable_labels(run, first.means)
    results = (run.result("attribution", i, AttributionResult) for i in range(count))
    if labels is None:
        images = tuple(_sum(run, i, result) for i, result in enumerate(results))
        observed = _observed(run, images)
        return Measured(images, observed, first.exact, len(first.terms), None, missing, layer=first.layer)
    grouped = labels.best if run.settings.units == "all" else labels.concepts
    grouping = Grouping.of(grouped, [concept is not None for concept in labels.concepts])
    classes = tuple(dict.fromkeys(image.target.name for image in run.images))
    cosines = _cosines(run, classes, grouping.words)
    related = related_units(grouped, classes, grouping.words, cosines, run.settings.related)
    strict = None
    if grouped != labels.concepts:
        strict = LabelTally(related_units(labels.concepts, classes, grouping.words, cosines, run.settings.related))
    counted = set(run.observations)
    by_hash = sorted(run.observations, key=lambda i: run.images[i].sha256)
    head, removing = run.head() if first.exact else None, set(by_hash[: run.settings.removal_images])
    summed, tally = [], LabelTally(related)
    for i, result in enumerate(results):
        summed.append(_labelled_sum(run, i, result, grouping, related, head if i in removing else None))
        if i in counted and summed[-1].carriers:
            shares = positive_shares(result.terms)
            for kept in (tally, strict):
                if kept is not None:
                    kept.add(shares, run.images[i].target.name)
    observed = _observed(run, summed)
    return Measured(
        images=tuple(summed),
        observed=observed,
        exact=first.exact,
        units=len(first.terms),
        labels=labels,
        grouping=grouping,
        related=related,
        test=tally.tested(run.settings.permutations, seed_from(run.seed, "attribution")),
        strict=None if strict is None else strict.tested(run.settings.permutations, seed_from(run.seed, "attribution")),
        removal=removal_test(observed),
        layer=first.layer,
    )


def _observed(run: Run, images: Sequence[ImageSum]) -> tuple[ImageSum, ...]:
    return tuple(images[i] for i in run.observations)


def usable_labels(run: Run, means: np.ndarray) -> tuple[UnitLabels | None, str]:
    """The labels of the units of the last feature map, or why there are none, in a sentence.

    Args:
        means: (units,) float32, of the last feature map of the first image. Where dissection read the same image they tell another
            module with as many units; where it read a probe set, their number has to do, and the chapter names the layer.
    """
    units = len(means)
    shared, model = run.shared("dissection", SharedLabels), run.models[0]
    labels = None if shared is None else shared.of(model)
    if labels is None:
        return None, f"The units of {model} have no labels in this run, so that nothing is said of concepts."
    if len(labels.concepts) != units:
        return None, (
            f"The labels are of the {len(labels.concepts)} units of {labels.layer}, and the last feature map has {units}: they are not "
            "the same units, so that nothing is said of concepts."
        )
    if not run.has_probe:
        dissected = run.result("dissection", 0, DissectionResult, model).means[labels.layer]
        if float(np.abs(dissected - means).max()) > SAME_MEANS * float(np.abs(means).max()):
            return None, (
                f"The labels are of the {units} units of {labels.layer}, which is not the last feature map: on {run.images[0].name} the "
                "same units are not equally active in both, so that nothing is said of concepts."
            )
    return labels, ""


def _cosines(run: Run, classes: Sequence[str], words: Sequence[str]) -> np.ndarray:
    """(classes, words) of the names, in the space of `attribution.encoder`."""
    if not words:
        return np.zeros((len(classes), 0), np.float32)
    rows, columns = (run.texts(run.settings.encoder, texts) for texts in (classes, words))
    cosines: np.ndarray = rows @ columns.T
    return cosines


def _sum(run: Run, position: int, result: AttributionResult) -> ImageSum:
    image, terms = run.images[position], result.terms
    return ImageSum(
        name=image.name,
        target=image.target.name,
        logit=result.logit,
        bias=result.bias,
        remainder=result.remainder,
        positive=float(terms[terms > 0].sum()),
        negative=float(terms[terms < 0].sum()),
        carriers=units_that_carry(terms),
    )


def _labelled_sum(
    run: Run,
    position: int,
    result: AttributionResult,
    grouping: Grouping,
    related: RelatedUnits,
    head: LinearHead | None,
) -> ImageSum:
    made, image = _sum(run, position, result), run.images[position]
    concepts = by_concept(grouping, result.terms, SHOWN_CONCEPTS)
    near = bare = standing = None
    if made.carriers:
        shares = positive_shares(result.terms)
        near = float(shares[related.units[image.target.name]].sum())
        bare = float(shares[grouping.of_unit == len(grouping.words)].sum())
        standing = float(shares[grouping.stands].sum())
    removals: tuple[Removal, ...] = ()
    relabelled: tuple[float, ...] = ()
    if head is not None and concepts.positive:
        largest = [
            (c.concept, grouping.units(grouping.words.index(c.concept))) for c in concepts.positive[:REMOVED_CONCEPTS]
        ]
        matching, dealing = (seed_from(run.seed, name, image.sha256) for name in ("removal", "relabelling"))
        of_image, draws = (head, result.means, result.logits, result.target), run.settings.draws
        activation = ACTIVATIONS[run.head_kind]
        removals = tuple(remove_concepts(*of_image, largest, draws, matching, activation=activation))
        if removals:
            relabelled = relabelled_drops(
                *of_image, grouping, result.terms, len(removals), draws, dealing, activation=activation
            )
    return replace(
        made,
        concepts=concepts,
        related=near,
        unlabelled=bare,
        standing=standing,
        removals=removals,
        relabelled=relabelled,
    )


def removal_test(images: Sequence[ImageSum]) -> RemovalTest | None:
    """Over images that count as one observation each; None where none has a concept to remove."""
    known = [image for image in images if image.removals]
    if not known:
        return None
    drops = [image.drop for image in known]
    return RemovalTest(
        matched=paired(drops, [image.matched_drop for image in known]),
        relabelled=paired(drops, [image.relabelled_drop for image in known]),
        removals=sum(len(image.removals) for image in known),
        changed=sum(removal.changed for image in known for removal in image.removals),
    )
