"""Words of the field that a report uses, each with one sentence; an analysis names those that it needs.

Those that depend on how a model's outputs are read stand in `heads`.
"""

from __future__ import annotations

from collections.abc import Iterable

from reportgen.report.document import Term

TERMS = {
    "activation": "What a unit of the network gives out for an input, after its non-linearity.",
    "chance level": "The value that something which knows nothing of the image would reach.",
    "control": "A map that knows nothing of the model, or of the class; a map that does not beat it has shown nothing about them.",
    "forward pass": "One evaluation of the network on one input; the unit in which this report states cost.",
    "Hodges-Lehmann shift": "The median of the means of every two differences: by how much one side is typically larger.",
    "Holm's correction": "Makes each p larger by how many claims are tested, so that the chance of any false verdict stays small.",
    "IoU": "Intersection over union: the area that two masks share, divided by the area that either covers.",
    "Jaccard index": "The IoU of two sets; used here for two masks of one method.",
    "mask": "The pixels that an explanation selects; all others are left out.",
    "other-image IoU": "The IoU of a mask of one image and a mask of another: what both owe to the frame and not to the image.",
    "rank correlation": "Spearman's rho: how alike two orders are, from −1 (reversed) to 1 (the same).",
    "saliency map": "A value for each pixel: how much it speaks for the target class by the method's definition.",
    "seed": "The number that random draws start from; the same seed gives the same draws.",
    "sign-flip test": "How often a mean difference as large would come up if each difference could as well have the other sign.",
    "smallest effect of interest": "A difference that is no larger than this does not matter, however surely it is there.",
    "superpixel": "A connected patch of similar colour; LIME shows or hides it as a whole.",
}


def terms_of(names: Iterable[str], further: Iterable[Term] = ()) -> list[Term]:
    """The terms named, once each, in alphabetical order.

    Args:
        further: terms that analyses bring along.

    Raises:
        KeyError: a term that is not in `TERMS` nor among them; a mistake of the analysis.
    """
    texts = {**TERMS, **{term.term: term.text for term in further}}
    return [Term(term=name, text=texts[name]) for name in sorted(set(names), key=str.lower)]
