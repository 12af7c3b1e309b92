"""reportgen.wording: counts, percentages, lists, and places in a frame."""

from __future__ import annotations

import numpy as np
import pytest

from reportgen.analysis import wording


def test_counts_agree_with_their_noun() -> None:
    assert [wording.count(n, "image") for n in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
    assert wording.count(2, "class", "classes") == "2 classes"


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (0.004, "0.4 %"), (0.01, "1 %"), (0.234, "23 %"), (0.996, "100 %"), (1, "100 %")]
)
def test_percentages_keep_what_is_under_one(share: float, text: str) -> None:
    assert wording.percent(share) == text


def test_lists_read_as_english_and_count_the_rest() -> None:
    assert wording.listed(["a"]) == "a"
    assert wording.listed(["a", "b"]) == "a and b"
    assert wording.listed(["a", "b", "c"]) == "a, b and c"
    assert wording.listed(list("abcdefgh"), most=3) == "a, b, c and 5 more"


@pytest.mark.parametrize(
    ("row", "column", "text"),
    [
        (0, 0, "upper left"),
        (0, 4, "upper middle"),
        (0, 8, "upper right"),
        (4, 0, "middle left"),
        (4, 4, "centre"),
        (4, 8, "middle right"),
        (8, 0, "lower left"),
        (8, 4, "lower middle"),
        (8, 8, "lower right"),
    ],
)
def test_places_are_the_thirds_of_the_centre_of_mass(row: int, column: int, text: str) -> None:
    values = np.zeros((9, 9))
    values[row, column] = 3
    assert wording.place(values) == text


def test_nothing_is_nowhere_and_two_corners_meet_in_the_centre() -> None:
    values = np.zeros((9, 9))
    assert wording.place(values) == "nowhere"
    values[0, 0] = values[8, 8] = 1
    assert wording.place(values) == "centre"


def test_whole_numbers_are_written_as_in_tables() -> None:
    assert [wording.whole(n) for n in (7, 1984, 12500)] == ["7", "1984", "12\u202f500"]
    assert wording.count(12500, "unit") == "12\u202f500 units"


def test_a_sign_is_a_true_minus() -> None:
    assert [wording.signed(value) for value in (0.183, -0.391)] == ["+0.18", "−0.39"]
