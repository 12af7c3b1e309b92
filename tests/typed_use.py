"""A user's program, which mypy reads (tests/test_python_api.py) and nobody runs: every value has the type that it asserts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL.Image import Image
from typing_extensions import assert_type

from reportgen import (
    Explanation,
    Figure,
    Finding,
    ImageRecord,
    ImageView,
    Report,
    Section,
    Settings,
    Table,
    explain,
    make_report,
    read_report,
    render,
    run,
)


def use() -> None:
    report = run("photos", Settings(tasks=("cams",)), progress=False)
    assert_type(report, Report)
    assert_type(make_report("photos", "out"), Report)
    assert_type(make_report([Path("photos"), "more.zip"], "out"), Report)
    assert_type(read_report("out"), Report)
    assert_type(render(report, "out", formats=("html",)), list[Path])
    assert_type(report.section("cams"), Section)
    assert_type(report.figure("cams-1"), Figure)
    assert_type(report.table("cams"), Table)
    assert_type(report.finding("C1"), Finding)
    assert_type(report.images[0], ImageRecord)
    assert_type(report._repr_html_(), str | None)
    view = report["a.jpg"]
    assert_type(view, ImageView)
    assert_type(view.map("gradcam"), np.ndarray)
    assert_type(view.mask("lime", model="resnet50"), np.ndarray)
    assert_type(view.overlay("gradcam", size=224), Image)
    assert_type(view.photo, Image)
    assert_type(view.iou(), float)
    assert_type(view.maps, tuple[str, ...])
    assert_type(view.prediction.probability, float)
    found = explain("a.jpg", method="lime", target="tench")
    assert_type(found, Explanation)
    assert_type(found.map, np.ndarray)
    assert_type(found.mask, np.ndarray | None)
    assert_type(found.overlay(), Image)
    explain(np.zeros((8, 8, 3), np.uint8), model="efficientnet_lite0")
