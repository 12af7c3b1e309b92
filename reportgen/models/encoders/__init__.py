"""Concept encoders by name: what puts an image and a word into one space, so that a cosine compares them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from reportgen.models.classifiers import Listed, MissingWeights, Remote
from reportgen.models.encoders import conse, open_clip_zoo
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError

Texts = Callable[[Sequence[str]], np.ndarray]


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

    def identity(self) -> dict[str, Any]:
        """What decides its embeddings: names and hashes; part of every key.

        Raises:
            MissingWeights: its weights are not on this machine.
        """

    def observe(self, frame: np.ndarray, logits: np.ndarray) -> dict[str, np.ndarray]:
        """What is kept of one image, small: arrays by name.

        Args:
            frame: (H, W, 3) uint8, the input frame of the model that is mapped.
            logits: (classes,) of that model; `classifier`'s, where the encoder names one.
        """

    def embed_images(self, kept: Sequence[Mapping[str, np.ndarray]], texts: Texts) -> np.ndarray:
        """(N, D) float32 unit rows from what `observe` kept of N images; `texts` is `embed_texts`, cached."""

    def embed_texts(self, words: Sequence[str]) -> np.ndarray:
        """(len(words), D) float32 unit rows; loads the text model."""


def resolve_encoder(name: str, settings: Settings) -> Encoder:
    """The encoder of that name; nothing is loaded.

    Raises:
        UsageError: there is no encoder of that name.
    """
    if name == conse.NAME:
        return conse.Conse(settings)
    if name.startswith(open_clip_zoo.PREFIX):
        return open_clip_zoo.OpenClip(name, settings.weights)
    raise UsageError(
        f"unknown encoder {name!r}; use {conse.NAME}, or open_clip:MODEL/TAG such as {open_clip_zoo.WRITEUP}"
    )


def is_encoder(name: str) -> bool:
    """Whether `name` is an encoder's, not a classifier's."""
    return name == conse.NAME or name.startswith(open_clip_zoo.PREFIX)


def fetchable(name: str, settings: Settings) -> list[Remote]:
    """The files of the encoder `name` that are not here and can be fetched; empty where it has all of them.

    Raises:
        UsageError: there is no encoder of that name, or its package is not installed.
    """
    try:
        resolve_encoder(name, settings).identity()
    except MissingWeights as missing:
        return list(missing.remotes)
    return []


def listed(settings: Settings, used: Mapping[str, Sequence[str]]) -> list[Listed]:
    """The built-in encoders, those that are used, and whether their weights are here.

    Args:
        used: by encoder the presets whose analyses use it; the effective settings' own are among the keys.
    """
    rows = []
    for name in dict.fromkeys((conse.NAME, open_clip_zoo.WRITEUP, *used)):
        presets = tuple(used.get(name, ()))
        try:
            encoder = resolve_encoder(name, settings)
            encoder.identity()
            rows.append(Listed(name, f"concept encoder, {encoder.title}", presets, None))
        except UsageError as error:
            rows.append(Listed(name, "", presets, str(error)))
    return rows


__all__ = ["Encoder", "Texts", "fetchable", "is_encoder", "listed", "resolve_encoder"]
