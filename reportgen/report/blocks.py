"""What a section of a report is made of: text, figures, tables; plain data, as in `document`, and no import of ours."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Cell = str | int | float | bool | None


class Data(BaseModel):
    """Frozen; unknown keys are errors, so that a misspelt key never vanishes silently."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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

    file: str = Field(description="posix path relative to the run folder")
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


class Figure(Data):
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


class Table(Data):
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


class Notice(Data):
    """A box that a reader must not miss."""

    type: Literal["notice"] = "notice"
    level: Literal["info", "warning"] = "warning"
    title: str
    text: str


Block = Annotated[Heading | Text | Listing | Facts | Figure | Table | Notice, Field(discriminator="type")]


class Section(Data):
    """One chapter of the report: the work of one analysis; `appendix`: evidence that other chapters rest on."""

    id: str
    title: str
    blocks: list[Block]
    appendix: bool = False
