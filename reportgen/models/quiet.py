"""OpenVINO without its telemetry."""

from __future__ import annotations

import sys
from types import ModuleType


def import_openvino() -> ModuleType:
    """The `openvino` module. Its import alone would report to an analytics server and write an id into the user's home;
    where the package `openvino_telemetry` cannot be imported it takes a stub instead, so it is hidden meanwhile.

    Raises:
        ImportError: it is not installed, or its library cannot be loaded on this machine.
    """
    name = "openvino_telemetry"
    hidden = {module: sys.modules.pop(module) for module in list(sys.modules) if module.partition(".")[0] == name}
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        import openvino
    finally:
        del sys.modules[name]
        sys.modules.update(hidden)
    result: ModuleType = openvino
    return result
