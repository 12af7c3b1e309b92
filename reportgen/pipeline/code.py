"""The sources that make a section, as a hash: an edited analysis keeps no section of its former self."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from reportgen.analysis.protocol import AnyAnalysis
from reportgen.utils.hashing import digest_of

# What an analysis may import of ours: the rooms whose code can change a section.
ROOMS = ("analysis", "figures", "images", "models", "report", "settings", "storage", "utils")


def code_of(analysis: AnyAnalysis) -> str | None:
    """A hash of the sources that make a section: the analysis' whole package, and our `ROOMS`; None where none are found."""
    package, _, rest = type(analysis).__module__.partition(".")
    # The shipped analyses are packages within ours.
    own = list(_sources(f"{package}.{rest.partition('.')[0]}" if package == "reportgen" else package))
    ours = [path for room in ROOMS for path in sorted((Path(__file__).parents[1] / room).rglob("*.py"))]
    try:
        return digest_of([hashlib.sha256(path.read_bytes()).hexdigest() for path in [*own, *ours]]) if own else None
    except OSError:
        return None


def _sources(package: str) -> Iterator[Path]:
    """The files of a package, or of a module that is none."""
    module = sys.modules.get(package)
    folders = [Path(folder) for folder in getattr(module, "__path__", ())]
    yield from (path for folder in folders for path in sorted(folder.rglob("*.py")))
    file = getattr(module, "__file__", None)
    if not folders and file:
        yield Path(file)
