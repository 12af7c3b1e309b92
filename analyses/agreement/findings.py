"""The write-up's claims about the agreement of Grad-CAM and LIME (L2, L3, A1 to A4), each decided on the run's data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from reportgen.analysis import evidence, verdicts, wording
from reportgen.analysis.stats import Correlation, paired, spearman
from reportgen.analysis.verdicts import Claim, Decision
from reportgen.report.document import Evidence
from reportgen.settings.model import StatisticsSettings

from .other_images import Agreed, Compared
from .result import Complexity

Entries = Sequence[Compared]
# By key in report.json: words, and the value.
COMPLEXITY: dict[str, tuple[str, Callable[[Complexity], float]]] = {
    "superpixels": ("number of superpixels", lambda complexity: complexity.superpixels),
    "edge_density": ("edge density", lambda complexity: complexity.edge_density),
    "entropy": ("grey-level entropy", lambda complexity: complexity.entropy),
}
# What goes with complexity: words, and the value.
OUTCOMES: dict[str, tuple[str, Callable[[Compared], float | None]]] = {
    "iou": ("IoU", lambda image: image.masks.iou),
    "iou_above_other_images": ("IoU above other images", lambda image: image.above_others),
}
CLAIMS = {
    "L2": "LIME and Grad-CAM are generally consistent.",
    "L3": "LIME marks smaller regions than Grad-CAM.",
    "A1": "Agreement is higher for simple images.",
    "A2": "LIME follows edges in the image better than Grad-CAM.",
    "A3": "Grad-CAM's region is one contiguous blob, LIME's is discrete.",
    "A4": "The IoU measures how consistent the two methods are.",
}


def agreement_findings(agreed: Agreed, smallest: StatisticsSettings) -> list[Claim]:
    """Every finding of the section, over the observations of a run."""
    entries = agreed.observed
    return [
        consistent(agreed, smallest),
        lime_smaller(entries, smallest),
        simple_images_agree_more(entries, smallest),
        lime_follows_boundaries(entries, smallest),
        one_blob(entries),
        iou_measures_consistency(agreed, smallest),
    ]


def consistent(agreed: Agreed, smallest: StatisticsSettings) -> Claim:
    """L2: the IoU of the two masks of one image against that of the masks of two images, by permuting the pairing."""
    found = agreed.pairing
    if found is None:
        return _claim("L2", Decision("not measured"), "No image has an IoU: both masks are empty everywhere.")
    known = [e.masks for e in agreed.observed if e.masks.iou is not None]
    text = f"The mean IoU of Grad-CAM's and LIME's masks of one image is {found.own:.3f} over {wording.count(found.n, 'image')}. "
    if found.other is None:
        text += "With a single image there is no other to compare it with."
    else:
        text += f"Of the masks of two different images it is {found.other:.3f} (the other-image IoU). "
        text += (
            f"Masks paired at random reach {found.own:.3f} with {wording.probability(found.p)} ({wording.permutations(found)}"
            f"{wording.small(found.n)})."
            if found.p is not None
            else "With so few images a permutation of the pairing decides nothing."
        )
    numbers = evidence.pairing("iou", "IoU of Grad-CAM's and LIME's masks", found, "agreement")
    gaussian = [(m.iou, m.iou_gaussian) for m in known if m.iou is not None and m.iou_gaussian is not None]
    if gaussian:
        by = paired([own for own, _ in gaussian], [control for _, control in gaussian])
        level = float(np.mean([control for _, control in gaussian]))
        side = "above" if by.shift > 0 else "below"
        text += (
            f" A centred Gaussian cut to Grad-CAM's area, which has seen nothing, reaches {level:.3f} with LIME's masks; Grad-CAM lies "
            f"{side} it {wording.by_shift(by, lambda v: f'{v:.3f}')} ({wording.tested(by)})."
        )
        words = "IoU with LIME's mask, Grad-CAM minus a centred Gaussian of the same area"
        numbers.append(evidence.shift("iou_minus_gaussian", words, by, "agreement"))
    return _claim("L2", verdicts.of_pairing(found, smallest.iou), text, numbers)


def lime_smaller(entries: Entries, smallest: StatisticsSettings) -> Claim:
    """L3: paired areas of the masks."""
    by = paired([e.masks.cam_area for e in entries], [e.masks.lime_area for e in entries])
    word = "smaller" if by.shift > 0 else "larger" if by.shift < 0 else "no other in area"
    amount = f" {wording.by_shift(by, lambda v: f'{v * 100:.1f}', ' % of the frame')}" if by.shift else ""
    text = (
        f"LIME's mask is {word} than Grad-CAM's{amount} ({wording.tested(by)}). How large either is follows from its own rule: a "
        "threshold here, a number of superpixels there."
    )
    number = evidence.shift("cam_area_minus_lime_area", "Area of the mask, Grad-CAM minus LIME", by, "agreement", "%")
    return _claim("L3", verdicts.of_paired(by, smallest.area), text, [number])


def simple_images_agree_more(entries: Entries, smallest: StatisticsSettings) -> Claim:
    """A1: rank correlation of the IoU, raw and above other images, with each computed complexity."""
    tests = len(COMPLEXITY) * len(OUTCOMES)
    decided: list[Decision] = []
    parts, numbers = [], []
    known = [e for e in entries if e.masks.iou is not None]
    for key, (words, of) in COMPLEXITY.items():
        said = []
        for name, (outcome, value) in OUTCOMES.items():
            both = [(of(e.masks.complexity), v) for e in known if (v := value(e)) is not None]
            found = spearman([v for _, v in both], [c for c, _ in both])
            decided.append(verdicts.of_correlation(found, -1, smallest.correlation, tests))
            numbers.append(
                evidence.rho(
                    f"rho_{name}_{key}", f"Rank correlation of {outcome} and {words}", found, "agreement-complexity"
                )
            )
            if found.rho is not None:
                said.append(f"{'' if name == 'iou' else 'above other images '}{_rho(found)}")
        if said:
            parts.append(f"{words} rho {', '.join(said)}")
    if not parts:
        text = f"With {wording.count(len(known), 'image')} no rank correlation can be computed."
        return _claim("A1", verdicts.any_of(decided), text, numbers)
    least = min((e.p for e in numbers if e.p is not None), default=1.0)
    text = (
        f"If simple images agreed more, the IoU would fall with complexity. Over {wording.count(len(known), 'image')}"
        f"{wording.small(len(known))}: {'; '.join(parts)}. The smallest of {tests} p-values is {least:.3f}; with so many "
        f"tests of one claim it has to be below {verdicts.ALPHA / tests:.3f}."
    )
    return _claim("A1", verdicts.any_of(decided), text, numbers)


def lime_follows_boundaries(entries: Entries, smallest: StatisticsSettings) -> Claim:
    """A2: the image's gradient along the masks' borders, against each other and against shifted masks."""
    known = [e.masks.edge_gradient for e in entries if e.masks.edge_gradient.known]
    if not known:
        return _claim("A2", Decision("not measured"), "No image has two masks with a border inside the frame.")
    lime, gradcam, shifted = (
        [float(getattr(e, key) or 0.0) for e in known] for key in ("lime", "gradcam", "shifted_lime")
    )
    against_cam, against_chance = paired(lime, gradcam), paired(lime, shifted)
    text = (
        f"The image's gradient along the border of LIME's mask has median {np.median(lime):.3f}, along Grad-CAM's {np.median(gradcam):.3f} "
        f"({wording.tested(against_cam)}), and {np.median(shifted):.3f} along LIME's mask shifted at random "
        f"({wording.tested(against_chance)}). Superpixels are cut along edges, so this is a property of the segmentation; that the edges "
        "are the object's takes boxes or masks to say."
    )
    words = "Gradient along the border of LIME's mask minus that along"
    numbers = [
        evidence.shift("lime_minus_gradcam_edge_gradient", f"{words} Grad-CAM's", against_cam, "agreement-regions"),
        evidence.shift(
            "lime_minus_shifted_edge_gradient",
            f"{words} LIME's mask shifted at random",
            against_chance,
            "agreement-regions",
        ),
    ]
    both = [verdicts.of_paired(by, smallest.gradient) for by in (against_cam, against_chance)]
    return _claim("A2", verdicts.all_of(both), text, numbers)


def one_blob(entries: Entries) -> Claim:
    """A3: connected components of each mask; both halves of the claim must hold."""
    known = [e.masks.components for e in entries if e.masks.components.gradcam and e.masks.components.lime]
    if not known:
        return _claim("A3", Decision("not measured"), "No image has two masks that are not empty.")
    n = len(known)
    one = sum(parts.gradcam == 1 for parts in known)
    many = sum(parts.lime > 1 for parts in known)
    lime = [parts.lime for parts in known]
    text = (
        f"Grad-CAM's mask is one connected region on {one} of {wording.count(n, 'image')}; LIME's is in more than one part on {many}, "
        f"with a median of {np.median(lime):.0f} parts (from {min(lime)} to {max(lime)}){wording.small(n)}."
    )
    numbers = [
        Evidence(
            name="gradcam_one_component",
            words="Images on which Grad-CAM's mask is one connected region",
            value=one,
            n=n,
            source="agreement-regions",
        ),
        Evidence(
            name="lime_several_components",
            words="Images on which LIME's mask is in several parts",
            value=many,
            n=n,
            source="agreement-regions",
        ),
    ]
    both = [verdicts.of_majority(one, n - one), verdicts.of_majority(many, n - many)]
    return _claim("A3", verdicts.all_of(both), text, numbers)


def iou_measures_consistency(agreed: Agreed, smallest: StatisticsSettings) -> Claim:
    """A4: the IoU is larger than that of other images, and does not merely follow the masks' areas (chance level and ceiling)."""
    known = [e.masks for e in agreed.observed if e.masks.iou is not None]
    iou = [m.iou for m in known if m.iou is not None]
    follows = {
        "chance level": spearman(iou, [m.chance for m in known if m.chance is not None]),
        "ceiling": spearman(iou, [m.ceiling for m in known if m.ceiling is not None]),
    }
    numbers = [
        evidence.rho(
            f"rho_iou_{name.replace(' ', '_')}", f"Rank correlation of IoU and its {name} by area", c, "agreement"
        )
        for name, c in follows.items()
    ]
    independent = [verdicts.of_independence(c, smallest.shared) for c in follows.values()]
    if all(c.rho is None for c in follows.values()):
        text = f"With {wording.count(len(known), 'image')} it cannot be told how far the IoU follows the areas."
        return _claim("A4", verdicts.all_of(independent), text, numbers)
    own = verdicts.of_pairing(agreed.pairing, smallest.iou) if agreed.pairing else verdicts.UNDECIDED
    parts = [f"with its {name} by rho {_with_interval(c)}" for name, c in follows.items() if c.rho is not None]
    text = (
        f"Over {wording.count(len(known), 'image')}{wording.small(len(known))}: the IoU correlates {' and '.join(parts)}. The more it "
        f"follows "
        "them, the more a raw IoU measures how large the masks are; that it does not is shown only where both are shown to lie within "
        f"±{smallest.shared:g}. That it is larger than the IoU of other images is L2's test."
    )
    return _claim("A4", verdicts.all_of([own, *independent]), text, numbers)


def _claim(id_: str, decision: Decision, text: str, numbers: Sequence[Evidence] = ()) -> Claim:
    section = "lime" if id_.startswith("L") else "agreement"
    return verdicts.claim(id_, section, CLAIMS[id_], decision, text, numbers)


def _rho(c: Correlation) -> str:
    return "undefined" if c.rho is None or c.p is None else f"{wording.signed(c.rho)} ({wording.probability(c.p)})"


def _with_interval(c: Correlation) -> str:
    if c.rho is None:
        return "undefined"
    interval = f" (95 % interval {wording.signed(c.ci[0])} to {wording.signed(c.ci[1])})" if c.ci else ""
    return f"{wording.signed(c.rho)}{interval}"
