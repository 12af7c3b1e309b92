"""Sections are kept as results are: a reduce is pure, so a run in which nothing that it reads has changed draws no chart again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from reportgen.analysis.entries import Entries
from reportgen.analysis.protocol import AnyAnalysis, Contribution
from reportgen.analysis.run_view import AnyRun
from reportgen.storage.codec import Array, decode, encode, round_trip
from reportgen.storage.run_folder import RunFolder
from reportgen.storage.store import Store
from reportgen.utils.hashing import digest_of
from reportgen.utils.json_types import JSON

FORMAT = "3"
# A larger section is made again instead: with the folder it grows (maps, masks, entries), and the store holds its results anyway.
MOST_BYTES = 64 << 20
MOST_ENTRIES = 2000


@dataclass(frozen=True)
class KeptSection:
    """What an analysis contributed, and the bytes of the files that it wrote, by name.

    Attributes:
        contribution: without what it shares, whose type only its analysis knows.
        shared: that as bytes (`reportgen.storage.codec.encode`); None where there is nothing.
    """

    contribution: Contribution
    files: Mapping[str, Array]
    shared: Array | None = None


def reduced(
    analysis: AnyAnalysis, run: AnyRun, code: str | None, parts: JSON, files: RunFolder, store: Store, *, fresh: bool
) -> Contribution:
    """What `analysis.reduce(run)` returns, its files written to `files`; from the store where nothing it reads has changed.

    Args:
        code: a hash of the sources that make the section (`reportgen.pipeline.code`); None: it is not kept.
        parts: names all that a reduce can read of the run.
        fresh: reduce again in any case.
    """
    key = None if code is None else digest_of(["section", FORMAT, analysis.name, analysis.version, code, parts])
    kept = None if fresh or key is None else store.get(key, KeptSection)
    if kept is not None:
        for name, content in kept.files.items():
            files.raw(name, content.tobytes())
        return _with_shared(kept.contribution, kept.shared, analysis)
    before = files.written
    made = analysis.reduce(run)
    # Entries of many images are read one at a time for the rest of the run; what they are made of is JSON already.
    many = len(made.per_image) > MOST_ENTRIES and isinstance(made.per_image, Entries)
    contribution = replace(made, shared=None, per_image=() if many else list(made.per_image))
    shared = _packed(made.shared, analysis)
    # Every write makes an entry of its own: a file that another section wrote with equal bytes belongs to both.
    written = {name: entry for name, entry in sorted(files.written.items()) if entry is not before.get(name)}
    if key is not None and not many and sum(size for _, size in written.values()) <= MOST_BYTES:
        contents = {name: _bytes(files.path / name) for name in written}
        store.put(key, KeptSection(contribution, contents, shared))
    # Through the same data as what was kept, so that the two cannot read otherwise.
    read = round_trip(contribution)
    return _with_shared(replace(read, per_image=made.per_image) if many else read, shared, analysis)


def _packed(shared: object | None, analysis: AnyAnalysis) -> np.ndarray | None:
    if shared is None:
        return None
    if not isinstance(shared, analysis.shares):
        found, said = type(shared).__name__, analysis.shares.__name__
        raise TypeError(f"{analysis.name} shares a {found}, and its class says a {said}")
    return np.frombuffer(encode(shared), np.uint8)


def _with_shared(contribution: Contribution, packed: np.ndarray | None, analysis: AnyAnalysis) -> Contribution:
    shared = None if packed is None else decode(packed.tobytes(), analysis.shares)
    return replace(contribution, shared=shared)


def _bytes(path: Path) -> np.ndarray:
    return np.frombuffer(path.read_bytes(), np.uint8)
