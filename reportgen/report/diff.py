"""What differs between two runs, as data: images, verdicts, gates, numbers; then what stands around them.

Two runs are the same when what they report is: numbers within a tolerance, texts, verdicts, images. When they were made,
by which versions and with which settings is told as a note, for it explains a difference and is none.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from reportgen.report.blocks import Section
from reportgen.report.document import ImageRecord, Report
from reportgen.utils.json_types import JSON

# Lists of records are matched by the first of these keys that every record has: a new one shifts no other.
_NAMES = ("name", "id", "model", "code", "key")
_SHORT = 60


@dataclass(frozen=True)
class Difference:
    """One thing that differs: where, and what stands there in each run (None: nothing)."""

    place: str
    a: JSON
    b: JSON

    def __str__(self) -> str:
        change = f"{_shown(self.a)} -> {_shown(self.b)}"
        if _is_number(self.a) and _is_number(self.b):
            change += f" ({self.b - self.a:+.3g})"
        return f"{self.place}: {change}"


@dataclass(frozen=True)
class Differences:
    """All that differs.

    Attributes:
        images: new, vanished and changed images, a sentence each.
        verdicts: findings and gates that were judged differently.
        numbers: of the images that both have, and of the report.
        other: tables, texts, the summary, which images are shown, warnings, files skipped or left alone.
        notes: settings, versions, models: no difference by themselves.
    """

    images: list[str] = field(default_factory=list)
    verdicts: list[Difference] = field(default_factory=list)
    numbers: list[Difference] = field(default_factory=list)
    other: list[Difference] = field(default_factory=list)
    notes: list[Difference] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many differences there are; notes are none."""
        return len(self.images) + len(self.verdicts) + len(self.numbers) + len(self.other)

    @property
    def same(self) -> bool:
        return self.count == 0


def compare(a: Report, b: Report, tolerance: float = 1e-6) -> Differences:
    """What differs between two reports.

    Args:
        tolerance: two numbers are equal when they differ by no more than this, or by no more than this share of the larger.
    """
    old, new = (report.model_dump(mode="json", exclude={"images", "sections"}) for report in (a, b))
    images_a, images_b = ({image.name: image for image in report.images} for report in (a, b))
    found = Differences(images=list(_image_sets(images_a, images_b)))
    for name in [name for name in images_a if name in images_b]:
        found.numbers.extend(_walk(_numbers_of(images_a[name]), _numbers_of(images_b[name]), f"{name}: ", tolerance))
    for group in ("findings", "gates"):
        for difference in _walk(old.pop(group), new.pop(group), f"{group}.", tolerance):
            judged = difference.place.endswith((".verdict", ".passed")) or difference.a is None or difference.b is None
            (found.verdicts if judged else found.numbers).append(difference)
    for group in ("settings", "provenance", "rules", "schema_version"):
        notes = _walk(old.pop(group), new.pop(group), f"{group}.", 0.0)
        found.notes.extend(note for note in notes if note.place != "provenance.created")
    for group in (
        "title",
        "document",
        "summary",
        "shown",
        "skipped",
        "left_alone",
        "warnings",
        "glossary",
        "references",
        "files",
    ):
        found.other.extend(_walk(old.pop(group, None), new.pop(group, None), group, tolerance))
    found.numbers.extend(_walk(old, new, "", tolerance))  # what analyses added to the report
    found.other.extend(_sections(a.sections, b.sections, tolerance))
    return found


def _image_sets(a: Mapping[str, ImageRecord], b: Mapping[str, ImageRecord]) -> Iterator[str]:
    gone = {name: image.sha256 for name, image in a.items() if name not in b}
    for name, image in b.items():
        if name not in a:
            before = next((old for old, sha256 in gone.items() if sha256 == image.sha256), None)
            if before is None:
                yield f"{name}: new image"
            else:
                del gone[before]
                yield f"{before}: now called {name}"
    yield from (f"{name}: vanished" for name in gone)
    yield from (f"{name}: other bytes" for name, image in a.items() if name in b and b[name].sha256 != image.sha256)


def _numbers_of(image: ImageRecord) -> JSON:
    """What a run found on an image; where its files lie and its hash are told elsewhere."""
    return image.model_dump(mode="json", exclude={"name", "slug", "sha256", "picture"})


def _walk(a: JSON, b: JSON, place: str, tolerance: float) -> Iterator[Difference]:
    """Every leaf that differs, in the order of `a`, then what only `b` has."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        joint = place if not place or place.endswith((".", ": ")) else f"{place}."
        for key in [*a, *(key for key in b if key not in a)]:
            yield from _walk(a.get(key), b.get(key), f"{joint}{key}", tolerance)
    elif isinstance(a, list) and isinstance(b, list):
        yield from _walk_lists(a, b, place.removesuffix("."), tolerance)
    elif not _equal(a, b, tolerance):
        yield Difference(place, a, b)


def _walk_lists(a: Sequence[JSON], b: Sequence[JSON], place: str, tolerance: float) -> Iterator[Difference]:
    """By name, where every item has one of its own, else by position."""
    named_a, named_b = (_by_name(items, _naming_key([*a, *b]), place) for items in (a, b))
    if len(named_a) == len(a) and len(named_b) == len(b):
        for name in dict.fromkeys([*named_a, *named_b]):
            yield from _walk(named_a.get(name), named_b.get(name), name, tolerance)
    elif len(a) != len(b):
        yield Difference(place, list(a), list(b))
    else:
        for position, (x, y) in enumerate(zip(a, b, strict=True)):
            yield from _walk(x, y, f"{place}[{position}]", tolerance)


def _naming_key(items: Sequence[JSON]) -> str | None:
    """The first of the keys that may name a record and that every item has."""
    for key in _NAMES:
        if all(isinstance(item, Mapping) and isinstance(item.get(key), str | int) for item in items):
            return key
    return None


def _by_name(items: Sequence[JSON], key: str | None, place: str) -> dict[str, JSON]:
    """Records by their place; fewer than there are items where some have no name, or the same."""
    return {f"{place}[{item[key]}]": item for item in items if key is not None and isinstance(item, Mapping)}


def _sections(a: Sequence[Section], b: Sequence[Section], tolerance: float) -> Iterator[Difference]:
    """Sections by id; of a table, a figure or a text that differs one line, for most of it stands above as a number."""
    before, after = ({section.id: section for section in sections} for sections in (a, b))
    for name in dict.fromkeys([*before, *after]):
        if name not in before or name not in after:
            yield Difference(f"section {name}", *("present" if name in side else None for side in (before, after)))
            continue
        blocks_a, blocks_b = _blocks(before[name]), _blocks(after[name])
        for block in dict.fromkeys([*blocks_a, *blocks_b]):
            changes = list(_walk(blocks_a.get(block), blocks_b.get(block), "", tolerance))
            if changes:
                first, more = changes[0], len(changes) - 1
                place = f"section {name}, {block}" + (f", {more + 1} places, the first" if more else "")
                yield Difference(place, first.a, first.b)


def _blocks(section: Section) -> dict[str, JSON]:
    """Blocks by id, or by type and place among their type."""
    named: dict[str, JSON] = {}
    seen: Counter[str] = Counter()
    for block in section.blocks:
        seen[block.type] += 1
        named[f"{block.type} {getattr(block, 'id', None) or seen[block.type]}"] = block.model_dump(mode="json")
    return named


def _equal(a: JSON, b: JSON, tolerance: float) -> bool:
    if _is_number(a) and _is_number(b):
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
    return type(a) is type(b) and a == b


def _is_number(value: JSON) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: JSON) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, float):
        return f"{value:.8g}"
    text = " ".join(str(value).split())
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"
