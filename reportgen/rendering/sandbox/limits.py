"""What one rendering may take of the machine, and how a user allows it more."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from reportgen.utils.errors import UsageError

MIB = 2**20
SECONDS, MEMORY, OUTPUT = "REPORTGEN_RENDER_SECONDS", "REPORTGEN_RENDER_MIB", "REPORTGEN_RENDER_OUTPUT_MIB"
# However many pictures a report names: a stranger's names as many as it likes.
MOST_PICTURES = 4000


@dataclass(frozen=True)
class Limits:
    """What one rendering may take.

    Attributes:
        seconds: of processor time, and ten times as many of wall time; on Windows of wall time alone.
        memory: bytes of address space (Unix; elsewhere only time is limited).
        output: bytes of the largest file that it may write (Unix).
    """

    seconds: float
    memory: int
    output: int


def limits_for(pictures: int, environ: Mapping[str, str] | None = None) -> Limits:
    """Generous limits for a report of so many pictures: some six times what a shipped template takes.

    A PDF of 1000 images (57 pages) was measured at 21 s and 553 MB.

    Args:
        environ: the environment; each of its three variables stands for one of the limits.

    Raises:
        UsageError: one of them is no positive number.
    """
    environ = os.environ if environ is None else environ
    counted = min(pictures, MOST_PICTURES)
    return Limits(
        seconds=_given(environ, SECONDS, 45 + counted / 10),
        memory=int(_given(environ, MEMORY, 2048 + counted) * MIB),
        output=int(_given(environ, OUTPUT, 256 + 2 * counted) * MIB),
    )


def _given(environ: Mapping[str, str], variable: str, default: float) -> float:
    text = environ.get(variable, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= 1e9:
        raise UsageError(f"{variable} is {text[:80]!r}; give a number such as {default:g}")
    return value
