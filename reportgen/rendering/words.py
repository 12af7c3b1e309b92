"""The words of the pages, by language: what templates say of themselves. One file a language: `words/de.toml`.

A template's folder may have languages of its own and change single words, in a file of the same name or in the table
`[words]` of its template.toml. What a language lacks stands in English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from reportgen.rendering.filters import PLACE
from reportgen.rendering.plain import Plain
from reportgen.rendering.templates import BASE, OWN_FILE, Template, nearest, read_toml, shipped_templates
from reportgen.utils.errors import UsageError

FOLDER, ENDING = "words", ".toml"
ENGLISH = "en"  # the language of the analyses, and of a page that is told no other
TAG = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")  # BCP 47, as far as a page needs it
ONE = "one"  # the counts that take the first of two forms


def english() -> Plain:
    """The words that come with reportgen, in English: every catalogue has these keys and no other."""
    return read_toml(shipped_templates() / BASE, f"{FOLDER}/{ENGLISH}{ENDING}")


def languages(folders: Sequence[Path]) -> list[str]:
    """The languages that a template speaks, English first."""
    files = [path for folder in folders for path in (folder / FOLDER).glob(f"*{ENDING}")]
    found = {path.stem for path in files if TAG.fullmatch(path.stem)} | {ENGLISH}
    return sorted(found, key=lambda name: (name != ENGLISH, name))


def chosen_language(template: Template, wanted: str | None) -> str:
    """What the run's settings say; where they are silent, what template.toml says; else English.

    Raises:
        UsageError: the template does not speak it.
    """
    language, known = wanted or template.file.language or ENGLISH, languages(template.folders)
    if language not in known:
        place = "setting document.language" if wanted else f"{template.folders[0] / OWN_FILE}"
        raise UsageError(
            f"{place}: unknown language {language!r}: use {', '.join(known)}{nearest(language, known)}; "
            f"or give the template's folder a {FOLDER}/{language}{ENDING} of its own"
        )
    return language


def read_words(template: Template, language: str) -> Plain:
    """All words of one language.

    Raises:
        UsageError: a file is not TOML, names a word that no page has, or gives it the wrong form.
    """
    known = english()
    words = known
    for where, given in _layers(template, language):
        _require_known(given, known, where)
        words = _laid_over(words, given)
    return words


def missing_words(template: Template, language: str) -> list[str]:
    """The words that stand in English on a page of this language, by dotted name."""
    given: Plain = {}
    for _, layer in _layers(template, language):
        given = _laid_over(given, layer)
    return [] if language == ENGLISH else list(_lacking(given, english()))


def _layers(template: Template, language: str) -> Iterator[tuple[str, Plain]]:
    """What the shipped template, each folder over it and last template.toml say, each with the place where it stands."""
    name = f"{FOLDER}/{language}{ENDING}"
    for folder in reversed(template.folders):
        yield str(folder / name), read_toml(folder, name)
    yield f"{template.folders[0] / OWN_FILE}, [words]", template.file.words


def _laid_over(below: Plain, above: Plain) -> Plain:
    inner = {key: _laid_over(below[key], above[key]) for key in above if isinstance(below.get(key), dict)}
    return {**below, **above, **inner}


def _lacking(given: Plain, known: Plain, prefix: str = "") -> Iterator[str]:
    for key, value in known.items():
        if isinstance(value, dict):
            yield from _lacking(given.get(key, {}), value, f"{prefix}{key}.")
        elif key not in given:
            yield prefix + key


def _require_known(given: Plain, known: Plain, where: str, prefix: str = "") -> None:
    for key, value in given.items():
        if key not in known:
            raise UsageError(f"{where}: unknown word {prefix}{key}{nearest(key, known)}")
        if isinstance(known[key], dict) and isinstance(value, dict):
            _require_known(value, known[key], where, f"{prefix}{key}.")
        else:
            fault = _fault(key, value, known[key])
            if fault:
                raise UsageError(f"{where}: word {prefix}{key}: {fault}")


def _fault(key: str, value: Any, known: Any) -> str:
    """What is wrong with a word, held against the English one; empty where nothing is."""
    if key == ONE:
        good = isinstance(value, list) and all(type(count) is int and count >= 0 for count in value)
        return "" if good else "a list of the counts that take the first form, for example [1]"
    if isinstance(known, dict):
        return f"a table with {', '.join(known)}"
    if isinstance(known, list) and not (isinstance(value, list) and len(value) == len(known)):
        return f"a list of {len(known)} texts"
    texts = value if isinstance(known, list) else [value]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        return "a text that is not empty"
    places = set(PLACE.findall(" ".join(known if isinstance(known, list) else [known])))
    for text in texts:
        if re.search("[{}]", PLACE.sub("", text)):
            return f"a brace stands alone in {text!r}"
        for place in PLACE.findall(text):
            if place not in places:
                return f"nothing is called {{{place}}} here; known: {', '.join(sorted(places)) or 'none'}"
    return ""
