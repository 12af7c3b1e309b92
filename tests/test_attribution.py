"""Concept attribution: the sum that makes a logit, and what the labels of units say of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from made_attribution import (
    LABELS,
    AttributedRun,
    attribution,
    exact_result,
    first_order_result,
    linear_head,
    unit_labels,
)
from made_runs import analyse_toy
from reportgen.analyses.attribution import measured as measured_module
from reportgen.analyses.attribution import relatedness, removal, tables, wordings
from reportgen.analyses.attribution.charts import Panel, concept_bars
from reportgen.analyses.attribution.decomposition import decompose, units_that_carry
from reportgen.analyses.attribution.findings import labels_are_related, removal_removes_class, removal_sentence
from reportgen.analyses.attribution.grouping import Concepts, ConceptSum, Grouping, by_concept
from reportgen.analyses.attribution.measured import Measured, measure
from reportgen.analyses.attribution.relatedness import LabelTally, positive_shares, related_units
from reportgen.analyses.attribution.task import ANALYSIS
from reportgen.analyses.dissection.result import DissectionResult, SharedLabels, UnitLabels
from reportgen.analyses.dissection.terms import TERMS as DISSECTION_TERMS
from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.registry import load_analyses
from reportgen.analysis.run_view import RunView
from reportgen.analysis.verdicts import Claim, of_paired
from reportgen.analysis.view import Subject, View
from reportgen.figures import charts
from reportgen.models.classifiers.base import LinearHead
from reportgen.models.runtime import Engine
from reportgen.report.blocks import Listing
from reportgen.report.blocks import Text as Said
from reportgen.settings.group import SettingsGroup
from reportgen.settings.model import StatisticsSettings
from reportgen.utils.softmax import softmax
from toys import CountingEngine, photo_folder, subject, toy_network, toy_spec


def toy_view(seed: int = 0, *, linear: bool) -> View:
    frame = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8)
    return View(frame, CountingEngine(toy_spec(toy_network(seed, linear=linear))))


def engine_of(view: View) -> CountingEngine:
    assert isinstance(view.engine, CountingEngine)
    return view.engine


# --- the sum -------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["openvino", "torch"])
def test_the_terms_of_the_embedded_model_add_up_to_its_logit(view: View, lite0_torch: Engine, backend: str) -> None:
    seen = view if backend == "openvino" else View(view.frame, lite0_torch)
    for target in np.argsort(-seen.forward.logits[0])[:3]:
        found = decompose(seen, int(target))
        assert found.exact
        assert found.logit == float(seen.forward.logits[0, target])
        assert abs(float(found.terms.sum()) + found.bias - found.logit) < 1e-4
    with torch.no_grad():
        layer = [m for m in lite0_torch.network.head.modules() if isinstance(m, torch.nn.Linear)][-1]
    unit, activations = int(np.argmax(found.terms)), seen.forward.activations[0]
    by_hand = float(layer.weight[int(target), unit]) * sum(map(float, activations[unit].ravel())) / activations[0].size
    assert found.terms[unit] == pytest.approx(by_hand, rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_on_a_linear_head_the_sum_is_exact_and_takes_no_pass_of_its_own(seed: int) -> None:
    view = toy_view(seed, linear=True)
    found = ANALYSIS.map(subject(view, 3))
    assert found.exact
    assert found.remainder == pytest.approx(0, abs=1e-5)
    assert (engine_of(view).passes, engine_of(view).head_passes) == (1, 0)
    # Class 3 alone: without a unit its logit is lower by that unit's term.
    activations = view.forward.activations.copy()
    activations[:, 4] = 0
    assert view.engine.head_logits(activations)[0, 3] == pytest.approx(found.logit - found.terms[4], abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_on_another_head_terms_are_gradient_times_activation(seed: int) -> None:
    view = toy_view(seed, linear=False)
    found, layers = decompose(view, 1), view.engine.network.head.layers
    first, last = layers[1], layers[3]  # type: ignore[index]
    activations = view.forward.activations[0].reshape(-1).astype(np.float64)
    w1, b1, w2 = (np.array(p.detach(), np.float64) for p in (first.weight, first.bias, last.weight))
    # The gradient of two layers with a ReLU between, by hand.
    gradient = (w2[1] * (w1 @ activations + b1 > 0)) @ w1
    assert not found.exact
    np.testing.assert_allclose(found.terms, (gradient * activations).reshape(10, -1).sum(1), atol=1e-5)
    assert found.remainder == pytest.approx(found.logit - found.terms.sum())
    assert engine_of(view).passes == 1


def test_the_units_that_carry_a_share_are_the_fewest() -> None:
    assert units_that_carry(np.array([1.0, 5.0, -4.0, 3.0, 1.0])) == 2, "5 and 3 are 8 of 10, exactly"
    assert units_that_carry(np.array([1.0, 5.0, -4.0, 2.9, 1.1])) == 3
    assert units_that_carry(np.array([0.1] * 10), 0.3) == 3, "not one more for a rounded sum"
    assert units_that_carry(np.array([-1.0, 0.0])) == 0


# --- by label ------------------------------------------------------------------------------------


def total(found: Concepts) -> float:
    named = sum(part.sum for part in (*found.positive, *found.negative))
    return named + found.rest_positive + found.rest_negative + found.unlabelled.sum


def test_terms_are_added_up_by_label_and_sorted_by_sign() -> None:
    grouping = Grouping.of(["dog", None, "cat", "dog", "cat", "sky", "tree", None])
    terms = np.array([1.0, 0.5, -3.0, 0.25, 1.0, 0.75, 0.0, -1.0])
    assert grouping.words == ("cat", "dog", "sky", "tree")
    found = by_concept(grouping, terms, most=1)
    assert found.positive == (ConceptSum("dog", 1.25, 2, 1.25, 2),)
    assert found.negative == (ConceptSum("cat", -2.0, 2, -2.0, 2),)
    assert (found.rest, found.rest_positive, found.rest_negative) == (2, 0.75, 0.0)
    assert found.unlabelled == ConceptSum("", -0.5, 2, 0.0, 0)
    assert total(found) == terms.sum()


@pytest.mark.parametrize("seed", range(5))
def test_however_many_labels_are_named_nothing_is_lost(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = [None if i == 9 else f"label {i}" for i in rng.integers(0, 10, 60)]
    terms = rng.normal(size=60)
    for most in (1, 3, 20):
        found = by_concept(Grouping.of(labels), terms, most)
        assert total(found) == pytest.approx(terms.sum())
        assert len(found.positive) + len(found.negative) + found.rest == len(set(labels) - {None})
    assert by_concept(Grouping.of([None] * 60), terms, 8).unlabelled.sum == pytest.approx(terms.sum())


# --- are labels related to the class? -------------------------------------------------------------


def test_a_label_is_related_from_the_stated_cosine_on() -> None:
    cosines = np.array([[0.5, 0.499], [0.1, 0.9]])
    found = related_units(["a", "b", None, "a"], ["one", "two"], ["a", "b"], cosines, 0.5)
    assert found.units["one"].tolist() == [True, False, False, True]
    assert found.units["two"].tolist() == [False, True, False, False]
    assert found.cosines["two"] == {"a": 0.1, "b": 0.9}


def test_permuted_means_are_those_of_all_permutations() -> None:
    """Two classes, six units: every permutation of the labels by hand against seeded draws."""
    shares = {"one": np.array([0.5, 0.1, 0.2, 0.1, 0.1, 0.0]), "two": np.array([0.0, 0.0, 0.7, 0.1, 0.1, 0.1])}
    units = {"one": np.array([1, 1, 0, 0, 0, 0], bool), "two": np.array([0, 0, 1, 0, 0, 0], bool)}
    of_class = {
        "one": relatedness.ClassShares(2, 2 * shares["one"]),
        "two": relatedness.ClassShares(1, shares["two"]),
    }
    by_hand = [
        (2 * shares["one"][[order[0], order[1]]].sum() + shares["two"][order[2]]) / 3
        for order in permutations(range(6))
    ]
    drawn = relatedness.permuted_means(of_class, units, 20_000, seed=0)
    assert drawn.mean() == pytest.approx(np.mean(by_hand), abs=0.003)
    assert np.mean(by_hand) == pytest.approx((2 * 2 / 6 + 1 / 6) / 3), "the share of the units that are related"
    for value in (0.1, 0.3, 0.45):
        assert (drawn >= value).mean() == pytest.approx(np.mean(np.array(by_hand) >= value), abs=0.012)


def test_p_counts_the_observed_pairing_and_fewer_than_six_images_have_none() -> None:
    units = np.zeros(500, bool)
    units[:3] = True
    share = positive_shares(np.where(units, 5.0, 0.1))
    related = relatedness.RelatedUnits({"c": {}}, {"c": units})

    def tested(n: int) -> relatedness.LabelTest:
        tally = LabelTally(related)
        for _ in range(n):
            tally.add(share, "c")
        found = tally.tested(999, seed=0)
        assert found is not None
        return found

    # No other three units carry as much: what is left is the observed one.
    assert tested(6).pairing.p == 1 / 1000
    assert tested(5).pairing.p is None
    assert tested(6).pairing.own == pytest.approx(15 / (15 + 49.7))
    assert tested(6).pairing.other == pytest.approx(3 / 500)
    assert LabelTally(related).tested(99, 0) is None


def made_terms(rng: np.random.Generator, images: int = 10, units: int = 200) -> np.ndarray:
    """(images, units) terms of either sign: few units carry much, and some of them on every image."""
    common = rng.lognormal(0, 1, units)
    return common * rng.lognormal(0, 1.2, (images, units)) * np.where(rng.random((images, units)) < 0.8, 1, -0.5)


def decided(terms: np.ndarray, labels: Sequence[str | None], seed: int) -> Claim:
    """D5 over images of a class each; class i is related to the label `word i`."""
    words = tuple(sorted({label for label in labels if label is not None}))
    classes = [f"class {i}" for i in range(len(terms))]
    cosines = np.array([[float(word == f"word {i}") for word in words] for i in range(len(terms))])
    tally = LabelTally(related_units(labels, classes, words, cosines, 0.5))
    for row, name in zip(terms, classes, strict=True):
        tally.add(positive_shares(row), name)
    measured = Measured((), (), True, len(labels), unit_labels(labels), test=tally.tested(999, seed))
    return labels_are_related(measured, StatisticsSettings().share, "", 999)


def test_permuted_labels_give_d5_no_support() -> None:
    labels = [f"word {i % 25}" if i < 150 else None for i in range(200)]
    found = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        permuted = [labels[i] for i in rng.permutation(200)]
        found.append(decided(made_terms(rng), permuted, seed))
    assert sum(claim.verdict == "supported" for claim in found) <= 5
    below = sum(claim.evidence[0].p is not None and claim.evidence[0].p < 0.05 for claim in found)
    assert 1 <= below <= 11, "p is uniform: 5 of 100 on average"


def test_labels_that_carry_their_class_give_d5_support() -> None:
    labels = [f"word {i % 25}" if i < 150 else None for i in range(200)]
    for seed in range(20):
        terms = made_terms(np.random.default_rng(seed))
        for image, row in enumerate(terms):
            row[[i for i, label in enumerate(labels) if label == f"word {image}"]] += 8
        assert decided(terms, labels, seed).verdict == "supported"


# --- removal -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_removal_by_algebra_is_what_the_head_says_without_the_channels(seed: int) -> None:
    view = toy_view(seed, linear=True)
    head, forward = view.engine.linear_head, view.forward
    assert head is not None
    sets = [np.array([0]), np.array([1, 4, 9]), np.arange(10)]
    found = removal.removed(head, forward.activations[0].mean((1, 2)), forward.logits[0], sets)
    drops, changed = removal.drops(head, forward.activations[0].mean((1, 2)), forward.logits[0], 2, sets)
    for units, logits, drop, other in zip(sets, found, drops, changed, strict=True):
        activations = forward.activations.copy()
        activations[:, units] = 0
        without = view.engine.head_logits(activations)
        np.testing.assert_allclose(logits, without[0], atol=1e-5)
        assert drop == pytest.approx(softmax(forward.logits)[0, 2] - softmax(without)[0, 2], abs=1e-5)
        assert other == (without[0].argmax() != forward.logits[0].argmax())


def test_removal_on_the_embedded_model_is_what_its_head_says(view: View, lite0_torch: Engine) -> None:
    units, activations = np.arange(0, 1280, 5), view.forward.activations.copy()
    head = view.engine.linear_head
    assert head is not None
    [found] = removal.removed(head, activations[0].mean((1, 2)), view.forward.logits[0], [units])
    activations[:, units] = 0
    np.testing.assert_allclose(found, lite0_torch.head_logits(activations)[0], atol=1e-4)


def test_matched_units_are_others_of_equal_activation() -> None:
    rng = np.random.default_rng(0)
    levels = rng.permutation(np.repeat([0.0, 1.0, 5.0], 40))  # forty units a level
    units = np.concatenate([np.flatnonzero(levels == 5)[:8], np.flatnonzero(levels == 1)[:3]])
    found = removal.matched_sets(levels.astype(np.float32), units, 50, rng)
    assert len(found) == 50
    for drawn in found:
        assert len(set(drawn)) == len(drawn) == 11
        assert not set(drawn) & set(units)
        assert sorted(levels[drawn]) == sorted(levels[units])
    assert len({tuple(sorted(drawn)) for drawn in found}) > 40, "they are random"


def test_matched_units_are_drawn_from_the_ten_nearest_that_are_free() -> None:
    means = np.arange(50, dtype=np.float32)
    first = {int(drawn[0]) for drawn in removal.matched_sets(means, np.array([20]), 2000, np.random.default_rng(1))}
    assert first == set(range(15, 26)) - {20}
    with pytest.raises(ValueError, match="too few others"):
        removal.matched_sets(means, np.arange(30), 1, np.random.default_rng(0))
    everything = removal.matched_sets(means, np.arange(25), 3, np.random.default_rng(0))
    assert all(sorted(drawn) == list(range(25, 50)) for drawn in everything)


def test_relabelled_drops_are_those_of_the_largest_groups_of_dealt_labels() -> None:
    head = linear_head()
    image = exact_result(head, 0)
    grouping = Grouping.of(LABELS)
    of_image = (head, image.means, image.logits, image.target)
    found = removal.relabelled_drops(*of_image, grouping, image.terms, 2, 4, seed=3)
    rng = np.random.default_rng(3)
    for value in found:
        dealt = rng.permutation(grouping.of_unit)
        sums = {word: image.terms[dealt == word].sum() for word in range(4)}
        largest = sorted(sums, key=lambda word: -sums[word])[:2]
        drop, _ = removal.drops(*of_image, [np.flatnonzero(dealt == word) for word in largest])
        assert value == pytest.approx(drop.mean())


def test_labels_that_mean_nothing_beat_random_units_and_still_give_d6_no_support(tmp_path: Path) -> None:
    """The groups removed are the largest, so that they cost more than random units whatever their labels: hence the second control."""
    supported = beaten = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        weight = rng.normal(0.1, 0.5, (5, 200)).astype(np.float32)
        weight[2] += 0.1
        head = LinearHead(weight, np.zeros(5, np.float32))
        labels = [f"word {i}" for i in rng.integers(0, 40, 200)]
        results = [exact_result_of(head, rng.gamma(0.5, 0.2, 200).astype(np.float32)) for _ in range(12)]
        words = (*sorted(set(labels)), "class 2")
        run = AttributedRun(tmp_path / str(seed), results, unit_labels(labels), head=head, words=words, meant={})
        measured = measure(run)
        assert measured.removal is not None
        matched, smallest = measured.removal.matched, StatisticsSettings().probability
        beaten += of_paired(matched, smallest).verdict == "supported"
        supported += removal_removes_class(measured, smallest, "").verdict == "supported"
    assert beaten >= 15
    assert supported <= 1


def exact_result_of(head: LinearHead, means: np.ndarray) -> Any:
    made = exact_result(head, 0)
    logits = head.weight @ means + head.bias
    return type(made)(2, True, means, logits, head.weight[2].astype(np.float64) * means, 0.0)


# --- the chapter ---------------------------------------------------------------------------------


def of_chapter(made: Contribution) -> dict[str, Any]:
    return {finding.id: finding for finding in made.findings}


@pytest.fixture(scope="module")
def chapters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Contribution]:
    return attribution(tmp_path_factory.mktemp("chapters"))


@pytest.mark.parametrize(
    ("title", "d5", "d6"),
    [
        ("twelve images, two with figures: related labels carry", "supported", "undecided"),
        ("twelve images: one label, which carries alone", "supported", "supported"),
        ("twelve images: labels that say nothing", "undecided", "contradicted"),
        ("seven images of two classes, one without a related label; a probe set", "contradicted", "undecided"),
        ("four images, a head of another kind, labels of unknown origin", "undecided", "not measured"),
        ("six images, their own labels", "undecided", "undecided"),
        ("six images, labels from a hundred", "undecided", "undecided"),
        ("two images, no labels", "not measured", "not measured"),
        ("two images, a head of another kind, labels of another layer", "not measured", "not measured"),
        ("one image without an active unit", "not measured", "not measured"),
    ],
)
def test_verdicts(chapters: dict[str, Contribution], title: str, d5: str, d6: str) -> None:
    found = of_chapter(chapters[title])
    assert (found["D5"].verdict, found["D6"].verdict) == (d5, d6)
    for finding in found.values():
        assert (
            finding.verdict in ("supported", "contradicted") or finding.p is None or finding.p >= 0.05 or finding.pilots
        )


def test_labels_of_the_explained_images_decide_nothing_and_are_not_in_the_family(tmp_path: Path) -> None:
    results = [exact_result(linear_head(), i) for i in range(12)]
    for why in ("own_images", "exploratory"):
        run = AttributedRun(tmp_path / why, results, unit_labels(**{why: True}), head=linear_head())
        assert [finding.p for finding in ANALYSIS.reduce(run).findings] == [None, None]


def test_labels_of_another_module_with_as_many_units_are_not_taken(tmp_path: Path) -> None:
    head = linear_head()
    results = [exact_result(head, i) for i in range(3)]

    def read(factor: float) -> Measured:
        run = AttributedRun(tmp_path / str(factor), results, unit_labels(), head=head)
        run.results = {
            **run.results,
            "dissection": [DissectionResult({"last": result.means * np.float32(factor)}) for result in results],
        }
        return measure(run)

    assert read(1.01).labels is not None
    other = read(1.2)
    assert other.labels is None
    assert "last, which is not the last feature map: on image-0.jpg" in other.missing


def test_copies_count_once(tmp_path: Path) -> None:
    head = linear_head(range(3, 9))
    results = [exact_result(head, 0)] * 12
    run = AttributedRun(tmp_path, results, unit_labels(), head=head)
    run.observations = [0]
    test = measure(run)
    assert test.test is not None
    assert (test.test.n, test.test.pairing.p) == (1, None)
    assert test.removal is not None
    assert test.removal.matched.n == 1
    assert {finding.verdict for finding in ANALYSIS.reduce(run).findings} == {"undecided"}


def test_copies_count_once_in_every_number_printed(tmp_path: Path) -> None:
    """The last of three images stands there five times: what is said is as without its copies, rows are all."""
    head, labels = linear_head(range(3, 9)), unit_labels(best=tuple(label or "sky" for label in LABELS))
    results = [exact_result(head, i) for i in range(3)]
    once = AttributedRun(tmp_path / "once", results, labels, head=head)
    copied = AttributedRun(tmp_path / "copied", [*results, *results[2:] * 4], labels, head=head)
    copied.observations = [0, 1, 2]
    first, second = (
        [
            block
            for block in ANALYSIS.reduce(run).section.blocks  # type: ignore[union-attr]
            if isinstance(block, Listing | Said) and block.role == "observation"
        ]
        for run in (once, copied)
    )
    assert first == second
    measured, of_first_order = measure(copied), [first_order_result(head, i) for i in (0, 1, 2, 2, 2, 2, 2)]
    carriers = [units_that_carry(result.terms) for result in results]
    said = wordings.observations(measured)
    assert f"(median {np.median(carriers):.0f}, 3 images" in said[1]
    assert removal_sentence(measured, measured.removal) in {block.text for block in second if isinstance(block, Said)}  # type: ignore[arg-type]
    assert len(tables.image_table(copied, measured).rows) == 7
    unlabelled = AttributedRun(tmp_path / "no labels", of_first_order, None, head=head)
    unlabelled.observations = [0, 1, 2]
    assert "over 3 images the difference has a median of 0.50" in wordings.observations(measure(unlabelled))[0]


def test_random_units_and_dealt_labels_of_an_image_have_generators_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[tuple[str, int]] = []
    for name in ("remove_concepts", "relabelled_drops"):

        def seeded(name: str, of: Any, *given: Any, **named: Any) -> Any:
            seeds.append((name, given[-1]))
            return of(*given, **named)

        monkeypatch.setattr(measured_module, name, partial(seeded, name, getattr(removal, name)))
    head = linear_head()
    results = [exact_result(head, i) for i in range(2)]
    run = AttributedRun(tmp_path, results, unit_labels(), head=head)
    run.images = [image.model_copy(update={"sha256": f"{i:064d}"}) for i, image in enumerate(run.images)]
    measure(run)
    assert [name for name, _ in seeds] == ["remove_concepts", "relabelled_drops"] * 2
    assert len({seed for _, seed in seeds}) == 4


def test_entries_hold_the_sum(chapters: dict[str, Contribution]) -> None:
    for entry in chapters["twelve images: labels that say nothing"].per_image:
        parts: Any = entry
        listed = sum(label["sum"] for label in (*parts["for"], *parts["against"]))
        others = parts["other_labels"]["for"] + parts["other_labels"]["against"] + parts["unlabelled"]["sum"]
        assert listed + others + parts["bias"] + parts["remainder"] == pytest.approx(parts["logit"])
        assert parts["positive_sum"] + parts["negative_sum"] + parts["bias"] == pytest.approx(parts["logit"])


@pytest.mark.parametrize("sums", [(3.21, -0.42), (3.21, -123.45), (98765.4, -123456.7), (0.004, -0.001), (2.0, 0.0)])
@pytest.mark.parametrize("label", ["sky", "international", "West Highland white terrier", "W" * 30])
def test_no_letter_of_a_panel_stands_in_another_or_past_the_edge(sums: tuple[float, float], label: str) -> None:
    """Sums of any size, one side long or empty, beside labels of any length."""
    positive, negative = ([ConceptSum(label, s, 5, s / 2, 2)] * 8 if s else [] for s in sums)
    rest = "1012 other labels +12.34 −10.12; 900 unlabelled units +1.23; not of first order −0.50; logit 12.34"
    panels = [Panel(f"electric locomotive: n03272562_{label}.JPEG", positive, negative, rest, frozenset({label}))] * 3
    figure = concept_bars(panels, 8, chance=True)
    figure.set_dpi(600)  # letters of a raster are rounded to its pixels, those of the page are not
    with charts.style():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        left, right, below = figure.axes[:3]
        for axes in (left, right, below):
            ends = (figure.bbox.width / 2, figure.bbox.width) if axes is right else (0, figure.bbox.width / 2)
            texts = [text for text in axes.findobj(Text) if text.get_text() and text.get_visible()]
            assert len(texts) == 2 + len(positive) + len(negative)
            for text in texts:
                box = text.get_window_extent(canvas.get_renderer())
                assert ends[0] <= box.x0 < box.x1 <= ends[1], text.get_text()
                assert 0 <= box.y0 < box.y1 <= figure.bbox.height, text.get_text()
            bars = [bar.get_window_extent().width for bar in axes.patches]
            assert np.nanmax(bars) > 0.2 * left.get_window_extent().width / 2, "and the bars are there to be seen"


# --- in the pipeline -----------------------------------------------------------------------------


class LabelSettings(SettingsGroup):
    labelled: bool = True


class MadeLabels(Analysis[LabelSettings, DissectionResult]):
    """Stands where dissection does, and hands on what it is told."""

    name, title, version, order = "dissection", "Labels", "1", 10
    settings_name = "made_labels"
    shares = SharedLabels
    terms = DISSECTION_TERMS

    def __init__(self, labels: UnitLabels | None) -> None:
        self._labels = labels

    def map(self, subject: Subject[LabelSettings]) -> DissectionResult:
        return DissectionResult({"last": subject.view.forward.activations[0].mean((1, 2))})

    def reduce(self, run: RunView[LabelSettings]) -> Contribution:
        return Contribution(section=None, shared=None if self._labels is None else SharedLabels((self._labels,)))


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("labels", [unit_labels(("a", "b", None, None, "a", "b", "a", "b", "a", "b")), None])
def test_a_run_from_images_to_its_chapter(tmp_path: Path, linear: bool, labels: UnitLabels | None) -> None:
    images = photo_folder(tmp_path / "images", "coffee", "rocket", "chelsea")

    def run(out: str) -> Any:
        report, _ = analyse_toy(
            images,
            tmp_path / out,
            tmp_path / "cache",
            [MadeLabels(labels), ANALYSIS],
            network=lambda: toy_network(linear=linear),
        )
        return report

    report = run("out")
    [section] = report.sections
    assert section.id == "attribution"
    assert [finding.id for finding in report.findings] == ["D5", "D6"]
    measured = "undecided" if labels is not None else "not measured"
    assert [finding.verdict for finding in report.findings] == [measured, measured if linear else "not measured"]
    for image in report.images:
        entry = image.model_extra["attribution"]
        assert entry["head"] == ("linear" if linear else "first order")
        assert entry["logit"] == pytest.approx(image.prediction.logit)
        assert abs(entry["remainder"]) < 1e-4 or not linear
    again = run("again")
    assert again.sections == report.sections
    assert again.findings == report.findings


def test_the_task_alone_pulls_dissection_in() -> None:
    assert [analysis.name for analysis in load_analyses(("attribution",))] == ["embedding", "dissection", "attribution"]


# --- labels that fit no better than chance ----------------------------------------------------------


def test_units_stand_under_their_best_label_and_the_report_says_what_is_no_better_than_chance(tmp_path: Path) -> None:
    """Of the six `cat` units three fit better than chance; all six make the bar, three its solid part."""
    best = tuple(concept or "sky" for concept in LABELS)
    stands = tuple(None if i in (0, 1, 2) else concept for i, concept in enumerate(LABELS))
    labels = unit_labels(stands, best=best)
    head = linear_head()
    results = [exact_result(head, i) for i in range(8)]
    found = ANALYSIS.reduce(AttributedRun(tmp_path / "a", results, labels, head=head))
    entry = found.per_image[0]
    cat = next(row for row in entry["for"] if row["label"] == "cat")  # type: ignore[union-attr]
    terms = results[0].terms
    assert cat["units"] == 6 and cat["better_than_chance"]["units"] == 3  # type: ignore[index]
    assert cat["sum"] == pytest.approx(terms[:6].sum())  # type: ignore[index]
    assert cat["better_than_chance"]["sum"] == pytest.approx(terms[3:6].sum())  # type: ignore[index]
    assert entry["unlabelled"]["units"] == 0  # type: ignore[index]
    d5 = next(finding for finding in found.findings if finding.id == "D5")
    assert "Counting those labels alone that fit their unit better than chance" in d5.text
    [strict] = [item for item in d5.evidence if item.name == "related_share_better_than_chance"]
    shares = [np.maximum(r.terms, 0)[3:6].sum() / np.maximum(r.terms, 0).sum() for r in results]
    assert strict.value == pytest.approx(np.mean(shares))
    alone = ANALYSIS.reduce(AttributedRun(tmp_path / "b", results, labels, head=head, units="labelled"))
    assert alone.per_image[0]["unlabelled"]["units"] == 8 + 3  # type: ignore[index]
