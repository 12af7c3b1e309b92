"""The methods: the only table of what they are called, what they do, who devised them, and which function computes them.

Grad-CAM, AblationCAM and ScoreCAM are those of the write-up and have shortcuts of their own (`maps`); every other method runs
through the library `grad-cam` (`library`, where what is the library's and what is ours is said). The table takes each class
of the library that explains one layer for one class and needs no more. Left out are RandomCAM, which knows nothing of the
image; FullGrad, which explains the bias terms of the whole network; RefineCAM, which needs several layers; and SESS, which
applies another method to pieces of the image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reportgen.models.classifiers.base import FeatureLayer

from .attention import attention_rollout, gradient_attention
from .library import Explain, finercam, library_method
from .maps import ablationcam, gradcam, scorecam
from .settings import GRADIENT, OF_ATTENTION, ROLLOUT, CamMethod


@dataclass(frozen=True)
class Method:
    """One method.

    Attributes:
        label: what pages call it.
        definition: what it does, one sentence; `{unit}`, `{place}` and `{places}` stand for the words of the layer (`layer_words`).
        work: key of the work that it comes from.
        explain: (view, index of the class) -> its map.
        own_weights: whether the map is a sum of channels, each weighed as a whole.
        of_class: whether the map depends on the class at all.
        of_component: whether it is a principal component, whose sign is arbitrary.
        of_attention: whether it is read from the network's attention, and not from activations.
    """

    name: CamMethod
    label: str
    definition: str
    work: str
    explain: Explain
    own_weights: bool = True
    of_class: bool = True
    of_component: bool = False
    of_attention: bool = False


_METHODS = (
    Method(
        "gradcam",
        "Grad-CAM",
        "Grad-CAM weighs each {unit} by the mean gradient of the target logit over all {places}.",
        "selvaraju2017",
        gradcam,
    ),
    Method(
        "ablationcam",
        "AblationCAM",
        "AblationCAM weighs each {unit} by the share of the target logit that is lost when it is set to zero at every {place}.",
        "desai2020",
        ablationcam,
    ),
    Method(
        "scorecam",
        "ScoreCAM",
        "ScoreCAM masks the input with each {unit} in turn and weighs the {unit} by the softmax, over {unit}s, of the target logit on "
        "the masked input.",
        "wang2020",
        scorecam,
    ),
    Method(
        "gradcam++",
        "Grad-CAM++",
        "Grad-CAM++ weighs each {unit} by the sum of its positive gradients, each times a factor of its second and third power "
        "that stands for its share in the logit.",
        "chattopadhyay2018",
        library_method("GradCAMPlusPlus"),
    ),
    Method(
        "hirescam",
        "HiResCAM",
        "HiResCAM weighs each activation by its own gradient, {place} by {place}.",
        "draelos2020",
        library_method("HiResCAM"),
        own_weights=False,
    ),
    Method(
        "xgradcam",
        "XGrad-CAM",
        "XGrad-CAM weighs each {unit} by the mean of its gradient, each {place} counting as its activation.",
        "fu2020",
        library_method("XGradCAM"),
    ),
    Method(
        "layercam",
        "LayerCAM",
        "LayerCAM weighs each activation by the positive part of its own gradient.",
        "jiang2021",
        library_method("LayerCAM"),
        own_weights=False,
    ),
    Method(
        "gradcamelementwise",
        "Element-wise Grad-CAM",
        "Element-wise Grad-CAM, a variant of the library's, sums the positive products of activation and gradient.",
        "selvaraju2017",
        library_method("GradCAMElementWise"),
        own_weights=False,
    ),
    Method(
        "eigencam",
        "Eigen-CAM",
        "Eigen-CAM projects the activations of each {place} on their first principal component over all of them, whatever the class.",
        "muhammad2020",
        library_method("EigenCAM"),
        own_weights=False,
        of_class=False,
        of_component=True,
    ),
    Method(
        "eigengradcam",
        "Eigen-Grad-CAM",
        "Eigen-Grad-CAM, a variant of the library's, is Eigen-CAM of the products of activation and gradient.",
        "muhammad2020",
        library_method("EigenGradCAM"),
        own_weights=False,
        of_component=True,
    ),
    Method(
        "segeigencam",
        "Seg-Eigen-CAM",
        "Seg-Eigen-CAM is Eigen-CAM of the products of activation and absolute gradient, with the sign that makes the "
        "value of largest size positive.",
        "chung2025",
        library_method("SegEigenCAM"),
        own_weights=False,
    ),
    Method(
        "kpcacam",
        "KPCA-CAM",
        "KPCA-CAM is Eigen-CAM with the first component of a kernel PCA, of the sigmoid kernel.",
        "karmani2024",
        library_method("KPCA_CAM"),
        own_weights=False,
        of_class=False,
        of_component=True,
    ),
    Method(
        "fem",
        "FEM",
        "FEM weighs each {unit} by the share of {places} where it lies more than two standard deviations above its mean, "
        "whatever the class.",
        "fuad2020",
        library_method("FEM"),
        of_class=False,
    ),
    Method(
        "finercam",
        "Finer-CAM",
        "Finer-CAM is Grad-CAM of how far the target logit lies above those of the three classes that come nearest to it, "
        "weighed by the softmax of their logits.",
        "zhang2025",
        finercam,
    ),
    Method(
        "shapleycam",
        "ShapleyCAM",
        "ShapleyCAM weighs each {unit} by the mean, over {places}, of gradient less half of the Hessian's product with the "
        "activations, both of the target logit plus its log-softmax.",
        "cai2025",
        library_method("ShapleyCAM", target="ClassifierOutputReST"),
    ),
    Method(
        ROLLOUT,
        "Attention rollout",
        "Attention rollout multiplies the attention of all layers, its mean over heads and half of each layer for the residual "
        "connection: how much of each {place} reaches what the logits are read from, whatever the class.",
        "abnar2020",
        attention_rollout,
        own_weights=False,
        of_class=False,
        of_attention=True,
    ),
    Method(
        GRADIENT,
        "Gradient-weighted attention",
        "Gradient-weighted attention goes through the layers from the first: each passes on what was gathered before it by the mean over "
        "heads of its attention times the gradient of the target logit by it, where that product is positive, and adds it.",
        "chefer2021",
        gradient_attention,
        own_weights=False,
        of_attention=True,
    ),
)
METHODS: Mapping[str, Method] = {method.name: method for method in _METHODS}
# Those of the write-up, which its claims C2 to C7 speak of.
WRITEUP = ("gradcam", "ablationcam", "scorecam")


def methods_for(asked: Sequence[str], layer: FeatureLayer, *, attention: bool) -> tuple[str, ...]:
    """The methods that explain a network: those that are asked for, and where its attention can be read those that read it.

    Args:
        attention: whether they are wanted.
    """
    further = [method for method in OF_ATTENTION if attention and layer.attention_layers and method not in asked]
    return (*asked, *further)


def label(method: str) -> str:
    """What pages call a method."""
    return METHODS[method].label
