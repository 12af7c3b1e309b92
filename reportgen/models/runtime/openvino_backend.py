"""OpenVINO on the CPU: conversion kept on disk by weights hash, and asynchronous inference.

The conversion goes through OpenVINO's own PyTorch frontend. `openvino.convert_model` would do the same but reports
usage over the network; so does the bare import (`quiet`).
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reportgen.models.classifiers.base import ClassifierSpec, FeatureLayer, Graph, LinearHead, Network
from reportgen.models.quiet import import_openvino
from reportgen.models.runtime.backend import (
    EXACT_TOLERANCE,
    NO_ACTIVATIONS,
    Fill,
    Forward,
    StageRunner,
    relative_difference,
)
from reportgen.storage.cache import touch
from reportgen.utils.concurrency import PROCESS_WIDE, engine_cores
from reportgen.utils.errors import UsageError, first_line
from reportgen.utils.hashing import digest_of

if TYPE_CHECKING:
    from openvino import Core, InferRequest, Model
    from torch import nn

CONVERSION_VERSION = "4"
PROBE_IMAGES = 2
# Images a request: within a tenth of the fastest of 1, 2, 4 and 8 for EfficientNet-Lite0 and ResNet-50. A constant, not
# tuned on the machine: another batch size gives other last bits, and the same run must give the same bytes twice.
BATCH = {"exact": 1, "fast": 4}
# What the feature map of a graph is called where it is dissected: its own names are those of the program that wrote it.
FEATURE_MAP = "feature map"
HINTS = {"exact": "f32", "fast": "bf16"}
# One at a time: torch traces one module at a time in a process, and who waits finds the conversion made.
_CONVERTING = threading.RLock()


class ConversionFailed(Exception):
    """OpenVINO cannot express this network; the message is its first line."""


@dataclass(frozen=True)
class Conversion:
    """A converted model on disk.

    Attributes:
        xml: OpenVINO IR, fp32; inputs (1, 3, side, side), outputs logits, activations and context; of a graph that lacks activations
            logits alone.
        linear: the head in closed form, kept beside it so that a later run needs no torch.
        relative_error: max |logits - torch's| / max |torch's| on the probe batch; 0 for a graph, which has no other.
        stages: names of the outputs of `stages.xml` beside it, the means of the network's stages; empty where there are none,
            or where OpenVINO's differ from torch's.
        layer: where the activations stand in the network.
    """

    xml: Path
    linear: LinearHead | None
    relative_error: float
    stages: tuple[str, ...] = ()
    layer: FeatureLayer = field(default_factory=FeatureLayer)


def find_or_convert(spec: ClassifierSpec, models_cache: Path, load: Callable[[], Network]) -> Conversion:
    """The conversion of `spec`, made now or found on disk.

    Raises:
        ConversionFailed: OpenVINO cannot express the network.
    """
    versions = {package: version(package) for package in ("openvino", *spec.packages)}
    # A network of one output is converted with both of its sides.
    sides = ["binary"] if spec.binary else []
    # Two networks may be filled by one file.
    sides += [spec.architecture] if spec.architecture else []
    key = digest_of([CONVERSION_VERSION, spec.name, spec.weights_sha256, spec.preprocessing.size, versions, *sides])
    folder = models_cache / key[:32]
    with _CONVERTING:
        if not (folder / "meta.json").is_file():
            if spec.graph is not None:
                _write_graph(spec, spec.graph(), folder)
            else:
                _write_conversion(spec, load(), folder)
    touch(folder / "meta.json")  # the time of use
    return _read(folder)


def _read(folder: Path) -> Conversion:
    meta = json.loads((folder / "meta.json").read_text())
    linear = None
    if (folder / "head.npz").is_file():
        with np.load(folder / "head.npz", allow_pickle=False) as head:
            linear = LinearHead(head["weight"], head["bias"])
    layer = FeatureLayer(**meta["layer"])
    return Conversion(folder / "model.xml", linear, meta["relative_error"], tuple(meta["stages"]), layer)


def _write_conversion(spec: ClassifierSpec, network: Network, folder: Path) -> None:
    """Convert trunk and head, keep the linear head beside them, and convert the stages while the network is here."""
    import torch

    class LogitsAndFeatures(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk, self.head = network.trunk, network.head

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            features = self.trunk(x)
            return (self.head(*features), *features)

    with _new_folder(folder) as scratch:
        _convert(LogitsAndFeatures().eval(), spec.preprocessing.size, scratch / "model.xml")
        error = _relative_error(scratch / "model.xml", network, spec)
        if error >= EXACT_TOLERANCE:
            # Once in some hundred conversions a right graph (of a ViT-B/16) answered wrongly, and rightly when compiled anew; why is
            # not known, and the answer decides for as long as the conversion is kept.
            error = _relative_error(scratch / "model.xml", network, spec)
        stages = _convert_stages(network, spec.preprocessing.size, scratch / "stages.xml")
        _write_beside(scratch, spec, network.linear, error, stages, network.layer)


def _write_graph(spec: ClassifierSpec, graph: Graph, folder: Path) -> None:
    """Keep a graph as a conversion is kept; its one stage is the feature map, where it has that."""
    openvino = import_openvino()
    import openvino.opset13 as ops

    stages = []
    with _new_folder(folder) as scratch:
        openvino.save_model(graph.model, scratch / "model.xml", compress_to_fp16=False)
        if graph.linear is not None:
            means = ops.reduce_mean(graph.model.output(1).get_node().input_value(0), np.array([2, 3]))
            model = openvino.Model([means.output(0)], graph.model.get_parameters(), "stages")
            openvino.save_model(model, scratch / "stages.xml", compress_to_fp16=False)
            stages = [FEATURE_MAP]
        _write_beside(scratch, spec, graph.linear, 0.0, stages, FeatureLayer())


def _write_beside(
    folder: Path,
    spec: ClassifierSpec,
    linear: LinearHead | None,
    error: float,
    stages: list[str],
    layer: FeatureLayer,
) -> None:
    if linear is not None:
        np.savez(folder / "head.npz", weight=linear.weight, bias=linear.bias)
    meta = {"model": spec.name, "relative_error": error, "stages": stages, "layer": asdict(layer)}
    (folder / "meta.json").write_text(json.dumps(meta))


def _convert_stages(network: Network, side: int, xml: Path) -> list[str]:
    """Convert the means of the network's own stages; returns their names, none where that cannot be done exactly."""
    import torch

    from reportgen.models.runtime.stages import StageMeans

    if not network.stages:
        return []
    module = StageMeans(network.model, network.stages).eval()
    try:
        _convert(module, side, xml)
    except (ConversionFailed, UsageError):
        return []  # torch runs them then, and says what is wrong with a stage
    probe = np.random.default_rng(0).standard_normal((1, 3, side, side), dtype=np.float32)
    ours = _stage_request(xml, "exact").infer([probe])
    with torch.inference_mode():
        theirs = [mean.numpy() for mean in module(torch.from_numpy(probe))]
    errors = [relative_difference(ours[i], means) for i, means in enumerate(theirs)]
    return list(network.stages) if max(errors) < EXACT_TOLERANCE else []


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` to fill, renamed at the end: other runs see all of it or nothing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".export-", dir=folder.parent))
    try:
        yield scratch
        try:
            scratch.rename(folder)
        except OSError:
            if not (folder / "meta.json").is_file():  # anything but another run that was first
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _convert(module: nn.Module, side: int, xml: Path) -> None:
    """Write a torch module of one (1, 3, side, side) input as OpenVINO IR in fp32."""
    import torch

    try:
        openvino = import_openvino()
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        with PROCESS_WIDE, warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # torch.jit.trace announces its end; OpenVINO's frontend builds on it
            x = torch.zeros(1, 3, side, side)
            # Unchecked: torch would trace again to compare, for seconds; the probe batch compares what counts.
            # A function, not the module: weights become constants at once, and no module is made a script of (a third of the time).
            traced = torch.jit.trace(lambda x: module(x), x, check_trace=False, strict=False)
            decoder = TorchScriptPythonDecoder(traced, example_input=(x,))
            frontend = FrontEndManager().load_by_framework("pytorch")
            model = frontend.convert(frontend.load(decoder))
        model.reshape([1, 3, side, side])  # transformers' EfficientNet pools by more than there is, which fails here
    except UsageError:
        raise
    except Exception as error:  # the frontend raises whatever its operators raise
        raise ConversionFailed(first_line(error)) from None
    openvino.save_model(model, xml, compress_to_fp16=False)


def _relative_error(xml: Path, network: Network, spec: ClassifierSpec) -> float:
    import torch

    side = spec.preprocessing.size
    probe = np.random.default_rng(0).standard_normal((PROBE_IMAGES, 3, side, side), dtype=np.float32)
    ours = OpenVinoBackend(Conversion(xml, None, 0.0), "exact").forward(probe).logits
    with torch.inference_mode():
        theirs = network.head(*network.trunk(torch.from_numpy(probe))).numpy()
    return relative_difference(ours, theirs)


class OpenVinoBackend:
    """A ring of inference requests: while the engine works on some, the caller writes the next one's input in place.

    Args:
        batch: images a request; default that of the precision. A graph that allows one alone runs one.
    """

    def __init__(self, model: Conversion, precision: str, batch: int | None = None) -> None:
        core = import_openvino().Core()
        config = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": HINTS[precision], **_cores()}
        network = _with_batch(core, model.xml, batch or BATCH[precision])
        compiled = core.compile_model(network, "CPU", config)
        streams = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._requests = [compiled.create_infer_request() for _ in range(streams + 1)]
        self._inputs = [request.get_input_tensor(0).data for request in self._requests]
        for data in self._inputs:
            data[:] = 0  # the rows that a last, shorter batch leaves alone
        self._batch, self._classes = self._inputs[0].shape[0], compiled.output(0).shape[1]
        self._outputs = len(compiled.outputs)

    def forward(self, batch: np.ndarray) -> Forward:
        request, passes = self._requests[0], []
        for image in batch:
            self._inputs[0][0] = image
            request.infer()
            passes.append([request.get_output_tensor(i).data[:1].copy() for i in range(self._outputs)])
        logits, *features = (np.concatenate(output) for output in zip(*passes, strict=True))
        activations, *context = features or [np.repeat(NO_ACTIVATIONS, len(batch), axis=0)]
        return Forward(logits, activations, tuple(context))

    def logits(self, count: int, fill: Fill) -> np.ndarray:
        out = np.empty((count, self._classes), np.float32)
        ring, size = len(self._requests), self._batch
        batches = -(-count // size)
        try:
            for i in range(batches + ring):
                request = self._requests[i % ring]
                if i >= ring:
                    request.wait()
                    rows = out[(i - ring) * size : (i - ring + 1) * size]
                    rows[:] = request.get_output_tensor(0).data[: len(rows)]
                if i < batches:
                    for row in range(min(size, count - i * size)):
                        fill(i * size + row, self._inputs[i % ring][row])
                    request.start_async()
        finally:
            for request in self._requests:
                request.wait()  # an interrupted loop must leave no request running
        return out


def _cores() -> dict[str, str]:
    """How many cores OpenVINO keeps busy, where that is limited; the numbers are the same for any."""
    cores = engine_cores()
    return {} if cores is None else {"INFERENCE_NUM_THREADS": str(cores)}


def _with_batch(core: Core, xml: Path, batch: int) -> Model:
    """The model with `batch` images a request, or one where its graph does not allow more."""
    model = core.read_model(str(xml))
    shape = list(model.input(0).shape)
    if batch > 1:
        try:
            model.reshape([batch, *shape[1:]])
        except RuntimeError:  # a batch of one is written into the graph
            return core.read_model(str(xml))
        if any(output.shape[0] != batch for output in model.outputs):
            return core.read_model(str(xml))
    return model


def stage_runner(model: Conversion, precision: str) -> StageRunner:
    """What turns network input into the means of the stages of `model`, which has some."""
    request = _stage_request(model.xml.with_name("stages.xml"), precision)

    def run(batch: np.ndarray) -> dict[str, np.ndarray]:
        passes = []
        for image in batch:
            request.infer([image[None]])
            passes.append([request.get_output_tensor(i).data[0].copy() for i in range(len(model.stages))])
        return {stage: np.stack([means[i] for means in passes]) for i, stage in enumerate(model.stages)}

    return run


def _stage_request(xml: Path, precision: str) -> InferRequest:
    config = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        **_cores(),
    }
    return import_openvino().Core().compile_model(str(xml), "CPU", config).create_infer_request()
