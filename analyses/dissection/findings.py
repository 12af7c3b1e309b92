"""The write-up's claims about what units respond to (D1 to D4).

With an exploratory probe set every unit ranks the same few images, so counts describe the probe set: whatever they
are, no claim about units is decided on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from reportgen.analysis import verdicts, wording
from reportgen.analysis.stats import FEWEST_PAIRINGS
from reportgen.analysis.verdicts import UNDECIDED, Claim, Decision
from reportgen.report.document import Evidence, Verdict
from reportgen.settings.model import StatisticsSettings

from .chapter import Chapter, Nearest
from .labels import DissectedModel
from .origins import same_question
from .overlap import overlap
from .rules import DOMINANT_SHARE
from .trend import cochran_armitage

CLAIMS = {
    "D1": "The data set's own concept labels more units than any other concept.",
    "D2": "One unrelated concept dominates a model.",
    "D3": "Colour units increase towards later layers.",
    "D4": "The models differ in what they learn.",
}
Found = tuple[Decision, str, list[Evidence]]
# They are about the classes of the images, not about the units alone.
OF_THE_DATA_SET = ("D1", "D2")
# Units are all there are: no number of images to be explained brings more of them.
OTHER_UNITS = "This counts units, not images: more images do not decide it, other labels or other classes may."
OTHER_LABELS = "Labels from a larger probe set (--probe, or dissection.labels) would let it be decided."


def dissection_findings(chapter: Chapter) -> list[Claim]:
    """One claim each, on the models whose labels rest on enough images; on all of them, undecided, where there is none."""
    models, statistics = chapter.decisive or list(chapter.models), chapter.run.statistics
    makers: dict[str, Callable[[], Found]] = {
        "D1": lambda: own_concept_leads(chapter.nearest, lambda: chapter.nearest_to_any, models),
        "D2": lambda: unrelated_concept_dominates(chapter.nearest, models),
        "D3": lambda: colours_increase(models, statistics),
        "D4": lambda: models_differ(models, statistics, chapter.run.seed),
    }
    return [_claim(id_, make(), chapter) for id_, make in makers.items()]


def own_concept_leads(
    nearest: Mapping[str, Nearest], to_any: Callable[[], Mapping[str, Sequence[str]]], models: Sequence[DissectedModel]
) -> Found:
    """D1, model by model: is the most frequent concept one of those nearest to the images' classes, and would that of as many
    classes drawn at random not be?

    Args:
        to_any: by model the nearest concept of every class that there is; asked for only where an own concept leads.
    """
    decided: list[Decision] = []
    parts, evidence = [], []
    for model in models:
        if not model.counts:
            continue
        own = [concept for _, concept, _ in nearest[model.model]]
        ranks = {concept: rank for concept in own if (rank := model.rank(concept)) is not None}
        best = min(ranks, key=lambda concept: (ranks[concept], concept), default=None)
        leads, p = best is not None and ranks[best] == 1, None
        top, count = next(iter(model.counts.items()))
        said = (
            "none of the images' own concepts labels a unit"
            if best is None
            else f"the best of the images' own is {best}, rank {ranks[best]}"
        )
        if leads:
            concepts = to_any()[model.model]
            leaders = sum(model.rank(concept) == 1 for concept in concepts)
            p = share_of_draws_with_one(len(concepts), leaders, len(own))
            said += (
                f", as a concept of theirs would be in {wording.percent(p)} of draws of {wording.count(len(own), 'class', 'classes')} from "
                f"all {wording.whole(len(concepts))} ({leaders} have that concept)"
            )
            decided.append(Decision("supported" if p < verdicts.ALPHA else "undecided", p))
        else:
            decided.append(Decision("contradicted"))
        parts.append(f"{model.model}: {top} labels most units ({count} of {model.n_units}); {said}")
        evidence.append(
            Evidence(
                name=f"best_rank_of_own_concepts_{model.model}",
                words=f"best rank of a concept nearest to a class of the images, {model.model}",
                value=None if best is None else ranks[best],
                n=model.n_units,
                p=p,
                source="dissection-own-concepts",
            )
        )
    if not parts:
        return UNDECIDED, "No unit is labelled.", []
    text = f"{'; '.join(parts)}."
    if {decision.verdict for decision in decided} == {"contradicted"}:
        return Decision("contradicted"), text, evidence  # a count, and no sample of anything
    if any(decision.verdict == "contradicted" for decision in decided):
        return UNDECIDED, text, evidence
    return verdicts.all_of(decided), text, evidence


def share_of_draws_with_one(classes: int, leaders: int, drawn: int) -> float:
    """How likely at least one of `leaders` is among `drawn` of `classes`, drawn without replacement (hypergeometric)."""
    from scipy.stats import hypergeom

    return float(hypergeom.sf(0, classes, leaders, min(drawn, classes)))


def unrelated_concept_dominates(nearest: Mapping[str, Nearest], models: Sequence[DissectedModel]) -> Found:
    """D2: the most frequent concept that is no image's own; only labelled units count."""
    parts, evidence, shares = [], [], []
    if not any(model.counts for model in models):
        return UNDECIDED, "No unit is labelled.", []
    for model in models:
        own = {concept for _, concept, _ in nearest[model.model]}
        others = [concept for concept in model.counts if concept not in own]
        if not others:
            parts.append(
                f"{model.model}: {'every label is an own concept of an image' if model.counts else 'no unit is labelled'}"
            )
            shares.append(0.0)
            continue
        share = model.share(others[0])
        shares.append(share)
        parts.append(f"{model.model}: {others[0]} labels {wording.percent(share)} of {model.n_units} units")
        evidence.append(
            Evidence(
                name=f"largest_unrelated_share_{model.model}",
                words=f"largest share of units with a concept that is no image's own, {model.model}",
                value=share,
                unit="%",
                n=model.n_units,
                source="dissection-layers",
            )
        )
    verdict: Verdict = "supported" if max(shares, default=0.0) >= DOMINANT_SHARE else "contradicted"
    text = f"{'; '.join(parts)}. A concept is said to dominate from {wording.percent(DOMINANT_SHARE)} of the units."
    return Decision(verdict), text, evidence


def colours_increase(models: Sequence[DissectedModel], statistics: StatisticsSettings) -> Found:
    """D3: a trend test on the share of colour units, units being the observations: a later layer has many times the units."""
    models = [model for model in models if len(model.layers) > 1]
    if not models:
        return Decision("not measured"), "It takes two layers to see a trend, and one was dissected.", []
    decided, parts, evidence = [], [], []
    for model in models:
        counts, sizes = [layer.colour_units for layer in model.layers], [layer.n_units for layer in model.layers]
        found = cochran_armitage(counts, sizes)
        verdict: Verdict = "undecided"
        if found.p is not None and found.p < verdicts.ALPHA / len(models) and abs(found.rise) > statistics.share:
            verdict = "supported" if found.sign > 0 else "contradicted"
        decided.append(Decision(verdict, found.p))
        percents = wording.listed([wording.percent(c / n) for c, n in zip(counts, sizes, strict=True)], most=9)
        tested = (
            "no trend to test"
            if found.p is None
            else f"fitted change {wording.signed(100 * found.rise, 1)} points, {wording.probability(found.p)}"
        )
        of_layers = wording.listed([f"{c} of {n}" for c, n in zip(counts, sizes, strict=True)], most=9)
        said = f"{of_layers} units, {percents} ({tested})" if any(counts) else "no colour unit in any layer"
        parts.append(f"{model.model}: {said}")
        if found.p is None:
            continue
        evidence.append(
            Evidence(
                name=f"rise_colour_share_{model.model}",
                words=f"fitted change of the share of colour units from the first layer to the last, {model.model}",
                value=found.rise,
                unit="%",
                n=found.n,
                p=found.p,
                source="dissection-layers",
            )
        )
    text = f"From the first to the last layer, {'; '.join(parts)}. Layers differ in size, so the share decides, not the count."
    return verdicts.any_of(decided), text, evidence


def models_differ(models: Sequence[DissectedModel], statistics: StatisticsSettings, seed: int) -> Found:
    """D4: overlap between models against the overlap of the halves of the probe set within one."""
    if len(models) < 2:
        return Decision("not measured"), "It takes two models to compare what they learn.", []
    first = models[0].origin.recipe
    comparable = all(same_question(first, model.origin.recipe) for model in models)
    found = overlap(models, seed) if comparable else None
    if found is None:
        why = (
            "it takes labelled units, with labels from two halves of the probe set, in a layer of each"
            if comparable
            else "their labels were made in different ways"
        )
        return UNDECIDED, f"What the models learn cannot be compared: {why}.", []
    apart = found.within - found.between
    verdict: Verdict = "undecided"
    if found.p < verdicts.ALPHA and apart > statistics.iou:
        verdict = "supported"
    text = (
        f"Each labelled by another half of the probe set, two models share {wording.percent(found.between)} of the concepts that label a "
        f"unit in either, on average over {wording.count(found.layers, 'layer')}; the two halves give one model "
        f"{wording.percent(found.within)} in common (units dealt to the models at random: {wording.probability(found.p)})."
    )
    evidence = [
        Evidence(
            name="jaccard_between_models",
            words="overlap of the concepts of two models, each labelled by another half of the probe set, mean",
            value=found.between,
            n=found.units,
            p=found.p,
            source="dissection-overlap",
        ),
        Evidence(
            name="jaccard_of_halves",
            words="overlap of the concepts that the two halves give to one model, mean",
            value=found.within,
            n=found.units,
            source="dissection-overlap",
        ),
    ]
    return Decision(verdict, found.p), text, evidence


def _claim(id_: str, found: Found, chapter: Chapter) -> Claim:
    decision, text, evidence = found
    if not chapter.decisive and decision.verdict != "not measured":
        size = chapter.models[0].origin.n_images or 0
        decision, evidence = UNDECIDED, [one.model_copy(update={"p": None}) for one in evidence]
        text = f"{text} With {wording.count(size, 'probe image')} these are counts of the probe set, and decide nothing about the units."
    elif chapter.decisive and chapter.exploratory:
        left_out = wording.listed([model.model for model in chapter.exploratory])
        text = f"{text} Left out, because too few images made the labels: {left_out}."
    too_few = len(chapter.run.observations) < FEWEST_PAIRINGS
    if id_ in OF_THE_DATA_SET and too_few and decision.verdict in ("supported", "contradicted"):
        few = "Fewer than six different images are no data set to say it of."
        return verdicts.claim(
            id_, "dissection", CLAIMS[id_], Decision("undecided", needs=verdicts.AT_LEAST), f"{text} {few}", evidence
        )
    needs = "" if decision.verdict != "undecided" else OTHER_UNITS if chapter.decisive else OTHER_LABELS
    return verdicts.claim(id_, "dissection", CLAIMS[id_], replace(decision, needs=needs), text, evidence)
