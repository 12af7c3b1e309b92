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

from reportgen.report.blocks import Block, Section, Table
from reportgen.report.document import ImageRecord, Report
from reportgen.report.every_image import EveryImage, whole_table
from reportgen.report.manifest import FURTHER_MODELS
from reportgen.utils.errors import UsageError
from reportgen.utils.json_types import JSON

# Lists of records are matched by the first of these keys that every record has: a new one shifts no other.
_NAMES = ("name", "id", "model", "code", "key")
_SHORT = 60
# Folders of the run folder in which files of one image lie.
OF_AN_IMAGE = ("maps", "masks", "figures", FURTHER_MODELS)


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

    Raises:
        UsageError: the images of one stand in a file that is not here, or cannot be read.
    """
    old, new = (report.model_dump(mode="json", exclude={"images", "records", "sections"}) for report in (a, b))
    with EveryImage(a) as before, EveryImage(b) as after:
        found = Differences(images=list(_image_sets(before, after)))
        places = {name: position for position, name in enumerate(after.names)}
        for position, name in enumerate(before.names):
            if name in places:
                numbers = _numbers_of(before.at(position)), _numbers_of(after.at(places[name]))
                found.numbers.extend(_walk(*numbers, f"{name}: ", tolerance))
        if a.records or b.records:  # of which report.json has the first alone, and the file has them in another order
            old["warnings"], new["warnings"] = (_sorted_warnings(every) for every in (before, after))
    if bool(a.records) != bool(b.records):  # what lies where follows from `document.records`
        found.notes.extend(_walk(old.pop("files"), new.pop("files"), "files", tolerance))
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
    found.other.extend(_sections(a, b, tolerance))
    return found


def _image_sets(before: EveryImage, after: EveryImage) -> Iterator[str]:
    a, b = (dict(zip(every.names, every.hashes, strict=True)) for every in (before, after))
    gone = {name: sha256 for name, sha256 in a.items() if name not in b}
    by_hash: dict[str, list[str]] = {}
    for name, sha256 in reversed(gone.items()):
        by_hash.setdefault(sha256, []).append(name)
    for name, sha256 in b.items():
        if name not in a:
            if by_hash.get(sha256):
                former = by_hash[sha256].pop()
                del gone[former]
                yield f"{former}: now called {name}"
            else:
                yield f"{name}: new image"
    yield from (f"{name}: vanished" for name in gone)
    yield from (f"{name}: other bytes" for name, sha256 in a.items() if name in b and b[name] != sha256)


def _sorted_warnings(every: EveryImage) -> list[JSON]:
    return [w.model_dump(mode="json") for w in sorted(every.warnings(), key=lambda w: (w.code, w.image or "", w.text))]


def _numbers_of(image: ImageRecord) -> JSON:
    """What a run found on an image; its hash is told elsewhere, and where its files lie, if they were written, was not found on it."""
    found = _without_files(image.model_dump(mode="json", exclude={"name", "slug", "sha256"}))
    assert isinstance(found, Mapping)
    models = found.get("models")
    of_models = {"models": {key: _own(of) for key, of in models.items()}} if isinstance(models, Mapping) else {}
    return {**_own(found), **of_models}


def _own(record: JSON) -> dict[str, JSON]:
    """What stands in a record of an image, without where its picture and its results lie."""
    return {k: v for k, v in record.items() if k not in ("picture", "results")} if isinstance(record, Mapping) else {}


def _without_files(value: JSON) -> JSON:
    if isinstance(value, Mapping):
        return {key: _without_files(item) for key, item in value.items() if not _is_file(item)}
    return value


def _is_file(value: JSON) -> bool:
    return isinstance(value, str) and value.startswith(tuple(f"{folder}/" for folder in OF_AN_IMAGE))


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


def _sections(a: Report, b: Report, tolerance: float) -> Iterator[Difference]:
    """Sections by id; of a table, a figure or a text that differs one line, for most of it stands above as a number."""
    before, after = ({section.id: section for section in report.sections} for report in (a, b))
    for name in dict.fromkeys([*before, *after]):
        if name not in before or name not in after:
            yield Difference(f"section {name}", *("present" if name in side else None for side in (before, after)))
            continue
        blocks_a, blocks_b = _blocks(before[name]), _blocks(after[name])
        for block in dict.fromkeys([*blocks_a, *blocks_b]):
            changes = list(_walk(*_data(blocks_a.get(block), a, blocks_b.get(block), b), "", tolerance))
            if changes:
                first, more = changes[0], len(changes) - 1
                place = f"section {name}, {block}" + (f", {more + 1} places, the first" if more else "")
                yield Difference(place, first.a, first.b)


def _blocks(section: Section) -> dict[str, Block]:
    """Blocks by id, or by type and place among their type."""
    named: dict[str, Block] = {}
    seen: Counter[str] = Counter()
    for block in section.blocks:
        seen[block.type] += 1
        named[f"{block.type} {getattr(block, 'id', None) or seen[block.type]}"] = block
    return named


def _data(x: Block | None, a: Report, y: Block | None, b: Report) -> tuple[JSON, JSON]:
    """Two blocks as plain data; tables with all of their rows, without any where the rows of one are not here."""
    apart: set[str] = set()
    if isinstance(x, Table) and isinstance(y, Table) and (x.all_rows or y.all_rows):
        apart = {"row_images", "all_rows"}
        try:
            x, y = whole_table(a.folder, x), whole_table(b.folder, y)
        except UsageError:  # a PDF carries no tables
            apart |= {"rows"}
    old, new = (None if block is None else block.model_dump(mode="json", exclude=apart) for block in (x, y))
    return old, new


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
