"""The write-up's claims about what units respond to (D1 to D4).

With an exploratory probe set every unit ranks the same few images, so counts describe the probe set: whatever they
are, no claim about units is decided on them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from reportgen.analysis import verdicts, wording
from reportgen.analysis.stats import spearman
from reportgen.report.document import Evidence, Finding, Verdict

from .labels import DissectedModel, jaccard
from .probing import Probing
from .rules import DIFFERENT_JACCARD, DOMINANT_SHARE

CLAIMS = {
    "D1": "The data set's own concept labels more units than any other concept.",
    "D2": "One unrelated concept dominates a model.",
    "D3": "Colour units increase towards later layers.",
    "D4": "The models differ in what they learn.",
}
Decision = tuple[Verdict, str, list[Evidence]]


def dissection_findings(probing: Probing, models: Sequence[DissectedModel]) -> list[Finding]:
    """One finding a claim."""
    own = [concept for _, concept, _ in probing.nearest_concepts()]
    makers: dict[str, Callable[[], Decision]] = {
        "D1": lambda: own_concept_leads(own, models),
        "D2": lambda: unrelated_concept_dominates(own, models),
        "D3": lambda: colours_increase(models),
        "D4": lambda: models_differ(models),
    }
    return [_finding(claim, make(), probing) for claim, make in makers.items()]


def own_concept_leads(own: Sequence[str], models: Sequence[DissectedModel]) -> Decision:
    """D1, model by model: is the most frequent concept one of those nearest to the images' classes?"""
    decided: list[Verdict] = []
    parts, evidence = [], []
    for model in models:
        ranks = {concept: rank for concept in own if (rank := model.rank(concept)) is not None}
        if not model.counts:
            continue
        best = min(ranks, key=lambda concept: (ranks[concept], concept), default=None)
        decided.append("supported" if best is not None and ranks[best] == 1 else "contradicted")
        top, count = next(iter(model.counts.items()))
        own_best = (
            "none of the images' own concepts labels a unit"
            if best is None
            else f"the best of the images' own is {best}, rank {ranks[best]}"
        )
        parts.append(f"{model.model}: {top} labels most units ({count} of {model.n_units}); {own_best}")
        evidence.append(
            Evidence(
                name=f"best_rank_of_own_concepts_{model.model}",
                value=None if best is None else ranks[best],
                n=model.n_units,
                source="dissection-own-concepts",
            )
        )
    return _unanimous(decided), f"{'; '.join(parts)}." if parts else "No unit is labelled.", evidence


def unrelated_concept_dominates(own: Sequence[str], models: Sequence[DissectedModel]) -> Decision:
    """D2: the most frequent concept that is no image's own; only units whose label leads by the margin count."""
    parts, evidence, shares = [], [], []
    for model in models:
        others = [concept for concept in model.counts if concept not in set(own)]
        if not others:
            parts.append(f"{model.model}: every label is an image's own concept")
            shares.append(0.0)
            continue
        share = model.share(others[0])
        shares.append(share)
        parts.append(f"{model.model}: {others[0]} labels {wording.percent(share)} of {model.n_units} units")
        evidence.append(
            Evidence(
                name=f"largest_unrelated_share_{model.model}", value=share, n=model.n_units, source="dissection-layers"
            )
        )
    verdict: Verdict = "supported" if max(shares, default=0.0) >= DOMINANT_SHARE else "contradicted"
    text = f"{'; '.join(parts)}. A concept is said to dominate from {wording.percent(DOMINANT_SHARE)} of the units."
    return verdict, text, evidence


def colours_increase(models: Sequence[DissectedModel]) -> Decision:
    """D3: a trend test on the share of colour units, because a later layer has many times the units."""
    decided: list[Verdict] = []
    parts, evidence = [], []
    for model in models:
        shares = [layer.colour_units / layer.n_units for layer in model.layers]
        found = spearman(shares, range(len(shares)))
        decided.append(verdicts.of_correlation(found, +1, tests=len(models)).verdict)
        counts = wording.listed([str(layer.colour_units) for layer in model.layers], most=9)
        trend = (
            "no trend to test"
            if found.rho is None or found.p is None
            else f"rho {found.rho:+.2f}, {wording.probability(found.p)}"
        )
        percents = wording.listed([wording.percent(share) for share in shares], most=9)
        said = f"{counts} units, {percents} of the layer ({trend})" if any(shares) else "no colour unit in any layer"
        parts.append(f"{model.model}: {said}")
        evidence.append(
            Evidence(
                name=f"rho_colour_share_layer_{model.model}",
                value=found.rho,
                n=found.n,
                p=found.p,
                source="dissection-layers",
            )
        )
    text = f"From the first to the last layer, {'; '.join(parts)}. Layers differ in size, so the share decides, not the count."
    return _unanimous(decided), text, evidence


def models_differ(models: Sequence[DissectedModel]) -> Decision:
    """D4: the median Jaccard index of the concepts, over pairs of models and layers matched from the output side."""
    pairs = list(combinations(models, 2))
    depth = min((len(model.layers) for model in models), default=0)
    found = [jaccard(a.layers[-back], b.layers[-back]) for a, b in pairs for back in range(1, depth + 1)]
    known = [value for value in found if value is not None]
    if not known:
        return (
            "not measured",
            "It takes two models, with labelled units in a layer of each, to compare what they learn.",
            [],
        )
    median = float(np.median(known))
    verdict: Verdict = "supported" if median < DIFFERENT_JACCARD else "contradicted"
    text = (
        f"Layer by layer, two models share a median of {wording.percent(median)} of the concepts that label a unit in either "
        f"({wording.count(len(known), 'comparison')}, from {wording.percent(min(known))} to {wording.percent(max(known))}); under "
        f"{wording.percent(DIFFERENT_JACCARD)} they are said to differ."
    )
    return verdict, text, [Evidence(name="jaccard_median", value=median, n=len(known), source="dissection-overlap")]


def _unanimous(decided: Sequence[Verdict]) -> Verdict:
    return decided[0] if decided and len(set(decided)) == 1 else "undecided"


def _finding(claim: str, decided: Decision, probing: Probing) -> Finding:
    verdict, text, evidence = decided
    if probing.exploratory and verdict != "not measured":
        verdict = "undecided"
        n = wording.count(probing.n_images, "probe image")
        text = f"{text} With {n} these are counts of the probe set, and decide nothing about the units."
    return Finding(id=claim, section="dissection", claim=CLAIMS[claim], verdict=verdict, text=text, evidence=evidence)
