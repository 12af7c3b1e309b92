"""The spatial means of a network's stages: what is hooked, where, and that every runtime gives the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

from reportgen.models.classifiers import resolve, timm_zoo, torchvision_zoo
from reportgen.models.runtime import Engine
from reportgen.report.provenance import RuntimeRecord
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError

TORCH = RuntimeRecord(name="torch", precision="exact", device="cpu")


def random_input(side: int, count: int = 1) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, 3, side, side), dtype=np.float32)


def resnet18_spec(tmp_path: Path, **settings: object) -> Engine:
    torch.manual_seed(0)
    path = tmp_path / "resnet18.pth"
    torch.save(models.resnet18(weights=None).state_dict(), path)
    spec = resolve("resnet18", Settings(weights={"resnet18": str(path)}, **settings))
    return Engine(spec, TORCH, tmp_path)


def test_openvino_gives_torchs_means(lite0: Engine, lite0_torch: Engine) -> None:
    x = random_input(224, count=2)
    ours, theirs = lite0.stage_means(x), lite0_torch.stage_means(x)
    assert list(ours) == list(theirs) == ["blocks.3", "blocks.4", "blocks.5", "blocks.6", "conv_head"]
    for stage, means in ours.items():
        assert means.shape == theirs[stage].shape and means.dtype == np.float32
        assert np.abs(means - theirs[stage]).max() < 1e-4 * np.abs(theirs[stage]).max()


def test_the_last_stage_is_the_trunks_output_after_its_activation(lite0: Engine) -> None:
    x = random_input(224)
    assert lite0.stage_means(x)["conv_head"] == pytest.approx(lite0.forward(x).activations.mean((2, 3)), abs=1e-5)
    assert (lite0.stage_means(x)["conv_head"] >= 0).all()


def test_resnets_give_conv1_after_its_relu_and_four_layers(tmp_path: Path) -> None:
    engine = resnet18_spec(tmp_path)
    x = random_input(224)
    ours = engine.stage_means(x)
    assert {stage: means.shape[1] for stage, means in ours.items()} == {
        "conv1": 64, "layer1": 64, "layer2": 128, "layer3": 256, "layer4": 512,
    }  # fmt: skip
    network = engine.network.model
    with torch.no_grad():
        y = torch.relu(network.bn1(network.conv1(torch.from_numpy(x))))
        assert ours["conv1"] == pytest.approx(y.mean((2, 3)).numpy(), abs=1e-5)
        y = network.maxpool(y)
        for name in ("layer1", "layer2", "layer3", "layer4"):
            y = getattr(network, name)(y)
            assert ours[name] == pytest.approx(y.mean((2, 3)).numpy(), abs=1e-4)


def test_hooks_do_not_stay(tmp_path: Path) -> None:
    engine = resnet18_spec(tmp_path)
    engine.stage_means(random_input(224))
    assert not any(module._forward_hooks for module in engine.network.model.modules())


def test_layers_can_be_named(tmp_path: Path) -> None:
    engine = resnet18_spec(tmp_path)
    assert list(engine.stage_means(random_input(224), ("layer2.0", "layer3"))) == ["layer2.0", "layer3"]


@pytest.mark.parametrize(
    ("layers", "message"),
    [(("layer9",), "has no layer 'layer9'"), (("fc",), "without positions")],
)
def test_a_wrong_layer_is_one_clear_line(tmp_path: Path, layers: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resnet18_spec(tmp_path).stage_means(random_input(224), layers)


def test_unknown_stages_ask_for_the_layers(tmp_path: Path) -> None:
    engine = resnet18_spec(tmp_path)
    unknown = Engine(replace(engine.spec, load=lambda: replace(engine.network, stages={})), TORCH, tmp_path)
    with pytest.raises(UsageError, match=r"dissection\.layers"):
        unknown.stage_means(random_input(224))


def test_timm_models_give_the_last_five_of_their_feature_info(tmp_path: Path) -> None:
    import timm

    torch.manual_seed(0)
    path = tmp_path / "model.pth"
    torch.save(timm.create_model("resnet18", pretrained=False).state_dict(), path)
    network = timm_zoo.load("timm:resnet18", "timm:resnet18", path, None)
    assert list(network.stages) == ["act1", "layer1", "layer2", "layer3", "layer4"]
    for module in network.stages.values():
        assert isinstance(network.model.get_submodule(module), nn.Module)


def test_stages_that_no_library_names_are_the_last_modules_of_each_grid(tmp_path: Path) -> None:
    path = tmp_path / "squeezenet.pth"
    torch.save(models.squeezenet1_1(weights=None).state_dict(), path)
    assert torchvision_zoo.load("x", "torchvision:squeezenet1_1", path, None).stages == {
        path: path for path in ("features.1", "features.4", "features.7", "classifier.2")
    }
