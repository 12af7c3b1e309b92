"""reportgen.analysis.settle: verdicts after all claims of a report are corrected for one another."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from reportgen.analysis.sample_size import Pilot, images_needed
from reportgen.analysis.settle import Observed, settled
from reportgen.analysis.verdicts import ALPHA, Claim, Decision, claim, not_measured
from reportgen.report.document import Finding, Verdict

TEN = Observed(images=10, different=10, classes=10)
STRONG = Pilot("shift", (0.5, 1.0, 1.5, 0.7, 1.3, 1.1))
WEAK = Pilot("shift", tuple(np.random.default_rng(0).normal(0.3, 1, 30)))
NONE = Pilot("shift", (0.01, 0.02, 0.03) * 2, smallest=0.1)


def made(id: str, verdict: Verdict, p: float | None, *groups: tuple[Pilot, ...], needs: str = "") -> Claim:
    return claim(id, "cams", "Words.", Decision(verdict, p, groups, needs), "Text.")


def test_the_correction_is_holms_and_verdicts_follow_it() -> None:
    p = [0.004, 0.02, 0.03, 0.2, 0.001]
    found, tested = settled([made(f"C{i}", "supported", value) for i, value in enumerate(p)], TEN)
    expected = multipletests(p, ALPHA, "holm")
    assert [f.p_corrected for f in found] == pytest.approx(expected[1])
    assert [f.verdict == "supported" for f in found] == expected[0].tolist() == [True, False, False, False, True]
    assert [f.id for f in found] == tested == ["C0", "C1", "C2", "C3", "C4"]
    assert [f.p for f in found] == p
    assert all(type(f) is Finding for f in found)
    assert "Tested alone, the claim would be supported." in found[1].note
    assert "Tested alone" not in found[0].note
    assert "The claim as a whole: p = 0.020;" in found[1].note
    assert "5 claims" in found[1].note


def test_what_was_not_tested_stays_and_is_corrected_for_by_nobody() -> None:
    counted = Finding(id="D1", section="dissection", claim="c", verdict="supported", text="t")
    claims = [
        made("A1", "supported", 0.03),
        counted,
        not_measured("C1", "cams", "Words.", "Text."),
        made("L2", "undecided", None, needs="It takes six."),
        made("A2", "contradicted", 0.01),
    ]
    found, tested = settled(claims, TEN)
    assert [f.id for f in found] == ["A1", "D1", "C1", "L2", "A2"], "order is kept"
    assert tested == ["A1", "A2"]
    assert [f.verdict for f in found] == ["supported", "supported", "not measured", "undecided", "contradicted"]
    assert [f.p_corrected for f in found] == [0.03, None, None, None, 0.02]
    assert found[1] == counted
    assert found[3].note == "It takes six."


def test_two_claims_of_one_id_keep_their_own_p() -> None:
    """As of two explained models."""
    found, _ = settled([made("C2", "supported", 0.001), made("C2", "supported", 0.9)], TEN)
    assert [f.p_corrected for f in found] == [0.002, 0.9]
    assert [f.verdict for f in found] == ["supported", "undecided"]


def test_an_undecided_claim_says_how_many_images_would_decide_it() -> None:
    others = [made(f"C{i}", "undecided", 1.0) for i in range(9)]
    found, _ = settled([made("A1", "undecided", 0.2, (WEAK,)), *others], TEN)
    alone = images_needed(WEAK, ALPHA / 10)
    assert alone is not None
    assert found[0].needed is not None
    assert alone <= found[0].needed <= alone * 1.1 + 1, "rounded up, at the level of one of ten claims"
    assert f"About {found[0].needed} images" in found[0].note
    assert found[1].needed is None


def test_every_part_has_to_be_decided_by_any_of_its_tests() -> None:
    def needed(*groups: tuple[Pilot, ...]) -> int | None:
        return settled([made("A1", "undecided", 0.2, *groups)], TEN)[0][0].needed

    hard, easy = needed((WEAK,)), needed((STRONG,))
    assert hard is not None and easy is not None and hard > easy
    assert needed((WEAK, STRONG)) == easy
    assert needed((WEAK,), (STRONG,)) == hard
    assert needed((WEAK,), (NONE,)) is None
    assert needed((WEAK, NONE)) == hard


def test_no_number_is_named_that_the_run_had_already() -> None:
    found, _ = settled([made("A1", "undecided", 0.2, (STRONG,))], Observed(images=40, different=40, classes=40))
    assert found[0].needed is not None
    assert found[0].needed > 40


def test_an_effect_that_no_number_decides_is_said_to_be_one() -> None:
    small, _ = settled([made("A1", "undecided", 0.2, (NONE,))], TEN)
    assert small[0].needed is None
    assert "no larger than the smallest effect of interest" in small[0].note
    tiny, _ = settled([made("A1", "undecided", 0.9, (Pilot("rho", (0.01, 10.0)),))], TEN)
    assert "Not even 10" in tiny[0].note


def test_the_note_says_what_n_counts() -> None:
    found, _ = settled([made("A1", "supported", 0.001)], Observed(images=13, different=10, classes=7))
    assert "10 different images of 7 classes, without 3 copies" in found[0].note
    found, _ = settled([made("A1", "supported", 0.001)], Observed(images=10, different=10, classes=7))
    assert "7 classes" in found[0].note
    found, _ = settled([made("A1", "supported", 0.001)], TEN)
    assert "class" not in found[0].note


def test_a_report_without_claims() -> None:
    assert settled([], TEN) == ([], [])
