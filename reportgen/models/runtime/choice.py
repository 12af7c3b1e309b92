"""Which backend runs a classifier on this machine."""

from __future__ import annotations

import ctypes
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reportgen.models.classifiers.base import ClassifierSpec
from reportgen.models.quiet import import_openvino
from reportgen.models.runtime.backend import EXACT_TOLERANCE
from reportgen.report.provenance import RuntimeRecord
from reportgen.utils.errors import UsageError

Runtime = Literal["auto", "torch", "openvino"]
Precision = Literal["exact", "fast"]


@dataclass(frozen=True)
class Machine:
    """What a machine has.

    Attributes:
        cuda: a GPU that torch can use.
        bf16: bfloat16 arithmetic of the CPU, in OpenVINO.
    """

    cuda: bool = False
    bf16: bool = False


def detect_machine(runtime: Runtime, precision: Precision) -> Machine:
    """This machine, as far as the choice depends on it; the rest is not looked at and False, for a look imports torch or
    OpenVINO."""
    if runtime != "openvino" and _has_cuda():
        return Machine(cuda=True)
    return Machine(bf16=runtime != "torch" and precision == "fast" and _has_bf16())


def choose_runtime(
    spec: ClassifierSpec, runtime: Runtime, precision: Precision, models_cache: Path, machine: Machine | None = None
) -> RuntimeRecord:
    """Which backend runs `spec`.

    `auto` takes CUDA where there is one; else OpenVINO if it reproduces torch's logits on a seeded probe batch to a
    relative error below 1e-4; else torch. The comparison is made once for a model and kept beside its conversion. A classifier
    that is a graph and no torch network runs on OpenVINO alone.

    Args:
        models_cache: the folder of conversions.
        machine: what it runs on; default this one.

    Raises:
        UsageError: OpenVINO is asked for by name and cannot convert this model, or torch is and there is no torch network.
    """
    if spec.graph is not None:
        return _of_graph(spec, runtime, precision, machine)
    machine = machine or detect_machine(runtime, precision)
    if runtime != "openvino" and machine.cuda:
        return RuntimeRecord(name="torch", precision=precision, device="cuda")
    if runtime == "torch":
        return _on_cpu("torch", precision, "", machine)
    from reportgen.models.runtime.openvino_backend import ConversionFailed, find_or_convert

    try:
        error = find_or_convert(spec, models_cache, spec.load).relative_error
    except ConversionFailed as failure:
        if runtime == "openvino":
            raise UsageError(f"OpenVINO cannot convert {spec.name} ({failure}); use --runtime torch") from None
        return _on_cpu("torch", precision, f"OpenVINO could not convert the model: {failure}", machine)
    if error < EXACT_TOLERANCE or runtime == "openvino":
        note = f"OpenVINO reproduces torch's logits on the probe batch to a relative error of {error:.0e}"
        return _on_cpu("openvino", precision, note, machine)
    note = f"OpenVINO was refused: its logits differ from torch's by {error:.0e} (relative)"
    return _on_cpu("torch", precision, note, machine)


def _of_graph(spec: ClassifierSpec, runtime: Runtime, precision: Precision, machine: Machine | None) -> RuntimeRecord:
    if runtime == "torch":
        raise UsageError(f"{spec.name}: torch cannot run it, OpenVINO reads the file itself; leave --runtime torch out")
    return _on_cpu(
        "openvino", precision, "OpenVINO reads the file itself", machine or detect_machine("openvino", precision)
    )


def _on_cpu(name: str, precision: Precision, note: str, machine: Machine) -> RuntimeRecord:
    if precision == "fast" and not (name == "openvino" and machine.bf16):
        instead = "fast was asked for, but there is no bf16 here: exact was used"
        return RuntimeRecord(name=name, precision="exact", device="cpu", note=f"{note}; {instead}".lstrip("; "))
    return RuntimeRecord(name=name, precision=precision, device="cpu", note=note)


def _has_cuda() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if platform.system() == "Windows" else "libcuda.so.1")
    except OSError:
        return False  # no driver: torch need not be imported to know
    import torch

    return torch.cuda.is_available()


def _has_bf16() -> bool:
    try:
        core = import_openvino().Core()
    except ImportError:  # the conversion says so
        return False
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
