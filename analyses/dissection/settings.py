"""The settings of task 1, network dissection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, FiniteFloat

from reportgen.settings.group import PathMark, SettingsGroup

BUILT_IN_CONCEPTS = ("3k", "classes")
# Similarities that weigh a concept by how likely it is for any unit of the layer.
POINTWISE = ("softwpmi", "wpmi")
REFERENCE, OWN = "reference", "own"

Similarity = Literal["softwpmi", "wpmi", "rank_reorder", "cosine", "cosine_cubed"]


class DissectionSettings(SettingsGroup):
    """Network dissection with CLIP-Dissect (docs/methods.md, Network dissection). The probe set is `Settings.probe`."""

    encoder: str = Field(
        "conse", description="conse, open_clip:MODEL/TAG, or open_clip:MODEL with a local file in weights"
    )
    concepts: Annotated[str, PathMark(BUILT_IN_CONCEPTS)] = Field(
        "3k", min_length=1, description="3k, classes, or the path of a text file, one concept a line"
    )
    labels: Annotated[str | None, PathMark((REFERENCE, OWN))] = Field(
        REFERENCE,
        min_length=1,
        description="reference: tables that come along, where there is one for the model; own (or null): made in the run, of its "
        "probe set or images; or the path of a file of labels: of reportgen dissect, or published, layer,unit,description,similarity",
    )
    similarity: Similarity = Field("softwpmi", description="how a unit and a concept are held together")
    top_k: int = Field(100, ge=1, description="images that drive a unit most; never more than the probe set holds")
    temperature: FiniteFloat | None = Field(
        None, gt=0, description="a of softmax(a cos); null: 2 for conse, 10 for open_clip"
    )
    lam: FiniteFloat = Field(
        1.0, ge=0, description="weight of the term that divides by how likely a concept is for any unit"
    )
    min_margin: FiniteFloat | None = Field(
        None,
        ge=0,
        description="a unit whose label leads the runner-up by less is unlabelled; null: the similarity must exceed what shuffled "
        "activations reach in 95 of 100 units",
    )
    layers: dict[str, tuple[str, ...]] = Field({}, description="model name -> modules to dissect, input side first")

    # Named in full: Python 3.10 does not evaluate a plain ClassVar, and pydantic asks it to.
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"writeup": {"encoder": "open_clip:ViT-B-16/openai"}}
