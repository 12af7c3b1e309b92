"""What is known before units are labelled (probe set, concept set, encoder, cosines of images and concepts), and the labelling."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reportgen.analysis.run_view import ProbeView, RunView
from reportgen.models.encoders.base import EmbedTexts, Encoder
from reportgen.utils.json_types import JSON

from .concepts import ConceptSet, concept_set
from .labelling import Task, label_layer, labelled
from .labels import DissectedModel, Layer
from .recipe import LONGEST_NAME, Origin, Recipe
from .result import DissectionResult, EmbeddingResult
from .settings import DissectionSettings

DissectionRun = RunView[DissectionSettings]
DissectionProbe = ProbeView[DissectionSettings]
# Raised when the same activations give other labels.
LABELS_VERSION = "2"


@dataclass(frozen=True)
class LabelledLayers:
    """What labelling one model gives, as the store keeps it."""

    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class Probing:
    """The images, the words, and the space that compares them.

    Attributes:
        images: positions in the probe set of the images that count, byte-equal copies once.
        cosines: (N, concepts) float32, of each of them with each concept.
        rows: (concepts, D) float32: the concepts in the encoder's space.
        texts: words -> their rows.
    """

    encoder: Encoder
    temperature: float
    concepts: ConceptSet
    images: tuple[int, ...]
    cosines: np.ndarray
    rows: np.ndarray
    texts: EmbedTexts
    top_k: int

    @property
    def n_images(self) -> int:
        return len(self.images)

    def nearest(self, names: Sequence[str], words: Sequence[str] | None = None) -> list[tuple[str, str, float]]:
        """For each class name: the concept whose embedding is nearest, of the run's set or of `words`, and their cosine."""
        if not names:
            return []
        among = self.concepts.words if words is None else words
        cosines = self.texts(names) @ (self.rows if words is None else self.texts(among)).T
        return [
            (name, among[best], float(row[best]))
            for name, row, best in zip(names, cosines, cosines.argmax(axis=1), strict=True)
        ]


def probe(run: DissectionProbe) -> Probing:
    """Embed images and words."""
    settings = run.settings
    encoder = run.encoder(settings.encoder)
    concepts = concept_set(settings.concepts, run.classes.names)

    def texts(words: Sequence[str]) -> np.ndarray:
        return run.texts(settings.encoder, words)

    images = tuple(run.probe.observations)
    model = encoder.classifier or run.models[0]
    kept = [run.probe.result("embedding", image, EmbeddingResult, model).kept for image in images]
    rows = texts(concepts.words)
    return Probing(
        encoder=encoder,
        temperature=settings.temperature or encoder.temperature,
        concepts=concepts,
        images=images,
        cosines=encoder.embed_images(kept, texts) @ rows.T,
        rows=rows,
        texts=texts,
        top_k=min(settings.top_k, len(images)),
    )


def dissect(run: DissectionProbe, probing: Probing, models: Sequence[str]) -> Iterator[DissectedModel]:
    """Label every unit of every model, a model at a time: activations of one are in memory."""
    for model in models:
        yield DissectedModel(
            model,
            _labelled(run, probing, model),
            Origin("probe" if run.has_probe else "images", recipe(run, probing, model)),
        )


def recipe(run: DissectionProbe, probing: Probing, model: str) -> Recipe:
    """How this run labels the units of a model."""
    settings, hashes = run.settings, sorted(run.probe.hashes[image] for image in probing.images)
    return Recipe(
        model=model,
        weights_sha256=run.weights[model],
        probe_images=probing.n_images,
        probe_sha256=hashlib.sha256("\n".join(hashes).encode()).hexdigest(),
        encoder=probing.encoder.name,
        encoder_title=probing.encoder.title,
        encoder_identity=dict(probing.encoder.identity()),
        # The name of a file, which may be longer, and have blanks that a file of labels has not.
        concepts=" ".join(probing.concepts.name.split())[:LONGEST_NAME],
        concepts_size=len(probing.concepts.words),
        concepts_sha256=probing.concepts.sha256,
        similarity=settings.similarity,
        temperature=probing.temperature,
        lam=settings.lam,
        top_k=probing.top_k,
        seed=run.seed,
        min_margin=settings.min_margin,
    )


def _labelled(run: DissectionProbe, probing: Probing, model: str) -> tuple[Layer, ...]:
    """The layers of a model; kept by the bytes of what they are made from, and the threshold applied to what was kept."""
    settings = run.settings
    activations = _activations(run, probing, model)
    any_threshold = settings.model_copy(update={"min_margin": None})
    task = Task(probing.cosines, probing.concepts.words, probing.rows, any_threshold, probing.temperature, run.seed)
    made_from = [task.cosines, task.rows, *activations.values()]
    parts: JSON = [
        "unit labels",
        LABELS_VERSION,
        [hashlib.sha256(array.tobytes()).hexdigest() for array in made_from],
        list(activations),
        probing.concepts.sha256,
        [settings.similarity, probing.temperature, settings.lam, probing.top_k, run.seed],
    ]

    def make() -> LabelledLayers:
        return LabelledLayers(tuple(label_layer(stage, means, task) for stage, means in activations.items()))

    layers = run.cached(parts, LabelledLayers, make).layers
    return layers if settings.min_margin is None else tuple(with_margin(layer, settings.min_margin) for layer in layers)


def with_margin(layer: Layer, min_margin: float) -> Layer:
    """The layer with a threshold on the margin in place of the control's on the similarity; as it is where it has no margins."""
    if layer.margin is None or layer.lift is None:
        return layer
    return replace(layer, labelled=labelled(layer.lift, layer.margin, layer.constant, layer.control, min_margin))


def _activations(run: DissectionProbe, probing: Probing, model: str) -> dict[str, np.ndarray]:
    """By stage, input side first: (N, units) float32, spatially averaged, over the N probe images."""
    first = run.probe.result("dissection", 0, DissectionResult, model).means
    activations = {stage: np.empty((probing.n_images, len(units)), np.float32) for stage, units in first.items()}
    for place, image in enumerate(probing.images):
        for stage, units in run.probe.result("dissection", image, DissectionResult, model).means.items():
            activations[stage][place] = units
    return activations
