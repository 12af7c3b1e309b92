"""What marks an object: boxes, polygons, ellipses, and pixels in runs; or why what a file says is none of these.

Coordinates are continuous, in whatever unit their file has: pixel i spans [i, i + 1].
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from reportgen.utils.json_types import JSON

MAX_CORNERS, MAX_SHAPES = 10_000, 10_000  # of a polygon, and shapes of an image: to draw them takes time
MAX_MASK_PIXELS = 10**8  # of a mask in a file, when it is larger than its image
_FARTHEST = 1e7  # beyond any image; what lies farther would only overflow


class Flaw(Exception):
    """What is wrong with a marked object; `reason` is a noun phrase, which such objects are counted under."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Box:
    """From (x0, y0) to (x1, y1), each less than the other."""

    x0: float
    y0: float
    x1: float
    y1: float

    def outline(self) -> tuple[np.ndarray, np.ndarray]:
        return np.array([self.x0, self.x1]), np.array([self.y0, self.y1])


@dataclass(frozen=True)
class Polygon:
    """Three corners (x, y) or more."""

    corners: tuple[tuple[float, float], ...]

    def outline(self) -> tuple[np.ndarray, np.ndarray]:
        x, y = np.array(self.corners, float).T
        return x, y


@dataclass(frozen=True)
class Ellipse:
    """About (x, y), with half axes; `angle` in radians, clockwise as images are seen."""

    x: float
    y: float
    half_width: float
    half_height: float
    angle: float = 0.0

    def outline(self) -> tuple[np.ndarray, np.ndarray]:
        turn = np.linspace(0, 2 * math.pi, 128, endpoint=False)
        along, across = self.half_width * np.cos(turn), self.half_height * np.sin(turn)
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return self.x + along * cos - across * sin, self.y + along * sin + across * cos


@dataclass(frozen=True)
class Runs:
    """Pixels of a mask of `width` x `height`, column after column: so many that are not the object's, so many that are, and on."""

    counts: tuple[int, ...]
    width: int
    height: int

    def columns(self) -> np.ndarray:
        """(width, height) bool: the mask turned on its side, as it is stored."""
        values = np.arange(len(self.counts)) % 2 == 1
        return np.repeat(values, self.counts).reshape(self.width, self.height)

    def pixels(self) -> np.ndarray:
        """(height, width) bool."""
        return self.columns().T


Shape = Box | Polygon | Ellipse | Runs


def as_json(shape: Shape) -> JSON:
    """A shape as plain data, for its digest."""
    return [type(shape).__name__, _plain(astuple(shape))]


def number(value: object) -> float:
    """Raises: Flaw: it is no number of pixels."""
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")  # as a German spreadsheet writes it
    try:
        if isinstance(text, bool) or not isinstance(text, str | int | float):
            raise ValueError
        found = float(text)
    except (ValueError, OverflowError):
        raise Flaw("a coordinate that is not a number") from None
    if not math.isfinite(found):
        raise Flaw("a coordinate that is not a number")
    if abs(found) > _FARTHEST:
        raise Flaw("a coordinate beyond any image")
    return found


def box(x0: object, y0: object, x1: object, y1: object) -> Box:
    """Raises: Flaw: it has no area, or a corner is no number."""
    made = Box(number(x0), number(y0), number(x1), number(y1))
    if made.x1 <= made.x0 or made.y1 <= made.y0:
        raise Flaw("a box without area")
    return made


def box_of_sides(x: object, y: object, width: object, height: object) -> Box:
    """A box by its upper left corner and its sides. Raises: Flaw: as `box`."""
    left, top = number(x), number(y)
    return box(left, top, left + number(width), top + number(height))


def box_between(points: Iterable[Sequence[object]]) -> Box:
    """A box by two opposite corners, whichever comes first. Raises: Flaw: as `box`."""
    corners = [_pair(point) for point in points]
    if len(corners) != 2:
        raise Flaw("a box that has not two corners")
    (xa, ya), (xb, yb) = corners
    return box(min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb))


def polygon(points: Sequence[object]) -> Polygon:
    """Raises: Flaw: fewer than three corners, more than are drawn, or a corner is no pair of numbers."""
    if len(points) < 3:
        raise Flaw("a polygon of fewer than three corners")
    if len(points) > MAX_CORNERS:
        raise Flaw(f"a polygon of more than {MAX_CORNERS} corners")
    return Polygon(tuple(_pair(point) for point in points))


def polygon_of_flat(values: Sequence[object]) -> Polygon:
    """A polygon from x, y, x, y and so on. Raises: Flaw: as `polygon`."""
    if len(values) % 2:
        raise Flaw("a polygon with an x that has no y")
    return polygon(list(zip(values[::2], values[1::2], strict=True)))


def turned(made: Box, degrees: float, about: tuple[float, float]) -> Box | Polygon:
    """A box turned clockwise about a point."""
    if degrees % 360 == 0:
        return made
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = ((made.x0, made.y0), (made.x1, made.y0), (made.x1, made.y1), (made.x0, made.y1))
    moved = [(x - about[0], y - about[1]) for x, y in corners]
    return Polygon(tuple((about[0] + x * cos - y * sin, about[1] + x * sin + y * cos) for x, y in moved))


def ellipse(x: object, y: object, half_width: object, half_height: object, angle: float = 0.0) -> Ellipse:
    """Raises: Flaw: it has no area, or something is no number."""
    made = Ellipse(number(x), number(y), number(half_width), number(half_height), angle)
    if made.half_width <= 0 or made.half_height <= 0:
        raise Flaw("an ellipse without area")
    return made


def circle_through(points: Sequence[Sequence[object]]) -> Ellipse:
    """A circle by its centre and a point on it. Raises: Flaw: as `ellipse`."""
    if len(points) != 2:
        raise Flaw("a circle that is not given by two points")
    (x, y), (a, b) = (_pair(point) for point in points)
    radius = math.hypot(a - x, b - y)
    return ellipse(x, y, radius, radius)


def painted(x: np.ndarray, y: np.ndarray, shape: tuple[int, int], *, is_box: bool) -> np.ndarray:
    """(H, W) bool: the pixels whose centres lie inside an outline of frame coordinates; of a box two opposite corners."""
    mask = np.zeros(shape, bool)
    if is_box:
        rows, columns = np.arange(shape[0]) + 0.5, np.arange(shape[1]) + 0.5
        mask[np.ix_((rows >= y[0]) & (rows < y[1]), (columns >= x[0]) & (columns < x[1]))] = True
        return mask
    from skimage.draw import polygon as inside

    mask[inside(y - 0.5, x - 0.5, shape)] = True
    return mask


def _pair(point: object) -> tuple[float, float]:
    if not isinstance(point, list | tuple) or len(point) < 2:
        raise Flaw("a corner that is not a pair of numbers")
    return number(point[0]), number(point[1])


def _plain(values: tuple[object, ...]) -> JSON:
    return [_plain(value) if isinstance(value, tuple) else value for value in values]  # type: ignore[misc]  # numbers
