"""What sentences call the parts of the layer that maps are read from: a network of tokens has no channels and pools nothing."""

from __future__ import annotations

from dataclasses import dataclass

from reportgen.analysis import wording
from reportgen.models.classifiers.base import FeatureLayer


@dataclass(frozen=True)
class LayerWords:
    """The words of one layer.

    Attributes:
        unit: what a map is summed over, in the singular: "channel".
        place, places: what the map's cells are, one and several: "position".
        mean: what makes one number of a unit's cells, where the head does that.
    """

    unit: str
    place: str
    places: str
    mean: str

    @property
    def linear_head(self) -> str:
        """A head of the closed form."""
        return f"{self.mean} and one linear layer"


def words_of(layer: FeatureLayer) -> LayerWords:
    """The words of a layer."""
    if layer.kind == "tokens":
        return LayerWords("dimension", "patch", "patches", "the mean over patches")
    return LayerWords("channel", "position", "positions", "global average pooling")


def size_of(layer: FeatureLayer, units: int, grid: tuple[int, int]) -> str:
    """`1280 channels on a 7 × 7 grid`, or `768 dimensions of 196 patches on a 14 × 14 grid`."""
    rows, columns = grid
    counted = wording.count(units, words_of(layer).unit)
    patches = f" of {wording.whole(rows * columns)} patches" if layer.kind == "tokens" else ""
    return f"{counted}{patches} on a {rows} × {columns} grid"


def where(layer: FeatureLayer) -> str:
    """Which layer it is, in a sentence after "read"."""
    named = f" ({layer.path})" if layer.path else ""
    if layer.class_token:
        return f"the output of the normalisation in front of the last attention{named}"
    if layer.kind == "tokens":
        return f"the output of the last layer with patches{named}"
    return f"the output of the last feature stage{named}"


def reading(layer: FeatureLayer) -> str:
    """A sentence on how the logits come from the layer, where that is not from all of it; else nothing."""
    said = []
    others = wording.count(layer.prefix_tokens, "token") if layer.prefix_tokens else ""
    if layer.class_token:
        said.append(
            "The logits of this network are read from a class token, so that patches count by way of attention: behind the last one "
            "they do not count at all, and the layer in front of it is taken."
        )
    if others:
        one = layer.prefix_tokens == 1
        said.append(
            f"Beside the patches the layer has {others} that stand{'s' if one else ''} for no place (class, distillation or register "
            f"tokens): {'it stays as it is, and no map shows it' if one else 'they stay as they are, and no map shows them'}."
        )
    return " ".join(said)


def limits(layer: FeatureLayer) -> list[str]:
    """What maps of this layer cannot show."""
    found = []
    if layer.class_token:
        found.append(
            "In blocks before, the class token may have gathered from the patches already; a class activation map shows what it takes from "
            "them in the last one alone."
        )
    if layer.branches:
        found.append(
            "The logits of this network are read from more than one branch, and a class activation map shows one of them: what the "
            "others see is in no map."
        )
    return found
