"""Which class of the model is meant by what somebody wrote."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from reportgen.images.labels.class_list import ClassNumbers
    from reportgen.models.classifiers.base import ClassList

WNID = re.compile(r"n\d{8}", re.ASCII)
# `3`, `003`, `3.0`, and `3,0` where a comma is the decimal point.
_NUMBER = re.compile(r"(\d{1,9})(?:[.,]0+)?", re.ASCII)
# `001.Laysan_Albatross`, `3 - goldfish`
_NUMBERED = re.compile(r"\d{1,6}\s*[.:_\- ]\s*(?=\D)", re.ASCII)
# Where a wnid stands in longer text, it ends with something else.
_WNID_INSIDE = re.compile(r"(?<![a-z0-9])n\d{8}(?![0-9])", re.ASCII | re.IGNORECASE)
# What programs and people write where no class is known.
_NONE = frozenset({"", "nan", "na", "n/a", "<na>", "none", "null", "nil", "?", "-", "--", "-1", "-1.0"})
_MOST_CHARACTERS = 200

Form = Literal["name", "wnid", "index", "number of the folder", "nothing"]


@dataclass(frozen=True)
class Meaning:
    """The classes that a text may mean, by index: one, several where it is ambiguous, or none; and how they are named by it."""

    indices: tuple[int, ...] = ()
    form: Form = "nothing"

    @property
    def index(self) -> int | None:
        """Of the one class that is meant."""
        return self.indices[0] if len(self.indices) == 1 else None


class KnownClasses:
    """The classes of a model, found by name, synonym, WordNet id or index."""

    def __init__(self, classes: ClassList) -> None:
        self.names = classes.names
        self._named: dict[str, set[int]] = defaultdict(set)
        self._bare: dict[str, set[int]] = defaultdict(set)
        for index, name in enumerate(classes.names):
            for part in (name, *name.split(",")):
                self._named[_key(part)].add(index)
                self._bare[_bare(part)].add(index)
        self._wnids = {wnid.casefold(): index for index, wnid in enumerate(classes.wnids or ())}
        self._met: dict[tuple[str, bool], Meaning] = {}

    def __len__(self) -> int:
        return len(self.names)

    def find(self, text: str, numbers: ClassNumbers | None = None) -> Meaning:
        """What a text means.

        Args:
            numbers: what the folder itself says that numbers mean; without it they are indices of the model's classes.
        """
        number = number_in(text)
        if numbers is not None and number is not None:
            name = numbers.names.get(number)
            inner = Meaning() if name is None else self.find_name(name)
            return Meaning(inner.indices, "number of the folder")
        return self._once(text, with_index=True)

    def find_name(self, text: str) -> Meaning:
        """The same of a text that is no index: a name, synonym or wnid."""
        return self._once(text, with_index=False)

    def _once(self, text: str, *, with_index: bool) -> Meaning:
        key = (text, with_index)
        if key not in self._met:
            self._met[key] = next(self._meanings(text, with_index), Meaning())
        return self._met[key]

    def _meanings(self, text: str, with_index: bool) -> Iterator[Meaning]:
        """What it may mean, the plainest reading first."""
        if not text or len(text) > _MOST_CHARACTERS:
            return
        named = set(self._named.get(_key(text), ()))
        number = number_in(text)
        # A class that is called "8" is not what is meant for sure where another has the index 8.
        indices = {number} if with_index and number is not None and number < len(self) else set()
        if named or indices:
            yield Meaning(tuple(sorted(named | indices)), "name" if named else "index")
        found = {self._wnids.get(wnid.casefold()) for wnid in _WNID_INSIDE.findall(text)}
        if found and None not in found:
            yield Meaning(tuple(sorted(index for index in found if index is not None)), "wnid")
        for rest in (text, text[numbered.end() :] if (numbered := _NUMBERED.match(text)) else ""):
            if bare := _bare(rest):
                inside = self._named.get(_key(rest)) or self._bare.get(bare)
                if inside and not rest.isdigit():
                    yield Meaning(tuple(sorted(inside)), "name")

        bare = text.strip("[](){}'\" ")
        if bare != text:  # a list of one, as pandas writes it: ['tench']
            yield from self._meanings(bare, with_index)
            return
        parts = [part.strip() for part in text.split(",")]
        of_parts = [self.find_name(part).indices for part in parts if part] if len(parts) > 1 else []
        if of_parts and of_parts[0]:  # a class and synonyms that the model does not give: "tench, Tinca tinca"
            yield Meaning(tuple(sorted({index for indices in of_parts for index in indices})), "name")

    def nearest(self, text: str, likeness: float = 0.7) -> str | None:
        """The name of the class that is spelt most like `text`; None where none is like it to this degree, of 1."""
        if len(text) > _MOST_CHARACTERS:
            return None
        known: Sequence[str] = list(self._wnids) if WNID.fullmatch(text) else [key for key in self._named if key]
        close = difflib.get_close_matches(_key(text), known, n=1, cutoff=likeness)
        if not close:
            return None
        if close[0] in self._named:
            return self.names[min(self._named[close[0]])]
        return f"{close[0]} ({self.names[self._wnids[close[0]]]})"


def number_in(text: str) -> int | None:
    """`3`, `003` and `3.0` are 3; None for anything else."""
    found = _NUMBER.fullmatch(text)
    return int(found[1]) if found else None


def is_no_class(text: str) -> bool:
    """Whether it is what programs and people write where no class is known."""
    return text.casefold() in _NONE


def _key(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).replace("_", " ").casefold().split())


def _bare(text: str) -> str:
    """Letters and digits alone: `West-Highland white terrier` is written `WestHighlandWhiteTerrier`, too."""
    return "".join(character for character in _key(text) if character.isalnum())
