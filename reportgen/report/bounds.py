"""How much a page can bear, and what of a run of many images report.json keeps for it. A page says what it leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from reportgen.report.blocks import AllRows, Table
from reportgen.report.document import Warning_
from reportgen.report.provenance import WarningCount

# By medium: rows of one table, and cards of images without figures.
ROWS = {"pdf": 60, "html": 1000, "manuscript": 60}
CARDS = {"pdf": 1000, "html": 2000, "manuscript": 1000}
# Warnings of one kind that are written out, and images that one of them names.
NOTES, NAMES = 12, 24


@dataclass(frozen=True)
class KeptRows:
    """Which rows of a table the report keeps: every one that a page may show.

    Attributes:
        limit: a table of no more rows is kept whole.
        shown: names of the images with figures; carded: of those without that have a card.
    """

    limit: int
    shown: frozenset[str]
    carded: frozenset[str]

    def cut(self, table: Table, file: str) -> Table:
        """The table with those rows, in their order: of images with figures or a card, the first and the last.

        Args:
            file: that holds all rows.
        """
        count, about = len(table.rows), table.row_images
        named = about if len(about) == count else [None] * count
        figures = sum(name in self.shown for name in named)
        # A page shows the ends where it cannot show the rows of images with figures.
        most = (
            min(ROWS.values())
            if 0 < figures <= min(ROWS.values()) and count > max(ROWS.values())
            else max(ROWS.values())
        )
        half = -(-most // 2)
        kept = [
            i
            for i, name in enumerate(named)
            if i < half
            or i >= count - half
            or name in self.carded
            or (name in self.shown and figures <= max(ROWS.values()))
        ]
        return table.model_copy(
            update={
                "rows": [table.rows[i] for i in kept],
                "row_images": [about[i] for i in kept] if about else [],
                "all_rows": AllRows(file=file, count=count),
            }
        )


def carded(names: Sequence[str], shown: Iterable[str]) -> list[str]:
    """The images without figures that may have a card, in the run's order."""
    apart = set(shown)
    return list(islice((name for name in names if name not in apart), max(CARDS.values())))


def bounded(warnings: Iterable[Warning_]) -> tuple[list[Warning_], list[WarningCount]]:
    """The warnings that pages write out, in their order, and how many there are of each kind that has more.

    What is said of the whole run stays; of each kind that is said of images stay the first sentences, each on its first images.
    """
    said: dict[str, dict[str, int]] = {}
    first: dict[str, set[str]] = {}
    kept = []
    for warning in warnings:
        sentences, named = said.setdefault(warning.code, {}), first.setdefault(warning.code, set())
        sentences[warning.text] = sentences.get(warning.text, 0) + 1
        if len(named) < NOTES:
            named.add(warning.text)
        if warning.image is None or (warning.text in named and sentences[warning.text] <= NAMES):
            kept.append(warning)
    left = {code: dict(of) for code, of in said.items()}
    for warning in kept:
        left[warning.code][warning.text] -= 1
    counts = []
    for code, sentences in said.items():
        if any(left[code].values()):
            more = {text: left[code][text] for text in sentences if text in first[code] and left[code][text]}
            counts.append(WarningCount(code=code, count=sum(sentences.values()), sentences=len(sentences), more=more))
    return kept, counts
