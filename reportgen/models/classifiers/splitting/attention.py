"""What the self-attention layers of a network weigh, and the gradient of a logit by it: read from the network as its library built it.

Networks compute attention in one fused step that shows no weights. For one pass they are told to show them (timm's `fused_attn`), or
the step is done again by hand from what went into it (torch's own `nn.MultiheadAttention`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

TOLERANCE = 1e-4


@dataclass
class Attention:
    """One layer's attention over an image's tokens.

    Attributes:
        weights: (heads, T, T), each row from a token to all tokens, of sum 1.
        gradient: of a logit by them, the same shape.
    """

    weights: torch.Tensor
    gradient: torch.Tensor


def attention_layers(model: nn.Module, x: torch.Tensor, tokens: int) -> int:
    """How many layers of self-attention over all `tokens` of one image (1, 3, H, W) can be read; 0 where some cannot.

    Where a network has other attention as well (over windows, over fewer keys, or of a class token alone), what these weigh is not
    all that it attends to, and a map of them would not be one of the network.
    """
    with torch.no_grad(), _Softmaxes() as computed:
        found = _read(model, x)
    everywhere = [layer.weights.shape[0] == 1 and layer.weights.shape[-1] == tokens for layer in found]
    return len(found) if all(everywhere) and computed.count == len(found) else 0


def read_attention(model: nn.Module, x: torch.Tensor, target: int) -> list[Attention]:
    """Attention of every layer, input side first, for one image (1, 3, H, W), with the gradient of logit `target`."""
    with torch.enable_grad():
        found = _read(model, x.detach().requires_grad_(True), target)
    return [Attention(layer.weights.detach()[0], layer.gradient()[0]) for layer in found]


class _Softmaxes(TorchFunctionMode):
    """Counts the steps of a pass that may be attention, whether its weights can be seen or not: softmaxes and fused attention.

    A step that is made of others counts once, for torch hands the outermost alone to a mode.
    """

    STEPS = ("softmax", "scaled_dot_product_attention", "multi_head_attention_forward")

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        self.count += getattr(func, "__name__", "") in self.STEPS
        return func(*args, **(kwargs or {}))


class _Layer:
    """Attention in a pass: its weights, (N, heads, T, T), and how to have their gradient after the backward pass."""

    def __init__(self, weights: torch.Tensor) -> None:
        self.weights = weights
        if weights.requires_grad:
            weights.retain_grad()

    def gradient(self) -> torch.Tensor:
        return torch.zeros_like(self.weights) if self.weights.grad is None else self.weights.grad


class _Multihead(_Layer):
    """That of torch's module, from its input: the weights that it used are no longer there, but what they multiplied is."""

    def __init__(self, module: nn.MultiheadAttention, x: torch.Tensor, output: torch.Tensor) -> None:
        self.module, self.output = module, output
        if output.requires_grad:
            output.retain_grad()
        with torch.no_grad(), torch._C.DisableTorchFunction():  # `_Softmaxes` counts the network's own
            query, key, self.value = (self._heads(part) for part in self._projected(x))
            super().__init__(((query @ key.transpose(-2, -1)) * query.shape[-1] ** -0.5).softmax(-1))

    def _projected(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        bias = self.module.in_proj_bias
        return nn.functional.linear(x, self.module.in_proj_weight, bias).chunk(3, -1)

    def _heads(self, values: torch.Tensor) -> torch.Tensor:
        heads: torch.Tensor = values.unflatten(-1, (self.module.num_heads, -1)).transpose(1, 2)
        return heads

    def gradient(self) -> torch.Tensor:
        if self.output.grad is None:
            return torch.zeros_like(self.weights)
        # output = heads' sums of weights and values, joined, times the output projection.
        joined = self._heads(self.output.grad @ self.module.out_proj.weight)
        gradient: torch.Tensor = joined @ self.value.transpose(-2, -1)
        return gradient


def _read(model: nn.Module, x: torch.Tensor, target: int | None = None) -> list[_Layer]:
    found: list[_Layer] = []

    def hook(module: nn.Module, inputs: tuple[object, ...], kwargs: dict[str, object], output: object) -> None:
        if isinstance(module, nn.MultiheadAttention):
            if isinstance(output, tuple) and (given := _attends_to_itself(module, inputs, kwargs)) is not None:
                found.append(_Multihead(module, given, output[0]))
            return
        for leaf in pytree.tree_leaves(output):
            if _weighs_tokens(leaf) and not any(leaf is layer.weights for layer in found):
                found.append(_Layer(leaf))

    with ExitStack() as stack:
        stack.enter_context(_showing_weights(model))
        for module in model.modules():
            stack.callback(module.register_forward_hook(hook, with_kwargs=True).remove)
        logits = model(x)
    if target is not None:
        logits[0, target].backward()
    return found


def _attends_to_itself(
    module: nn.MultiheadAttention, inputs: tuple[object, ...], kwargs: dict[str, object]
) -> torch.Tensor | None:
    """What goes into the module, (N, T, C), where that is query, key and value at once and nothing else changes the weights."""
    given = (
        dict(zip(inspect.signature(nn.MultiheadAttention.forward).parameters, (module, *inputs), strict=False)) | kwargs
    )
    x = given.get("query")
    masked = given.get("attn_mask") is not None or given.get("key_padding_mask") is not None
    plain = (
        module.batch_first and module.in_proj_weight is not None and module.bias_k is None and not module.add_zero_attn
    )
    if (
        masked
        or not plain
        or not isinstance(x, torch.Tensor)
        or given.get("key") is not x
        or given.get("value") is not x
    ):
        return None
    return x


def _weighs_tokens(value: object) -> bool:
    """Whether it is (N, heads, T, T) with rows of sum 1 and nothing negative: what a softmax over tokens, or windows, gives."""
    if not isinstance(value, torch.Tensor) or value.ndim != 4 or value.shape[2] != value.shape[3]:
        return False
    if value.shape[2] < 2 or not value.is_floating_point():
        return False
    values = value.detach()
    return bool((values >= 0).all() and ((values.sum(-1) - 1).abs() < TOLERANCE).all())


@contextmanager
def _showing_weights(model: nn.Module) -> Iterator[None]:
    """timm's attention computes in the block step by step, so that its dropout sees the weights."""
    fused = [module for module in model.modules() if getattr(module, "fused_attn", False) is True]
    for module in fused:
        setattr(module, "fused_attn", False)  # noqa: B010  # torch types what a module holds as tensor or module
    try:
        yield
    finally:
        for module in fused:
            setattr(module, "fused_attn", True)  # noqa: B010
