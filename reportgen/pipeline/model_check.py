"""What can be done with one classifier: it is loaded, split, run on a probe, and held against the whole network."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reportgen.analysis import wording
from reportgen.analysis.layer_words import size_of, words_of
from reportgen.analysis.view import View
from reportgen.models.classifiers.base import ClassifierSpec
from reportgen.models.runtime import Engine
from reportgen.models.runtime.backend import relative_difference
from reportgen.pipeline.capabilities import capabilities
from reportgen.pipeline.providers import INSTALLED, Providers
from reportgen.report.provenance import HeadKind, RuntimeRecord
from reportgen.settings.group import last_part
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError

Row = tuple[str, str]
OUTPUTS: dict[HeadKind, str] = {
    "softmax": "probabilities by a softmax over all classes",
    "binary": "one, read as two classes: probability by its sigmoid",
    "multilabel": "a probability for each class, by its sigmoid (multi-label)",
}


@dataclass(frozen=True)
class ModelCheck:
    """What was found, a row each: what it is about, and what is said of it.

    Attributes:
        failure: why nothing can be explained; None where something can.
    """

    rows: tuple[Row, ...]
    failure: str | None = None


def check_model(settings: Settings, models_cache: Path, providers: Providers = INSTALLED) -> ModelCheck:
    """Look at the first model of the settings.

    Args:
        models_cache: the folder of conversions.

    Raises:
        UsageError: no such model, or a file that it needs is missing or is none.
    """
    settings = settings.model_copy(update={"models": settings.models[:1], "explain": (), "tasks": ()})
    spec = providers.classifier(settings.models[0], settings)
    rows = list(_described(spec, settings))
    try:
        record = providers.runtime(spec, settings.runtime, settings.precision, models_cache)
        engine = providers.engine(spec, record, models_cache)
        size = spec.preprocessing.size
        frame = np.random.default_rng(settings.seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
        view = View(frame, engine)
        _require_answer(view)
        rows += _run(view, record)
    except UsageError as error:
        return ModelCheck(tuple(rows), str(error))
    rows += _analyses(view, settings, providers)
    return ModelCheck(tuple(rows))


def _described(spec: ClassifierSpec, settings: Settings) -> Iterator[Row]:
    p, names = spec.preprocessing, spec.classes.names
    given = settings.classes.get(spec.name)
    source = f"from {last_part(given)}" if given else "of ImageNet" if spec.classes.wnids else "of its source"
    mean, std = (", ".join(f"{value:.3g}" for value in values) for values in (p.mean, p.std))
    grey = ", made grey" if p.grey else ""
    frame = {
        "crop": f"short side {p.resize}, centre crop",
        "squash": "squashed",
        "squash_crop": f"squashed to {p.resize}, centre crop",
    }[p.geometry]
    yield "Source", spec.source
    yield "Weights", f"SHA-256 {spec.weights_sha256[:16]}…"
    yield "Classes", f"{len(names)}, names {source}: {names[0]} to {names[-1]}"
    yield "Outputs", OUTPUTS[spec.head_kind]
    yield "Input", f"{p.size} x {p.size} pixels ({frame}, {p.interpolation}){grey}, mean {mean}, std {std}"


def _require_answer(view: View) -> None:
    if not np.isfinite(view.forward.logits).all():
        raise UsageError(f"{view.engine.spec.name}: its answer to a probe is no number; are its weights whole?")


def _run(view: View, record: RuntimeRecord) -> Iterator[Row]:
    """What the network is made of, and how well the backend reproduces it."""
    engine, spec = view.engine, view.engine.spec
    _, units, height, width = view.forward.activations.shape
    no_map = spec.lacks.get("activations")
    yield (
        "Backend",
        f"{record.name} on {record.device}, {record.precision} precision"
        + (f" ({record.note})" if record.note else ""),
    )
    if no_map:
        yield "Feature map", f"none: {no_map}"
        return
    layer, words = engine.layer, words_of(engine.layer)
    at = f", what {layer.path} gives out ({layer.kind})" if layer.path else ""
    yield "Feature map", f"{size_of(layer, units, (height, width))}{at}"
    if layer.prefix_tokens:
        yield "Other tokens", f"{layer.prefix_tokens}{', of which the logits are read' if layer.class_token else ''}"
    if layer.attention_layers:
        yield "Attention", wording.count(layer.attention_layers, "layer")
    if layer.branches:
        yield "Branches", "the logits are read from others as well, which no map shows"
    linear = engine.linear_head is not None
    yield "Head", f"{words.linear_head}, in closed form" if linear else "not linear: it is differentiated"
    yield (
        "Split",
        f"its logits differ from those of the whole network by {_split_error(engine, view):.0e} (relative), on a probe",
    )


def _split_error(engine: Engine, view: View) -> float:
    """max |difference| / max |logits|: of trunk and head on the backend, against the network as its library built it; of a graph, whose
    logits are the whole, against pooling and the linear layer."""
    logits = view.forward.logits[0]
    if engine.spec.graph is not None and engine.linear_head is not None:
        head = engine.linear_head
        other = head.weight @ view.forward.activations[0].mean((1, 2)) + head.bias
    else:
        import torch

        # A copy: parts of the network itself may be on the GPU, and methods are tried on it where it is.
        model = copy.deepcopy(engine.network.model).cpu()
        with torch.inference_mode():
            other = model(torch.from_numpy(view.input[None]))[0].numpy()
        if engine.spec.binary:  # the library's network has one output, of which ours makes two sides
            other = np.concatenate([-other, other])
    return relative_difference(logits, other)


def _analyses(view: View, settings: Settings, providers: Providers) -> Iterator[Row]:
    """Every analysis with a section: whether it can be made, and what it says of its parts."""
    name = view.engine.spec.name
    analyses = [found for found in providers.analyses(()) if found.applies(settings)]
    can = capabilities(analyses, {name: view.engine.spec}, settings)
    for analysis in analyses:
        if not analysis.has_section:
            continue
        why = can.gaps.get((analysis.name, name))
        parts = {} if why else analysis.check(view)
        possible = [part for part, failure in parts.items() if failure is None]
        if why or (parts and not possible):
            yield analysis.title, f"no: {why or '; '.join(str(failure) for failure in parts.values())}"
            continue
        yield analysis.title, f"yes: {', '.join(possible)}" if parts else "yes"
        yield from ((f"  without {part}", failure) for part, failure in parts.items() if failure is not None)
