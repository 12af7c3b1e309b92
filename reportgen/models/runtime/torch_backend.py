"""Eager torch on the CPU or on CUDA."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch

from reportgen.models.classifiers.base import Network
from reportgen.models.runtime.backend import Fill, Forward, StageRunner
from reportgen.models.runtime.stages import StageMeans, chosen_stages
from reportgen.report.provenance import RuntimeRecord

CPU_BATCH = 16
CUDA_BATCH = 256


class TorchBackend:
    """`exact` is fp32 without TF32; `fast` is bf16 autocast (CUDA only)."""

    def __init__(self, network: Network, side: int, device: str, precision: str) -> None:
        self._network = network
        self._device = torch.device(device)
        self._fast = precision == "fast"
        cuda = self._device.type == "cuda"
        if cuda:
            torch.backends.cuda.matmul.allow_tf32 = False
            torch.backends.cudnn.allow_tf32 = False
        network.trunk.to(self._device)
        network.head.to(self._device)
        self._batch = CUDA_BATCH if cuda else CPU_BATCH
        self._side = side

    @cached_property
    def _buffers(self) -> list[torch.Tensor]:
        """Input batches in host memory; on CUDA one is written while the device works on the other."""
        cuda = self._device.type == "cuda"
        return [torch.empty((self._batch, 3, self._side, self._side), pin_memory=cuda) for _ in range(1 + cuda)]

    def forward(self, batch: np.ndarray) -> Forward:
        logits, *features = (
            tensor.float().cpu().numpy() for tensor in self._run(torch.from_numpy(np.ascontiguousarray(batch)))
        )
        return Forward(logits, features[0], tuple(features[1:]))

    def logits(self, count: int, fill: Fill) -> np.ndarray:
        parts: list[torch.Tensor] = []
        read: list[torch.cuda.Event | None] = [None] * len(self._buffers)
        start, turn = 0, 0
        while start < count:
            size, buffer = min(self._batch, count - start), self._buffers[turn]
            if (event := read[turn]) is not None:
                event.synchronize()  # the device has taken in what this buffer held
            inputs = buffer.numpy()
            for offset in range(size):
                fill(start + offset, inputs[offset])
            parts += self._within_memory(buffer[:size])
            if self._device.type == "cuda":
                read[turn] = event = torch.cuda.Event()
                event.record()
            start, turn = start + size, (turn + 1) % len(self._buffers)
        return torch.cat(parts).cpu().numpy()

    def _within_memory(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Logits of `x`, on the device; in halves, from now on for every batch, where it does not fit."""
        try:
            return [self._run(x)[0].float()]
        except torch.cuda.OutOfMemoryError:
            if len(x) == 1:
                raise
        self._batch = len(x) // 2
        torch.cuda.empty_cache()
        return [part for half in x.split(self._batch) for part in self._within_memory(half)]

    def _run(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Logits, then what the trunk put out."""
        x = x.to(self._device, non_blocking=True)
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16, enabled=self._fast):
            features = self._network.trunk(x)
            return (self._network.head(*features), *features)


def stage_runner(network: Network, name: str, layers: tuple[str, ...], record: RuntimeRecord) -> StageRunner:
    """What turns network input into the means of the stages, in eager torch."""
    stages = chosen_stages(name, network, layers)
    device = torch.device(record.device)
    module = StageMeans(network.model, stages).eval().to(device)

    def run(batch: np.ndarray) -> dict[str, np.ndarray]:
        x = torch.from_numpy(np.ascontiguousarray(batch)).to(device)
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=record.precision == "fast"):
            means = module(x)
        return {stage: mean.float().cpu().numpy() for stage, mean in zip(stages, means, strict=True)}

    return run
