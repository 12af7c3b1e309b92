"""Masks of many images against one another, and the parts of maps that are compared so."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from made_results import cams_result
from reportgen.analyses.agreement.overlap import overlap
from reportgen.analyses.cams.alike import halves, most_paired, pairings
from reportgen.analysis.masks import MOST_PAIRED, cross_iou, packed, paired_sample


@pytest.mark.parametrize("shape", [(8, 8), (7, 13)])
def test_every_two_masks_have_the_iou_that_one_pair_has(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    a, b = ([rng.random(shape) < share for share in (0.1, 0.4, 0.9, 0.0)] for _ in range(2))
    found = cross_iou([packed(mask) for mask in a], [packed(mask) for mask in b])
    for (i, left), (j, right) in product(enumerate(a), enumerate(b)):
        assert found[i, j] == pytest.approx(overlap(left, right).iou or 0.0)


def test_more_masks_than_are_unpacked_at_once() -> None:
    rng = np.random.default_rng(1)
    masks = [rng.random((6, 6)) < 0.5 for _ in range(300)]
    found = cross_iou([packed(mask) for mask in masks], [packed(mask) for mask in masks])
    assert np.diagonal(found) == pytest.approx(1)
    assert found[299, 3] == pytest.approx((masks[299] & masks[3]).sum() / (masks[299] | masks[3]).sum())


def test_of_very_many_images_a_seeded_sample_is_compared() -> None:
    many = range(0, 10_000, 2)
    assert paired_sample(range(5), 0) == [0, 1, 2, 3, 4]
    chosen = paired_sample(many, 0)
    assert len(set(chosen)) == MOST_PAIRED
    assert chosen == sorted(chosen) == paired_sample(many, 0) != paired_sample(many, 1)
    assert set(chosen) <= set(many)


def test_two_methods_are_compared_on_one_image_and_on_two() -> None:
    """Seven images whose maps of both methods mark one column each, another on every image."""
    maps = [np.zeros((8, 8), np.float32) for _ in range(7)]
    for column, saliency in enumerate(maps):
        saliency[:, column] = 1
    results = [cams_result({"gradcam": m, "scorecam": m, "layercam": np.zeros((8, 8), np.float32)}) for m in maps]
    found = pairings([halves(result) for result in results], 0)
    assert set(found) == {"gradcam~scorecam"}  # a constant map is in no pair
    pair = found["gradcam~scorecam"]
    assert (pair.own, pair.other) == (1, 0)
    assert pair.p == pytest.approx(1 / 5040)  # one pairing of 7! is as good


def test_many_methods_are_compared_on_fewer_images() -> None:
    assert most_paired(["a", "b", "c"]) == MOST_PAIRED
    assert most_paired(["a", "b", "c", "d"]) < MOST_PAIRED
