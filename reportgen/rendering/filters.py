"""Small pure filters for templates: values in, plain text out. None of them makes HTML.

A template escapes what they return, like everything else but the rules of `stylesheet`; `fill` and `counted` escape
themselves what they put together.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from reportgen.rendering.plain import Plain

MINUS = "\N{MINUS SIGN}"
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
NO_BREAK = "\N{NO-BREAK SPACE}"
DASH = "\N{EN DASH}"
PLACE = re.compile(r"\{(\w+)\}")
INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
TRICKS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
# More than a number has: a table of untrusted data may ask for millions.
MOST_DECIMALS = 20
ENGLISH_DATE = {"date": "{day} {month} {year}", "months": MONTHS}


def number(value: float | None, decimals: int | None = None) -> str:
    """A number for a reader: true minus sign, digits grouped from 10 000 on, an en dash for None and NaN.

    Args:
        decimals: digits after the point, of which `MOST_DECIMALS` are shown; None: as many as the value needs, at most six.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return DASH
    if math.isinf(value):
        return f"{MINUS if value < 0 else ''}∞"
    if decimals is None:
        text = f"{value:,}" if isinstance(value, int) else f"{value:,.6f}".rstrip("0").rstrip(".")
    else:
        text = f"{value:,.{min(max(decimals, 0), MOST_DECIMALS)}f}"
    if not text.strip("-0.,"):
        text = text.removeprefix("-")  # a rounded zero has no sign
    grouping = NARROW_SPACE if abs(value) >= 10_000 else ""
    return text.replace(",", grouping).replace("-", MINUS)


def significant(value: float, digits: int = 3) -> str:
    """A number with at most so many significant digits: 0.46123 -> 0.461, 1234.5 -> 1230."""
    if isinstance(value, int) or value == 0 or not math.isfinite(value):
        return number(value)
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -4:
        mantissa, _, power = f"{value:.{digits}g}".partition("e")
        return f"{mantissa}e{int(power)}".replace("-", MINUS)
    return number(round(value, digits - 1 - exponent))


def percent(share: float | None, decimals: int = 0) -> str:
    """A share in [0, 1] as a percentage with its sign: 0.925 -> 92.5 %."""
    if share is None or math.isnan(share):
        return DASH
    return f"{number(share * 100, decimals)}{NARROW_SPACE}%"


def cell(value: str | float | bool | None, column: Plain) -> str:
    """One table cell as text, rounded as its column says; empty for None (the template marks it)."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if column.get("floor") is not None and 0 <= value < column["floor"]:
        return f"< {column['floor']:g}"
    if column["percent"]:
        return number(value * 100, 0 if column["decimals"] is None else column["decimals"])
    return number(value, column["decimals"])


def raw(value: str | float | bool | None) -> str:
    """A table cell for a script, at full precision: text as JSON, a number or truth value as the CSV file has it.

    JSON keeps what a parser of HTML would change (a carriage return, NUL) and tells text from a number.
    """
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, str) else str(value)


def csp_hash(script: str) -> str:
    """The source expression by which a Content-Security-Policy permits exactly this inline script (CSP level 2)."""
    return f"sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}"


def is_numeric(column: Plain) -> bool:
    """Whether a column holds numbers, which stand right-aligned on the point."""
    return column["decimals"] is not None or bool(column["percent"])


def short_hash(value: str, length: int = 12) -> str:
    """The first characters of a hash: enough to tell files apart on a page."""
    return value[:length]


def visible(text: str, characters: re.Pattern[str] = INVISIBLE) -> str:
    """Text without characters that hide or turn what follows: controls, line ends and bidi marks become `\\u202e`."""
    return characters.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def words(text: str, longest: int = 14) -> list[list[str]]:
    """A file name or key as words, each cut into the pieces between which a line may break.

    A word longer than `longest` is cut after / _ - = : (short neighbours stay together), and where that is not
    enough, anywhere.
    """
    return [_pieces(word, longest) if len(word) > longest else [word] for word in visible(text).split()]


def _pieces(word: str, longest: int) -> list[str]:
    joined = [""]
    for part in re.findall(r"[^/_\-=:]*[/_\-=:]|[^/_\-=:]+", word):
        for start in range(0, len(part), 2 * longest):
            piece = part[start : start + 2 * longest]
            if len(joined[-1]) + len(piece) <= longest:
                joined[-1] += piece
            else:
                joined.append(piece)
    return [piece for piece in joined if piece]


def prose(text: str) -> str:
    """A sentence whose numbers stay with their sign or unit at the end of a line: `31 %`, `n = 10`, `Table 2`.

    A hyphen before a decimal is a minus; one inside a word, an option or a file name stays.
    """
    text = re.sub(r"(?<![^\s(\[=])-(?=\d+\.\d+(?:[\s,;:)\]%]|\.?$|\.\s))", MINUS, visible(text))
    text = re.sub(r"(?<=\d) (?=(?:%|px|mm|s|ms|MB|GB)(?!\w))", NO_BREAK, text)
    text = re.sub(r"(?<=\S) ([=<>≤≥≈×±]) (?=[\d−+-])", rf"{NO_BREAK}\1{NO_BREAK}", text)
    return re.sub(r"\b(Figure|Table|Section|n|p|R²|rho|IoU) (?=[\d+−])", rf"\1{NO_BREAK}", text)


def opening(text: str) -> str:
    """The first sentence of a paragraph: up to a full stop that a capital, a digit or a name in quotes follows."""
    found = re.match(r".*?[.!?](?=\s+[A-Z0-9(“'\"]|\s*$)", text, re.DOTALL)
    return found[0] if found else text


def slug(text: str) -> str:
    """Text as an anchor: ASCII letters, digits and hyphens; `x` where nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def plural(count: int, singular: str, plural: str | None = None) -> str:
    """`1 image`, `10 images`."""
    return f"{number(count)} {singular if count == 1 else plural or singular + 's'}"


def filled(text: str, values: Plain) -> str:
    """Words with values in their places: `Figure {n}`. No `str.format`: words may be untrusted."""
    return PLACE.sub(lambda match: str(values[match[1]]), text)


def fill(text: str, **values: Any) -> Markup:
    """`filled` for a page: words and values are escaped, but for values that are markup of the template's own."""
    parts = PLACE.split(text)
    inside = [
        value if isinstance(value, Markup) else visible(str(value), TRICKS)
        for value in map(values.__getitem__, parts[1::2])
    ]
    return Markup().join(part for pair in zip(parts[::2], [*inside, ""], strict=True) for part in pair)


@pass_context
def counted(context: Context, count: int, forms: Sequence[str], **values: Any) -> Markup:
    """The form of the words that goes with a count, filled: `1 image`, `10 images`."""
    form = forms[0 if count in context["words"]["one"] else -1]
    return fill(form, n=number(count), **values)


def join_words(words: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`; `last` is the word before the last one."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def flat(values: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    """A nested mapping as (dotted key, text) pairs, in its own order."""
    pairs: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            pairs += flat(value, f"{prefix}{key}.")
        else:
            pairs.append((f"{prefix}{key}", _setting(value)))
    return pairs


def _setting(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)  # no groups of digits: it may be copied into a settings file
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_setting(item) for item in value) or "none"
    return str(value) if value else "none"


def citation(work: Plain) -> str:
    """A reference as one line: authors, year, title, venue, volume, pages, DOI or arXiv number."""
    issue = f" {work['volume']}" if work["volume"] else ""
    issue += f"({work['number']})" if work["number"] else ""
    issue += f", {work['pages']}" if work["pages"] else ""
    identifier = f"doi:{work['doi']}" if work["doi"] else f"arXiv:{work['arxiv']}" if work["arxiv"] else ""
    line = f"{join_words(work['authors'])} ({work['year']}). {work['title']}. {work['venue']}{issue}."
    return f"{line} {identifier}" if identifier else line


def moment(created: str) -> datetime | None:
    """An ISO 8601 time as UTC; None where it is no such thing."""
    try:
        parsed = datetime.fromisoformat(created.replace("Z", "+00:00"))
        return parsed.replace(tzinfo=parsed.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (ValueError, OverflowError):  # the second: in UTC it is before the year 1, or after 9999
        return None


def w3c_time(created: str) -> str:
    """A time as document metadata wants it, to the second; empty where there is none."""
    parsed = moment(created)
    return parsed.strftime("%Y-%m-%dT%H:%M:%SZ") if parsed else ""


def day(created: str, words: Plain = ENGLISH_DATE) -> str:
    """`5 August 2026`, or the text as it came. Month names do not depend on the locale, but on `words`."""
    parsed = moment(created)
    if parsed is None:
        return created
    return filled(words["date"], {"day": parsed.day, "month": words["months"][parsed.month - 1], "year": parsed.year})


def stylesheet(css: str) -> Markup:
    """A user's own rules, for the inside of a style element: the one filter whose result is not escaped.

    Only `</` could end the element; `<\\/` says the same to CSS, in a string, an address and a comment alike.
    """
    return Markup(css.replace("</", "<\\/"))


FILTERS = {
    "cell": cell,
    "citation": citation,
    "counted": counted,
    "csp_hash": csp_hash,
    "day": day,
    "fill": fill,
    "flat": flat,
    "join_words": join_words,
    "number": number,
    "opening": opening,
    "percent": percent,
    "plural": plural,
    "prose": prose,
    "raw": raw,
    "short_hash": short_hash,
    "significant": significant,
    "slug": slug,
    "stylesheet": stylesheet,
    "visible": visible,
    "w3c_time": w3c_time,
    "words": words,
}
TESTS = {"numeric": is_numeric}
