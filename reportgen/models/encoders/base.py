"""What a concept encoder is: it puts images and words into one space, so that a cosine compares them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from reportgen.utils.json_types import JSON

# Words -> (len(words), D) float32 unit rows.
EmbedTexts = Callable[[Sequence[str]], np.ndarray]


class Encoder(Protocol):
    """One space for images and words.

    Attributes:
        title: its name in running text.
        temperature: a of P = softmax over concepts of a * cos(image, concept) that suits it.
        classifier: the classifier whose class probabilities it reads, or None where it looks at the pixels.
        limits: what its labels cannot mean, one sentence each.
    """

    name: str
    title: str
    temperature: float

    @property
    def classifier(self) -> str | None: ...

    @property
    def limits(self) -> Sequence[str]: ...

    def identity(self) -> Mapping[str, JSON]:
        """What decides its embeddings: names and hashes; part of every key.

        Raises:
            MissingWeights: its weights are not on this machine.
        """

    def weights_file(self) -> Path | None:
        """The file of its own weights, which the setting `weights` may name; None where it has none.

        Raises:
            MissingWeights: it is not on this machine.
        """

    def observe(self, frame: np.ndarray, logits: np.ndarray) -> dict[str, np.ndarray]:
        """What is kept of one image, small: arrays by name.

        Args:
            frame: (H, W, 3) uint8, the input frame of the model that is mapped.
            logits: (classes,) of that model; `classifier`'s, where the encoder names one.
        """

    def embed_images(self, kept: Sequence[Mapping[str, np.ndarray]], texts: EmbedTexts) -> np.ndarray:
        """(N, D) float32 unit rows from what `observe` kept of N images; `texts` is `embed_texts`, cached."""

    def embed_texts(self, words: Sequence[str]) -> np.ndarray:
        """(len(words), D) float32 unit rows; loads the text model."""
