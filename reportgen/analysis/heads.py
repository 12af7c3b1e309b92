"""What a report says of how a model's outputs are read (`HeadKind`): sentences, words in a table, and the glossary's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reportgen.models.classifiers.base import Activation, ClassList
from reportgen.report.blocks import Text
from reportgen.report.document import Term
from reportgen.report.provenance import HeadKind

ACTIVATIONS: Mapping[HeadKind, Activation] = {"softmax": "softmax", "binary": "sigmoid", "multilabel": "sigmoid"}
# The class that is explained on each image.
TARGETS: Mapping[HeadKind, str] = {
    "softmax": "top-1 prediction of each image",
    "binary": "the likelier of the two classes, on each image",
    "multilabel": "the class with the largest probability, on each image",
}
_NAMES: Mapping[HeadKind, str] = {
    "softmax": "a softmax over the classes",
    "binary": "one output",
    "multilabel": "a multi-label head",
}
_TERMS: Mapping[str, Mapping[HeadKind, str]] = {
    "logit": {
        "softmax": "The network's score of a class before the softmax; it can be negative.",
        "binary": "The network's one output, before the sigmoid, is the logit of the second class; its negative is that of the first.",
        "multilabel": "The network's score of a class before the sigmoid; it can be negative.",
    },
    "probability": {
        "softmax": "The softmax of the logits: positive, and one in total over the classes. It is no measure of being right.",
        "binary": "The sigmoid of the logit; those of the two classes are one in total. It is no measure of being right.",
        "multilabel": "The sigmoid of the logit, for each class by itself: those of several classes can be large, or of none. It is no "
        "measure of being right.",
    },
    "target class": {
        "softmax": "The class that is explained: here the model's own first choice.",
        "binary": "The class that is explained: here the likelier of the two.",
        "multilabel": "The class that is explained: here the one to which the model gives the largest probability.",
    },
}


def head_note(kind: HeadKind, classes: ClassList) -> list[Text]:
    """A paragraph on how the model's outputs become probabilities, where that is not what a reader takes for granted."""
    if kind == "softmax":
        return []
    if kind == "binary":
        low, high = classes.names
        text = (
            f"The network has one output z: the probability of {high} is the sigmoid of z, that of {low} is one minus it, and their "
            "logits are z and −z. The likelier of the two is explained."
        )
    else:
        text = (
            "The network's head is read as multi-label: each class has a probability of its own, the sigmoid of its logit, and they "
            "need not sum to 1. The class with the largest is explained."
        )
    return [Text(text=text)]


def head_terms(kinds: Iterable[HeadKind]) -> list[Term]:
    """The glossary's terms that depend on how outputs are read; where models differ in that, each with its own sentence."""
    different = list(dict.fromkeys(kinds))
    if len(different) == 1:
        return [Term(term=term, text=texts[different[0]]) for term, texts in _TERMS.items()]
    return [
        Term(term=term, text=" ".join(f"With {_NAMES[kind]}, {_lowered(texts[kind])}" for kind in different))
        for term, texts in _TERMS.items()
    ]


def _lowered(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
