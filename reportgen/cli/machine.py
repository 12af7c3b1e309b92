"""What on this machine would stop a run, and how to fix it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from reportgen.models.classifiers.registry import list_classifiers
from reportgen.models.quiet import import_openvino
from reportgen.rendering.pdf.writer import PANGO_HINT, has_subsetter
from reportgen.settings.load import load
from reportgen.storage.store import cache_folder
from reportgen.utils.errors import ReportgenError, first_line

CACHE_ROOM = 2 * 2**30  # bytes


@dataclass(frozen=True)
class Check:
    """One thing looked at.

    Attributes:
        problem: what is wrong and how to fix it, or None.
        note: what stops no run, but is worth knowing.
    """

    name: str
    problem: str | None = None
    note: str | None = None


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
        subsetter = has_subsetter()
    except ReportgenError as error:
        reason = f"{first_line(error.__cause__)}; " if error.__cause__ else ""
        return Check(name, f"{reason}{PANGO_HINT}, or run with --format html")
    if subsetter:
        return Check(name)
    return Check(
        name,
        note="HarfBuzz-Subset 4.1 or newer is missing: a PDF is made all the same, its fonts cut by fontTools, so that its bytes differ "
        "from those of a machine that has it; apt-get install libharfbuzz-subset0",
    )


def _openvino() -> Check:
    name = "OpenVINO on this CPU (optional, faster)"
    try:
        devices = import_openvino().Core().available_devices
    except (ImportError, RuntimeError) as error:
        return Check(name, f"{error}; run with --runtime torch")
    return Check(name, None if "CPU" in devices else "no CPU device; run with --runtime torch")
