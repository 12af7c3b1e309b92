"""Labels, margins, counts and comparisons, on data where the answer is known."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from reportgen.analyses.dissection.labelling import DRAWS, Task, label_layer
from reportgen.analyses.dissection.labels import (
    Control,
    DissectedModel,
    Halves,
    Layer,
    differences,
    half_overlap,
    jaccard,
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


def labelled(activations: np.ndarray, cosines: np.ndarray, temperature: float = 10.0, **settings: object) -> Layer:
    rows = np.eye(len(WORDS), dtype=np.float32)
    return label_layer("layer", activations, Task(cosines, WORDS, rows, DissectionSettings(**settings), temperature, 0))


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
    found = labelled(activations, cosines, top_k=3, min_margin=0)
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


@pytest.mark.parametrize("similarity", ["softwpmi", "wpmi", "rank_reorder", "cosine", "cosine_cubed"])
def test_every_similarity_labels_every_unit(cosines: np.ndarray, similarity: str) -> None:
    found = labelled(np.random.default_rng(0).random((12, 5), np.float32), cosines, similarity=similarity)
    assert set(found.concepts) <= set(WORDS)
    assert found.margin is not None and found.runners_up is not None
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


# --- controls ------------------------------------------------------------------------------------


@pytest.fixture
def many() -> np.ndarray:
    """Four hundred images, each of which speaks clearly for one of the four words."""
    values = np.full((400, 4), 0.1, np.float32)
    values[np.arange(400), np.arange(400) % 4] = 0.8
    return values


def planted(units: int, noise: float, seed: int = 0) -> np.ndarray:
    """(400, units): unit k is driven by the images of word k mod 4, and by nothing that they show."""
    random = np.random.default_rng(seed)
    shown = np.arange(400)[:, None] % 4 == np.arange(units) % 4
    return (shown + noise * random.random((400, units))).astype(np.float32)


def test_of_units_that_respond_to_nothing_about_five_in_a_hundred_count_as_labelled(many: np.ndarray) -> None:
    activations = np.random.default_rng(1).random((400, 2000), np.float32)
    found = labelled(activations, many, top_k=20)
    assert 0.03 < found.labelled.mean() < 0.07
    assert found.control is not None and found.control.draws >= DRAWS


@pytest.mark.parametrize("similarity", ["softwpmi", "wpmi", "cosine"])
def test_units_that_respond_to_a_word_count_as_labelled(many: np.ndarray, similarity: str) -> None:
    found = labelled(planted(40, 0.5), many, top_k=20, similarity=similarity)
    assert found.labelled.all()
    assert found.concepts == WORDS * 10


def test_a_layer_that_responds_to_one_word_is_not_taken_for_chance(many: np.ndarray) -> None:
    """softWPMI takes off what all units of a layer have in common; the control must not."""
    alike = np.repeat(planted(1, 0.0), 30, axis=1) + np.random.default_rng(0).random((400, 30)).astype(np.float32) / 2
    found = labelled(alike, many, top_k=20, lam=0.5)
    assert found.counts == {"cat": 30}


def test_the_control_is_what_shuffled_units_reach_when_scored_by_hand(many: np.ndarray) -> None:
    """By the definition: log likelihoods of shuffled units, less their own mean in probability; the 95th percentile of the best."""
    activations = planted(50, 3.0)
    found = labelled(activations, many, top_k=20, temperature=1.0)
    assert found.control is not None and found.lift is not None
    belief = 0.998 - (0.998 - 0.97) * np.arange(20) / 20
    p = np.exp(many.astype(float))
    p /= p.sum(axis=1, keepdims=True)

    def likelihoods(units: np.ndarray) -> np.ndarray:
        top = np.argsort(-units, axis=0, kind="stable")[:20]
        return np.stack(
            [np.log(1 + belief[:, None] * (p[top[:, k]] - 1) + 1e-7).sum(axis=0) for k in range(units.shape[1])]
        )

    random = np.random.default_rng(99)
    chance = np.concatenate([likelihoods(random.permuted(activations, axis=0)) for _ in range(80)])
    prior = np.log(np.exp(chance).mean(axis=0))
    best = (chance - prior).max(axis=1)
    # Another draw than the code's own: its share above our threshold is 5 %, give or take three standard errors of 2000 units.
    assert (best > found.control.lift).mean() == pytest.approx(0.05, abs=0.02)
    own = likelihoods(activations)[np.arange(50), [WORDS.index(c) for c in found.concepts]]
    assert found.lift == pytest.approx(own - prior[[WORDS.index(c) for c in found.concepts]], rel=0.02)


def test_a_constant_unit_takes_no_part_in_the_control(many: np.ndarray) -> None:
    activations = planted(8, 0.5)
    with_constant = np.concatenate([activations, np.full((400, 3), 7, np.float32)], axis=1)
    both = [labelled(units, many, top_k=20) for units in (activations, with_constant)]
    assert both[0].control == both[1].control
    nothing = labelled(np.full((400, 3), 7, np.float32), many)
    assert nothing.control is None and not nothing.labelled.any()


def test_labels_of_halves_agree_where_units_respond_and_hardly_where_they_do_not(many: np.ndarray) -> None:
    sure = labelled(planted(40, 0.5), many, top_k=20)
    assert sure.halves is not None and sure.halves.agree.all()
    assert sure.agreement == (1.0, pytest.approx(0.25))
    assert sure.halves.cosine == pytest.approx(1)
    noise = labelled(np.random.default_rng(0).random((400, 400), np.float32), many, top_k=20, min_margin=0)
    assert noise.halves is not None and noise.agreement is not None
    assert noise.agreement[0] == pytest.approx(noise.agreement[1], abs=0.08)
    pairs = [a == b for a in noise.halves.first for b in noise.halves.second]
    assert noise.halves.cosine_by_chance == pytest.approx(np.mean(pairs))  # words at right angles
    assert labelled(planted(4, 0.5)[:3], many[:3]).halves is None


def test_agreement_by_chance_is_the_mean_over_all_pairings() -> None:
    first, second = ("cat", "cat", "dog", "red", "cat"), ("cat", "dog", "dog", "cat", "gray")
    halves = Halves(first, second, np.zeros(5, np.float32), 0.0)
    found = replace(layer("l", "cat cat dog red cat", "++++-"), halves=halves)
    pairings = [np.mean([a == b for a, b in zip(first[:4], order, strict=True)]) for order in permutations(second[:4])]
    assert found.agreement == (pytest.approx(0.5), pytest.approx(float(np.mean(pairings))))
    assert half_overlap(found, found) == pytest.approx(2 / 3)  # {cat, dog, red} and {cat, dog}


def test_the_median_margin_is_over_all_units_labelled_or_not() -> None:
    found = layer("l", "a b c d", "+---")
    assert found.median_margin == pytest.approx(np.median(np.linspace(0.1, 0.2, 4)))


def test_the_share_beyond_chance() -> None:
    found = replace(layer("l", "a b c d"), lift=np.array([0.1, 0.2, 0.3, 0.4]), control=Control(100, 0.2, 0.0))
    assert found.share_beyond == 0.5
