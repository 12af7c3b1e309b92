"""The write-up's claims about the agreement of Grad-CAM and LIME (L2, L3, A1 to A4), each decided on the run's data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np

from reportgen.analysis import verdicts, wording
from reportgen.analysis.stats import Correlation, Paired, paired, spearman
from reportgen.report.document import Evidence, Finding, Verdict

from .result import Comparison, Complexity

Entries = Sequence[Comparison]
# By key in report.json: words, and the value.
COMPLEXITY: dict[str, tuple[str, Callable[[Complexity], float]]] = {
    "superpixels": ("number of superpixels", lambda complexity: complexity.superpixels),
    "edge_density": ("edge density", lambda complexity: complexity.edge_density),
    "entropy": ("grey-level entropy", lambda complexity: complexity.entropy),
}
CLAIMS = {
    "L2": "LIME and Grad-CAM are generally consistent.",
    "L3": "LIME marks smaller regions than Grad-CAM.",
    "A1": "Agreement is higher for simple images.",
    "A2": "LIME follows edges in the image better than Grad-CAM.",
    "A3": "Grad-CAM's region is one contiguous blob, LIME's is discrete.",
    "A4": "The IoU measures how consistent the two methods are.",
}


def agreement_findings(entries: Entries) -> list[Finding]:
    """Every finding of the section; `entries` are its per-image numbers."""
    return [
        consistent(entries),
        lime_smaller(entries),
        simple_images_agree_more(entries),
        lime_follows_boundaries(entries),
        one_blob(entries),
        iou_measures_consistency(entries),
    ]


def consistent(entries: Entries) -> Finding:
    """L2: on how many images the IoU lies above its chance level, and by how much."""
    known = [(e.iou, e.chance) for e in entries if e.iou is not None and e.chance is not None]
    if not known:
        return _finding("L2", "not measured", "No image has an IoU: both masks are empty everywhere.")
    above = sum(iou > chance for iou, chance in known)
    below = sum(iou < chance for iou, chance in known)
    by = paired([iou for iou, _ in known], [chance for _, chance in known])
    text = (
        f"The IoU lies above chance on {above} of {wording.count(len(known), 'image')}, by a median of {by.median:+.3f} "
        f"({wording.tested(by)})."
    )
    evidence = [
        Evidence(name="iou_above_chance", value=above, n=len(known), p=by.p, source="agreement"),
        _evidence("iou_minus_chance", by, "agreement"),
    ]
    return _finding("L2", verdicts.of_majority(above, below), text, evidence)


def lime_smaller(entries: Entries) -> Finding:
    """L3: paired areas of the masks."""
    by = paired([e.cam_area for e in entries], [e.lime_area for e in entries])
    word = "smaller" if by.median > 0 else "larger"
    text = (
        f"LIME's mask is {word} than Grad-CAM's by a median of {wording.percent(abs(by.median))} of the frame "
        f"({wording.tested(by)}). How large either is follows from its own rule: a threshold here, a number of superpixels there."
    )
    return _finding("L3", verdicts.of_paired(by), text, [_evidence("cam_area_minus_lime_area", by, "agreement")])


def simple_images_agree_more(entries: Entries) -> Finding:
    """A1: rank correlation of the IoU, raw and above chance, with each computed complexity."""
    known = _with_iou(entries)
    outcomes = {
        "iou": [e.iou for e in known if e.iou is not None],
        "iou_above_chance": [above for e in known if (above := e.above_chance) is not None],
    }
    tests = len(COMPLEXITY) * len(outcomes)
    decided: list[Verdict] = []
    parts, evidence = [], []
    for key, (words, of) in COMPLEXITY.items():
        complexity = [of(e.complexity) for e in known]
        found = {name: spearman(values, complexity) for name, values in outcomes.items()}
        decided += [verdicts.of_correlation(c, -1, tests) for c in found.values()]
        if found["iou"].rho is not None:
            parts.append(f"{words} rho {_rho(found['iou'])}, above chance {_rho(found['iou_above_chance'])}")
        evidence += [
            Evidence(name=f"rho_{name}_{key}", value=c.rho, n=c.n, p=c.p, source="agreement-complexity")
            for name, c in found.items()
        ]
    if not parts:
        return _finding(
            "A1",
            "undecided",
            f"With {wording.count(len(known), 'image')} no rank correlation can be computed.",
            evidence,
        )
    smallest = min((e.p for e in evidence if e.p is not None), default=1.0)
    text = (
        f"If simple images agreed more, the IoU would fall with complexity. Over {wording.count(len(known), 'image')}"
        f"{wording.small(len(known))}: {'; '.join(parts)}. The smallest of {tests} p-values is {smallest:.3f}; with so many "
        f"tests it has to be below {verdicts.ALPHA / tests:.3f}."
    )
    return _finding("A1", verdicts.combined(decided), text, evidence)


def lime_follows_boundaries(entries: Entries) -> Finding:
    """A2: the image's gradient along the masks' borders, against each other and against shifted masks."""
    known = [asdict(e.edge_gradient) for e in entries if e.edge_gradient.known]
    if not known:
        return _finding("A2", "not measured", "No image has two masks with a border inside the frame.")
    against_cam = paired([e["lime"] for e in known], [e["gradcam"] for e in known])
    against_chance = paired([e["lime"] for e in known], [e["shifted_lime"] for e in known])
    medians = {key: float(np.median([e[key] for e in known])) for key in known[0]}
    text = (
        f"The image's gradient along the border of LIME's mask has median {medians['lime']:.3f}, along Grad-CAM's {medians['gradcam']:.3f} "
        f"({wording.tested(against_cam)}), and {medians['shifted_lime']:.3f} along LIME's mask shifted at random. Superpixels are cut "
        "along edges, so this is a property of the segmentation; that the edges are the object's takes boxes or masks to say."
    )
    evidence = [
        _evidence("lime_minus_gradcam_edge_gradient", against_cam, "agreement-regions"),
        _evidence("lime_minus_shifted_edge_gradient", against_chance, "agreement-regions"),
    ]
    both = (verdicts.of_paired(against_cam), verdicts.of_paired(against_chance))
    return _finding("A2", verdicts.of_all(both), text, evidence)


def one_blob(entries: Entries) -> Finding:
    """A3: connected components of each mask; both halves of the claim must hold."""
    known = [e.components for e in entries if e.components.gradcam and e.components.lime]
    if not known:
        return _finding("A3", "not measured", "No image has two masks that are not empty.")
    n = len(known)
    one = sum(parts.gradcam == 1 for parts in known)
    many = sum(parts.lime > 1 for parts in known)
    lime = [parts.lime for parts in known]
    both = (verdicts.of_majority(one, n - one), verdicts.of_majority(many, n - many))
    text = (
        f"Grad-CAM's mask is one connected region on {one} of {wording.count(n, 'image')}; LIME's is in more than one part on {many}, "
        f"with a median of {np.median(lime):.0f} parts (from {min(lime)} to {max(lime)}){wording.small(n)}."
    )
    evidence = [
        Evidence(name="gradcam_one_component", value=one, n=n, source="agreement-regions"),
        Evidence(name="lime_several_components", value=many, n=n, source="agreement-regions"),
    ]
    return _finding("A3", verdicts.of_all(both), text, evidence)


def iou_measures_consistency(entries: Entries) -> Finding:
    """A4: the IoU lies above chance, and does not merely follow the masks' areas (chance level and ceiling)."""
    known = _with_iou(entries)
    iou = [e.iou for e in known if e.iou is not None]
    chance = spearman(iou, [e.chance for e in known if e.chance is not None])
    ceiling = spearman(iou, [e.ceiling for e in known if e.ceiling is not None])
    above = sum(e.above_chance is not None and e.above_chance > 0 for e in known)
    follows = {"chance level": chance, "ceiling": ceiling}
    decided = [verdicts.of_majority(above, len(known) - above), *map(verdicts.of_independence, follows.values())]
    evidence = [
        Evidence(name=f"rho_iou_{name.replace(' ', '_')}", value=c.rho, n=c.n, ci=c.ci, source="agreement")
        for name, c in follows.items()
    ]
    if chance.rho is None:
        text = f"With {wording.count(len(known), 'image')} it cannot be told how far the IoU follows the areas."
        return _finding("A4", "undecided", text, evidence)
    parts = [f"with its {name} by rho {_with_interval(c)}" for name, c in follows.items() if c.rho is not None]
    text = (
        f"Over {wording.count(len(known), 'image')}{wording.small(len(known))}: the IoU goes {' and '.join(parts)}; it exceeds the chance "
        f"level of its areas on {above}. The more it follows them, the more a raw IoU measures how large the masks are; from rho "
        f"{verdicts.MOST_SHARED_RHO:.2f} on they explain half of its order."
    )
    return _finding("A4", verdicts.of_all(decided), text, evidence)


def _finding(claim: str, verdict: Verdict, text: str, evidence: Sequence[Evidence] = ()) -> Finding:
    section = "lime" if claim.startswith("L") else "agreement"
    return Finding(id=claim, section=section, claim=CLAIMS[claim], verdict=verdict, text=text, evidence=list(evidence))


def _with_iou(entries: Entries) -> list[Comparison]:
    return [entry for entry in entries if entry.iou is not None]


def _rho(c: Correlation) -> str:
    return "undefined" if c.rho is None or c.p is None else f"{c.rho:+.2f} ({wording.probability(c.p)})"


def _with_interval(c: Correlation) -> str:
    interval = f" (95 % interval {c.ci[0]:+.2f} to {c.ci[1]:+.2f})" if c.ci else ""
    return f"{c.rho:+.2f}{interval}"


def _evidence(name: str, by: Paired, source: str) -> Evidence:
    return Evidence(name=name, value=by.median, n=by.n, ci=by.ci, p=by.p, source=source)
