"""Concept sets: the words that a unit may be labelled with, and the eleven basic colour terms among them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reportgen.utils.encodings import unicode_encoding
from reportgen.utils.errors import UsageError
from reportgen.utils.untrusted_files import is_file, read_at_most, user_path

from .settings import BUILT_IN_CONCEPTS

# Berlin and Kay's eleven (1969); grey and gray are one term.
COLOURS = ("black", "white", "red", "green", "yellow", "blue", "brown", "purple", "pink", "orange", "grey")
SPELLINGS = {"gray": "grey"}
FREQUENT_WORDS = 3000
# Shorter ones are fragments of text (s, re, ll), not concepts.
SHORTEST_WORD = 3


@dataclass(frozen=True)
class ConceptSet:
    """Distinct concepts in order.

    Attributes:
        name: `3k`, `classes`, or the file's name.
        dropped: lines of the file that said the same again.
    """

    name: str
    words: tuple[str, ...]
    dropped: int = 0

    @property
    def sha256(self) -> str:
        """Of the words, one a line in UTF-8: the same list has the same hash, whatever its file is called or encoded in."""
        return hashlib.sha256("\n".join(self.words).encode()).hexdigest()


def colour_term(concept: str) -> str | None:
    """The basic colour term that a concept names, or None."""
    word = concept.casefold()
    word = SPELLINGS.get(word, word)
    return word if word in COLOURS else None


def concept_set(name: str, classes: Sequence[str]) -> ConceptSet:
    """The concept set of the setting `dissection.concepts`.

    `3k`: the 3000 most frequent English words of three letters and more, the head words of `classes` (`bus` of `school bus`) and
    the colour terms. `classes`: the class names. Anything else: a text file, one concept a line.

    Raises:
        UsageError: the file cannot be read as text, or holds fewer than two concepts.
    """
    if name == "3k":
        heads = (class_name.replace("-", " ").split()[-1] for class_name in classes)
        words, dropped = _distinct(
            [*_frequent_words(), *(h.lower() for h in heads if h.isalpha() and len(h) > 1), *COLOURS]
        )
        return ConceptSet(name, tuple(word for word in words if word not in SPELLINGS))
    if name == "classes":
        return ConceptSet(name, _distinct(classes)[0])
    path = user_path(name)
    words, dropped = _distinct(_text(path).splitlines())
    if len(words) < 2:
        raise UsageError(f"{path}: holds {len(words)} concepts; a unit's label needs two to choose from, one a line")
    return ConceptSet(path.name, words, dropped)


def _frequent_words() -> list[str]:
    from wordfreq import top_n_list

    # Digits and contractions (it's, don't) fall away; what is fetched beyond makes up for them.
    fetched = top_n_list("en", FREQUENT_WORDS + 1000)
    return [word for word in fetched if word.isalpha() and len(word) >= SHORTEST_WORD][:FREQUENT_WORDS]


def _distinct(lines: Iterable[str]) -> tuple[tuple[str, ...], int]:
    """Concepts without blanks and repetitions (case and spacing apart), the first of each kept; how many were repetitions."""
    words: dict[str, str] = {}
    filled = 0
    for line in lines:
        word = " ".join(line.split())
        if word:
            filled += 1
            words.setdefault(word.casefold(), word)
    return tuple(words.values()), filled - len(words)


def _text(path: Path) -> str:
    if not is_file(path):
        known = " or ".join(BUILT_IN_CONCEPTS)
        raise UsageError(f"{path}: no such concept file; dissection.concepts takes {known}, or a text file's path")
    return as_text(read_at_most(path), str(path))


def as_text(data: bytes, shown: str) -> str:
    """UTF-8, or what the byte order mark says; else Windows' Western encoding, which old word lists are in.

    Raises:
        UsageError: the file called `shown` holds no text.
    """
    try:
        text = data.decode(unicode_encoding(data))
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    if "\0" in text:
        raise UsageError(f"{shown}: is not a text file")
    return text
