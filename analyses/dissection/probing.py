"""What the run knows before it labels: probe set, concept set, encoder, and the cosines between images and concepts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reportgen.analysis.run_view import RunView
from reportgen.models.encoders.base import Encoder
from reportgen.utils.json_types import JSON

from .concepts import ConceptSet, concept_set
from .labels import DissectedModel, label_layer
from .result import DissectionResult, EmbeddingResult, TextEmbeddings
from .settings import DissectionSettings

DissectionRun = RunView[DissectionSettings]
TEXTS_VERSION = "1"
# With at most this many times K images, every unit's top K are nearly the same images (docs/methods.md, Network dissection).
EXPLORATORY = 10


@dataclass(frozen=True)
class Probing:
    """The images, the words, and the space that compares them.

    Attributes:
        cosines: (N, concepts) float32, of each probe image with each concept.
        label_names: the distinct classes of the run's images, labels where they are known, else predictions.
        label_cosines: (len(label_names), concepts) float32, of the class name with each concept.
    """

    encoder: Encoder
    temperature: float
    concepts: ConceptSet
    cosines: np.ndarray
    label_names: tuple[str, ...]
    label_cosines: np.ndarray
    n_images: int
    top_k: int

    @property
    def exploratory(self) -> bool:
        return self.n_images <= EXPLORATORY * self.top_k

    def nearest_concepts(self) -> Iterator[tuple[str, str, float]]:
        """For each of the images' classes: its name, the concept whose embedding is nearest, and their cosine."""
        for name, cosines in zip(self.label_names, self.label_cosines, strict=True):
            best = int(cosines.argmax())
            yield name, self.concepts.words[best], float(cosines[best])


def probe(run: DissectionRun) -> Probing:
    """Embed images and words; no text model is loaded where the store has the words."""
    settings = run.settings
    encoder = run.encoder(settings.encoder)
    concepts = concept_set(settings.concepts, run.classes.names)

    def texts(words: Sequence[str]) -> np.ndarray:
        parts: JSON = ["texts", TEXTS_VERSION, encoder.identity(), list(words)]
        return run.cached(parts, TextEmbeddings, lambda: TextEmbeddings(encoder.embed_texts(words))).rows

    n = len(run.probe.names)
    model = encoder.classifier or run.models[0]
    kept = [run.probe.result("embedding", image, EmbeddingResult, model).kept for image in range(n)]
    words = texts(concepts.words)
    names = tuple(dict.fromkeys((image.label or image.target).name for image in run.images))
    return Probing(
        encoder=encoder,
        temperature=settings.temperature or encoder.temperature,
        concepts=concepts,
        cosines=encoder.embed_images(kept, texts) @ words.T,
        label_names=names,
        label_cosines=texts(names) @ words.T,
        n_images=n,
        top_k=min(settings.top_k, n),
    )


def dissect(run: DissectionRun, probing: Probing) -> Iterator[DissectedModel]:
    """Label every unit of every model, a model at a time: activations of one are in memory."""
    for model in run.models:
        layers = (
            label_layer(
                stage, means, probing.cosines, probing.concepts.words, run.settings, probing.temperature, run.seed
            )
            for stage, means in _activations(run, model, probing.n_images).items()
        )
        yield DissectedModel(model, tuple(layers))


def _activations(run: DissectionRun, model: str, n_images: int) -> dict[str, np.ndarray]:
    """By stage, input side first: (N, units) float32, spatially averaged, over the N probe images."""
    first = run.probe.result("dissection", 0, DissectionResult, model).means
    activations = {stage: np.empty((n_images, len(units)), np.float32) for stage, units in first.items()}
    for image in range(n_images):
        for stage, units in run.probe.result("dissection", image, DissectionResult, model).means.items():
            activations[stage][image] = units
    return activations
