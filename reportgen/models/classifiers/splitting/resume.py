"""Stop a network at a module and go on from there: a split of any torch network that needs no knowledge of its code.

A class activation map reads the output A of one module, changes it, and asks for the logits. `Until` runs the network up to that
module. `After` goes on: it calls the network's own `forward`, in which every module that had finished before is replaced by what
it had put out, and the module itself by A. What had finished and still counts (a residual branch, class tokens) is carried along
as context; what no longer counts is replaced by zeros. So nothing in front of the module is computed again but what networks do
between modules, additions and views.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.utils import _pytree as pytree

from reportgen.models.classifiers.layout import Layout, first_tensor, lone_tensor

IMAGES = 2  # in the pass that a split is made from
Call = tuple[str, int]  # a module's path, and which of its calls in one pass, from 0


@dataclass
class Step:
    """One call of a module in a pass.

    Attributes:
        parent: the call in which it happened; None for the network's own.
        started, finished: its place among all starts and ends of calls.
        output: what the module returned.
    """

    call: Call
    module: nn.Module
    parent: Step | None
    started: int
    finished: int = -1
    output: object = field(default=None, repr=False)

    @property
    def path(self) -> str:
        """Of the module."""
        return self.call[0]

    @property
    def within(self) -> Iterator[Step]:
        """The calls around it, innermost first."""
        step = self.parent
        while step is not None:
            yield step
            step = step.parent


def record(model: nn.Module, x: torch.Tensor, *, gradients: bool = False) -> list[Step]:
    """The calls of all modules in one pass over `x`, in the order in which they end.

    Args:
        gradients: outputs keep their gradients, for a backward pass over the last step's output.
    """
    paths = {module: path for path, module in reversed(list(model.named_modules()))}
    steps: list[Step] = []
    stack: list[Step] = []
    calls: dict[str, int] = {}
    clock = iter(range(1 << 62))

    def start(module: nn.Module, _: object) -> None:
        path = paths[module]
        number = calls[path] = calls.get(path, -1) + 1
        stack.append(Step((path, number), module, stack[-1] if stack else None, next(clock)))

    def end(module: nn.Module, _: object, output: object) -> None:
        step = stack.pop()
        step.output, step.finished = output, next(clock)
        if gradients and (tensor := lone_tensor(output)) is not None and tensor.requires_grad:
            tensor.retain_grad()
        steps.append(step)

    with ExitStack() as hooks:
        for module in paths:
            hooks.callback(module.register_forward_pre_hook(start).remove)
            hooks.callback(module.register_forward_hook(end).remove)
        with torch.set_grad_enabled(gradients):
            model(x)
    return steps


class _Reached(Exception):
    """The module at which the pass ends has been called."""


class Until(nn.Module):
    """(N, 3, H, W) -> the output of the module at `path` as a map, and the context that `After` needs.

    Args:
        carried: the calls whose outputs still count after it, and which of the output's tensors do.
        narrow: whether of carried tokens those that stand for no place are enough.
    """

    def __init__(
        self,
        model: nn.Module,
        path: str,
        layout: Layout,
        carried: Sequence[tuple[Call, int]] = (),
        *,
        narrow: bool = False,
    ) -> None:
        super().__init__()
        self.model, self.path, self.layout, self.carried, self.narrow = model, path, layout, tuple(carried), narrow

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found: dict[Call, object] = {}
        calls: dict[str, int] = {}

        def keep(path: str) -> Callable[[nn.Module, object, object], None]:
            def hook(module: nn.Module, inputs: object, output: object) -> None:
                number = calls[path] = calls.get(path, -1) + 1
                # A copy: what follows may write into it, and will do so again when it is gone on with.
                found[path, number] = pytree.tree_map_only(torch.Tensor, torch.clone, output)
                if path == self.path:
                    raise _Reached

            return hook

        paths = {self.path, *(path for (path, _), _ in self.carried)}
        with ExitStack() as hooks:
            for path in paths:
                hooks.callback(self.model.get_submodule(path).register_forward_hook(keep(path)).remove)
            hooks.enter_context(suppress(_Reached))
            self.model(x)
        output = lone_tensor(found[self.path, 0])
        if output is None:
            raise TypeError(f"{self.path}: its output is a {type(found[self.path, 0]).__name__}")
        rest = (self.layout.rest(output),) if self.layout.prefix else ()
        carried = (_tensors(found[call])[which] for call, which in self.carried)
        if self.narrow:
            carried = (
                self.layout.rest(tensor) if tensor.shape[1:] == output.shape[1:] else tensor for tensor in carried
            )
        return (self.layout.to_map(output), *rest, *carried)


class After(nn.Module):
    """The map that `Until` gives, and its context -> (N, classes): what follows the module at `path`.

    Args:
        outputs: of each call that had finished before the module: its output, which gives shapes, and the places of those of
            its tensors that the context carries.
        beside: what stands behind the tensor in the module's output, where that is a tuple; None where it is the tensor alone.
        narrow: path of a later module behind whose output no token of a place counts any more: only the others go on from there.
    """

    def __init__(
        self,
        model: nn.Module,
        path: str,
        layout: Layout,
        size: int,
        outputs: Mapping[Call, tuple[object, Sequence[int]]],
        *,
        beside: tuple[object, ...] | None = None,
        narrow: str = "",
    ) -> None:
        super().__init__()
        self.model, self.path, self.layout, self.size, self.narrow = model, path, layout, size, narrow
        self.beside = beside
        self._outputs = {call: (_Shapes.of(output), tuple(carried)) for call, (output, carried) in outputs.items()}

    @property
    def carried(self) -> list[tuple[Call, int]]:
        """The calls whose outputs still count, and which of the output's tensors do."""
        return [(call, which) for call, (_, carried) in self._outputs.items() for which in carried]

    def forward(self, features: torch.Tensor, *context: torch.Tensor) -> torch.Tensor:
        left = list(context)
        rest = left.pop(0) if self.layout.prefix else None
        output = self.layout.from_map(features, rest)
        answers: dict[str, list[object]] = {self.path: [output if self.beside is None else (output, *self.beside)]}
        for (path, _), (shapes, carried) in self._outputs.items():
            known = {which: left.pop(0) for which in carried}
            answers.setdefault(path, []).append(shapes.filled(features, known))
        # What networks do with the input itself before their first module is done to zeros, and replaced with that module.
        nothing = features.new_zeros(len(features), 3, self.size, self.size)
        with ExitStack() as replaced:
            for path, outputs in answers.items():
                replaced.enter_context(_answering(self.model.get_submodule(path), outputs))
            if self.narrow:
                mixing = self.model.get_submodule(self.narrow)
                replaced.callback(mixing.register_forward_hook(self._narrowed).remove)
            logits: torch.Tensor = self.model(nothing)
        return logits

    def _narrowed(self, module: nn.Module, inputs: object, output: object) -> object:
        if isinstance(output, tuple):
            return (self.layout.rest(output[0]), *output[1:])
        return self.layout.rest(output) if isinstance(output, torch.Tensor) else output


@contextmanager
def _answering(module: nn.Module, outputs: Sequence[object]) -> Iterator[None]:
    """The module's first calls return `outputs`, one each, in the block; later ones are its own."""
    own, left = module.forward, iter(outputs)
    end = object()

    def forward(*args: object, **kwargs: object) -> object:
        output = next(left, end)
        return own(*args, **kwargs) if output is end else output

    module.forward = forward
    try:
        yield
    finally:
        del module.forward  # that of the class shows again


@dataclass(frozen=True)
class _Shapes:
    """The form of a module's output: which tensors of which shapes, without their values."""

    leaves: tuple[object, ...]  # the shape for one image, or what is no tensor
    spec: pytree.TreeSpec

    @classmethod
    def of(cls, output: object) -> _Shapes:
        """Args: output: for `IMAGES` images."""
        leaves, spec = pytree.tree_flatten(output)
        shapes = (
            torch.Size((len(leaf) // IMAGES, *leaf.shape[1:])) if isinstance(leaf, torch.Tensor) else leaf
            for leaf in leaves
        )
        return cls(tuple(shapes), spec)

    def filled(self, like: torch.Tensor, known: Mapping[int, torch.Tensor]) -> object:
        """The output with the tensors that are `known`, by place, and zeros for the others."""
        zero, leaves, which = like.new_zeros(1), list[object](), 0
        for leaf in self.leaves:
            if not isinstance(leaf, torch.Size):
                leaves.append(leaf)
                continue
            leaves.append(known[which] if which in known else zero.expand(len(like) * leaf[0], *leaf[1:]))
            which += 1
        return pytree.tree_unflatten(leaves, self.spec)


def _tensors(output: object) -> list[torch.Tensor]:
    return [leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, torch.Tensor)]


def split_at(
    model: nn.Module, step: Step, steps: Sequence[Step], layout: Layout, size: int, depends: Set[str]
) -> list[tuple[Until, After]]:
    """The network before and after one call of a module, which must be its only one: in the ways that are worth a trial, the cheapest
    first.

    Where the logits are read from a class token, no patch counts behind the module that mixes tokens last, and what follows it
    need not be computed for any: most of a block, once for each pass of the head.

    Args:
        steps: of `record` over `IMAGES` images.
        depends: paths of the modules at whose outputs the logits depend on positions.
    """
    around = {id(outer) for outer in step.within}
    beside = step.output[1:] if isinstance(step.output, tuple) else None
    per_image = _one_for_each_image(model, steps, size)
    before = [
        other
        for other in steps
        if other.finished < step.started
        and other.parent is not None
        and id(other.parent) in around
        and other.call in per_image
    ]
    everything = {other.call: (other.output, range(len(_tensors(other.output)))) for other in before}
    needed = _still_counting(After(model, step.path, layout, size, everything, beside=beside), step, steps, layout)
    outputs = {other.call: (other.output, [which for call, which in needed if call == other.call]) for other in before}
    mixing = (
        next((path for path in _on_the_way(step, steps, layout) if path not in depends), "") if layout.prefix else ""
    )
    ways = []
    for narrow in dict.fromkeys((mixing, "")):
        after = After(model, step.path, layout, size, outputs, beside=beside, narrow=narrow)
        ways.append((Until(model, step.path, layout, after.carried, narrow=bool(narrow)), after))
    return ways


def _on_the_way(step: Step, steps: Sequence[Step], layout: Layout) -> Iterator[str]:
    """The modules after the step, on its own level or around it, whose output has its tokens."""
    around, shape = {id(outer) for outer in step.within}, _tensors(step.output)[0].shape
    for other in steps:
        if other.started > step.finished and other.parent is not None and id(other.parent) in around:
            output = first_tensor(other.output)
            if output is not None and output.shape == shape:
                yield other.path


def _one_for_each_image(model: nn.Module, steps: Sequence[Step], size: int) -> set[Call]:
    """The calls whose tensors are as many more as there are images; what is none of those, such as a table of positions, is
    made again."""
    more = IMAGES + 1
    lengths = {step.call: _lengths(step.output) for step in record(model, torch.zeros(more, 3, size, size))}
    found = set()
    for step in steps:
        ours = _lengths(step.output)
        if ours and [length * more for length in ours] == [length * IMAGES for length in lengths.get(step.call, [])]:
            found.add(step.call)
    return found


def _lengths(output: object) -> list[int]:
    return [len(tensor) if tensor.ndim else 0 for tensor in _tensors(output)]


@torch.no_grad()
def _still_counting(after: After, step: Step, steps: Sequence[Step], layout: Layout) -> list[tuple[Call, int]]:
    """Of the outputs that `after` carries, those without which the logits would be others."""
    outputs = {other.call: _tensors(other.output) for other in steps}
    output = _tensors(step.output)[0]
    rest = [layout.rest(output)] if layout.prefix else []
    context = [outputs[call][which] for call, which in after.carried]
    features = layout.to_map(output)
    logits = after(features, *rest, *context)
    needed = []
    for place, carried in enumerate(after.carried):
        without = [tensor.new_zeros(1).expand_as(tensor) if i == place else tensor for i, tensor in enumerate(context)]
        if not torch.equal(after(features, *rest, *without), logits):
            needed.append(carried)
    return needed
