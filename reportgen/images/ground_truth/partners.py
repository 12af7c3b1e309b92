"""Which images a file is about, by where it lies and what it is called: `a.xml` and `a.jpg`, `labels/a.txt` and `images/a.jpg`."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable

# Folders that hold the images of a data set, beside folders of what is said of them.
IMAGE_FOLDERS = frozenset((
    "images", "image", "imgs", "img", "jpegimages", "pngimages", "pictures", "photos", "rgb", "leftimg8bit", "input", "inputs",
    "original", "originals",
))  # fmt: skip

# The folders of a path.
Dirs = tuple[str, ...]


def parts_of(name: str) -> tuple[Dirs, str]:
    """The folders and the last part of a path, in one case, composed."""
    *folders, last = unicodedata.normalize("NFC", name).casefold().split("/")
    return tuple(folders), last


def stem_of(name: str) -> str:
    """A file's name, or its path, without extension."""
    stem, dot, extension = name.rpartition(".")
    return stem if dot and stem and "/" not in extension and not stem.endswith("/") else name


class Partners:
    """The images of a folder, to be found by a file of the same stem, or of the image's whole name and a further extension.

    Args:
        asked: what will be asked for, stems and names in one case; everything where it is not given.
    """

    def __init__(self, images: Collection[str], asked: Collection[str] | None = None) -> None:
        self._beside: dict[tuple[Dirs, str], list[str]] = defaultdict(list)
        self._across: dict[tuple[Dirs, Dirs, str], list[tuple[str, str]]] = defaultdict(list)
        self._anywhere: dict[str, list[str]] = defaultdict(list)
        self._within: dict[Dirs, list[str]] = defaultdict(list)
        for image in sorted(images):
            folders, last = parts_of(image)
            self._within[folders].append(image)
            for called in dict.fromkeys((stem_of(last), last)):
                if asked is not None and called not in asked:
                    continue
                self._beside[folders, called].append(image)
                self._anywhere[called].append(image)
                for i in range(len(folders) + 1):
                    self._across[folders[:i], folders[i:], called].append((image, ""))
                    if i < len(folders):
                        self._across[folders[:i], folders[i + 1 :], called].append((image, folders[i]))

    def of(self, file: str) -> tuple[str, ...]:
        """The images that a file is about: those beside it, else the one in a parallel folder, else the only one called so."""
        folders, last = parts_of(file)
        called = stem_of(last)
        if found := self.beside(folders, called, stem_of(file.rpartition("/")[2])):
            return found
        for i in range(len(folders)):
            if (image := self.one_across(folders, i, called)) is not None:
                return (image,)
        return self.only(called)

    def beside(self, folders: Dirs, called: str, exactly: str = "") -> tuple[str, ...]:
        """The images in a folder that are called so, of whatever extension; in this very case where there is one."""
        found = self._beside.get((folders, called), [])
        same = [image for image in found if exactly in (name := image.rpartition("/")[2], stem_of(name))]
        return tuple(same or found)

    def across(self, folders: Dirs, i: int, called: str) -> list[tuple[str, str]]:
        """(image, folder) where another folder, or none (""), stands in place of the `i`th."""
        return self._across.get((folders[:i], folders[i + 1 :], called), [])

    def one_across(self, folders: Dirs, i: int, called: str) -> str | None:
        return _only_one(self.across(folders, i, called))

    def only(self, called: str) -> tuple[str, ...]:
        """The image that is called so, where it is the only one."""
        found = self._anywhere.get(called, [])
        return tuple(found) if len(found) == 1 else ()

    def alone_beside(self, above: Dirs) -> str | None:
        """The image of a folder of images, `above/images`, where there is one, and nothing but it in there."""
        found = [image for folder in sorted(IMAGE_FOLDERS) for image in self._within.get((*above, folder), [])]
        return found[0] if len(found) == 1 else None

    def all_called(self, called: str) -> list[str]:
        return self._anywhere.get(called, [])


def _only_one(found: Iterable[tuple[str, str]]) -> str | None:
    """The only image; of several the only one directly above, or in a folder that is called as one of images."""
    several = list(found)
    usual = [image for image, folder in several if not folder or folder in IMAGE_FOLDERS]
    images = usual or [image for image, _ in several]
    return images[0] if len(images) == 1 else None
