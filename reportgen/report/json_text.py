"""JSON that a stranger may have written, read within limits, and where in it something stands.

The standard allows what no report holds and what readers take differently: a key twice, `NaN`, numbers beyond what a machine
counts with, text that is no Unicode. Here each of them is refused, with its place.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from reportgen.report.limits import DEFAULT_LIMITS, ReadLimits
from reportgen.utils.json_types import JSON
from reportgen.utils.terminal_text import printable

Path: TypeAlias = tuple[str | int, ...]  # keys and positions, from the outside in
LARGEST_INTEGER = 2**64 - 1  # a seed may be as large
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_KEY, _MOST_PARTS = 40, 12


class Misplaced(ValueError):
    """Something that must not stand where it stands.

    Attributes:
        path: where.
        problem: what is wrong, without the place.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(problem)
        self.path, self.problem = path, problem

    def __str__(self) -> str:
        return f"{place_of(self.path)}: {self.problem}"


def place_of(path: Path) -> str:
    """A place as people write it: `sections[2].blocks[4].rows[7]`; keys that are no plain names in quotes, cut where they are long."""
    shown = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" if _is_plain(part) else f'["{printable(part, _MOST_KEY)}"]'
        for part in path[:_MOST_PARTS]
    )
    return (shown.removeprefix(".") or "the whole") + ("…" if len(path) > _MOST_PARTS else "")


def _is_plain(key: str) -> bool:
    return len(key) <= _MOST_KEY and _PLAIN_KEY.fullmatch(key) is not None


class _Refused:
    """In the place of a number that is none for a report."""

    def __init__(self, problem: str) -> None:
        self.problem = problem


class _Repeating(dict[str, object]):
    """An object that has a key twice."""

    key = ""


def read_json(data: bytes, limits: ReadLimits = DEFAULT_LIMITS) -> JSON:
    """The value that the bytes spell, with or without a byte-order mark.

    Raises:
        Misplaced: they are no JSON in UTF-8, hold more than `limits` allow, a key twice in one object, a number that is not finite or
            an integer beyond 64 bits, or text that is no Unicode.
    """
    if len(data) > limits.file:
        raise Misplaced((), f"holds {len(data)} bytes; at most {limits.file >> 20} MiB are read")
    # Every value but the first follows one of these. Text may hold them too: then there are fewer values than counted.
    if sum(map(data.count, (b",", b"[", b"{"))) > limits.values:
        raise Misplaced((), f"holds more than {limits.values} values")
    try:
        text = data.decode("utf-8-sig")
        value = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
        )
    except UnicodeDecodeError as error:
        raise Misplaced((), f"no UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise Misplaced((), f"no JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise Misplaced((), _too_deep(limits)) from None
    _require_sound(value, (), limits, escapes="\\u" in text)
    checked: JSON = value
    return checked


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    seen: set[str] = set()
    repeating = _Repeating(made)
    repeating.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return repeating


def _integer(digits: str) -> int | _Refused:
    # Before it is read: that takes the square of its length.
    value = int(digits) if len(digits) <= 21 else None
    if value is None or abs(value) > LARGEST_INTEGER:
        return _Refused(f"an integer of {len(digits.lstrip('-'))} digits; at most 64 bits are read")
    return value


def _number(digits: str) -> float | _Refused:
    value = float(digits)
    return value if math.isfinite(value) else _Refused("a number beyond what can be counted with")


def _constant(word: str) -> _Refused:
    return _Refused(f"{word} is no number of JSON")


def _too_deep(limits: ReadLimits) -> str:
    return f"nested more than {limits.depth} levels deep"


def _require_sound(value: object, path: Path, limits: ReadLimits, *, escapes: bool) -> None:
    """Require it of a value and all that is in it.

    Args:
        escapes: whether the text has any; without, it cannot spell what is no Unicode.
    """
    if len(path) > limits.depth:
        raise Misplaced(path, _too_deep(limits))
    if isinstance(value, _Refused):
        raise Misplaced(path, value.problem)
    if escapes and isinstance(value, str):
        _require_unicode(value, path)
    elif isinstance(value, Mapping):
        if isinstance(value, _Repeating):
            raise Misplaced(path, f"has the key {printable(value.key, _MOST_KEY)!r} twice")
        for key, inner in value.items():
            if escapes:
                _require_unicode(key, path)
            if not isinstance(inner, _QUICK):
                _require_sound(inner, (*path, key), limits, escapes=escapes)
            elif escapes and isinstance(inner, str):
                _require_unicode(inner, (*path, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            if not isinstance(inner, _QUICK):
                _require_sound(inner, (*path, position), limits, escapes=escapes)
            elif escapes and isinstance(inner, str):
                _require_unicode(inner, (*path, position))


# What is sound by itself; text is, but for its escapes.
_QUICK = (str, int, float, type(None))


def _require_unicode(text: str, path: Path) -> None:
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise Misplaced(path, "holds half a character (a surrogate by itself), which is no Unicode")
