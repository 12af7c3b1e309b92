"""`resnet18_places365`: ResNet-18 trained on Places365 (Zhou et al., 2017), as its authors publish it.

The checkpoint is a dict whose `state_dict` has keys prefixed `module.` and 365 outputs; the names of the categories stand in a
file of their own. No hash of either is published, so a fetched file is checked by its form.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from reportgen.models.classifiers import torchvision_zoo
from reportgen.models.classifiers.base import ClassifierSpec, ClassList, Preprocessing
from reportgen.models.classifiers.class_files import read_class_names
from reportgen.models.classifiers.weights import EMBEDDED, MissingWeights, Remote, local_weights, torch_hub_file
from reportgen.utils.hashing import file_sha256
from reportgen.utils.untrusted_files import user_path

NAME = "resnet18_places365"
CLASSES = 365
WEIGHTS_URL = "https://places2.csail.mit.edu/models_places365/resnet18_places365.pth.tar"
CATEGORIES_URL = "https://raw.githubusercontent.com/CSAILVision/places365/master/categories_places365.txt"


def spec(weights: dict[str, str], classes: dict[str, str], geometry: Literal["crop", "squash"]) -> ClassifierSpec:
    """The classifier. Without the category file its classes are called `place 0` to `place 364`.

    Raises:
        UsageError: the checkpoint is not on this machine, or the category file is not one.
    """
    local = local_weights(NAME, weights)
    path = local or torch_hub_file("resnet18_places365.pth.tar")
    if not path.is_file():
        raise MissingWeights(NAME, (Remote(WEIGHTS_URL, path, check=_require_network),), EMBEDDED)
    return ClassifierSpec(
        name=NAME,
        source=f"local file {path.name}" if local else "Places365-CNNs, CSAIL Vision",
        weights_sha256=file_sha256(path),
        # As in the authors' training script: 256, centre crop, ImageNet's mean and standard deviation.
        preprocessing=Preprocessing(
            size=224,
            resize=256,
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
            interpolation="bilinear",
            geometry=geometry,
        ),
        classes=ClassList(_category_names(classes)),
        packages=("torchvision", "torch"),
        load=partial(torchvision_zoo.load, NAME, "resnet18", path, CLASSES),
    )


def categories() -> Remote:
    """The category file beside the weights; it is fetched with them."""
    return Remote(CATEGORIES_URL, torch_hub_file("categories_places365.txt"), check=_require_categories)


def _category_names(classes: dict[str, str]) -> tuple[str, ...]:
    fetched = categories().path
    given = classes.get(NAME)
    if given is None and not fetched.is_file():
        return tuple(f"place {index}" for index in range(CLASSES))
    return read_class_names(user_path(given) if given is not None else fetched, CLASSES)


def _require_network(path: Path) -> None:
    torchvision_zoo.load(NAME, "resnet18", path, CLASSES)


def _require_categories(path: Path) -> None:
    read_class_names(path, CLASSES)
