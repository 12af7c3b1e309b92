"""What the run knows before it labels: probe set, concept set, encoder, and the cosines between images and concepts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reportgen.analysis.run_view import RunView
from reportgen.models.encoders import Encoder
from reportgen.storage.store import Result
from reportgen.utils.json_types import JSON

from .concepts import ConceptSet, concept_set
from .labels import Dissected, label_layer

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


def probe(run: RunView) -> Probing:
    """Embed images and words; no text model is loaded where the store has the words."""
    settings = run.settings
    encoder = run.encoder(settings.encoder)
    concepts = concept_set(settings.concepts, run.classes.names)

    def texts(words: Sequence[str]) -> np.ndarray:
        parts: JSON = ["texts", TEXTS_VERSION, encoder.identity(), list(words)]
        return run.cached(parts, Result, lambda: Result({}, {"embeddings": encoder.embed_texts(words)})).arrays[
            "embeddings"
        ]

    n = len(run.probe.names)
    model = encoder.classifier or run.models[0]
    kept = [run.probe.result("embedding", image, Result, model).arrays for image in range(n)]
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


def dissect(run: RunView, probing: Probing) -> Iterator[Dissected]:
    """Label every unit of every model, a model at a time: activations of one are in memory."""
    settings = run.settings
    for model in run.models:
        first = run.probe.result("dissection", 0, Result, model)
        stages = first.values["stages"]
        activations = {stage: np.empty((probing.n_images, len(first.arrays[stage])), np.float32) for stage in stages}
        for image in range(probing.n_images):
            arrays = run.probe.result("dissection", image, Result, model).arrays
            for stage in stages:
                activations[stage][image] = arrays[stage]
        yield Dissected(
            model,
            tuple(
                label_layer(
                    stage,
                    activations[stage],
                    probing.cosines,
                    probing.concepts.words,
                    settings,
                    probing.temperature,
                    run.seed,
                )
                for stage in stages
            ),
        )
