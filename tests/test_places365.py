"""ResNet-18 Places365 in its authors' format, and a checkpoint of one's own: made files with random values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import models

from reportgen.models.classifiers import ClassifierSpec, MissingWeights, missing_classifier_files, places365, resolve
from reportgen.models.classifiers.class_files import read_class_names
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError

NAME = "resnet18_places365"


def authors_checkpoint(path: Path, classes: int = 365) -> Path:
    """As published: written by an old torch, `module.` before every key, no batch counters, a score beside the weights."""
    torch.manual_seed(1)
    state = models.resnet18(weights=None, num_classes=classes).state_dict()
    wrapped = {f"module.{key}": value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    content = {"epoch": 90, "arch": "resnet18", "state_dict": wrapped, "best_prec1": torch.tensor(54.2)}
    torch.save(content, path, _use_new_zipfile_serialization=False)
    return path


def category_file(path: Path, classes: int = 365) -> Path:
    """The authors' form: a path by first letter, a space, the index."""
    lines = [f"/m/made_up_{index}/outdoor {index}" for index in range(classes)]
    path.write_text("\n".join(reversed(lines)) + "\n")
    return path


def places(weights: Path, categories: Path | None = None) -> ClassifierSpec:
    classes = {NAME: str(categories)} if categories else {}
    return resolve(NAME, Settings(weights={NAME: str(weights)}, classes=classes))


@pytest.fixture(autouse=True)
def own_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_the_authors_checkpoint_loads_with_its_categories(tmp_path: Path) -> None:
    spec = places(authors_checkpoint(tmp_path / "w.pth.tar"), category_file(tmp_path / "c.txt"))
    network = spec.load()
    assert spec.classes.names[:2] == ("made up 0, outdoor", "made up 1, outdoor")
    assert (len(spec.classes), spec.classes.wnids) == (365, None)
    assert (spec.preprocessing.resize, spec.preprocessing.size) == (256, 224)
    assert network.linear is not None and network.linear.weight.shape == (365, 512)
    state = torch.load(tmp_path / "w.pth.tar", weights_only=True)["state_dict"]
    assert (network.linear.weight == state["module.fc.weight"].numpy()).all()
    assert list(network.stages) == ["conv1", "layer1", "layer2", "layer3", "layer4"]


def test_without_a_category_file_classes_are_numbered(tmp_path: Path) -> None:
    names = places(authors_checkpoint(tmp_path / "w.pth.tar")).classes.names
    assert (names[0], names[364], len(names)) == ("place 0", "place 364", 365)


def test_fetched_files_are_found(own_hub: Path) -> None:
    assert [remote.path.parent for remote in missing_classifier_files(NAME, Settings())] == [own_hub, own_hub]
    authors_checkpoint(own_hub / "resnet18_places365.pth.tar")
    (rest,) = missing_classifier_files(NAME, Settings())
    assert rest.url == places365.CATEGORIES_URL
    category_file(own_hub / "categories_places365.txt")
    assert missing_classifier_files(NAME, Settings()) == []
    assert resolve(NAME, Settings()).classes.names[0] == "made up 0, outdoor"


def test_what_is_fetched_is_checked_by_its_form(tmp_path: Path) -> None:
    weights, categories = missing_classifier_files(NAME, Settings())
    assert weights.check and categories.check
    weights.check(authors_checkpoint(tmp_path / "good.pth.tar"))
    categories.check(category_file(tmp_path / "good.txt"))
    with pytest.raises(UsageError, match="fc"):
        weights.check(authors_checkpoint(tmp_path / "other.pth.tar", classes=10))
    with pytest.raises(UsageError, match="10 class names, 365 expected"):
        categories.check(category_file(tmp_path / "short.txt", classes=10))


def test_missing_weights_are_one_line_that_says_what_to_do(own_hub: Path) -> None:
    with pytest.raises(MissingWeights) as missing:
        resolve(NAME, Settings())
    (line,) = missing.value.lines
    assert "resnet18_places365.pth.tar" in line and str(own_hub) in line and "reportgen models fetch" in line


@pytest.mark.parametrize("damage", ["truncated", "text", "code"])
def test_a_wrong_file_says_so(tmp_path: Path, damage: str) -> None:
    path = authors_checkpoint(tmp_path / "w.pth.tar")
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:100_000])
    elif damage == "text":
        path.write_text("<html>404</html>")
    else:
        torch.save({"state_dict": {"module.fc.weight": Path()}}, path)
    with pytest.raises(UsageError, match=r"w\.pth\.tar"):
        places(path).load()


@pytest.mark.parametrize(
    ("text", "message"),
    [("/a/one 0\n/a/two 0\n", "each once"), ("cat\ndog\n", "2 class names, 365 expected"), ("", "365 expected")],
)
def test_a_wrong_category_file_says_so(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.txt"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_class_names(path, 365)


# --- checkpoint:PATH -----------------------------------------------------------------------------


@pytest.fixture
def flowers(tmp_path: Path) -> tuple[Path, Path]:
    torch.manual_seed(2)
    weights, names = tmp_path / "flowers.pth", tmp_path / "flowers.txt"
    torch.save(models.resnet18(weights=None, num_classes=3).state_dict(), weights)
    names.write_text("rose\ntulip\nlily\n\n")
    return weights, names


def test_a_checkpoint_of_ones_own(flowers: tuple[Path, Path]) -> None:
    weights, names = flowers
    settings = Settings(
        models=(f"checkpoint:{weights}",),
        architectures={"checkpoint:flowers.pth": "torchvision:resnet18"},
        classes={"checkpoint:flowers.pth": str(names)},
    )
    assert settings.models == ("checkpoint:flowers.pth",)
    assert str(weights.parent) not in str(settings.public())
    spec = resolve(settings.models[0], settings)
    network = spec.load()
    assert spec.classes.names == ("rose", "tulip", "lily")
    with torch.no_grad():
        assert network.head(*network.trunk(torch.zeros(1, 3, 224, 224))).shape == (1, 3)
    assert np.isfinite(network.linear.weight).all() if network.linear else False


def test_a_timm_checkpoint_of_ones_own(tmp_path: Path) -> None:
    import timm

    weights, names = tmp_path / "own.pth", tmp_path / "names.txt"
    torch.save(timm.create_model("resnet18", pretrained=False, num_classes=2).state_dict(), weights)
    names.write_text("yes\nno\n")
    key = f"checkpoint:{weights}"
    settings = Settings(models=(key,), architectures={key: "timm:resnet18"}, classes={key: str(names)})
    network = resolve(settings.models[0], settings).load()
    assert network.linear is not None and network.linear.weight.shape == (2, 512)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({}, "say which network"),
        ({"architectures": {"checkpoint:flowers.pth": "resnet18"}}, "say which network"),
        ({"architectures": {"checkpoint:flowers.pth": "torchvision:resnet18"}}, "give its class names"),
    ],
)
def test_a_checkpoint_needs_architecture_and_classes(
    flowers: tuple[Path, Path], groups: dict[str, dict[str, str]], message: str
) -> None:
    settings = Settings(models=(f"checkpoint:{flowers[0]}",), **groups)
    with pytest.raises(UsageError, match=message):
        resolve(settings.models[0], settings)


def test_two_checkpoints_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="rename one"):
        Settings(models=("checkpoint:a/x.pth", "checkpoint:b/x.pth"))


def test_a_missing_checkpoint_names_the_file(tmp_path: Path) -> None:
    settings = Settings(models=(f"checkpoint:{tmp_path / 'no.pth'}",))
    with pytest.raises(UsageError, match=r"no\.pth"):
        resolve(settings.models[0], settings)
