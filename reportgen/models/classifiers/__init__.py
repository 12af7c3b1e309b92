"""Classifiers by name: `efficientnet_lite0`, `resnet50`, `torchvision:NAME`, `timm:NAME`, `resnet18_places365`, `checkpoint:PATH`,
`onnx:PATH`, `hf:FOLDER`, `hf:USER/NAME`."""

from reportgen.models.classifiers.base import ClassifierSpec, ClassList, LinearHead, Network, Preprocessing
from reportgen.models.classifiers.registry import ModelRow, list_classifiers, missing_classifier_files, resolve
from reportgen.models.classifiers.weights import MissingWeights, Remote

# re-exported
__all__ = [
    "ClassList",
    "ClassifierSpec",
    "LinearHead",
    "MissingWeights",
    "ModelRow",
    "Network",
    "Preprocessing",
    "Remote",
    "list_classifiers",
    "missing_classifier_files",
    "resolve",
]
