"""Sections are kept as results are: a reduce is pure, so a run in which nothing that it reads has changed draws no chart again."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from reportgen.analysis.protocol import AnyAnalysis, Contribution
from reportgen.analysis.run_view import AnyRun
from reportgen.storage.codec import Array, round_trip
from reportgen.storage.run_folder import RunFolder
from reportgen.storage.store import Store
from reportgen.utils.hashing import digest_of
from reportgen.utils.json_types import JSON

FORMAT = "2"
# A larger section is made again instead: with the folder it grows (maps, masks), and the store holds its results anyway.
MOST_BYTES = 64 << 20
# What an analysis may import of ours: the rooms whose code can change a section.
ROOMS = ("analysis", "figures", "images", "models", "report", "settings", "storage", "utils")


@dataclass(frozen=True)
class KeptSection:
    """What an analysis contributed, and the bytes of the files that it wrote, by name."""

    contribution: Contribution
    files: Mapping[str, Array]


def reduced(
    analysis: AnyAnalysis, run: AnyRun, parts: JSON, files: RunFolder, store: Store, *, fresh: bool
) -> Contribution:
    """What `analysis.reduce(run)` returns, its files written to `files`; from the store where nothing it reads has changed.

    Args:
        parts: names all that a reduce can read of the run.
        fresh: reduce again in any case.
    """
    code = code_of(analysis)
    key = None if code is None else digest_of(["section", FORMAT, analysis.name, analysis.version, code, parts])
    kept = None if fresh or key is None else store.get(key, KeptSection)
    if kept is not None:
        for name, content in kept.files.items():
            files.raw(name, content.tobytes())
        return kept.contribution
    before = files.written
    contribution = analysis.reduce(run)
    # Every write makes an entry of its own: a file that another section wrote with equal bytes belongs to both.
    written = {name: entry for name, entry in sorted(files.written.items()) if entry is not before.get(name)}
    if key is not None and sum(size for _, size in written.values()) <= MOST_BYTES:
        store.put(key, KeptSection(contribution, {name: _bytes(files.path / name) for name in written}))
    # Through the same data as what was kept, so that the two cannot read otherwise.
    return round_trip(contribution)


def _bytes(path: Path) -> np.ndarray:
    return np.frombuffer(path.read_bytes(), np.uint8)


def code_of(analysis: AnyAnalysis) -> str | None:
    """A hash of the sources that a section is made by: the analysis' whole package and our `ROOMS`; None where none are found.

    Ask for it when the analysis is loaded: a file that is edited during the run is not what runs.
    """
    package, _, rest = type(analysis).__module__.partition(".")
    # The shipped analyses are packages within ours.
    return _code(".".join([package, *rest.split(".")[:1]]) if package == "reportgen" else package)


@cache
def _code(package: str) -> str | None:
    own = list(_sources(package))
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
