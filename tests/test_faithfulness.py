"""analyses.faithfulness: curves against a slow loop on a model whose answer is known, controls, masks hidden, findings."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_results import cams_result, faithfulness_result, lime_result
from made_runs import MadeRun
from reportgen.analyses.cams.methods import METHODS
from reportgen.analyses.cams.result import CamsResult
from reportgen.analyses.cams.settings import OF_ATTENTION
from reportgen.analyses.faithfulness import curves
from reportgen.analyses.faithfulness.charts import ROWS, curves_figure
from reportgen.analyses.faithfulness.compare import best, better_by, decided, standings
from reportgen.analyses.faithfulness.findings import faithfulness_findings
from reportgen.analyses.faithfulness.hiding import random_regions
from reportgen.analyses.faithfulness.localisation import localise
from reportgen.analyses.faithfulness.maps import CONTROLS, LABELS, control_maps
from reportgen.analyses.faithfulness.removal import Removals
from reportgen.analyses.faithfulness.result import FaithfulnessResult, HiddenMask, Localisation, MarkedObject
from reportgen.analyses.faithfulness.section import reduce_faithfulness
from reportgen.analyses.faithfulness.settings import FaithfulnessSettings
from reportgen.analyses.faithfulness.task import ANALYSIS
from reportgen.analyses.lime.result import Surrogate
from reportgen.analysis import baselines as controls
from reportgen.analysis import verdicts, wording
from reportgen.analysis.view import View
from reportgen.images.ground_truth.annotation import Truth
from reportgen.models.runtime import Engine, Fill
from reportgen.report.blocks import Figure, Table
from reportgen.report.provenance import RuntimeRecord
from reportgen.settings.model import Settings, StatisticsSettings
from toys import subject, toy_network, toy_spec

OF_ACTIVATIONS = tuple(method for method in METHODS if method not in OF_ATTENTION)

SIDE = 32
STEPS = 28
SMALLEST = StatisticsSettings()  # of areas under curves 0.01, of IoU, shares and probabilities 0.02


class LinearModel(Engine):
    """logit of class 1 = sum of weights times input, of class 0 = 0: what each pixel adds is known exactly."""

    def __init__(self, weights: np.ndarray) -> None:
        record = RuntimeRecord(name="torch", precision="exact", device="cpu")
        super().__init__(toy_spec(toy_network(), classes=2), record, Path())
        self.weights = weights.astype(np.float64)
        self.passes = 0

    def logits(self, count: int, fill: Fill) -> np.ndarray:
        out, x = np.zeros((count, 2), np.float32), np.full((3, SIDE, SIDE), np.nan, np.float32)
        for i in range(count):
            fill(i, x)
            out[i, 1] = (self.weights * x).sum()
            self.passes += 1
        return out

    def probability(self, x: np.ndarray) -> float:
        return float(1 / (1 + np.exp(-(self.weights * x).sum())))


def frame_of(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def linear_view(seed: int = 0, pixels: int = 60) -> View:
    """A model that reads a few pixels of a noisy frame, and looks at nothing else."""
    rng = np.random.default_rng(seed)
    weights = np.zeros((3, SIDE * SIDE))
    weights[:, rng.choice(SIDE * SIDE, pixels, replace=False)] = rng.normal(0.1, 0.15, pixels)
    return View(frame_of(seed), LinearModel(weights.reshape(3, SIDE, SIDE)))


def noise_of(seed: int, draws: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).random((draws, SIDE, SIDE), dtype=np.float32)


def scored(view: View, maps: dict[str, np.ndarray], noise: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """Curves by map and measure, on class 1."""
    removals = Removals(view, 1)
    plans = {name: curves.plan(removals, curves.orders(saliency, noise)) for name, saliency in maps.items()}
    deletion, insertion = curves.stacked(plans, removals.probabilities(), list(maps))
    return {name: {"deletion": deletion[i], "insertion": insertion[i]} for i, name in enumerate(maps)}


def areas(view: View, maps: dict[str, np.ndarray], noise: np.ndarray) -> dict[str, dict[str, float]]:
    found = scored(view, maps, noise)
    return {name: {m: curves.area_under(curve) for m, curve in both.items()} for name, both in found.items()}


# --- an independent slow loop --------------------------------------------------------------------


def slow_blur(x: np.ndarray) -> np.ndarray:
    """Every pixel as the weighted mean of its 11 x 11 neighbours, the frame mirrored at its borders."""
    offsets = range(-5, 6)
    kernel = {(dy, dx): np.exp(-(dy**2 + dx**2) / (2 * 5.0**2)) for dy in offsets for dx in offsets}
    total = sum(kernel.values())
    mirrored = np.pad(x.astype(np.float64), ((0, 0), (5, 5), (5, 5)), mode="symmetric")
    out = np.zeros(x.shape)
    for (dy, dx), weight in kernel.items():
        out += weight / total * mirrored[:, 5 + dy : 5 + dy + x.shape[1], 5 + dx : 5 + dx + x.shape[2]]
    return out


def slow_curve(model: LinearModel, x: np.ndarray, order: Sequence[int], measure: str) -> list[float]:
    """One pixel after the other, from a copy of the input or into a blurred one."""
    picture = x.astype(np.float64).copy() if measure == "deletion" else slow_blur(x)
    other = np.broadcast_to(x.astype(np.float64).mean((1, 2))[:, None, None], x.shape) if measure == "deletion" else x
    points, done = [model.probability(picture)], 0
    for step in range(1, STEPS + 1):
        while done < round(step * len(order) / STEPS):
            row, column = divmod(order[done], SIDE)
            picture[:, row, column] = other[:, row, column]
            done += 1
        points.append(model.probability(picture))
    return points


def by_importance(saliency: np.ndarray, noise: np.ndarray) -> list[int]:
    flat, breaks = saliency.ravel().tolist(), noise.ravel().tolist()
    return sorted(range(len(flat)), key=lambda pixel: (-flat[pixel], -breaks[pixel]))


@pytest.mark.parametrize("measure", ["deletion", "insertion"])
def test_curves_are_those_of_a_slow_loop(measure: str) -> None:
    view, saliency, noise = linear_view(), noise_of(5)[0], noise_of(6)
    slow = slow_curve(view.engine, view.input, by_importance(saliency, noise[0]), measure)  # type: ignore[arg-type]
    fast = scored(view, {"map": saliency}, noise)["map"][measure]
    np.testing.assert_allclose(fast, slow, atol=2e-5)
    assert np.ptp(slow) > 0.2  # the model does react
    trapezoid = sum((a + b) / 2 / STEPS for a, b in itertools.pairwise(slow))
    assert curves.area_under(fast) == pytest.approx(trapezoid, abs=2e-5)


@pytest.mark.parametrize("measure", ["deletion", "insertion"])
def test_tied_pixels_go_in_random_order_and_the_draws_are_averaged(measure: str) -> None:
    view, noise = linear_view(1), noise_of(7)
    superpixels = np.kron(np.random.default_rng(8).integers(-2, 3, (4, 4)), np.ones((8, 8))).astype(np.float32)
    drawn = [slow_curve(view.engine, view.input, by_importance(superpixels, n), measure) for n in noise]  # type: ignore[arg-type]
    assert np.abs(np.subtract(drawn[0], drawn[1])).max() > 0.02  # the order inside a tie matters
    fast = scored(view, {"map": superpixels}, noise)["map"][measure]
    np.testing.assert_allclose(fast, np.mean(drawn, axis=0), atol=2e-5)


def test_a_map_without_ties_is_drawn_once_and_a_map_of_superpixels_each_time() -> None:
    noise = noise_of(1)
    assert len(curves.orders(noise[0], noise)) == 1
    assert not curves.has_ties(
        controls.centred_gaussian(224, 224)
    )  # eight pixels at one distance are no tie to speak of
    assert len(curves.orders(np.kron(np.eye(4), np.ones((8, 8))), noise)) == 3
    assert len(curves.orders(controls.empty_map(SIDE, SIDE), noise)) == 3


def test_paths_start_and_end_where_they_should() -> None:
    view = linear_view(2)
    model, x = view.engine, view.input
    assert isinstance(model, LinearModel)
    found = scored(view, {"map": noise_of(5)[0], "empty": controls.empty_map(SIDE, SIDE)}, noise_of(6))
    whole, mean = model.probability(x), model.probability(np.broadcast_to(x.mean((1, 2))[:, None, None], x.shape))
    for both in found.values():
        assert both["deletion"][[0, -1]] == pytest.approx([whole, mean], abs=1e-5)
        assert both["insertion"][[0, -1]] == pytest.approx([model.probability(slow_blur(x)), whole], abs=1e-5)


def test_steps_take_equally_many_pixels_to_within_one() -> None:
    for pixels in (224 * 224, 240 * 240, 260 * 260, SIDE * SIDE):
        edges = curves.step_edges(pixels)
        assert (edges[0], edges[-1], len(edges)) == (0, pixels, STEPS + 1)
        assert set(np.diff(edges)) <= {pixels // STEPS, pixels // STEPS + 1}


def test_each_distinct_image_passes_once() -> None:
    view, noise = linear_view(3), noise_of(9)
    maps = {"a": noise_of(5)[0], "b": noise_of(5)[1], "again": noise_of(5)[0], "empty": controls.empty_map(SIDE, SIDE)}
    maps["random"] = noise[0]  # its order is the first of the empty map's
    removals = Removals(view, 1)
    for saliency in maps.values():
        curves.plan(removals, curves.orders(saliency, noise))
    removals.probabilities()
    orders = 2 + 3
    assert view.engine.passes == len(removals) == orders * 2 * (STEPS - 1) + 3  # type: ignore[attr-defined]


# --- what wins -----------------------------------------------------------------------------------


def test_an_oracle_scores_best_on_each_measure() -> None:
    """With a linear logit, what a pixel adds over its replacement is the best order there is, at every single step."""
    for seed in range(4):
        view, noise = linear_view(seed), noise_of(seed + 50)
        assert isinstance(view.engine, LinearModel)
        weights, x = view.engine.weights, view.input.astype(np.float64)
        maps = {
            "deletion": (weights * (x - x.mean((1, 2))[:, None, None])).sum(0),
            "insertion": (weights * (x - slow_blur(x))).sum(0),
        }
        others = {f"random {i}": drawn for i, drawn in enumerate(noise_of(seed + 90, 20))}
        found = scored(view, {**maps, **others, **control_maps(view.frame, noise[0])}, noise)
        for name, both in found.items():
            assert (found["deletion"]["deletion"] <= both["deletion"] + 1e-6).all(), name
            assert (found["insertion"]["insertion"] >= both["insertion"] - 1e-6).all(), name


def per_image(count: int) -> list[dict[str, dict[str, float]]]:
    """Areas on `count` frames and models: an oracle, a deliberately random map, the four controls."""
    scores = []
    for seed in range(count):
        view, noise = linear_view(seed), noise_of(seed + 50)
        assert isinstance(view.engine, LinearModel)
        oracle = (view.engine.weights * (view.input - view.input.mean((1, 2))[:, None, None])).sum(0)
        own = np.random.default_rng(seed + 1000).random((SIDE, SIDE))
        maps = {"oracle": oracle, "made up": own, **control_maps(view.frame, noise[0])}
        scores.append(areas(view, maps, noise))
    return scores


@pytest.fixture(scope="module")
def twenty() -> list[dict[str, dict[str, float]]]:
    return per_image(20)


@pytest.mark.parametrize("measure", ["deletion", "insertion"])
def test_a_random_map_scores_like_the_random_control_within_its_interval(twenty: Any, measure: str) -> None:
    by = better_by(twenty, "made up", "random", measure)
    assert by.ci is not None
    assert by.ci[0] <= 0 <= by.ci[1]
    assert verdicts.of_paired(by).verdict == "undecided"
    typical = np.median([image["random"][measure] - image["oracle"][measure] for image in twenty])
    assert abs(by.shift) < abs(typical) / 4


def test_the_oracle_beats_the_controls_and_a_random_map_does_not(twenty: Any) -> None:
    rivals = {measure: best(twenty, CONTROLS, measure) for measure in ("deletion", "insertion")}
    for measure, found in standings(twenty, ["oracle", "made up"], list(CONTROLS), rivals, SMALLEST).items():
        rows = {s.name: s for s in found}
        assert rows["oracle"].beats == "yes"
        assert rows["made up"].beats in ("no", "not shown")
        assert rows["oracle"].against == best(twenty, CONTROLS, measure)
        assert {name for name, s in rows.items() if s.beats == ""} == set(CONTROLS)


def test_better_means_lower_in_deletion_and_higher_in_insertion() -> None:
    scores = [{"a": {"deletion": 0.1, "insertion": 0.1}, "b": {"deletion": 0.4, "insertion": 0.3}}] * 3
    assert better_by(scores, "a", "b", "deletion").shift == pytest.approx(0.3)
    assert better_by(scores, "a", "b", "insertion").shift == pytest.approx(-0.2)
    assert (best(scores, ["a", "b"], "deletion"), best(scores, ["a", "b"], "insertion")) == ("a", "b")


def over_the_control(*maps: Sequence[float]) -> list[dict[str, dict[str, float]]]:
    """By image and map the area under the insertion curve: the control's is 0.5, the maps' are larger by so much."""
    names = [f"map {i}" for i in range(len(maps))]
    return [
        {
            "control": {"insertion": 0.5},
            **{name: {"insertion": 0.5 + by} for name, by in zip(names, image, strict=True)},
        }
        for image in zip(*maps, strict=True)
    ]


def beaten(scores: list[dict[str, dict[str, float]]]) -> list[tuple[float | None, str]]:
    """Of every map the corrected p and whether it beats the control."""
    names = [name for name in scores[0] if name != "control"]
    rows = standings(scores, names, ["control"], {"insertion": "control"}, SMALLEST)["insertion"]
    return [(row.p_corrected, row.beats) for row in rows if row.by is not None]


def test_p_of_a_table_is_corrected_for_its_rows() -> None:
    # Six differences of one sign: 2 of the 64 patterns of signs have a mean as large, p = 1/32; seven: 1/64.
    six = [0.1, 0.11, 0.12, 0.13, 0.14, 0.15]
    assert beaten(over_the_control(six)) == [(1 / 32, "yes")]
    assert beaten(over_the_control(six, six)) == [(2 / 32, "not shown")] * 2
    # A map that ties on every image was not tested, and corrects nothing.
    assert beaten(over_the_control(six, [0.0] * 6)) == [(1 / 32, "yes"), (None, "not shown")]
    # Holm: of two rows the smaller p is doubled, the other stands as it is.
    seven = [*six, 0.16]
    mixed = [*six, -0.05]  # 4 patterns: all positive, the small one negative, and both reversed
    assert beaten(over_the_control(seven, mixed)) == [(2 / 64, "yes"), (4 / 128, "yes")]


def test_a_map_beats_a_control_by_no_less_than_the_smallest_effect_of_interest() -> None:
    assert beaten(over_the_control([0.0091 + 0.0001 * i for i in range(8)])) == [(2 / 256, "not shown")]  # up to 0.0098
    assert beaten(over_the_control([0.0101 + 0.0001 * i for i in range(8)])) == [(2 / 256, "yes")]
    assert beaten(over_the_control([-0.2 - 0.01 * i for i in range(8)])) == [(2 / 256, "no")]


def test_measures_that_can_each_decide_a_claim_share_the_error_rate() -> None:
    six = over_the_control([0.1, 0.11, 0.12, 0.13, 0.14, 0.15], [0.2, -0.2, 0.1, -0.1, 0.05, -0.05])
    clear, unclear = (better_by(six, name, "control", "insertion") for name in ("map 0", "map 1"))
    assert decided({"insertion": clear}, SMALLEST).verdict == "supported"  # p = 1/32
    both = decided({"insertion": clear, "deletion": unclear}, SMALLEST)
    assert (both.verdict, both.p) == ("undecided", 2 / 32)


# --- hiding and localising -----------------------------------------------------------------------


@pytest.mark.parametrize("pixels", [0, 1, 37, 500, 1024])
def test_random_regions_have_the_area_and_cut_one_superpixel_at_most(pixels: int) -> None:
    segments = np.kron(np.arange(16).reshape(4, 4), np.ones((8, 8), int))
    masks = random_regions(segments, pixels, 6, np.random.default_rng(3))
    assert [int(mask.sum()) for mask in masks] == [pixels] * 6
    for mask in masks:
        inside = np.array([mask[segments == superpixel].sum() for superpixel in range(16)])
        assert ((inside > 0) & (inside < 64)).sum() <= 1
    if 0 < pixels < 1024:
        assert len({mask.tobytes() for mask in masks}) > 1


def test_measures_of_a_map_on_the_object() -> None:
    truth = np.zeros((4, 5), bool)
    truth[1:3, 1:4] = True  # 6 of 20
    noise = np.random.default_rng(0).random((1, 4, 5))
    on, off = truth.astype(float), (~truth).astype(float)
    half = on.copy()
    half[0, 0] = 3.0  # the maximum lies off the object
    half[3, 4] = -9.0  # negative values carry no energy
    measured = {
        name: localise(s, truth, curves.orders(s, noise)) for name, s in (("on", on), ("off", off), ("half", half))
    }
    assert measured["on"] == Localisation(pointing=1, energy=1, iou=1)
    assert measured["off"] == Localisation(pointing=0, energy=0, iou=0)
    assert measured["half"].pointing == 0
    assert measured["half"].energy == pytest.approx(6 / 9)
    assert measured["half"].iou == pytest.approx(
        5 / 7
    )  # one of its six first pixels is off, one of the object's left out


def test_an_empty_map_localises_as_well_as_chance() -> None:
    truth = np.zeros((SIDE, SIDE), bool)
    truth[4:20, 8:30] = True
    empty, area = controls.empty_map(SIDE, SIDE), float(truth.mean())
    measured = localise(empty, truth, curves.orders(empty, noise_of(2, 40)))
    assert measured.pointing == measured.energy == pytest.approx(area)
    assert measured.iou == pytest.approx(area / (2 - area), rel=0.05)


# --- the analysis --------------------------------------------------------------------------------


LIME_WEIGHTS = ((3, 0.5), (5, 0.2), (9, -0.4))
SEGMENTS = np.kron(np.arange(16).reshape(4, 4), np.ones((8, 8), int))


def measured(
    view: View,
    *,
    truth: Truth | None = None,
    gradcam: np.ndarray | None = None,
    cams: CamsResult | None = None,
    **settings: Any,
) -> FaithfulnessResult:
    lime = lime_result(SEGMENTS, Surrogate(LIME_WEIGHTS, 0.0, 0.0, 1.0, 0.9, 1, 8))
    cams = cams or cams_result(
        {"gradcam": noise_of(31)[0] if gradcam is None else gradcam, "scorecam": noise_of(32)[0]}, target=1
    )
    made = subject(view, 1, FaithfulnessSettings(**settings), seed=7, results={"cams": cams, "lime": lime}, truth=truth)
    return ANALYSIS.map(made)


def test_map_scores_every_map_and_control() -> None:
    view = linear_view(4)
    result = measured(view)
    names = ["gradcam", "scorecam", "mean", "lime", "random", "gaussian", "sobel", "empty"]
    assert list(result.measured.labels) == list(result.measured.scores) == names
    assert result.deletion.shape == result.insertion.shape == (8, STEPS + 1)
    assert result.measured.forward_passes == view.engine.passes  # type: ignore[attr-defined]
    assert [result.measured.scores[name].draws for name in names] == [1, 1, 1, 2, 1, 2, 1, 2]
    assert [result.measured.scores[name].constant for name in names] == [False] * 7 + [True]
    for i, name in enumerate(names):
        for measure in ("deletion", "insertion"):
            curve = getattr(result, measure)[i].astype(float)
            area = (curve[1:] + curve[:-1]).sum() / 2 / STEPS
            assert getattr(result.measured.scores[name], measure) == pytest.approx(area, abs=1e-6)


def test_lime_is_scored_by_its_signed_weights_and_the_mean_by_the_mean() -> None:
    view, result = linear_view(4), measured(linear_view(4))
    segments, noise = SEGMENTS, np.random.default_rng(7)
    drawn = np.stack([controls.random_map(SIDE, SIDE, noise) for _ in range(2)])
    weights = np.where(segments == 3, 0.5, np.where(segments == 5, 0.2, np.where(segments == 9, -0.4, 0.0)))
    mean = (noise_of(31)[0] + noise_of(32)[0]) / 2
    expected = scored(view, {"lime": weights, "mean": mean}, drawn)
    for name, row in (("lime", 3), ("mean", 2)):
        for measure in ("deletion", "insertion"):
            np.testing.assert_allclose(getattr(result, measure)[row], expected[name][measure], atol=1e-6)


def test_hiding_limes_mask_is_measured_beside_random_masks_of_its_area() -> None:
    view = linear_view(4)
    hidden = measured(view, random_masks=4).measured.lime_hidden
    mask, x = np.isin(SEGMENTS, [3, 5]), view.input.astype(np.float64)
    gone = np.where(mask, x.mean((1, 2))[:, None, None], x)
    assert isinstance(view.engine, LinearModel)
    assert hidden.hidden == pytest.approx(view.engine.probability(gone), abs=1e-6)
    assert hidden.probability == pytest.approx(view.engine.probability(x), abs=1e-6)
    assert hidden.area == mask.mean()
    assert len(hidden.random) == len(set(hidden.random)) == 4
    assert measured(view, random_masks=0).measured.lime_hidden.random == ()


def test_the_same_subject_gives_the_same_result() -> None:
    a, b = (measured(linear_view(4)) for _ in range(2))
    assert a.measured == b.measured
    assert np.array_equal(a.deletion, b.deletion)


def test_only_an_image_with_truth_in_the_frame_is_localised() -> None:
    view, inside = linear_view(4), np.zeros((SIDE, SIDE), bool)
    inside[3:9, 3:9] = True
    without = measured(view).measured
    assert without.truth is None
    assert without.localisation is None
    marked = measured(view, truth=Truth(inside, "boxes.csv")).measured
    assert marked.truth == MarkedObject("boxes.csv", inside.mean())
    assert marked.localisation is not None and set(marked.localisation) == set(marked.labels)
    outside = measured(view, truth=Truth(~np.ones_like(inside), "boxes.csv")).measured
    assert outside.truth is not None and outside.truth.area == 0
    assert outside.localisation is None


# --- the chapter ---------------------------------------------------------------------------------


def chapter(folder: Path, count: int, **options: Any) -> Any:
    results = [measured(linear_view(seed), **options) for seed in range(count)]
    return reduce_faithfulness(MadeRun(folder, {"faithfulness": results}, FaithfulnessSettings()))


def table(contribution: Any, name: str) -> Table:
    return next(block for block in contribution.section.blocks if isinstance(block, Table) and block.id == name)


def test_random_maps_are_flagged_and_stand_beside_the_controls(tmp_path: Path) -> None:
    contribution = chapter(tmp_path, 4)
    rows = {(row[0], row[1]): row for row in table(contribution, "faithfulness").rows}
    assert len(rows) == 2 * 8
    # "Grad-CAM" is random here: it beats nothing.
    assert "yes" not in {row[-1] for row in rows.values()}
    # Columns: measure, map, median, shift: those whose shift is not on their side.
    lost = {(m, name) for (m, name), row in rows.items() if isinstance(row[3], float) and row[3] <= 0}
    warned = [w.text for w in contribution.warnings if w.code == "not-better-than-control"]
    assert lost
    assert {name for _, name in lost} == {text.split(" is not shown")[0] for text in warned}
    assert (tmp_path / "tables" / "faithfulness-images.csv").read_text().count("\n") == 1 + 4 * 8
    assert (tmp_path / "figures" / "faithfulness-curves.svg").is_file()


def test_an_empty_map_is_flagged_on_its_image(tmp_path: Path) -> None:
    contribution = chapter(tmp_path, 2, gradcam=controls.empty_map(SIDE, SIDE))
    flagged = [(w.image, w.text) for w in contribution.warnings if w.code == "empty-map"]
    assert [image for image, _ in flagged] == ["image-0.jpg", "image-1.jpg"]
    assert all(text.startswith("Grad-CAM ") for _, text in flagged)


def test_truth_brings_the_localisation_table_and_its_absence_is_said(tmp_path: Path) -> None:
    inside = np.zeros((SIDE, SIDE), bool)
    inside[3:20, 3:20] = True
    with_truth = chapter(tmp_path / "a", 3, truth=Truth(inside, "boxes.csv"))
    assert len(table(with_truth, "localisation").rows) == 8
    without = chapter(tmp_path / "b", 3)
    assert "boxes.csv" in str(without.section.model_dump())
    assert not any(isinstance(block, Table) and block.id == "localisation" for block in without.section.blocks)
    outside = chapter(tmp_path / "c", 1, truth=Truth(~np.ones_like(inside), "boxes.csv"))
    assert [w.code for w in outside.warnings if w.image] == ["truth-outside-frame"]


def test_every_number_behind_a_finding_names_a_table_of_the_chapter(tmp_path: Path) -> None:
    inside = np.zeros((SIDE, SIDE), bool)
    inside[3:20, 3:20] = True
    contribution = chapter(tmp_path, 3, truth=Truth(inside, "boxes.csv"))
    ids = {block.id for block in contribution.section.blocks if isinstance(block, Table)}
    sources = {item.source for finding in contribution.findings for item in finding.evidence}
    assert sources == {"faithfulness", "localisation", "lime-hidden"} <= ids
    assert all(item.n for finding in contribution.findings for item in finding.evidence)


# --- any number of CAMs --------------------------------------------------------------------------


def cams_of(methods: Sequence[str], *failed: str) -> CamsResult:
    """A map of its own for each method; those of `failed` could not be computed."""
    made = cams_result({method: noise_of(40 + i)[0] for i, method in enumerate(methods)}, target=1)
    nothing = np.zeros((SIDE, SIDE), np.float32)
    return replace(
        made,
        maps={
            method: replace(cam, map=nothing, degenerate=True, failure="RuntimeError: no") if method in failed else cam
            for method, cam in made.maps.items()
        },
    )


def test_every_method_stands_under_its_own_name_in_every_table_and_figure(tmp_path: Path) -> None:
    every, truth = cams_of(OF_ACTIVATIONS), Truth(np.eye(SIDE, dtype=bool), "boxes.csv")
    contribution = chapter(tmp_path, 2, cams=every, truth=truth)
    labels = [*(cam.label for cam in every.maps.values()), "Mean of the CAMs", "LIME"]
    for name, column in (("faithfulness", 1), ("localisation", 0)):
        assert set(labels) < {row[column] for row in table(contribution, name).rows}
    written = (tmp_path / "tables" / "faithfulness-images.csv").read_text()
    figures = [block for block in contribution.section.blocks if isinstance(block, Figure)]
    said = " ".join(picture.alt for figure in figures for picture in figure.pictures)
    assert all(label in written and f"{label} 0." in said for label in labels)
    assert list(contribution.per_image[0]["scores"]) == [*OF_ACTIVATIONS, "mean", "lime", *CONTROLS]


@pytest.mark.parametrize(
    ("methods", "maps", "said"),
    [
        (1, [2], [""]),
        (3, [5], [""]),
        (4, [3, 3], ["Maps 1 to 3 of 6.", "Maps 4 to 6 of 6."]),
        (13, [5, 5, 5], ["Maps 1 to 5 of 15.", "Maps 6 to 10 of 15.", "Maps 11 to 15 of 15."]),
    ],
)
def test_curves_of_many_maps_stand_in_figures_as_full_as_can_be(
    tmp_path: Path, methods: int, maps: list[int], said: list[str]
) -> None:
    contribution = chapter(tmp_path, 1, cams=cams_of(OF_ACTIVATIONS[:methods]))
    figures = [block for block in contribution.section.blocks if isinstance(block, Figure)]
    # Of deletion, after two further commas, the alt text lists the maps and the best control, the last two joined by "and".
    assert [len(figure.pictures[0].alt.split("; ")[0].split(", ")) for figure in figures] == [
        1 + 1 + count for count in maps
    ]
    assert all(figure.caption.endswith(words) for figure, words in zip(figures, said, strict=True))
    assert len({figure.id for figure in figures}) == len(figures)
    assert all((tmp_path / figure.pictures[0].file).is_file() for figure in figures)


def test_panels_of_several_figures_are_as_wide() -> None:
    names = {f"map {i}": f"Map {i}" for i in range(5)}
    flat = {measure: dict.fromkeys([*names, "random", "sobel"], np.full((2, 9), 0.5)) for measure in ROWS}
    drawn = [
        curves_figure(flat, dict(list(names.items())[:count]), dict.fromkeys(ROWS, "sobel"), columns=5)
        for count in (5, 2)
    ]
    for figure, count in zip(drawn, (5, 2), strict=True):
        assert len(figure.axes) == len(ROWS) * 5
        assert sum(axes.axison for axes in figure.axes) == len(ROWS) * count


def test_a_cam_that_could_not_be_computed_is_not_measured_nor_part_of_the_mean() -> None:
    methods = ("gradcam", "scorecam", "layercam")
    failed, without = (measured(linear_view(4), cams=cams_of(methods, *out)) for out in (("layercam",), ()))
    assert "layercam" in without.measured.labels and "layercam" not in failed.measured.labels
    pair = measured(linear_view(4), cams=cams_of(methods[:2]))
    assert failed.measured == pair.measured
    alone = measured(linear_view(4), cams=cams_of(methods, "scorecam", "layercam"))
    assert list(alone.measured.labels) == ["gradcam", "lime", *CONTROLS]


def test_a_cam_of_some_images_alone_joins_no_comparison_and_is_named(tmp_path: Path) -> None:
    methods = ("gradcam", "scorecam", "layercam")
    results = [
        measured(linear_view(seed), cams=cams_of(methods, *failed))
        for seed, failed in enumerate((["layercam"], [], []))
    ]
    contribution = reduce_faithfulness(MadeRun(tmp_path, {"faithfulness": results}, FaithfulnessSettings()))
    assert "LayerCAM" not in {row[1] for row in table(contribution, "faithfulness").rows}
    written = (tmp_path / "tables" / "faithfulness-images.csv").read_text()
    assert written.count("LayerCAM") == 2
    assert "Not computed on every image, and in no comparison: LayerCAM." in str(contribution.section.model_dump())
    assert [("layercam" in entry["scores"]) for entry in contribution.per_image] == [False, True, True]


def test_c7_holds_the_mean_against_the_best_of_whichever_cams_were_computed() -> None:
    scores = [
        {name: {"deletion": 0.3, "insertion": 0.5} for name in ("gradcam", "layercam", "mean", "lime", *CONTROLS)}
        for _ in range(12)
    ]
    for i, image in enumerate(scores):
        image["layercam"] = {"deletion": 0.2 + 0.001 * i, "insertion": 0.6}
    labels = {"gradcam": "Grad-CAM", "layercam": "LayerCAM", **LABELS}
    [finding] = [f for f in made_findings(scores, labels=labels) if f.id == "C7"]
    assert finding.verdict == "contradicted"
    assert "the mean of the CAMs does worse than LayerCAM" in finding.text


# --- findings on made-up numbers -----------------------------------------------------------------

NAMES = ("gradcam", "ablationcam", "scorecam", "mean", "lime", *CONTROLS)
GOOD = {"deletion": -0.1, "insertion": 0.1, "pointing": 0.9, "energy": 0.2, "iou": 0.2}


def made_up(n: int, places: Sequence[str], **better: float) -> list[dict[str, dict[str, float]]]:
    """Measures of every map, equal but for a little noise; `better` says which are good, and by how many times."""
    rng = np.random.default_rng(0)
    base = {"deletion": 0.3, "insertion": 0.5, "pointing": 0.05, "energy": 0.3, "iou": 0.3}
    return [
        {
            name: {m: base[m] + GOOD[m] * better.get(name, 0) + float(rng.normal(0, 0.01)) for m in places}
            for name in NAMES
        }
        for _ in range(n)
    ]


def hidden_of(n: int, drop: float, random: float) -> list[HiddenMask]:
    return [HiddenMask(0.9, 0.9 - drop - 0.001 * i, 0.3, (0.9 - random,) * 5) for i in range(n)]


LABELS_OF = {"gradcam": "Grad-CAM", "ablationcam": "AblationCAM", "scorecam": "ScoreCAM", **LABELS}


def made_findings(
    scores: Sequence[Any],
    places: Sequence[Any] = (),
    hidden: Sequence[HiddenMask] | None = None,
    labels: dict[str, str] = LABELS_OF,
    agreement: bool = True,
) -> list[verdicts.Claim]:
    hidden = hidden_of(len(scores), 0.4, 0.1) if hidden is None else hidden
    return faithfulness_findings(scores, places, hidden, labels, SMALLEST, agreement=agreement)


def findings(n: int, *, located: bool = False, drop: float = 0.4, **better: float) -> dict[str, verdicts.Claim]:
    scores = made_up(n, ("deletion", "insertion"), **better)
    places = made_up(n, ("pointing", "energy", "iou"), **better) if located else []
    return {finding.id: finding for finding in made_findings(scores, places, hidden_of(n, drop, 0.1))}


@pytest.mark.parametrize(
    ("claim", "better", "verdict", "said"),
    [
        ("C1", {"gradcam": 1}, "supported", "lies on the marked object on 12 of 12 images"),
        ("C1", {"random": 1, "sobel": 2}, "contradicted", "lies on the marked object on 0 of 12 images"),
        (
            "C1",
            {"gradcam": 1, "gaussian": 1},
            "undecided",
            "that of the centred Gaussian, which knows nothing of the image, on 12",
        ),
        ("C1", {"gradcam": 1, "gaussian": 2}, "contradicted", "Grad-CAM does worse than the centred Gaussian by 0."),
        ("C1", {"gradcam": 1, "sobel": 3}, "supported", "Grad-CAM does better than the centred Gaussian by 0."),
        ("C6", {"ablationcam": 1}, "supported", "AblationCAM does better than ScoreCAM by 0.1"),
        ("C6", {"scorecam": 1}, "contradicted", "AblationCAM does worse than ScoreCAM by 0.1"),
        ("C6", {}, "undecided", "a small sample"),
        ("C7", {"mean": 1}, "supported", "the mean of the CAMs does better than"),
        ("C7", {"gradcam": 1}, "contradicted", "the mean of the CAMs does worse than Grad-CAM"),
        ("A5", {"lime": 1}, "supported", "LIME does better than Grad-CAM"),
        ("A5", {"gradcam": 1}, "contradicted", "LIME does worse than Grad-CAM"),
        ("A5", {"lime": 1, "gaussian": 1}, "undecided", "LIME does better than Grad-CAM"),
        ("A5", {"lime": 1, "gaussian": 2}, "contradicted", "LIME does worse than the centred Gaussian"),
        ("A5", {"lime": 1, "gradcam": 1}, "undecided", "LIME does better than the centred Gaussian"),
    ],
)
def test_claims_with_ground_truth(claim: str, better: dict[str, float], verdict: str, said: str) -> None:
    finding = findings(12, located=True, **better)[claim]
    assert finding.verdict == verdict
    assert said in finding.text


def test_p_of_a_claim_is_that_of_its_tests_together() -> None:
    found = findings(12, located=True, gradcam=1, ablationcam=1, lime=2)
    # Twelve differences of one sign: 2 of 4096 patterns, as of twelve fair coins.
    assert found["C1"].p == 2 / 4096  # two parts that must both hold: the larger p
    assert found["C6"].p == 2 * 2 / 4096  # two measures of which any decides: the smaller p, twice
    assert found["A5"].p == 2 * 2 / 4096  # the larger of the two measures together and of the Gaussian's 2 / 4096
    assert findings(12)["C1"].p is None


@pytest.mark.parametrize(("by", "verdict"), [(0.015, "undecided"), (0.025, "supported")])
def test_a_gain_over_the_gaussian_that_is_too_small_to_matter_supports_nothing(by: float, verdict: str) -> None:
    places = made_up(12, ("pointing", "energy", "iou"), gradcam=1, lime=2)
    for i, image in enumerate(places):
        for name, smaller in (("gradcam", by), ("lime", by)):
            # The Gaussian's is less by 0.015 or 0.025 on average: the smallest effect of interest is 0.02.
            image[name]["iou"] = image["gaussian"]["iou"] + smaller + 0.0001 * i
    found = {finding.id: finding for finding in made_findings(made_up(12, ("deletion", "insertion")), places)}
    assert (found["C1"].verdict, found["A5"].verdict) == (verdict, verdict)
    assert found["C1"].p == 2 / 4096


@pytest.mark.parametrize("measure", ["deletion", "insertion", "iou", "energy"])
def test_each_measure_has_its_smallest_effect_of_interest(measure: str) -> None:
    least = {"deletion": 0.01, "insertion": 0.01, "iou": 0.02, "energy": 0.02}[measure]
    verdicts_of = []
    for by in (least - 0.002, least + 0.002):
        scores = [{name: dict.fromkeys((measure, *ROWS), 0.3) for name in NAMES} for _ in range(12)]
        for i, image in enumerate(scores):
            sign = -1 if measure == "deletion" else 1
            image["ablationcam"] = {**image["ablationcam"], measure: 0.3 + sign * (by + 0.0001 * i)}
        comparison = better_by(scores, "ablationcam", "scorecam", measure)
        verdicts_of.append(decided({measure: comparison}, SMALLEST).verdict)
    assert verdicts_of == ["undecided", "supported"]


@pytest.mark.parametrize(("marked", "verdict"), [(True, "supported"), (False, "contradicted")])
def test_the_object_decides_what_is_precise_and_the_curves_stand_beside(marked: bool, verdict: str) -> None:
    curves_say = made_up(12, ("deletion", "insertion"), scorecam=1)
    places = made_up(12, ("pointing", "energy", "iou"), ablationcam=1) if marked else []
    [finding] = [f for f in made_findings(curves_say, places) if f.id == "C6"]
    assert finding.verdict == verdict
    assert ("the curves do not decide" in finding.text) == marked
    assert "(deletion), AblationCAM does worse than ScoreCAM" in finding.text
    measures = {item.name.removeprefix("ablationcam_better_than_scorecam_") for item in finding.evidence}
    assert measures == {"deletion", "insertion"} | ({"energy", "iou"} if marked else set())


def test_the_share_of_a_map_on_the_object_decides_nothing_about_the_main_object() -> None:
    places = made_up(12, ("pointing", "energy", "iou"), gradcam=1)
    for image in places:
        image["gradcam"]["energy"] = 0.0
    [finding] = [f for f in made_findings(made_up(12, ("deletion", "insertion")), places) if f.id == "C1"]
    assert finding.verdict == "supported"
    assert "Of Grad-CAM's map a median of 0 % lies on the object" in finding.text


def test_the_numbers_of_a_sentence_are_its_evidence() -> None:
    for finding in findings(12, located=True, gradcam=1, mean=0.5).values():
        for item in finding.evidence:
            if "_better_than_" in item.name and (finding.id, item.unit) != ("C1", "%"):
                value = abs(float(item.value))  # type: ignore[arg-type]
                shown = wording.percent(value) if item.unit == "%" else f"{value:.3f}"
                assert f"by {shown}" in finding.text
                assert item.ci is not None
                assert item.n == 12


def test_evidence_says_in_words_what_it_is() -> None:
    for finding in findings(12, located=True, gradcam=1, mean=0.5).values():
        assert finding.evidence
        for item in finding.evidence:
            assert item.words[0].isupper() and "_" not in item.words
            assert (item.unit == "%") == any(word in item.words for word in ("Share", "Area of"))


def test_the_difference_of_the_evidence_is_the_way_round_that_its_words_say() -> None:
    scores = [
        {name: {"deletion": 0.3, "insertion": 0.5} for name in NAMES}
        | {"ablationcam": {"deletion": 0.1, "insertion": 0.8}}
        for _ in range(8)
    ]
    [finding] = [f for f in made_findings(scores) if f.id == "C6"]
    assert {item.words: pytest.approx(item.value) for item in finding.evidence} == {
        "Area under the deletion curve, ScoreCAM minus AblationCAM": 0.3 - 0.1,
        "Area under the insertion curve, AblationCAM minus ScoreCAM": 0.8 - 0.5,
    }


def test_a_map_that_is_good_at_one_measure_and_bad_at_the_other_decides_nothing() -> None:
    scores = made_up(12, ("deletion", "insertion"), ablationcam=1)
    for image in scores:
        image["ablationcam"]["insertion"] -= 0.2
    [finding] = [f for f in made_findings(scores) if f.id == "C6"]
    assert finding.verdict == "undecided"
    assert "better than ScoreCAM" in finding.text
    assert "worse than ScoreCAM" in finding.text


def test_without_ground_truth_localisation_is_not_measured_and_the_files_are_named() -> None:
    found = findings(12, gradcam=1)
    for claim in ("C1", "A5"):
        assert found[claim].verdict == "not measured"
        assert all(file in found[claim].text for file in ("boxes.csv", ".mask.png", "Pascal VOC", "COCO"))
    assert {item.source for item in found["C1"].evidence} == {"faithfulness"}


@pytest.mark.parametrize(("drop", "verdict"), [(0.4, "supported"), (0.02, "contradicted")])
def test_limes_mask_drives_the_prediction_or_not(drop: float, verdict: str) -> None:
    assert findings(12, drop=drop)["L1"].verdict == verdict


def test_a_loss_of_probability_that_is_too_small_to_matter_is_none() -> None:
    # Hiding random superpixels costs 0.1; LIME's mask 0.101 to 0.112, and 0.121 to 0.132.
    assert [findings(12, drop=drop)["L1"].verdict for drop in (0.101, 0.121)] == ["undecided", "supported"]
    assert findings(12, drop=0.101)["L1"].p == 2 / 4096


def test_limes_mask_is_not_measured_without_masks_to_compare_with() -> None:
    scores, hidden = made_up(3, ("deletion", "insertion")), hidden_of(3, 0.4, 0.1)
    for area, said in ((0.3, "faithfulness.random_masks"), (0.0, "LIME's mask is empty")):
        bare = [replace(h, random=(), area=area) for h in hidden]
        [finding] = [f for f in made_findings(scores, hidden=bare) if f.id == "L1"]
        assert finding.verdict == "not measured"
        assert said in finding.text


@pytest.mark.parametrize("located", [True, False])
def test_two_images_support_nothing(located: bool) -> None:
    every = dict.fromkeys(("gradcam", "ablationcam", "mean", "lime"), 1.0)
    for better in (every, dict.fromkeys(every, 5.0), {"scorecam": 5.0}):
        found = findings(2, located=located, **better)
        assert {finding.verdict for finding in found.values()} <= {"undecided", "not measured"}


def test_claims_follow_what_was_computed() -> None:
    scores = made_up(6, ("deletion", "insertion"))
    without = [
        {name: m for name, m in image.items() if name not in ("ablationcam", "mean", "gradcam")} for image in scores
    ]
    assert [finding.id for finding in made_findings(without)] == ["L1"]
    assert [finding.id for finding in made_findings(scores, agreement=False)] == ["C1", "C6", "C7", "L1"]


def test_a_method_that_failed_on_an_image_is_compared_on_none(tmp_path: Path) -> None:
    whole = cams_result({"gradcam": noise_of(31)[0], "scorecam": noise_of(32)[0]}, target=1)
    failed = replace(whole.maps["scorecam"], map=np.zeros((SIDE, SIDE), np.float32), degenerate=True, failure="no map")
    results = []
    for seed, cams in enumerate((whole, replace(whole, maps={**whole.maps, "scorecam": failed}))):
        given = {"cams": cams, "lime": lime_result(SEGMENTS, Surrogate(LIME_WEIGHTS, 0.0, 0.0, 1.0, 0.9, 1, 8))}
        results.append(ANALYSIS.map(subject(linear_view(seed), 1, FaithfulnessSettings(), seed=7, results=given)))
    assert list(results[0].measured.labels)[:4] == ["gradcam", "scorecam", "mean", "lime"]
    assert list(results[1].measured.labels)[:2] == ["gradcam", "lime"], "nothing of it is in a mean either"
    contribution = reduce_faithfulness(MadeRun(tmp_path, {"faithfulness": results}, FaithfulnessSettings()))
    compared = {row[1] for row in table(contribution, "faithfulness").rows}
    assert {"Grad-CAM", "LIME"} < compared and not {"ScoreCAM", "Mean of the CAMs"} & compared


# --- copies --------------------------------------------------------------------------------------

AHEAD = (0.3, 0.25, 0.2, 0.16, 0.12, 0.09, 0.05, -0.04, -0.08, -0.1)


def measured_as(ahead: float, i: int) -> FaithfulnessResult:
    """AblationCAM ahead of ScoreCAM by so much on every measure; a mask on the object."""
    areas = dict.fromkeys(NAMES, (0.3 + 0.002 * i, 0.5 - 0.003 * i))
    areas["ablationcam"] = (areas["scorecam"][0] - ahead, areas["scorecam"][1] + ahead)
    located = {name: Localisation(1.0, 0.3, 0.3 + 0.001 * i) for name in NAMES}
    located["ablationcam"] = Localisation(1.0, 0.3 + ahead, 0.3 + 0.001 * i + ahead)
    # The edges do better on the object than the Gaussian, and the Gaussian better than the other controls.
    for name, by in (("gaussian", 0.05), ("sobel", 0.08)):
        located[name] = Localisation(1.0, 0.3, 0.3 + 0.001 * i + by)
    random = tuple(0.9 - 0.01 * draw for draw in range(3))
    hidden = HiddenMask(0.9, 0.8 - ahead, 0.3, random)
    return faithfulness_result(areas, hidden, truth=MarkedObject("masks", 0.2), located=located, constant=("empty",))


def test_copies_change_no_verdict_and_no_statistic(tmp_path: Path) -> None:
    ten = [measured_as(ahead, i) for i, ahead in enumerate(AHEAD)]
    thirteen = [*ten[:2], ten[0], *ten[2:], ten[0], ten[1]]
    plain = MadeRun(tmp_path / "ten", {"faithfulness": ten}, FaithfulnessSettings())
    copied = MadeRun(tmp_path / "thirteen", {"faithfulness": thirteen}, FaithfulnessSettings())
    as_if_new = reduce_faithfulness(copied)
    copied.observations = [0, 1, *range(3, 11)]
    folded, expected = reduce_faithfulness(copied), reduce_faithfulness(plain)
    assert folded.findings == expected.findings
    for name in ("faithfulness", "localisation"):
        assert table(folded, name) == table(expected, name)
    # Counted, the copies would have decided.
    assert [f.verdict for f in as_if_new.findings if f.id == "C6"] == ["supported"]
    assert [f.verdict for f in folded.findings if f.id == "C6"] == ["undecided"]
    # Every image stands in the tables that have a row for each.
    assert len(table(folded, "lime-hidden").rows) == len(folded.per_image) == 13
    written = (tmp_path / "thirteen" / "tables" / "faithfulness-images.csv").read_text()
    assert written.count("\n") == 1 + 13 * len(NAMES)
    [curves_of] = [block for block in folded.section.blocks if isinstance(block, Figure)]  # type: ignore[union-attr]
    [of_ten] = [block for block in expected.section.blocks if isinstance(block, Figure)]  # type: ignore[union-attr]
    assert "over 10 images" in curves_of.caption
    assert (curves_of.caption, curves_of.pictures[0].alt) == (of_ten.caption, of_ten.pictures[0].alt)


def test_the_table_on_the_object_holds_every_map_against_the_gaussian(tmp_path: Path) -> None:
    results = [measured_as(0.1 + 0.01 * i, i) for i in range(10)]
    contribution = reduce_faithfulness(MadeRun(tmp_path, {"faithfulness": results}, FaithfulnessSettings()))
    found = table(contribution, "localisation")
    keys = [column.key for column in found.columns]
    rows = {str(row[0]): dict(zip(keys, row, strict=True)) for row in found.rows}
    ahead = rows["AblationCAM"]
    # 0.10 to 0.19 in steps of 0.01 lies about 0.145, and the Gaussian's 0.05 above the rest. Five rows with p = 2 / 1024.
    assert ahead["better_by"] == pytest.approx(0.145 - 0.05)
    assert (ahead["better_on"], ahead["p"], ahead["p_corrected"], ahead["beats_controls"]) == (
        10,
        2 / 1024,
        5 * 2 / 1024,
        "yes",
    )
    assert rows["Grad-CAM"]["better_by"] == pytest.approx(-0.05) and rows["Grad-CAM"]["beats_controls"] == "no"
    assert {name for name, row in rows.items() if row["beats_controls"] == "control"} == set(CONTROLS.values())


def test_of_many_images_a_sample_is_measured_and_the_chapter_says_which(tmp_path: Path) -> None:
    areas_of = dict.fromkeys(("gradcam", "lime", *CONTROLS), (0.3, 0.5))
    one, other = (faithfulness_result(areas_of, HiddenMask(0.9, hidden, 0.1, ())) for hidden in (0.2, 0.4))

    def chapter(folder: str, results: list[FaithfulnessResult | None]) -> Any:
        return reduce_faithfulness(MadeRun(tmp_path / folder, {"faithfulness": results}, FaithfulnessSettings()))  # type: ignore[arg-type]

    def said(made: Any) -> str:
        return str(made.section.model_dump_json())

    whole, part = chapter("a", [one, other, one]), chapter("b", [one, None, one])
    assert [bool(entry) for entry in part.per_image] == [True, False, True]
    assert part.per_image[0] == whole.per_image[0]
    assert "Measured on 2 of 3 images, those whose SHA-256 comes first; evidence.images sets how many." in said(part)
    assert "medians over 2 images" in said(part) and "medians over 3 images" in said(whole)
    assert "evidence.images" not in said(whole)
    none = chapter("c", [None, None])
    assert none.per_image == [{}, {}] and not none.findings
    assert (ANALYSIS.sample(Settings()), ANALYSIS.sample(Settings(evidence={"images": 7}))) == (200, 7)
