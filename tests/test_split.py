"""classifiers.splitting on networks of tokens, of channels last, and of several branches: held against the network itself,
and where the library grad-cam explains the same layer, against that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import pytorch_grad_cam
import timm
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn
from torchvision import models

from reportgen.analyses.cams.maps import ablationcam, gradcam, scorecam
from reportgen.analysis.view import View
from reportgen.models.classifiers.base import Network
from reportgen.models.classifiers.layout import Hint, Layout, layout_of
from reportgen.models.classifiers.splitting.split import split_any, split_timm
from reportgen.utils.errors import UsageError
from toys import CountingEngine, toy_spec

SIZE = 32
CLASSES = 7


def drawn(model: nn.Module, seed: int = 0) -> nn.Module:
    """Every weight drawn anew, for some networks begin with a head of zeros; small, so that activations stay so."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, values in model.named_parameters():
            scale = 0.2 if values.ndim > 1 else 0.02
            values.copy_(torch.randn(values.shape, generator=generator) * scale + ("norm" in name and values.ndim == 1))
    return model.eval().requires_grad_(False)


def vit(**options: Any) -> nn.Module:
    """A small Vision Transformer of timm's on a 4 x 4 grid."""
    small = {"img_size": SIZE, "patch_size": 8, "embed_dim": 24, "depth": 3, "num_heads": 3, "num_classes": CLASSES}
    return drawn(timm.models.VisionTransformer(**{**small, **options}))


def swin() -> nn.Module:
    return drawn(
        timm.models.SwinTransformer(
            img_size=SIZE,
            patch_size=2,
            window_size=4,
            embed_dim=12,
            depths=(1, 2),
            num_heads=(2, 2),
            num_classes=CLASSES,
        )
    )


def engine(network: Network) -> CountingEngine:
    return CountingEngine(toy_spec(network, SIZE, CLASSES))


def photo(seed: int = 3) -> np.ndarray:
    """Patches of one colour each, so that positions differ."""
    return np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8).repeat(8, 0).repeat(8, 1)


@torch.no_grad()
def assert_split(network: Network, model: nn.Module) -> None:
    """Trunk and head reproduce the network, for several images at once and for one image's map several times over."""
    x = torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(8))
    torch.testing.assert_close(network.head(*network.trunk(x)), model(x), rtol=1e-4, atol=1e-4)
    made = engine(network)
    forward = made.forward(x[:1].numpy())
    again = made.head_logits(np.repeat(forward.activations, 4, axis=0), forward.context)
    np.testing.assert_allclose(again, np.repeat(forward.logits, 4, axis=0), rtol=1e-4, atol=1e-4)


# --- layouts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "hint", "expected"),
    [
        ((2, 8, 7, 7), Hint(), Layout("channels-first", (7, 7))),
        ((2, 7, 7, 8), Hint(), Layout("channels-last", (7, 7))),
        ((2, 7, 7, 7), Hint(channels_last=True), Layout("channels-last", (7, 7))),
        ((2, 7, 7, 7), Hint(), Layout("channels-first", (7, 7))),
        ((2, 49, 8), Hint(), Layout("tokens", (7, 7), 0)),
        ((2, 197, 8), Hint(), Layout("tokens", (14, 14), 1)),
        ((2, 201, 8), Hint(), Layout("tokens", (14, 14), 5)),
        ((2, 9, 8), Hint(prefix=5, grid=(2, 2)), Layout("tokens", (2, 2), 5)),
        ((2, 9, 8), Hint(), Layout("tokens", (3, 3), 0)),
        ((2, 8, 1, 1), Hint(), None),
        ((2, 8), Hint(), None),
        ((2, 1, 8), Hint(), None),
        ((2, 16, 1), Hint(), None),
        ((2, 47, 8), Hint(), None),
    ],
)
def test_a_layout_is_read_from_a_shape(shape: tuple[int, ...], hint: Hint, expected: Layout | None) -> None:
    assert layout_of(shape, hint) == expected


@pytest.mark.parametrize(
    "layout", [Layout("channels-last", (3, 2)), Layout("tokens", (3, 2), 2), Layout("tokens", (3, 2))]
)
def test_a_map_goes_back_to_where_it_came_from(layout: Layout) -> None:
    shape = (2, 3, 2, 5) if layout.kind == "channels-last" else (2, layout.prefix + 6, 5)
    tensor = torch.arange(float(np.prod(shape))).reshape(shape)
    features = layout.to_map(tensor)
    assert features.shape == (2, 5, 3, 2)
    assert torch.equal(layout.from_map(features, layout.rest(tensor) if layout.prefix else None), tensor)
    positions = tensor if layout.kind == "channels-last" else tensor[:, layout.prefix :].reshape(2, 3, 2, 5)
    assert torch.equal(features[1, :, 2, 1], positions[1, 2, 1]), "rows come first"


# --- where the split lies ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "path", "prefix", "class_token"),
    [
        ({}, "blocks.2.norm1", 1, True),
        ({"reg_tokens": 4}, "blocks.2.norm1", 5, True),
        ({"global_pool": "avg"}, "blocks.2", 1, False),
        ({"global_pool": "avg", "class_token": False, "fc_norm": False}, "norm", 0, False),
        ({"global_pool": "map", "class_token": False}, "norm", 0, False),
    ],
    ids=["class token", "registers", "mean of patches", "no class token", "attention pooling"],
)
def test_a_vision_transformer_is_split_where_patches_still_count(
    options: dict[str, Any], path: str, prefix: int, class_token: bool
) -> None:
    model = vit(**options)
    network = split_timm(model, SIZE, "vit")
    assert_split(network, model)
    layer = network.layer
    assert (layer.path, layer.prefix_tokens, layer.class_token, layer.kind) == (path, prefix, class_token, "tokens")
    assert not layer.branches
    assert network.trunk(torch.zeros(1, 3, SIZE, SIZE))[0].shape == (1, 24, 4, 4)
    assert list(network.stages)[-1] == path


def test_the_patches_behind_the_last_attention_of_a_class_token_do_not_count() -> None:
    """Why the split is in front of it: the gradient at the final norm is zero at every patch."""
    model = vit()
    leaf = model.forward_features(torch.rand(1, 3, SIZE, SIZE)).requires_grad_(True)
    (gradient,) = torch.autograd.grad(model.forward_head(leaf)[0, 2], leaf)
    assert gradient[:, 0].any()
    assert not gradient[:, 1:].any()


def test_a_pooled_vit_without_a_class_token_has_a_linear_head() -> None:
    network = split_timm(vit(global_pool="avg", class_token=False, fc_norm=False), SIZE, "vit")
    assert network.linear is not None
    assert network.linear.weight.shape == (CLASSES, 24)


@pytest.mark.parametrize("prefix", [{}, {"reg_tokens": 2}, {"class_token": False, "reg_tokens": 3}])
@pytest.mark.parametrize("outputs", [CLASSES, 1])
def test_a_mean_over_patches_alone_does_not_read_the_other_tokens(prefix: dict[str, Any], outputs: int) -> None:
    """As timm's DINOv3 and transformers' CLIP: their heads are linear, whatever tokens stand in front."""
    model = vit(global_pool="avg", fc_norm=False, num_classes=outputs, **prefix)
    network = split_timm(model, SIZE, "vit")
    assert network.linear is not None
    assert network.layer.prefix_tokens == 1 + prefix.get("reg_tokens", 0) - ("class_token" in prefix)
    assert network.layer.attention_layers == 3
    x = torch.rand(2, 3, SIZE, SIZE)
    with torch.no_grad():
        features, *context = network.trunk(x)
        closed = features.mean((2, 3)).numpy() @ network.linear.weight.T + network.linear.bias
        np.testing.assert_allclose(closed[:, -outputs:], model(x), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(network.head(features)[:, -outputs:], model(x))
    assert not context


def test_channels_last_becomes_a_map_by_moving_the_axis() -> None:
    model = swin()
    network = split_timm(model, SIZE, "swin")
    assert_split(network, model)
    x = torch.rand(1, 3, SIZE, SIZE)
    with torch.no_grad():
        assert torch.equal(network.trunk(x)[0], model.forward_features(x).permute(0, 3, 1, 2))
    assert network.layer.kind == "channels-last"
    assert network.linear is not None


@pytest.mark.parametrize(
    "name", ["cait_xxs24_224", "xcit_nano_12_p8_224", "convit_tiny", "levit_128s", "mixer_s32_224", "twins_svt_small"]
)
@pytest.mark.slow
def test_other_token_networks_of_timm_are_split(name: str) -> None:
    model = drawn(timm.create_model(name))
    network = split_timm(model, 224, name)
    x = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(network.head(*network.trunk(x)), model(x), rtol=1e-3, atol=1e-3)
    assert network.layer.kind == "tokens"


def test_a_token_stands_where_its_patch_stands() -> None:
    """A change of one patch of the frame changes that place of the map most: rows and columns are not exchanged."""
    for model, split in (
        (vit(global_pool="avg"), split_timm),
        (vit(), split_timm),
        (swin(), split_timm),
        (torchvision_vit(), split_any),
    ):
        network = split(model, SIZE, "net")
        x = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
        changed = x.clone()
        changed[:, :, 8:16, 24:32] += 1  # of a 4 x 4 grid row 1, column 3
        with torch.no_grad():
            moved = (network.trunk(changed)[0] - network.trunk(x)[0]).abs().sum(1)[0]
        moved = nn.functional.adaptive_avg_pool2d(moved[None], 4)[0]
        assert divmod(int(moved.argmax()), 4) == (1, 3)


def torchvision_vit() -> nn.Module:
    return drawn(
        models.VisionTransformer(SIZE, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=CLASSES)
    )


def test_torchvisions_vision_transformer_is_split_before_its_last_attention() -> None:
    model = torchvision_vit()
    network = split_any(model, SIZE, "vit")
    assert_split(network, model)
    assert network.layer.path == "encoder.layers.encoder_layer_1.ln_1"
    assert network.layer.class_token


def test_a_network_that_reads_several_branches_says_so() -> None:
    class Branches(nn.Module):
        """Two maps of two grids, both of which make the logits, by way of a branch on data that no tracing can follow."""

        def __init__(self) -> None:
            super().__init__()
            self.coarse, self.fine = nn.Conv2d(3, 8, 8, 8), nn.Conv2d(3, 6, 4, 4)
            self.fc = nn.Linear(14, CLASSES)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            coarse, fine = self.coarse(x), self.fine(x)
            if bool(x.sum() > 1e9):
                coarse = coarse * 2
            return self.fc(torch.cat([coarse.mean((2, 3)), fine.mean((2, 3))], 1))

    model = drawn(Branches())
    network = split_any(model, SIZE, "net")
    assert_split(network, model)
    assert network.layer.branches
    assert network.layer.path == "fine"


class Sized(nn.Module):
    """A residual block that hands on a size beside its tokens, as many of transformers' do."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(12), nn.Sequential(nn.Linear(12, 24), nn.GELU(), nn.Linear(24, 12))

    def forward(self, tokens: torch.Tensor, size: tuple[int, int]) -> tuple[torch.Tensor, tuple[int, int], None]:
        return tokens + self.mlp(self.norm(tokens)), size, None


def test_a_layer_that_hands_on_a_size_beside_its_tokens_is_split_behind_it() -> None:
    """And not inside, at one branch of the block, beside which the other would count as a branch that no map shows."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches, self.blocks = nn.Conv2d(3, 12, 8, 8), nn.ModuleList([Sized(), Sized()])
            self.fc = nn.Linear(12, CLASSES)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens, size = self.patches(x), tuple(x.shape[2:])
            tokens = tokens.flatten(2).transpose(1, 2)
            for block in self.blocks:
                tokens, size, _ = block(tokens, size)
                assert size == (SIZE, SIZE)
            return self.fc(tokens.mean(1))

    model = drawn(Net())
    network = split_any(model, SIZE, "net")
    assert_split(network, model)
    assert (network.layer.path, network.layer.branches) == ("blocks.1", False)
    assert network.linear is not None
    assert len(network.trunk(torch.rand(1, 3, SIZE, SIZE))) == 1


def test_a_network_with_no_positions_is_refused_in_one_line() -> None:
    for model in (
        nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 5)),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5)),
    ):
        with pytest.raises(UsageError, match=r"^net: no layer of it has positions") as error:
            split_any(drawn(model), SIZE, "net")
        assert "\n" not in str(error.value)


def test_what_is_replaced_is_its_own_again_afterwards() -> None:
    """The head puts outputs in the place of modules' own; a pass of the whole network right after sees nothing of it."""
    model = vit()
    x = torch.rand(2, 3, SIZE, SIZE)
    with torch.no_grad():
        before = model(x)
        network = split_timm(model, SIZE, "vit")
        features, *context = network.trunk(x)
        network.head(torch.zeros_like(features), *context)
        assert torch.equal(model(x), before)
    assert not any("forward" in vars(module) for module in model.modules())


# --- maps ----------------------------------------------------------------------------------------


def tokens_to_map(tensor: torch.Tensor) -> torch.Tensor:
    return tensor[:, 1:].reshape(len(tensor), 4, 4, -1).permute(0, 3, 1, 2)


def last_to_map(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.permute(0, 3, 1, 2)


@pytest.mark.parametrize("kind", ["class token", "mean of patches", "channels last"])
@pytest.mark.parametrize("method", ["GradCAM", "ScoreCAM"])
def test_maps_of_tokens_are_the_librarys_with_a_reshape_transform(method: str, kind: str) -> None:
    model = {"class token": vit, "mean of patches": lambda: vit(global_pool="avg"), "channels last": swin}[kind]()
    network = split_timm(model, SIZE, "net")
    view = View(photo(), engine(network))
    model.requires_grad_(True)
    transform = last_to_map if kind == "channels last" else tokens_to_map
    layer, marked = model.get_submodule(network.layer.path), 0
    for target in range(CLASSES):
        ours = {"GradCAM": gradcam, "ScoreCAM": scorecam}[method](view, target)
        with getattr(pytorch_grad_cam, method)(model, [layer], reshape_transform=transform) as explainer:
            theirs = explainer(torch.from_numpy(view.input[None]), [ClassifierOutputTarget(target)])[0]
        assert np.abs(ours.map - theirs).max() < 1e-3
        marked += bool(theirs.any())
    assert marked > 2, "most maps mark something"


@pytest.mark.parametrize("options", [{}, {"global_pool": "avg"}, {"reg_tokens": 2}])
def test_ablationcam_of_tokens_sets_one_channel_of_every_patch_to_zero(options: dict[str, Any]) -> None:
    """Against a loop over the network itself, a channel of the layer's output set to zero by a hook, as the paper says."""
    model = vit(**options)
    network = split_timm(model, SIZE, "vit")
    view, target = View(photo(), engine(network)), 2
    found = ablationcam(view, target)
    x, prefix = torch.from_numpy(view.input[None]), network.layer.prefix_tokens
    layer = model.get_submodule(network.layer.path)

    def logit_without(channel: int | None) -> float:
        def hook(module: nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
            changed = output.clone()
            if channel is not None:
                changed[:, prefix:, channel] = 0
            return changed

        handle = layer.register_forward_hook(hook)
        with torch.no_grad():
            logit = float(model(x)[0, target])
        handle.remove()
        return logit

    whole = logit_without(None)
    weights = [(whole - logit_without(channel)) / whole for channel in range(24)]
    np.testing.assert_allclose(found.weights, weights, atol=1e-4)
    assert found.head_passes == 24
    assert found.forward_passes == 1


def test_behind_the_last_attention_the_class_token_goes_on_alone() -> None:
    """What follows that attention is computed for no patch: the MLP of the last block sees one token of seventeen."""
    model, seen = vit(), []
    network = split_timm(model, SIZE, "vit")
    features, *context = network.trunk(torch.rand(1, 3, SIZE, SIZE))
    assert [tuple(values.shape) for values in context] == [(1, 1, 24), (1, 1, 24)]
    last = model.blocks[-1]  # type: ignore[index, union-attr]
    last.mlp.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape[1]))  # type: ignore[union-attr]
    network.head(features, *context)
    assert seen == [1]


def test_dissection_reads_means_over_patches_of_tokens_and_of_mlp_units() -> None:
    model = vit()
    network = split_timm(model, SIZE, "vit")
    x = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(4))
    layers = ("blocks.1", "blocks.2.mlp.act")
    with torch.no_grad():
        tokens = model.norm_pre(model._pos_embed(model.patch_embed(x)))  # type: ignore[operator]
        for block in model.blocks[:2]:  # type: ignore[index]
            tokens = block(tokens)
        last = model.blocks[2]  # type: ignore[index]
        attended = tokens + last.attn(last.norm1(tokens))  # type: ignore[operator, union-attr]
        units = last.mlp.act(last.mlp.fc1(last.norm2(attended)))  # type: ignore[operator, union-attr]
    found = engine(network).stage_means(x.numpy(), layers)
    assert {name: values.shape for name, values in found.items()} == {"blocks.1": (2, 24), "blocks.2.mlp.act": (2, 96)}
    np.testing.assert_allclose(found["blocks.1"], tokens[:, 1:].mean(1), atol=1e-5)
    np.testing.assert_allclose(found["blocks.2.mlp.act"], units[:, 1:].mean(1), atol=1e-5)
    assert list(engine(network).stage_means(x.numpy()))[-1] == "blocks.2.norm1"
