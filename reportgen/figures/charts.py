"""Charts: matplotlib in one visual style, the same figure giving the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
from reportgen.figures.colors import INK, MUTED, PALETTE, RULE

FULL_MM = 170.0  # the type area of a page
COLUMN_MM = 126.5  # the text column in it
_FONTS = Path(__file__).with_name("fonts")
_FAMILY = "Report Sans"
# Past so many images, a bar for each is a list and no chart.
MOST_BARS = 24

# More points are a blot, and a heavy file.
MOST_POINTS = 2000

T = TypeVar("T")


@contextmanager
def style() -> Iterator[None]:
    """matplotlib's settings for a chart; text added to axes takes its font here."""
    from cycler import cycler
    from matplotlib import rc_context

    _register_fonts()
    settings: Any = {
        "font.family": _FAMILY,
        "font.size": 8.5,
        "mathtext.fontset": "custom",
        "mathtext.rm": _FAMILY,
        "mathtext.it": _FAMILY,
        "mathtext.bf": _FAMILY,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.labelsize": 8.5,
        "axes.titlesize": 9,
        "axes.titleweight": 600,
        "axes.titlelocation": "left",
        "axes.edgecolor": MUTED,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.prop_cycle": cycler(color=PALETTE[:6]),
        "axes.unicode_minus": True,
        "grid.color": RULE,
        "grid.linewidth": 0.5,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "xtick.minor.size": 0,
        "ytick.minor.size": 0,
        "lines.linewidth": 1.4,
        "lines.markersize": 5,
        "patch.linewidth": 0,
        "hatch.linewidth": 0.6,
        "legend.frameon": False,
        "legend.fontsize": 8,
        "legend.handlelength": 1.2,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "svg.fonttype": "path",
        "svg.hashsalt": "reportgen",
    }
    with rc_context(settings):
        yield


def chart(width_mm: float = COLUMN_MM, height_mm: float = 60.0) -> tuple[Figure, Axes]:
    """An empty chart at its size on the page, so that its text is as large as the page's.

    Add to it inside `with style():`; horizontal grid lines only, because the eye reads values along them.

    Args:
        width_mm: COLUMN_MM for one that stands in the text column, FULL_MM for one across the page.
    """
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(width_mm / 25.4, height_mm / 25.4), layout="constrained")
        axes = figure.add_subplot()
        axes.grid(False, axis="x")
    return figure, axes


def bar_chart_of_images(axes: Axes, names: Sequence[str]) -> None:
    """Horizontal bars from 0 to 1, an image a line, the first on top; `names` are file names."""
    axes.set_yticks(range(len(names)), [_short_name(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.grid(axis="x")
    axes.grid(False, axis="y")


def both_ends(ordered: Sequence[T]) -> Sequence[T]:
    """What has a bar in such a chart: all of them, or as many of the first as of the last where they are too many."""
    half = MOST_BARS // 2
    return ordered if len(ordered) <= MOST_BARS else [*ordered[:half], *ordered[-half:]]


def points(count: int) -> list[int]:
    """Which of so many points a scatter draws: all of them, or a seeded sample where they are too many."""
    if count <= MOST_POINTS:
        return list(range(count))
    import numpy as np

    return sorted(np.random.default_rng(0).choice(count, MOST_POINTS, replace=False).tolist())


def _short_name(name: str, most: int = 34) -> str:
    """A file name that fits beside a bar: its middle is left out where it is long."""
    name = name.rsplit("/", 1)[-1]
    return name if len(name) <= most else f"{name[: most - 12]}…{name[-11:]}"


def text_mm(text: str, size: float, weight: int = 400) -> float:
    """How wide a line of text is in a chart; `size` in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    _register_fonts()
    font = FontProperties(family=_FAMILY, size=size, weight=weight)
    width: float = text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]
    return width * 25.4 / 72


def even_columns(pictures: int, most: int = 4) -> int:
    """How many of `pictures` stand in a row, at most `most`, so that rows are few and the last is as full as can be."""
    rows = -(-pictures // most)
    return -(-pictures // rows)


def save_svg(figure: Figure, path: Path | IO[bytes]) -> tuple[int, int]:
    """Write a chart as SVG, letters as outlines; the same figure gives the same bytes.

    Returns:
        its width and height on a page in CSS pixels (1/96 inch).
    """
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_fontfamily(_FAMILY)
    with style():
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    width, height = figure.get_size_inches()
    return round(width * 96), round(height * 96)


@cache
def _register_fonts() -> None:
    from matplotlib.font_manager import fontManager

    for font in sorted(_FONTS.glob("*.ttf")):
        fontManager.addfont(font)
