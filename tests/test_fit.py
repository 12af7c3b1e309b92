"""Checkpoints as trainers write them, each made by the library or script's own way, filled into the architecture."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import nn
from torchvision import models

from reportgen.images.frame import model_frame
from reportgen.models.checkpoints import open_checkpoint
from reportgen.models.classifiers import ClassifierSpec, Preprocessing, resolve, timm_zoo, torchvision_zoo
from reportgen.models.classifiers.fitting import own_weights
from reportgen.models.classifiers.fitting.fit import fill, fit
from reportgen.models.classifiers.fitting.skeleton import Skeleton, skeleton_of
from reportgen.pipeline.models import Model
from reportgen.report.provenance import RuntimeRecord
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError

State = dict[str, torch.Tensor]


class Toy(nn.Module):
    """A network of two stages, with a batch norm and a buffer that is not saved."""

    def __init__(self, classes: int = 7, channels: int = 3, stages: int = 2) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 8, 3, 4, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.layer = nn.ModuleList([nn.Conv2d(8, 8, 1) for _ in range(stages)])
        self.register_buffer("grid", torch.ones(4), persistent=False)
        self.fc = nn.Linear(8, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.bn1(self.conv1(x)).relu()
        for layer in self.layer:
            x = layer(x).relu()
        return self.fc(x.mean((2, 3)))


def toy(seed: int = 0, **options: int) -> Toy:
    torch.manual_seed(seed)
    model = Toy(**options)
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.normal_().abs_()
    return model.eval()


@pytest.fixture(scope="module")
def skeleton() -> Skeleton:
    return skeleton_of("toy", Toy, lambda _: ("fc",))


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Any], Path]:
    def write(content: Any) -> Path:
        torch.save(content, tmp_path / "x.pth")
        return tmp_path / "x.pth"

    return write


def filled(path: Path, skeleton: Skeleton) -> tuple[Toy, tuple[str, ...]]:
    file = open_checkpoint(path)
    found = fit(file, skeleton)
    model = toy(99, classes=found.outputs) if not found.rebuilt else toy(99)
    fill(model, file, found)
    return model.eval(), found.words


def assert_same(found: nn.Module, expected: nn.Module) -> None:
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(found(x), expected(x), rtol=0, atol=0)


def refusal(path: Path, skeleton: Skeleton) -> str:
    with pytest.raises(UsageError) as error:
        fit(open_checkpoint(path), skeleton)
    text = str(error.value)
    assert "\n" not in text and "\x1b" not in text and "size mismatch" not in text
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


# --- wrappers ------------------------------------------------------------------------------------


def prefixed(prefix: str, state: Mapping[str, torch.Tensor]) -> State:
    return {prefix + key: value for key, value in state.items()}


def without_counters(state: Mapping[str, torch.Tensor]) -> State:
    return {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}


def _averaged(model: nn.Module) -> Any:
    return torch.optim.swa_utils.AveragedModel(model).state_dict()


def _lightning(model: nn.Module) -> Any:
    """Lightning's .ckpt: the model is an attribute of its module, losses and metrics are others."""
    state = {
        **prefixed("net.backbone.", model.state_dict()),
        "criterion.weight": torch.ones(7),
        "acc.total": torch.ones(2),
    }
    return {
        "epoch": 3,
        "global_step": 9,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": state,
        "loops": {},
        "callbacks": {"ModelCheckpoint{'monitor': 'loss'}": {"best_model_score": torch.tensor(0.5)}},
        "optimizer_states": [torch.optim.Adam(model.parameters()).state_dict()],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": {"lr": 0.1, "out": Path("x"), "loss": nn.CrossEntropyLoss()},
    }


WAYS: dict[str, Callable[[nn.Module], Any]] = {
    "plain": lambda m: m.state_dict(),
    "half": lambda m: {key: value.half() for key, value in m.state_dict().items()},
    "bfloat16": lambda m: {key: value.bfloat16() for key, value in m.state_dict().items()},
    "model": lambda m: {"model": m.state_dict(), "epoch": 3, "optimizer": torch.optim.SGD(m.parameters()).state_dict()},
    "state_dict": lambda m: {"state_dict": m.state_dict(), "best_acc1": torch.tensor(7.0)},
    "model_state_dict": lambda m: {"model_state_dict": m.state_dict(), "args": argparse.Namespace(lr=1)},
    "unheard-of key": lambda m: {"my_weights": {"v3": m.state_dict()}},
    "ema alone": lambda m: {"ema": m.state_dict()},
    "DataParallel": lambda m: nn.DataParallel(m).state_dict(),
    "torch.compile": lambda m: torch.compile(m).state_dict(),
    "both, in Lightning": lambda m: {"state_dict": prefixed("model._orig_mod.module.", m.state_dict())},
    "one part wrapped": lambda m: {
        key.replace("layer.", "layer.module."): value for key, value in m.state_dict().items()
    },
    "backbone.": lambda m: prefixed("backbone.", m.state_dict()),
    "encoder.net.": lambda m: prefixed("encoder.net.", m.state_dict()),
    "averaged model": _averaged,
    "Lightning": _lightning,
    "no counters": lambda m: without_counters(m.state_dict()),
    "thop": lambda m: {**m.state_dict(), "total_ops": torch.ones(1), "layer.0.total_params": torch.ones(1)},
    "an unsaved buffer saved": lambda m: {**m.state_dict(), "grid": torch.ones(4)},
    "one module under two names": lambda m: {**prefixed("model.", m.state_dict()), **prefixed("same.", m.state_dict())},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_network_is_found_however_it_is_wrapped(way: str, skeleton: Skeleton, written: Callable[[Any], Path]) -> None:
    model = toy()
    if way in ("half", "bfloat16"):
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.bfloat16().half())
    found, _ = filled(written(WAYS[way](model)), skeleton)
    assert_same(found, model)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            lambda m, e: {"state_dict": m, "state_dict_ema": e},
            "its state_dict_ema, the averaged weights, and not state_dict",
        ),
        (
            lambda m, e: {"model": m, "model_ema": prefixed("module.", e)},
            "its model_ema, the averaged weights, and not model",
        ),
        (
            lambda m, e: {**prefixed("net.", m), **prefixed("ema_net.", e)},
            "its ema_net, the averaged weights, and not net",
        ),
        (lambda m, e: {**m, **prefixed("ema.", e)}, "its ema, the averaged weights, and not the rest"),
    ],
)
def test_averaged_weights_are_taken_and_that_is_said(
    content: Callable[[State, State], Any], said: str, skeleton: Skeleton, written: Callable[[Any], Path]
) -> None:
    model, averaged = toy(0), toy(1)
    found, words = filled(written(content(model.state_dict(), averaged.state_dict())), skeleton)
    assert_same(found, averaged)
    assert words[0] == said


def test_student_and_teacher_are_refused_with_both_names(skeleton: Skeleton, written: Callable[[Any], Path]) -> None:
    path = written({"student": toy(0).state_dict(), "teacher": toy(1).state_dict()})
    assert "holds 2 such networks (student., teacher.)" in refusal(path, skeleton)


def test_what_belongs_to_something_else_is_counted(skeleton: Skeleton, written: Callable[[Any], Path]) -> None:
    _, words = filled(written(_lightning(toy())), skeleton)
    assert words == ("its state_dict.net.backbone", "3 tensors that belong to something else left alone")


# --- what does not fit ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (lambda m: {"a": torch.ones(1)}, "0 of its 9 tensors are there, conv1.weight is missing, model.a is left over"),
        (
            lambda m: {k: v for k, v in m.items() if k != "layer.1.bias"},
            "8 of its 9 tensors are there, layer.1.bias is missing",
        ),
        (lambda m: {**m, "bn1.bias": torch.ones(9)}, "8 of its 9 tensors are there, bn1.bias has the shape 9, not 8"),
        (lambda m: toy(stages=3).state_dict(), "layer.2.weight is left over"),
        (lambda m: toy(channels=4).state_dict(), "conv1.weight has the shape 8x4x3x3, not 8x3x3x3"),
        (lambda m: {k: v for k, v in m.items() if "fc" not in k}, "its head fc is missing, these are features alone"),
    ],
)
def test_what_does_not_fit_is_one_line(
    state: Callable[[State], State], said: str, skeleton: Skeleton, written: Callable[[Any], Path]
) -> None:
    assert said in refusal(written({"model": state(dict(toy().state_dict()))}), skeleton)


def test_a_relative_that_fits_is_named(tmp_path: Path) -> None:
    state = models.resnet34(weights=None, num_classes=3).state_dict()
    with pytest.raises(
        UsageError, match=r"layer1\.2\.conv1\.weight is left over; they are those of torchvision:resnet34"
    ) as error:
        own("torchvision:resnet18", state, tmp_path, names=("a", "b", "c"))
    assert "\n" not in str(error.value)


# --- heads ---------------------------------------------------------------------------------------

HEADS: dict[str, tuple[nn.Module, str]] = {
    "linear": (nn.Linear(8, 4), ""),
    "no bias": (nn.Linear(8, 4, bias=False), "linear 8 to 4"),
    "dropout": (nn.Sequential(nn.Dropout(), nn.Linear(8, 4)), "linear 8 to 4"),
    "two layers": (
        nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Dropout(), nn.Linear(6, 4)),
        "linear 8 to 6, ReLU (assumed), linear 6 to 4",
    ),
    "norms": (
        nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(), nn.Linear(6, 4)),
        "layer norm, linear 8 to 6, batch norm, ReLU (assumed), linear 6 to 4",
    ),
    "norm behind the ReLU": (
        nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.BatchNorm1d(6), nn.Dropout(), nn.Linear(6, 4)),
        "linear 8 to 6, ReLU (assumed), batch norm, linear 6 to 4",
    ),
    "three layers": (
        nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4)),
        "linear 8 to 6, ReLU (assumed), linear 6 to 5, ReLU (assumed), linear 5 to 4",
    ),
    "no gap": (nn.Sequential(nn.Linear(8, 6), nn.Linear(6, 4)), "linear 8 to 6, linear 6 to 4"),
}


@pytest.mark.parametrize("kind", HEADS)
def test_a_plain_head_is_rebuilt(kind: str, skeleton: Skeleton, written: Callable[[Any], Path]) -> None:
    head, said = HEADS[kind]
    model = toy()
    model.fc = head.eval()  # type: ignore[assignment]
    for value in model.fc.state_dict().values():
        if value.is_floating_point():
            value.normal_().abs_()
    file = open_checkpoint(written({"state_dict": prefixed("model.", model.state_dict())}))
    assert fit(file, skeleton).outputs == 4
    found, words = filled(file.path, skeleton)
    assert_same(found, model)
    assert [word for word in words if "head" in word] == (
        [f"its head fc rebuilt from its tensors: {said}"] if said else []
    )


@pytest.mark.parametrize("name", ["classifier", "head"])
@pytest.mark.parametrize("prefix", ["", "backbone.", "model.backbone."])
def test_a_head_beside_the_network_is_found(
    prefix: str, name: str, skeleton: Skeleton, written: Callable[[Any], Path]
) -> None:
    model = toy(classes=4)
    features = {key: value for key, value in model.state_dict().items() if not key.startswith("fc")}
    outer = "model." if prefix.startswith("model.") else ""
    state = {**prefixed(prefix, features), **prefixed(f"{outer}{name}.", model.fc.state_dict())}
    found, words = filled(written({"state_dict": state, "best": torch.tensor(1.0)}), skeleton)
    assert_same(found, model)
    assert f"its head {name} rebuilt from its tensors: linear 8 to 4" in words


def test_openmmlabs_head_lies_in_a_module_of_its_own(skeleton: Skeleton, written: Callable[[Any], Path]) -> None:
    model = toy(classes=4)
    state = {
        key.replace("fc.", "head.fc.") if key.startswith("fc.") else f"backbone.{key}": value
        for key, value in model.state_dict().items()
    }
    found, _ = filled(written({"meta": {"epoch": 1}, "state_dict": state}), skeleton)
    assert_same(found, model)


@pytest.mark.parametrize("wrap", [tuple, list])
def test_a_state_dict_may_be_one_of_several_things_in_a_row(
    wrap: Callable[[Any], Any], skeleton: Skeleton, written: Callable[[Any], Path]
) -> None:
    model = toy()
    found, _ = filled(written(wrap([model.state_dict(), {"lr": 0.1, "buffer": torch.ones(3)}, 7])), skeleton)
    assert_same(found, model)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("key", ["fc.weight", "conv1.weight"])
@pytest.mark.parametrize("kind", [torch.complex64, torch.int8, torch.int32])
def test_weights_that_are_no_real_numbers_are_refused(
    kind: torch.dtype, key: str, skeleton: Skeleton, written: Callable[[Any], Path]
) -> None:
    state = dict(toy().state_dict())
    path = written({**state, key: (state[key] * 99).to(kind)})
    with pytest.raises(UsageError, match=f"{key} is {str(kind).removeprefix('torch.')}, not a real number"):
        filled(path, skeleton)


@pytest.mark.filterwarnings("ignore:torch.quantize")
@pytest.mark.parametrize("kind", ["qtensor", "sparse_tensor"])
def test_a_head_of_special_tensors_is_named(kind: str, skeleton: Skeleton, written: Callable[[Any], Path]) -> None:
    state = dict(toy().state_dict())
    weight = state["fc.weight"]
    state["fc.weight"] = (
        weight.to_sparse() if kind == "sparse_tensor" else torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8)
    )
    assert f"fc.weight is a tensor of a special kind ({kind})" in refusal(written(state), skeleton)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (
            nn.Sequential(nn.Linear(8, 6), nn.PReLU(), nn.Linear(6, 4)),
            "its head fc has a layer 1 that is neither linear",
        ),
        (nn.Sequential(nn.Linear(9, 4)), "its head fc takes 9 features in its layer 0, and 8 come"),
        (nn.Sequential(nn.Sequential(nn.Linear(8, 4))), "its head fc has a tensor 0.0.weight"),
        (nn.Bilinear(8, 8, 4), "its head fc has a layer that is neither linear nor a norm"),
    ],
)
def test_any_other_head_is_refused_in_one_line(
    head: nn.Module, said: str, skeleton: Skeleton, written: Callable[[Any], Path]
) -> None:
    model = toy()
    model.fc = head  # type: ignore[assignment]
    assert said in refusal(written(model.state_dict()), skeleton)


@pytest.mark.parametrize(
    ("name", "replace"),
    [
        ("mobilenet_v3_small", lambda m: setattr(m, "classifier", nn.Linear(576, 5))),
        ("mobilenet_v3_small", lambda m: m.classifier.__setitem__(3, nn.Linear(1024, 5))),
        ("mobilenet_v3_small", lambda m: m.classifier.__setitem__(3, nn.Sequential(nn.Dropout(), nn.Linear(1024, 5)))),
        (
            "mobilenet_v3_small",
            lambda m: setattr(m, "classifier", nn.Sequential(nn.Linear(576, 9), nn.ReLU(), nn.Linear(9, 5))),
        ),
        ("squeezenet1_1", lambda m: m.classifier.__setitem__(1, nn.Conv2d(512, 5, 1))),
        ("shufflenet_v2_x0_5", lambda m: setattr(m, "fc", nn.Linear(1024, 5))),
    ],
)
def test_torchvisions_ends_are_replaced_in_every_usual_way(
    name: str, replace: Callable[[Any], object], written: Callable[[Any], Path]
) -> None:
    torch.manual_seed(0)
    model = models.get_model(name, weights=None)
    replace(model)
    path = written(model.state_dict())
    found = own_weights.filled(
        path, torchvision_zoo.skeleton(f"torchvision:{name}"), lambda n: models.get_model(name, num_classes=n or 1000)
    )
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(found.eval()(x), model.eval()(x))


def test_the_heads_of_training_need_not_be_there(written: Callable[[Any], Path]) -> None:
    skeleton = torchvision_zoo.skeleton("torchvision:googlenet")
    model = models.googlenet(weights=None, init_weights=False, num_classes=5)
    state = model.state_dict()
    assert fit(open_checkpoint(written(state)), skeleton).outputs == 5
    alone = {key: value for key, value in state.items() if not key.startswith("aux")}
    assert fit(open_checkpoint(written(alone)), skeleton).outputs == 5


def test_both_heads_of_a_distilled_network_count(written: Callable[[Any], Path]) -> None:
    skeleton = timm_zoo.skeleton("timm:deit_tiny_distilled_patch16_224")
    shapes = {key: (5, *shape[1:]) if key.startswith("head") else shape for key, shape in skeleton.shapes.items()}
    state = {key: torch.zeros(shape) for key, shape in shapes.items()}
    found = fit(open_checkpoint(written(state)), skeleton)
    assert found.outputs == 5 and "head_dist.weight" in found.places
    del state["head_dist.weight"]
    assert "head_dist.weight is missing" in refusal(written(state), skeleton)


def test_a_network_may_call_a_part_of_its_own_module(written: Callable[[Any], Path]) -> None:
    class Wrapping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = toy()

    found = skeleton_of("wrapping", Wrapping, lambda _: ("module.fc",))
    for content in (Wrapping().state_dict(), nn.DataParallel(Wrapping()).state_dict()):
        assert fit(open_checkpoint(written(content)), found).outputs == 7


def test_a_network_without_a_head_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^timm:qwen3_vit_88m_enc: has no classifying head"):
        timm_zoo.skeleton("timm:qwen3_vit_88m_enc")


@pytest.mark.parametrize("zoo", [torchvision_zoo, timm_zoo])
def test_every_skeleton_has_a_head(zoo: Any) -> None:
    names = {
        torchvision_zoo: [
            "alexnet",
            "densenet121",
            "convnext_tiny",
            "maxvit_t",
            "regnet_y_400mf",
            "swin_t",
            "vit_b_16",
            "inception_v3",
        ],
        timm_zoo: [
            "resnet18",
            "convnext_atto",
            "vit_tiny_patch16_224",
            "dla34",
            "eva02_tiny_patch14_224",
            "levit_128s",
        ],
    }[zoo]
    for name in names:
        found = zoo.skeleton(f"{zoo.__name__.rpartition('.')[2].removesuffix('_zoo')}:{name}")
        assert found.outputs == 1000 and f"{found.head}.weight" in found.shapes


# --- one channel ---------------------------------------------------------------------------------


def own(name: str, content: Any, folder: Path, **groups: Any) -> ClassifierSpec:
    """The spec of `name` with own weights; `names` of classes may be given."""
    torch.save(content, folder / "x.pth")
    if names := groups.pop("names", None):
        (folder / "names.txt").write_text("\n".join(names))
        groups["classes"] = {name: str(folder / "names.txt")}
    return resolve(name, Settings(models=(name,), weights={name: str(folder / "x.pth")}, **groups))


def random_values(model: nn.Module) -> nn.Module:
    torch.manual_seed(3)
    for key, value in model.state_dict().items():
        if "running_var" in key or "norm" in key or "bn" in key:
            value.copy_(torch.rand(value.shape) + 0.5)
    return model.eval()


@pytest.mark.parametrize("name", ["torchvision:shufflenet_v2_x0_5", "timm:mobilenetv3_small_050"])
def test_a_network_of_one_channel_sees_a_grey_frame(name: str, tmp_path: Path, chelsea: np.ndarray) -> None:
    if name.startswith("timm"):
        model = timm.create_model(name.removeprefix("timm:"), in_chans=1, num_classes=3)
    else:
        model = models.shufflenet_v2_x0_5(weights=None, num_classes=3)
        model.conv1[0] = nn.Conv2d(1, 24, 3, 2, 1, bias=False)
    random_values(model)
    spec = own(name, model.state_dict(), tmp_path, names=("a", "b", "c"))
    frame = model_frame(chelsea, spec.preprocessing)
    assert spec.record()["grey"] is True and "its first convolution takes one channel" in spec.source
    assert (frame == frame[..., :1]).all() and frame.std() > 10
    x = spec.preprocessing.normalise(frame)
    assert (x[0] == x[1]).all()
    network = spec.load()
    with torch.no_grad():
        expected = model(torch.from_numpy(x[None, :1].copy()))
        torch.testing.assert_close(network.model(torch.from_numpy(x[None])), expected)
        torch.testing.assert_close(
            network.head(*network.trunk(torch.from_numpy(x[None]))), expected, rtol=1e-4, atol=1e-4
        )


def test_a_grey_frame_is_pillows_and_its_statistics_are_means_of_three() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    plain = Preprocessing(40, 40, (0.1, 0.2, 0.6), (0.2, 0.3, 0.4), "bilinear")
    grey = plain.in_grey()
    assert (*grey.mean, *grey.std) == pytest.approx((0.3,) * 6)
    frame = model_frame(pixels, grey)
    assert (frame[..., 0] == np.array(Image.fromarray(pixels).convert("L"))).all()
    assert (model_frame(pixels, plain) == pixels).all()
    assert (model_frame(frame, grey) == frame).all(), "grey stays as it is, so a painted mask does"


# --- classes -------------------------------------------------------------------------------------

NAME = "torchvision:shufflenet_v2_x0_5"


def small(classes: int) -> State:
    torch.manual_seed(0)
    return dict(models.shufflenet_v2_x0_5(weights=None, num_classes=classes).state_dict())


@pytest.mark.parametrize(
    "carried",
    [
        {"classes": ["cat", "dog", "owl"]},
        {"class_names": ("cat", "dog", "owl")},
        {"class_to_idx": {"owl": 2, "cat": 0, "dog": 1}},
        {"idx_to_class": {0: "cat", 1: "dog", 2: "owl"}},
        {"id2label": {"0": "cat", "1": "dog", "2": "owl"}},
        {"hyper_parameters": {"class_names": ["cat", "dog", "owl"]}},
        {"args": argparse.Namespace(classes=["cat", "dog", "owl"])},
        {"meta": {"dataset_meta": {"classes": ("cat", "dog", "owl")}}},
    ],
)
def test_names_that_a_checkpoint_carries_are_its_classes(carried: dict[str, Any], tmp_path: Path) -> None:
    spec = own(NAME, {"state_dict": small(3), **carried}, tmp_path)
    assert spec.classes.names == ("cat", "dog", "owl") and "its own class names" in spec.source


@pytest.mark.parametrize(
    "carried",
    [
        {"classes": ["cat", "dog"]},
        {"classes": ["a", "b\x1b[2J", "c"]},
        {"id2label": {0: "a", 1: "b", 3: "c"}},
        {"classes": [1, 2, 3]},
    ],
)
def test_names_that_are_not_its_classes_are_not_taken(carried: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"its head has 3 outputs.*give its class names") as error:
        own(NAME, {"state_dict": small(3), **carried}, tmp_path)
    said = str(error.value)
    assert "\n" not in said and "\x1b" not in said
    assert ("the 2 class names that it carries are not they" in said) is (carried.get("classes") == ["cat", "dog"])


def test_names_of_the_settings_count_before_all_others(tmp_path: Path) -> None:
    content = {"state_dict": small(3), "classes": ["cat", "dog", "owl"]}
    assert own(NAME, content, tmp_path, names=("x", "y", "z")).classes.names == ("x", "y", "z")
    with pytest.raises(UsageError, match=r"names\.txt: 2 class names, and the head of .* has 3 outputs"):
        own(NAME, content, tmp_path, names=("x", "y"))


def test_the_architectures_own_list_is_taken_where_it_is_as_long(tmp_path: Path) -> None:
    spec = own(NAME, small(1000), tmp_path)
    assert spec.classes.names[1] == "goldfish" and f"class names of {NAME}" in spec.source


def test_one_output_takes_two_names(tmp_path: Path) -> None:
    spec = own(NAME, {"state_dict": small(1), "classes": ["no", "yes"]}, tmp_path)
    assert (spec.classes.names, spec.binary, spec.activation) == (("no", "yes"), True, "sigmoid")
    with pytest.raises(UsageError, match="its network has one output"):
        own(NAME, small(1), tmp_path)


# --- the architecture ----------------------------------------------------------------------------


def checkpoint(content: Any, folder: Path, **groups: Any) -> ClassifierSpec:
    return own("checkpoint:x.pth", content, folder, names=("a", "b", "c"), **groups)


def test_timms_train_script_names_its_architecture(tmp_path: Path) -> None:
    from timm.utils import CheckpointSaver, ModelEmaV3

    model = random_values(timm.create_model("mobilenetv3_small_050", num_classes=3))
    averaged = ModelEmaV3(model, decay=0.5)
    with torch.no_grad():
        averaged.module.classifier.bias += 1
    args = argparse.Namespace(model="mobilenetv3_small_050", lr=0.1, mean=None)
    saver = CheckpointSaver(model, torch.optim.SGD(model.parameters()), args, averaged, checkpoint_dir=str(tmp_path))
    saver.save_checkpoint(1, 0.5)
    content = torch.load(tmp_path / "checkpoint-1.pth.tar", weights_only=False)
    spec = checkpoint(content, tmp_path)
    assert spec.source.startswith(
        "local file x.pth; timm:mobilenetv3_small_050, as it says itself; its state_dict_ema, the averaged weights, and not state_dict"
    )
    assert torch.equal(spec.load().model.classifier.bias, averaged.module.classifier.bias)  # type: ignore[union-attr]


def test_torchvisions_references_name_their_architecture(tmp_path: Path) -> None:
    args = argparse.Namespace(model="shufflenet_v2_x0_5", data_path="/data", device="cuda", model_ema=False)
    content = {"model": small(3), "optimizer": {}, "lr_scheduler": {}, "epoch": 3, "args": args}
    assert "; torchvision:shufflenet_v2_x0_5, as it says itself" in checkpoint(content, tmp_path).source


@pytest.mark.parametrize(
    ("content", "architecture"),
    [
        ({"arch": "resnet18", "best_acc1": 3}, "torchvision:resnet18"),
        ({"arch": "resnet18", "version": 2}, "timm:resnet18"),
        ({"arch": "shufflenet_v2_x0_5"}, "torchvision:shufflenet_v2_x0_5"),
        ({"hyper_parameters": {"model_name": "resnet10t"}}, "timm:resnet10t"),
    ],
)
def test_a_named_architecture_is_that_of_the_library_that_has_it(
    content: dict[str, Any], architecture: str, tmp_path: Path
) -> None:
    _, name = architecture.split(":")
    made = timm.create_model(name, num_classes=3) if "timm" in architecture else models.get_model(name, num_classes=3)
    assert (
        f"; {architecture}, as it says itself"
        in checkpoint({**content, "state_dict": made.state_dict()}, tmp_path).source
    )


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        ({}, "say which network it fills"),
        ({"arch": "resnet"}, "say which network it fills"),
        ({"arch": "../../etc\n"}, "say which network it fills"),
        ({"arch": "resnet18"}, "by what it says of itself it is torchvision:resnet18 or timm:resnet18"),
    ],
)
def test_an_architecture_that_is_not_plain_is_asked_for(hint: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said) as error:
        checkpoint({"state_dict": small(3), **hint}, tmp_path)
    assert "\n" not in str(error.value)


def test_what_the_settings_say_counts_before_what_the_checkpoint_says(tmp_path: Path) -> None:
    groups = {"architectures": {"checkpoint:x.pth": "torchvision:shufflenet_v2_x0_5"}}
    spec = checkpoint({"state_dict": small(3), "arch": "resnet18", "best_acc1": 3}, tmp_path, **groups)
    assert "; torchvision:shufflenet_v2_x0_5" in spec.source and "as it says itself" not in spec.source


def test_one_file_in_two_architectures_gives_results_of_its_own(tmp_path: Path) -> None:
    """Equal tensors, another padding: what one computed must not be found for the other."""
    state = timm.create_model("tf_efficientnet_lite0", num_classes=3).state_dict()
    keys = []
    for name in ("timm:tf_efficientnet_lite0", "timm:efficientnet_lite0"):
        spec = checkpoint(state, tmp_path, architectures={"checkpoint:x.pth": name})
        runtime = RuntimeRecord(name="torch", precision="exact", device="cpu")
        keys.append(Model(spec, runtime, None, None, {}).identity)  # type: ignore[arg-type]
    assert keys[0]["weights"] == keys[1]["weights"] and keys[0] != keys[1]
