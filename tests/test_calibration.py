"""`python -m benchmarks statistics`: verdicts are wrong no more often than they say, shown on made-up reports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import made_data
from benchmarks.made_reports import PAIRED, decided, null, reported, with_effects
from benchmarks.statistics import COPIES, measure
from reportgen.images.copies import find_copies, observations
from toys import ROOT

LEVEL = 0.05


def test_the_command_prints_and_writes_what_it_measured(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "statistics",
        "--simulations",
        "1",
        "--workers",
        "1",
        "--out",
        str(out),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "at least one false verdict" in done.stdout
    results = json.loads(out.read_text())
    assert results["simulations"] == 1
    assert set(results["shares"]) == {"10", "24", "100"}
    assert {"former", "uncorrected", "now"} == set(results["shares"]["10"]["null"])


def test_the_same_reports_are_made_again_and_by_any_number_of_workers() -> None:
    assert measure(3, workers=1, sizes=(10,)) == measure(3, workers=2, sizes=(10,))


def test_copies_of_one_photograph_decide_nothing() -> None:
    shares = measure(5, sizes=(10,))["shares"]["10"]["copies"]  # type: ignore[index]
    assert shares["now"] == shares["uncorrected"] == 0
    assert shares["former"] == 1


def test_copies_beside_photographs_change_no_verdict() -> None:
    made = with_effects(null(3, 24), 3, shift=1.2, rho=0.7, share=0.8, shared=made_data.SHARED)
    alone = reported(decided(made))
    assert "supported" in alone.values()
    images = [*range(24), 0, 5, 5]
    hashes = [f"{0x1F << 2 * i:016x}" for i in images]
    counted = observations(
        27,
        find_copies([f"bytes of {i}" for i in images], hashes),
        fold_near=False,
    )
    assert reported(decided(made.of(images).of(counted))) == alone


def test_what_is_there_is_found() -> None:
    made = with_effects(null(1, 100), 1, shift=1.2, rho=0.7, share=0.8, shared=made_data.SHARED)
    verdicts = reported(decided(made))
    assert {name for name, verdict in verdicts.items() if verdict == "supported"} >= {
        *PAIRED,
        "A1",
        "A3",
        "L2",
        "C5",
        "D5",
    }


def test_made_masks_are_as_measured_ones() -> None:
    """Of 24 photographs of 24 classes: Grad-CAM and LIME of one image overlap by 0.43, of two by 0.32, by area they would by 0.24."""
    first, second = made_data.masks(np.random.default_rng(0), 2, 800, made_data.SHARED)
    found = made_data.overlaps(first, second)
    other = (found.matrix.sum() - found.iou.sum()) / (800 * 799)
    assert (found.iou.mean(), other, found.chance.mean()) == pytest.approx((0.43, 0.32, 0.24), abs=0.02)
    alone = made_data.overlaps(*made_data.masks(np.random.default_rng(0), 2, 800, 0.0))
    assert alone.iou.mean() == pytest.approx(other, abs=0.02)


@pytest.mark.parametrize("shape", ["normal", "heavy", "skewed"])
def test_made_differences_have_no_mean_and_unit_deviation(shape: made_data.Shape) -> None:
    made = made_data.differences(np.random.default_rng(0), 2, 100_000, shape)
    assert made.mean() == pytest.approx(0, abs=0.02)
    assert made.std() == pytest.approx(1, abs=0.02)
    third = (made**3).mean()
    assert third == pytest.approx(2 if shape == "skewed" else 0, abs=0.25)


@pytest.mark.slow
def test_a_report_without_effects_has_a_false_verdict_no_more_often_than_one_in_twenty() -> None:
    simulations = 200
    shares = measure(simulations, workers=2)["shares"]
    allowed = LEVEL + 2.5 * np.sqrt(LEVEL * (1 - LEVEL) / simulations)
    for n, rows in shares.items():  # type: ignore[attr-defined]
        for row in ("null", "null heavy"):
            assert rows[row]["now"] <= allowed, (n, row)
            assert rows[row]["former"] > allowed, "else the made-up reports would test nothing"
        assert rows["copies"]["now"] == 0, COPIES
