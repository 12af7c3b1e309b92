"""reportgen.images.copies: which photographs are the same, by bytes and by what they show."""

from __future__ import annotations

import io
import shutil
import tracemalloc
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from made_runs import analyse_toy
from reportgen.analyses.agreement.task import ANALYSIS as AGREEMENT
from reportgen.analyses.cams.task import ANALYSIS as CAMS
from reportgen.analyses.faithfulness.task import ANALYSIS as FAITHFULNESS
from reportgen.analyses.lime.task import ANALYSIS as LIME
from reportgen.images import copies
from reportgen.images.copies import MOST_BITS_APART, Copies, find_copies, observations, perceptual_hash
from reportgen.report.document import Report
from toys import ROOT, photo_folder, photo_path

SAMPLES = sorted((ROOT / "sample_images").glob("*.[jp][pn]g"))


def pixels(path: Path) -> np.ndarray:
    return np.array(Image.open(path).convert("RGB"))


def recompressed(values: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


def scaled(values: np.ndarray, by: float) -> np.ndarray:
    height, width = values.shape[:2]
    return np.array(Image.fromarray(values).resize((round(width * by), round(height * by)), Image.Resampling.BICUBIC))


def apart(a: str, b: str) -> int:
    return (int(a, 16) ^ int(b, 16)).bit_count()


def found_in(hashes: list[str]) -> Copies:
    return find_copies([f"bytes of {i}" for i in range(len(hashes))], hashes)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_photograph_scaled_or_stored_again_is_near_itself(path: Path) -> None:
    values = pixels(path)
    hashes = [
        perceptual_hash(v)
        for v in (values, scaled(values, 0.5), recompressed(values, 60), recompressed(scaled(values, 0.7), 85))
    ]
    assert found_in(hashes).near == ((0, 1, 2, 3),)


def test_different_photographs_are_not_near() -> None:
    hashes = [perceptual_hash(pixels(path)) for path in SAMPLES]
    assert len(hashes) >= 10
    assert found_in(hashes) == Copies()
    assert min(apart(a, b) for a, b in combinations(hashes, 2)) > 2 * MOST_BITS_APART


def test_equal_bytes_are_one_group_and_near_ones_another() -> None:
    same, other = "0123456789abcdef", "fedcba9876543210"
    near = f"{int(same, 16) ^ 0b1011:016x}"
    found = find_copies(["a", "b", "a", "c", "b", "a"], [same, other, same, near, other, same])
    assert found.equal == ((0, 2, 5), (1, 4))
    assert found.near == ((0, 3),), "of equal ones the first stands for all"
    assert observations(6, found, fold_near=False) == (0, 1, 3)
    assert observations(6, found, fold_near=True) == (0, 1)


def test_without_copies_every_image_counts() -> None:
    assert find_copies([], []) == Copies()
    assert find_copies(["a"], ["0" * 16]) == Copies()
    assert observations(3, Copies(), fold_near=True) == (0, 1, 2)


def test_nearness_passes_from_one_to_the_next() -> None:
    steps = [0, 0b1111, 0b11111111, 0b111111111111]  # four bits each: the first and the last are twelve apart
    assert found_in([f"{step:016x}" for step in steps]).near == ((0, 1, 2, 3),)


@pytest.mark.parametrize(("bits", "near"), [(1, True), (4, True), (5, False), (20, False)])
def test_four_bits_are_near_and_five_are_not(bits: int, near: bool) -> None:
    rng = np.random.default_rng(bits)
    for _ in range(50):
        value = int(rng.integers(0, 2**63))
        flipped = value
        for bit in rng.choice(64, bits, replace=False):
            flipped ^= 1 << int(bit)
        assert bool(found_in([f"{value:016x}", f"{flipped:016x}"]).near) == near


def test_the_bands_find_every_pair_that_comparing_all_finds() -> None:
    rng = np.random.default_rng(0)
    values = [int(v) for v in rng.integers(0, 2**64, 60, np.uint64)]
    for _ in range(240):
        value = values[rng.integers(len(values))]
        for bit in rng.choice(64, rng.integers(0, 8), replace=False):
            value ^= 1 << int(bit)
        values.append(value)
    group = list(range(len(values)))  # by joining every two that are near, one pair at a time
    for i, j in combinations(range(len(values)), 2):
        if (values[i] ^ values[j]).bit_count() <= MOST_BITS_APART and group[i] != group[j]:
            group = [group[i] if g == group[j] else g for g in group]
    expected = {tuple(i for i, g in enumerate(group) if g == name) for name in set(group)}
    assert set(map(tuple, copies._near(values))) == {members for members in expected if len(members) > 1}


@pytest.mark.parametrize("kind", ["blank scans", "frames of a video"])
def test_memory_grows_with_the_images_and_not_with_their_pairs(kind: str) -> None:
    """5000 images of four distinct hashes; 2081 that are all at most four bits apart. Their pairs would take a hundred MB and more."""
    base = 0x0F1E2D3C4B5A6978
    if kind == "blank scans":
        values = [base ^ far for far in (0, 0xFF, 0xFF00, 0xFF0000)] * 1250
        expected = [list(range(start, 5000, 4)) for start in range(4)]
    else:
        values = [
            base,
            *(base ^ 1 << a for a in range(64)),
            *(base ^ 1 << a ^ 1 << b for a, b in combinations(range(64), 2)),
        ]
        expected = [list(range(2081))]
    tracemalloc.start()
    try:
        assert copies._near(values) == expected
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


# --- through the pipeline ------------------------------------------------------------------------


def explained(photos: Path, tmp_path: Path, name: str, **settings: object) -> Report:
    tasks = [CAMS, LIME, AGREEMENT, FAITHFULNESS]
    quick = {"lime": {"num_samples": 8, "repeats": 2}, "faithfulness": {"draws": 1, "random_masks": 2}}
    return analyse_toy(photos, tmp_path / name, tmp_path / "cache", tasks, **quick, **settings)[0]


def decisions(report: Report) -> dict[str, tuple[object, ...]]:
    return {f.id: (f.verdict, f.p, f.p_corrected, f.text, f.needed) for f in report.findings}


def test_twelve_copies_of_one_photograph_decide_nothing(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(12):
        shutil.copy(photo_path("chelsea"), photos / f"{i}{photo_path('chelsea').suffix}")
    report = explained(photos, tmp_path, "out")
    assert len(report.images) == 12
    assert {finding.verdict for finding in report.findings} <= {"undecided", "not measured"}
    [warning] = [warning for warning in report.warnings if warning.code == "repeated-images"]
    assert "They count as one observation" in warning.text
    assert all("1 different image of 1 class, without 11 copies" in f.note for f in report.findings if f.p is not None)


def test_copies_added_to_a_folder_change_no_verdict(tmp_path: Path) -> None:
    """Six photographs; the same and three copies of one; the same and one of them stored again, counted and folded."""
    photos = photo_folder(tmp_path / "photos", "astronaut", "camera", "chelsea", "coffee", "motorcycle_left", "rocket")
    before = decisions(explained(photos, tmp_path, "before"))
    first = sorted(photos.iterdir())[0]
    for i in range(3):
        shutil.copy(first, photos / f"z-copy-{i}{first.suffix}")
    assert decisions(explained(photos, tmp_path, "copies")) == before
    with Image.open(first) as image:
        image.convert("RGB").resize((image.width * 4 // 5, image.height * 4 // 5)).save(
            photos / "z-small.jpg", quality=80
        )
    counted = explained(photos, tmp_path, "near")
    assert [w.code for w in counted.warnings if w.code.endswith("-images")] == ["repeated-images", "near-equal-images"]
    assert decisions(counted) != before
    assert decisions(explained(photos, tmp_path, "folded", statistics={"fold_near": True})) == before
