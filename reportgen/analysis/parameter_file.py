"""A file with the parameters of a method, an entry an image, that others hand in (`reportgen validate`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from reportgen.analysis.view import View


@dataclass(frozen=True)
class CheckedParameters:
    """A parameter file as its analysis understands it.

    Attributes:
        columns, rows: the table of what the file holds, as text; the first column names the entry.
        problems: one line for each of the first values that are wrong, naming the entry; empty for a good file.
        more: how many values beyond those are wrong: an untrusted file can have far more of them than bytes.
        entries: what each entry holds; only a file without problems may be handed to `mask`.
    """

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    problems: list[str]
    entries: dict[str, dict[str, Any]]  # whatever the method's own library takes
    more: int = 0


class ParameterFile(Protocol):
    """What an analysis says of the parameter file that it writes.

    The core knows files, images, masks and models; what an entry means is known to the analysis alone.

    Attributes:
        name: of the file in a run folder.
        description: what it holds, in a few words.
    """

    name: str
    description: str

    def check(self, data: bytes) -> CheckedParameters:
        """Read the bytes of an untrusted file without running anything that they hold.

        Raises:
            CheckFailed: nothing can be read from them, or they hold more than plain data.
        """

    def keys(self, names: Sequence[str]) -> list[str]:
        """The key of each image's entry; `names` are the images, as in `InputFile`."""

    def mask(self, view: View, target: int, entry: Mapping[str, Any]) -> np.ndarray:
        """(H, W) bool, in the frame of `view`: what the method selects for class `target` under these parameters."""
