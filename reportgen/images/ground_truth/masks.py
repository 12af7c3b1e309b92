"""Which pictures are masks and no photographs, by their names alone; what is in them is read later, by `mask_file`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection

from reportgen.images.ground_truth.partners import IMAGE_FOLDERS, Dirs, Partners, parts_of, stem_of

# Beside an image of the same stem such a file is its ground truth.
MASK_SUFFIX = ".mask.png"
# Folders that hold nothing else, by the end of their name (`PedMasks`, `Training_GroundTruth`), and folders that may hold
# photographs as well: of labels, or of people with masks.
_SURE = re.compile(
    r".*masks(?:_human|_machine)?|segmentation(?:class|object)(?:aug)?|gtfine|(?:.*[ _-])?(?:segmentations?|trimaps|ground[ _-]?truth)"
)
_LIKELY = re.compile(r"(?:(.+?)[ _-]?)?(?:mask|gts?|labels?|annotations?|annots?|segs?|mattes?)")
_LOSSY = ("jpg", "jpeg", "jpe", "jfif")
_WORDS = r"masks?|segs?|segm|segmentation|gt|ground[ _-]?truth|trimap|matte|annotation"
# One of these is in the name of every mask, or of its folder.
_HINT = re.compile("mask|seg|gt|ground|trimap|matte|annot|label", re.IGNORECASE)
_NUMBER = r"(?:[ ._-]?\d{1,4}|[ ._-]?\(\d{1,4}\))?"
_AFTER = re.compile(rf"(.+?)[ ._-](?:{_WORDS}){_NUMBER}", re.DOTALL)
# In a folder an image.
_BARE, _BARE_IMAGES = ("mask", "label", "gt", "seg"), ("img", "image", "rgb")
_BEFORE = re.compile(r"(?:mask|gt|seg)[ ._-](.+)", re.DOTALL)


def masks_of(names: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The masks among pictures, and the images whose object each marks; none where the image is not there.

    A mask is called as an image of the same folder is, with a word for masks behind (`a_mask.png`, `a.mask.png`, `a_seg_1.png`)
    or before (`mask_a.png`); or as the image is, in a parallel folder (`masks/a.png` and `images/a.jpg`). A picture that is
    called so without such an image is a photograph, but for one among masks in a folder that is called `masks`, or the like.
    """
    candidates = sorted(name for name in names if _HINT.search(name))
    if not candidates:  # of most folders
        return {}
    stems = {stem_of(parts_of(name)[1]) for name in candidates}
    partners = Partners(names, stems.union(*map(_called, stems)))
    found = {name: images for name in candidates if (images := _image_of(name, partners))}
    found |= dict.fromkeys(_among_masks(candidates, found), ())
    return {mask: _roots(mask, found) for mask in sorted(found)}


def _image_of(mask: str, partners: Partners) -> tuple[str, ...]:
    folders, last = parts_of(mask)
    stem = stem_of(last)
    called = _called(stem)
    for base in called:
        if images := tuple(image for image in partners.beside(folders, base) if image != mask):
            return images
    of_masks = [i for i, folder in enumerate(folders) if _is_of_masks(folder)]
    for i in reversed(of_masks):
        first = i
        while first - 1 in of_masks:  # `annotations/trimaps` stands for one folder
            first -= 1
        for base in (stem, *called):
            if images := _in_parallel(mask, folders[:first] + folders[i:], first, base, partners):
                return images
        # A folder an image, called as it is: `12/images/12.png`, and `12/masks/1f3a.png` for each object.
        alone = partners.alone_beside(folders[:i]) if _sure_folder(mask) == folders else None
        if alone is not None and folders[:i][-1:] == (stem_of(parts_of(alone)[1]),):
            return (alone,)
    return ()


def _called(stem: str) -> list[str]:
    """What the image may be called that a file of this stem is the mask of."""
    if stem in _BARE:
        return list(_BARE_IMAGES)
    found = [match[1] for pattern in (_AFTER, _BEFORE) if (match := pattern.fullmatch(stem))]
    # `a.jpg.mask`: the image's whole name, and else its stem.
    return list(dict.fromkeys(name for base in found for name in (base, stem_of(base))))


def _in_parallel(mask: str, folders: Dirs, i: int, called: str, partners: Partners) -> tuple[str, ...]:
    """The image in a folder parallel to the `i`th, which is called as one of masks."""
    lossless = mask.rpartition(".")[2].casefold() not in _LOSSY
    near = [(image, other) for image, other in partners.across(folders, i, called) if image != mask]
    usual = [image for image, other in near if not other or other in IMAGE_FOLDERS]
    if len(usual) == 1:
        return (usual[0],)
    if usual or not lossless:
        return ()
    others = [(image, other) for image, other in near if not _is_of_masks(other)]
    likely = _LIKELY.fullmatch(folders[i])
    if not _SURE.fullmatch(folders[i]):  # `train_labels` beside `train`
        start = likely[1] if likely else None
        others = [(image, other) for image, other in others if start and other.startswith(start)]
    elif not near:
        within = [(image, parts_of(image)[0]) for image in partners.all_called(called) if image != mask]
        others = [(im, "") for im, dirs in within if dirs[:i] == folders[:i] and not any(map(_is_of_masks, dirs[i:]))]
    return (others[0][0],) if len(others) == 1 else ()


def _is_of_masks(folder: str) -> bool:
    return "mask" in folder or bool(_SURE.fullmatch(folder) or _LIKELY.fullmatch(folder))


def _among_masks(names: Collection[str], found: Collection[str]) -> list[str]:
    """Pictures in a folder of nothing but masks, of which some have their image: the images of these are not there."""
    of_masks = {at for name in found if (at := _sure_folder(name)) is not None}
    return [name for name in names if name not in found and _sure_folder(name) in of_masks]


def _sure_folder(name: str) -> Dirs | None:
    folders, last = parts_of(name)
    if last.rpartition(".")[2] in _LOSSY:
        return None
    places = [i for i, folder in enumerate(folders) if _SURE.fullmatch(folder)]
    return folders[: places[-1] + 1] if places else None


def _roots(mask: str, found: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The images of a mask; where one of them is a mask itself, that one's."""
    images: dict[str, None] = {}
    waiting, seen = list(found[mask]), {mask}
    while waiting:
        image = waiting.pop(0)
        if image not in seen:
            seen.add(image)
            if image in found:
                waiting += found[image]
            else:
                images[image] = None
    return tuple(images)


def by_image(masks: dict[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Image -> its masks, in the order of their names."""
    turned: dict[str, list[str]] = defaultdict(list)
    for mask, images in sorted(masks.items()):
        for image in images:
            turned[image].append(mask)
    return turned
