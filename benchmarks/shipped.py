"""The four explanations as their libraries' READMEs write them, on the same network, layer and input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from reportgen.analyses.lime.settings import LimeSettings
from reportgen.models.classifiers import Network, Preprocessing


class Whole(nn.Module):
    """The network as a user has it, counting what passes through.

    Attributes:
        layer: the module that the libraries hook: the last one with weights whose output is the trunk's, after its
            activation (`bn2` of EfficientNet-Lite, `layer4.2` of ResNet-50). Not the trunk as one module: AblationCAM
            replaces its layer, and would then skip all of the network's work.
    """

    def __init__(self, network: Network, side: int) -> None:
        super().__init__()
        self.model = network.model
        self.passes = 0
        self.layer = _post_activation(network, torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.passes += len(x)
        return self.model(x)


def _post_activation(network: Network, x: torch.Tensor) -> nn.Module:
    outputs: list[tuple[nn.Module, torch.Tensor]] = []

    def keep(module: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, torch.Tensor) and next(module.parameters(), None) is not None:
            outputs.append((module, output.clone()))

    hooks = [module.register_forward_hook(keep) for module in network.model.modules()]
    with torch.no_grad():
        wanted = network.trunk(x)[0].clone()
        outputs.clear()
        network.model(x)
    for hook in hooks:
        hook.remove()
    # A module ends before the one that holds it.
    return next(module for module, output in outputs if output.shape == wanted.shape and torch.equal(output, wanted))


@contextmanager
def quiet() -> Iterator[None]:
    """The libraries' own progress bars off: they would be timed as well."""
    import tqdm

    original = tqdm.tqdm.__init__

    def without_bar(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **{**kwargs, "disable": True})

    tqdm.tqdm.__init__ = without_bar
    try:
        yield
    finally:
        tqdm.tqdm.__init__ = original


def cam(method: str, model: Whole, x: np.ndarray, target: int) -> np.ndarray:
    """(H, W) map of grad-cam's GradCAM, AblationCAM or ScoreCAM; `x` is the (3, H, W) network input."""
    import pytorch_grad_cam as library
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    made = {"gradcam": library.GradCAM, "ablationcam": library.AblationCAM, "scorecam": library.ScoreCAM}[method]
    with quiet(), made(model=model, target_layers=[model.layer]) as explainer:
        return explainer(input_tensor=torch.from_numpy(x[None]), targets=[ClassifierOutputTarget(target)])[0]


@dataclass(frozen=True)
class LimeResult:
    """lime's mask, (H, W) bool, and its superpixel weights."""

    mask: np.ndarray
    weights: dict[int, float]


def lime(
    model: Whole, frame: np.ndarray, preprocessing: Preprocessing, target: int, seed: int, settings: LimeSettings
) -> LimeResult:
    """lime's LimeImageExplainer with the write-up's parameters, under the draw that `seed` gives."""
    from lime.lime_image import LimeImageExplainer

    def classifier_fn(images: np.ndarray) -> np.ndarray:
        batch = np.stack([preprocessing.normalise(image) for image in images])
        with torch.no_grad():
            return torch.softmax(model(torch.from_numpy(batch)), dim=1).numpy()

    with quiet():
        explainer = LimeImageExplainer(random_state=np.random.RandomState(seed))
        explanation = explainer.explain_instance(
            frame,
            classifier_fn,
            top_labels=settings.top_labels,
            hide_color=settings.hide_color,
            num_features=settings.num_features,
            num_samples=settings.num_samples,
            random_seed=seed % 1000,  # given, so that drawing it does not move the perturbation's draw
        )
    _, mask = explanation.get_image_and_mask(target, positive_only=True, num_features=settings.num_features)
    return LimeResult(mask.astype(bool), dict(explanation.local_exp[target]))
