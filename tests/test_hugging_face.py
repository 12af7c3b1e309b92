"""`hf:FOLDER` and `hf:USER/NAME`, on small random models that the libraries save: files, classes, weights, logits."""

from __future__ import annotations

import json
import pickle
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from timm.data import ImageNetInfo, create_transform, resolve_data_config
from torch import nn
from transformers.utils import logging

from reportgen.images.frame import model_frame
from reportgen.models.classifiers import ClassifierSpec, MissingWeights, resolve
from reportgen.models.classifiers.hugging_face.repository import find_files
from reportgen.models.classifiers.hugging_face.timm_repository import is_timm
from reportgen.models.classifiers.hugging_face.transformers_network import build
from reportgen.models.classifiers.imagenet import imagenet_classes
from reportgen.models.classifiers.splitting.attention import read_attention
from reportgen.models.download import fetch
from reportgen.models.runtime import Engine, choose_runtime
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError
from reportgen.utils.progress import Silent
from test_classifiers import Payload, one_line
from toys import imported, photo_path

NAMES = {0: "cat", 1: "dog", 2: "owl", 3: "newt", 4: "moth"}
TOKENS = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48, "patch_size": 8}
SQUARE = {"size": {"height": 32, "width": 32}}
# Model: its configuration, its processor and what that is told, side of the input.
FAMILIES: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "ViT": ("ViTConfig", {**TOKENS, "image_size": 32}, "ViT", SQUARE),
    "DeiT": (
        "DeiTConfig",
        {**TOKENS, "image_size": 32, "architectures": ["DeiTForImageClassification"]},
        "DeiT",
        {**SQUARE, "crop_size": 32},
    ),
    "BEiT": ("BeitConfig", {**TOKENS, "image_size": 32}, "Beit", SQUARE),
    "Swin": (
        "SwinConfig",
        {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4, "image_size": 32, "patch_size": 2},
        "ViT",
        SQUARE,
    ),
    "ConvNeXt": (
        "ConvNextConfig",
        {"hidden_sizes": [8, 8, 16, 32], "depths": [1, 1, 1, 2]},
        "ConvNext",
        {"size": {"shortest_edge": 64}},
    ),
    "ResNet": (
        "ResNetConfig",
        {"embedding_size": 8, "hidden_sizes": [8, 8, 16, 32], "depths": [1] * 4, "layer_type": "basic"},
        "ConvNext",
        {"size": {"shortest_edge": 64}},
    ),
    "MobileViT": (
        "MobileViTConfig",
        {"hidden_sizes": [16] * 3, "neck_hidden_sizes": [8] * 6 + [16], "num_attention_heads": 2, "image_size": 64},
        "MobileViT",
        {"size": {"shortest_edge": 72}, "crop_size": 64},
    ),
}


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    logging.disable_progress_bar()
    yield
    logging.enable_progress_bar()


def randomised(model: nn.Module) -> nn.Module:
    """Every number its own, buffers too: the libraries begin with zeros and ones that hide a lost tensor."""
    generator = torch.Generator().manual_seed(7)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            tensor.add_(torch.rand(tensor.shape, generator=generator) * 0.3)
            if name.endswith("running_var"):  # so small that no image is lost on the way to the logits
                tensor.mul_(0.02)
    return model.eval()


def save(folder: Path, family: str = "ViT", **config: Any) -> Any:
    """A model and its processor in `folder`, as the library saves them; returns the model."""
    kind, values, processor, told = FAMILIES[family]
    made = getattr(transformers, kind)(**{"id2label": NAMES, **values, **config})
    torch.manual_seed(0)
    model = randomised(transformers.AutoModelForImageClassification.from_config(made))
    model.save_pretrained(folder)
    getattr(transformers, f"{processor}ImageProcessor")(**told).save_pretrained(folder)
    return model


def changed(folder: Path, file: str = "config.json", **values: Any) -> None:
    """Entries of a JSON file; None takes one out."""
    content = {**json.loads((folder / file).read_text()), **values}
    (folder / file).write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def noise(size: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal((1, 3, size, size), dtype=np.float32)


def described(folder: Path, **values: Any) -> ClassifierSpec:
    settings = Settings(models=(f"hf:{folder}",), **values)
    return resolve(settings.models[0], settings)


def logits_module(folder: Path, spec: ClassifierSpec) -> nn.Module:
    files = find_files(f"hf:{folder}", Settings(), is_timm)
    return build(files.config_path, files.config, files.weights, len(spec.classes), spec.preprocessing.size)


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub") / "vit"
    save(folder)
    return folder


@pytest.fixture
def copy(vit: Path, tmp_path: Path) -> Path:
    """The small ViT in a folder that a test may spoil."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in vit.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


# --- the network ---------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_the_logits_of_a_photograph_are_the_librarys(family: str, tmp_path: Path) -> None:
    model = save(tmp_path, family)
    photograph = Image.open(photo_path("chelsea")).convert("RGB")
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    expected = model(**processor(photograph, return_tensors="pt")).logits

    spec = described(tmp_path)
    x = spec.preprocessing.normalise(model_frame(np.array(photograph), spec.preprocessing))
    found = logits_module(tmp_path, spec)(torch.from_numpy(x)[None])
    assert expected.std() > 1e-3
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert spec.classes.names == tuple(NAMES.values())
    assert f"{type(model).__name__}; SHA-256" in spec.source


# The layer whose map is explained: before the last attention where a class token alone is read, else the last that has positions.
LAYERS = {
    "ViT": ("vit.layers.1.layernorm_before", (32, 4, 4)),
    "DeiT": ("deit.layers.1.layernorm_before", (32, 4, 4)),
    "BEiT": ("beit.layernorm", (32, 4, 4)),
    "Swin": ("swin.layernorm", (16, 8, 8)),
    "ConvNeXt": ("convnext.encoder.stages.3", (32, 2, 2)),
    "ResNet": ("resnet.encoder.stages.3", (32, 2, 2)),
    "MobileViT": ("mobilevit.conv_1x1_exp", (16, 2, 2)),
}


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_engine_explains_the_layer_that_the_library_has(
    family: str, runtime: Any, tmp_path: Path, cache: Path
) -> None:
    """Activations and gradients are those of a hook on the library's own model."""
    model = save(tmp_path, family)
    spec = described(tmp_path)
    path, shape = LAYERS[family]
    record = choose_runtime(spec, runtime, "exact", cache / "models")
    engine = Engine(spec, record, cache / "models")
    x = noise(spec.preprocessing.size)
    forward = engine.forward(x)
    found = engine.head_gradient(forward, 3)

    kept: list[torch.Tensor] = []
    model.get_submodule(path).register_forward_hook(lambda module, inputs, output: kept.append(output))
    logits = model(pixel_values=torch.from_numpy(x)).logits
    (gradient,) = torch.autograd.grad(logits[0, 3], kept[0])

    def as_map(tensor: torch.Tensor) -> np.ndarray:
        if tensor.ndim == 3:  # tokens, those of no position in front
            tensor = tensor[:, -shape[1] * shape[2] :].transpose(1, 2).reshape(1, *shape)
        return tensor[0].detach().numpy()

    assert engine.layer.path == f"model.{path}"
    np.testing.assert_allclose(forward.logits, logits.detach().numpy(), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(forward.activations[0], as_map(kept[0]), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found, as_map(gradient), rtol=1e-3, atol=1e-3 * np.abs(found).max())
    assert np.abs(found).max() > 0


def test_attention_can_be_looked_at_and_numbers_are_single_precision(copy: Path) -> None:
    changed(copy, _attn_implementation="someone/kernels", dtype="float16", output_attentions=True, return_dict=False)
    state = {key: value.half() for key, value in load_file(copy / "model.safetensors").items()}
    save_file(state, copy / "model.safetensors")
    module = logits_module(copy, described(copy))
    assert module.model.config._attn_implementation == "eager"
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}
    assert not any(parameter.requires_grad or module.training for parameter in module.parameters())
    attention = module.model(pixel_values=torch.zeros(1, 3, 32, 32), output_attentions=True).attentions
    assert attention[0].shape == (1, 2, 17, 17)


@pytest.mark.parametrize("family", ["ViT", "DeiT", "BEiT"])
def test_attention_is_read_as_the_library_gives_it(family: str, tmp_path: Path) -> None:
    model = save(tmp_path, family)
    network = described(tmp_path).load()
    x = torch.from_numpy(noise(32))
    model.set_attn_implementation("eager")
    theirs = model(pixel_values=x, output_attentions=True).attentions
    ours = read_attention(network.model, x, 1)
    assert network.layer.attention_layers == len(ours) == len(theirs) == 2
    for mine, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.weights, expected[0], rtol=1e-5, atol=1e-6)
        assert mine.gradient.abs().max() > 0


def test_weights_may_be_a_plain_torch_file(vit: Path, copy: Path) -> None:
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    ours, theirs = logits_module(copy, described(copy)), logits_module(vit, described(vit))
    torch.testing.assert_close(ours(x), theirs(x))


def test_a_file_that_holds_code_is_refused_and_the_code_not_run(copy: Path, tmp_path: Path) -> None:
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps({"a": Payload(tmp_path / "executed")}))
    with pytest.raises(UsageError, match=r"pytorch_model\.bin") as error:
        described(copy).load()
    one_line(error)
    assert not (tmp_path / "executed").exists()


def test_code_that_comes_along_is_not_run_and_nothing_is_fetched(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "executed"
    (copy / "mine.py").write_text(f"open({str(trace)!r}, 'w')\nclass Mine: ...\nclass MineConfig: ...\n")
    auto = {
        "AutoModelForImageClassification": "mine.Mine",
        "AutoConfig": "mine.MineConfig",
        "AutoImageProcessor": "mine.Mine",
    }
    changed(copy, auto_map=auto)
    changed(copy, "preprocessor_config.json", auto_map=auto)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was asked for"))
    logits_module(copy, described(copy))
    changed(copy, model_type="mine")
    with pytest.raises(UsageError, match="transformers has no model_type 'mine'"):
        logits_module(copy, described(copy))
    assert not trace.exists()


def test_loading_leaves_the_librarys_own_switches_as_they_were(vit: Path) -> None:
    import huggingface_hub.constants

    before = (logging.get_verbosity(), logging.is_progress_bar_enabled(), huggingface_hub.constants.HF_HUB_OFFLINE)
    logits_module(vit, described(vit))
    after = (logging.get_verbosity(), logging.is_progress_bar_enabled(), huggingface_hub.constants.HF_HUB_OFFLINE)
    assert before == after


def _edit(change: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        state = load_file(folder / "model.safetensors")
        change(state)
        save_file(state, folder / "model.safetensors")

    return spoil


BIAS = "vit.encoder.layer.1.output.dense.bias"


def test_a_file_in_the_place_of_a_folder_asks_for_nothing_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets/vit.safetensors").touch()
    with pytest.raises(UsageError, match=r"nets/vit\.safetensors: a file; give --model hf:FOLDER"):
        resolve("hf:nets/vit.safetensors", Settings(models=("hf:nets/vit.safetensors",)))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_edit(lambda state: state.pop(BIAS)), r"not the weights of ViTForImageClassification \(vit.*bias is missing"),
        (_edit(lambda state: state.update({BIAS: torch.zeros(7)})), "not the weights of ViTForImageClassification"),
        (
            _edit(lambda state: state.update({"classifier.bias": torch.zeros(7)})),
            r"not the weights of ViT.* \(classifier.bias has the shape 7; by config.json it is 5\)",
        ),
        (
            lambda folder: changed(folder, id2label={"0": "cat", "1": "dog"}),
            r"classifier.weight has the shape 5x\d+; by config.json it is 2x",
        ),
        (
            _edit(lambda state: state.update({"classifier.weight": state["classifier.weight"].to(torch.complex64)})),
            "classifier.weight is complex64, not a real number",
        ),
        (
            _edit(lambda state: state.update({"classifier.weight": (99 * state["classifier.weight"]).to(torch.int8)})),
            "classifier.weight is int8, not a real number",
        ),
        (lambda folder: changed(folder, num_hidden_layers=1), "layers?.1.* is left over"),
        (lambda folder: changed(folder, num_hidden_layers=3), "layers?.2.* is missing"),
        (lambda folder: changed(folder, num_hidden_layers=10**9), "num_hidden_layers is more than the weights have"),
        (lambda folder: changed(folder, hidden_size=10**9), "not the weights of ViT|not a configuration of vit"),
        (lambda folder: changed(folder, image_size=10**6), "not the weights of ViT"),
        (lambda folder: changed(folder, hidden_act="nothing"), "config.json: |not the weights"),
        (lambda folder: changed(folder, hidden_size="wide"), r"config\.json: not a configuration of vit"),
        (lambda folder: changed(folder, quantization_config={"quant_method": "bnb"}), "quantised weights"),
        (lambda folder: changed(folder, "preprocessor_config.json", size=48), "takes no input of 48 x 48"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 64), "not a readable weights file"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(spoil: Callable[[Path], object], said: str, copy: Path) -> None:
    spoil(copy)
    with pytest.raises(UsageError, match=said) as error:
        described(copy).load()
    assert str(copy) in one_line(error)
    assert str(error.value).isprintable()


# --- the folder ----------------------------------------------------------------------------------


def test_describing_a_folder_imports_neither_torch_nor_transformers(vit: Path) -> None:
    code = (
        "from reportgen.models.classifiers import resolve\nfrom reportgen.settings.model import Settings\n"
        f"settings = Settings(models=('hf:{vit}',))\nresolve(settings.models[0], settings)"
    )
    assert imported(code, ["torch", "transformers", "timm"]) == []


def test_config_json_is_part_of_what_names_the_network(copy: Path) -> None:
    """The heads of its attention, say, show in no weight."""
    before = described(copy).weights_sha256
    changed(copy, num_attention_heads=4)
    assert described(copy).weights_sha256 != before


def test_a_report_names_the_folder_by_its_last_part(vit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(vit.parent.parent)
    relative = f"{vit.parent.name}/vit"
    for given in (vit, relative, f"./{relative}", f"{vit}/"):
        settings = Settings(models=(f"hf:{given}",))
        assert settings.models == ("hf:vit",)
        assert settings.public()["weights"] == {"hf:vit": "vit"}
        assert resolve("hf:vit", settings).name == "hf:vit"
        assert Settings(**settings.model_dump()) == settings
    monkeypatch.chdir(vit)
    assert Settings(models=("hf:.",)).models == ("hf:vit",)


def test_a_repositorys_name_stays_unless_such_a_folder_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(models=("hf:google/vit-base",)).models == ("hf:google/vit-base",)
    (tmp_path / "google/vit-base").mkdir(parents=True)
    settings = Settings(models=("hf:google/vit-base",))
    assert (settings.models, settings.weights) == (("hf:vit-base",), {"hf:vit-base": "google/vit-base"})


def test_two_folders_of_one_name_are_told_apart_by_the_user(vit: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two models are called hf:vit"):
        Settings(models=(f"hf:{vit}", f"hf:{tmp_path}/vit"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "config.json").unlink(), "config.json: no such file"),
        (lambda folder: (folder / "config.json").write_text("[]"), "holds no JSON object"),
        (lambda folder: (folder / "config.json").write_text("[" * 10**5), "not a JSON file"),
        (lambda folder: (folder / "config.json").write_text("{" + "1" * 9999), "not a JSON file"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "has no preprocessor_config.json, which"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"has neither model\.safetensors nor pytorch_model"),
        (lambda folder: changed(folder, architectures=["ViTModel"]), "ViTModel is no image classifier"),
        (lambda folder: changed(folder, model_type=None), "neither a model_type of transformers nor timm"),
        (lambda folder: changed(folder, num_channels=1), "num_channels 1; images have three"),
        (lambda folder: changed(folder, problem_type="regression"), "problem_type 'regression' is no classification"),
    ],
)
def test_a_folder_that_cannot_work_is_refused_before_any_work(
    spoil: Callable[[Path], object], said: str, copy: Path
) -> None:
    spoil(copy)
    with pytest.raises(UsageError, match=said) as error:
        described(copy)
    assert str(copy) in one_line(error)


def test_weights_in_several_files_are_named(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "model-00001-of-00002.safetensors")
    (copy / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(UsageError, match=r"index\.json names several, save the model in one"):
        described(copy)


@pytest.mark.parametrize("name", ["hf:nowhere", "hf:./a/b", "hf:a/b/c", "hf:/etc/none", "hf:a/../b", "hf:"])
def test_a_folder_that_is_not_there_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(models=(name,))
    with pytest.raises(UsageError) as error:
        resolve(settings.models[0], settings)
    assert not isinstance(error.value, MissingWeights)
    assert "no such folder" in one_line(error) or "config.json: no such file" in one_line(error)


def test_without_transformers_the_extra_is_named(vit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"hf:vit: needs transformers; run pip install 'reportgen\[transformers\]'"):
        described(vit)


def test_a_processor_inside_a_combined_one_goes_first(copy: Path) -> None:
    inner = {**json.loads((copy / "preprocessor_config.json").read_text()), "resample": 0}
    (copy / "processor_config.json").write_text(json.dumps({"image_processor": inner}))
    assert described(copy).preprocessing.interpolation == "nearest"


# --- classes -------------------------------------------------------------------------------------


def test_classes_stand_in_the_order_of_their_indices(copy: Path) -> None:
    # A class may be called like a part of a network.
    changed(copy, id2label={str(i): NAMES[i] for i in (3, 1, 4, 0, 2)}, label2id={"CD player": 999})
    spec = described(copy)
    logits_module(copy, spec)
    assert spec.classes.names == ("cat", "dog", "owl", "newt", "moth")
    assert "placeholders" not in spec.source


def test_classes_of_one_name_carry_their_index(copy: Path) -> None:
    changed(copy, id2label={str(i): name for i, name in enumerate(("cat", "dog", "cat", "newt", "moth"))})
    spec = described(copy)
    assert spec.classes.names == ("cat (0)", "dog", "cat (2)", "newt", "moth")
    assert "stand more than once carry their index (cat)" in spec.source


@pytest.mark.parametrize("labels", [None, {str(i): f"LABEL_{i}" for i in range(5)}])
def test_placeholders_are_kept_and_said_to_be_such(labels: Any, copy: Path, tmp_path: Path) -> None:
    changed(copy, id2label=labels, num_labels=5)
    spec = described(copy)
    assert spec.classes.names == tuple(f"LABEL_{i}" for i in range(5))
    assert spec.source.endswith("its classes have no names, only placeholders")
    (tmp_path / "names.txt").write_text("a\nb\nc\nd\ne\n")
    named = described(copy, classes={"hf:copy": str(tmp_path / "names.txt")})
    assert named.classes.names == tuple("abcde")
    assert "placeholders" not in named.source


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"0": "a", "2": "b"}, "names 2 classes, and none with the index 1"),
        ({"0": "a", "one": "b"}, "none with the index 1"),
        ({"0": "a", "00": "b"}, "none with the index 1"),
        ({"0": "a", "1": " "}, "' ' is no name of a class"),
        ({"0": "a", "1": ["b"]}, "is no name of a class"),
        ({}, "holds no classes"),
        ("abc", "holds no classes"),
    ],
)
def test_classes_with_holes_or_without_names_are_refused(labels: Any, said: str, copy: Path) -> None:
    changed(copy, id2label=labels)
    with pytest.raises(UsageError, match=said) as error:
        described(copy)
    assert "config.json" in one_line(error)


def test_a_multi_label_model_is_read_as_such(copy: Path) -> None:
    changed(copy, problem_type="multi_label_classification")
    spec = described(copy)
    assert (spec.activation, spec.binary) == ("sigmoid", False)
    assert described(copy, head={spec.name: "softmax"}).activation == "softmax"


def test_one_output_is_two_classes(tmp_path: Path) -> None:
    save(tmp_path / "one", id2label={0: "LABEL_0"})
    with pytest.raises(UsageError, match="its network has one output; name its two classes") as error:
        described(tmp_path / "one")
    one_line(error)
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    spec = described(tmp_path / "one", classes={"hf:one": str(tmp_path / "names.txt")})
    assert (spec.activation, spec.binary, spec.classes.names) == ("sigmoid", True, ("cat", "dog"))
    network, x = spec.load(), torch.from_numpy(noise(32))
    with torch.no_grad():
        z, logits = network.model(x), network.head(*network.trunk(x))
    assert logits.shape == (1, 2)
    torch.testing.assert_close(logits, torch.cat([-z, z], 1), rtol=1e-4, atol=1e-4)


def test_imagenets_classes_are_recognised_by_their_synonyms(copy: Path) -> None:
    info = ImageNetInfo()
    labels = {str(i): info.label_name_to_description(wnid, detailed=False) for i, wnid in enumerate(info.label_names())}
    assert labels["0"] == "tench, Tinca tinca"
    changed(copy, id2label=labels)
    assert described(copy).classes == imagenet_classes()
    turned = {str(i): labels[str(999 - i)] for i in range(1000)}
    changed(copy, id2label=turned)
    assert described(copy).classes.wnids is None


# --- timm ----------------------------------------------------------------------------------------


def save_timm(folder: Path, name: str = "resnet10t", **config: Any) -> nn.Module:
    model = randomised(timm.create_model(name, num_classes=5))
    timm.models.save_for_hf(model, folder, safe_serialization=True, model_config=config or None)  # type: ignore[attr-defined]
    return model


@torch.no_grad()
def test_a_timm_repository_gives_timms_logits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no transformers on the machine."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    model = save_timm(tmp_path / "net", label_names=["a", "b", "c", "d", "e"], label_descriptions={"a": "an ant"})
    spec = described(tmp_path / "net")
    photograph = Image.open(photo_path("chelsea")).convert("RGB")
    theirs = create_transform(**resolve_data_config({}, model=model))(photograph)  # type: ignore[operator]
    ours = spec.preprocessing.normalise(model_frame(np.array(photograph), spec.preprocessing))
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)
    torch.testing.assert_close(spec.load().model(theirs[None]), model(theirs[None]), rtol=1e-5, atol=1e-5)
    assert spec.classes.names == ("an ant", "b", "c", "d", "e")
    assert spec.source.startswith("folder net, timm resnet10t; SHA-256")


def test_timms_way_to_squash_is_kept(tmp_path: Path) -> None:
    model = save_timm(tmp_path / "net")
    photograph = Image.open(photo_path("chelsea")).convert("RGB")
    for fraction, geometry in ((1.0, "squash"), (0.9, "squash_crop")):
        values = {"crop_mode": "squash", "crop_pct": fraction}
        config = json.loads((tmp_path / "net/config.json").read_text())
        changed(tmp_path / "net", pretrained_cfg={**config["pretrained_cfg"], **values})
        spec = described(tmp_path / "net")
        theirs = create_transform(**{**resolve_data_config({}, model=model), **values})(photograph)  # type: ignore[operator]
        ours = spec.preprocessing.normalise(model_frame(np.array(photograph), spec.preprocessing))
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)
        assert spec.preprocessing.geometry == geometry


def test_a_thousand_classes_without_names_are_imagenets_as_in_timm(tmp_path: Path) -> None:
    save_timm(tmp_path / "net")
    changed(tmp_path / "net", num_classes=1000)
    assert described(tmp_path / "net").classes == imagenet_classes()
    changed(tmp_path / "net", label_names=list(imagenet_classes().wnids or ()))
    assert described(tmp_path / "net").classes == imagenet_classes()


def test_what_transformers_wraps_of_timm_is_read_through_timm(tmp_path: Path) -> None:
    evaluated = timm.create_model("resnet10t").pretrained_cfg
    config = transformers.TimmWrapperConfig(architecture="resnet10t", num_labels=5, pretrained_cfg=evaluated)
    model = randomised(transformers.TimmWrapperForImageClassification(config))
    model.save_pretrained(tmp_path / "net")
    spec = described(tmp_path / "net")
    x = torch.rand(1, 3, 176, 176, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(spec.load().model(x), model(pixel_values=x).logits, rtol=1e-5, atol=1e-5)


EVALUATED = {
    "input_size": [3, 64, 64],
    "crop_pct": 0.9,
    "interpolation": "bicubic",
    "mean": [0.5] * 3,
    "std": [0.5] * 3,
}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"architecture": "resnet10000"}, "timm has no architecture 'resnet10000'"),
        ({"architecture": "hf-hub:someone/net"}, "timm has no architecture"),
        ({"num_classes": 0}, "num_classes 0 is no number from 1"),
        ({"model_args": {"checkpoint_path": "/etc/passwd"}}, "model_args says checkpoint_path"),
        ({"model_args": {"pretrained": True}}, "model_args says pretrained"),
        ({"model_args": {"nonsense": 3}}, "timm cannot build resnet10t of it"),
        ({"model_args": {"layers": [10**9] * 4}}, "layers is more than the weights have"),
        ({"model_args": {"stem_width": 8}}, "these are not the weights"),
        ({"model_args": {"stem_width": 10**7}}, "describes a network of [0-9]{16} numbers, and its weights are"),
        ({"pretrained_cfg": {"input_size": [1, 224, 224]}}, "input_size .* is not supported"),
        ({"pretrained_cfg": {**EVALUATED, "crop_mode": "border"}}, "crop_mode 'border' is not supported"),
        ({"pretrained_cfg": {**EVALUATED, "interpolation": "random"}}, "interpolation 'random' is not supported"),
        ({"pretrained_cfg": {**EVALUATED, "std": [0, 1, 1]}}, "std .* is not supported"),
        ({"pretrained_cfg": {**EVALUATED, "crop_pct": 0}}, "crop_pct 0 is not supported"),
        ({"pretrained_cfg": {**EVALUATED, "mean": None}}, "mean is missing"),
        ({"pretrained_cfg": None, "model_args": None}, "input_size is missing"),
        ({"label_names": ["a", "b"]}, "2 label_names for num_classes 5"),
    ],
)
def test_a_timm_repository_that_is_not_understood_is_one_line(
    values: dict[str, Any], said: str, tmp_path: Path
) -> None:
    save_timm(tmp_path / "net")
    changed(tmp_path / "net", **values)
    with pytest.raises(UsageError, match=said) as error:
        described(tmp_path / "net").load()
    assert str(tmp_path) in one_line(error)


def test_a_timm_repository_of_one_channel_is_refused_before_any_work(tmp_path: Path) -> None:
    save_timm(tmp_path / "net")
    model = timm.create_model("resnet10t", num_classes=5, in_chans=1)
    save_file(model.state_dict(), tmp_path / "net/model.safetensors")
    changed(tmp_path / "net", model_args={"in_chans": 1})
    with pytest.raises(UsageError, match=r"config\.json: the network takes no image of 176 x 176") as error:
        described(tmp_path / "net").load()
    one_line(error)


# --- a repository --------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No file of any repository is here."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    return tmp_path / "torch/hub/checkpoints"


def test_a_repository_that_is_not_here_asks_for_config_json_first(hub: Path) -> None:
    settings = Settings(models=("hf:ann/moths",))
    with pytest.raises(MissingWeights) as error:
        resolve("hf:ann/moths", settings)
    (remote,) = error.value.remotes
    assert remote.url == "https://huggingface.co/ann/moths/resolve/main/config.json"
    assert remote.path == hub / "ann--moths--config.json"
    assert "reportgen models fetch hf:ann/moths" in one_line(error)


@pytest.mark.parametrize("of_timm", [False, True])
def test_a_repository_is_fetched_file_by_file(
    of_timm: bool, vit: Path, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "net"
    if of_timm:
        save_timm(source)
    asked: list[str] = []

    def serve(remote: Any, progress: object) -> None:
        file = remote.url.removeprefix("https://huggingface.co/ann/moths/resolve/main/")
        asked.append(file)
        remote.path.parent.mkdir(parents=True, exist_ok=True)
        remote.path.write_bytes(((source if of_timm else vit) / file).read_bytes())
        if remote.check is not None:
            remote.check(remote.path)

    monkeypatch.setattr("reportgen.models.download.download", serve)
    settings = Settings(models=("hf:ann/moths",))
    assert len(fetch("hf:ann/moths", settings, Silent())) == len(asked)
    assert asked == ["config.json", "model.safetensors", *([] if of_timm else ["preprocessor_config.json"])]
    spec = resolve("hf:ann/moths", settings)
    assert spec.source.startswith("Hugging Face ann/moths, ")
    assert spec.weights_sha256 == described(source if of_timm else vit).weights_sha256
    assert fetch("hf:ann/moths", settings, Silent()) == []


def test_the_hubs_own_cache_is_used(vit: Path, hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda repository, file: str(vit / file))
    spec = resolve("hf:ann/moths", Settings(models=("hf:ann/moths",)))
    assert spec.classes.names == tuple(NAMES.values())


def test_a_folder_may_stand_in_for_a_repository(vit: Path, hub: Path) -> None:
    settings = Settings(models=("hf:ann/moths",), weights={"hf:ann/moths": str(vit)})
    assert resolve("hf:ann/moths", settings).source.startswith("folder vit, ")
