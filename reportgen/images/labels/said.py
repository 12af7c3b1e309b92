"""What the sources of labels say of the images, and what of it is left over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FOLDER, FILE_NAME = "folder", "file name"


@dataclass(frozen=True)
class Said:
    """What a source says of an image. `index`: its class; None where it says something that is no one class of the model."""

    index: int | None
    source: str


@dataclass
class UnknownClass:
    """A class that the model does not have, or that may be one of several.

    Attributes:
        source: a file or "folder"; line: in the file, 0 where there is none.
        text: as it is written.
        indices: of the classes that it may be; empty where there is none.
        images: that are called so.
    """

    source: str
    line: int
    text: str
    indices: tuple[int, ...]
    images: list[str] = field(default_factory=list)


@dataclass
class LeftOver:
    """What was read and is of no use.

    Attributes:
        absent: by table the names in rows of images that are not here.
        several: by table the names that may be more than one image.
        empty: by table the images whose row has no class.
        contradicted: by table the images of more than one class.
        unknown: by source and text.
        asked: lists of classes that numbers were looked up in.
        own_numbers: by table, or "folder", the lists by which its numbers are not the model's indices.
        doubtful_numbers: by table how many numbers from `first` on it uses, though the model has more classes: (first, how many).
        disagreeing: by (the source that holds, the other) the images of which they say different classes.
        numbered: folders called by numbers that were not taken as classes.
        partly: (images in folders called as classes are, all images, those folders), where too few are for folders to be classes.
        unread: by file the reason why it could not be read.
    """

    absent: dict[str, list[str]] = field(default_factory=dict)
    several: dict[str, list[str]] = field(default_factory=dict)
    empty: dict[str, list[str]] = field(default_factory=dict)
    contradicted: dict[str, list[str]] = field(default_factory=dict)
    unknown: dict[tuple[str, str], UnknownClass] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    own_numbers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    doubtful_numbers: dict[str, tuple[int, int]] = field(default_factory=dict)
    disagreeing: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    numbered: list[str] = field(default_factory=list)
    partly: tuple[int, int, list[str]] | None = None
    unread: dict[str, str] = field(default_factory=dict)

    def no_class(self, source: str, line: int, text: str, indices: tuple[int, ...], image: str) -> None:
        """Note an image whose class is none of the model, or not one alone."""
        found = self.unknown.setdefault((source, text), UnknownClass(source, line, text, indices))
        if not found.images or found.images[-1] != image:
            found.images.append(image)


# What one kind of source says, by image.
Sayings = Mapping[str, Said]
