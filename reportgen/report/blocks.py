"""What a section of a report is made of: text, figures, tables; plain data, as in `document`, and no import of ours."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

if TYPE_CHECKING:
    import pandas
    from typing_extensions import Self  # in typing from Python 3.11 on

    from reportgen.interactive.image_view import ImageView
    from reportgen.report.document import Finding, Report

Cell = str | int | float | bool | None


class Data(BaseModel):
    """Frozen; unknown keys are errors, so that a misspelt key never vanishes silently."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# --- in a notebook -------------------------------------------------------------------------------


class Presenter(Protocol):
    """What a Python user gets of a report besides its data. It takes pages, arrays and data frames, which a document does not know."""

    def html(self, part: object, folder: Path | None) -> str:
        """A part of a report as a notebook shows it; its pictures lie in `folder`."""

    def image(self, report: Report, name: str) -> ImageView:
        """One image of a report, with its maps and masks."""

    def frame(self, part: Report | Table) -> pandas.DataFrame:
        """The images of a report, or a table."""


@dataclass(frozen=True)
class Home:
    """Where the pictures of a part lie. A temporary folder lives as long as one of its parts.

    It is no part of what is said: two figures are equal wherever their pictures lie.
    """

    folder: Path | TemporaryDirectory[str] | None = field(default=None, compare=False)

    @property
    def path(self) -> Path | None:
        return Path(self.folder.name) if isinstance(self.folder, TemporaryDirectory) else self.folder

    def __deepcopy__(self, memo: object) -> Home:
        return self


class Displayed:
    """A part of a report that a notebook shows as a page shows it. `reportgen/__init__.py` says by whom."""

    presenter: ClassVar[Callable[[], Presenter] | None] = None

    def _repr_html_(self) -> str | None:
        """Asked by a notebook for the last value of a cell; None leaves it at the plain text."""
        presenter = Displayed.presenter
        return None if presenter is None else presenter().html(self, self._home_path())

    def _home_path(self) -> Path | None:
        return None

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """What stands in its plain text: a line, for a report is far longer than a cell."""
        return self._told()

    def _told(self) -> Iterator[tuple[str | None, object]]:
        raise NotImplementedError


class Placed(Displayed, Data):
    """A part that has pictures."""

    _home: Home = PrivateAttr(default_factory=Home)

    def placed(self, home: Home) -> Self:
        """This part, its pictures in `home`."""
        part = self.model_copy()
        part._home = home
        return part

    def _home_path(self) -> Path | None:
        return self._home.path


def presented() -> Presenter:
    """Who presents reports to a Python user.

    Raises:
        RuntimeError: nobody does, because nothing was taken from `reportgen` itself.
    """
    if Displayed.presenter is None:
        raise RuntimeError("take what you need from reportgen itself (from reportgen import read_report)")
    return Displayed.presenter()


# --- blocks --------------------------------------------------------------------------------------


class Heading(Data):
    """A heading inside a section."""

    type: Literal["heading"] = "heading"
    text: str
    level: Literal[2, 3] = 2


class Text(Data):
    """One paragraph of plain text.

    `role` says what kind of sentence it is: `approach` (what was done), `observation` (what this run
    measured), `limit` (what the data do not support), `note` (how to read what follows).
    """

    type: Literal["text"] = "text"
    text: str
    role: Literal["approach", "observation", "limit", "note"] = "approach"


class Listing(Data):
    """A list of sentences, in order where `ordered`; `role` as for `Text`."""

    type: Literal["listing"] = "listing"
    items: list[str]
    ordered: bool = False
    role: Literal["approach", "observation", "limit", "note"] = "approach"


class Facts(Data):
    """Label and value pairs: settings in force, provenance."""

    type: Literal["facts"] = "facts"
    title: str = ""
    items: list[tuple[str, str]]


class Picture(Data):
    """One image file of the run folder. `label` stands under it, `alt` is read aloud.

    A picture that covers an image's input frame, pixel by pixel, is a layer: a page may lay it over the photograph.
    In a figure about one image every panel is one, under its label; elsewhere `image` and `layer` say so.
    `particular`: of many pictures alike, why this one is worth a place on paper (`lowest`).
    """

    file: str = Field(
        description="posix path relative to the run folder; empty: none was written (an image of very many)"
    )
    width: int
    height: int
    alt: str
    label: str = ""
    image: str | None = Field(default=None, description="the image that it lies over, where its figure names none")
    layer: str = Field(default="", description="what the layer is called, where that is not its label")
    particular: str = ""


class ColorBar(Data):
    """A legend: a continuous scale (`file`, `low`, `high`) or named swatches (`entries`: colour, name)."""

    title: str = ""
    file: str = ""
    low: str = ""
    high: str = ""
    entries: list[tuple[str, str]] = []


class Figure(Placed):
    """One numbered figure of one or more pictures, set in a grid of `columns`.

    `kind`: `panels` are photographs and maps side by side, `chart` is one wide drawing, `sheet` is a
    contact sheet of many small pictures. `image` names the image that the figure is about, if it is
    about one (its posix name under the input folder).

    `detail`: paper, which holds less than a screen, leaves it out and says where it stands. Of figures about an image each,
    those that say what is `particular` about theirs stand on paper, and where none does, all.
    """

    type: Literal["figure"] = "figure"
    id: str
    kind: Literal["panels", "chart", "sheet"] = "panels"
    title: str = ""
    caption: str
    pictures: list[Picture]
    columns: int = 1
    legend: ColorBar | None = None
    image: str | None = None
    detail: bool = False
    particular: str = ""

    def _told(self) -> Iterator[tuple[str | None, object]]:
        yield "id", self.id
        yield "kind", self.kind
        yield "pictures", len(self.pictures)
        if self.image is not None:
            yield "image", self.image


class Column(Data):
    """One column: `decimals` set means numbers, right-aligned on the point; `unit` goes to the header.

    A value from 0 up to `floor` is shown as `< floor`.
    `headline`: one of the few numbers that sum an image up, so that a page may set them beside its pictures.
    """

    key: str
    label: str
    unit: str = ""
    decimals: int | None = None
    percent: bool = False
    headline: bool = False
    floor: float | None = None


class AllRows(Data):
    """Where all rows of a long table of a run of many images stand; `count` of them, in `file`, at full precision."""

    file: str = Field(description="Parquet, posix path relative to the run folder")
    count: int


class Table(Placed):
    """One numbered table. Cells hold full precision; the renderer rounds, the CSV does not.

    `row_images` names, for each row, the image that the row is about (for links and filters), or None.
    `summary` rows (a mean) follow the body under a rule.
    """

    type: Literal["table"] = "table"
    id: str
    caption: str
    columns: list[Column]
    rows: list[list[Cell]]
    summary: list[list[Cell]] = []
    row_images: list[str | None] = []
    file: str = Field(default="", description="CSV, posix path relative to the run folder")
    detail: bool = Field(default=False, description="paper leaves it out, as a figure of detail")
    all_rows: AllRows | None = Field(
        default=None, description="where all rows stand, where `rows` has those alone that pages may show"
    )

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.rows) if self.all_rows is None else self.all_rows.count

    def to_pandas(self) -> pandas.DataFrame:
        """All rows at full precision, a column for each key; `summary` rows are left out, units and caption stand in `attrs`.

        Raises:
            ImportError: pandas is not installed.
        """
        return presented().frame(self)

    def _told(self) -> Iterator[tuple[str | None, object]]:
        yield "id", self.id
        yield "columns", [column.key for column in self.columns[:8]]
        yield "rows", self.count


class Notice(Data):
    """A box that a reader must not miss."""

    type: Literal["notice"] = "notice"
    level: Literal["info", "warning"] = "warning"
    title: str
    text: str


Block = Annotated[Heading | Text | Listing | Facts | Figure | Table | Notice, Field(discriminator="type")]


class Section(Placed):
    """One chapter of the report: the work of one analysis; `appendix`: evidence that other chapters rest on."""

    id: str
    title: str
    blocks: list[Block]
    appendix: bool = False

    def placed(self, home: Home) -> Self:
        blocks = [block.placed(home) if isinstance(block, Figure | Table) else block for block in self.blocks]
        part = self.model_copy(update={"blocks": blocks})
        part._home = home
        return part

    def _told(self) -> Iterator[tuple[str | None, object]]:
        yield "id", self.id
        yield "title", self.title
        yield "figures", sum(isinstance(block, Figure) for block in self.blocks)
        yield "tables", sum(isinstance(block, Table) for block in self.blocks)


# --- the whole, in a user's hands ----------------------------------------------------------------


class Browsed(Displayed):
    """What a Python user takes out of a report."""

    if TYPE_CHECKING:
        sections: list[Section]
        findings: list[Finding]

    def __getitem__(self: Report, name: str) -> ImageView:  # type: ignore[misc]
        """One image, by its name, a unique end of it (`goldfish.jpg` of `fish/goldfish.jpg`) or its unique stem.

        Raises:
            KeyError: no image is called so, or several are.
        """
        return presented().image(self, name)

    def section(self, id: str) -> Section:
        """Raises: KeyError: there is none of this id."""
        return _by_id(self.sections, id, "section")

    def figure(self, id: str) -> Figure:
        """Raises: KeyError: there is none of this id."""
        return _by_id([block for block in self._blocks() if isinstance(block, Figure)], id, "figure")

    def table(self, id: str) -> Table:
        """Raises: KeyError: there is none of this id."""
        return _by_id([block for block in self._blocks() if isinstance(block, Table)], id, "table")

    def finding(self, id: str) -> Finding:
        """Raises: KeyError: there is none of this id."""
        return _by_id(self.findings, id, "finding")

    def to_pandas(self: Report) -> pandas.DataFrame:  # type: ignore[misc]
        """A row for each image, by name: whatever report.json says of it that is no list, under dotted keys (`cams.gradcam.gini`).

        Raises:
            ImportError: pandas is not installed.
        """
        return presented().frame(self)

    def _blocks(self) -> Iterator[Block]:
        return (block for section in self.sections for block in section.blocks)


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


_P = TypeVar("_P", bound=_HasId)


def _by_id(parts: Sequence[_P], id: str, kind: str) -> _P:
    for part in parts:
        if part.id == id:
            return part
    raise KeyError(not_found(f"no {kind}", id, [part.id for part in parts]))


def not_found(what: str, asked: str, known: Sequence[str]) -> str:
    """One line on a name that nothing has: the nearest one that something has, or the first few."""
    near = difflib.get_close_matches(asked, known, n=1, cutoff=0.5)
    listed = ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")
    hint = f"did you mean {near[0]!r}?" if near else f"there is {listed}" if known else "there is none"
    return f"{what} is called {asked!r}; {hint}"
