"""Chapters of network dissection over results made by hand, and a concept encoder that knows a few words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from made_results import WordEncoder, dissection_results
from made_runs import MadeRun
from reportgen.analyses.dissection.chapter import chapter
from reportgen.analyses.dissection.label_file import label_file
from reportgen.analyses.dissection.recipe import Recipe
from reportgen.analyses.dissection.settings import DissectionSettings
from reportgen.analyses.dissection.task import ANALYSIS
from reportgen.analysis.protocol import Contribution
from reportgen.models.encoders import Encoder
from reportgen.report.document import Label, Skipped

R = TypeVar("R")


RECIPE = Recipe(
    model="net",
    weights_sha256="0" * 64,
    probe_images=1000,
    probe_sha256="0" * 64,
    encoder="words",
    encoder_title="an encoder of a few words",
    encoder_identity={"encoder": "words"},
    concepts="words.txt",
    concepts_size=5,
    concepts_sha256="0" * 64,
    similarity="softwpmi",
    temperature=10,
    lam=1,
    top_k=100,
    seed=0,
)
WORDS = ("cat", "dog", "sky", "Red", "gray")
RISING = {
    f"stage{k}": ["cat"] * (9 - 2 * k) + ["Red"] * (2 * k) + ["dog", "sky", "-"] for k in range(5)
}  # the share of colour units rises from layer to layer
FALLING = {f"block{k}": ["sky"] * (4 + k) + ["gray"] * (4 - k) + ["dog", "cat"] for k in range(5)}


class DissectedRun(MadeRun):
    """Units of one or more models, over images of which each shows one word.

    Args:
        models: by model its units, as `dissection_results` takes them; shown: by probe image the word that it shows.
        meant: the word that the class of every image means; probe: whether the images are a probe set of their own.
    """

    def __init__(
        self,
        folder: Path,
        models: Mapping[str, Mapping[str, Sequence[str]]],
        shown: Sequence[str],
        *,
        meant: str,
        probe: bool = False,
        concepts: Sequence[str] = WORDS,
        **settings: Any,
    ) -> None:
        folder.mkdir(parents=True)
        words = folder / "words.txt"
        words.write_text("\n".join(concepts), encoding="utf-8")
        distinct = tuple(dict.fromkeys(concepts))
        self._encoder = WordEncoder(
            distinct, {**{f"class {i}": distinct[i % len(distinct)] for i in range(5)}, "class 2": meant}
        )
        after = dict(zip(distinct, (*distinct[1:], distinct[0]), strict=True))
        images: dict[str, Sequence[object]] = {
            "embedding": [self._encoder.seen(word, after[word]) for word in shown],
            **{name: dissection_results(layers, shown) for name, layers in models.items()},
        }
        chosen = DissectionSettings(concepts=str(words), **settings)
        super().__init__(folder, images, chosen, analyses=("embedding", "dissection"), models=tuple(models))
        self.has_probe = probe

    def result(self, analysis: str, image: int, kind: type[R], model: str | None = None) -> R:
        kept = str(model) if analysis == "dissection" else analysis
        return super().result(kept, image, kind)

    def encoder(self, name: str) -> Encoder:
        return self._encoder


def dissection(folder: Path) -> dict[str, Contribution]:
    runs: dict[str, Callable[[], DissectedRun]] = {
        "four images of the run itself, one model": lambda: DissectedRun(
            folder / "a", {"net": RISING}, WORDS[:4], meant="cat", concepts=[*WORDS, "cat"]
        ),
        "a probe set of forty images, two models, a file that could not be read": lambda: _probed(folder / "b"),
        "twelve images, by the cosine; none of the labels leads by enough": lambda: DissectedRun(
            folder / "c", {"net": FALLING}, _twelve(), meant="sky", similarity="cosine", min_margin=5, top_k=2
        ),
        "forty-five images, a file of labels for one of two models": lambda: _with_file(folder / "f"),
        "twelve images, a published file that leaves a layer out": lambda: _published(folder / "e"),
        "twelve images, no colour term": lambda: DissectedRun(
            folder / "d",
            {"net": {"only": ["cat", "dog", "cat", "dog"]}},
            _twelve(WORDS[:3]),
            meant="dog",
            probe=True,
            concepts=WORDS[:3],
            top_k=1,
        ),
    }
    return {title: ANALYSIS.reduce(make()) for title, make in runs.items()}


def _probed(folder: Path) -> DissectedRun:
    # Four images of eight that show a word: shuffled activations seldom hit so many. A small lam leaves a layer's common concept.
    models = {"net": RISING, "other": FALLING}
    run = DissectedRun(folder, models, _images(40), meant="Red", probe=True, top_k=4, lam=0.1)
    run.skipped = [Skipped(name="broken.jpg", reason="no image")]
    labelled = run.images[0].model_copy(update={"label": Label(index=2, name="class 2", source="labels.csv")})
    run.images = [labelled, *run.images[1:3]]
    return run


def _with_file(folder: Path) -> DissectedRun:
    """The labels of `net` come from a file that was made on 40 others; those of `other` from the run's own."""
    made = chapter(DissectedRun(folder / "made", {"net": RISING}, _images(40), meant="cat", top_k=4, lam=0.1)).models[0]
    assert made.origin.recipe is not None
    file = folder / "labels.csv"
    file.write_bytes(label_file(made, made.origin.recipe))
    models = {"net": RISING, "other": FALLING}
    return DissectedRun(folder / "run", models, _images(45), meant="cat", top_k=10, lam=0.1, labels=str(file))


def _published(folder: Path) -> DissectedRun:
    folder.mkdir(parents=True)
    file = folder / "published.csv"
    rows = [f"{layer},{i},{unit},0.{i}5" for layer in ("stage0", "stage2") for i, unit in enumerate(RISING[layer])]
    file.write_text(
        "layer,unit,description,similarity\n" + "\n".join(rows).replace("-,", "sky,") + "\n", encoding="utf-8"
    )
    two = {layer: RISING[layer] for layer in ("stage0", "stage2", "stage4")}
    return DissectedRun(folder / "run", {"net": two}, _twelve(), meant="cat", top_k=2, labels=str(file))


def _images(count: int) -> list[str]:
    return [WORDS[i % len(WORDS)] for i in range(count)]


def _twelve(words: Sequence[str] = WORDS) -> list[str]:
    return [words[i % len(words)] for i in range(12)]
