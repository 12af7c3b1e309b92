"""analyses.cams: each method against `grad-cam` as shipped, and against its own definition where that is short."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import pytorch_grad_cam
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputReST, ClassifierOutputTarget
from scipy.stats import spearmanr
from torch import nn

from made_results import cams_result
from made_runs import MadeRun
from reportgen.analyses.cams import alike
from reportgen.analyses.cams.algebra import related_sentences, relation
from reportgen.analyses.cams.maps import Bilinear, Cam, ablationcam, effective_channels, gradcam, scorecam
from reportgen.analyses.cams.measures import likenesses
from reportgen.analyses.cams.methods import METHODS, WRITEUP
from reportgen.analyses.cams.result import CamsResult
from reportgen.analyses.cams.settings import OF_ATTENTION, CamMethod, CamSettings
from reportgen.analyses.cams.task import ANALYSIS
from reportgen.analysis.masks import paired_sample
from reportgen.analysis.view import View
from reportgen.images.frame import model_frame
from reportgen.models.classifiers import LinearHead
from reportgen.models.classifiers.splitting.split import split_timm
from reportgen.models.runtime import Engine
from reportgen.report.blocks import Figure, Listing, Table
from reportgen.settings.model import Settings
from toys import CountingEngine, GivenActivations, imported, network, subject, toy_network, toy_spec

LIBRARY = {
    "gradcam": "GradCAM",
    "ablationcam": "AblationCAM",
    "scorecam": "ScoreCAM",
    "gradcam++": "GradCAMPlusPlus",
    "hirescam": "HiResCAM",
    "xgradcam": "XGradCAM",
    "layercam": "LayerCAM",
    "gradcamelementwise": "GradCAMElementWise",
    "eigencam": "EigenCAM",
    "eigengradcam": "EigenGradCAM",
    "segeigencam": "SegEigenCAM",
    "kpcacam": "KPCA_CAM",
    "fem": "FEM",
    "finercam": "FinerCAM",
    "shapleycam": "ShapleyCAM",
}
EVERY = tuple(method for method in METHODS if method not in OF_ATTENTION)  # tests/test_attention.py has the others
OTHERS = tuple(method for method in EVERY if method not in WRITEUP)
ALL = WRITEUP
TOLERANCE = 1e-3


def explained(method: str, view: View, target: int) -> Cam:
    return METHODS[method].explain(view, target)


def library_map(method: str, model: nn.Module, layer: nn.Module, x: np.ndarray, target: int) -> np.ndarray:
    """(H, W): the map of `grad-cam` as shipped, hooked on `layer`."""
    made = getattr(pytorch_grad_cam, LIBRARY[method])(model, [layer])
    with torch.enable_grad():
        leaf = torch.from_numpy(x[None]).requires_grad_(True)  # the weights are frozen: the input must ask
        # No context manager: the library's swallows an IndexError and answers None.
        if method == "finercam":  # its own choice of the classes that are compared
            found = made(leaf, None, target_idx=target)
        else:  # ShapleyCAM's paper explains the logit plus its log-probability
            utility = ClassifierOutputReST if method == "shapleycam" else ClassifierOutputTarget
            found = made(leaf, [utility(target)])
    hooks = getattr(made, "base_cam", made).activations_and_grads
    hooks.activations, hooks.gradients = [], []  # ShapleyCAM's are views, on which the library's release stumbles
    hooks.release()
    return np.asarray(found[0])


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


@pytest.mark.parametrize("method", EVERY)
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
    assert_same_map(explained(method, view, second).map, theirs)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["ablationcam", "scorecam"])
def test_maps_are_the_librarys_at_full_size(view: View, method: str) -> None:
    model = view.engine.network.model
    assert_same_map(
        explained(method, view, top(view)).map, library_map(method, model, model.bn2, view.input, top(view))
    )


def test_maps_do_not_depend_on_the_runtime(view: View, lite0_torch: Engine) -> None:
    on_torch = View(view.frame, lite0_torch)
    for method in (gradcam, ablationcam):
        assert np.abs(method(view, top(view)).map - method(on_torch, top(view)).map).max() < TOLERANCE


# --- against the library, a head that is not linear ----------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("method", EVERY)
def test_maps_on_a_nonlinear_head_are_the_librarys(method: str, seed: int) -> None:
    view = toy_view(seed)
    network = view.engine.network
    assert network.linear is None
    theirs = library_map(method, network.model, network.trunk.part[1], view.input, top(view))
    assert_same_map(explained(method, view, top(view)).map, theirs)


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
    cam = explained(method, view, 0)
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
    plain = explained(method, given_view(activations, weight), 1)
    shuffled = explained(method, given_view(activations[order], weight[:, order]), 1)
    np.testing.assert_allclose(shuffled.map, plain.map, atol=1e-5)
    np.testing.assert_allclose(shuffled.weights, plain.weights[order], rtol=1e-5)


@pytest.mark.parametrize("method", ALL)
def test_the_scale_of_activations_does_not_matter(method: str) -> None:
    rng = np.random.default_rng(2)
    activations, weight = rng.random((7, 4, 4)), rng.standard_normal((3, 7)) + 1
    plain = explained(method, given_view(activations, weight), 2).map
    assert np.ptp(plain) == 1
    np.testing.assert_allclose(explained(method, given_view(activations * 50, weight), 2).map, plain, atol=1e-5)


@pytest.mark.parametrize("method", ALL)
def test_a_map_fills_zero_to_one_in_the_input_frame(view: View, method: str) -> None:
    if method == "scorecam":
        view = toy_view()
    cam = explained(method, view, top(view))
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
    cam = explained(method, given_view(activations, np.full((2, 3), weight), bias=10), 0)
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


# --- through the library -------------------------------------------------------------------------


@pytest.mark.parametrize("method", OTHERS)
def test_the_librarys_methods_are_as_shipped_on_real_weights(lite0_torch: Engine, view: View, method: str) -> None:
    on_torch = View(view.frame, lite0_torch)
    model = lite0_torch.network.model
    assert_same_map(
        explained(method, on_torch, top(view)).map, library_map(method, model, model.bn2, view.input, top(view))
    )


def test_every_class_of_the_library_that_explains_one_layer_for_one_class_is_a_method() -> None:
    base = pytorch_grad_cam.base_cam.BaseCAM
    shipped = {
        name for name, found in vars(pytorch_grad_cam).items() if isinstance(found, type) and issubclass(found, base)
    }
    # One draws its weights, one explains every bias of the network instead of a layer.
    assert shipped - {"BaseCAM", "RandomCAM", "FullGrad"} <= set(LIBRARY.values())
    assert {*LIBRARY, *OF_ATTENTION} == set(METHODS) == set(get_args(CamMethod))


@pytest.mark.parametrize("method", OTHERS)
def test_only_the_head_is_run_again_and_it_keeps_no_hook(method: str) -> None:
    view = toy_view()
    _ = view.forward
    made = view.engine.network
    runs = {"trunk": 0, "head": 0}

    def counted(name: str) -> Callable[..., None]:
        return lambda *_: runs.__setitem__(name, runs[name] + 1)

    hooks = [made.trunk.register_forward_hook(counted("trunk")), made.head.register_forward_hook(counted("head"))]
    cam = explained(method, view, 1)
    assert runs == {"trunk": 0, "head": cam.head_passes} == {"trunk": 0, "head": 1}
    assert cam.forward_passes == 1
    for hook in hooks:
        hook.remove()
    assert not any(module._forward_hooks for module in made.model.modules())
    assert all(p.grad is None and not p.requires_grad for p in made.model.parameters())


@pytest.mark.parametrize("method", OTHERS)
def test_equal_calls_give_equal_bytes_and_say_nothing(method: str, capfd: pytest.CaptureFixture[str]) -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[union-attr, index]
    first, second = (explained(method, toy_view(), 1).map for _ in range(2))
    gc.collect()  # the library complains when its objects are taken away
    assert first.tobytes() == second.tobytes()
    assert np.random.get_state()[1].tolist() == before  # type: ignore[union-attr, index]
    assert capfd.readouterr() == ("", "")


def test_a_grid_so_large_that_kernel_pca_draws_its_start_gives_equal_bytes() -> None:
    activations = np.random.default_rng(0).random((12, 16, 16))
    maps = [explained("kpcacam", given_view(activations, np.ones((2, 12))), 0).map.tobytes() for _ in range(2)]
    assert maps[0] == maps[1]


def test_threads_that_share_a_network_get_the_maps_that_they_get_alone() -> None:
    made = toy_network()
    engine = CountingEngine(toy_spec(made))
    views = [View(toy_view(seed).frame, engine) for seed in range(4)]
    alone = [[explained(method, view, 1).map for method in OTHERS] for view in views]
    together: list[list[np.ndarray]] = [[] for _ in views]

    def work(i: int) -> None:
        together[i] += [explained(method, views[i], 1).map for method in OTHERS]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(views))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine, found in zip(alone, together, strict=True):
        for a, b in zip(mine, found, strict=True):
            assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("method", OTHERS)
@pytest.mark.parametrize("value", [0, 0.3])
def test_the_librarys_map_of_constant_activations_is_degenerate(method: str, value: float) -> None:
    cam = explained(method, given_view(np.full((3, 4, 4), value), np.ones((2, 3)), bias=10), 0)
    assert cam.degenerate
    assert not cam.map.any()


def test_the_librarys_rounding_noise_is_no_map() -> None:
    a = np.random.default_rng(0).random((4, 4)).astype(np.float32)
    view = given_view(np.stack([a, np.float32(1) - a]), np.ones((1, 2)))
    assert explained("hirescam", view, 0).degenerate


class WithoutWeights(nn.Module):
    """A head that has no parameters: each channel's mean is a logit."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


@pytest.mark.parametrize("method", OTHERS)
def test_a_head_without_parameters_can_be_explained(method: str) -> None:
    torch.manual_seed(0)
    made = network(nn.Sequential(nn.Conv2d(3, 5, 7, 4, 3), nn.ReLU()), WithoutWeights())
    view = View(toy_view().frame, CountingEngine(toy_spec(made)))
    assert_same_map(
        explained(method, view, top(view)).map,
        library_map(method, made.model, made.model[0][1], view.input, top(view)),  # type: ignore[index, arg-type]
    )


def test_no_command_that_shows_settings_imports_the_library() -> None:
    code = "from reportgen.settings.model import Settings; Settings(cams={'methods': ('eigencam',)})"
    code += "; from reportgen.cli.main import app"
    assert imported(code, ["torch", "pytorch_grad_cam", "cv2"]) == []


# --- related by algebra --------------------------------------------------------------------------

HEAD_OF_SIX = np.random.default_rng(4).standard_normal((3, 6))
SIX = np.random.default_rng(3).random((6, 4, 4))


def of_weights(weights: np.ndarray, activations: np.ndarray = SIX) -> np.ndarray:
    """(32, 32): the map of a weighted sum of channels."""
    coarse = np.maximum(np.tensordot(weights, activations, 1), 0)
    fine = nn.functional.interpolate(torch.from_numpy(coarse)[None, None], (32, 32), mode="bilinear")[0, 0].numpy()
    return (fine - fine.min()) / np.ptp(fine)


@pytest.mark.parametrize(
    ("method", "weights"),
    [
        ("gradcam", lambda w, m, y: w),
        ("hirescam", lambda w, m, y: w),
        ("xgradcam", lambda w, m, y: w),
        ("layercam", lambda w, m, y: np.maximum(w, 0)),
        ("gradcamelementwise", lambda w, m, y: np.maximum(w, 0)),
        ("ablationcam", lambda w, m, y: w * m / y),
        (
            "gradcam++",
            lambda w, m, y: (g := w / 16) * 0 + np.maximum(g, 0) * g**2 / (2 * g**2 + 16 * m * g**3 + 1e-6),
        ),
    ],
)
def test_on_a_linear_head_related_methods_are_sums_with_the_layers_weights(
    method: str, weights: Callable[[np.ndarray, np.ndarray, float], np.ndarray]
) -> None:
    target = 1
    mean = SIX.mean((1, 2))
    logit = float(HEAD_OF_SIX[target] @ mean)
    theirs = of_weights(weights(HEAD_OF_SIX[target], mean, logit))
    assert_same_map(explained(method, given_view(SIX, HEAD_OF_SIX), target).map, theirs)


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("signs", ["never negative", "of both signs"])
def test_methods_said_to_give_the_same_map_do_and_others_do_not(linear: bool, signs: str) -> None:
    """Nothing is called the same that is not, nor the other way round; on heads of either kind."""
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Conv2d(3, 10, 7, 4, 3), nn.ReLU() if signs == "never negative" else nn.Identity())
    made = network(trunk, toy_network(linear=linear).head)
    view = View(toy_view().frame, CountingEngine(toy_spec(made)))
    settings = CamSettings(methods=tuple(m for m in EVERY if m != "scorecam"))  # type: ignore[arg-type]
    result = ANALYSIS.map(subject(view, top(view), settings))
    assert result.linear_head == linear
    assert result.non_negative == (signs == "never negative")
    assert not any(cam.degenerate for cam in result.maps.values())
    for a, b in combinations(result.maps, 2):
        same = np.abs(result.maps[a].map - result.maps[b].map).max() < 1e-4
        if linear and {a, b} == {"eigengradcam", "segeigencam"}:
            assert relation(a, b, result) == "yes"  # one component, with either sign
        else:
            assert same == (relation(a, b, result) == "the same map"), (a, b)


def test_what_is_related_is_said() -> None:
    pooled, other = cams_result(linear_head=True), cams_result(linear_head=False)
    assert related_sentences(WRITEUP, other) == []
    [old] = related_sentences(WRITEUP, pooled)
    assert "Grad-CAM's" in old and "AblationCAM's" in old
    identity, *rest = related_sentences(("gradcam", "hirescam", "xgradcam"), pooled)
    assert "Grad-CAM, HiResCAM and XGrad-CAM" in identity and rest == []
    [positive] = related_sentences(("layercam", "gradcamelementwise"), other)
    assert "LayerCAM and Element-wise Grad-CAM" in positive
    assert related_sentences(("layercam", "gradcamelementwise"), cams_result(non_negative=False)) == []
    assert related_sentences(("eigencam", "scorecam", "fem"), pooled) == []
    [family] = related_sentences(("layercam", "gradcam++", "eigencam"), pooled)
    assert "LayerCAM and Grad-CAM++" in family


def test_on_a_linear_head_two_components_differ_by_a_sign_alone() -> None:
    """By an eigenvector of the covariance matrix, and not by the decomposition that the library takes."""
    columns = (SIX * HEAD_OF_SIX[1][:, None, None]).reshape(6, -1).T
    centred = columns - columns.mean(0)
    component = (centred @ np.linalg.eigh(centred.T @ centred)[1][:, -1]).reshape(4, 4)
    either = [of_weights(np.array([sign]), component[None]) for sign in (1.0, -1.0)]
    for method in ("eigengradcam", "segeigencam"):
        found = explained(method, given_view(SIX, HEAD_OF_SIX), 1).map
        assert min(np.abs(found - theirs).max() for theirs in either) < TOLERANCE
    signed = max((component, -component), key=lambda values: values.max())
    assert_same_map(explained("segeigencam", given_view(SIX, HEAD_OF_SIX), 1).map, of_weights(np.ones(1), signed[None]))


# --- measures ------------------------------------------------------------------------------------


def test_likeness_is_scipys_spearman_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    maps = {"a": rng.random((9, 7)), "b": rng.random((9, 7)).round(1), "flat": np.zeros((9, 7))}
    found = likenesses(maps)
    assert list(found) == ["a~b", "a~flat", "b~flat"]
    assert found["a~b"].rank_correlation == spearmanr(maps["a"].ravel(), maps["b"].ravel()).statistic
    assert found["a~flat"].iou is found["a~flat"].rank_correlation is found["a~flat"].chance is None


# --- the analysis --------------------------------------------------------------------------------


def mapped(view: View, target: int, methods: tuple[str, ...] = ALL) -> CamsResult:
    return ANALYSIS.map(subject(view, target, CamSettings(methods=methods)))  # type: ignore[arg-type]


def test_map_keeps_one_map_a_method_and_its_record() -> None:
    view = toy_view()
    result = mapped(view, 2)
    assert set(result.maps) == set(ALL)
    assert result.target == 2
    assert result.target_logit == pytest.approx(float(view.forward.logits[0, 2]))
    assert (result.channels, result.grid, result.linear_head) == (10, (8, 8), False)
    for method in ALL:
        assert np.array_equal(result.maps[method].map, explained(method, view, 2).map)
    assert result.maps["ablationcam"].head_passes == 9  # the dead channel is not rerun
    weights = scorecam(view, 2).weights
    assert weights is not None
    assert result.maps["scorecam"].effective_channels == pytest.approx(effective_channels(weights))


def test_map_computes_only_the_methods_that_were_asked_for() -> None:
    result = mapped(toy_view(), 0, methods=("gradcam",))
    assert set(result.maps) == {"gradcam"}


def test_relevant_settings_are_the_methods_alone() -> None:
    def relevant(**values: Any) -> object:
        return ANALYSIS.relevant(Settings(**values))

    assert relevant(lime={"num_samples": 9}, seed=3) == relevant()
    assert relevant(cams={"methods": ("gradcam",)}) != relevant()


class Unexplainable(nn.Module):
    """A head that can be run, but no gradient comes back through it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3)).detach()


def test_a_method_that_cannot_explain_a_network_says_so_and_the_others_go_on(tmp_path: Path) -> None:
    made = network(nn.Sequential(nn.Conv2d(3, 5, 7, 4, 3), nn.ReLU()), Unexplainable())
    view = View(toy_view().frame, CountingEngine(toy_spec(made)))
    settings = CamSettings(methods=("eigencam", "layercam", "hirescam"))
    result = ANALYSIS.map(subject(view, 0, settings))
    failed = result.maps["layercam"]
    assert failed.degenerate and not failed.map.any()
    assert str(failed.failure).startswith("RuntimeError: ") and "\n" not in str(failed.failure)
    assert result.maps["eigencam"].failure is None
    found = ANALYSIS.reduce(MadeRun(tmp_path, {"cams": [result]}, settings))
    assert [(w.code, w.text.split()[0]) for w in found.warnings] == [("no-map", "LayerCAM"), ("no-map", "HiResCAM")]
    assert "failure" in found.per_image[0]["layercam"] and "failure" not in found.per_image[0]["eigencam"]  # type: ignore[operator]
    assert found.section is not None and "LayerCAM (not computed)" in found.section.model_dump_json()


def test_finercam_of_a_network_with_one_class_has_nothing_to_compare() -> None:
    view = given_view(SIX, np.ones((1, 6)))
    assert mapped(view, 0, ("finercam",)).maps["finercam"].failure == "the network knows no other class to compare with"


# --- the chapter ---------------------------------------------------------------------------------


def chapter(folder: Path, methods: tuple[str, ...], images: int = 2) -> list[Any]:
    rng = np.random.default_rng(0)
    results = [cams_result({m: rng.random((32, 32), np.float32) for m in methods}) for _ in range(images)]
    run = MadeRun(folder, {"cams": results}, CamSettings(methods=methods))  # type: ignore[arg-type]
    section = ANALYSIS.reduce(run).section
    assert section is not None
    return [section.title, *section.blocks]


@pytest.mark.parametrize(("methods", "limit"), [(ALL, "MOST_PAIRED"), ((*ALL, "layercam"), "MOST_PAIRED_OF_MANY")])
def test_of_a_large_run_a_sample_is_compared_with_other_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, methods: tuple[str, ...], limit: str
) -> None:
    monkeypatch.setattr(alike, limit, 3)
    rng = np.random.default_rng(0)
    results = [cams_result({m: rng.random((32, 32), np.float32) for m in methods}) for _ in range(7)]

    def made(name: str, kept: Sequence[CamsResult]) -> Any:
        return ANALYSIS.reduce(MadeRun(tmp_path / name, {"cams": kept}, CamSettings(methods=methods)))  # type: ignore[arg-type]

    found = made("all", results)
    alone = made("alone", [results[i] for i in paired_sample(range(7), 0, 3)])
    own, of_sample = (tables(contribution.section.blocks)["cams-pairs"].rows for contribution in (found, alone))
    assert [row[5:] for row in own] == [row[5:] for row in of_sample], "means, other images and p are the sample's"
    assert {row[1] for row in own} == {7}, "medians are of all"
    assert "over a seeded sample of 3 images at most" in tables(found.section.blocks)["cams-pairs"].caption
    [c5] = [finding for finding in found.findings if finding.id == "C5"]
    assert {number.n for number in c5.evidence if number.name.endswith(("_own", "_other"))} == {3}
    assert "over a sample of 3 images on one image" in c5.text
    [unsampled] = [finding for finding in alone.findings if finding.id == "C5"]
    assert "sample of" not in unsampled.text
    assert len(found.per_image) == 7


def tables(blocks: list[Any]) -> dict[str, Table]:
    return {block.id: block for block in blocks if isinstance(block, Table)}


def test_the_three_methods_stand_in_one_row_and_one_table(tmp_path: Path) -> None:
    title, *blocks = chapter(tmp_path, ALL)
    assert title == "Grad-CAM, AblationCAM and ScoreCAM"
    assert list(tables(blocks)) == ["cams", "cams-measures", "cams-pairs"]
    assert [column.key for column in tables(blocks)["cams"].columns] == [
        "image",
        "target",
        "target_logit",
        "gradcam_area_above_half",
        "ablationcam_area_above_half",
        "scorecam_area_above_half",
        "effective_channels",
        "forward_passes",
    ]
    figures = [block for block in blocks if isinstance(block, Figure)]
    assert [(figure.columns, len(figure.pictures)) for figure in figures] == [(4, 4), (4, 4)]


def test_every_method_at_once_stays_within_the_page(tmp_path: Path) -> None:
    title, *blocks = chapter(tmp_path, EVERY)
    assert title == "Class activation maps"
    areas = [table for id, table in tables(blocks).items() if id not in ("cams-measures", "cams-pairs")]
    assert [table.id for table in areas] == ["cams", "cams-2", "cams-3", "cams-4"]
    assert max(len(table.columns) for table in areas) <= 8
    named = [column.key for table in areas for column in table.columns if column.key.endswith("_area_above_half")]
    assert named == [f"{method}_area_above_half" for method in EVERY]
    assert all(len(row) == len(table.columns) for table in areas for row in table.rows)
    assert len(tables(blocks)["cams-pairs"].rows) == 105
    assert len(tables(blocks)["cams-measures"].rows) == 16
    assert {figure.columns for figure in blocks if isinstance(figure, Figure) and figure.kind == "panels"} == {4}
    assert (tmp_path / "figures" / "cams-likeness.svg").is_file()
    assert (tmp_path / "maps" / "image-0" / "gradcam++.npy").is_file()
    listed = " ".join(item for block in blocks if isinstance(block, Listing) for item in block.items)
    assert all(
        METHODS[method].definition.format(unit="channel", place="position", places="positions") in listed
        for method in EVERY
    )


def test_methods_without_a_class_and_without_a_sign_are_named(tmp_path: Path) -> None:
    found = [block for block in chapter(tmp_path, ("eigencam", "fem", "layercam")) if isinstance(block, Listing)]
    [limits] = [block for block in found if block.role == "limit"]
    text = " ".join(limits.items)
    assert "Eigen-CAM and FEM do not know which class is explained" in text
    assert "arbitrary, and Eigen-CAM takes the one" in text


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_method_has_a_label_one_sentence_and_a_work(method: Any) -> None:
    assert method.definition.startswith(method.label)
    assert method.definition.endswith(".") and ". " not in method.definition
    assert method.work in {work.key for work in ANALYSIS.works}
