"""`onnx:FILE`: read by OpenVINO, cut where it ends in pooling and a linear layer, refused in one line where it cannot be explained."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from torch import nn

from onnx_files import SIDE, Body, Classifier, by_hand, exported, random_weights
from reportgen.analyses.cams import maps
from reportgen.analyses.cams.library import MethodFailure
from reportgen.analyses.cams.methods import METHODS
from reportgen.analysis.view import View
from reportgen.models.classifiers import ClassifierSpec, resolve
from reportgen.models.classifiers.splitting.split import linear_head
from reportgen.models.runtime import Engine, choose_runtime
from reportgen.pipeline.analyse import analyse
from reportgen.settings.model import Settings
from reportgen.storage.run_folder import RunFolder
from reportgen.utils.errors import UsageError
from toys import imported, network, photo_folder, toy_spec


def settings(path: Path, classes: int = 5, **values: Any) -> Settings:
    """Of a run on one ONNX file, with a list of class names beside it."""
    names = path.with_suffix(".txt")
    names.write_text("\n".join(f"class {i}" for i in range(classes)))
    name = f"onnx:{path}"
    return Settings(**{"models": (name,), "classes": {name: str(names)}, **values})


def spec(path: Path, classes: int = 5, **values: Any) -> ClassifierSpec:
    made = settings(path, classes, **values)
    return resolve(made.models[0], made)


def engine(found: ClassifierSpec, folder: Path) -> Engine:
    return Engine(found, choose_runtime(found, "auto", "exact", folder / "models"), folder / "models")


def refused(path: Path, classes: int = 5, **values: Any) -> str:
    with pytest.raises(UsageError) as error:
        spec(path, classes, **values)
    message = str(error.value)
    assert "\n" not in message
    assert path.name in message
    assert "Exception from" not in message, "OpenVINO's own paragraph"
    return message


def inputs(count: int, side: int = SIDE) -> np.ndarray:
    return np.random.default_rng(count).standard_normal((count, 3, side, side), dtype=np.float32)


def answer(model: nn.Module, batch: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model.eval()(torch.from_numpy(batch)).numpy()


def same_as(model: nn.Module, made: Engine) -> None:
    """Logits and activations are those of torch, and the closed form gives the logits."""
    batch = inputs(3)
    found = made.forward(batch)
    np.testing.assert_allclose(found.logits, answer(model, batch), atol=1e-4)
    np.testing.assert_allclose(made.head_logits(found.activations), found.logits, atol=1e-4)
    copied = made.logits(3, lambda i, out: np.copyto(out, batch[i]))
    np.testing.assert_allclose(copied, found.logits, atol=1e-5)


# --- what is found in a file ---------------------------------------------------------------------


class ConvHead(nn.Module):
    """A convolution of 1 x 1 on every position, averaged; or on the average."""

    def __init__(self, *, pool_first: bool) -> None:
        super().__init__()
        self.body, self.head, self.pool_first = Body(), nn.Conv2d(6, 5, 1), pool_first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body(x)
        x = self.head(nn.functional.adaptive_avg_pool2d(x, 1)) if self.pool_first else self.head(x).mean((2, 3))
        return x.flatten(1)


class ChannelsLast(nn.Module):
    """Takes (N, H, W, 3), and averages (N, h, w, C)."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.linear = Body(), nn.Linear(6, 5, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.body(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).mean((1, 2)))


@pytest.mark.parametrize(
    "model",
    [
        Classifier(),
        Classifier(nn.Dropout()),
        ConvHead(pool_first=True),
        ConvHead(pool_first=False),
        nn.Sequential(Body(), nn.AvgPool2d(8), nn.Flatten(), nn.Linear(6, 5)),
    ],
    ids=["mean and linear", "dropout", "1 x 1 on the mean", "mean of 1 x 1", "pooling as wide as the map"],
)
def test_a_graph_is_cut_in_front_of_pooling_and_a_linear_layer(model: nn.Module, tmp_path: Path) -> None:
    found = spec(exported(model, tmp_path / "net.onnx"))
    made = engine(found, tmp_path)
    same_as(model, made)
    body = next(part for part in model.modules() if isinstance(part, Body))
    np.testing.assert_allclose(made.forward(inputs(2)).activations, answer(body, inputs(2)), atol=1e-4)
    assert set(found.lacks) == {"weights"}
    means = made.stage_means(inputs(2))
    np.testing.assert_allclose(means["feature map"], answer(body, inputs(2)).mean((2, 3)), atol=1e-5)


@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_the_weights_of_a_gemm_are_read_either_way(transposed: bool, alpha: float, tmp_path: Path) -> None:
    weights = random_weights()
    w, b = weights["w"], weights["b"]
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["a"], strides=[4, 4], pads=[3, 3, 3, 3]),
        helper.make_node("GlobalAveragePool", ["a"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "b"], ["y"], transB=int(transposed), alpha=alpha, beta=2.0),
    ]
    stored = {**weights, "w": w if transposed else np.ascontiguousarray(w.T)}
    made = engine(spec(by_hand(tmp_path / "net.onnx", nodes, stored)), tmp_path)
    head = made.linear_head
    assert head is not None
    np.testing.assert_allclose(head.weight, alpha * w, rtol=1e-6)
    np.testing.assert_allclose(head.bias, 2 * b, rtol=1e-6)


def test_channels_last_in_and_inside(tmp_path: Path) -> None:
    model, path = ChannelsLast().eval(), tmp_path / "net.onnx"
    torch.onnx.export(model, (torch.zeros(1, SIDE, SIDE, 3),), str(path), dynamo=False)
    made, batch = engine(spec(path), tmp_path), inputs(2)
    found = made.forward(batch)
    np.testing.assert_allclose(
        found.logits, answer(model, np.ascontiguousarray(batch.transpose(0, 2, 3, 1))), atol=1e-4
    )
    np.testing.assert_allclose(found.activations, answer(model.body, batch), atol=1e-4)


def test_one_channel_takes_grey_images(tmp_path: Path) -> None:
    model, path = Classifier().eval(), tmp_path / "net.onnx"
    model.body.layers[0] = nn.Conv2d(1, 6, 7, 4, 3)
    torch.onnx.export(model, (torch.zeros(1, 1, SIDE, SIDE),), str(path), dynamo=False)
    found = spec(path)
    made, batch = engine(found, tmp_path), np.repeat(inputs(2)[:, :1], 3, axis=1)
    np.testing.assert_allclose(made.forward(batch).logits, answer(model, batch[:, :1]), atol=1e-4)
    assert found.preprocessing.grey
    assert "made grey" in found.source
    assert made.linear_head is not None


class ByHand(nn.Module):
    """A softmax in other operations than a softmax."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        powers = torch.exp(x - x.max(1, keepdim=True)[0])
        return powers / powers.sum(1, keepdim=True)


@pytest.mark.parametrize("end", [nn.Softmax(1), nn.LogSoftmax(1)])
def test_a_softmax_at_the_end_is_not_applied_twice(end: nn.Module, tmp_path: Path) -> None:
    model = Classifier(end)
    found = spec(exported(model, tmp_path / "net.onnx"))
    model.end = nn.Identity()
    same_as(model, engine(found, tmp_path))
    assert "softmax at its end is left out" in found.source


def test_a_sigmoid_at_the_end_is_a_probability_for_each_class(tmp_path: Path) -> None:
    model = Classifier(nn.Sigmoid())
    found = spec(exported(model, tmp_path / "net.onnx"))
    made, batch = engine(found, tmp_path), inputs(3)
    assert found.head_kind == "multilabel"
    assert set(found.lacks) == {"weights"}
    probabilities = made.probabilities(3, lambda i, out: np.copyto(out, batch[i]))
    np.testing.assert_allclose(probabilities, answer(model, batch), atol=1e-5)


@pytest.mark.parametrize("end", [nn.Sigmoid(), nn.Identity()])
def test_one_output_is_two_classes(end: nn.Module, tmp_path: Path) -> None:
    model = Classifier(end, classes=1)
    found = spec(exported(model, tmp_path / "net.onnx"), classes=2)
    made, batch = engine(found, tmp_path), inputs(3)
    assert found.head_kind == "binary"
    model.end = nn.Identity()
    z = answer(model, batch)
    forward = made.forward(batch)
    np.testing.assert_allclose(forward.logits, np.concatenate([-z, z], 1), atol=1e-5)
    np.testing.assert_allclose(made.head_logits(forward.activations), forward.logits, atol=1e-5)
    probabilities = made.probabilities(3, lambda i, out: np.copyto(out, batch[i]))
    np.testing.assert_allclose(probabilities[:, 1:], 1 / (1 + np.exp(-z)), atol=1e-5)


class SigmoidByHand(nn.Module):
    """A sigmoid in other operations than a sigmoid."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 1 / (1 + torch.exp(-x))


class Clipped(nn.Module):
    """Probabilities kept from 0 and 1, as some losses want them; or, `turned`, those of the contrary."""

    def __init__(self, turned: bool = False) -> None:
        super().__init__()
        self.turned = turned

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        p = torch.sigmoid(x)
        return 1 - p if self.turned else torch.clamp(p, 1e-4, 1 - 1e-4)


@pytest.mark.parametrize(
    "end", [SigmoidByHand(), Clipped(), Clipped(turned=True)], ids=["by hand", "clipped", "turned"]
)
@pytest.mark.parametrize("classes", [1, 5])
def test_a_sigmoid_in_any_form_is_no_softmaxs_logits(end: nn.Module, classes: int, tmp_path: Path) -> None:
    model = Classifier(end, classes=classes)
    found = spec(exported(model, tmp_path / "net.onnx"), classes=max(classes, 2))
    made, batch = engine(found, tmp_path), inputs(3)
    assert found.head_kind == ("binary" if classes == 1 else "multilabel")
    probabilities = made.probabilities(3, lambda i, out: np.copyto(out, batch[i]))
    np.testing.assert_allclose(probabilities[:, -classes:], answer(model, batch), atol=1e-5)
    assert "their log-odds are taken for logits" in found.source


def test_logits_between_0_and_1_are_no_probabilities(tmp_path: Path) -> None:
    model = Classifier()
    with torch.no_grad():
        model.linear.weight.mul_(1e-2)
        model.linear.bias.fill_(0.5)
    found = spec(exported(model, tmp_path / "net.onnx"))
    assert found.head_kind == "softmax"
    same_as(model, engine(found, tmp_path))


def test_probabilities_without_a_softmax_node_become_their_logarithms(tmp_path: Path) -> None:
    model = Classifier(ByHand())
    found = spec(exported(model, tmp_path / "net.onnx"))
    made, batch = engine(found, tmp_path), inputs(3)
    probabilities = made.probabilities(3, lambda i, out: np.copyto(out, batch[i]))
    np.testing.assert_allclose(probabilities, answer(model, batch), atol=1e-5)
    assert "probabilities" in found.source
    assert "activations" in found.lacks


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(Body(), nn.Flatten(), nn.Linear(6 * 64, 5)),
        nn.Sequential(Body(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 6), nn.Hardswish(), nn.Linear(6, 5)),
        nn.Sequential(Body(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(6, 5)),
        # Looks like the pooling and the layer, and is none: the border counts in its mean.
        nn.Sequential(Body(), nn.AvgPool2d(10, padding=1), nn.Flatten(), nn.Linear(6, 5)),
    ],
    ids=["no pooling", "two layers", "maximum", "a mean over more than the map"],
)
def test_a_graph_without_such_an_end_has_no_activations_and_says_so(model: nn.Module, tmp_path: Path) -> None:
    found = spec(exported(model, tmp_path / "net.onnx"))
    assert set(found.lacks) == {"activations", "stages", "weights"}
    made, batch = engine(found, tmp_path), inputs(2)
    np.testing.assert_allclose(made.forward(batch).logits, answer(model, batch), atol=1e-4)
    assert made.forward(batch).activations.shape == (2, 0, 0, 0)
    assert made.linear_head is None


@pytest.mark.parametrize("dynamic", [(0,), (0, 2, 3)])
def test_a_size_that_the_file_leaves_open_is_224_or_the_settings(dynamic: tuple[int, ...], tmp_path: Path) -> None:
    model = Classifier()
    path = exported(model, tmp_path / "net.onnx", dynamic=dynamic)
    found = spec(path)
    assert found.preprocessing.size == (SIDE if dynamic == (0,) else 224)
    assert ("224 pixels a side, assumed" in found.source) == (dynamic != (0,))
    if dynamic != (0,):
        found = spec(path, preprocessing={f"onnx:{path}": {"size": SIDE}})
        assert found.preprocessing.size == SIDE
    same_as(model, engine(found, tmp_path))


class TwoOutputs(Classifier):
    def forward(self, x: torch.Tensor) -> Any:
        features = self.body(x)
        return features, self.linear(features.mean((2, 3)))


def test_of_several_outputs_that_of_the_classes_is_taken(tmp_path: Path) -> None:
    model, path = TwoOutputs().eval(), tmp_path / "net.onnx"
    torch.onnx.export(model, (torch.zeros(1, 3, SIDE, SIDE),), str(path), dynamo=False, output_names=["map", "scores"])
    found = spec(path)
    assert "of its 2 outputs scores was taken" in found.source
    batch = inputs(1)
    with torch.no_grad():
        scores = model(torch.from_numpy(batch))[1].numpy()
    np.testing.assert_allclose(engine(found, tmp_path).forward(batch).logits, scores, atol=1e-4)


def test_weights_beside_the_file_count_in_its_hash(tmp_path: Path) -> None:
    path = exported(Classifier(), tmp_path / "plain.onnx")
    outside = tmp_path / "net.onnx"
    onnx.save(onnx.load(path), outside, save_as_external_data=True, location="net.data", size_threshold=0)
    first = spec(outside)
    same_as(Classifier(), engine(first, tmp_path))
    data = bytearray((tmp_path / "net.data").read_bytes())
    data[3] ^= 1
    (tmp_path / "net.data").write_bytes(bytes(data))
    assert spec(outside).weights_sha256 != first.weights_sha256
    (tmp_path / "net.data").unlink()
    assert "net.data" in refused(outside)


# --- explanations --------------------------------------------------------------------------------


def test_every_method_gives_the_map_of_the_torch_network(tmp_path: Path) -> None:
    model = Classifier(channels=8)
    with torch.no_grad():
        model.linear.bias += 2  # AblationCAM divides by the logit

    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = model.linear

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x.mean((2, 3)))

    whole = toy_spec(network(model.body.eval(), Head().eval()))
    found = spec(exported(model, tmp_path / "net.onnx"), preprocessing=as_toys(tmp_path / "net.onnx"))
    assert linear_head(Head(), (8, 8, 8)) is not None
    frame = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    torchs = View(frame, Engine(whole, choose_runtime(whole, "torch", "exact", tmp_path), tmp_path))
    ours = View(frame, engine(found, tmp_path))
    for name, method in METHODS.items():
        if method.of_attention:
            with pytest.raises(MethodFailure, match="no self-attention"):
                method.explain(ours, 1)
            continue
        np.testing.assert_allclose(method.explain(ours, 1).map, method.explain(torchs, 1).map, atol=1e-3, err_msg=name)


def as_toys(path: Path) -> dict[str, Any]:
    """The preprocessing of `toys.toy_spec`."""
    return {f"onnx:{path}": {"resize": SIDE, "mean": (0.5,) * 3, "std": (0.25,) * 3, "interpolation": "bilinear"}}


@pytest.mark.slow
def test_the_maps_of_an_exported_efficientnet_are_those_of_torch(
    lite0_torch: Engine, chelsea: np.ndarray, tmp_path: Path
) -> None:
    from reportgen.images.frame import model_frame

    path = exported(lite0_torch.network.model.cpu(), tmp_path / "lite0.onnx", side=224)
    p = lite0_torch.spec.preprocessing
    given = {"resize": p.resize, "mean": p.mean, "std": p.std, "interpolation": p.interpolation}
    made = Settings(models=(f"onnx:{path}",), preprocessing={f"onnx:{path}": given})
    found = resolve(made.models[0], made)
    assert found.preprocessing == p
    assert found.classes == lite0_torch.spec.classes
    frame = model_frame(chelsea, p)
    ours, torchs = View(frame, engine(found, tmp_path)), View(frame, lite0_torch)
    np.testing.assert_allclose(ours.forward.logits, torchs.forward.logits, atol=1e-4)
    for explain in (maps.gradcam, maps.ablationcam, maps.scorecam):
        np.testing.assert_allclose(explain(ours, 281).map, explain(torchs, 281).map, atol=1e-3)


# --- what it is not, and what it has not ---------------------------------------------------------


def test_torch_cannot_run_it_and_its_network_is_never_there(tmp_path: Path) -> None:
    found = spec(exported(Classifier(), tmp_path / "net.onnx"))
    with pytest.raises(UsageError, match=r"onnx:net\.onnx: torch cannot run it"):
        choose_runtime(found, "torch", "exact", tmp_path)
    with pytest.raises(UsageError, match=r"onnx:net\.onnx: an ONNX file holds no torch network") as error:
        _ = engine(found, tmp_path).network
    assert "\n" not in str(error.value)
    with pytest.raises(UsageError, match="no torch network"):
        engine(found, tmp_path).stage_means(inputs(1), ("layer4",))


def test_an_onnx_file_is_explained_without_torch(tmp_path: Path) -> None:
    path = exported(Classifier(), tmp_path / "net.onnx")
    names = tmp_path / "net.txt"
    names.write_text("\n".join("abcde"))
    code = (
        "from pathlib import Path; import numpy as np\n"
        "from reportgen.models.classifiers import resolve\n"
        "from reportgen.models.runtime import Engine\n"
        "from reportgen.report.provenance import RuntimeRecord\n"
        "from reportgen.settings.model import Settings\n"
        f"s = Settings(models=('onnx:{path}',), classes={{'onnx:{path}': '{names}'}})\n"
        "e = Engine(resolve(s.models[0], s), RuntimeRecord(name='openvino', precision='exact', device='cpu'), "
        f"Path('{tmp_path / 'models'}'))\n"
        "e.forward(np.zeros((1, 3, 32, 32), np.float32)); e.linear_head"
    )
    assert imported(code, ["torch", "timm", "openvino", "openvino_telemetry"]) == ["openvino"]


def constant(bias: float = 1.0) -> nn.Module:
    """A classifier whose logits are `bias` on any image."""
    model = Classifier()
    with torch.no_grad():
        model.linear.weight.zero_()
        model.linear.bias.fill_(bias)
    return model


def _cut_off(path: Path) -> None:
    exported(Classifier(), path)
    path.write_bytes(path.read_bytes()[:-200])


def _external(path: Path, location: str) -> None:
    model = onnx.load(exported(Classifier(), path))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    path.write_bytes(model.SerializeToString())


class Ranked(nn.Module):
    """The three highest scores, highest first."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.topk(3).values


def _restless(path: Path) -> None:
    model = onnx.load(exported(Classifier(), path))
    model.graph.node.append(helper.make_node("RandomNormalLike", ["y"], ["noise"]))
    model.graph.node.append(helper.make_node("Add", ["y", "noise"], ["z"]))
    model.graph.output[0].name = "z"
    path.write_bytes(model.SerializeToString())


def _node(path: Path, operator: str = "Identity", **values: Any) -> None:
    by_hand(path, [helper.make_node(operator, [next(iter(values.get("inputs", {"x": 0})))], ["y"])], {}, **values)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: path.write_bytes(b"hello world" * 100), "not an ONNX file, or cut off"),
        (lambda path: path.write_bytes(b"<!DOCTYPE html><html>"), "not an ONNX file, or cut off"),
        (lambda path: path.write_bytes(b""), "0 bytes"),
        (_cut_off, "not an ONNX file, or cut off"),
        (lambda path: _external(path, "elsewhere.data"), "'elsewhere.data', which is not beside it"),
        (lambda path: _external(path, "../../../etc/passwd"), "outside its own folder"),
        (lambda path: _node(path, "Unheard"), "No conversion rule found for operations: Unheard"),
        (lambda path: _node(path, inputs={"x": [1, 3, 8, 8], "mask": [1, 3, 8, 8]}), "has 2 inputs (x, mask)"),
        (lambda path: _node(path, inputs={"x": [1, 10]}), "not images (N, 3, H, W) or (N, H, W, 3)"),
        (lambda path: _node(path, inputs={"x": [1, 4, 8, 8]}), "neither the three of RGB nor one of grey"),
        (lambda path: _node(path, inputs={"x": [1, 3, 8, 16]}), "8 x 16 pixels; only square ones"),
        (lambda path: _node(path, inputs={"x": [1, 3, 8, 8]}, kind=onnx.TensorProto.UINT8), "takes uint8 pixels"),
        (
            lambda path: _node(path, inputs={"x": [1, 3, 8, 8]}),
            "no output is (1, classes), as a classifier's is; it has y [1,3,8,8]",
        ),
        (
            lambda path: exported(Classifier(classes=1), path),
            "5 class names, but the network of onnx:net.onnx has one output",
        ),
        (lambda path: exported(constant(), path), "its head is constant"),
        (lambda path: exported(constant(0.0), path), "its head is all zeros"),
        (lambda path: exported(constant(float("nan")), path), "not finite"),
        (lambda path: exported(Classifier(Ranked()), path), "its highest scores in their order"),
        (lambda path: exported(Classifier(nn.Softmax(0)), path), "its softmax is over a single number"),
        (lambda path: exported(Classifier(nn.Softmax(1), classes=1), path), "its softmax is over a single number"),
        (_restless, "answers the same image differently each time"),
        (lambda path: exported(Classifier(classes=4), path), "has 4 classes, and its list of class names 5"),
    ],
)
def test_a_file_that_cannot_be_explained_is_refused_in_one_line(write: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    write(path)
    message = refused(path)
    assert said in message


def test_what_the_settings_must_say_is_named(tmp_path: Path) -> None:
    path = exported(Classifier(), tmp_path / "net.onnx")
    with pytest.raises(UsageError, match=r'5 classes, one a line, with \[classes\] "onnx:net.onnx"'):
        resolve("onnx:net.onnx", Settings(weights={"onnx:net.onnx": str(path)}))
    with pytest.raises(UsageError, match="no such ONNX file"):
        resolve(f"onnx:{tmp_path / 'other.onnx'}", Settings())
    assert "32 pixels a side, and the settings say preprocessing size = 64" in refused(
        path, preprocessing={f"onnx:{path}": {"size": 64}}
    )


def test_preprocessing_is_said_to_be_assumed_unless_it_is_given(tmp_path: Path) -> None:
    path = exported(Classifier(), tmp_path / "net.onnx")
    plain = spec(path)
    assert plain.preprocessing.mean == (0.485, 0.456, 0.406)
    assert (plain.preprocessing.size, plain.preprocessing.resize) == (32, 36)
    assert "ImageNet's mean and standard deviation assumed" in plain.source
    given = spec(path, preprocessing=as_toys(path))
    assert given.preprocessing == toy_spec(network(Body(), nn.Flatten())).preprocessing
    assert "assumed" not in given.source


def test_a_report_names_no_folder(tmp_path: Path) -> None:
    path = exported(Classifier(), tmp_path / "net.onnx")
    made = settings(path, preprocessing=as_toys(path))
    assert made.models == ("onnx:net.onnx",)
    assert set(made.preprocessing) == {"onnx:net.onnx"}
    assert str(tmp_path) not in str(made.public())
    with pytest.raises(UsageError, match=r"two models are called onnx:net\.onnx"):
        Settings(models=("onnx:a/net.onnx", "onnx:b/net.onnx"))


# --- a whole run ---------------------------------------------------------------------------------


def test_a_run_explains_it_as_far_as_it_goes(tmp_path: Path, cache: Path) -> None:
    path = exported(Classifier(), tmp_path / "net.onnx")
    small = {"lime": {"num_samples": 20, "resamples": 0}, "faithfulness": {"draws": 1, "random_masks": 1}}
    chosen = settings(
        path, tasks=("cams", "faithfulness"), cams={"methods": ("gradcam", "layercam", "scorecam")}, **small
    )
    photos = photo_folder(tmp_path / "photos", "chelsea", "coffee")
    with closing(RunFolder(tmp_path / "out")) as folder:
        report, _ = analyse(photos, chosen, folder, cache)
    assert [section.id for section in report.sections] == ["cams", "lime", "faithfulness"]
    assert not [warning for warning in report.warnings if warning.code == "left-out"]
    assert report.provenance.models[0].source.startswith("local file net.onnx")
    assert report.provenance.runtime.name == "openvino"
    found = {path.stem for path in (tmp_path / "out/maps/chelsea").glob("*.npy")}
    assert found == {"gradcam", "layercam", "scorecam"}
