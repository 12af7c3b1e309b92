"""`conse`, the embedded encoder: images through their class names (ConSE, Norouzi et al., 2014).

An image's embedding is the probability-weighted mean of the MiniLM embeddings of its ten likeliest class names; a concept's is
MiniLM of the word. It knows what class names mean, and nothing else of a picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reportgen.models.classifiers.registry import resolve
from reportgen.models.encoders import minilm
from reportgen.models.encoders.base import EmbedTexts
from reportgen.settings.model import Settings
from reportgen.utils.json_types import JSON
from reportgen.utils.softmax import softmax

NAME = "conse"
CLASSIFIER = "efficientnet_lite2"
TOP_CLASSES = 10


class Conse:
    """See `reportgen.models.encoders.base.Encoder`."""

    name = NAME
    title = f"ConSE ({CLASSIFIER} and MiniLM)"
    temperature = 2.0
    classifier = CLASSIFIER
    limits = (
        f"The encoder sees an image only through the ten likeliest class names that {CLASSIFIER} gives it. It knows what those names "
        "mean, not what the picture shows: colours, textures and shapes reach it only where a class name implies them.",
    )

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def identity(self) -> Mapping[str, JSON]:
        classifier = resolve(CLASSIFIER, self._settings)
        return {"encoder": NAME, "texts": minilm.identity(), "classifier": classifier.weights_sha256}

    def weights_file(self) -> None:
        """Its classifier has weights of its own."""

    def observe(self, frame: np.ndarray, logits: np.ndarray) -> dict[str, np.ndarray]:
        """`classes` (10,) int64, likeliest first, and their `probabilities` (10,) float64."""
        # Stable: of equally likely classes the one with the lower index counts.
        top = np.argsort(-logits, kind="stable")[:TOP_CLASSES]
        return {"classes": top, "probabilities": softmax(logits.astype(np.float64))[top]}

    def embed_images(self, kept: Sequence[Mapping[str, np.ndarray]], texts: EmbedTexts) -> np.ndarray:
        names = texts(resolve(CLASSIFIER, self._settings).classes.names)
        means = np.stack([image["probabilities"] @ names[image["classes"]] for image in kept])
        values: np.ndarray = (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)
        return values

    def embed_texts(self, words: Sequence[str]) -> np.ndarray:
        return minilm.embed(words)
