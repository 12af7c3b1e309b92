"""Made-up labels in which D1 to D4 are true, false or undecidable."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from made_dissection import RECIPE
from reportgen.analyses.dissection.findings import dissection_findings, share_of_draws_with_one
from reportgen.analyses.dissection.labels import DissectedModel, Halves, Layer
from reportgen.analyses.dissection.recipe import Origin
from reportgen.analyses.dissection.rules import DOMINANT_SHARE
from reportgen.analyses.dissection.task import ANALYSIS
from reportgen.analysis.verdicts import Claim
from reportgen.settings.model import StatisticsSettings

MANY, FEW = Origin("file", RECIPE), Origin("images", RECIPE.model_copy(update={"probe_images": 10, "top_k": 10}))


def layer(name: str, units: dict[str, int], second: dict[str, int] | None = None) -> Layer:
    """A layer whose units carry the given labels, all of them sure; either half of the probe set gives the same, or `second`."""
    concepts, other = (
        tuple(concept for concept, count in given.items() for _ in range(count)) for given in (units, second or units)
    )
    n = len(concepts)
    ones, none = np.ones(n), np.zeros(n, bool)
    halves = Halves(concepts, other, np.ones(n, np.float32), 0.0)
    return Layer(name, concepts, concepts, ones, ones, none, ~none, np.zeros((1, n), int), halves=halves)


def model(name: str, *layers: dict[str, int], origin: Origin = MANY) -> DissectedModel:
    return DissectedModel(name, tuple(layer(f"layer{i}", units) for i, units in enumerate(layers)), origin)


def finding(claim: str, models: list[DissectedModel], *, fish: int = 16, images: int = 12) -> Claim:
    """Of the images of one class; of 1000 classes so many are fish."""
    chapter: Any = SimpleNamespace(
        nearest={m.model: [("goldfish", "fish", 0.8)] for m in models},
        nearest_to_any={m.model: ("fish",) * fish + ("dog",) * (1000 - fish) for m in models},
        models=tuple(models),
        decisive=[m for m in models if not m.origin.exploratory],
        exploratory=[m for m in models if m.origin.exploratory],
        run=SimpleNamespace(statistics=StatisticsSettings(), seed=0, observations=range(images)),
    )
    return next(f for f in dissection_findings(chapter) if f.id == claim)


FISHY, EXPLOSIVE = {"fish": 6, "dog": 3}, {"explosion": 7, "fish": 2}


@pytest.mark.parametrize(
    ("models", "verdict"),
    [
        ([model("a", FISHY)], "supported"),
        ([model("a", EXPLOSIVE)], "contradicted"),
        ([model("a", FISHY), model("b", EXPLOSIVE)], "undecided"),
    ],
)
def test_d1_follows_the_rank_of_the_images_own_concepts(models: list[DissectedModel], verdict: str) -> None:
    assert finding("D1", models).verdict == verdict


def test_d1_asks_whether_other_classes_would_lead_as_well() -> None:
    """16 of 1000 classes are fish: one drawn at random is with p = 0.016; of 200, with 0.2."""
    rare, common = (finding("D1", [model("a", FISHY)], fish=fish) for fish in (16, 200))
    assert (rare.verdict, rare.p) == ("supported", pytest.approx(0.016))
    assert (common.verdict, common.p) == ("undecided", pytest.approx(0.2))
    assert "in 20 % of draws of 1 class from all 1000 (200 have that concept)" in common.text


def test_draws_of_several_classes_are_made_without_replacement() -> None:
    """1 - C(8, 3) / C(10, 3) = 1 - 56 / 120, by hand."""
    assert share_of_draws_with_one(10, 2, 3) == pytest.approx(64 / 120)
    assert share_of_draws_with_one(10, 2, 50) == 1


@pytest.mark.parametrize("claim", ["D1", "D2"])
def test_fewer_than_six_images_are_no_data_set(claim: str) -> None:
    for units in (FISHY, EXPLOSIVE):
        found = finding(claim, [model("a", units)], images=5)
        assert (found.verdict, found.p) == ("undecided", None)
        assert "no data set" in found.text


def test_d1_names_the_leader_and_the_rank_of_the_own_concept() -> None:
    text = finding("D1", [model("a", EXPLOSIVE)]).text
    assert "explosion labels most units (7 of 9)" in text
    assert "fish, rank 2" in text


@pytest.mark.parametrize(
    ("units", "verdict"),
    [
        ({"explosion": 3, "fish": 7}, "supported"),
        ({"explosion": 1, "fish": 99}, "contradicted"),
        ({"fish": 5}, "contradicted"),
    ],
)
def test_d2_counts_only_unrelated_concepts(units: dict[str, int], verdict: str) -> None:
    assert finding("D2", [model("a", units)]).verdict == verdict


def colours(*shares: int) -> DissectedModel:
    return model("a", *({"red": share, "fish": 100 - share} for share in shares))


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        ((1, 5, 10, 20, 40), "supported"),
        ((40, 20, 10, 5, 1), "contradicted"),
        ((5, 1, 9, 2, 8), "undecided"),
        ((0, 0, 0, 0, 0), "undecided"),
    ],
)
def test_d3_follows_the_share_of_colour_units(shares: tuple[int, ...], verdict: str) -> None:
    assert finding("D3", [colours(*shares)]).verdict == verdict


def test_d3_is_decided_by_no_rise_smaller_than_the_smallest_effect() -> None:
    """Of very many units, one percentage point is significant; it is still one percentage point."""
    rising = model("a", *({"red": 1000 + 50 * i, "fish": 99_000 - 50 * i} for i in range(3)))
    found = finding("D3", [rising])
    assert found.p is not None and found.p < 0.05
    assert found.verdict == "undecided"


def test_d3_is_decided_by_the_share_where_the_count_says_the_opposite() -> None:
    """The authors' published ResNet-50 result, unit counts by layer: the count rises, then falls; the share only falls."""
    counts, sizes = (20, 27, 33, 24, 8), (64, 256, 512, 1024, 2048)
    resnet = model("resnet50", *({"red": c, "fish": n - c} for c, n in zip(counts, sizes, strict=True)))
    found = finding("D3", [resnet])
    assert found.verdict == "contradicted"
    assert "20 of 64, 27 of 256, 33 of 512, 24 of 1024 and 8 of 2048 units" in found.text


A, B = ({f"{kind}{i}": 3 for i in range(12)} for kind in "ab")


def test_d4_is_supported_where_halves_agree_and_models_do_not() -> None:
    found = finding("D4", [model("a", A), model("b", B)])
    assert found.verdict == "supported"
    assert [round(one.value, 6) for one in found.evidence] == [0, 1]  # type: ignore[arg-type]


def test_d4_is_open_where_two_models_share_as_much_as_two_halves() -> None:
    assert finding("D4", [model("a", A), model("b", A)]).verdict == "undecided"


def test_d4_is_open_where_the_halves_of_a_model_differ_as_much_as_models_do() -> None:
    """Labels that change with the probe set say nothing of what tells models apart."""
    nothing = [
        DissectedModel(
            name, (layer("l", {f"{name}{i}": 3 for i in range(12)}, {f"{name}'{i}": 3 for i in range(12)}),), MANY
        )
        for name in ("a", "b")
    ]
    found = finding("D4", nothing)
    assert [one.value for one in found.evidence] == [0, 0]
    assert found.verdict == "undecided"


def test_d4_needs_two_models_whose_labels_were_made_alike() -> None:
    assert finding("D4", [model("a", A)]).verdict == "not measured"
    other = Origin("file", RECIPE.model_copy(update={"concepts_sha256": "1" * 64}))
    found = finding("D4", [model("a", A), model("b", B, origin=other)])
    assert found.verdict == "undecided"
    assert "made in different ways" in found.text


@pytest.mark.parametrize("claim", ["D1", "D2", "D3", "D4"])
def test_an_exploratory_probe_set_decides_nothing(claim: str) -> None:
    rising = [{"red": share, "fish": 100 - share} for share in (1, 5, 10, 20, 40)]
    found = finding(claim, [model("a", *rising, origin=FEW), model("b", EXPLOSIVE, origin=FEW)])
    assert found.verdict == "undecided" and found.p is None
    assert "10 probe images" in found.text
    assert not [one for one in found.evidence if one.p is not None]


def test_a_model_with_too_few_images_is_left_out_and_named() -> None:
    found = finding("D1", [model("a", FISHY), model("b", EXPLOSIVE, origin=FEW)])
    assert found.verdict == "supported"
    assert found.text.endswith("too few images made the labels: b.")


def test_the_printed_rules_name_the_thresholds_in_force() -> None:
    printed = " ".join(ANALYSIS.rules)
    assert f"{DOMINANT_SHARE:.0%}".replace("%", " %") in printed
