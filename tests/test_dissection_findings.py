"""Made-up labels in which D1 to D4 are true, false or undecidable."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reportgen.analyses.dissection.findings import dissection_findings
from reportgen.analyses.dissection.labels import DissectedModel, Layer
from reportgen.analyses.dissection.rules import DIFFERENT_JACCARD, DOMINANT_SHARE
from reportgen.analyses.dissection.task import ANALYSIS
from reportgen.report.document import Finding


def layer(name: str, **units: int) -> Layer:
    """A layer whose units carry the given labels, all of them sure."""
    concepts = tuple(concept for concept, count in units.items() for _ in range(count))
    n = len(concepts)
    return Layer(
        name, concepts, concepts, np.ones(n), np.ones(n), np.zeros(n, bool), np.ones(n, bool), np.zeros((1, n), int)
    )


def model(name: str, *layers: dict[str, int]) -> DissectedModel:
    return DissectedModel(name, tuple(layer(f"layer{i}", **units) for i, units in enumerate(layers)))


def finding(claim: str, models: list[DissectedModel], *, exploratory: bool = False) -> Finding:
    probing: Any = SimpleNamespace(
        nearest_concepts=lambda: [("goldfish", "fish", 0.8)],
        exploratory=exploratory,
        n_images=10 if exploratory else 2000,
    )
    return next(f for f in dissection_findings(probing, models) if f.id == claim)


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
    [((1, 5, 10, 20, 40), "supported"), ((40, 20, 10, 5, 1), "contradicted"), ((5, 1, 9, 2, 8), "undecided")],
)
def test_d3_follows_the_share_of_colour_units(shares: tuple[int, ...], verdict: str) -> None:
    assert finding("D3", [colours(*shares)]).verdict == verdict


def test_d3_is_decided_by_the_share_where_the_count_says_the_opposite() -> None:
    """The authors' published ResNet-50 result, unit counts by layer: the count rises, then falls; the share only falls."""
    counts, sizes = (20, 27, 33, 24, 8), (64, 256, 512, 1024, 2048)
    resnet = model("resnet50", *({"red": c, "fish": n - c} for c, n in zip(counts, sizes, strict=True)))
    found = finding("D3", [resnet])
    assert found.verdict == "contradicted"
    assert "20, 27, 33, 24 and 8 units" in found.text


@pytest.mark.parametrize(
    ("models", "verdict"),
    [
        ([model("a", {"fish": 1}), model("b", {"dog": 1})], "supported"),
        ([model("a", {"fish": 1, "dog": 1}), model("b", {"dog": 1, "fish": 1})], "contradicted"),
        ([model("a", {"fish": 1})], "not measured"),
    ],
)
def test_d4_follows_the_overlap_of_concepts(models: list[DissectedModel], verdict: str) -> None:
    assert finding("D4", models).verdict == verdict


@pytest.mark.parametrize("claim", ["D1", "D2", "D3", "D4"])
def test_an_exploratory_probe_set_decides_nothing(claim: str) -> None:
    found = finding(claim, [colours(1, 5, 10, 20, 40), model("b", EXPLOSIVE)], exploratory=True)
    assert found.verdict in ("undecided", "not measured")
    assert "10 probe images" in found.text


def test_the_printed_rules_name_the_thresholds_in_force() -> None:
    printed = " ".join(ANALYSIS.rules)
    assert f"{DOMINANT_SHARE:.0%}".replace("%", " %") in printed
    assert f"{DIFFERENT_JACCARD:g}" in printed
