"""A report without its authors: what is taken out of its data, and the search for what is left.

Taken out: authors, affiliation, course and logo; folders of a machine in the report's texts. Pictures: see
`picture_metadata`. What else names somebody is not rewritten but found and named. The author's own words stay, for they are
what is handed in: in them every single part of an author's name is looked for.

A path is any absolute one of two or more parts: `/srv/ann/a.jpg`, `D:\\work\\a.jpg`, `\\\\server\\share`, `file:///data/x`. None are web
addresses and what has a word before its slash: `image/png`, `and/or`, 1/2, 2026/11/23, `figures/a.svg`. A path ends at a
blank. Of `/data/ann/a.jpg` the file's name stays; a path whose last part may be a user (`/home/ann`, `/data/ann`) is not
cut but found. In scripts, styles and a PDF's own syntax, where every name begins with a slash, only paths below roots
that hold users' folders (`_KNOWN`) are looked for.
"""

from __future__ import annotations

import getpass
import html
import json
import re
import socket
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from reportgen.report.columns import row_groups, write_images
from reportgen.report.document import ImageRecord, Report, Warning_
from reportgen.report.every_image import EveryImage
from reportgen.report.manifest import file_entry
from reportgen.utils.json_types import JSON

P = TypeVar("P", ImageRecord, Warning_)

# Names that a machine gives to everybody.
COMMON = frozenset({
    "admin", "administrator", "app", "data", "default", "docker", "guest", "home", "host", "local", "localhost",
    "nobody", "root", "runner", "server", "test", "ubuntu", "user", "users", "vm", "work",
})  # fmt: skip
_SHORTEST = 3
_HOMES = ("home", "users", "documents and settings")
_END = r"\s\"'<>,;:|"
_PART = rf"[^{_END}\\/\w]*\w[^{_END}\\/]*"
# A path begins a text or comes after one of these; elsewhere a slash is within something: a relative path, a fraction, a tag.
_BEFORE = r"\s\"'`(\[{=,;:|>«„“‘（「【：，、–—→"
_WEB = r"(?i:https?|ftp)://"
_URL = rf"(?P<url>(?<![A-Za-z0-9+.-]){_WEB}[^\s\"'<>,;|]*)"
# file:///home/ann, sftp://host/home/ann, sqlite:////home/ann
_OTHER_SCHEME = rf"(?<![A-Za-z0-9+.-])(?!{_WEB})[A-Za-z][A-Za-z0-9+.-]*://[^\s/]*/*?"
_KNOWN_ROOTS = (
    # Chinese and Japanese set no blank before a path.
    rf"(?:{_OTHER_SCHEME}|(?<=-[A-Za-z])|(?<![^{_BEFORE}@*\u3040-\u9fff]))/(?:home|Users|root|tmp|mnt|media|private|var/folders|workspace)/"
    r"|(?<![^\W_])[A-Za-z]:[\\/]+(?:Users|Documents and Settings)[\\/]"
)
_ANY_ROOT = (
    rf"(?:file://[^\s/]*|(?<![^{_BEFORE}]))/(?=[^{_END}]{{0,200}}[^\W\d_])[\w.~@+-][^{_END}\\/]*/{_PART}"
    rf"|(?<![^\W_])[A-Za-z]:[\\/]+{_PART}[\\/]+{_PART}"
    rf"|(?<![\w\\:])\\\\[\w.$-]+\\{_PART}"
)
_KNOWN = re.compile(rf"{_URL}|(?P<path>(?:{_KNOWN_ROOTS})[^{_END}]*)")
_PATH = re.compile(rf"{_URL}|(?P<path>(?:{_KNOWN_ROOTS}|{_ANY_ROOT})[^{_END}]*)")
# Whoever is called ann.lee has no file's ending.
_FILE = re.compile(
    r"\.(?:jpe?g|jpe|png|webp|tiff?|bmp|gif|svg|npy|npz|csv|json|toml|ya?ml|txt|md|pkl|pth?|ckpt|safetensors|onnx|bin|xml|html?|pdf|css|"
    r"bib|zip|tar|gz|py|log)$",
    re.IGNORECASE,
)
_CODE = re.compile(r"<(script|style)\b.*?</\1>", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"(?:</span>)?<wbr>(?:<span[^>]*>)?")  # where a line may break in a name (templates: file_name)
_STREAM = re.compile(rb"stream\r?\n")
_DATA_URI = re.compile(rb"data:[\w/+.-]+;base64,[A-Za-z0-9+/=]*")


def without_authors(report: Report) -> Report:
    """The report with nothing that says who made it, and where."""
    data = report.model_dump(mode="json")
    blank: dict[str, JSON] = {"authors": [], "affiliation": "", "course": "", "logo": None}
    data["document"] = {**data["document"], **blank}
    if isinstance(data["settings"].get("document"), dict):
        data["settings"]["document"] = {**data["settings"]["document"], **blank, "notes": None}  # the name of a folder
    bare = Report.model_validate(_without_folders(data)).with_folder(report.folder)
    return bare.as_read() if report.was_read else bare


def with_records_without_authors(report: Report, cleaned: Report, folder: Path) -> Report:
    """`cleaned` with the file of records of `report`, written into `folder` in the same way without a machine's folders.

    Raises:
        UsageError: the records cannot be read.
    """
    assert report.records is not None and cleaned.records is not None
    path = folder / report.records.file
    with EveryImage(report) as every:
        about: dict[str, list[Warning_]] = {}
        for warning in map(_cleaned, every.warnings()):
            if warning.image is not None:
                about.setdefault(warning.image, []).append(warning)
        write_images(path, _Cleaned(every), about)
    sha256, size = file_entry(path)
    return cleaned.model_copy(update={"records": cleaned.records.model_copy(update={"sha256": sha256, "bytes": size})})


class _Cleaned:
    """Images without a machine's folders; walked as often as is asked."""

    def __init__(self, images: Iterable[ImageRecord]) -> None:
        self._images = images

    def __iter__(self) -> Iterator[ImageRecord]:
        return map(_cleaned, self._images)


def _cleaned(part: P) -> P:
    return type(part).model_validate(_without_folders(part.model_dump(mode="json")))


def contents(path: Path) -> Iterator[bytes]:
    """What is searched of a file: its bytes, of a Parquet file the values of its rows as JSON, some at a time.

    Raises:
        UsageError: a Parquet file that cannot be read.
    """
    if path.suffix != ".parquet":
        yield path.read_bytes()
        return
    for rows in row_groups(path):
        yield json.dumps(rows, ensure_ascii=False).encode()


def names_to_find(report: Report) -> list[str]:
    """What no anonymous file may hold, whole: the authors, their affiliation and course as the report or its settings have them."""
    groups = [report.document.model_dump(), report.settings.get("document") or {}]
    found = [text for group in groups for key in ("affiliation", "course") if (text := str(group.get(key) or ""))]
    found += [str(author) for group in groups for author in group.get("authors") or ()]
    return [name for name in dict.fromkeys(found) if len(name.strip()) >= _SHORTEST]


def named_in_notes(report: Report, allowed: Sequence[str] = ()) -> Iterator[str]:
    """Where the author's own words hold a part of an author's name (a surname, a first name), a line each."""
    groups = [report.document.model_dump(), report.settings.get("document") or {}]
    authors = [str(author) for group in groups for author in group.get("authors") or ()]
    parts = dict.fromkeys(part for author in authors for part in re.split(r"[^\w'’-]+", author))
    for part in (part for part in parts if len(part) >= _SHORTEST and part not in allowed):
        for note in report.document.notes:
            if re.search(rf"(?<![^\W_]){re.escape(part)}(?![^\W_])", note.text):
                yield f"notes/{note.name} holds {part!r}, part of an author's name"


def words_to_find() -> list[str]:
    """Names of this machine and its user, unless they are anybody's."""
    found = [socket.gethostname(), socket.gethostname().partition(".")[0], Path.home().name]
    with suppress(OSError, KeyError, ImportError):  # a user without a name
        found.append(getpass.getuser())
    return [w for w in dict.fromkeys(found) if len(w) >= _SHORTEST and w.casefold() not in COMMON]


def leaks(
    name: str, data: bytes, names: list[str], words: list[str], places: list[str], allowed: Sequence[str] = ()
) -> Iterator[str]:
    """What a file gives away, a line each.

    Args:
        names: looked for anywhere, in every encoding that a PDF or an XML file has.
        words: looked for as words of text.
        places: folders of this machine, looked for like names.
        allowed: paths that may stand, and what lies below them.
    """
    pdf = data.startswith(b"%PDF-")
    layers = [data, *_inflated(data)] if pdf else [data]
    lowered = [layer.lower() for layer in layers]
    for wanted in [*names, *places]:
        if any(form in layer for form in _forms(wanted) for layer in lowered):
            yield f"{name} holds {wanted!r}"
    for text in _texts(layers):
        prose, code = ("", text) if pdf else _prose_and_code(name, text)
        for path in dict.fromkeys([*_paths(_PATH, prose), *_paths(_KNOWN, code)]):
            if not any(path == one or path.startswith(f"{one.rstrip('/')}/") for one in allowed):
                yield f"{name} holds the path {path[:80]!r}"
        for word in words:
            if re.search(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", text, re.IGNORECASE):
                yield f"{name} holds {word!r}, the name of this machine or its user"


# --- data ----------------------------------------------------------------------------------------


def _without_folders(value: JSON) -> JSON:
    """Every text with the folders of a machine's paths cut away: `/home/ann/photos/a.jpg` becomes `a.jpg`."""
    if isinstance(value, str):
        return _PATH.sub(_last_part, value)
    if isinstance(value, Mapping):
        return {key: _without_folders(inner) for key, inner in value.items()}
    return [_without_folders(inner) for inner in value] if isinstance(value, list) else value


def _last_part(match: re.Match[str]) -> str:
    """The name of a file without its folders. A last part that may be a user stays, for `leaks` to refuse."""
    parts = re.split(r"[\\/]+", match[0].strip("\\/"))
    folders, name = [part for part in parts[:-1] if not part.endswith(":")], parts[-1]
    at_home = not folders or folders[-1].lower() in _HOMES
    folder = len(folders) == 1 and not _FILE.search(name.rstrip(".)]}"))
    return match[0] if match["url"] or at_home or folder else name


# --- search --------------------------------------------------------------------------------------


def _forms(wanted: str) -> set[bytes]:
    """A text as it may stand in a file whose ASCII is in lower case: UTF-8, UTF-16, JSON, HTML, a PDF's hexadecimal strings."""
    utf16 = wanted.encode("utf-16-be", "surrogatepass")
    forms = [wanted.encode("utf-8", "surrogatepass"), utf16, utf16.hex().encode()]
    forms += [json.dumps(wanted)[1:-1].encode(), html.escape(wanted).encode("utf-8", "surrogatepass")]
    with suppress(UnicodeEncodeError):
        forms.append(wanted.encode("latin-1"))
    return {form.lower() for form in forms}


def _inflated(data: bytes) -> Iterator[bytes]:
    """Every compressed stream of a PDF, unpacked."""
    for match in _STREAM.finditer(data):
        try:
            yield zlib.decompressobj().decompress(data[match.end() :], 1 << 28)
        except zlib.error:
            continue


def _paths(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    return (match["path"] for match in pattern.finditer(text) if match["path"])


def _prose_and_code(name: str, text: str) -> tuple[str, str]:
    """What in a file is said, and what is code: JSON's strings as they are meant, a page with its words whole."""
    if name.endswith((".json", ".parquet")):  # of which the rows come as JSON
        with suppress(ValueError, RecursionError):
            return "\n".join(_strings(json.loads(text))), ""
    if name.endswith(".html"):
        return _BREAK.sub("", _CODE.sub("", text)), "\n".join(match[0] for match in _CODE.finditer(text))
    return text, ""


def _strings(value: JSON) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for inner in value if isinstance(value, list) else [*value, *value.values()]:
            yield from _strings(inner)


def _texts(layers: list[bytes]) -> Iterator[str]:
    """The layers that are text; pictures inside a page are not."""
    for layer in layers:
        try:
            yield _DATA_URI.sub(b"", layer).decode("utf-8")
        except UnicodeDecodeError:
            continue
