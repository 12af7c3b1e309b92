"""What a manuscript is made of. Every text here is plain: no markup of any format, no character that hides or turns another.

A `Span` is text with one style; `to` is the anchor that it links to. Anchors are slugs (`figure-agreement-iou`), unique in one
manuscript; a format derives its bookmarks, labels and ids from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from reportgen.rendering.plain import Plain

Style = Literal["", "strong", "code", "quiet"]
Role = Literal["", "approach", "observation", "limit", "note", "aside"]


@dataclass(frozen=True)
class Span:
    """A piece of text; `numbered`: it names what it links to by its number (`Figure 3`)."""

    text: str
    style: Style = ""
    to: str = ""
    numbered: bool = False


Inline: TypeAlias = tuple[Span, ...]


@dataclass(frozen=True)
class Heading:
    """Level 1 is a chapter; `number` is empty where it has none; `english`: the text is data, and not of the page's language."""

    level: int
    text: str
    anchor: str
    number: str = ""
    english: bool = True


@dataclass(frozen=True)
class Paragraph:
    """`lead` stands before it in the page's language: `What this does not show`."""

    spans: Inline
    role: Role = ""
    lead: str = ""
    english: bool = True


@dataclass(frozen=True)
class Bullets:
    """A list, in order where `ordered`; `lead` as for a paragraph, before the first of them."""

    items: tuple[Inline, ...]
    ordered: bool = False
    role: Role = ""
    lead: str = ""
    english: bool = True


@dataclass(frozen=True)
class Facts:
    """Pairs of a label and a value, without a number."""

    title: str
    rows: tuple[tuple[Inline, Inline], ...]


@dataclass(frozen=True)
class Notice:
    """A box that a reader must not miss."""

    title: str
    spans: Inline
    warning: bool = True
    english: bool = True


@dataclass(frozen=True)
class Panel:
    """One picture of the run folder, its size in CSS pixels, and the lines that stand under it."""

    file: str
    width: int
    height: int
    alt: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Legend:
    """A colour scale (`scale`, from `low` to `high`), named swatches (`#rrggbb` or nothing, name), or both."""

    title: str = ""
    scale: Panel | None = None
    low: str = ""
    high: str = ""
    entries: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Figure:
    """Pictures in a grid of `columns`. `label` (`Figure 3`) is empty for a sheet, which has neither number nor caption."""

    anchor: str
    label: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    columns: int
    wide: bool
    legend: Legend | None = None

    @property
    def grid(self) -> tuple[tuple[Panel, ...], ...]:
        """The pictures row by row; the last row may be short."""
        starts = range(0, len(self.panels), self.columns)
        return tuple(self.panels[start : start + self.columns] for start in starts)


@dataclass(frozen=True)
class Column:
    head: str
    numeric: bool


@dataclass(frozen=True)
class Table:
    """`note` says in the page's language which rows stand, where not all do; `summary` rows follow under a rule."""

    anchor: str
    label: str
    caption: str
    note: Inline
    columns: tuple[Column, ...]
    rows: tuple[tuple[Span, ...], ...]
    summary: tuple[tuple[Span, ...], ...] = ()


@dataclass(frozen=True)
class Finding:
    """A claim with its verdict; `verdict` is the stable word, `word` what the page calls it."""

    anchor: str
    verdict: str
    word: str
    name: str
    claim: str
    text: str
    note: str = ""
    evidence: tuple[Inline, ...] = ()


@dataclass(frozen=True)
class Work:
    """One entry of the bibliography; `key` is unique and made of letters, digits and hyphens."""

    key: str
    number: int
    anchor: str
    text: str
    record: Plain = field(hash=False)


@dataclass(frozen=True)
class Works:
    """The bibliography, where it stands."""

    works: tuple[Work, ...]


@dataclass(frozen=True)
class Cites:
    """Where the methods of the chapter above come from."""

    lead: str
    works: tuple[Work, ...]


Part: TypeAlias = Heading | Paragraph | Bullets | Facts | Notice | Figure | Table | Finding | Works | Cites


@dataclass(frozen=True)
class Cover:
    """What stands before the first chapter."""

    title: str
    lead: str
    authors: tuple[str, ...]
    lines: tuple[str, ...]
    made: str
    counts: tuple[str, ...]
    language_note: str
    logo: Panel | None
    explained: Facts


@dataclass(frozen=True)
class Manuscript:
    """The whole report. `body` are the chapters that answer, `appendix` those to look up; `contents` names both.

    `words` is the catalogue of the page's language; `accent` `#rrggbb` or nothing;
    `created` the time of the run, as ISO 8601.
    """

    cover: Cover
    body: tuple[Part, ...]
    appendix: tuple[Part, ...]
    works: tuple[Work, ...]
    language: str
    words: Plain
    paper: str
    accent: str
    created: str
    version: str

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.body + self.appendix

    @property
    def anchors(self) -> frozenset[str]:
        """What can be linked to."""
        works = {work.anchor for part in self.parts if isinstance(part, Works) for work in part.works}
        anchored = (part for part in self.parts if isinstance(part, Heading | Figure | Table | Finding))
        return frozenset({part.anchor for part in anchored if part.anchor} | works)

    @property
    def pictures(self) -> tuple[Panel, ...]:
        """Every picture that it shows, in order, each file once."""
        panels = [self.cover.logo] if self.cover.logo else []
        for part in self.parts:
            if isinstance(part, Figure):
                panels += part.panels
                if part.legend and part.legend.scale:
                    panels.append(part.legend.scale)
        return tuple({panel.file: panel for panel in panels}.values())
