"""One visual style for every figure: overlays on photographs, and charts.

Overlays are arithmetic on uint8 RGB arrays (numpy and Pillow); only charts import matplotlib, and never pyplot.
Everything is deterministic. Colours: Okabe and Ito's eight, which people who do not see red and green alike can
tell apart; sequential maps: inferno, perceptually uniform (Smith and van der Walt, matplotlib, CC0).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    pass
from reportgen.figures.colors import BOTH, NEGATIVE, ONLY_A, ONLY_B, POSITIVE

_GREY = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)  # Rec. 709 luma


@cache
def heat_colors() -> np.ndarray:
    """(256, 3) uint8: inferno, dark to light."""
    table: np.ndarray = np.load(Path(__file__).with_name("inferno.npy"))
    table.setflags(write=False)
    return table


def heat_overlay(frame: np.ndarray, heat: np.ndarray, alpha: float = 0.75) -> np.ndarray:
    """A saliency map over its photograph: where the map is 0 the photograph shows, greyed; where it is 1, light yellow.

    Args:
        frame: (H, W, 3) uint8 RGB.
        heat: (H, W) in [0, 1].
        alpha: the opacity where the map is 1; it falls to 0 with the map.

    Raises:
        ValueError: the shapes differ, or the map leaves [0, 1].
    """
    heat = _plane(frame, heat)
    if not (heat.min() >= 0 and heat.max() <= 1):
        raise ValueError(f"a saliency map lies in [0, 1]; this one spans {heat.min():.3g} to {heat.max():.3g}")
    colors = heat_colors()[np.rint(heat * 255).astype(np.uint8)].astype(np.float32)
    return _blend(_greyed(frame), colors, alpha * np.sqrt(heat))


def signed_overlay(frame: np.ndarray, weights: np.ndarray, alpha: float = 0.8) -> np.ndarray:
    """Signed weights over a greyed photograph: blue speaks for the class, vermillion against it.

    The scale is symmetric: opacity is |weight| / max |weight|. All-zero weights leave the photograph.

    Args:
        frame: (H, W, 3) uint8 RGB.
        weights: (H, W), any range, finite.
    """
    weights = _plane(frame, weights)
    largest = float(np.abs(weights).max())
    share = np.abs(weights) / largest if largest > 0 else np.zeros_like(weights)
    colors = np.where(weights[..., None] >= 0, _rgb(POSITIVE), _rgb(NEGATIVE))
    return _blend(_greyed(frame), colors, alpha * share)


def outline(frame: np.ndarray, mask: np.ndarray, *, dim: float = 0.55, width: int | None = None) -> np.ndarray:
    """The border of a mask, or of every superpixel, as a light line with dark edges; visible on any photograph.

    Args:
        frame: (H, W, 3) uint8 RGB. Upscale frame and mask first: the line is then crisp.
        mask: (H, W) bool, or integer labels of superpixels.
        dim: how far what lies outside a bool mask is greyed and darkened, 0 to 1.
        width: of the light line in pixels; default 1/150 of the longer side.
    """
    _same_shape(frame, mask)
    picture = frame.astype(np.float32)
    if mask.dtype == bool and dim:
        outside = _blend(_greyed(frame), np.full(3, 24, np.float32), np.float32(dim * 0.6))
        picture = np.where(mask[..., None], picture, outside.astype(np.float32))
    return bordered(picture.astype(np.uint8), mask, width)


def bordered(picture: np.ndarray, mask: np.ndarray, width: int | None = None) -> np.ndarray:
    """The border of a mask, or of every superpixel, as a light line with dark edges on a picture that keeps its colours.

    Args:
        picture: (H, W, 3) uint8 RGB; mask: (H, W) bool, or integer labels; width: as in `outline`.
    """
    _same_shape(picture, mask)
    width = width or max(1, round(max(mask.shape) / 150))
    edges, drawn = _edges(mask), picture.copy()
    drawn[_dilated(edges, 2 * width)] = (16, 16, 16)
    drawn[_dilated(edges, width)] = (255, 255, 255)
    return drawn


def overlap(frame: np.ndarray, a: np.ndarray, b: np.ndarray, alpha: float = 0.6) -> np.ndarray:
    """Two masks over a greyed photograph: `a` only, `b` only and both, in the colours of `overlap_legend`.

    Args:
        frame: (H, W, 3) uint8 RGB.
        a, b: (H, W) bool.
    """
    _same_shape(frame, a)
    _same_shape(frame, b)
    colors = np.zeros((*a.shape, 3), np.float32)
    for region, color in ((a & ~b, ONLY_A), (b & ~a, ONLY_B), (a & b, BOTH)):
        colors[region] = _rgb(color)
    return _blend(_greyed(frame), colors, alpha * (a | b).astype(np.float32))


def overlap_legend(a: str, b: str) -> list[tuple[str, str]]:
    """(colour, name) entries for `reportgen.document.ColorBar`."""
    return [(ONLY_A, f"{a} only"), (ONLY_B, f"{b} only"), (BOTH, "both")]


def signed_legend(positive: str = "for the class", negative: str = "against it") -> list[tuple[str, str]]:
    """(colour, name) entries for `reportgen.document.ColorBar`."""
    return [(POSITIVE, positive), (NEGATIVE, negative)]


def upscale(pixels: np.ndarray, to_px: int) -> np.ndarray:
    """Enlarge so that the longer side has `to_px` pixels; the dtype stays. Never shrinks.

    Photographs (uint8 RGB) smoothly (Lanczos), float maps bilinearly, masks and labels by nearest neighbour.
    """
    height, width = pixels.shape[:2]
    scale = to_px / max(height, width)
    if scale <= 1:
        return pixels
    size = (round(width * scale), round(height * scale))
    if pixels.ndim == 3:
        return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    if pixels.dtype.kind == "f":
        image = Image.fromarray(pixels.astype(np.float32))
        return np.asarray(image.resize(size, Image.Resampling.BILINEAR)).astype(pixels.dtype)
    rows = (np.arange(size[1]) + 0.5) * height // size[1]
    columns = (np.arange(size[0]) + 0.5) * width // size[0]
    return pixels[np.ix_(rows.astype(int), columns.astype(int))]


def contact_sheet(rows: Sequence[Sequence[np.ndarray]], side: int, gap: int) -> np.ndarray:
    """Rows of pictures on white: (height, width, 3) uint8.

    Args:
        rows: (H, W, 3) uint8 pictures; no row has more than the first.
        side: of the square that a picture fills; gap: between pictures, pixels.
    """
    step = side + gap
    sheet = Image.new("RGB", (len(rows[0]) * step - gap, len(rows) * step - gap), "white")
    for line, row in enumerate(rows):
        for place, frame in enumerate(row):
            picture = Image.fromarray(frame).resize((side, side), Image.Resampling.LANCZOS)
            sheet.paste(picture, (place * step, line * step))
    return np.asarray(sheet)


def color_bar(width: int = 512, height: int = 24, alpha: float = 0.75) -> np.ndarray:
    """(height, width, 3) uint8: the scale of `heat_overlay` from 0 to 1, as it looks over a mid-grey photograph."""
    ramp = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (height, width))
    return heat_overlay(np.full((height, width, 3), 150, np.uint8), ramp, alpha)


def signed_color_bar(width: int = 512, height: int = 24, alpha: float = 0.8) -> np.ndarray:
    """(height, width, 3) uint8: the scale of `signed_overlay` from -max to +max, over mid-grey."""
    ramp = np.broadcast_to(np.linspace(-1, 1, width, dtype=np.float32), (height, width))
    return signed_overlay(np.full((height, width, 3), 150, np.uint8), ramp, alpha)


def _plane(frame: np.ndarray, values: np.ndarray) -> np.ndarray:
    _same_shape(frame, values)
    values = np.asarray(values, dtype=np.float32)
    if not np.isfinite(values).all():
        raise ValueError("a map to draw must be finite")
    return values


def _same_shape(frame: np.ndarray, plane: np.ndarray) -> None:
    if frame.dtype != np.uint8 or frame.shape != (*plane.shape, 3):
        raise ValueError(
            f"expected a uint8 (H, W, 3) frame and an (H, W) plane of the same size; "
            f"got {frame.dtype} {frame.shape} and {plane.shape}"
        )


def _greyed(frame: np.ndarray) -> np.ndarray:
    """The photograph with a fifth of its colour left: hue then belongs to the map."""
    luma = (frame.astype(np.float32) @ _GREY)[..., None]
    grey: np.ndarray = luma + 0.2 * (frame - luma)
    return grey


def _blend(base: np.ndarray, colors: np.ndarray, alpha: np.ndarray | np.float32) -> np.ndarray:
    weight = np.asarray(alpha, dtype=np.float32)[..., None]
    return np.rint(base * (1 - weight) + colors * weight).clip(0, 255).astype(np.uint8)


def _rgb(color: str) -> np.ndarray:
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float32)


def _edges(labels: np.ndarray) -> np.ndarray:
    edges = np.zeros(labels.shape, bool)
    edges[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    edges[:-1] |= labels[:-1] != labels[1:]
    return edges


def _dilated(mask: np.ndarray, thickness: int) -> np.ndarray:
    grown = Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(2 * (thickness // 2) + 1))
    return np.asarray(grown) > 0
