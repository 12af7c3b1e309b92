"""Concept encoders by name: what each is, which of them are here, and which files are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reportgen.models.classifiers.registry import ModelRow
from reportgen.models.classifiers.weights import MissingWeights, Remote
from reportgen.models.encoders import conse, open_clip_zoo
from reportgen.models.encoders.base import Encoder
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError


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


def missing_encoder_files(name: str, settings: Settings) -> list[Remote]:
    """The files of the encoder `name` that are not here and can be fetched; empty where it has all of them.

    Raises:
        UsageError: there is no encoder of that name, or its package is not installed.
    """
    try:
        resolve_encoder(name, settings).identity()
    except MissingWeights as missing:
        return list(missing.remotes)
    return []


def list_encoders(settings: Settings, used: Mapping[str, Sequence[str]]) -> list[ModelRow]:
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
            rows.append(ModelRow(name, f"concept encoder, {encoder.title}", presets, None))
        except UsageError as error:
            rows.append(ModelRow(name, "", presets, str(error)))
    return rows
