"""What the readers of all formats share: which image is meant, what is marked in it, and what is wrong with a marked object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property

from reportgen.images.files import InputFile
from reportgen.images.folder import Folder
from reportgen.images.ground_truth.annotation import Mark, first_places
from reportgen.images.ground_truth.partners import Partners, parts_of, stem_of
from reportgen.images.ground_truth.shapes import MAX_SHAPES, Flaw, Polygon, Runs, Shape
from reportgen.images.remarks import Remarks
from reportgen.utils.terminal_text import counted, printable

# To draw a polygon takes time by its corners, and runs by their pixels; 1 stands for about ten seconds.
_MOST_COST, _CORNERS, _PIXELS = 1.0, 2e5, 1e9
_MOST_SHOWN = 80  # characters of a name that somebody wrote


class Reading:
    """Filled by the readers, one file after another; nothing in a file makes it fail."""

    def __init__(self, given: Folder, remarks: Remarks) -> None:
        self.given = given
        self.remarks = remarks
        self._exact = set(given.names)
        self._others = remarks.seen  # by the readers before
        # By kind of file and image.
        self._marks: dict[str, dict[str, dict[Mark, None]]] = defaultdict(lambda: defaultdict(dict))
        self._cost: dict[str, float] = defaultdict(float)
        self._flaws: dict[str, dict[str, None]] = defaultdict(dict)
        self._missing: dict[str, None] = {}
        self._several: dict[str, None] = {}

    @cached_property
    def partners(self) -> Partners:
        return Partners(self.given.names)

    def image(self, written: str, file: str) -> str | None:
        """The image that a name in a file means: one under the file's own folder, else the only one called so.

        Of several in folders of their own it is the one whose folder the file lies in, or is called after: `train/a.jpg` for
        `annotations/instances_train.json`.
        """
        beside = "/".join(part for part in (file.rpartition("/")[0], written) if part)
        if beside in self._exact:
            return beside
        found = self.given.named.candidates(written)
        if len(found) > 1:
            found = _nearest(found, file)
        if not found and file in self.given.neighbours:
            return None  # of other images in the folder of the one that was given
        if len(found) != 1:
            shown = f"{file}: {printable(written, _MOST_SHOWN)}"
            (self._several if found else self._missing).setdefault(shown)
            return None
        return found[0]

    def is_here(self, written: str) -> bool:
        """Whether a name means one image."""
        return self.given.named.find(written) is not None

    def mark(
        self,
        kind: str,
        image: str,
        shape: Shape,
        *,
        size: tuple[float, float] | None = None,
        relative: bool = False,
        category: object = "",
    ) -> None:
        """An object of an image, by the kind of file. Raises: Flaw: the image has more of them than are drawn."""
        self.afford(image, _cost(shape))
        marks = self._marks[kind][image]
        called = printable(str(category), _MOST_SHOWN) if isinstance(category, str | int) else ""
        marks.setdefault(Mark(shape, size, relative, called))
        if len(marks) > MAX_SHAPES:
            marks.popitem()
            raise Flaw(f"more than {MAX_SHAPES} in one image")

    def afford(self, image: str, cost: float = 0.0) -> None:
        """Spend what a shape takes to draw; nothing, to ask before it is unpacked. Raises: Flaw: the image had enough of it."""
        self._cost[image] += cost
        if self._cost[image] > _MOST_COST:
            raise Flaw("more corners or pixels in one image than are drawn")

    @contextmanager
    def object(self, file: str, place: str) -> Iterator[None]:
        """Around the reading of one object: where it has a flaw it is left out, and the others count."""
        try:
            yield
        except Flaw as flaw:
            self.flaw(flaw.reason, f"{file} {place}")

    def flaw(self, reason: str, where: str) -> None:
        self._flaws[reason].setdefault(where)

    def leave(self, file: InputFile, reason: str) -> None:
        """A file that is not understood, unless another reader has understood it."""
        if file.name not in self._others:
            self.remarks.leave(file.name, reason)

    def found(self, kind: str) -> Mapping[str, Sequence[Mark]]:
        """By image what is marked in one kind of file."""
        return {image: list(marks) for image, marks in self._marks[kind].items() if marks}

    def say(self) -> None:
        """Warn of what was left out, once for each reason."""
        for reason, places in sorted(self._flaws.items()):
            was = "1 marked object was" if len(places) == 1 else f"{len(places)} marked objects were"
            self._warn("marked-objects-left-out", "Marked objects left out", f"{was} left out ({reason})", places)
        if self._missing:
            text = f"Annotations name {counted(len(self._missing), 'image')} not in the folder"
            self._warn("annotated-images-missing", "Annotated images that are not there", text, self._missing)
        if self._several:
            text = f"Annotations of {counted(len(self._several), 'image')} could be of several in the folder, and were left out"
            self._warn("annotations-ambiguous", "Annotations that could be of several images", text, self._several)

    def _warn(self, code: str, name: str, text: str, places: Mapping[str, None]) -> None:
        self.remarks.warn(code, name, f"{text}: {first_places(list(places))}.")


def _nearest(found: Sequence[str], file: str) -> Sequence[str]:
    """Of images that are called alike those in the file's own folder, or in one that its name speaks of."""
    folders, last = parts_of(file)
    stem = stem_of(last)
    for fits in (
        lambda dirs: bool(folders) and dirs[: len(folders)] == folders,
        lambda dirs: bool(folders) and dirs[:1] == folders[:1],
        lambda dirs: any(folder in stem for folder in dirs),
    ):
        near = [image for image in found if fits(parts_of(image)[0])]
        if len(near) == 1:
            return near
    return found


def _cost(shape: Shape) -> float:
    if isinstance(shape, Polygon):
        return len(shape.corners) / _CORNERS
    if isinstance(shape, Runs):
        return shape.width * shape.height / _PIXELS
    return 0.0


def size_of(width: object, height: object) -> tuple[float, float] | None:
    """The size that a file states; None where it states none, as tools that write 0 for what they do not know."""
    sides = []
    for value in (width, height):
        try:
            side = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else 0.0
        except (ValueError, OverflowError):
            return None
        if not 0 < side < 1e7:
            return None
        sides.append(side)
    return sides[0], sides[1]
