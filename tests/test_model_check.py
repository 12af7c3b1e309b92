"""`reportgen models check NAME`: what can be explained of a model, seen by running it; exit codes 0, 1 and 2."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch

from onnx_files import Body, Classifier, exported
from reportgen.models.classifiers import ClassifierSpec
from reportgen.pipeline.model_check import ModelCheck, check_model
from reportgen.pipeline.providers import Providers
from reportgen.report.provenance import RuntimeRecord
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError
from test_cli import call  # noqa: F401  # a fixture
from toys import PooledHead, network, toy_network, toy_spec


def checked(found: ClassifierSpec, tmp_path: Path, runtime: str = "torch") -> ModelCheck:
    record = RuntimeRecord(name=runtime, precision="exact", device="cpu")
    known = Providers(classifier=lambda *_: found, runtime=lambda *_: record)
    return check_model(Settings(models=(found.name,)), tmp_path, known)


def test_the_check_takes_no_part_of_the_network_off_its_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU the methods that are tried after it would find their input on one device and the head on another."""
    made, moved = toy_network(), []
    own = torch.nn.Module.cpu
    monkeypatch.setattr(torch.nn.Module, "cpu", lambda module: (moved.append(module), own(module))[1])
    assert "Split" in dict(checked(toy_spec(made), tmp_path).rows)
    assert not {id(part) for module in moved for part in module.modules()} & {id(part) for part in made.model.modules()}


def test_a_network_with_everything_says_yes_to_everything(tmp_path: Path) -> None:
    made = toy_network(linear=True)
    rows = dict(checked(toy_spec(made), tmp_path).rows)
    assert rows["Classes"].startswith("5, names of its source: class 0 to class 4")
    assert rows["Outputs"] == "probabilities by a softmax over all classes"
    assert rows["Input"].startswith("32 x 32 pixels")
    assert rows["Feature map"] == "10 channels on a 8 × 8 grid"
    assert rows["Head"] == "global average pooling and one linear layer, in closed form"
    error = re.search(r"by (\S+) \(relative\)", rows["Split"])
    assert error and float(error[1]) < 1e-5
    assert rows["Class activation maps"].startswith("yes: Grad-CAM, AblationCAM, ScoreCAM, Grad-CAM++, HiResCAM")
    for title in ("LIME", "Agreement of Grad-CAM and LIME", "Faithfulness of the maps", "Sanity check of the maps"):
        assert rows[title] == "yes"
    assert rows["Network dissection"].startswith("no: toy: its stages are not known")


def test_a_split_that_is_not_the_whole_shows(tmp_path: Path) -> None:
    made = toy_network(linear=True)
    other = replace(made, model=toy_network(1, linear=True).model)
    rows = dict(checked(toy_spec(other), tmp_path).rows)
    error = re.search(r"by (\S+) \(relative\)", rows["Split"])
    assert error and float(error[1]) > 0.1


def test_both_sides_of_one_output_are_held_against_it(tmp_path: Path) -> None:
    path, names = tmp_path / "one.pth", tmp_path / "two.txt"
    torch.manual_seed(0)
    torch.save(timm.create_model("test_resnet", num_classes=1).state_dict(), path)
    names.write_text("cat\ndog\n")
    name = "timm:test_resnet"
    found = check_model(
        Settings(models=(name,), weights={name: str(path)}, classes={name: str(names)}, runtime="torch"), tmp_path
    )
    rows = dict(found.rows)
    error = re.search(r"by (\S+) \(relative\)", rows["Split"])
    assert error and float(error[1]) < 1e-5
    assert rows["Outputs"].startswith("one, read as two classes")


def test_a_method_that_fails_is_named_with_its_reason(tmp_path: Path) -> None:
    one_class = network(Body().eval(), PooledHead(6, 1).eval())
    rows = dict(checked(toy_spec(one_class, classes=1), tmp_path).rows)
    assert "Finer-CAM" not in rows["Class activation maps"]
    assert rows["  without Finer-CAM"] == "the network knows no other class to compare with"


def test_what_cannot_be_split_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    def load() -> Any:
        raise UsageError("toy: has no convolutional feature map to explain")

    found = checked(replace(toy_spec(toy_network()), load=load), tmp_path)
    assert found.failure == "toy: has no convolutional feature map to explain"
    assert [name for name, _ in found.rows] == ["Source", "Weights", "Classes", "Outputs", "Input"]


def test_answers_that_are_no_numbers_are_a_failure(tmp_path: Path) -> None:
    made = toy_network(linear=True)
    with torch.no_grad():
        made.head.linear.bias.fill_(np.nan)  # type: ignore[union-attr, operator]
    failure = checked(toy_spec(made), tmp_path).failure
    assert failure is not None and "no number" in failure


# --- the command ---------------------------------------------------------------------------------


def table(text: str) -> dict[str, str]:
    rows = (
        re.split(r"\s{2,}", line.rstrip(), maxsplit=1) for line in text.splitlines() if line and not line[0].isspace()
    )
    return {row[0]: row[1] for row in rows if len(row) == 2}


def test_an_onnx_file_is_checked_from_the_command_line(call: Any, tmp_path: Path) -> None:  # noqa: F811
    path, names = exported(Classifier(), tmp_path / "net.onnx"), tmp_path / "names.txt"
    names.write_text("\n".join("abcde"))
    (tmp_path / "own.toml").write_text(f'[classes]\n"onnx:{path}" = "{names}"\n')
    ended = call("models", "check", f"onnx:{path}", "--config", str(tmp_path / "own.toml"))
    assert ended.code == 0, ended.err
    rows = table(ended.out)
    assert rows["Source"].startswith("local file net.onnx")
    assert rows["Classes"] == "5, names from names.txt: a to e"
    assert rows["Backend"].startswith("openvino on cpu, exact precision")
    assert rows["Feature map"] == "6 channels on a 8 × 8 grid"
    assert rows["Network dissection"] == "yes: feature map (6 units)"
    assert rows["Sanity check of the maps"].startswith("no: an ONNX file holds no torch network")
    assert str(tmp_path) not in ended.out


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("efficientnet_lite9", "did you mean efficientnet_lite"),
        ("onnx:nothing.onnx", "nothing.onnx: no such ONNX file"),
        ("onnx:broken.onnx", "broken.onnx: not an ONNX file"),
        ("timm:resnet10t", "is not on this machine"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    name: str,
    said: str,
    call: Any,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "broken.onnx").write_bytes(b"hello")
    ended = call("models", "check", name)
    assert (ended.code, ended.out) == (2, "")
    (line,) = ended.err.strip().splitlines()
    assert said in line


def test_a_file_of_another_network_is_exit_code_1_or_2_and_one_line(call: Any, tmp_path: Path) -> None:  # noqa: F811
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    (tmp_path / "own.toml").write_text(f'[weights]\n"timm:resnet10t" = "{tmp_path / "other.pth"}"\n')
    ended = call("models", "check", "timm:resnet10t", "--config", str(tmp_path / "own.toml"))
    assert ended.code in (1, 2)  # 1: found out by loading it; 2: by its names and shapes, before
    (line,) = ended.err.strip().splitlines()
    assert "other.pth" in line


@pytest.mark.slow
@pytest.mark.parametrize("name", ["efficientnet_lite0", "timm:resnet10t"])
def test_networks_of_the_libraries(name: str, call: Any, tmp_path: Path) -> None:  # noqa: F811
    if name.startswith("timm:"):
        torch.manual_seed(0)
        torch.save(timm.create_model(name.removeprefix("timm:")).state_dict(), tmp_path / "own.pth")
        (tmp_path / "own.toml").write_text(f'[weights]\n"{name}" = "{tmp_path / "own.pth"}"\n')
    else:
        (tmp_path / "own.toml").write_text("")
    ended = call("models", "check", name, "--config", str(tmp_path / "own.toml"))
    assert ended.code == 0, ended.err
    rows = table(ended.out)
    assert rows["Classes"] == "1000, names of ImageNet: tench to toilet tissue"
    error = re.search(r"by (\S+) \(relative\)", rows["Split"])
    assert error and float(error[1]) < 1e-4
    assert rows["Network dissection"].count("units") == 5
    assert rows["Sanity check of the maps"] == "yes"
    without = [line for line in ended.out.splitlines() if line.startswith("  without")]
    assert len(without) == 2 and all("no self-attention" in line for line in without)
