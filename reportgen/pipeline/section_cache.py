"""Sections are kept as results are: a reduce is pure, so a run in which nothing has changed draws no chart again."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from reportgen.analysis.protocol import Analysis, Contribution, RunView
from reportgen.storage.run_folder import RunFolder
from reportgen.storage.store import Result, Store
from reportgen.utils.hashing import digest_of

FORMAT = "1"
# A larger section is made again instead: with the folder it grows (maps, masks), and the store holds its results anyway.
MOST_BYTES = 64 << 20
_CONTRIBUTION = TypeAdapter(Contribution)


def reduced(
    analysis: Analysis, run: RunView, parts: Any, files: RunFolder, store: Store, *, fresh: bool
) -> Contribution:
    """What `analysis.reduce(run)` returns, its files written to `files`; from the store where nothing it reads has changed.

    Args:
        parts: plain JSON that names all that a reduce can read of the run.
        fresh: reduce again in any case.
    """
    code = code_of(analysis)
    key = None if code is None else digest_of(["section", FORMAT, analysis.name, analysis.version, code, parts])
    kept = None if fresh or key is None else store.get(key)
    if kept is None:
        before = files.written
        made = _CONTRIBUTION.dump_python(analysis.reduce(run), mode="json")
        # Every write makes an entry of its own: a file that another section wrote with equal bytes belongs to both.
        written = {name: entry for name, entry in files.written.items() if entry is not before.get(name)}
        kept = Result({"contribution": made, "files": sorted(written)})
        if key is not None and sum(size for _, size in written.values()) <= MOST_BYTES:
            contents = {f"file{i}": _bytes(files.path / name) for i, name in enumerate(kept.values["files"])}
            store.put(key, Result(kept.values, contents))
    else:
        for i, name in enumerate(kept.values["files"]):
            files.raw(name, kept.arrays[f"file{i}"].tobytes())
    # Both ways through the same data: what was kept cannot read otherwise than what was made.
    return _CONTRIBUTION.validate_python(kept.values["contribution"])


def _bytes(path: Path) -> np.ndarray:
    return np.frombuffer(path.read_bytes(), np.uint8)


def code_of(analysis: Analysis) -> str | None:
    """A hash of the sources that a section is made by: the analysis' whole package and this one; None where none are found.

    Ask for it when the analysis is loaded: a file that is edited during the run is not what runs.
    """
    return _code(type(analysis).__module__.partition(".")[0])


@cache
def _code(package: str) -> str | None:
    module = sys.modules.get(package)
    folders = [Path(folder) for folder in getattr(module, "__path__", ())]
    single = getattr(module, "__file__", None)
    own = [path for folder in folders for path in sorted(folder.rglob("*.py"))] or ([Path(single)] if single else [])
    house = sorted(Path(__file__).parents[1].rglob("*.py"))
    try:
        return digest_of([hashlib.sha256(path.read_bytes()).hexdigest() for path in [*own, *house]]) if own else None
    except OSError:
        return None
