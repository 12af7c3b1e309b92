"""Classes by folder, as ImageFolder of torchvision and `image_dataset_from_directory` of Keras read them.

A folder is a class where nearly all images lie in folders, at one level, that are classes by name or WordNet id: `train/` may be
above them, and `images/` below. What is spelt nearly as a class counts as meant. Numbers are what albums and years are called by, too:
they are classes only where a list in the folder says of which (`classes.txt`), or where the folders are all the indices that
the model has, from 0 on and written alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from reportgen.images.labels.class_list import ClassLists
from reportgen.images.labels.classes import WNID, KnownClasses
from reportgen.images.labels.said import FOLDER, LeftOver, Said
from reportgen.images.labels.words import EVERYDAY_WORDS

# Of all images, so many have to lie in folders that are classes, or meant as such.
NEARLY_ALL = 0.9
# Where fewer do, but so many, the report says that none counts.
_MOST_OF_THEM = 0.5
# So many have to lie in classes that are spelt rightly, before the others are held against them: of those so many, for that takes
# time, and so like they must be.
_EVIDENT, _MOST_LIKENED, _LIKENESS = 0.3, 50, 0.85
# Folders above an image that are looked at, the nearest first.
_LEVELS = 6


def said_by_folders(names: Sequence[str], known: KnownClasses, lists: ClassLists, left: LeftOver) -> dict[str, Said]:
    """The class of each image by the folder that it lies in, at the level where that is clear; nothing where it is at none.

    Args:
        names: of the images.
        left: where folders are noted that are no class.
    """
    levels = [_at_level(names, level) for level in range(1, _LEVELS + 1)]
    shares = [_share(folders, len(names), known) for folders in levels]
    if max(shares) >= NEARLY_ALL:
        return _by_name(levels[shares.index(max(shares))], known, left)
    if max(shares) >= _MOST_OF_THEM:
        _note_partly(levels[shares.index(max(shares))], len(names), known, left)
    return _by_number(levels, len(names), known, lists, left)


def _note_partly(folders: Mapping[str, PurePosixPath], images: int, known: KnownClasses, left: LeftOver) -> None:
    classes = [folder.name for folder in folders.values() if known.find_name(folder.name).indices]
    if len(set(classes)) > 1:
        left.partly = len(classes), images, sorted(set(classes))


def _at_level(names: Sequence[str], level: int) -> dict[str, PurePosixPath]:
    """By image the folder that lies so far above it."""
    return {name: parents[level - 1] for name in names if len(parents := PurePosixPath(name).parents) > level}


def _share(folders: Mapping[str, PurePosixPath], images: int, known: KnownClasses) -> float:
    """The share of the images in folders that are classes by name, or meant as such; 0 where none is one."""
    counts = Counter(folder.name for folder in folders.values())
    unknown = Counter({name: count for name, count in counts.items() if not known.find_name(name).indices})
    if all(name in unknown or name.casefold() in EVERYDAY_WORDS for name in counts):
        return 0.0
    of_classes = sum(counts.values()) - sum(unknown.values())
    if of_classes < _EVIDENT * images or not of_classes:
        return 0.0
    named = sorted(unknown.items(), key=lambda item: (-item[1], item[0]))[:_MOST_LIKENED]
    return (of_classes + sum(count for name, count in named if _is_meant(name, known))) / images


def _is_meant(name: str, known: KnownClasses) -> bool:
    return WNID.fullmatch(name) is not None or known.nearest(name, _LIKENESS) is not None


def _by_name(folders: Mapping[str, PurePosixPath], known: KnownClasses, left: LeftOver) -> dict[str, Said]:
    said = {}
    for image, folder in folders.items():
        meaning = known.find_name(folder.name)
        if meaning.index is None:
            left.no_class(FOLDER, 0, folder.name, meaning.indices, image)
        said[image] = Said(meaning.index, FOLDER)
    return said


def _by_number(
    levels: Sequence[Mapping[str, PurePosixPath]], images: int, known: KnownClasses, lists: ClassLists, left: LeftOver
) -> dict[str, Said]:
    for folders in levels:
        called = {folder.name for folder in folders.values()}
        if not called or len(folders) < images or not all(name.isascii() and name.isdigit() for name in called):
            continue
        listed = {folder: lists.of(str(folder.parent)) for folder in set(folders.values())}
        if all(own is not None and int(folder.name) in own.names for folder, own in listed.items()):
            return _by_list(folders, known, lists, left)
        alike = len({len(name) for name in called}) == 1 or all(name == str(int(name)) for name in called)
        if alike and len(known) > 1 and {int(name) for name in called} == set(range(len(known))):
            return {image: Said(int(folder.name), FOLDER) for image, folder in folders.items()}
        left.numbered = sorted(called)
        return {}
    return {}


def _by_list(
    folders: Mapping[str, PurePosixPath], known: KnownClasses, lists: ClassLists, left: LeftOver
) -> dict[str, Said]:
    said = {}
    for image, folder in folders.items():
        own = lists.of(str(folder.parent))
        meaning = known.find(folder.name, own)
        if own is not None:
            left.asked.update(own.files)
            if meaning.index != int(folder.name):
                left.own_numbers[FOLDER] = own.files
        if meaning.index is None:
            text = folder.name if own is None else own.names[int(folder.name)]
            left.no_class(FOLDER, 0, text, meaning.indices, image)
        said[image] = Said(meaning.index, FOLDER)
    return said
