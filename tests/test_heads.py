"""Heads of one output, multi-label heads, and heads that say the same of every image: held against torch and grad-cam."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import pytorch_grad_cam
import timm
import torch
from torch import nn
from torchvision import models

from made_runs import analyse_toy
from reportgen.analyses.attribution.removal import drops
from reportgen.analyses.cams.maps import gradcam
from reportgen.analyses.cams.task import ANALYSIS as CAMS
from reportgen.analyses.faithfulness.task import ANALYSIS as FAITHFULNESS
from reportgen.analyses.lime.surrogate import sample_probabilities
from reportgen.analyses.lime.task import ANALYSIS as LIME
from reportgen.analysis.protocol import AnyAnalysis
from reportgen.analysis.view import View
from reportgen.images.decode import read_image
from reportgen.images.find import find_images
from reportgen.images.frame import model_frame
from reportgen.models.classifiers import ClassifierSpec, LinearHead, Network, resolve
from reportgen.models.classifiers.base import probabilities
from reportgen.models.classifiers.splitting.heads import require_sound_logits
from reportgen.models.classifiers.splitting.split import split_any, split_timm
from reportgen.models.encoders.conse import CLASSIFIER
from reportgen.models.runtime import Engine
from reportgen.models.runtime.openvino_backend import relative_difference
from reportgen.report.document import Report, RuntimeRecord
from reportgen.settings.load import load
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError
from toys import FlatHead, PooledHead, photo_folder, toy_network, toy_spec

TORCH = RuntimeRecord(name="torch", precision="exact", device="cpu")
OPENVINO = RuntimeRecord(name="openvino", precision="exact", device="cpu")


class OneOutput(nn.Module):
    """A network of one output, as a user trains it with `BCEWithLogitsLoss`."""

    def __init__(self, *, linear: bool, bias: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.stem, self.act = nn.Conv2d(3, 10, 7, 4, 3), nn.ReLU()
        self.head = PooledHead(10, 1) if linear else FlatHead(640, 1)
        with torch.no_grad():
            (self.head.linear if linear else self.head.layers[3]).bias += bias  # type: ignore[union-attr, operator]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.act(self.stem(x)))


def binary_spec(model: nn.Module) -> ClassifierSpec:
    spec = toy_spec(split_any(model, 32, "net"), classes=2)
    return replace(spec, activation="sigmoid", binary=True)


def seen(spec: ClassifierSpec, record: RuntimeRecord = TORCH, cache: Path = Path()) -> View:
    frame = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    return View(frame, Engine(spec, record, cache))


def whole(model: nn.Module, view: View) -> torch.Tensor:
    """(1, classes): the network's own output on the view."""
    with torch.no_grad():
        return model(torch.from_numpy(view.input)[None])


# --- probabilities -------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_probabilities_are_torchs(activation: Literal["softmax", "sigmoid"]) -> None:
    logits = np.random.default_rng(0).normal(0, 5, (3, 4)).astype(np.float32)
    exact = torch.from_numpy(logits).double()
    theirs = torch.softmax(exact, 1) if activation == "softmax" else torch.sigmoid(exact)
    ours = probabilities(logits, activation)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-6)


def test_a_sigmoid_survives_large_logits() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert probabilities(np.array([-1e4, 0, 1e4], np.float32), "sigmoid").tolist() == [0, 0.5, 1]


def test_removing_units_lowers_the_sigmoid_of_a_sigmoid_head() -> None:
    rng = np.random.default_rng(1)
    head = LinearHead(rng.normal(size=(3, 6)).astype(np.float32), np.zeros(3, np.float32))
    means = rng.random(6).astype(np.float32)
    logits = head.weight @ means
    (drop,), _ = drops(head, means, logits, 1, [np.array([0, 2])], "sigmoid")
    less = torch.from_numpy(np.where(np.isin(np.arange(6), [0, 2]), 0, means) @ head.weight.T)
    before, after = torch.sigmoid(torch.from_numpy(logits))[1], torch.sigmoid(less)[1]
    assert drop == pytest.approx(float(before - after), abs=1e-6)


# --- one output ----------------------------------------------------------------------------------


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("backend", [TORCH, OPENVINO], ids=["torch", "openvino"])
def test_one_output_is_two_classes_whose_probabilities_are_its_sigmoid(
    linear: bool, backend: RuntimeRecord, tmp_path: Path
) -> None:
    model = OneOutput(linear=linear)
    view = seen(binary_spec(model), backend, tmp_path)
    z = float(whole(model, view))
    np.testing.assert_allclose(view.forward.logits, [[-z, z]], rtol=1e-4)

    def fill(i: int, out: np.ndarray) -> None:
        out[:] = view.input

    found = view.engine.probabilities(1, fill)[0]
    p = torch.sigmoid(torch.tensor(z)).item()
    np.testing.assert_allclose(found, [1 - p, p], atol=1e-5)
    head = view.engine.linear_head
    assert (head is not None) is linear
    if head is not None:
        weight = model.head.linear.weight.detach().numpy()  # type: ignore[union-attr]
        np.testing.assert_array_equal(head.weight, np.concatenate([-weight, weight]))
        np.testing.assert_allclose(
            head.weight @ view.forward.activations[0].mean((1, 2)) + head.bias, [-z, z], atol=1e-5
        )


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("side", [0, 1])
def test_gradcam_of_a_side_is_the_librarys_of_the_output_or_its_negative(linear: bool, side: int) -> None:
    model = OneOutput(linear=linear).eval()
    view = seen(binary_spec(model))
    sign = 2 * side - 1
    with pytorch_grad_cam.GradCAM(model, [model.act]) as cam:
        x = torch.from_numpy(view.input)[None].requires_grad_()
        theirs = cam(x, targets=[lambda output: sign * output[..., 0].sum()])
    np.testing.assert_allclose(gradcam(view, side).map, theirs[0], atol=1e-3)


def test_the_sides_of_a_gradient_are_each_others_negative() -> None:
    view = seen(binary_spec(OneOutput(linear=False)))
    low, high = (view.engine.head_gradient(view.forward, side) for side in (0, 1))
    assert np.abs(low).max() > 0
    np.testing.assert_array_equal(low, -high)


@pytest.mark.parametrize("bias", [-5.0, 5.0])
def test_lime_explains_the_probability_of_the_likelier_side(bias: float) -> None:
    model = OneOutput(linear=True, bias=bias)
    view = seen(binary_spec(model))
    side = int(view.forward.logits[0].argmax())
    assert side == (bias > 0)
    segments = np.repeat(np.arange(4), 8)[:, None].repeat(32, 1)
    data = np.array([[1, 1, 1, 1], [0, 1, 0, 1]])
    found = sample_probabilities(view, segments, data, 0)[:, side]
    for shown, p in zip(data, found, strict=True):
        frame = np.where(shown[segments][..., None] == 1, view.frame, 0).astype(np.uint8)
        z = whole(model, View(frame, view.engine))
        assert p == pytest.approx(float(torch.sigmoid(z if side else -z)), abs=1e-6)
        assert p > 0.5


def test_a_transformer_of_one_output_has_two_sides() -> None:
    """Its head reads the class token beside the patches."""
    torch.manual_seed(0)
    small: dict[str, Any] = {"img_size": 32, "patch_size": 8, "depth": 2, "embed_dim": 16, "num_heads": 2}
    model = timm.create_model("vit_tiny_patch16_224", num_classes=1, **small).eval()
    with torch.no_grad():
        model.head.bias.fill_(0.3)  # type: ignore[union-attr, operator]
    network = split_timm(model, 32, "vit")
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        features = network.trunk(x)
        assert len(features) > 1
        torch.testing.assert_close(network.head(*features), model(x) * torch.tensor([[-1.0, 1.0]]))
    assert network.linear is None


# --- by name -------------------------------------------------------------------------------------


def two(folder: Path, text: str = "no\nyes\n") -> str:
    (folder / "two.txt").write_text(text)
    return str(folder / "two.txt")


def saved_network(folder: Path, outputs: int = 1, name: str = "net.pt") -> tuple[str, nn.Module]:
    torch.manual_seed(1)
    model = models.squeezenet1_1(num_classes=outputs).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
        model.classifier[1].bias.fill_(0.3)
    torch.save(model.state_dict(), folder / name)
    return str(folder / name), model


def checkpoint(folder: Path, classes: str | None, outputs: int = 1, **more: Any) -> Settings:
    name = f"checkpoint:{saved_network(folder, outputs)[0]}"
    return Settings(
        models=(name,),
        architectures={name: "torchvision:squeezenet1_1"},
        classes={} if classes is None else {name: classes},
        **more,
    )


def test_a_checkpoint_of_one_output_has_the_two_classes_of_the_settings(tmp_path: Path) -> None:
    settings = checkpoint(tmp_path, two(tmp_path))
    spec = resolve("checkpoint:net.pt", settings)
    assert (spec.classes.names, spec.activation, spec.head_kind) == (("no", "yes"), "sigmoid", "binary")
    network, model = spec.load(), saved_network(tmp_path)[1]
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        z = model(x)
        torch.testing.assert_close(network.head(*network.trunk(x)), torch.cat([-z, z], 1), rtol=1e-4, atol=1e-5)


def test_two_classes_of_a_network_with_two_outputs_stay_a_softmax(tmp_path: Path) -> None:
    spec = resolve("checkpoint:net.pt", checkpoint(tmp_path, two(tmp_path), outputs=2))
    assert spec.head_kind == "softmax"
    assert spec.load().linear is None  # a ReLU stands before the pooling


@pytest.mark.parametrize("name", ["torchvision:squeezenet1_1", "timm:mobilenetv3_small_050"])
def test_weights_of_ones_own_may_have_one_output(name: str, tmp_path: Path) -> None:
    if name.startswith("timm:"):
        model = timm.create_model(name.removeprefix("timm:"), num_classes=1).eval()
        path = tmp_path / "net.safetensors"
        from safetensors.torch import save_file

        save_file(model.state_dict(), path)
    else:
        path = Path(saved_network(tmp_path)[0])
    with pytest.raises(UsageError, match=r"has one output; name its two classes, .* with \[classes\]") as error:
        resolve(name, Settings(weights={name: str(path)}))
    assert name in str(error.value)
    assert "\n" not in str(error.value)
    spec = resolve(name, Settings(weights={name: str(path)}, classes={name: two(tmp_path)}))
    assert (spec.classes.names, spec.head_kind) == (("no", "yes"), "binary")
    network = spec.load()
    side = spec.preprocessing.size
    with torch.no_grad():
        assert network.head(*network.trunk(torch.zeros(1, 3, side, side))).shape == (1, 2)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (None, "has one output; name its two classes, a line each, first that of a low output"),
        ("only\n", "1 class name, but the network of checkpoint:net.pt has one output; give two"),
        ("a\nb\nc\n", "3 class names, but the network"),
    ],
)
def test_one_output_without_two_names_says_how(names: str | None, said: str, tmp_path: Path) -> None:
    settings = checkpoint(tmp_path, None if names is None else two(tmp_path, names))
    with pytest.raises(UsageError) as error:
        resolve("checkpoint:net.pt", settings)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_softmax_over_one_output_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"one output, of which a softmax is always 1; leave out") as error:
        resolve("checkpoint:net.pt", checkpoint(tmp_path, two(tmp_path), head="softmax"))
    assert "\n" not in str(error.value)


# --- the setting ---------------------------------------------------------------------------------


def test_the_setting_holds_for_all_models_or_by_name(tmp_path: Path) -> None:
    names = two(tmp_path, "a\nb\nc\n")
    path = f"checkpoint:{tmp_path / 'net.pt'}"
    for head, expected in (
        ("auto", "softmax"),
        ("softmax", "softmax"),
        ("multilabel", "multilabel"),
        ({path: "multilabel"}, "multilabel"),
        ({"another": "multilabel"}, "softmax"),
    ):
        spec = resolve("checkpoint:net.pt", checkpoint(tmp_path, names, outputs=3, head=head))
        assert spec.head_kind == expected, head


def test_one_output_is_binary_under_a_multi_label_setting_too(tmp_path: Path) -> None:
    assert resolve("checkpoint:net.pt", checkpoint(tmp_path, two(tmp_path), head="multilabel")).head_kind == "binary"


def test_what_is_said_of_all_models_is_not_said_of_an_encoders() -> None:
    assert resolve(CLASSIFIER, Settings(models=("efficientnet_lite0",), head="multilabel")).head_kind == "softmax"
    assert resolve(CLASSIFIER, Settings(models=(CLASSIFIER,), head="multilabel")).head_kind == "multilabel"


def test_the_setting_is_read_from_a_file_and_from_the_environment(tmp_path: Path) -> None:
    assert load(folder=tmp_path, environ={"REPORTGEN_HEAD": "multilabel"}).settings.head == "multilabel"
    (tmp_path / "reportgen.toml").write_text('[head]\n"checkpoint:a/net.pt" = "multilabel"\n')
    assert load(folder=tmp_path, environ={}).settings.head == {"checkpoint:net.pt": "multilabel"}
    for wrong in ('head = "sigmoid"\n', '[head]\nnet = "sigmoid"\n'):
        (tmp_path / "reportgen.toml").write_text(wrong)
        with pytest.raises(UsageError, match=r"^setting head \(reportgen\.toml\): .*'multilabel'") as error:
            load(folder=tmp_path, environ={})
        assert "\n" not in str(error.value)


# --- heads that say nothing ----------------------------------------------------------------------


def _zero(model: OneOutput) -> None:
    for parameter in model.head.parameters():
        parameter.zero_()


def _constant(model: OneOutput) -> None:
    model.head.linear.weight.zero_()  # type: ignore[union-attr, operator]
    model.head.linear.bias.fill_(2)  # type: ignore[union-attr, operator]


def _dead(model: OneOutput) -> None:
    model.stem.bias.fill_(-1e6)  # type: ignore[union-attr]


def _broken(model: OneOutput) -> None:
    model.head.linear.weight[0, 2] = math.nan  # type: ignore[union-attr, index, operator]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_zero, "its head is all zeros: every logit is 0"),
        (_constant, "its head is constant"),
        (_dead, "the logits are the same on two different images"),
        (_broken, "its logits are not finite"),
    ],
)
def test_a_head_that_says_nothing_is_refused_in_one_line(spoil: Callable[[OneOutput], None], said: str) -> None:
    model = OneOutput(linear=True)
    with torch.no_grad():
        spoil(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UsageError, match=said) as error:
            split_any(model, 32, "checkpoint:net.pt")
    assert str(error.value).startswith("checkpoint:net.pt: ")
    assert "\n" not in str(error.value)


def test_images_that_all_but_vanish_on_the_way_are_no_constant_head() -> None:
    """As in a deep network with random weights: its logits differ in their last digits alone."""
    model = OneOutput(linear=True, bias=1.0)
    with torch.no_grad():
        model.stem.weight.mul_(1e-5)
        model.stem.bias.fill_(1)  # type: ignore[union-attr]
    require_sound_logits(model, 32, "net")


def test_a_relative_difference_divides_by_no_zero() -> None:
    one, zero = np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert relative_difference(zero, zero) == 0
        assert relative_difference(one, zero) == math.inf
        assert relative_difference(1.5 * one, one) == 0.5
        for broken in (math.nan, math.inf):
            assert relative_difference(one * np.float32(broken), one) == math.inf
            assert relative_difference(one * np.float32(broken), one * np.float32(broken)) == math.inf


# --- a run ---------------------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = photo_folder(tmp_path / "photos", "chelsea", "coffee")
    (folder / "labels.csv").write_text("name,class\nchelsea.png,class 0\ncoffee.png,class 1\n")
    return folder


def reported(spec: ClassifierSpec, photos: Path, tmp_path: Path, *further: AnyAnalysis) -> Report:
    report, _ = analyse_toy(
        photos,
        tmp_path / "out",
        tmp_path / "cache",
        [CAMS, LIME, *further],
        specs={"toy": spec},
        lime={"num_samples": 8, "resamples": 0},
    )
    return report


def outputs(spec: ClassifierSpec, model: nn.Module, photos: Path) -> dict[str, torch.Tensor]:
    """By image (classes,): what the network itself says of the frame."""
    found = {}
    for file in find_images(photos).files:
        frame = model_frame(read_image(file, 10**8).pixels, spec.preprocessing)
        with torch.no_grad():
            found[file.name] = model(torch.from_numpy(spec.preprocessing.normalise(frame))[None])[0]
    return found


def said(report: Report) -> str:
    """All that the sections say in text and tables of facts."""
    return " ".join(str(block.model_dump()) for section in report.sections for block in section.blocks)


def test_a_run_on_one_output_reports_its_sigmoid(photos: Path, tmp_path: Path) -> None:
    model = OneOutput(linear=True)
    spec = binary_spec(model)
    raw = outputs(spec, model, photos)
    with torch.no_grad():  # between the two images, so that each side is explained once
        model.head.linear.bias -= float(torch.stack(list(raw.values())).mean())  # type: ignore[union-attr, operator]
    spec = binary_spec(model)
    report = reported(spec, photos, tmp_path, FAITHFULNESS)
    assert report.provenance.models[0].head == "binary"
    assert {image.target.index for image in report.images} == {0, 1}
    for image in report.images:
        z = outputs(spec, model, photos)[image.name]
        side = int(z > 0)
        p = float(torch.sigmoid(z if side else -z))
        assert image.prediction.index == side
        assert image.prediction.probability == pytest.approx(p, abs=1e-6)
        assert [entry.probability for entry in image.prediction.top5] == pytest.approx([p, 1 - p], abs=1e-6)
        assert image.prediction.logit == pytest.approx(abs(float(z)), abs=1e-6)
        extra: Any = image.model_extra
        assert extra["lime"]["probability"] == pytest.approx(p, abs=1e-6)
        assert extra["faithfulness"]["lime_hidden"]["probability"] == pytest.approx(p, abs=1e-6)
    text = said(report)
    assert text.count("the probability of class 1 is the sigmoid of z, that of class 0 is one minus it") == 3
    assert "sigmoid probability of the target class" in text
    assert "top-1" not in text
    terms = {term.term: term.text for term in report.glossary}
    assert "sigmoid" in terms["probability"]
    assert "softmax" not in terms["probability"] + terms["logit"]


def test_a_multi_label_run_reports_a_probability_for_each_class(photos: Path, tmp_path: Path) -> None:
    network = toy_network(linear=True)
    by_softmax = toy_spec(network)
    by_class = replace(by_softmax, activation="sigmoid")
    reported(by_softmax, photos, tmp_path)
    report = reported(by_class, photos, tmp_path)  # from the same store: nothing of the softmax may come back
    assert report.provenance.models[0].head == "multilabel"
    for image in report.images:
        logits = outputs(by_class, network.model, photos)[image.name]
        expected = torch.sigmoid(logits)
        assert image.target.index == image.prediction.index == int(logits.argmax())
        assert image.correct is (image.label is not None and image.label.index == image.target.index)
        found = {entry.index: entry.probability for entry in image.prediction.top5}
        assert found == pytest.approx({i: float(p) for i, p in enumerate(expected)}, abs=1e-6)
        assert sum(found.values()) > 1.5
        extra: Any = image.model_extra
        assert extra["lime"]["probability"] == pytest.approx(float(expected.max()), abs=1e-6)
    text = said(report)
    assert text.count("each class has a probability of its own, the sigmoid of its logit") == 2
    assert "top-1" not in text
    assert report.summary is not None
    assert "the label has the largest probability" in report.summary.images
    unlike = [image for image in report.images if image.correct is False]
    assert unlike
    warned = {warning.image: warning.text for warning in report.warnings if warning.code == "label-not-largest"}
    assert set(warned) == {image.name for image in unlike}
    for image in unlike:
        assert image.label is not None
        of_label = {entry.index: entry.probability for entry in image.prediction.top5}[image.label.index]
        assert f"not to the label {image.label.name}, whose probability is {of_label:.2f}" in warned[image.name]
    assert not any(warning.code == "wrong-prediction" for warning in report.warnings)


def test_a_logit_that_is_no_number_names_model_and_image(photos: Path, tmp_path: Path) -> None:
    class Overflowing(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean((2, 3))[:, :5] / 0

    made = toy_network(linear=True)
    spec = toy_spec(Network(made.trunk, Overflowing(), made.model, None))
    with pytest.raises(UsageError, match=r"^toy: its answer to 'chelsea\.png' is no number") as error:
        reported(spec, photos, tmp_path)
    assert "\n" not in str(error.value)
