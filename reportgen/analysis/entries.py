"""What stands of each image under an analysis' name, in memory that does not grow with the images."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from tempfile import SpooledTemporaryFile
from typing import overload

from reportgen.utils.json_types import JSON

# So many bytes stay in memory; more lie in a temporary file (TMPDIR), which goes with the entries.
IN_MEMORY = 16 << 20


class Entries(Sequence[Mapping[str, JSON]]):
    """Entries of images in their order, appended one at a time and kept as the bytes of their JSON.

    An entry that is read is made anew: it is what report.json would say, so that a tuple comes back as a list.
    """

    def __init__(self, entries: Iterable[Mapping[str, JSON]] = ()) -> None:
        # Closed when nobody has the entries any more.
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY, prefix="reportgen-")  # noqa: SIM115
        self._ends = array("Q", [0])
        for entry in entries:
            self.append(entry)

    def append(self, entry: Mapping[str, JSON]) -> None:
        """Raises: ValueError: it holds a number that is not finite."""
        data = json.dumps(entry, allow_nan=False, separators=(",", ":")).encode()
        self._file.seek(self._ends[-1])
        self._file.write(data)
        self._ends.append(self._ends[-1] + len(data))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, position: int) -> Mapping[str, JSON]: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[Mapping[str, JSON]]: ...
    def __getitem__(self, position: int | slice) -> Mapping[str, JSON] | Sequence[Mapping[str, JSON]]:
        if isinstance(position, slice):
            return [self[i] for i in range(*position.indices(len(self)))]
        at = range(len(self))[position]
        self._file.seek(self._ends[at])
        found: Mapping[str, JSON] = json.loads(self._file.read(self._ends[at + 1] - self._ends[at]))
        return found

    def __iter__(self) -> Iterator[Mapping[str, JSON]]:
        return (self[position] for position in range(len(self)))
