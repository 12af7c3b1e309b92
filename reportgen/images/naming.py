"""Which image a name means that somebody wrote in a table or an annotation."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath


class Named:
    """The images of a folder, to be found by a name as people and programs write it.

    In this order, the first way in which exactly one image is called so holds: the name as it is; with a slash for each
    backslash, composed (NFC), without `./` before it; in another case; then the same for its last parts, so that a folder of
    another machine may stand in front; at last without extension.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._exact = set(names)
        self._by: dict[str, list[str]] = defaultdict(list)
        for name in names:
            for key in _keys(_plain(name)):
                if name not in self._by[key]:
                    self._by[key].append(name)

    def find(self, written: str) -> str | None:
        """The one image that is meant; None where there is none, or more than one (`candidates`)."""
        found = self.candidates(written)
        return found[0] if len(found) == 1 else None

    def candidates(self, written: str) -> Sequence[str]:
        """The images that a name may mean: those that the first way that finds any finds."""
        if written in self._exact:
            return (written,)
        plain = _plain(written)
        for key in (*_whole_to_last(plain), *(f"\0{stem}" for stem in _whole_to_last(_stem(plain)))):
            for form in (key, key.casefold()):
                if found := self._by.get(form):
                    return tuple(found)
        return ()


def _plain(name: str) -> str:
    parts = unicodedata.normalize("NFC", name.strip()).replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def _stem(name: str) -> str:
    path = PurePosixPath(name)
    # "img.2019.01" is a name without extension: what follows its last point is none that pictures have.
    return str(path.with_suffix("")) if path.suffix[1:].isalpha() or path.suffix[1:].isalnum() else name


def _whole_to_last(name: str) -> list[str]:
    """`a/b/c`, `b/c`, `c`."""
    parts = name.split("/")
    return ["/".join(parts[i:]) for i in range(len(parts))]


def _keys(name: str) -> list[str]:
    """What an image is found by: every ending of its path, and of its path without extension."""
    endings = [*_whole_to_last(name), *(f"\0{stem}" for stem in _whole_to_last(_stem(name)))]
    return list(dict.fromkeys(form for ending in endings for form in (ending, ending.casefold())))
