"""Complexity, regions and map measures on images where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from reportgen.analyses.agreement.complexity import (
    complexity,
    components,
    edge_gradient,
    edge_gradient_by_chance,
    gradient,
)
from reportgen.analyses.agreement.result import Complexity
from reportgen.analyses.cams.measures import centre_offset, gini, likenesses, total_variation
from reportgen.analyses.lime.stability import jaccard, repeat_seeds
from reportgen.analysis.baselines import centred_gaussian


def half_white(size: int = 40) -> np.ndarray:
    frame = np.zeros((size, size, 3), np.uint8)
    frame[:, size // 2 :] = 255
    return frame


def test_a_flat_image_has_no_edges_and_no_entropy() -> None:
    measured = complexity(np.full((20, 20, 3), 90, np.uint8), 7)
    assert measured == Complexity(superpixels=7.0, edge_density=0.0, entropy=0.0)


def test_half_black_half_white_is_one_bit_and_one_edge_two_pixels_wide() -> None:
    measured = complexity(half_white(), 2)
    assert measured.entropy == pytest.approx(1.0)
    assert measured.edge_density == pytest.approx(2 / 40)


def test_a_full_step_has_gradient_one() -> None:
    assert gradient(half_white())[:, 19:21] == pytest.approx(1.0)
    assert gradient(half_white())[:, :18] == pytest.approx(0.0)


def test_components_count_parts_that_do_not_touch() -> None:
    mask = np.zeros((10, 10), bool)
    mask[0:2, 0:2] = mask[2:4, 2:4] = True  # touch at a corner
    mask[7:9, 7:9] = True
    assert components(mask) == 2
    assert components(np.zeros((5, 5), bool)) == 0


def test_a_mask_on_the_edge_has_a_larger_gradient_than_one_beside_it_or_shifted() -> None:
    gradients = gradient(half_white())
    on, off = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    on[:, 20:] = True
    off[:, 30:] = True
    assert edge_gradient(on, gradients) == pytest.approx(1.0)
    assert edge_gradient(off, gradients) == pytest.approx(0.0)
    assert edge_gradient_by_chance(on, gradients, 0) < 0.5  # type: ignore[operator]
    assert edge_gradient_by_chance(on, gradients, 0) == edge_gradient_by_chance(on, gradients, 0)


def test_a_mask_without_a_border_inside_the_frame_has_no_gradient() -> None:
    assert edge_gradient(np.ones((40, 40), bool), gradient(half_white())) is None
    assert edge_gradient(np.zeros((40, 40), bool), gradient(half_white())) is None


def test_gini_is_zero_for_an_even_map_and_near_one_for_a_point() -> None:
    point = np.zeros((20, 20))
    point[3, 4] = 1
    assert gini(np.ones((20, 20))) == pytest.approx(0)
    assert gini(point) == pytest.approx(1 - 1 / 400)
    assert gini(np.zeros((4, 4))) is None


def test_gini_is_the_mean_absolute_difference_over_twice_the_mean() -> None:
    values = np.random.default_rng(0).random((6, 7))
    flat = values.ravel()
    expected = np.abs(flat[:, None] - flat[None, :]).mean() / (2 * flat.mean())
    assert gini(values) == pytest.approx(expected)


def test_total_variation_of_one_step_across_is_one() -> None:
    step = np.zeros((30, 30))
    step[:, 15:] = 1
    assert total_variation(step) == pytest.approx(1.0)


def test_centre_offset_is_zero_in_the_middle_and_one_in_a_corner() -> None:
    corner = np.zeros((100, 100))
    corner[0, 0] = 1
    assert centre_offset(centred_gaussian(50, 60)) == pytest.approx(0, abs=1e-6)
    assert centre_offset(corner) == pytest.approx(0.99)


def test_likeness_of_a_map_with_itself_is_perfect_and_with_a_constant_unknown() -> None:
    saliency = np.random.default_rng(1).random((16, 16))
    found = likenesses({"a": saliency, "b": saliency, "c": np.zeros((16, 16))})
    assert found["a~b"].rank_correlation == pytest.approx(1)
    assert found["a~b"].iou == 1
    assert found["a~c"].iou is None


def test_jaccard_of_two_empty_masks_is_unknown() -> None:
    empty, full = np.zeros((3, 3), bool), np.ones((3, 3), bool)
    assert jaccard(empty, empty) is None
    assert jaccard(empty, full) == 0
    assert jaccard(full, full) == 1


def test_repeats_begin_with_the_images_own_seed_and_differ() -> None:
    seeds = repeat_seeds(42, 4)
    assert seeds[0] == 42
    assert len(set(seeds)) == 4
    assert seeds == repeat_seeds(42, 4)
