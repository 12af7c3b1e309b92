"""A file as a source lists it, before anybody looks at what is in it."""

from __future__ import annotations

from dataclasses import dataclass

from reportgen.images.files import InputFile


@dataclass(frozen=True)
class Listed:
    """A file of a source.

    Attributes:
        refusal: why it cannot be read, where that is known already.
        by_name: its ending says what it is; to open it would be a request to a server.
        neighbour: nobody gave it: it lies in the folder of a file that was given, and may describe it.
    """

    file: InputFile
    refusal: str | None = None
    by_name: bool = False
    neighbour: bool = False
