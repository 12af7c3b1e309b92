"""SVG files of a run folder, which may be a stranger's: looked over before a library draws them.

What a drawing uses (`use`, patterns, clips, filters) is drawn each time that it is used, so a file of a few hundred bytes can ask for
billions of elements, or use itself for ever. Here elements are counted as they would be drawn, in one pass over the file.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path
from xml.parsers import expat

from reportgen.utils.errors import ReportgenError

# A chart of reportgen has up to some ten thousand elements, 12 deep.
MOST_BYTES = 32 * 2**20
MOST_DRAWN = 1_000_000
DEEPEST = 200
_REFERENCE = re.compile(r"url\(\s*['\"]?#([^)'\"]+)")


def require_drawable(path: Path, shown: str) -> None:
    """Whether a drawing can be drawn in a time that its size accounts for.

    Args:
        shown: what the file is called in a message.

    Raises:
        ReportgenError: it is too large, no XML, declares entities, is nested too deep, uses itself, or draws too much.
    """
    if path.stat().st_size > MOST_BYTES:
        raise ReportgenError(f"{shown}: a drawing of more than {MOST_BYTES >> 20} MiB is not drawn")
    reader = _Reader()
    try:
        reader.read(path.read_bytes())
        drawn = reader.drawn()
    except expat.ExpatError:
        raise ReportgenError(
            f"{shown}: is no drawing that a report can show; render from a complete run folder"
        ) from None
    except _Refused as refusal:
        raise ReportgenError(f"{shown}: {refusal}, so it is not drawn") from None
    if drawn > MOST_DRAWN:
        raise ReportgenError(f"{shown}: draws more than {MOST_DRAWN} elements, so it is not drawn")


class _Refused(Exception):
    """Why a drawing is not drawn."""


class _Reader:
    """Counts the elements below each that has an id (`""`: the whole), and notes which of those it holds or refers to."""

    def __init__(self) -> None:
        self._open: list[str] = [""]  # for each open element the nearest id around it, its own included
        self._elements: Counter[str] = Counter()
        self._leads: dict[str, Counter[str]] = defaultdict(Counter)

    def read(self, data: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = lambda _: self._open.pop()
        parser.EntityDeclHandler = self._entity
        parser.Parse(data, True)

    def _entity(self, *_: object) -> None:
        raise _Refused("it declares entities")

    def _start(self, _: str, attributes: dict[str, str]) -> None:
        if len(self._open) > DEEPEST:
            raise _Refused(f"its elements are nested more than {DEEPEST} deep")
        around, own = self._open[-1], attributes.get("id", "")
        if own:
            self._leads[around][own] += 1
        self._open.append(own or around)
        self._elements[own or around] += 1
        for name, value in attributes.items():
            if name.rpartition(":")[2] == "href" and value.startswith("#"):
                self._leads[own or around][value[1:]] += 1
            for target in _REFERENCE.findall(value):
                self._leads[own or around][target] += 1

    def drawn(self) -> int:
        """How many elements are drawn, those counted each time that are used again."""
        sizes: dict[str, int] = {}
        path: dict[str, None] = {}
        waiting = [("", False)]
        while waiting:
            name, left = waiting.pop()
            if left:
                del path[name]
                counts = self._leads[name].items()
                total = self._elements[name] + sum(times * sizes[target] for target, times in counts)
                sizes[name] = min(total, MOST_DRAWN + 1)
            elif name in path:
                raise _Refused("a part of it uses itself")
            elif name not in sizes:
                path[name] = None
                waiting += [(name, True), *((target, False) for target in self._leads[name])]
        return sizes[""]
