"""The chapters of a page: numbered, with anchors, in reading order, and what of each of them stands on paper.

A screen holds everything. Paper holds what a reader of paper looks at: details give way (`Figure.detail`), and where every image
has a strip of its own, of figures about single images only those that say what is particular about theirs. What gives way keeps
its number, and the chapter says where it stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from reportgen.rendering.filters import slug
from reportgen.rendering.layers import layered, model_of, seen_by
from reportgen.rendering.plain import Plain

ROLES = ("text", "listing")
WIDE = ("figure", "table")
# Text of fewer characters than so many stays in one column: two of a line or two are harder to read.
COLUMN_CHARACTERS = 420
# Of a row that is cut to its particular pictures, none is shown larger than this many in a row would be.
FEWEST_COLUMNS = 4


class Anchors:
    """Anchors that are unique in one page, whatever ids and titles an analysis chose."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    def new(self, kind: str, name: str) -> str:
        while True:  # no recursion: titles may name one another's anchors, each the next one's
            anchor = f"{kind}-{slug(name)}"
            self._taken[anchor] += 1
            repeat = self._taken[anchor]
            if repeat == 1:
                return anchor
            name = f"{name}-{repeat}"


def in_reading_order(sections: Sequence[Plain]) -> list[Plain]:
    """The chapters, then the appendices."""
    return sorted(sections, key=lambda section: bool(section["appendix"]))


def numbered_sections(sections: Sequence[Plain], anchors: Anchors, images: dict[str, Plain]) -> list[Plain]:
    """Sections and their blocks with numbers, anchors and places; see `page_context`. `images`: by name, with their anchors."""
    counts: Counter[str] = Counter()
    numbered = []
    for number, section in enumerate(sections, start=1):
        anchor = anchors.new("section", section["id"])
        seen = seen_by(model_of(section["id"], list(images.values())), images)
        blocks = [_placed(block, section["id"], counts, anchors, images, seen) for block in section["blocks"]]
        numbered.append({**section, "number": number, "anchor": anchor, "blocks": _opening(blocks)})
    return numbered


def _placed(
    block: Plain, section: str, counts: Counter[str], anchors: Anchors, images: dict[str, Plain], seen: dict[str, Plain]
) -> Plain:
    """A block that knows its number and anchor; figures also what their pictures lie over, tables what their rows are about."""
    if block["type"] == "heading":
        return {**block, "anchor": anchors.new(slug(section), block["text"])}
    if block["type"] not in WIDE:
        return block
    counts[block["type"]] += 1
    place: Plain = {"number": counts[block["type"]], "anchor": anchors.new(block["type"], block["id"])}
    if block["type"] == "table":
        place["row_anchors"] = _row_anchors(block, images)
    else:
        place["pictures"] = [layered(picture, block, seen) for picture in block["pictures"]]
    return {**block, **place}


def _row_anchors(table: Plain, images: dict[str, Plain]) -> list[str]:
    """For each row the anchor of the image that it is about; empty where there is none."""
    names = table["row_images"] or [None] * len(table["rows"])
    return [images[name]["anchor"] if name in images else "" for name in names]


def _opening(blocks: Sequence[Plain]) -> list[Plain]:
    """Texts and listings know whether they are the first of a run with the same role."""
    role, told = None, []
    for block in blocks:
        if block["type"] in ROLES:
            told.append({**block, "opens": block["role"] != role})
            role = block["role"]
        else:
            told.append(block)
            role = None
    return told


# --- what stands -----------------------------------------------------------------------------------


def on_page(sections: Sequence[Plain], *, paper: bool, stripped: set[str]) -> list[Plain]:
    """Sections whose blocks know whether they stand on the page, with their `groups`, and what of them stands `elsewhere`.

    Args:
        stripped: names of the images that have a strip on this page.
    """
    return [_on_page(section, stripped if paper else None) for section in sections]


def _on_page(section: Plain, stripped: set[str] | None) -> Plain:
    chosen = any(block["particular"] for block in section["blocks"] if block["type"] == "figure")
    blocks = [
        {**block, "stands": True} if stripped is None else _on_paper(block, stripped, chosen)
        for block in section["blocks"]
    ]
    blocks = _without_lone_headings(blocks)
    return {**section, "blocks": blocks, "groups": groups(blocks), "elsewhere": elsewhere(blocks)}


def _without_lone_headings(blocks: Sequence[Plain]) -> list[Plain]:
    """Headings under which all that there was has given way do not stand. What the data do not show is under none: it is said of
    the chapter."""
    told, followed, gone = [], False, False
    for block in reversed(blocks):
        if block["type"] == "heading":
            told.append({**block, "stands": followed or not gone})
            followed, gone = block["level"] > 2 and followed, block["level"] > 2 and gone
        else:
            told.append(block)
            followed = followed or (block["stands"] and block.get("role") != "limit")
            gone = gone or not block["stands"]
    return told[::-1]


def _on_paper(block: Plain, stripped: set[str], chosen: bool) -> Plain:
    if block["type"] not in WIDE:
        return {**block, "stands": True}
    if block["detail"]:
        return {**block, "stands": False}
    if block["type"] == "table":
        return {**block, "stands": True}
    if block["image"] in stripped and chosen:
        return {**block, "stands": bool(block["particular"])}
    particular = [picture for picture in block["pictures"] if picture["particular"]]
    if particular and all(picture["image"] in stripped for picture in block["pictures"]):
        return {**block, "stands": True, "pictures": particular, "columns": max(len(particular), FEWEST_COLUMNS)}
    return {**block, "stands": True}


def elsewhere(blocks: Iterable[Plain]) -> list[Plain]:
    """The figures and tables that give way, with their numbers (of several in a row `17–22`), and of a table the file that has it."""
    runs: list[list[Plain]] = []
    for block in blocks:
        if block["type"] not in WIDE or block["stands"]:
            continue
        last = runs[-1][-1] if runs else None
        follows = last is not None and (last["type"], last["number"] + 1) == (block["type"], block["number"])
        if (
            follows
            and last is not None
            and block["type"] == "figure"
            and not last.get("file")
            and not block.get("file")
        ):
            runs[-1].append(block)
        else:
            runs.append([block])
    return [
        {"type": run[0]["type"], "number": _numbers(run), "several": len(run) > 1, "file": run[0].get("file", "")}
        for run in runs
    ]


def _numbers(run: Sequence[Plain]) -> int | str:
    first, last = run[0]["number"], run[-1]["number"]
    return first if first == last else f"{first}–{last}"


# --- columns ---------------------------------------------------------------------------------------


def groups(blocks: Sequence[Plain]) -> list[Plain]:
    """What stands, cut into headings, text that runs in columns, and what takes the page's width, in order.

    Each has `kind` ("heading", "text", "wide"), `blocks`, `long` (whether its text fills two columns) and `method`
    (text on what was done, which is read last and set small).
    """
    found: list[Plain] = []
    for kind, of_kind in groupby((block for block in blocks if block["stands"]), _kind):
        if kind == "text":
            found += _texts(list(of_kind))
        else:
            found += [{"kind": kind, "blocks": [block], "long": False, "method": False} for block in of_kind]
    return found


def _kind(block: Plain) -> str:
    if block["type"] == "heading" and block["level"] == 2:
        return "heading"
    return "wide" if block["type"] in WIDE else "text"


def _texts(blocks: list[Plain]) -> Iterator[Plain]:
    for method, of_one in groupby(blocks, _is_method):
        run = list(of_one)
        yield {"kind": "text", "blocks": run, "long": sum(map(_length, run)) > COLUMN_CHARACTERS, "method": method}


def _is_method(block: Plain) -> bool:
    return block["type"] == "facts" or (block["type"] in ROLES and block["role"] == "approach")


def _length(block: Plain) -> int:
    """Characters of a block's text, each line of a list or of facts counted as a line at least."""
    if block["type"] == "facts":
        return sum(max(55, len(label) + len(value)) for label, value in block["items"])
    if block["type"] == "listing":
        return sum(max(55, len(item)) for item in block["items"])
    return len(block["text"])
