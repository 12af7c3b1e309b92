"""analyses.cams: each method against `grad-cam` as shipped, and against its own definition where that is short."""

from __future__ import annotations

from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_grad_cam import AblationCAM, GradCAM, ScoreCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from reportgen.analyses.cams.maps import METHODS, Bilinear, ablationcam, effective_channels, gradcam, scorecam
from reportgen.analyses.cams.settings import CamSettings
from reportgen.analyses.cams.task import ANALYSIS
from reportgen.analysis.view import Subject, View
from reportgen.images.frame import model_frame
from reportgen.models.classifiers import LinearHead
from reportgen.models.classifiers.split import split_timm
from reportgen.models.runtime import Engine
from reportgen.settings.model import Settings
from toys import CountingEngine, GivenActivations, toy_network, toy_spec

LIBRARY: dict[str, Any] = {"gradcam": GradCAM, "ablationcam": AblationCAM, "scorecam": ScoreCAM}
ALL = tuple(METHODS)
TOLERANCE = 1e-3


def library_map(method: str, model: nn.Module, layer: nn.Module, x: np.ndarray, target: int) -> np.ndarray:
    """(H, W): the map of `grad-cam` as shipped, hooked on `layer`."""
    with torch.enable_grad():
        leaf = torch.from_numpy(x[None]).requires_grad_(True)  # the weights are frozen: the input must ask
        # No context manager: the library's swallows an IndexError and answers None.
        return np.asarray(LIBRARY[method](model, [layer])(leaf, [ClassifierOutputTarget(target)])[0])


def assert_same_map(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert np.ptp(theirs) > 0.9, "the library's own map is degenerate: the comparison would say nothing"
    assert np.abs(ours - theirs).max() < TOLERANCE


def top(view: View) -> int:
    return int(view.forward.logits[0].argmax())


def toy_view(seed: int = 0, *, linear: bool = False) -> View:
    frame = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    return View(frame, CountingEngine(toy_spec(toy_network(seed, linear=linear))))


def given_view(activations: np.ndarray, weight: np.ndarray, bias: float = 0.0) -> View:
    """A view with these (C, h, w) activations under a head of pooling and `weight`, (classes, C)."""
    frame = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    return View(frame, GivenActivations(activations, weight, bias))


# --- against the library, real weights -----------------------------------------------------------


class Replay(nn.Module):
    """Answers with fixed activations. The library's AblationCAM throws the trunk's output away anyway (its ablation
    layer puts a cached copy in place), so that this spares 41 passes through the trunk and changes nothing else."""

    def __init__(self, activations: np.ndarray) -> None:
        super().__init__()
        self.activations = nn.Parameter(torch.from_numpy(activations))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activations.expand(len(x), -1, -1, -1)


def test_gradcam_is_the_librarys_on_real_weights(view: View) -> None:
    model = view.engine.network.model
    assert_same_map(gradcam(view, top(view)).map, library_map("gradcam", model, model.bn2, view.input, top(view)))


def test_ablationcam_is_the_librarys_on_real_weights(view: View) -> None:
    layer = nn.Identity()
    model = nn.Sequential(Replay(view.forward.activations), layer, view.engine.network.head)
    assert_same_map(ablationcam(view, top(view)).map, library_map("ablationcam", model, layer, view.input, top(view)))


def thinned(model: Any, every: int) -> nn.Module:
    """A copy of EfficientNet-Lite that keeps each `every`th channel of the last stage, with its weights."""
    model = deepcopy(model)
    norm = model.bn2
    model.conv_head.weight = nn.Parameter(model.conv_head.weight[::every], requires_grad=False)
    norm.weight, norm.bias = (nn.Parameter(p[::every], requires_grad=False) for p in (norm.weight, norm.bias))
    norm.running_mean, norm.running_var = norm.running_mean[::every], norm.running_var[::every]
    model.classifier.weight = nn.Parameter(model.classifier.weight[:, ::every], requires_grad=False)
    return model


@pytest.mark.parametrize("method", ALL)
def test_maps_of_a_class_that_was_not_predicted_are_the_librarys(
    lite0_torch: Engine, chelsea: np.ndarray, method: str
) -> None:
    """Real weights, but every 20th channel and 128 pixels, so that the library's ScoreCAM takes seconds."""
    size = 128
    network = split_timm(thinned(lite0_torch.network.model, every=20), size, "thinned")
    spec = replace(
        toy_spec(network, size), preprocessing=replace(lite0_torch.spec.preprocessing, size=size, resize=146)
    )
    view = View(model_frame(chelsea, spec.preprocessing), CountingEngine(spec))
    assert view.forward.activations.shape == (1, 64, 4, 4)
    assert 0 < (np.ptp(view.forward.activations[0], axis=(1, 2)) == 0).sum() < 64, "some channels are constant"
    second, layer = int(np.argsort(view.forward.logits[0])[-2]), network.model.bn2
    theirs = library_map(method, network.model, layer, view.input, second)  # type: ignore[arg-type]
    assert_same_map(METHODS[method](view, second).map, theirs)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["ablationcam", "scorecam"])
def test_maps_are_the_librarys_at_full_size(view: View, method: str) -> None:
    model = view.engine.network.model
    assert_same_map(METHODS[method](view, top(view)).map, library_map(method, model, model.bn2, view.input, top(view)))


def test_maps_do_not_depend_on_the_runtime(view: View, lite0_torch: Engine) -> None:
    on_torch = View(view.frame, lite0_torch)
    for method in (gradcam, ablationcam):
        assert np.abs(method(view, top(view)).map - method(on_torch, top(view)).map).max() < TOLERANCE


# --- against the library, a head that is not linear ----------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("method", ALL)
def test_maps_on_a_nonlinear_head_are_the_librarys(method: str, seed: int) -> None:
    view = toy_view(seed)
    network = view.engine.network
    assert network.linear is None
    theirs = library_map(method, network.model, network.trunk[1], view.input, top(view))
    assert_same_map(METHODS[method](view, top(view)).map, theirs)


@pytest.mark.parametrize("method", [gradcam, ablationcam])
def test_closed_form_is_what_gradients_and_head_passes_give(method: Any) -> None:
    view = toy_view(linear=True)
    assert view.engine.linear_head is not None
    network = view.engine.network
    by_passes = View(view.frame, CountingEngine(toy_spec(replace(network, linear=None))))
    closed, computed = method(view, 2), method(by_passes, 2)
    np.testing.assert_allclose(closed.weights, computed.weights, atol=1e-6)
    np.testing.assert_allclose(closed.map, computed.map, atol=1e-5)


# --- against the definition ----------------------------------------------------------------------


def test_scorecam_by_its_definition() -> None:
    """One pass a channel, dead ones included, none shared: what the shortcut must equal."""
    view = toy_view()
    network, activations = view.engine.network, torch.from_numpy(view.forward.activations)
    assert (np.ptp(view.forward.activations[0], axis=(1, 2)) == 0).sum() == 1
    up = nn.functional.interpolate(activations, size=(32, 32), mode="bilinear", align_corners=True)[0]
    masks = [(m - m.min()) / (m.max() - m.min() + 1e-8) for m in up]
    with torch.no_grad():
        scores = torch.stack([network.model(torch.from_numpy(view.input)[None] * mask)[0, 1] for mask in masks])
    np.testing.assert_allclose(scorecam(view, 1).weights, torch.softmax(scores, 0).numpy(), atol=1e-6)


def test_constant_channels_share_one_forward_pass() -> None:
    rng = np.random.default_rng(0)
    activations = rng.random((6, 4, 4))
    activations[[1, 4]] = 0
    activations[2] = 0.7
    cam = scorecam(given_view(activations, np.ones((2, 6))), 0)
    assert cam.forward_passes == 1 + 3 + 1
    assert cam.weights[1] == cam.weights[2] == cam.weights[4]
    assert cam.weights.sum() == pytest.approx(1)


def test_channels_with_one_mask_share_one_forward_pass() -> None:
    """Above all those that are active in one position alone; the weights are those of a pass each."""
    rng = np.random.default_rng(0)
    activations = np.zeros((7, 4, 4), np.float32)
    activations[[0, 1, 2], 1, 3] = 0.25, 3, 6
    activations[3, 0, 0] = 1
    activations[4] = rng.random((4, 4))
    activations[5] = 2 * activations[4]
    activations[6] = rng.random((4, 4))
    weight = rng.standard_normal((2, 7))
    view = given_view(activations, weight)
    cam = scorecam(view, 0)
    assert cam.forward_passes == 1 + 4
    assert cam.weights[0] == cam.weights[1] == cam.weights[2] != cam.weights[3]
    masks = [up - up.min() for up in map(Bilinear((4, 4), view.input.shape[1:], align_corners=True), activations)]
    scores = np.array([(view.input * (mask / mask.max())).mean() for mask in masks])  # what that engine answers
    np.testing.assert_allclose(cam.weights, np.exp(scores) / np.exp(scores).sum(), atol=1e-6)


def test_a_channel_that_is_all_but_constant_masks_as_the_library_does() -> None:
    rng = np.random.default_rng(0)
    activations = rng.random((5, 4, 4)).astype(np.float32)
    activations[1] = activations[0] * np.float32(1e-9)
    activations[2] = activations[0] * np.float32(1e-7)
    activations[3] = 1
    bright = np.full((32, 32, 3), 255, np.uint8)  # so that a mask's size shows in its score
    view = View(bright, GivenActivations(activations, rng.standard_normal((2, 5))))
    ups = [Bilinear((4, 4), view.input.shape[1:], align_corners=True)(channel) for channel in activations]
    masks = [(up - up.min()) / (up.max() - up.min() + np.float32(1e-8)) for up in ups]
    scores = np.array([(view.input * mask).mean() for mask in masks])
    np.testing.assert_allclose(scorecam(view, 0).weights, np.exp(scores) / np.exp(scores).sum(), rtol=5e-3)


def test_without_constant_channels_every_channel_takes_a_pass() -> None:
    activations = np.random.default_rng(0).random((6, 4, 4))
    assert scorecam(given_view(activations, np.ones((2, 6))), 0).forward_passes == 1 + 6


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("method", ALL)
def test_reported_passes_are_those_that_were_made(method: str, linear: bool) -> None:
    view = toy_view(linear=linear)
    cam = METHODS[method](view, 0)
    assert isinstance(view.engine, CountingEngine)
    assert (cam.forward_passes, cam.head_passes) == (view.engine.passes, view.engine.head_passes)


def test_effective_channels_counts_the_channels_that_own_the_sum() -> None:
    assert effective_channels(np.full(8, 1 / 8)) == pytest.approx(8)
    assert effective_channels(np.array([0.0, 1.0, 0.0])) == pytest.approx(1)


@pytest.mark.parametrize("method", ALL)
def test_the_order_of_channels_does_not_matter(method: str) -> None:
    rng = np.random.default_rng(1)
    activations, weight = rng.random((7, 4, 4)), rng.standard_normal((3, 7))
    order = rng.permutation(7)
    plain = METHODS[method](given_view(activations, weight), 1)
    shuffled = METHODS[method](given_view(activations[order], weight[:, order]), 1)
    np.testing.assert_allclose(shuffled.map, plain.map, atol=1e-5)
    np.testing.assert_allclose(shuffled.weights, plain.weights[order], rtol=1e-5)


@pytest.mark.parametrize("method", ALL)
def test_the_scale_of_activations_does_not_matter(method: str) -> None:
    rng = np.random.default_rng(2)
    activations, weight = rng.random((7, 4, 4)), rng.standard_normal((3, 7)) + 1
    plain = METHODS[method](given_view(activations, weight), 2).map
    assert np.ptp(plain) == 1
    np.testing.assert_allclose(METHODS[method](given_view(activations * 50, weight), 2).map, plain, atol=1e-5)


@pytest.mark.parametrize("method", ALL)
def test_a_map_fills_zero_to_one_in_the_input_frame(view: View, method: str) -> None:
    if method == "scorecam":
        view = toy_view()
    cam = METHODS[method](view, top(view))
    assert cam.map.dtype == np.float32
    assert cam.map.shape == view.frame.shape[:2]
    assert (cam.map.min(), cam.map.max()) == (0, 1)
    assert not cam.degenerate


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(
    ("source", "size"), [((7, 7), (224, 224)), ((5, 3), (2, 9)), ((1, 1), (5, 7)), ((4, 6), (4, 6)), ((9, 2), (1, 1))]
)
def test_bilinear_is_torchs(source: tuple[int, int], size: tuple[int, int], align_corners: bool) -> None:
    values = np.random.default_rng(0).standard_normal(source)
    theirs = nn.functional.interpolate(
        torch.from_numpy(values)[None, None], size, mode="bilinear", align_corners=align_corners
    )
    ours = Bilinear(source, size, align_corners=align_corners)(values)
    assert ours.dtype == values.dtype
    np.testing.assert_allclose(ours, theirs[0, 0].numpy(), atol=1e-12)


# --- maps that mark no place ---------------------------------------------------------------------


NOISE = np.random.default_rng(0).random((3, 4, 4))


@pytest.mark.parametrize(
    ("method", "activations", "weight"),
    [(method, np.zeros((3, 4, 4)), 1) for method in ALL]
    + [(method, np.full((3, 4, 4), 0.3), 1) for method in ALL]
    # Nothing is left after the ReLU. ScoreCAM's weights are never negative: its activations must be.
    + [("gradcam", NOISE, -1), ("ablationcam", NOISE, -1), ("scorecam", -NOISE, 1)],
)
def test_a_map_that_marks_no_place_is_degenerate_and_zero(method: str, activations: np.ndarray, weight: float) -> None:
    cam = METHODS[method](given_view(activations, np.full((2, 3), weight), bias=10), 0)
    assert cam.degenerate
    assert cam.map.shape == (32, 32)
    assert not cam.map.any()


def test_rounding_noise_on_a_constant_map_is_degenerate() -> None:
    """Channels that cancel to a constant: min-max would blow their rounding errors up to a full map."""
    a = np.random.default_rng(0).random((4, 4)).astype(np.float32)
    activations = np.stack([a, np.float32(1) - a])
    assert gradcam(given_view(activations, np.ones((1, 2))), 0).degenerate


def test_a_faint_map_is_still_a_map() -> None:
    activations = np.full((2, 4, 4), 0.5)
    activations[0, 1, 2] += 1e-3
    cam = gradcam(given_view(activations, np.ones((1, 2))), 0)
    assert not cam.degenerate
    assert np.unravel_index(cam.map.argmax(), cam.map.shape)[0] // 8 == 1


@pytest.mark.parametrize("linear", [True, False])
def test_ablationcam_divides_by_the_logit_so_a_negative_one_turns_the_map(linear: bool) -> None:
    network = toy_network(linear=linear)
    view = toy_view(linear=linear)
    plain = ablationcam(view, 0)
    head_bias = network.head.linear.bias if linear else network.head.layers[3].bias
    head_bias -= 100  # the drops stay what they were; the logit that divides them does not
    if network.linear is not None:
        network = replace(network, linear=LinearHead(network.linear.weight, network.linear.bias - 100))
    turned = ablationcam(View(view.frame, CountingEngine(toy_spec(network))), 0)
    assert np.corrcoef(plain.weights, turned.weights)[0, 1] < -0.999
    assert np.sign(plain.weights).tolist() == (-np.sign(turned.weights)).tolist()


def test_a_logit_of_zero_is_no_division_by_zero() -> None:
    activations = np.stack([np.eye(4), np.eye(4)[::-1]])
    with np.errstate(all="raise"):
        cam = ablationcam(given_view(activations, np.array([[1.0, -1.0]])), 0)
    assert cam.degenerate
    assert np.isfinite(cam.weights).all()
    assert not cam.map.any()


# --- the analysis --------------------------------------------------------------------------------


def subject(view: View, target: int, methods: tuple[str, ...] = ALL) -> Subject:
    settings = Settings(cams=CamSettings(methods=methods))  # type: ignore[arg-type]
    return Subject(view, target, seed=0, results={}, settings=settings, timed=lambda _: nullcontext())


def test_map_keeps_one_map_a_method_and_its_record() -> None:
    view = toy_view()
    result = ANALYSIS.map(subject(view, 2))
    assert set(result.arrays) == set(ALL)
    assert result.values["target"] == 2
    assert result.values["target_logit"] == pytest.approx(float(view.forward.logits[0, 2]))
    assert (result.values["channels"], result.values["grid"], result.values["linear_head"]) == (10, [8, 8], False)
    for method in ALL:
        assert np.array_equal(result.arrays[method], METHODS[method](view, 2).map)
    assert result.values["ablationcam"]["head_passes"] == 9  # the dead channel is not rerun
    assert result.values["scorecam"]["effective_channels"] == pytest.approx(
        effective_channels(scorecam(view, 2).weights)
    )


def test_map_computes_only_the_methods_that_were_asked_for() -> None:
    result = ANALYSIS.map(subject(toy_view(), 0, methods=("gradcam",)))
    assert set(result.arrays) == {"gradcam"}
    assert "scorecam" not in result.values


def test_relevant_settings_are_the_methods_alone() -> None:
    def relevant(**values: Any) -> dict[str, Any]:
        return ANALYSIS.relevant(Settings(**values))

    assert relevant(lime={"num_samples": 9}, seed=3) == relevant()
    assert relevant(cams={"methods": ("gradcam",)}) != relevant()
