"""How labels of units were made, and where those of a model come from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator

from .settings import Similarity

SHA256 = r"^[0-9a-f]{64}$"
# With less than this many times K images units share so many of their top K that labels say little (docs/methods.md).
EXPLORATORY = 10

LONGEST_NAME = 200
Short = Field(max_length=LONGEST_NAME)
MOST = 10**9  # of what a recipe counts


class Recipe(BaseModel):
    """What labels depend on; the block at the head of a label file.

    Attributes:
        probe_images: distinct ones; probe_sha256: of their sorted SHA-256, one a line.
        encoder_identity: what decides its embeddings, names and hashes.
        min_margin: the threshold on the margin, where it replaced the control.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str = Short
    weights_sha256: str = Field(pattern=SHA256)
    probe_images: int = Field(ge=1, le=MOST)
    probe_sha256: str = Field(pattern=SHA256)
    encoder: str = Short
    encoder_title: str = Short
    encoder_identity: dict[str, Any]
    concepts: str = Short
    concepts_size: int = Field(ge=1, le=MOST)
    concepts_sha256: str = Field(pattern=SHA256)
    similarity: Similarity
    temperature: FiniteFloat = Field(gt=0)
    lam: FiniteFloat = Field(ge=0)
    top_k: int = Field(ge=1, le=MOST)
    seed: int = Field(ge=0, lt=2**32)
    min_margin: FiniteFloat | None = None

    @field_validator("encoder_identity")
    @classmethod
    def _plain(cls, identity: dict[str, Any]) -> dict[str, Any]:
        # A file may say NaN or Infinity, which are no JSON.
        json.dumps(identity, allow_nan=False)
        return identity

    @property
    def exploratory(self) -> bool:
        return self.probe_images < EXPLORATORY * self.top_k


@dataclass(frozen=True)
class Origin:
    """Where the labels of a model come from.

    Attributes:
        kind: `images` and `probe` were computed in this run, on its own images or on a probe set; `reference` is a table
            that comes with reportgen, `file` is the user's.
        recipe: None where a file does not say how its labels were made.
        file, sha256: of the file; empty where there is none.
        notes: what a reader should know, a sentence each (why the table that comes along does not apply).
    """

    kind: Literal["images", "probe", "reference", "file"] = "images"
    recipe: Recipe | None = None
    file: str = ""
    sha256: str = ""
    notes: tuple[str, ...] = ()

    @property
    def computed(self) -> bool:
        """Whether this run made the labels."""
        return self.kind in ("images", "probe")

    @property
    def n_images(self) -> int | None:
        return None if self.recipe is None else self.recipe.probe_images

    @property
    def exploratory(self) -> bool:
        """Whether so few images made the labels that they decide nothing; a file that does not say is taken at its word."""
        return self.recipe is not None and self.recipe.exploratory

    @property
    def words(self) -> str:
        """In running text."""
        if self.kind == "reference":
            return "the table that comes with reportgen"
        if self.kind == "file":
            return f"the file {self.file}"
        return "the probe set of this run" if self.kind == "probe" else "the images of this run"
