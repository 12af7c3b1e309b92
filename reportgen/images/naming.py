"""Which image a name means that somebody wrote in a table or an annotation."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

# Names of folders that may stand in front, and of images that are kept for a name of many: to look through more takes time.
_MOST_PARTS, _MOST_FOUND = 32, 100
_MOST_CHARACTERS = 4096
# What a name ends in where it is a picture's; "img.2019.01" is a name without extension.
_PICTURES = (
    "jpg jpeg jpe jfif jif png apng webp tif tiff bmp dib gif heic heif avif jxl jp2 j2k jpx ppm pgm pbm pnm tga ico psd "
    "dcm dicom nef nrw cr2 cr3 arw srf dng raw raf orf rw2 pef svg"
)
_EXTENSIONS = frozenset(_PICTURES.split())
# Label Studio puts eight digits before the name of what is uploaded.
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)", re.ASCII)


@dataclass(frozen=True)
class Match:
    """The images that a name may mean, and by how far it had to be bent: 0 is the name as it is."""

    images: tuple[str, ...]
    bent: int


_NOTHING = Match((), 0)


class Named:
    """The images of a folder, to be found by a name as people and programs write it.

    In this order, the first way in which an image is called so holds: the name as it is; with a slash for each backslash,
    composed (NFC), without `./` before it; in another case; then the same for its last parts, so that a folder of another
    machine may stand in front, or folders be left out; without extension, or with that of another format; at last as an
    address on the web.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._exact = set(names)
        self._whole: dict[str, list[str]] = defaultdict(list)
        self._ending: dict[str, list[str]] = defaultdict(list)
        self._stem: dict[str, list[str]] = defaultdict(list)
        self._whole_stem: dict[str, list[str]] = defaultdict(list)
        for name in names:
            plain = _plain(name)
            stem = _without_extension(plain)
            _put(self._whole, (plain,), name)
            _put(self._ending, _endings(plain), name)
            _put(self._stem, _endings(stem), name)
            _put(self._whole_stem, (stem,), name)

    def find(self, written: str) -> str | None:
        """The one image that is meant; None where there is none, or more than one (`candidates`)."""
        found = self.match(written).images
        return found[0] if len(found) == 1 else None

    def candidates(self, written: str) -> Sequence[str]:
        """The images that a name may mean: those that the first way that finds any finds, not more than 100."""
        return self.match(written).images

    def match(self, written: str) -> Match:
        """The images that a name may mean, and how far it is from theirs: of two names of one image the nearer one is meant."""
        if written in self._exact:
            return Match((written,), 0)
        if len(written) > _MOST_CHARACTERS:
            return _NOTHING
        for turn, form in enumerate(_forms(written)):
            if not self._may_be(form):
                continue
            for bent, (where, key) in enumerate(self._keys(_plain(form)), 1 + 1000 * turn):
                if found := where.get(key):
                    return Match(tuple(found), bent)
        return _NOTHING

    def _may_be(self, form: str) -> bool:
        """Whether any image has its last part: nearly every row of a large table is over after these few questions."""
        last = (form if form.isascii() else unicodedata.normalize("NFC", form)).replace("\\", "/").rpartition("/")[2]
        last = last.strip().casefold()
        known = last in self._ending or last in self._stem
        return known or not last or _without_extension(last, only_known=True) in self._stem

    def _keys(self, plain: str) -> Iterator[tuple[dict[str, list[str]], str]]:
        if not plain:
            return
        yield from ((self._whole, key) for key in (plain, plain.casefold()))
        yield from ((self._ending, key) for ending in _endings(plain) for key in (ending, ending.casefold()))
        for stem in dict.fromkeys((plain, _without_extension(plain, only_known=True))):
            yield from ((self._whole_stem, key) for key in (stem, stem.casefold()))
            yield from ((self._stem, key) for ending in _endings(stem) for key in (ending, ending.casefold()))


def has_image_extension(name: str) -> bool:
    """Whether a name ends as those of pictures do, in whatever format."""
    stem, _, extension = name.rpartition(".")
    return bool(stem) and extension.casefold() in _EXTENSIONS


def _put(where: dict[str, list[str]], keys: Sequence[str], name: str) -> None:
    for key in dict.fromkeys(form for ending in keys for form in (ending, ending.casefold())):
        if len(where[key]) < _MOST_FOUND and (not where[key] or where[key][-1] != name):
            where[key].append(name)


def _plain(name: str) -> str:
    parts = unicodedata.normalize("NFC", name.strip()).replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def _without_extension(name: str, *, only_known: bool = False) -> str:
    """Args: only_known: whatever else follows the last point belongs to the name; else digits alone do."""
    stem, point, extension = name.rpartition(".")
    if not point or not stem or stem.endswith("/") or "/" in extension:
        return name
    known = extension.casefold() in _EXTENSIONS
    return stem if known or not (only_known or extension.isdigit()) else name


def _endings(name: str) -> list[str]:
    """`a/b/c`, `b/c`, `c`."""
    parts = name.split("/")
    shortened = parts[-_MOST_PARTS:]
    whole = [name] if len(parts) > _MOST_PARTS else []
    return [*whole, *("/".join(shortened[i:]) for i in range(len(shortened)))]


def _forms(written: str) -> Iterator[str]:
    """A name, and what it is as an address."""
    yield written
    if "%" in written or "?" in written or "#" in written or "-" in written:
        yield from (form for form in dict.fromkeys(_addressed(written)) if form != written)


def _addressed(written: str) -> Iterator[str]:
    """The file that an address names: `photo.jpg?width=300`, `my%20photo.jpg`, and Label Studio's `?d=` and `1f2e3d4c-photo.jpg`."""
    forms = [written]
    if "?" in written or "#" in written:
        try:
            address = urlsplit(written)
            forms += [*parse_qs(address.query).get("d", ()), address.path]
        except ValueError:  # "http://[" is none
            pass
    for form in dict.fromkeys(text for found in forms for text in (found, unquote(found)) if text):
        yield form
        folder, slash, last = form.rpartition("/")
        if uploaded := _UPLOADED.match(last):
            yield f"{folder}{slash}{last[uploaded.end() :]}"
