"""Small stand-ins: networks of ten lines, the engine around them, engines that count, folders of photographs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import skimage
import torch
from torch import nn

from reportgen.analysis.registry import load_analyses
from reportgen.analysis.view import Again, Subject, View
from reportgen.images.ground_truth.annotation import Truth
from reportgen.models.classifiers import ClassifierSpec, ClassList, LinearHead, Network, Preprocessing
from reportgen.models.classifiers.splitting.parts import OneOf
from reportgen.models.classifiers.splitting.split import linear_head
from reportgen.models.encoders import resolve_encoder
from reportgen.models.runtime import Engine, Fill, Forward
from reportgen.report.provenance import RuntimeRecord
from reportgen.settings.group import NoSettings, SettingsGroup
from reportgen.settings.model import Settings

ROOT = Path(__file__).resolve().parent.parent
PHOTOS = Path(skimage.__file__).parent / "data"


def photo_path(name: str) -> Path:
    """A photograph that ships inside scikit-image's wheel."""
    return next(PHOTOS.glob(f"{name}.*"))


def photo_folder(folder: Path, *names: str) -> Path:
    """A folder with copies of scikit-image's photographs."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copy(photo_path(name), folder)
    return folder


class FlatHead(nn.Module):
    """A head that no pooling and linear layer can express: two layers with a ReLU between, on every position."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(features, 12), nn.ReLU(), nn.Linear(12, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class PooledHead(nn.Module):
    """Global average pooling and one linear layer."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x.mean((2, 3)))


def network(trunk: nn.Module, head: nn.Module, size: int = 32) -> Network:
    """Trunk and head as a `Network`; its `model` is the pair in sequence, so that a library can hook the trunk."""
    model = nn.Sequential(trunk, head).eval().requires_grad_(False)
    with torch.no_grad():
        shape = trunk(torch.zeros(1, 3, size, size)).shape[1:]
    return Network(OneOf(trunk), head, model, linear_head(head, tuple(shape)))


def toy_network(seed: int = 0, *, linear: bool = False, channels: int = 10, classes: int = 5) -> Network:
    """Random weights, size 32 in, `channels` ReLU maps of 8 x 8; channel 3 is dead."""
    torch.manual_seed(seed)
    trunk = nn.Sequential(nn.Conv2d(3, channels, 7, 4, 3), nn.ReLU())
    head = PooledHead(channels, classes) if linear else FlatHead(channels * 64, classes)
    with torch.no_grad():
        trunk[0].bias[3] = -1e4
        # A positive logit for every class: AblationCAM divides by it.
        (head.linear if linear else head.layers[3]).bias += 2  # type: ignore[union-attr, operator]
    return network(trunk, head)


def toy_spec(made: Network, size: int = 32, classes: int = 5, name: str = "toy") -> ClassifierSpec:
    """A spec whose `load` hands out `made`."""
    preprocessing = Preprocessing(size, size, (0.5,) * 3, (0.25,) * 3, "bilinear")
    names = ClassList(tuple(f"class {i}" for i in range(classes)))
    return ClassifierSpec(name, "made by a test", "0" * 64, preprocessing, names, ("torch",), lambda: made)


def subject(
    view: View,
    target: int,
    settings: SettingsGroup | None = None,
    *,
    seed: int = 0,
    run_seed: int = 0,
    results: Mapping[str, object] | None = None,
    truth: Truth | None = None,
    again: Again | None = None,
) -> Subject[Any]:
    """What a map call is given, by hand. `again` maps the installed analysis of the name, as the pipeline does."""
    made = Subject(
        view=view,
        target=target,
        seed=seed,
        run_seed=run_seed,
        settings=settings or NoSettings(),
        results=results or {},
        timed=lambda _: nullcontext(),
        encoder=lambda name: resolve_encoder(name, Settings()),
        again=lambda *_: None,
        truth=truth,
    )

    def mapped(name: str, view: View, changes: Mapping[str, object]) -> object:
        analysis = next(found for found in load_analyses((name,)) if found.name == name)
        own = analysis.settings_model().model_copy(update=changes)
        return analysis.map(replace(made, view=view, settings=own, results={}))

    return replace(made, again=again or mapped)


class CountingEngine(Engine):
    """Torch on the CPU; counts what passes through the network and through its head alone."""

    def __init__(self, spec: ClassifierSpec) -> None:
        super().__init__(spec, RuntimeRecord(name="torch", precision="exact", device="cpu"), Path())
        self.passes = self.head_passes = 0

    def forward(self, batch: np.ndarray) -> Forward:
        self.passes += len(batch)
        return super().forward(batch)

    def logits(self, count: int, fill: Fill) -> np.ndarray:
        def counted(i: int, out: np.ndarray) -> None:
            self.passes += 1
            fill(i, out)

        return super().logits(count, counted)

    def head_logits(self, activations: np.ndarray, context: Sequence[np.ndarray] = ()) -> np.ndarray:
        self.head_passes += len(activations)
        return super().head_logits(activations, context)

    def head_gradient(self, forward: Forward, target: int) -> np.ndarray:
        self.head_passes += 1
        return super().head_gradient(forward, target)


class GivenActivations(Engine):
    """An engine whose trunk always answers with the same activations and whose head is pooling and `weight`."""

    def __init__(self, activations: np.ndarray, weight: np.ndarray, bias: float = 0.0) -> None:
        classes, channels = weight.shape
        head = PooledHead(channels, classes)
        with torch.no_grad():
            head.linear.weight.copy_(torch.from_numpy(weight))
            head.linear.bias.fill_(bias)
        spec = toy_spec(network(nn.Conv2d(3, channels, 7, 4, 3), head), classes=classes)
        super().__init__(spec, RuntimeRecord(name="torch", precision="exact", device="cpu"), Path())
        self._activations = activations.astype(np.float32)
        self._head = LinearHead(weight.astype(np.float32), np.full(len(weight), bias, np.float32))

    @property
    def linear_head(self) -> LinearHead:  # type: ignore[override]
        return self._head

    def forward(self, batch: np.ndarray) -> Forward:
        logits = self._activations.mean((1, 2)) @ self._head.weight.T + self._head.bias
        return Forward(np.repeat(logits[None], len(batch), 0), np.repeat(self._activations[None], len(batch), 0))

    def logits(self, count: int, fill: Fill) -> np.ndarray:
        """The mean of each input, for every class: what ScoreCAM's masks leave of the input."""
        out, x = np.empty((count, len(self._head.weight)), np.float32), np.empty((3, 32, 32), np.float32)
        for i in range(count):
            fill(i, x)
            out[i] = x.mean()
        return out


def python(code: str, *arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a fresh interpreter that finds this checkout."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def imported(code: str, modules: Sequence[str]) -> list[str]:
    """Which of `modules` a fresh interpreter has imported after `code`."""
    done = python(f"{code}\nimport sys\nprint('IMPORTED', *[m for m in {list(modules)!r} if m in sys.modules])")
    assert done.returncode == 0, done.stderr
    return done.stdout.rpartition("IMPORTED")[2].split()
