"""Maps of attention: rollout and gradient-weighted attention, from what a network's self-attention layers weigh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from reportgen.analyses.cams.attention import attention_rollout, gradient_attention
from reportgen.analyses.cams.library import MethodFailure
from reportgen.analyses.cams.maps import in_frame
from reportgen.analyses.cams.methods import METHODS, methods_for
from reportgen.analyses.cams.result import CamsResult
from reportgen.analyses.cams.settings import GRADIENT, OF_ATTENTION, ROLLOUT, CamSettings
from reportgen.analyses.cams.task import ANALYSIS
from reportgen.analyses.faithfulness.maps import MEAN, cams_among, controls_among, explanations
from reportgen.analysis.view import View
from reportgen.models.classifiers.base import FeatureLayer
from reportgen.models.classifiers.splitting.attention import attention_layers, read_attention
from reportgen.models.classifiers.splitting.split import split_any, split_timm
from test_split import CLASSES, SIZE, engine, photo, swin, torchvision_vit, vit
from toys import CountingEngine, subject, toy_network, toy_spec


def view_of(model: nn.Module) -> View:
    return View(photo(), engine(split_timm(model, SIZE, "net")))


def by_hand(model: nn.Module, x: torch.Tensor, target: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """A timm ViT's attention written out: x + proj(softmax(q k / sqrt d) v), block by block, and the gradient of a logit."""
    tokens, kept = model.norm_pre(model._pos_embed(model.patch_embed(x))), []  # type: ignore[operator]
    for block in model.blocks:  # type: ignore[union-attr]
        attention, (n, t, c) = block.attn, tokens.shape
        q, k, v = attention.qkv(block.norm1(tokens)).reshape(n, t, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
        weights = ((q @ k.transpose(-2, -1)) / q.shape[-1] ** 0.5).softmax(-1).requires_grad_(True)
        kept.append(weights)
        tokens = tokens + attention.proj((weights @ v).transpose(1, 2).reshape(n, t, c))
        tokens = tokens + block.mlp(block.norm2(tokens))
    logit = model.forward_head(model.norm(tokens))[0, target]  # type: ignore[operator]
    gradients = torch.autograd.grad(logit, kept)
    return [(w.detach()[0].numpy(), g[0].numpy()) for w, g in zip(kept, gradients, strict=True)]


def test_attention_and_its_gradient_are_those_of_the_network_written_out() -> None:
    model = vit()
    x = torch.from_numpy(view_of(model).input[None])
    found = read_attention(model, x, 4)
    expected = by_hand(model, x, 4)
    assert len(found) == len(expected) == 3
    for ours, (weights, gradient) in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.weights.numpy(), weights, atol=1e-5)
        np.testing.assert_allclose(ours.gradient.numpy(), gradient, atol=1e-5)
    assert all(block.attn.fused_attn for block in model.blocks), "as it was"  # type: ignore[union-attr]


def test_torchs_multihead_attention_is_read_from_what_went_into_it() -> None:
    class OneLayer(nn.Module):
        """Attention over 17 tokens, of which the first is read."""

        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 16, 8, 8)
            self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
            self.head = nn.Linear(16, CLASSES)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            patches = self.patches(x).flatten(2).transpose(1, 2)
            tokens = torch.cat([patches.mean(1, keepdim=True), patches], 1)
            attended, _ = self.attention(tokens, tokens, tokens, need_weights=False)
            return self.head(attended[:, 0])

    torch.manual_seed(3)
    model = OneLayer().eval()
    nn.init.normal_(model.attention.in_proj_bias)
    x = torch.randn(1, 3, SIZE, SIZE)
    (found,) = read_attention(model, x, 2)
    patches = model.patches(x).flatten(2).transpose(1, 2)
    tokens = torch.cat([patches.mean(1, keepdim=True), patches], 1)
    q, k, v = functional.linear(tokens, model.attention.in_proj_weight, model.attention.in_proj_bias).chunk(3, -1)
    q, k, v = (part.reshape(1, 17, 4, 4).transpose(1, 2) for part in (q, k, v))
    weights = (q @ k.transpose(-2, -1) / 2).softmax(-1)
    joined = (weights @ v).transpose(1, 2).reshape(1, 17, 16)
    logit = model.head(model.attention.out_proj(joined)[:, 0])[0, 2]
    (gradient,) = torch.autograd.grad(logit, weights)
    torch.testing.assert_close(found.weights, weights.detach()[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found.gradient, gradient[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(model(x)[0, 2], logit, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pool", ["token", "avg"])
def test_both_maps_are_their_papers_recursions(pool: str) -> None:
    view, target, identity = view_of(vit(global_pool=pool)), 4, np.eye(17)
    layers = [
        (w.astype(np.float64), g)
        for w, g in by_hand(view.engine.network.model, torch.from_numpy(view.input[None]), target)
    ]
    rolled, relevance = identity, identity.copy()
    for weights, gradient in layers:
        half = 0.5 * weights.mean(0) + 0.5 * identity
        rolled = half @ rolled
        relevance = relevance + np.clip(weights * gradient, 0, None).mean(0) @ relevance
    rows = [0] if pool == "token" else range(1, 17)
    for found, expected in ((attention_rollout(view, target), rolled), (gradient_attention(view, target), relevance)):
        patches = expected[rows].mean(0)[1:].reshape(4, 4)
        np.testing.assert_allclose(found.map, in_frame(patches - patches.min(), (SIZE, SIZE), 1.0)[0], atol=1e-3)
        assert not found.degenerate


def test_rollout_does_not_know_the_class_and_gradient_weighted_attention_does() -> None:
    view = view_of(vit())
    np.testing.assert_array_equal(attention_rollout(view, 1).map, attention_rollout(view, 5).map)
    assert np.abs(gradient_attention(view, 1).map - gradient_attention(view, 5).map).max() > 0.05


def test_attention_is_counted_only_where_all_of_it_is_over_all_tokens() -> None:
    x = torch.rand(1, 3, SIZE, SIZE)
    assert split_timm(vit(), SIZE, "net").layer.attention_layers == 3
    assert split_timm(vit(reg_tokens=2), SIZE, "net").layer.attention_layers == 3
    assert split_any(torchvision_vit(), SIZE, "net").layer.attention_layers == 2
    windows = swin()
    assert split_timm(windows, SIZE, "net").layer.attention_layers == 0
    assert attention_layers(windows, x, 16) == 0, "windows see a part of the image each"
    assert attention_layers(toy_network().model, x, 64) == 0


def attends(mix: Callable[[nn.MultiheadAttention, torch.Tensor], torch.Tensor]) -> nn.Module:
    """A network of two layers over 16 tokens: of attention that can be read, and of `mix`."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches, self.head = nn.Conv2d(3, 12, 8, 8), nn.Linear(12, CLASSES)
            self.one, self.two = (nn.MultiheadAttention(12, 2, batch_first=True) for _ in range(2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            tokens = tokens + self.one(tokens, tokens, tokens, need_weights=False)[0]
            return self.head((tokens + mix(self.two, tokens)).mean(1))

    return Two().eval()


@pytest.mark.parametrize(
    "mix",
    [
        lambda layer, x: functional.scaled_dot_product_attention(x, x[:, ::4], x[:, ::4]),
        lambda layer, x: (x @ x[:, ::4].transpose(1, 2)).softmax(-1) @ x[:, ::4],
        lambda layer, x: layer(x, x[:, ::4], x[:, ::4])[0],
        lambda layer, x: layer(x, x.flip(1), x)[0],
        lambda layer, x: layer(x, x, x, attn_mask=torch.eye(16))[0],
    ],
    ids=["fused, fewer keys", "written out, fewer keys", "fewer keys", "other keys", "masked"],
)
def test_attention_that_cannot_be_read_is_not_left_out_of_a_map_of_all(
    mix: Callable[[nn.MultiheadAttention, torch.Tensor], torch.Tensor],
) -> None:
    """As in PVT and Twins: their last stage alone has attention over all of its tokens."""
    x = torch.rand(1, 3, SIZE, SIZE)
    assert attention_layers(attends(lambda layer, x: layer(x, x, x)[0]), x, 16) == 2
    assert attention_layers(attends(mix), x, 16) == 0


def test_either_side_of_one_output_has_the_gradient_of_its_own_logit() -> None:
    model = vit(num_classes=1)
    view = View(photo(), CountingEngine(toy_spec(split_timm(model, SIZE, "net"), SIZE, 2)))
    sides, z = [view.attention(side) for side in (0, 1)], read_attention(model, torch.from_numpy(view.input[None]), 0)
    for low, high, own in zip(*sides, z, strict=True):
        products = own.weights.double() * own.gradient.double()
        np.testing.assert_allclose(high.weighted, products.clamp(min=0).mean(0).numpy(), atol=1e-9)
        np.testing.assert_allclose(low.weighted, (-products).clamp(min=0).mean(0).numpy(), atol=1e-9)
        np.testing.assert_array_equal(low.mean, high.mean)
        assert high.weighted.any() and low.weighted.any()


def test_a_network_without_attention_has_no_map_of_it() -> None:
    view = View(photo(), CountingEngine(toy_spec(toy_network())))
    for method in (attention_rollout, gradient_attention):
        with pytest.raises(MethodFailure, match="no self-attention"):
            method(view, 0)
    assert view.engine.passes == 0


def test_maps_of_attention_stand_beside_the_others_where_a_network_has_attention() -> None:
    seen = FeatureLayer("blocks.2.norm1", "tokens", 1, class_token=True, attention_layers=3)
    asked = ("gradcam", "scorecam")
    assert methods_for(asked, seen, attention=True) == (*asked, *OF_ATTENTION)
    assert methods_for((*asked, GRADIENT), seen, attention=True) == (*asked, GRADIENT, ROLLOUT)
    assert methods_for(asked, seen, attention=False) == asked
    assert methods_for(asked, replace(seen, attention_layers=0), attention=True) == asked
    result = ANALYSIS.map(subject(view_of(vit()), 4, CamSettings(methods=asked)))
    assert isinstance(result, CamsResult)
    assert list(result.maps) == [*asked, *OF_ATTENTION]
    assert result.layer == seen


class _Lime:
    weight_map = np.zeros((SIZE, SIZE))


def test_the_mean_is_of_class_activation_maps_and_rollout_is_a_control() -> None:
    result = ANALYSIS.map(subject(view_of(vit()), 4, CamSettings(methods=("gradcam", "scorecam"))))
    maps = explanations(result, _Lime())  # type: ignore[arg-type]
    np.testing.assert_allclose(maps[MEAN], (result.maps["gradcam"].map + result.maps["scorecam"].map) / 2, atol=1e-6)
    assert cams_among(maps) == ["gradcam", "scorecam"]
    assert controls_among([*maps, "random"]) == [ROLLOUT, "random"]


def test_methods_that_differentiate_twice_explain_attention_too() -> None:
    """ShapleyCAM takes a second derivative, which torch's fused attention does not have on the CPU."""
    view = view_of(vit())
    assert not all(METHODS["shapleycam"].explain(view, target).degenerate for target in range(CLASSES))
