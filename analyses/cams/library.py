"""Methods as the library `grad-cam` (`pytorch_grad_cam`) has them, on the activations that all methods share.

The library explains a layer of a module: it hooks the layer and runs the module. It is given a module of one call's own, a
layer that passes on what it gets and the network's head after it, and the activations as that module's input. So the trunk is
not run again, only the head is differentiated, and the hooks stand on that layer, never on the network that threads share.

From the library comes the sum over channels, each method's own part. What follows is ours (`maps.in_frame`) and equal: the
library's `scale_cam_image` too takes the positive part, goes from the least to the greatest value, and resizes as `cv2.resize`
does; ours also says which maps are constant but for rounding. Tests hold the maps to those of the library as shipped,
hooked on the layer of the whole network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from reportgen.analysis.view import View
from reportgen.utils.concurrency import PROCESS_WIDE, engine_lock

from .maps import Cam, in_frame

if TYPE_CHECKING:
    import torch
    from torch import nn

LIBRARY = "grad-cam"
Explain = Callable[[View, int], Cam]
# What the library, torch, numpy or scikit-learn raise on a network that a method cannot explain.
FAILURES = (ArithmeticError, AttributeError, IndexError, RuntimeError, TypeError, ValueError)


class MethodFailure(Exception):
    """A method cannot explain this image on this network; the message is the reason, one line."""


def library_method(name: str, target: str = "ClassifierOutputTarget") -> Explain:
    """The method of a class of `pytorch_grad_cam`.

    Args:
        name: of the class.
        target: class of `pytorch_grad_cam.utils.model_targets`: what of the logits is explained; by default the target's logit.
    """

    def explain(view: View, index: int) -> Cam:
        import pytorch_grad_cam as library
        from pytorch_grad_cam.utils import model_targets

        method, explained = getattr(library, name), getattr(model_targets, target)(index)
        return _explained(view, lambda module, layer: _keeping(method)(module, [layer]), targets=[explained])

    return explain


def finercam(view: View, target: int) -> Cam:
    """Finer-CAM of class `target` against the three classes whose logits are nearest to its own, on Grad-CAM.

    Raises:
        MethodFailure: the network knows no other class.
    """
    import pytorch_grad_cam as library

    if view.forward.logits.shape[1] < 2:
        raise MethodFailure("the network knows no other class to compare with")
    base = _keeping(library.GradCAM)
    return _explained(
        view,
        lambda module, layer: library.FinerCAM(module, [layer], base_method=base),
        targets=None,
        target_idx=target,
    )


# The library has no types: its objects are Any.
def _explained(view: View, make: Callable[[nn.Module, nn.Module], Any], **asked: object) -> Cam:
    """What the explainer that `make` returns says when it is called with `asked`.

    Raises:
        MethodFailure: it raises, or its sum is not finite.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    leaf, *context = (
        torch.from_numpy(np.ascontiguousarray(values)).to(view.engine.record.device)
        for values in (view.forward.activations, *view.forward.context)
    )
    leaf.requires_grad_(True)
    module = _head_alone(view.engine.head, leaf, context)
    # Fused attention has no second derivative on the CPU, and ShapleyCAM takes one.
    with engine_lock(), _numpy_draws_from(0), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        explainer = make(module, module.layer)
        hooked = getattr(explainer, "base_cam", explainer)  # Finer-CAM holds the method that does the work
        try:
            explainer(leaf, **asked)
        except torch.cuda.OutOfMemoryError:
            raise  # it says nothing of the method
        except FAILURES as error:
            raise MethodFailure(f"{type(error).__name__}: {(str(error) or 'no message').splitlines()[0]}") from None
        finally:
            _release(hooked)
    summed: np.ndarray = hooked.summed[0].astype(np.float64)
    if not np.isfinite(summed).all():
        raise MethodFailure("the map is not finite")
    saliency, degenerate = in_frame(summed, view.frame.shape[:2], float(np.abs(summed).max()))
    return Cam(saliency, None, forward_passes=1, head_passes=1, degenerate=degenerate)


def _head_alone(head: nn.Module, like: torch.Tensor, context: Sequence[torch.Tensor]) -> Any:
    """A module that passes activations through `layer`, which does nothing, to the head; all share one image's context."""
    import torch
    from torch import nn

    from reportgen.models.classifiers.splitting.parts import repeated

    class HeadAlone(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Identity()
            self.head = head
            # The library asks a module's first parameter for its device, and a head may have none.
            self.place = nn.Parameter(torch.empty(0, device=like.device), requires_grad=False)

        def forward(self, activations: torch.Tensor) -> torch.Tensor:
            shared = (repeated(values, len(activations)) for values in context)
            logits: torch.Tensor = self.head(self.layer(activations), *shared)
            return logits

    return HeadAlone()


def _keeping(method: Any) -> Any:
    """The class of the library, with what it sums over channels, (1, h, w), kept as `summed` before it is scaled."""

    class Keeping(method):  # type: ignore[misc]  # the library is not typed
        def get_cam_image(self, *args: object, **kwargs: object) -> np.ndarray:
            summed: np.ndarray = super().get_cam_image(*args, **kwargs)
            self.summed = summed
            return summed

    return Keeping


def _release(hooked: Any) -> None:
    """Let go of hooks and tensors. Those of ShapleyCAM may be views, which the library's own release cannot detach."""
    hooked.outputs = None
    hooked.activations_and_grads.activations = []
    hooked.activations_and_grads.gradients = []
    hooked.activations_and_grads.release()


@contextmanager
def _numpy_draws_from(seed: int) -> Iterator[None]:
    """numpy's global generator starts anew for the block and is put back after it.

    KPCA-CAM's solver draws from it where the grid is large, and offers no seed; equal runs must give equal maps.
    """
    with PROCESS_WIDE:
        before = np.random.get_state()
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(before)
