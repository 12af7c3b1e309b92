"""The similarity functions against slow derivations, one number at a time."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from reportgen.analyses.dissection import similarity

IMAGES, UNITS, CONCEPTS = 30, 7, 12


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    """Cosines (images, concepts) and activations (images, units)."""
    rng = np.random.default_rng(5)
    cosines = rng.uniform(-0.2, 0.9, (IMAGES, CONCEPTS)).astype(np.float32)
    return cosines, rng.gamma(2.0, 1.0, (IMAGES, UNITS)).astype(np.float32)


def slow_pmi(
    cosines: np.ndarray, activations: np.ndarray, top_k: int, a: float, lam: float, soft: bool
) -> list[list[float]]:
    """CLIP-Dissect's softWPMI (or WPMI) from its definition: Python floats and loops, no arrays."""
    images, units, concepts = len(cosines), activations.shape[1], cosines.shape[1]
    p: list[list[float]] = []
    for i in range(images):
        powers = [math.exp(a * float(cosines[i, t])) for t in range(concepts)]
        p.append([power / sum(powers) for power in powers])
    k = min(top_k, images)
    fit = [[0.0] * concepts for _ in range(units)]
    for unit in range(units):
        order = sorted(range(images), key=lambda i: (-float(activations[i, unit]), i))[:k]
        for t in range(concepts):
            for rank, image in enumerate(order):
                belief = 0.998 - rank / k * (0.998 - 0.97) if soft else 1.0
                fit[unit][t] += math.log(1 + belief * (p[image][t] - 1) + 1e-7)
    for t in range(concepts):
        largest = max(fit[unit][t] for unit in range(units))
        total = sum(math.exp(fit[unit][t] - largest) for unit in range(units))
        prior = largest + math.log(total) - math.log(units)
        for unit in range(units):
            fit[unit][t] -= lam * prior
    return fit


@pytest.mark.parametrize("top_k", [1, 6, 100])
@pytest.mark.parametrize("lam", [0.0, 0.6, 1.0])
def test_softwpmi_is_its_definition(data: tuple[np.ndarray, np.ndarray], top_k: int, lam: float) -> None:
    ours = similarity.soft_wpmi(*data, top_k=top_k, temperature=10, lam=lam)
    assert ours == pytest.approx(np.array(slow_pmi(*data, top_k, 10, lam, soft=True)), abs=2e-5)


def test_wpmi_is_its_definition(data: tuple[np.ndarray, np.ndarray]) -> None:
    ours = similarity.wpmi(*data, top_k=8, temperature=2, lam=0.6)
    assert ours == pytest.approx(np.array(slow_pmi(*data, 8, 2, 0.6, soft=False)), abs=2e-5)


def test_blocks_of_units_change_nothing(data: tuple[np.ndarray, np.ndarray]) -> None:
    whole = similarity.soft_wpmi(*data, top_k=6, temperature=10, lam=1)
    in_blocks = similarity.soft_wpmi(*data, top_k=6, temperature=10, lam=1, block=2 * 6 * CONCEPTS)
    assert in_blocks == pytest.approx(whole, abs=1e-12)


def test_softwpmi_sees_only_the_order_of_activations(data: tuple[np.ndarray, np.ndarray]) -> None:
    cosines, activations = data
    stretched = np.exp(3 * activations)
    ours = [similarity.soft_wpmi(cosines, a, top_k=6, temperature=10, lam=1) for a in (activations, stretched)]
    assert ours[0] == pytest.approx(ours[1], abs=1e-12)


def test_softwpmi_follows_a_new_order_of_images_units_and_concepts(data: tuple[np.ndarray, np.ndarray]) -> None:
    cosines, activations = data
    rng = np.random.default_rng(0)
    images, units, concepts = (rng.permutation(size) for size in (IMAGES, UNITS, CONCEPTS))
    turned = similarity.soft_wpmi(
        cosines[images][:, concepts], activations[images][:, units], top_k=6, temperature=10, lam=1
    )
    straight = similarity.soft_wpmi(cosines, activations, top_k=6, temperature=10, lam=1)
    assert turned == pytest.approx(straight[units][:, concepts], abs=1e-5)


def test_softwpmi_does_not_see_a_constant_added_to_all_cosines_of_an_image(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    cosines, activations = data
    shifted = cosines + np.linspace(0, 0.05, IMAGES, dtype=np.float32)[:, None]
    ours = [similarity.soft_wpmi(c, activations, top_k=6, temperature=10, lam=1) for c in (cosines, shifted)]
    assert ours[0] == pytest.approx(ours[1], abs=1e-4)


def test_a_unit_gets_the_concept_of_the_images_that_drive_it() -> None:
    rng = np.random.default_rng(1)
    concept_of_image = np.arange(IMAGES) % 3
    cosines = rng.normal(0.2, 0.01, (IMAGES, 3)).astype(np.float32)
    cosines[np.arange(IMAGES), concept_of_image] += 0.3
    activations = (concept_of_image[:, None] == np.array([2, 0, 1])).astype(np.float32) + rng.uniform(
        0, 0.1, (IMAGES, 3)
    ).astype(np.float32)
    for function in (similarity.soft_wpmi, similarity.wpmi):
        fit = function(cosines, activations, top_k=10, temperature=10, lam=1)
        assert fit.argmax(axis=1).tolist() == [2, 0, 1]
    assert similarity.cosine(cosines, activations).argmax(axis=1).tolist() == [2, 0, 1]
    assert similarity.cosine_cubed(cosines, activations).argmax(axis=1).tolist() == [2, 0, 1]


def test_the_layer_decides_what_is_special(data: tuple[np.ndarray, np.ndarray]) -> None:
    cosines, activations = data
    together = similarity.soft_wpmi(cosines, activations, top_k=6, temperature=10, lam=1)[0]
    alone = similarity.soft_wpmi(cosines, activations[:, :1], top_k=6, temperature=10, lam=1)[0]
    assert alone == pytest.approx(np.zeros(CONCEPTS), abs=1e-9)
    assert np.abs(together).max() > 0.1


def test_equal_activations_rank_the_first_image_first() -> None:
    assert similarity.top_images(np.array([[1.0], [2.0], [2.0], [0.0]]), 3).ravel().tolist() == [1, 2, 0]


def test_cosine_is_its_definition(data: tuple[np.ndarray, np.ndarray]) -> None:
    cosines, activations = data
    ours = similarity.cosine(cosines, activations)
    for unit in range(UNITS):
        for t in range(CONCEPTS):
            pairs = [(float(activations[i, unit]), float(cosines[i, t])) for i in range(IMAGES)]
            dot = sum(q * c for q, c in pairs)
            norms = math.sqrt(sum(q * q for q, _ in pairs)) * math.sqrt(sum(c * c for _, c in pairs))
            assert ours[unit, t] == pytest.approx(dot / norms)


def test_cosine_cubed_is_its_definition(data: tuple[np.ndarray, np.ndarray]) -> None:
    cosines, activations = data
    ours = similarity.cosine_cubed(cosines, activations)
    for unit in range(UNITS):
        q = [float(value) for value in activations[:, unit]]
        q = [(value - sum(q) / len(q)) ** 3 for value in q]
        for t in range(CONCEPTS):
            c = [float(value) for value in cosines[:, t]]
            c = [(value - sum(c) / len(c)) ** 3 for value in c]
            norms = [max(math.sqrt(sum(v * v for v in values)), 1e-3) for values in (q, c)]
            dot = sum(a * b for a, b in zip(q, c, strict=True))
            assert ours[unit, t] == pytest.approx(dot / norms[0] / norms[1])


def test_rank_reorder_is_its_definition() -> None:
    rng = np.random.default_rng(2)
    images, units, concepts = 80, 3, 5
    cosines = rng.uniform(0.05, 0.9, (images, concepts)).astype(np.float32)
    activations = rng.gamma(2.0, 1.0, (images, units)).astype(np.float32)
    ours = similarity.rank_reorder(cosines, activations, seed=3)
    draws = np.random.default_rng(3)
    n = 4  # 5 % of 80
    for unit in range(units):
        top = sorted(range(images), key=lambda i: (-float(activations[i, unit]), i))[:n]
        strongest = [float(activations[i, unit]) for i in top]
        rising = sorted(strongest)
        shuffles = [draws.permutation(np.array(strongest)) for _ in range(5)]
        baseline = sum(abs(rising[i] - float(s[i])) ** 3 for s in shuffles for i in range(n)) / (5 * n)
        for t in range(concepts):
            likeness = [float(cosines[i, t]) for i in top]
            place = [sorted(likeness).index(value) for value in likeness]
            error = sum(abs(strongest[i] - rising[place[i]]) ** 3 for i in range(n)) / n
            expected = -error / baseline / math.sqrt(sum(likeness) / n)
            assert ours[unit, t] == pytest.approx(expected)


def test_rank_reorder_prefers_the_concept_that_ranks_images_as_the_unit_does() -> None:
    activations = np.linspace(5, 1, 100, dtype=np.float32)[:, None]
    cosines = np.stack([np.linspace(0.9, 0.1, 100), np.linspace(0.1, 0.9, 100)], axis=1).astype(np.float32)
    fit = similarity.rank_reorder(cosines, activations, seed=0)
    assert fit[0, 0] == 0
    assert fit[0, 1] < 0


def test_rank_reorder_is_seeded(data: tuple[np.ndarray, np.ndarray]) -> None:
    random.seed(1)
    np.random.seed(1)
    first = similarity.rank_reorder(*data, seed=4)
    random.seed(2)
    np.random.seed(2)
    assert (similarity.rank_reorder(*data, seed=4) == first).all()
    assert (similarity.rank_reorder(*data, seed=5) != first).any()


@pytest.mark.parametrize("function", [similarity.cosine, similarity.cosine_cubed])
def test_a_silent_unit_gives_finite_values(function: object, data: tuple[np.ndarray, np.ndarray]) -> None:
    cosines, activations = data
    activations = activations.copy()
    activations[:, 0] = 0
    assert np.isfinite(function(cosines, activations)).all()  # type: ignore[operator]
    assert np.isfinite(similarity.rank_reorder(cosines, activations, seed=0)).all()
    assert np.isfinite(similarity.soft_wpmi(cosines, activations, top_k=5, temperature=10, lam=1)).all()
