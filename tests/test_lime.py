"""analyses.lime: perturbed images, weights and mask against `lime` as shipped, with the same random draw."""

from __future__ import annotations

import io
import pickle
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from lime.lime_image import ImageExplanation, LimeImageExplainer
from lime.wrappers.scikit_image import SegmentationAlgorithm

from made_results import lime_result
from reportgen.analyses.lime.params import explain_arguments, explain_params, pickled
from reportgen.analyses.lime.refit import refit
from reportgen.analyses.lime.result import LimeResult, Surrogate
from reportgen.analyses.lime.settings import LimeSettings
from reportgen.analyses.lime.stability import jaccard, repeat_seeds, repeats, resampled, stability
from reportgen.analyses.lime.surrogate import (
    Draw,
    draw,
    explain,
    fit,
    hidden_frame,
    perturbations,
    positive_mask,
    sample_probabilities,
    superpixels,
)
from reportgen.analyses.lime.task import ANALYSIS
from reportgen.analysis.view import View
from reportgen.models.runtime import Engine
from reportgen.settings.model import Settings
from toys import CountingEngine, subject, toy_network, toy_spec

FEW = LimeSettings(num_samples=64, resamples=0)
ARGUMENTS = {
    "labels",
    "hide_color",
    "top_labels",
    "num_features",
    "num_samples",
    "batch_size",
    "segmentation_fn",
    "distance_metric",
    "model_regressor",
    "random_seed",
}


class Library:
    """`lime` as shipped, explaining a view; keeps the perturbed images that it made."""

    def __init__(self, view: View, settings: LimeSettings, seed: int) -> None:
        self.perturbed: list[np.ndarray] = []
        self._engine = view.engine
        self.explanation: ImageExplanation = LimeImageExplainer(random_state=seed).explain_instance(
            view.frame,
            self._classify,
            hide_color=settings.hide_color,
            top_labels=settings.top_labels,
            num_features=settings.num_features,
            num_samples=settings.num_samples,
            random_seed=1,  # given, or the explainer would draw one from the state that we compare
        )

    def _classify(self, images: np.ndarray) -> np.ndarray:
        self.perturbed += list(images)
        inputs = [self._engine.normalise(image) for image in images]
        return self._engine.probabilities(len(inputs), lambda i, out: np.copyto(out, inputs[i]))


class RecordingEngine(Engine):
    """Passes everything on, and keeps each network input."""

    def __init__(self, inner: Engine) -> None:
        super().__init__(inner.spec, inner.record, inner._models_cache)
        self._inner = inner
        self.inputs: list[np.ndarray] = []

    def logits(self, count: int, fill: Any) -> np.ndarray:
        def kept(i: int, out: np.ndarray) -> None:
            out[:] = np.nan  # what an earlier input left there must not show through
            fill(i, out)
            self.inputs.append(out.copy())

        return self._inner.logits(count, kept)


@pytest.fixture(scope="module", params=[0, 77, None], ids=["black", "grey", "mean"])
def both(request: pytest.FixtureRequest, view: View) -> tuple[View, Library, Surrogate, np.ndarray, list[np.ndarray]]:
    """The library's explanation and ours of one photograph, from the same random state; segments, network inputs."""
    settings = LimeSettings(num_samples=64, hide_color=request.param)
    recording = View(view.frame, RecordingEngine(view.engine))
    segments = superpixels(view.frame, settings)
    target = int(view.forward.logits[0].argmax())
    ours = explain(recording, segments, target, settings, np.random.RandomState(7))
    return view, Library(view, settings, 7), ours, segments, recording.engine.inputs  # type: ignore[attr-defined]


# --- against the library -------------------------------------------------------------------------


def test_superpixels_are_the_librarys(both: Any) -> None:
    _, library, _, segments, _ = both
    assert np.array_equal(segments, library.explanation.segments)
    assert segments.max() > 20


def test_perturbed_images_are_the_librarys(both: Any) -> None:
    view, library, _, _, inputs = both
    assert len(inputs) == len(library.perturbed) == 64
    for ours, theirs in zip(inputs, library.perturbed, strict=True):
        assert np.array_equal(ours, view.engine.normalise(theirs))


def test_weights_are_the_librarys(both: Any) -> None:
    view, library, ours, _, _ = both
    target = int(view.forward.logits[0].argmax())
    theirs = library.explanation.local_exp[target]
    assert [superpixel for superpixel, _ in ours.weights] == [superpixel for superpixel, _ in theirs]
    np.testing.assert_allclose([w for _, w in ours.weights], [w for _, w in theirs], atol=1e-6)
    assert ours.intercept == pytest.approx(library.explanation.intercept[target], abs=1e-6)
    assert ours.r2 == pytest.approx(library.explanation.score, abs=1e-6)
    assert ours.prediction == pytest.approx(library.explanation.local_pred[0], abs=1e-6)


def test_mask_is_the_librarys(both: Any) -> None:
    view, library, ours, segments, _ = both
    target = int(view.forward.logits[0].argmax())
    _, theirs = library.explanation.get_image_and_mask(target, positive_only=True, num_features=15)
    mask = positive_mask(segments, ours, 15)
    assert mask.any()
    assert np.array_equal(mask, theirs.astype(bool))


@pytest.fixture(scope="module")
def segments(view: View) -> np.ndarray:
    return superpixels(view.frame, FEW)


def test_few_features_are_selected_as_the_library_selects_them(view: View, segments: np.ndarray) -> None:
    """Six features or fewer take lime's other path, forward selection, which draws on the random state too."""
    settings = LimeSettings(num_samples=40, num_features=4)
    target = int(view.forward.logits[0].argmax())
    ours = explain(view, segments, target, settings, np.random.RandomState(3))
    theirs = Library(view, settings, 3).explanation.local_exp[target]
    assert [superpixel for superpixel, _ in ours.weights] == [superpixel for superpixel, _ in theirs]
    np.testing.assert_allclose([w for _, w in ours.weights], [w for _, w in theirs], atol=1e-6)


def test_quickshift_parameters_reach_the_segmentation(view: View) -> None:
    settings = LimeSettings(quickshift_kernel_size=2, quickshift_max_dist=9, quickshift_ratio=0.6)
    theirs = SegmentationAlgorithm("quickshift", kernel_size=2, max_dist=9, ratio=0.6)(view.frame)
    assert np.array_equal(superpixels(view.frame, settings), theirs)


def test_kernel_width_decides_how_close_a_sample_counts(view: View, segments: np.ndarray) -> None:
    target = int(view.forward.logits[0].argmax())
    wide = FEW.model_copy(update={"kernel_width": 5.0})
    near, far = (explain(view, segments, target, s, np.random.RandomState(0)) for s in (FEW, wide))
    assert near.weights != far.weights
    assert near.probability == far.probability


# --- superpixels, draws, masks -------------------------------------------------------------------


@pytest.mark.parametrize("labels", [[[1, 1], [2, 3]], [[0, 0], [4, 9]]], ids=["starts at 1", "skips numbers"])
def test_superpixels_are_numbered_from_zero_without_gaps(monkeypatch: pytest.MonkeyPatch, labels: list[Any]) -> None:
    """Otherwise one superpixel would never be hidden, or a bit of the draw would hide nothing."""
    monkeypatch.setattr("skimage.segmentation.quickshift", lambda *_, **__: np.array(labels))
    assert superpixels(np.zeros((2, 2, 3), np.uint8), FEW).tolist() == [[0, 0], [1, 2]]


def test_the_first_sample_shows_everything_and_the_rest_about_half() -> None:
    data = perturbations(400, 50, np.random.RandomState(0))
    assert data[0].all()
    assert set(np.unique(data)) == {0, 1}
    # 19 950 fair coins: five standard deviations are 0.018.
    assert data[1:].mean() == pytest.approx(0.5, abs=0.018)


def test_hidden_superpixels_take_their_mean_colour() -> None:
    frame = np.array([[[0, 10, 200], [1, 20, 100], [9, 9, 9]]], np.uint8)
    segments = np.array([[0, 0, 1]])
    assert hidden_frame(frame, segments, None).tolist() == [[[0, 15, 150], [0, 15, 150], [9, 9, 9]]]
    assert hidden_frame(frame, segments, 77).tolist() == [[[77] * 3] * 3]


def test_mask_holds_the_strongest_positive_superpixels() -> None:
    segments = np.array([[0, 1], [2, 3]])
    fitted = Surrogate(((1, -0.9), (3, 0.5), (0, 0.3), (2, 0.1)), 0, 0, 0, 0, 0, 0)
    assert positive_mask(segments, fitted, 2).tolist() == [[True, False], [False, True]]
    assert not positive_mask(segments, Surrogate(((1, -0.9),), 0, 0, 0, 0, 0, 0), 2).any()
    np.testing.assert_allclose(lime_result(segments, fitted).weight_map, [[0.3, -0.9], [0.1, 0.5]])


@pytest.mark.parametrize("features", [3, 7, 15, 80])
def test_the_normal_equations_fit_what_the_library_fits(features: int) -> None:
    random, settings = np.random.RandomState(features), LimeSettings(num_features=features)
    data = perturbations(200, 40, random)
    worth = random.normal(size=40)
    values = (1 / (1 + np.exp(-data @ worth + random.normal(size=200)))).astype(np.float32)
    drawn = Draw(data, np.stack([values, 1 - values], axis=1))
    shipped, ours = fit(data, drawn.probabilities, 0, settings, np.random.RandomState(0)), refit(drawn, 0, settings)
    assert [superpixel for superpixel, _ in ours.weights] == [superpixel for superpixel, _ in shipped.weights]
    assert np.allclose([w for _, w in ours.weights], [w for _, w in shipped.weights], rtol=0, atol=1e-10)
    assert np.allclose(
        [ours.intercept, ours.prediction, ours.r2], [shipped.intercept, shipped.prediction, shipped.r2], atol=1e-10
    )
    assert (ours.probability, ours.top_class, ours.forward_passes) == (
        shipped.probability,
        shipped.top_class,
        shipped.forward_passes,
    )


def test_of_a_constant_the_normal_equations_fit_the_intercept_alone() -> None:
    data = perturbations(50, 20, np.random.RandomState(0))
    drawn = Draw(data, np.full((50, 2), 0.3, np.float32))
    found = refit(drawn, 0, LimeSettings())
    assert found.r2 == 1
    assert found.intercept == pytest.approx(0.3)
    assert max(abs(weight) for _, weight in found.weights) < 1e-12


def test_a_superpixel_that_was_not_fitted_weighs_nothing() -> None:
    fitted = Surrogate(((1, 0.5),), 0, 0, 0, 0, 0, 0)
    assert lime_result(np.array([[0, 1, 2]]), fitted).weight_map.tolist() == [[0, 0.5, 0]]


# --- seeds, and the path through the model -------------------------------------------------------


def explained(view: View, seed: int, **lime: Any) -> LimeResult:
    settings = LimeSettings(**{"num_samples": 64, "resamples": 0, **lime})
    return ANALYSIS.map(subject(view, int(view.forward.logits[0].argmax()), settings, seed=seed))


def weights(result: LimeResult) -> list[Any]:
    return list(result.surrogate.weights)


@pytest.fixture(scope="module")
def first(view: View) -> LimeResult:
    """The cat, explained under seed 5."""
    return explained(view, 5)


def test_the_same_seed_gives_the_same_explanation(view: View, first: LimeResult) -> None:
    again = explained(view, 5)
    assert first.mask.any()
    assert np.array_equal(first.mask, again.mask)
    assert first.surrogate == again.surrogate


def test_another_seed_gives_another_draw(view: View, first: LimeResult) -> None:
    other = explained(view, 6)
    assert np.array_equal(first.segments, other.segments)
    assert weights(first) != weights(other)
    assert not np.array_equal(first.mask, other.mask)


def test_the_global_random_state_is_neither_read_nor_moved(view: View, first: LimeResult) -> None:
    np.random.seed(1)
    again = explained(view, 5)
    assert np.random.randint(2**31) == np.random.RandomState(1).randint(2**31)
    assert weights(again) == weights(first)


def test_repeats_are_draws_under_other_seeds_and_the_first_is_the_explanation(view: View, first: LimeResult) -> None:
    alone, repeated = first, explained(view, 5, repeats=3)
    masks = repeated.masks
    assert weights(repeated) == weights(alone)
    assert np.array_equal(masks[0], repeated.mask)
    assert np.array_equal(masks[0], alone.mask)
    assert repeated.forward_passes == 3 * 64
    assert repeated.r2_seeds[0] == repeated.surrogate.r2
    assert len(set(repeated.r2_seeds)) == len(masks) == 3
    overlaps = [(masks[i] & masks[j]).sum() / (masks[i] | masks[j]).sum() for i, j in ((0, 1), (0, 2), (1, 2))]
    assert repeated.jaccard_seeds == pytest.approx(np.mean(overlaps))
    assert alone.jaccard_seeds is None
    segments, target = repeated.segments, repeated.target
    for mask, seed in zip(masks[:2], (5, repeat_seeds(5, 3)[1]), strict=True):  # 5: what explain_params.pkl says
        by_hand = explain(view, segments, target, FEW, np.random.RandomState(seed))
        assert np.array_equal(mask, positive_mask(segments, by_hand, 15))


def test_half_the_samples_and_half_the_features_are_held_against_the_same_of_another_draw(
    view: View, segments: np.ndarray
) -> None:
    settings, target = FEW.model_copy(update={"repeats": 2}), int(view.forward.logits[0].argmax())
    draws = repeats(view, segments, 5, settings)
    held = stability(segments, draws, target, settings)
    state = np.random.RandomState(0)
    half, fewer = [], []
    for drawn in draws:
        of_half = fit(drawn.data[:32], drawn.probabilities[:32], target, settings, state)
        of_fewer = fit(drawn.data, drawn.probabilities, target, LimeSettings(num_features=7), state)
        half.append(positive_mask(segments, of_half, 15))
        fewer.append(positive_mask(segments, of_fewer, 7))
    assert held.jaccard_seeds == jaccard(*held.masks)
    assert held.jaccard_half_samples == jaccard(*half)
    assert held.jaccard_half_features == jaccard(*fewer)
    assert held.jaccard_half_samples != held.jaccard_seeds
    alone = stability(segments, draws[:1], target, settings)
    assert (alone.jaccard_seeds, alone.jaccard_half_samples, alone.jaccard_half_features) == (None, None, None)


def test_resamples_are_the_samples_drawn_again_with_replacement(view: View, segments: np.ndarray) -> None:
    target = int(view.forward.logits[0].argmax())
    [drawn] = repeats(view, segments, 5, FEW)
    made = resampled(drawn, 40, 5)
    rows = {row.tobytes(): float(p[target]) for row, p in zip(drawn.data, drawn.probabilities, strict=True)}
    for one in made:
        assert one.data.shape == drawn.data.shape
        assert one.data[0].all(), "the whole image"
        assert all(rows[row.tobytes()] == p[target] for row, p in zip(one.data, one.probabilities, strict=True)), (
            "a sample keeps its answer"
        )
    distinct = [len({row.tobytes() for row in one.data}) / len(rows) for one in made]
    assert np.mean(distinct) == pytest.approx(1 - np.exp(-1), abs=0.02), "with replacement"
    assert len({one.data.tobytes() for one in made}) == 40
    assert [one.data.tobytes() for one in resampled(drawn, 3, 5)] == [one.data.tobytes() for one in made[:3]]
    assert resampled(drawn, 1, 6)[0].data.tobytes() != made[0].data.tobytes()


def test_one_draw_is_compared_over_its_resamples_without_a_further_pass(view: View, first: LimeResult) -> None:
    held = explained(view, 5, resamples=4)
    assert (held.varied, held.forward_passes) == ("resamples", 64)
    assert weights(held) == weights(first)
    assert np.array_equal(held.mask, first.mask)
    assert len(held.masks) == 5 and len(held.compared) == len(held.r2_seeds) == 4
    assert held.jaccard_seeds == pytest.approx(np.mean([jaccard(a, b) for a, b in combinations(held.compared, 2)]))
    assert None not in (held.jaccard_half_samples, held.jaccard_half_features)
    assert held.surrogate.r2 not in held.r2_seeds
    again = explained(view, 5, resamples=4)
    assert np.array_equal(held.packed, again.packed) and held.r2_seeds == again.r2_seeds
    drawn_anew = explained(view, 5, resamples=4, repeats=2)
    assert (drawn_anew.varied, len(drawn_anew.masks), drawn_anew.forward_passes) == ("seeds", 2, 128)
    assert np.array_equal(drawn_anew.compared, drawn_anew.masks)


def test_resamples_of_a_linear_model_differ_as_true_draws_do() -> None:
    """On samples whose answers are a noisy sum: the spread of a weight over resamples is that over draws, to a few per cent."""
    rng, n, size = np.random.default_rng(0), 300, 12
    true = np.linspace(-1, 1, size)

    def drawn() -> Draw:
        data = rng.integers(0, 2, (n, size))
        data[0] = 1
        answers = data @ true + rng.normal(0, 0.5, n)
        return Draw(data, answers[:, None].astype(np.float32))

    def weight_of_the_last(draw: Draw) -> float:
        settings = LimeSettings(num_features=size)
        return dict(fit(draw.data, draw.probabilities, 0, settings, np.random.RandomState(0)).weights)[size - 1]

    over_draws = np.std([weight_of_the_last(drawn()) for _ in range(60)])
    over_resamples = np.mean([np.std([weight_of_the_last(one) for one in resampled(drawn(), 30, i)]) for i in range(4)])
    assert over_resamples == pytest.approx(over_draws, rel=0.25)


def test_jaccard_of_two_empty_masks_is_none() -> None:
    empty, left, right = np.zeros((1, 4), bool), np.array([[1, 1, 0, 0]], bool), np.array([[0, 1, 1, 0]], bool)
    assert jaccard(empty, empty) is None
    assert jaccard(empty, left) == 0
    assert jaccard(left, right) == pytest.approx(1 / 3)


def test_both_paths_through_the_model_agree(view: View, first: LimeResult) -> None:
    """LIME's first sample is the whole image: the class and probability that every other method explains."""
    result = first
    straight = view.forward.logits[0]
    assert result.surrogate.top_class == straight.argmax() == result.target
    exact = np.exp(straight - straight.max())
    assert result.surrogate.probability == pytest.approx(float(exact.max() / exact.sum()), abs=1e-6)


def test_forward_passes_are_those_that_were_made() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    engine = CountingEngine(toy_spec(toy_network()))
    view = View(frame, engine)
    segments = np.arange(32 * 32).reshape(32, 32) // 32  # 32 superpixels: no sample comes twice
    assert explain(view, segments, 0, FEW, np.random.RandomState(0)).forward_passes == engine.passes == 64


def test_a_sample_that_comes_again_is_not_passed_again() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    engine = CountingEngine(toy_spec(toy_network()))
    view, segments = View(frame, engine), np.repeat([[0, 1, 2]], 32, axis=0)[:, np.arange(32) * 3 // 32]
    drawn = draw(view, segments, FEW, np.random.RandomState(0))
    assert engine.passes == len(np.unique(drawn.data, axis=0)) == 8
    assert fit(drawn.data, drawn.probabilities, 0, FEW, np.random.RandomState(0)).forward_passes == 8
    for row, probabilities in zip(drawn.data, drawn.probabilities, strict=True):
        shown = np.where(row[segments][..., None], frame, FEW.hide_color).astype(np.uint8)
        alone = engine.probabilities(1, lambda i, out, shown=shown: np.copyto(out, engine.normalise(shown)))
        np.testing.assert_allclose(probabilities, alone[0], atol=1e-6)


def test_map_reports_what_it_found(view: View) -> None:
    result = explained(view, 5, num_features=8)
    assert result.n_segments == result.segments.max() + 1 == len(np.unique(result.segments))
    positive = [superpixel for superpixel, weight in weights(result) if weight > 0]
    assert result.n_selected == len(positive) > 0
    assert set(np.unique(result.segments[result.mask])) == set(positive)
    assert len(weights(result)) == 8
    strengths = [abs(weight) for _, weight in weights(result)]
    assert strengths == sorted(strengths, reverse=True)


def test_a_frame_of_one_colour_is_explained_too(lite0: Engine) -> None:
    """One superpixel or a few, no signal: the fit must stay finite."""
    size = lite0.spec.preprocessing.size
    result = explained(View(np.full((size, size, 3), 90, np.uint8), lite0), 0, num_samples=20)
    assert np.isfinite([result.surrogate.r2, result.surrogate.intercept, result.surrogate.prediction]).all()


def test_relevant_settings_are_limes_without_the_batch_size() -> None:
    def relevant(**values: Any) -> dict[str, Any]:
        return ANALYSIS.relevant(Settings(**values))

    assert relevant(lime={"batch_size": 3}, cams={"methods": ("gradcam",)}) == relevant()
    assert relevant(lime={"num_samples": 3}) != relevant()


def test_samples_are_written_into_a_dirty_buffer(view: View, segments: np.ndarray) -> None:
    """`fill` is handed memory that an earlier input left: every pixel must be written."""
    recording = View(view.frame, RecordingEngine(view.engine))
    found = sample_probabilities(recording, segments, np.eye(3, segments.max() + 1, dtype=int), None)
    assert np.isfinite(found).all()
    assert np.isfinite(recording.engine.inputs).all()  # type: ignore[attr-defined]


# --- explain_params.pkl --------------------------------------------------------------------------


class PlainUnpickler(pickle.Unpickler):
    """Knows no class and no function: a file of plain data needs none."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"the file asks for {module}.{name}")


def entries(*names: str) -> dict[str, dict[str, Any]]:
    return explain_params(names, range(len(names)), LimeSettings())


def test_explain_params_is_plain_data_with_limes_ten_arguments() -> None:
    found = PlainUnpickler(io.BytesIO(pickled(entries("n01443537_goldfish.JPEG", "photo.png")))).load()
    assert list(found) == ["goldfish", "photo"]
    for number, arguments in enumerate(found.values()):
        assert arguments == {
            "labels": (1,),
            "hide_color": 0,
            "top_labels": 1,
            "num_features": 15,
            "num_samples": 500,
            "batch_size": 10,
            "segmentation_fn": None,
            "distance_metric": "cosine",
            "model_regressor": None,
            "random_seed": number,
        }


def test_explain_params_are_arguments_that_explain_instance_takes(view: View) -> None:
    arguments = explain_arguments(LimeSettings(num_samples=10), seed=3)
    assert set(arguments) == ARGUMENTS
    engine = view.engine

    def classify(images: np.ndarray) -> np.ndarray:
        return engine.probabilities(len(images), lambda i, out: np.copyto(out, engine.normalise(images[i])))

    found = LimeImageExplainer(random_state=0).explain_instance(view.frame, classify, **arguments)
    assert found.top_labels == [int(view.forward.logits[0].argmax())]


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (("n01443537_goldfish.JPEG", "n01443538_goldfish.JPEG"), ["goldfish", "n01443538_goldfish"]),
        (("a/kite.jpg", "b/kite.jpg", "kite.png"), ["kite", "b/kite.jpg", "kite.png"]),
        # Files are read whatever their extension: every candidate of the last one is taken.
        (("n00000001_x.jpg", "n00000002_x/n00000003_x.jpg", "x"), ["x", "n00000003_x", "x (2)"]),
    ],
)
def test_images_of_one_class_keep_an_entry_each(names: tuple[str, ...], keys: list[str]) -> None:
    assert list(entries(*names)) == keys


def test_explain_params_follow_the_settings() -> None:
    settings = LimeSettings(hide_color=None, num_samples=77, num_features=3, batch_size=4, top_labels=2)
    arguments = explain_arguments(settings, 9)
    for key in ("hide_color", "num_samples", "num_features", "batch_size", "top_labels", "distance_metric"):
        assert arguments[key] == getattr(settings, key)


def test_equal_entries_give_equal_bytes() -> None:
    assert pickled(entries("a.jpg", "b.jpg")) == pickled(entries("a.jpg", "b.jpg"))
