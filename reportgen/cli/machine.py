"""What on this machine would stop a run, and how to fix it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from reportgen.models.classifiers.registry import list_classifiers
from reportgen.models.quiet import import_openvino
from reportgen.settings.load import load
from reportgen.storage.store import cache_folder

CACHE_ROOM = 2 * 2**30  # bytes


@dataclass(frozen=True)
class Check:
    """One thing looked at; `problem` says what is wrong and how to fix it, or is None."""

    name: str
    problem: str | None = None


def machine_checks() -> Iterator[Check]:
    """Every check, cheap ones first."""
    settings = load().settings
    yield Check("settings of this folder")
    yield _cache()
    yield _pdf()
    for model in list_classifiers(settings):
        if model.name in settings.named_models:
            yield Check(f"model {model.name}", model.missing)
    yield _openvino()


def _cache() -> Check:
    folder = cache_folder()
    name = "cache folder can be written and has room"
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(nearest, os.W_OK):
        return Check(name, f"{folder} cannot be written; set REPORTGEN_CACHE_DIR to a folder that can")
    free = shutil.disk_usage(nearest).free
    if free < CACHE_ROOM:
        return Check(name, f"{folder} has {free / 2**30:.1f} GiB left; set REPORTGEN_CACHE_DIR to a larger disk")
    return Check(name)


def _pdf() -> Check:
    name = "PDF library (WeasyPrint and Pango)"
    try:
        import weasyprint  # noqa: F401
    except OSError as error:
        hint = "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0, or run with --format html"
        return Check(name, f"{str(error).splitlines()[0]}; {hint}")
    return Check(name)


def _openvino() -> Check:
    name = "OpenVINO on this CPU (optional, faster)"
    try:
        devices = import_openvino().Core().available_devices
    except (ImportError, RuntimeError) as error:
        return Check(name, f"{error}; run with --runtime torch")
    return Check(name, None if "CPU" in devices else "no CPU device; run with --runtime torch")
