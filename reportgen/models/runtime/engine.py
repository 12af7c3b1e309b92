"""An engine: one classifier on one backend."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast, overload

import numpy as np

from reportgen.models.runtime.backend import Backend, Fill, Forward, LayerAttention, StageRunner
from reportgen.report.provenance import RuntimeRecord
from reportgen.storage.cache import touch
from reportgen.utils.concurrency import engine_lock, raise_if_stopped
from reportgen.utils.errors import ReportgenError
from reportgen.utils.files import write_file
from reportgen.utils.hashing import digest_of

if TYPE_CHECKING:
    import torch
    from torch import nn
    from typing_extensions import Self  # in typing from Python 3.11 on

    from reportgen.models.classifiers.base import ClassifierSpec, FeatureLayer, LinearHead, Network
    from reportgen.models.runtime.openvino_backend import Conversion

T = TypeVar("T")


class locked_cached_property(cached_property[T]):
    """A cached property of an engine that one thread makes while the others wait (`cached_property` itself locks only up to
    Python 3.11)."""

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> T: ...
    def __get__(self, instance: object, owner: type | None = None) -> Self | T:
        if instance is None:
            return self
        with cast("Engine", instance)._making:
            return super().__get__(instance, owner)


class Engine:
    """One classifier ready to run; the backend, and the network behind it, are made at the first pass.

    Several threads may share it: what it runs takes its turn with every other engine of the process.
    """

    def __init__(self, spec: ClassifierSpec, record: RuntimeRecord, models_cache: Path) -> None:
        self.spec = spec
        self.record = record
        self._models_cache = models_cache
        self._stage_runners: dict[tuple[str, ...], StageRunner] = {}
        self._kept: dict[str, Engine] = {}
        self._making = threading.RLock()  # of networks and backends: one thread makes them, the others wait

    def normalise(self, frame: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 pixels -> (3, H, W) float32 network input."""
        return self.spec.preprocessing.normalise(frame)

    def forward(self, batch: np.ndarray) -> Forward:
        """(N, 3, H, W) float32 network input -> logits and trunk activations."""
        backend = self._backend
        with engine_lock():
            return backend.forward(batch)

    def logits(self, count: int, fill: Fill) -> np.ndarray:
        """(count, classes) float32 logits; `fill(i, out)` writes network input i into `out`, (3, H, W).

        `out` holds whatever an earlier input left there: write all of it.
        """
        if count == 0:
            return np.empty((0, len(self.spec.classes)), np.float32)
        backend = self._backend

        def filled(i: int, out: np.ndarray) -> None:
            raise_if_stopped()
            fill(i, out)

        with engine_lock():
            return backend.logits(count, filled)

    def probabilities(self, count: int, fill: Fill) -> np.ndarray:
        """As `logits`, as probabilities: after a softmax over the classes, or a sigmoid of each."""
        return self.spec.probabilities(self.logits(count, fill))

    def stage_means(self, batch: np.ndarray, layers: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """(N, 3, H, W) float32 network input -> (N, units) float32 by stage: the mean over positions of its activations.

        Args:
            layers: modules to read; none: the network's own last five stages, input side first.

        Raises:
            UsageError: no such layer, or none is named and the network's stages are not known.
        """
        key = tuple(layers)
        with self._making:
            if key not in self._stage_runners:
                self._stage_runners[key] = self._stage_runner(key)
        with engine_lock():
            return self._stage_runners[key](batch)

    def _stage_runner(self, layers: tuple[str, ...]) -> StageRunner:
        if self.record.name == "openvino" and not layers:
            from reportgen.models.runtime.openvino_backend import stage_runner

            conversion = self._conversion()
            if conversion.stages:
                return stage_runner(conversion, self.record.precision)
        from reportgen.models.runtime import torch_backend

        return torch_backend.stage_runner(self.network, self.spec.name, layers, self.record)

    @locked_cached_property
    def linear_head(self) -> LinearHead | None:
        """The head in closed form, or None where it is anything but pooling and a linear layer."""
        if self.record.name == "openvino":
            return self._conversion().linear
        return self.network.linear

    @locked_cached_property
    def head(self) -> nn.Module:
        """What follows the trunk, as a torch module.

        Raises:
            UsageError: the classifier is a graph that has no such end.
        """
        if self.spec.graph is None or self.linear_head is None:
            return self.network.head
        from reportgen.models.runtime.pooled_linear import PooledLinear

        return PooledLinear(self.linear_head)

    @locked_cached_property
    def layer(self) -> FeatureLayer:
        """Where the activations stand in the network."""
        if self.record.name == "openvino":
            return self._conversion().layer
        return self.network.layer

    def head_logits(self, activations: np.ndarray, context: Sequence[np.ndarray] = ()) -> np.ndarray:
        """(N, C, h, w) activations -> (N, classes) logits: only what follows the trunk runs.

        Args:
            context: of one image, which all N share.
        """
        import torch

        from reportgen.models.classifiers.splitting.parts import repeated

        head, batch = self.head, self._on_head(activations)
        shared = [repeated(self._on_head(values), len(batch)) for values in context]
        with engine_lock(), torch.no_grad():
            values: np.ndarray = head(batch, *shared).cpu().numpy()
            return values

    def head_gradient(self, forward: Forward, target: int) -> np.ndarray:
        """(C, h, w): the gradient of logit `target` by the activations of one image's pass; only the head is differentiated."""
        import torch

        head, leaf = self.head, self._on_head(forward.activations).requires_grad_(True)
        context = [self._on_head(values) for values in forward.context]
        with engine_lock(), torch.enable_grad():
            (gradient,) = torch.autograd.grad(head(leaf, *context)[0, target], leaf)
        return gradient[0].cpu().numpy()

    def attention(self, x: np.ndarray, target: int) -> list[LayerAttention]:
        """What each self-attention layer weighs, input side first, and what of it counts for logit `target`.

        One pass of the whole network in torch and back, whatever the backend.

        Args:
            x: (3, H, W) float32 network input.
        """
        from reportgen.models.classifiers.splitting.attention import read_attention
        from reportgen.models.classifiers.splitting.heads import BinaryHead

        model, batch = self.network.model, self._on_head(x[None])
        # The library's network may have one output, of which ours makes two sides.
        if isinstance(self.network.head, BinaryHead):
            model = BinaryHead(model)
        with engine_lock():
            found = read_attention(model, batch, target)
            # Over the heads at once: a large network's attention as it is takes a gigabyte an image.
            return [
                LayerAttention(
                    layer.weights.double().mean(0).cpu().numpy(),
                    (layer.weights.double() * layer.gradient.double()).clamp(min=0).mean(0).cpu().numpy(),
                    layer.gradient.any(2).any(0).cpu().numpy(),
                )
                for layer in found
            ]

    def on(self, network: Network, name: str, record: RuntimeRecord | None = None) -> Engine:
        """An engine for another network of the same frame and classes.

        Args:
            name: says what the network is, down to the seed that made it: its conversion is kept under that name.
            record: the backend; default this engine's.
        """
        sha256 = digest_of([self.spec.weights_sha256, name])
        spec = replace(
            self.spec, name=f"{self.spec.name} {name}", weights_sha256=sha256, load=lambda: network, graph=None
        )
        return Engine(spec, record or self.record, self._models_cache)

    def kept_on(self, name: str, make: Callable[[], Network]) -> Engine:
        """As `on`, for a network that every image needs: made and compiled once, and kept as long as this engine."""
        with self._making:
            if name not in self._kept:
                self._kept[name] = self.on(make(), name)
            return self._kept[name]

    def exact(self) -> Engine:
        """This classifier in exact precision on the same backend."""
        return Engine(self.spec, self.record.model_copy(update={"precision": "exact"}), self._models_cache)

    def require_loadable(self) -> None:
        """Load the network now, so that what is wrong with it is said before any work; a network that has loaded once is taken to
        load again, and a conversion has loaded it.

        Raises:
            UsageError: it cannot be loaded or split.
        """
        if self.record.name == "openvino":
            return
        versions = {package: version(package) for package in self.spec.packages}
        key = [self.spec.name, self.spec.weights_sha256, self.spec.preprocessing.size, self.spec.architecture, versions]
        # An entry of the cache, as a conversion is.
        mark = self._models_cache / digest_of(["loads", *key])[:32] / "meta.json"
        if mark.is_file():
            touch(mark)
        elif self.network:
            with suppress(ReportgenError):  # a cache that cannot be written: then it is looked at each time
                write_file(mark, json.dumps({"model": self.spec.name}).encode())

    @property
    def conversion_folder(self) -> Path | None:
        """Where its conversion lies; None for a backend that has none."""
        return self._conversion().xml.parent if self.record.name == "openvino" else None

    def _conversion(self) -> Conversion:
        from reportgen.models.runtime.openvino_backend import find_or_convert

        return find_or_convert(self.spec, self._models_cache, lambda: self.network)

    def _on_head(self, activations: np.ndarray) -> torch.Tensor:
        import torch

        parameter = next(self.head.parameters(), None)
        device = parameter.device if parameter is not None else torch.device("cpu")
        return torch.from_numpy(np.ascontiguousarray(activations)).to(device)

    @locked_cached_property
    def network(self) -> Network:
        """The torch network; loading it takes seconds.

        Raises:
            UsageError: the classifier is none (`ClassifierSpec.graph`).
        """
        return self.spec.load()

    @locked_cached_property
    def _backend(self) -> Backend:
        if self.record.name == "openvino":
            from reportgen.models.runtime.openvino_backend import OpenVinoBackend

            return OpenVinoBackend(self._conversion(), self.record.precision)
        from reportgen.models.runtime.torch_backend import TorchBackend

        return TorchBackend(self.network, self.spec.preprocessing.size, self.record.device, self.record.precision)
