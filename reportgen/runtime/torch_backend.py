"""Eager torch on the CPU or on CUDA."""

from __future__ import annotations

import numpy as np
import torch

from reportgen.classifiers.base import Network
from reportgen.document import RuntimeRecord
from reportgen.runtime.engine import Fill, Forward, StageRunner
from reportgen.runtime.stages import StageMeans, chosen_stages

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
        self._buffer = torch.empty((self._batch, 3, side, side), pin_memory=cuda)

    def forward(self, batch: np.ndarray) -> Forward:
        activations, logits = self._run(torch.from_numpy(np.ascontiguousarray(batch)))
        return Forward(logits.float().cpu().numpy(), activations.float().cpu().numpy())

    def logits(self, count: int, fill: Fill) -> np.ndarray:
        inputs, parts, start = self._buffer.numpy(), [], 0
        while start < count:
            size = min(self._batch, count - start)
            for offset in range(size):
                fill(start + offset, inputs[offset])
            try:
                # .cpu() waits for the device, so that the buffer may be written again.
                parts.append(self._run(self._buffer[:size])[1].float().cpu().numpy())
            except torch.cuda.OutOfMemoryError:
                if size == 1:
                    raise
                self._batch = size // 2  # for good: the next batch would not fit either
                torch.cuda.empty_cache()
                continue
            start += size
        return np.concatenate(parts)

    def _run(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = x.to(self._device, non_blocking=True)
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16, enabled=self._fast):
            activations = self._network.trunk(x)
            return activations, self._network.head(activations)


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
