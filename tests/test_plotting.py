"""Pictures: what their pixels mean, and that they are the same every time."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reportgen.figures import colors, overlays


@pytest.fixture
def frame() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)


def test_heat_colors_are_matplotlibs_inferno() -> None:
    from matplotlib import colormaps

    expected = np.rint(colormaps["inferno"](np.arange(256))[:, :3] * 255)
    assert np.array_equal(overlays.heat_colors(), expected)


def test_overlays_need_no_matplotlib() -> None:
    code = (
        "import sys, numpy as np; from reportgen.figures import overlays as p; f = np.zeros((8, 8, 3), np.uint8);"
        "p.heat_overlay(f, np.zeros((8, 8))); p.outline(f, np.eye(8, dtype=bool)); p.color_bar(9, 3);"
        "assert 'matplotlib' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)


def test_heat_shows_the_photograph_where_it_is_zero_and_light_yellow_where_it_is_one(frame: np.ndarray) -> None:
    cold = overlays.heat_overlay(frame, np.zeros(frame.shape[:2]))
    luma = frame @ np.array([0.2126, 0.7152, 0.0722])
    assert np.abs(cold @ np.array([0.2126, 0.7152, 0.0722]) - luma).max() < 1.5
    hot = overlays.heat_overlay(frame, np.ones(frame.shape[:2]), alpha=1.0)
    assert (hot == overlays.heat_colors()[255]).all()


def test_heat_brightens_steadily_on_the_color_bar() -> None:
    bar = overlays.color_bar(256, 4, alpha=1.0).astype(int)
    assert bar.shape == (4, 256, 3)
    luma = bar[0] @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luma[64:]) > -1).all() and luma[-1] > 200


def test_signed_weights_are_symmetric_and_zero_is_the_photograph(frame: np.ndarray) -> None:
    grey = np.full((2, 3, 3), 150, np.uint8)
    picture = overlays.signed_overlay(grey, np.array([[-2.0, 0.0, 2.0], [-1.0, 0.5, 1.0]]), alpha=1.0)
    assert "#{:02X}{:02X}{:02X}".format(*picture[0, 0]) == colors.NEGATIVE
    assert "#{:02X}{:02X}{:02X}".format(*picture[0, 2]) == colors.POSITIVE
    assert (picture[0, 1] == 150).all()
    same = overlays.signed_overlay(frame, np.zeros(frame.shape[:2]))
    assert np.array_equal(same, overlays.heat_overlay(frame, np.zeros(frame.shape[:2])))


def test_overlap_has_a_colour_for_each_region() -> None:
    grey = np.full((1, 4, 3), 100, np.uint8)
    a, b = np.array([[1, 1, 0, 0]], bool), np.array([[0, 1, 1, 0]], bool)
    picture = overlays.overlap(grey, a, b, alpha=1.0)[0]
    shown = ["#{:02X}{:02X}{:02X}".format(*pixel) for pixel in picture]
    assert shown == [colors.ONLY_A, colors.BOTH, colors.ONLY_B, "#646464"]
    assert [color for color, _ in overlays.overlap_legend("A", "B")] == [shown[0], shown[2], shown[1]]


@pytest.mark.parametrize("level", [0, 128, 255])
def test_outline_is_seen_on_any_photograph(level: int) -> None:
    mask = np.zeros((60, 60), bool)
    mask[20:40, 20:40] = True
    picture = overlays.outline(np.full((60, 60, 3), level, np.uint8), mask)
    row = picture[30, :, 0]
    assert {16, 255} <= set(row[14:26].tolist()), "a light line with dark edges"
    assert (picture[25:35, 25:35] == level).all(), "what is inside stays as it is"


def test_a_border_leaves_the_colours_beside_it() -> None:
    mask = np.zeros((60, 60), bool)
    mask[20:40, 20:40] = True
    picture = np.full((60, 60, 3), (200, 120, 40), np.uint8)
    drawn = overlays.bordered(picture, mask)
    assert (drawn[39, 20:40] == 255).all() and (picture == (200, 120, 40)).all()
    for row, column in ((30, 30), (5, 5), (30, 10)):
        assert tuple(drawn[row, column]) == (200, 120, 40)


def test_outline_draws_every_superpixel_of_a_label_map() -> None:
    labels = np.repeat(np.arange(4), 10)[None].repeat(40, axis=0)
    picture = overlays.outline(np.full((40, 40, 3), 128, np.uint8), labels, width=1)
    light = (picture[20] == 255).all(axis=-1)
    assert np.flatnonzero(light).tolist() == [9, 19, 29]


def test_upscale_keeps_kind_and_values(frame: np.ndarray) -> None:
    assert overlays.upscale(frame, 96).shape == (64, 96, 3)
    mask = frame[..., 0] > 128
    big = overlays.upscale(mask, 96)
    assert big.dtype == bool and np.array_equal(big[::2, ::2], mask)
    heat = np.linspace(0, 1, 32 * 48).reshape(32, 48)
    large = overlays.upscale(heat, 96)
    assert large.dtype == heat.dtype and large.min() >= 0 and large.max() <= 1
    assert overlays.upscale(frame, 10) is frame


@pytest.mark.parametrize(
    "draw",
    [
        lambda frame: overlays.heat_overlay(frame, np.zeros((3, 3))),
        lambda frame: overlays.heat_overlay(frame, np.full(frame.shape[:2], 1.5)),
        lambda frame: overlays.heat_overlay(frame, np.full(frame.shape[:2], np.nan)),
        lambda frame: overlays.signed_overlay(frame, np.full(frame.shape[:2], np.inf)),
        lambda frame: overlays.overlap(frame, np.zeros((3, 3), bool), np.zeros((3, 3), bool)),
        lambda frame: overlays.outline(frame.astype(float), np.zeros(frame.shape[:2], bool)),
    ],
)
def test_wrong_input_is_an_error(frame: np.ndarray, draw) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"expected|finite|lies in"):
        draw(frame)


CHART = """
import sys
from pathlib import Path
from reportgen.figures import charts
figure, axes = charts.chart(100, 50)
with charts.style():
    axes.plot([1, 2, 3], [3, 1, 2], label="Grad-CAM")
    axes.set_xlabel("Δ area (%)")
    axes.text(1, 1, "ρ = −0.3")
    axes.legend()
size = charts.save_svg(figure, Path(sys.argv[1]))
assert size == (378, 189), size
assert "matplotlib.pyplot" not in sys.modules
"""


def test_charts_are_the_same_bytes_in_two_processes_and_name_no_font_or_date(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        subprocess.run([sys.executable, "-c", CHART, tmp_path / name], check=True, cwd=Path(__file__).parent.parent)
    text = (tmp_path / "a.svg").read_text("utf-8")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "<text" not in text and "ReportSans" in text
    assert not re.search(r"dc:date|DejaVu", text)
