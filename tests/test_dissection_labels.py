"""Labels, margins, counts and comparisons, on data where the answer is known."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from reportgen.analyses.dissection.labels import (
    DissectedModel,
    Layer,
    differences,
    jaccard,
    label_layer,
    min_margin,
    most_frequent_first,
)
from reportgen.analyses.dissection.settings import DissectionSettings

WORDS = ("cat", "red", "gray", "dog")


def layer(name: str, concepts: str, labelled: str = "") -> Layer:
    """A layer whose units carry `concepts` (separated by spaces); a `-` in `labelled` takes one's label away."""
    words = tuple(concepts.split())
    kept = np.array([mark != "-" for mark in labelled.ljust(len(words), "+")])
    values = np.linspace(1, 2, len(words))
    none = np.zeros(len(words), bool)
    return Layer(name, words, words, values, values / 10, none, kept, np.zeros((1, len(words)), int))


def labelled(activations: np.ndarray, cosines: np.ndarray, **settings: object) -> Layer:
    return label_layer("layer", activations, cosines, WORDS, DissectionSettings(**settings), 10.0, 0)


@pytest.fixture
def cosines() -> np.ndarray:
    """Twelve images: each speaks clearly for one of the four words, and a little for the next."""
    values = np.full((12, 4), 0.1, np.float32)
    for image in range(12):
        values[image, image % 4] = 0.8
        values[image, (image + 1) % 4] = 0.3
    return values


def test_label_runner_up_and_margin_come_from_the_scores(cosines: np.ndarray) -> None:
    activations = (np.arange(12)[:, None] % 4 == np.arange(4)).astype(np.float32) + np.arange(12)[:, None] * 1e-3
    found = labelled(activations, cosines, top_k=3)
    assert found.concepts == WORDS
    assert found.runners_up == ("red", "gray", "dog", "cat")
    assert found.labelled.all()
    assert (found.margin > 0.5).all()
    assert found.strongest.shape == (6, 4)
    assert found.strongest[0].tolist() == [8, 9, 10, 11]


def test_a_margin_under_the_threshold_takes_the_label_away(cosines: np.ndarray) -> None:
    activations = np.random.default_rng(0).random((12, 9), np.float32)
    free, strict = labelled(activations, cosines, min_margin=0), labelled(activations, cosines, min_margin=0.3)
    assert free.labelled.all()
    assert strict.labelled.tolist() == (free.margin >= 0.3).tolist()
    assert 0 < sum(strict.counts.values()) < 9
    assert strict.concepts == free.concepts


def test_a_constant_unit_has_no_label(cosines: np.ndarray) -> None:
    activations = np.random.default_rng(0).random((12, 3), np.float32)
    activations[:, 1] = 0.5
    found = labelled(activations, cosines, min_margin=0)
    assert found.constant.tolist() == [False, True, False]
    assert found.labelled.tolist() == [True, False, True]


def test_the_default_threshold_belongs_to_the_similarity() -> None:
    assert min_margin(DissectionSettings()) == 0.01
    assert min_margin(DissectionSettings(similarity="cosine")) == 0
    assert min_margin(DissectionSettings(min_margin=0.5)) == 0.5


@pytest.mark.parametrize("similarity", ["softwpmi", "wpmi", "rank_reorder", "cosine", "cosine_cubed"])
def test_every_similarity_labels_every_unit(cosines: np.ndarray, similarity: str) -> None:
    found = labelled(np.random.default_rng(0).random((12, 5), np.float32), cosines, similarity=similarity)
    assert set(found.concepts) <= set(WORDS)
    assert np.isfinite(found.margin).all() and (found.margin >= 0).all()
    assert all(a != b for a, b in zip(found.concepts, found.runners_up, strict=True))


def test_counts_are_of_labelled_units_only_most_first() -> None:
    found = layer("l", "cat red gray red dog red cat", "+++-")
    assert list(found.counts.items()) == [("cat", 2), ("red", 2), ("dog", 1), ("gray", 1)]
    assert found.colour_units == 3
    assert most_frequent_first(Counter("ba")) == {"a": 1, "b": 1}


def test_a_model_adds_up_its_layers_and_ties_share_a_rank() -> None:
    model = DissectedModel("m", (layer("a", "cat cat red"), layer("b", "red dog cow cow", "+++-")))
    assert list(model.counts.items()) == [("cat", 2), ("red", 2), ("cow", 1), ("dog", 1)]
    assert [model.rank(word) for word in ("cat", "red", "dog", "zebra")] == [1, 1, 3, None]
    assert (model.n_units, model.labelled) == (7, 6)
    assert model.share("red") == pytest.approx(2 / 7)


def test_overlap_and_largest_differences() -> None:
    a, b = layer("a", "cat cat red"), layer("b", "red dog dog")
    assert jaccard(a, b) == pytest.approx(1 / 3)
    assert jaccard(layer("x", "cat", "-"), layer("y", "cat", "-")) is None
    rows = differences([DissectedModel("a", (a,)), DissectedModel("b", (b,))])
    assert [concept for concept, _ in rows] == ["cat", "dog", "red"]
    assert rows[0][1] == pytest.approx([2 / 3, 0])
