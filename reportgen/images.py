"""A folder of images, as data: found, decoded to upright sRGB, framed for the model, labelled, named.

In the order the data travels: `find_images`, `read_image`, `model_frame`, `read_labels`, `slugs`. The folder
may come from a stranger: a bad file never ends a run, it is named in the report's `skipped`, with a reason.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import errno
import hashlib
import io
import math
import os
import re
import stat
import sys
import unicodedata
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageCms, ImageOps
from PIL import ImageFile as PillowFile
from PIL.TiffImagePlugin import TiffImageFile

from reportgen.concurrency import PROCESS_WIDE
from reportgen.document import Label, Skipped
from reportgen.errors import UsageError
from reportgen.inputs import is_file, read_at_most
from reportgen.manifest import OWN_NAMES, is_run

if TYPE_CHECKING:
    from reportgen.classifiers.base import ClassList, Preprocessing

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
EXTENSIONS = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"})
# Photographs too, in formats that are not read: a folder of a phone's HEIC files must not vanish in silence.
UNREAD_EXTENSIONS = frozenset({".heic", ".heif", ".avif", ".jxl", ".jp2"})
LABELS_FILE = "labels.csv"
# Beside an image of the same stem such a file is its ground truth (reportgen.truth).
MASK_SUFFIX = ".mask.png"

_IGNORED_NAMES = frozenset({"__macosx", "thumbs.db"})
_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
_BMP_HEADER_SIZES = frozenset({12, 40, 52, 56, 64, 108, 124})
_HEAD_BYTES = 512
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # TIFF tags
_BROKEN_LINK = (errno.ENOENT, errno.ELOOP)
# No encoding takes more a pixel (four 64-bit channels); the rest is room for metadata and further frames.
_BYTES_PER_PIXEL, _BYTES_BESIDE = 32, 64 * 2**20
# Levels of 255: profiles that call themselves sRGB differ by about this much from one another.
_SRGB_TOLERANCE = 3
# Pixels: a larger resized copy (of a strip 1 pixel wide) is never made whole.
_LARGEST_RESIZED = 2**24
_WNID_STEM = re.compile(r"(n\d{8})_(.+)", re.ASCII | re.DOTALL)
_SAFE_SLUG = re.compile(r"[A-Za-z0-9_-]([A-Za-z0-9._-]{0,78}[A-Za-z0-9_-])?")
# Digits of the digest in a slug; 64 only where 8 clash, which takes a forger.
_DIGEST_LENGTHS = (8, 64)
_ENDS_LIKE_DIGEST = re.compile(r".*-(?:[0-9a-f]{8}|[0-9a-f]{64})", re.IGNORECASE)
_WINDOWS_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE | re.ASCII)


# --- find ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ImageFile:
    """A file by its `name`, the posix path under the folder, and the `path` where it really lies."""

    name: str
    path: Path


def find_images(folder: Path) -> tuple[list[ImageFile], list[Skipped]]:
    """Every image under `folder`, and the files that only claim to be one.

    A file is an image when its first bytes are those of a JPEG, PNG, WebP, TIFF, BMP or GIF, whatever its
    extension. A file that is none is skipped with a reason when its extension is an image's, otherwise
    ignored. Hidden files and folders, `__MACOSX` and `Thumbs.db` are ignored. Links to files are followed.
    Links to folders are not; one that leads out of `folder` stands in `skipped`, for its images are missed.
    `<stem>.mask.png` beside an image of that stem is its ground truth, and no image.
    The figures of a report are no photographs: where a run wrote, its own files and folders are ignored.

    Returns:
        Both sorted by name, a plain sort of the posix paths. Bytes of a file name that are not text stand in
        the name as `\\xff`; of two files whose names become equal that way, the second is skipped.

    Raises:
        UsageError: `folder` is missing, is not a folder, or cannot be read.
    """
    _check_folder(folder)
    images: dict[str, ImageFile] = {}
    skipped: list[Skipped] = []
    for file in sorted(_walk(folder, skipped), key=lambda file: (file.name, os.fsencode(file.path))):
        reason = _refusal(file.path)
        if reason is None and file.name in images:
            reason = "its name, written as text, is another file's"
        if reason is None:
            images[file.name] = file
        elif PurePosixPath(file.name).suffix.lower() in EXTENSIONS | UNREAD_EXTENSIONS:
            skipped.append(Skipped(name=file.name, reason=reason))
    stems = {str(PurePosixPath(name).with_suffix("")) for name in images}
    explained = [file for name, file in images.items() if not _is_mask(name, stems)]
    return explained, sorted(skipped, key=lambda item: item.name)


def _is_mask(name: str, stems: set[str]) -> bool:
    return name.endswith(MASK_SUFFIX) and name.removesuffix(MASK_SUFFIX) in stems


def _check_folder(folder: Path) -> None:
    try:
        os.scandir(folder).close()
    except FileNotFoundError:
        raise UsageError(f"{folder}: no such folder") from None
    except NotADirectoryError:
        raise UsageError(f"{folder}: not a folder; give the folder that holds the images") from None
    except ValueError:  # a NUL in the name
        raise UsageError(f"{str(folder)!r}: no such folder") from None
    except OSError as error:
        raise UsageError(f"{folder}: {_os_reason(error)}") from None


def _walk(folder: Path, skipped: list[Skipped]) -> Iterator[ImageFile]:
    """Every entry under `folder` that is not a folder, in no order; folders not walked go to `skipped`."""
    root = folder.resolve()
    waiting = [folder]  # a list, not recursion: a stranger's tree may be deeper than Python's stack
    while waiting:
        inside = waiting.pop()
        try:
            with os.scandir(inside) as listing:
                entries = [entry for entry in listing if not _is_ignored(entry.name)]
            if is_run(inside):
                entries = [entry for entry in entries if entry.name not in OWN_NAMES]
        except OSError as error:
            skipped.append(Skipped(name=_name(inside, folder), reason=f"folder {_os_reason(error)}"))
            continue
        for entry in entries:
            path = inside / entry.name
            if not entry.is_symlink() and entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            elif not os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises where a parent is locked)
                yield ImageFile(_name(path, folder), path)
            elif not path.resolve().is_relative_to(root):
                reason = "a link to a folder elsewhere: not followed"
                skipped.append(Skipped(name=_name(path, folder), reason=reason))


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in _IGNORED_NAMES


def _name(path: Path, folder: Path) -> str:
    """The posix path under `folder`, as valid text: what does not decode is written as `\\xff`."""
    raw = os.fsencode(path.relative_to(folder).as_posix())
    return raw.decode(sys.getfilesystemencoding(), "backslashreplace")


def _refusal(path: Path) -> str | None:
    """Why `path` is not an image, or None where it is one; only a regular file is ever opened."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return "not a regular file"
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        return "a link that leads nowhere" if error.errno in _BROKEN_LINK else _os_reason(error)
    return None if _format(head) else _what_instead(head)


def _format(head: bytes) -> str | None:
    """The image format that a file's first bytes announce."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    # Two letters are no evidence: "BM" also opens a text about BMW.
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


def _what_instead(head: bytes) -> str:
    if not head:
        return "empty file"
    if head[4:8] == b"ftyp":
        return "not an image that reportgen reads (looks like HEIC, AVIF or a film): save it as JPEG or PNG"
    if _is_text(head):
        return "not an image (looks like text)"
    return "not a JPEG, PNG, WebP, TIFF, BMP or GIF image"


def _is_text(head: bytes) -> bool:
    try:  # not final: the last character may be cut
        return "\0" not in codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False


def _os_reason(error: OSError) -> str:
    return f"cannot be read: {(error.strerror or type(error).__name__).lower()}"


# --- read ----------------------------------------------------------------------------------------


class UnreadableImage(Exception):
    """A file that cannot be decoded; `reason` is one plain line for the report, equal from run to run."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """One image.

    Attributes:
        name: as in `ImageFile`.
        sha256: of the file's bytes, lower-case hex.
        pixels: (H, W, 3) uint8, sRGB, upright.
    """

    name: str
    sha256: str
    pixels: np.ndarray


def read_image(file: ImageFile, max_pixels: int) -> DecodedImage:
    """Read a file once: its hash, and its first frame as upright 8-bit sRGB.

    Transparent pixels are laid over white. 16-bit channels keep their high byte. 32-bit grey is scaled from
    [0, 1] (floats) or [0, 255] (integers) where all of it lies in there, otherwise from [min, max]; pixels
    that are not finite become black. An embedded RGB or CMYK profile is applied, a broken one is ignored.

    Args:
        max_pixels: width times height of the largest image that is decoded.

    Raises:
        UnreadableImage: not an image, truncated, damaged, too large, or the file cannot be read.
    """
    data = _read_bytes(file.path, max_pixels)
    kind = _format(data[:_HEAD_BYTES])
    if kind is None:
        raise UnreadableImage(_what_instead(data[:_HEAD_BYTES]))
    try:
        with guarded_pillow(), _quiet_libtiff(kind):
            pixels = np.array(_decode(data, max_pixels))
    except UnreadableImage:
        raise
    except MemoryError:
        raise UnreadableImage("needs more memory than there is") from None
    except Exception as error:  # decoders meeting hostile bytes raise nearly anything
        # Pillow's own words stay out: some hold an address, and two equal runs give equal bytes.
        damage = "truncated" if "truncated" in str(error).lower() else "damaged or truncated"
        raise UnreadableImage(f"{damage} {kind}") from error
    return DecodedImage(file.name, hashlib.sha256(data).hexdigest(), pixels)


def _read_bytes(path: Path, max_pixels: int) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableImage("not a regular file")
        if status.st_size > max_pixels * _BYTES_PER_PIXEL + _BYTES_BESIDE:
            raise UnreadableImage(f"{status.st_size} bytes are more than max_pixels = {max_pixels} can take")
        return path.read_bytes()
    except OSError as error:
        raise UnreadableImage(_os_reason(error)) from None


@contextmanager
def guarded_pillow() -> Iterator[None]:
    """Pillow's switches for one decode at a time: silent, strict about truncation, no pixel limit but our own."""
    with PROCESS_WIDE, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        saved = Image.MAX_IMAGE_PIXELS, PillowFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS, PillowFile.LOAD_TRUNCATED_IMAGES = None, False
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, PillowFile.LOAD_TRUNCATED_IMAGES = saved


@contextmanager
def _quiet_libtiff(kind: str) -> Iterator[None]:
    """libtiff writes about damage straight to file descriptor 2, where no Python filter sees it."""
    kept = None
    if kind == "TIFF":
        with suppress(OSError):  # a service may run without one
            kept = os.dup(2)
    if kept is None:
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)


def _decode(data: bytes, max_pixels: int) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise UnreadableImage(f"{width} x {height} pixels are more than max_pixels = {max_pixels}")
        _check_tile(image, max_pixels)
        image.load()
        with suppress(Exception):  # a broken EXIF block: turned if it could be read that far
            ImageOps.exif_transpose(image, in_place=True)
        return _to_srgb(image)


def _check_tile(image: Image.Image, max_pixels: int) -> None:
    """A tile of a TIFF is unpacked whole, however small the image that it belongs to."""
    if isinstance(image, TiffImageFile):
        sides = [image.tag_v2.get(tag, 1) for tag in (_TILE_WIDTH, _TILE_LENGTH)]
        if not all(isinstance(side, int) for side in sides) or sides[0] * sides[1] > max_pixels:
            raise UnreadableImage(f"a tile of {sides[0]} x {sides[1]} pixels is more than max_pixels = {max_pixels}")


def _to_srgb(image: Image.Image) -> Image.Image:
    """Any mode -> mode RGB, sRGB, over white."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bit(image).convert("RGB")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        colours = _from_profile(layers.convert("RGB"), profile)
        colours.putalpha(layers.getchannel("A"))
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours).convert("RGB")
    return _from_profile(image if image.mode in ("RGB", "CMYK") else image.convert("RGB"), profile)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Mode I;16, I or F -> L (see `read_image`)."""
    values = np.asarray(image)
    if image.mode.startswith("I;16") or image.format == "PNG":  # older Pillow reads 16-bit PNG as mode I
        return Image.fromarray((values.astype(np.int32) >> 8).clip(0, 255).astype(np.uint8))
    finite = np.isfinite(values)
    if not finite.any():
        raise UnreadableImage("no pixel has a finite value")
    low, high = float(values[finite].min()), float(values[finite].max())
    whole = 1.0 if image.mode == "F" else 255.0
    if low >= 0 and high <= whole:
        low, high = 0.0, whole
    scaled = (np.where(finite, values, low).astype(np.float64) - low) * (255 / ((high - low) or 1))
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _from_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Mode RGB or CMYK -> sRGB by the embedded ICC profile; by Pillow's formula where none works."""
    if profile:
        with suppress(Exception):  # a profile is advice, and its parser meets hostile bytes too
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), image.mode, "RGB")
            if image.mode == "CMYK" or not _is_identity(transform):
                return _applied(transform, image)
    return image.convert("RGB")


def _applied(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # None only in place
    return converted


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether the profile is sRGB by another name: then the stored pixels are left exactly as they are."""
    levels = np.arange(0, 256, 17, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(16, -1, 3)
    moved = np.asarray(_applied(transform, Image.fromarray(cube)))
    return int(np.abs(moved.astype(int) - cube).max()) <= _SRGB_TOLERANCE


# --- frame ---------------------------------------------------------------------------------------


def model_frame(pixels: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """The model's input frame: what torchvision's `Resize` and `CenterCrop` make of a PIL image.

    Args:
        pixels: (H, W, 3) uint8.

    Returns:
        (size, size, 3) uint8. Where `resize` is less than `size` the border is black, as in torchvision.
    """
    image = Image.fromarray(pixels)
    size, resample = preprocessing.size, Image.Resampling[preprocessing.interpolation.upper()]
    resized = _resized(image.width, image.height, preprocessing)
    if resized[0] * resized[1] <= _LARGEST_RESIZED:
        image = image.resize(resized, resample)
    else:
        image = _middle_of_resized(image, resized, size, resample)
    left, top = _crop_offset(image.width, size), _crop_offset(image.height, size)
    return np.array(image.crop((left, top, left + size, top + size)))


def frame_transform(width: int, height: int, preprocessing: Preprocessing) -> tuple[float, float, float, float]:
    """Where a point of the original lies in the model's frame.

    Args:
        width, height: of the upright original, pixels.

    Returns:
        (scale_x, scale_y, offset_x, offset_y): x_frame = x * scale_x + offset_x, and so for y. Coordinates
        are continuous: pixel i spans [i, i + 1]. A point that the crop removed lands outside [0, size].
    """
    new_width, new_height = _resized(width, height, preprocessing)
    offset_x = -_crop_offset(new_width, preprocessing.size)
    offset_y = -_crop_offset(new_height, preprocessing.size)
    return new_width / width, new_height / height, float(offset_x), float(offset_y)


def _resized(width: int, height: int, preprocessing: Preprocessing) -> tuple[int, int]:
    """Width and height after the resize; the long side is cut to an integer, as torchvision does."""
    if preprocessing.geometry == "squash":
        return preprocessing.size, preprocessing.size
    short, long = min(width, height), max(width, height)
    new_long = int(preprocessing.resize * long / short)
    return (preprocessing.resize, new_long) if width <= height else (new_long, preprocessing.resize)


def _crop_offset(length: int, size: int) -> int:
    """Where the centre crop begins; torchvision rounds the border down where it has to add one."""
    return round((length - size) / 2) if length >= size else -((size - length) // 2)


def _middle_of_resized(
    image: Image.Image, resized: tuple[int, int], size: int, resample: Image.Resampling
) -> Image.Image:
    """The middle `size` x `size` pixels of the resized image, without making the rest of it."""
    left, right, box_left, box_right, width = _source_span(image.width, resized[0], size)
    top, bottom, box_top, box_bottom, height = _source_span(image.height, resized[1], size)
    part = image.crop((left, top, right, bottom))
    return part.resize((width, height), resample, box=(box_left, box_top, box_right, box_bottom))


def _source_span(length: int, resized: int, size: int) -> tuple[int, int, float, float, int]:
    """Along one side: source pixels [start, stop) to keep, the box in them to resize, and its new length."""
    kept = min(size, resized)
    scale = length / resized
    first = _crop_offset(resized, kept) * scale
    last = first + kept * scale
    margin = math.ceil(3 * max(scale, 1.0))  # the bicubic filter reaches two (scaled) pixels past the box
    # Cut to whole pixels first: Pillow keeps a box in single precision, exact enough only near zero.
    start, stop = max(0, math.floor(first) - margin), min(length, math.ceil(last) + margin)
    return start, stop, first - start, min(last - start, stop - start), kept


# --- label ---------------------------------------------------------------------------------------


def read_labels(folder: Path, names: Sequence[str], classes: ClassList) -> dict[str, Label]:
    """The true class of each image that has one.

    `labels.csv` in `folder` wins: a header `name,class`, then one row an image; the class is its index, its
    WordNet id, or its name (or one of the synonyms that commas part), whatever the case, an underscore
    standing for a space. Otherwise a file called `<wnid>_<class>` carries its label.

    Args:
        names: the images, as in `ImageFile`. A row may also name a file of the folder that is not among them.

    Raises:
        UsageError: labels.csv cannot be read as such a table; the message names the line.
    """
    by_key = _class_keys(classes)
    labels = {name: label for name in names if (label := _label_in_name(name, classes, by_key))}
    table = folder / LABELS_FILE
    if is_file(table):
        # A Mac may store a name decomposed that the user types composed; the exact name comes first.
        known = {unicodedata.normalize("NFC", name): name for name in names} | {name: name for name in names}
        for line, name, text in _table_rows(table):
            image = known.get(name) or known.get(unicodedata.normalize("NFC", name))
            index = _class_index(text, by_key, line)
            if image is not None:
                labels[image] = Label(index=index, name=classes.names[index], source=LABELS_FILE)
            elif not is_file(folder / name):
                raise _table_error(line, f"no image {name!r} in the folder")
    return labels


def class_part(name: str) -> str:
    """The class in a file name: `goldfish` for `n01443537_goldfish.JPEG`; the stem where there is none."""
    stem = PurePosixPath(name).stem
    match = _WNID_STEM.fullmatch(stem)
    return match[2] if match else stem


def _label_in_name(name: str, classes: ClassList, by_key: Mapping[str, Sequence[int]]) -> Label | None:
    match = _WNID_STEM.fullmatch(PurePosixPath(name).stem)
    if not match or not classes.wnids or len(found := by_key.get(match[1], [])) != 1:
        return None
    return Label(index=found[0], name=classes.names[found[0]], source="file name")


def _class_keys(classes: ClassList) -> dict[str, list[int]]:
    """Everything that a class may be called by -> the indices of the classes called so."""
    keys: dict[str, set[int]] = defaultdict(set)
    for index, name in enumerate(classes.names):
        for key in (str(index), name, *name.split(",")):
            keys[_key(key)].add(index)
    for index, wnid in enumerate(classes.wnids or ()):
        keys[_key(wnid)].add(index)
    return {key: sorted(indices) for key, indices in keys.items()}


def _key(text: str) -> str:
    return " ".join(text.replace("_", " ").casefold().split())


def _class_index(text: str, by_key: Mapping[str, Sequence[int]], line: int) -> int:
    found = by_key.get(_key(text), [])
    if len(found) == 1:
        return found[0]
    if found:
        raise _table_error(line, f"class {text!r} could be {' or '.join(map(str, found))}: give the index")
    close = difflib.get_close_matches(_key(text), by_key, n=1)
    raise _table_error(line, f"unknown class {text!r}" + (f"; did you mean {close[0]!r}?" if close else ""))


def _table_rows(table: Path) -> Iterator[tuple[int, str, str]]:
    """(line, name, class) of each row of labels.csv; blank lines do not count."""
    try:
        text = read_at_most(table).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{table}: not UTF-8 text; save it as CSV in UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: dict[str, int] = {}
    try:
        rows = ([cell.strip() for cell in row] for row in reader)
        filled = (row for row in rows if any(row))
        if [cell.lower() for cell in next(filled, [])] != ["name", "class"]:
            raise _table_error(max(1, reader.line_num), "the header is not name,class")
        for row in filled:
            if len(row) != 2:
                raise _table_error(reader.line_num, f"{len(row)} cells, not two; quote what holds a comma")
            if row[0] in lines:
                raise _table_error(reader.line_num, f"{row[0]!r} stands in line {lines[row[0]]} already")
            lines[row[0]] = reader.line_num
            yield reader.line_num, row[0], row[1]
    except csv.Error as error:
        raise _table_error(max(1, reader.line_num), f"not valid CSV ({error})") from None


def _table_error(line: int, problem: str) -> UsageError:
    return UsageError(f"{LABELS_FILE} line {line}: {problem}")


# --- name ----------------------------------------------------------------------------------------


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Image name -> folder name: one path component, at most 80 of `[A-Za-z0-9._-]`, no leading dot.

    A slug is the file's stem where that is safe on any file system and no other image has it, whatever the
    case. Any other is the sanitised stem, `-`, and the first 8 hex digits of the name's SHA-256 (all 64, for
    every such slug, where 8 clash). A stem that ends like that counts as unsafe: no file can pose as another.
    The slugs of one set of names are unique, whatever the case, and do not depend on their order.
    """
    stems = {name: PurePosixPath(name).stem for name in names}
    uses = Counter(stem.casefold() for stem in stems.values())
    plain = {name: stem for name, stem in stems.items() if uses[stem.casefold()] == 1 and _is_safe(stem)}
    for digits in _DIGEST_LENGTHS:
        marked = {name: _marked(name, stem, digits) for name, stem in stems.items() if name not in plain}
        if len({slug.casefold() for slug in marked.values()}) == len(marked):
            break
    return {name: plain.get(name) or marked[name] for name in stems}


def _is_safe(stem: str) -> bool:
    unsafe = _WINDOWS_DEVICE.fullmatch(stem) or _ENDS_LIKE_DIGEST.fullmatch(stem)
    return bool(_SAFE_SLUG.fullmatch(stem)) and not unsafe


def _marked(name: str, stem: str, digits: int) -> str:
    ascii_stem = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    clean = re.sub(r"[^A-Za-z0-9._-]+", "_", ascii_stem).lstrip(".") or "image"
    if _WINDOWS_DEVICE.fullmatch(clean):
        clean = f"_{clean}"
    return f"{clean[: 79 - digits]}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:digits]}"
