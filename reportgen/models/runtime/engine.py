"""An engine: one classifier on one backend, and the choice of that backend."""

from __future__ import annotations

import ctypes
import platform
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reportgen.models.runtime.backend import EXACT_TOLERANCE, Backend, Fill, Forward, StageRunner
from reportgen.models.runtime.quiet import import_openvino
from reportgen.report.document import RuntimeRecord
from reportgen.utils.concurrency import engine_lock, raise_if_stopped
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import digest_of

if TYPE_CHECKING:
    import torch

    from reportgen.models.classifiers.base import ClassifierSpec, LinearHead, Network


class made_once(cached_property):
    """A cached property that one thread makes while the others wait (`cached_property` itself locks only up to Python 3.11)."""

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        with instance._making:
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
        """As `logits`, after a softmax over the classes."""
        return softmax(self.logits(count, fill))

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
            from reportgen.models.runtime.openvino_backend import exported, stage_runner

            model = exported(self.spec, self._models_cache, lambda: self.network)
            if model.stages:
                return stage_runner(model, self.record.precision)
        from reportgen.models.runtime import torch_backend

        return torch_backend.stage_runner(self.network, self.spec.name, layers, self.record)

    @made_once
    def linear_head(self) -> LinearHead | None:
        """The head in closed form, or None where it is anything but pooling and a linear layer."""
        if self.record.name == "openvino":
            from reportgen.models.runtime.openvino_backend import exported

            return exported(self.spec, self._models_cache, lambda: self.network).linear
        return self.network.linear

    def head_logits(self, activations: np.ndarray) -> np.ndarray:
        """(N, C, h, w) activations -> (N, classes) logits: only what follows the trunk runs."""
        import torch

        head, batch = self.network.head, self._on_head(activations)
        with engine_lock(), torch.no_grad():
            return head(batch).cpu().numpy()

    def head_gradient(self, activations: np.ndarray, target: int) -> np.ndarray:
        """(C, h, w): the gradient of logit `target` by the activations, (C, h, w); only the head is differentiated."""
        import torch

        head, leaf = self.network.head, self._on_head(activations[None]).requires_grad_(True)
        with engine_lock(), torch.enable_grad():
            (gradient,) = torch.autograd.grad(head(leaf)[0, target], leaf)
        return gradient[0].cpu().numpy()

    def on(self, network: Network, name: str, record: RuntimeRecord | None = None) -> Engine:
        """An engine for another network of the same frame and classes.

        Args:
            name: says what the network is, down to the seed that made it: its conversion is kept under that name.
            record: the backend; default this engine's.
        """
        sha256 = digest_of([self.spec.weights_sha256, name])
        spec = replace(self.spec, name=f"{self.spec.name} {name}", weights_sha256=sha256, load=lambda: network)
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

    def _on_head(self, activations: np.ndarray) -> torch.Tensor:
        import torch

        parameter = next(self.network.head.parameters(), None)
        device = parameter.device if parameter is not None else torch.device("cpu")
        return torch.from_numpy(np.ascontiguousarray(activations)).to(device)

    @made_once
    def network(self) -> Network:
        """The torch network; loading it takes seconds."""
        return self.spec.load()

    @made_once
    def _backend(self) -> Backend:
        if self.record.name == "openvino":
            from reportgen.models.runtime.openvino_backend import OpenVinoBackend, exported

            model = exported(self.spec, self._models_cache, lambda: self.network)
            return OpenVinoBackend(model, self.record.precision)
        from reportgen.models.runtime.torch_backend import TorchBackend

        return TorchBackend(self.network, self.spec.preprocessing.size, self.record.device, self.record.precision)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis; float64 inside, float32 out."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    exp = np.exp(shifted)
    return (exp / exp.sum(axis=-1, keepdims=True)).astype(np.float32)


def decide(
    spec: ClassifierSpec,
    runtime: Literal["auto", "torch", "openvino"],
    precision: Literal["exact", "fast"],
    models_cache: Path,
) -> RuntimeRecord:
    """Which backend runs `spec` on this machine.

    `auto` takes CUDA where there is one; else OpenVINO if it reproduces torch's logits on a seeded probe batch to a
    relative error below 1e-4; else torch. The comparison is made once for a model and kept beside its conversion.

    Raises:
        UsageError: OpenVINO is asked for by name and cannot convert this model.
    """
    if runtime != "openvino" and _cuda():
        return RuntimeRecord(name="torch", precision=precision, device="cuda")
    if runtime == "torch":
        return _on_cpu("torch", precision, "")
    from reportgen.models.runtime.openvino_backend import ConversionFailed, exported

    try:
        error = exported(spec, models_cache, spec.load).relative_error
    except ConversionFailed as failure:
        if runtime == "openvino":
            raise UsageError(f"OpenVINO cannot convert {spec.name} ({failure}); use --runtime torch") from None
        return _on_cpu("torch", precision, f"OpenVINO could not convert the model: {failure}")
    note = f"OpenVINO reproduces torch's logits on the probe batch to a relative error of {error:.0e}"
    if error < EXACT_TOLERANCE or runtime == "openvino":
        return _on_cpu("openvino", precision, note)
    return _on_cpu(
        "torch", precision, f"OpenVINO was refused: its logits differ from torch's by {error:.0e} (relative)"
    )


def _on_cpu(name: str, precision: str, note: str) -> RuntimeRecord:
    if precision == "fast" and not (name == "openvino" and _cpu_has_bf16()):
        precision, note = (
            "exact",
            f"{note}; fast was asked for, but there is no bf16 here: exact was used".lstrip("; "),
        )
    return RuntimeRecord(name=name, precision=precision, device="cpu", note=note)


def _cuda() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if platform.system() == "Windows" else "libcuda.so.1")
    except OSError:
        return False  # no driver: torch need not be imported to know
    import torch

    return torch.cuda.is_available()


def _cpu_has_bf16() -> bool:
    return "BF16" in import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
