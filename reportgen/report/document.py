"""What a report says, as data: the only thing a renderer sees.

Everything here is plain data that survives `model_dump(mode="json")` and back. This module imports
nothing of ours and knows no explanation method: an analysis adds its own numbers to an image, or to the
report, under its own name (`extra="allow"`). Values of JSON are `Any` here: pydantic would have to check a recursive type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr

Verdict = Literal["supported", "contradicted", "undecided", "not measured"]
Paper = Literal["A4", "Letter"]
DEFAULT_TITLE = "Explainability report"
# What a page holds besides sections. Warnings and skipped files are not among them: they always stand.
PAGE_PARTS = ("findings", "images", "rules", "glossary", "references", "settings", "provenance", "files")
Cell = str | int | float | bool | None


def _hex_color(color: str) -> str:
    if not re.fullmatch(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})", color):
        raise ValueError("use a CSS hex colour of three or six digits (for example #0b5a8c)")
    digits = color[1:].lower()
    return "#" + (digits if len(digits) == 6 else "".join(2 * digit for digit in digits))


HexColor = Annotated[str, AfterValidator(_hex_color)]


class _Data(BaseModel):
    """Frozen; unknown keys are errors, so that a misspelt key never vanishes silently."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# --- blocks: what a section is made of -----------------------------------------------------------


class Heading(_Data):
    """A heading inside a section."""

    type: Literal["heading"] = "heading"
    text: str
    level: Literal[2, 3] = 2


class Text(_Data):
    """One paragraph of plain text.

    `role` says what kind of sentence it is: `approach` (what was done), `observation` (what this run
    measured), `limit` (what the data do not support), `note` (how to read what follows).
    """

    type: Literal["text"] = "text"
    text: str
    role: Literal["approach", "observation", "limit", "note"] = "approach"


class Listing(_Data):
    """A list of sentences, in order where `ordered`; `role` as for `Text`."""

    type: Literal["listing"] = "listing"
    items: list[str]
    ordered: bool = False
    role: Literal["approach", "observation", "limit", "note"] = "approach"


class Facts(_Data):
    """Label and value pairs: settings in force, provenance."""

    type: Literal["facts"] = "facts"
    title: str = ""
    items: list[tuple[str, str]]


class Picture(_Data):
    """One image file of the run folder. `label` stands under it, `alt` is read aloud.

    A picture that covers an image's input frame, pixel by pixel, is a layer: a page may lay it over the photograph.
    In a figure about one image every panel is one, under its label; elsewhere `image` and `layer` say so.
    """

    file: str = Field(description="posix path relative to the run folder")
    width: int
    height: int
    alt: str
    label: str = ""
    image: str | None = Field(default=None, description="the image that it lies over, where its figure names none")
    layer: str = Field(default="", description="what the layer is called, where that is not its label")


class ColorBar(_Data):
    """A legend: a continuous scale (`file`, `low`, `high`) or named swatches (`entries`: colour, name)."""

    title: str = ""
    file: str = ""
    low: str = ""
    high: str = ""
    entries: list[tuple[str, str]] = []


class Figure(_Data):
    """One numbered figure of one or more pictures, set in a grid of `columns`.

    `kind`: `panels` are photographs and maps side by side, `chart` is one wide drawing, `sheet` is a
    contact sheet of many small pictures. `image` names the image that the figure is about, if it is
    about one (its posix name under the input folder).
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


class Column(_Data):
    """One column: `decimals` set means numbers, right-aligned on the point; `unit` goes to the header.

    `headline`: one of the few numbers that sum an image up, so that a page may set them beside its pictures.
    """

    key: str
    label: str
    unit: str = ""
    decimals: int | None = None
    percent: bool = False
    headline: bool = False


class Table(_Data):
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


class Notice(_Data):
    """A box that a reader must not miss."""

    type: Literal["notice"] = "notice"
    level: Literal["info", "warning"] = "warning"
    title: str
    text: str


Block = Annotated[Heading | Text | Listing | Facts | Figure | Table | Notice, Field(discriminator="type")]


class Section(_Data):
    """One chapter of the report: the work of one analysis."""

    id: str
    title: str
    blocks: list[Block]


# --- findings, warnings --------------------------------------------------------------------------


class Evidence(_Data):
    """One number behind a finding. `source` is the id of the table or figure it stands in."""

    name: str
    value: Cell
    unit: str | None = None
    n: int | None = None
    ci: tuple[float, float] | None = None
    p: float | None = None
    source: str | None = None


class Finding(_Data):
    """A claim, its verdict on this run's data, and the sentence made from the evidence."""

    id: str
    section: str
    claim: str
    verdict: Verdict
    text: str
    evidence: list[Evidence] = []


class Summary(_Data):
    """The first page: what a reader takes away who reads no further.

    Attributes:
        images: one sentence on what was explained and how often the model was right, the wrong images named.
        findings: ids of the findings that were decided and matter most, contradicted claims first.
        rest: one sentence on the claims that stand elsewhere in the report; empty where there is none.
    """

    images: str
    findings: list[str] = []
    rest: str = ""


class Warning_(_Data):
    """Something that a reader must know before trusting a number. `code` is stable, `text` is one sentence."""

    code: str
    text: str
    image: str | None = None


class Gate(_Data):
    """A threshold of the settings, and whether this run's value passed it; `value` None: it could not be measured."""

    name: str
    measure: str
    bound: Literal["at least", "at most"]
    limit: float
    value: float | None
    passed: bool


class Skipped(_Data):
    """A file of the input folder that could not be read, and why."""

    name: str
    reason: str


# --- words, works, files ---


class Term(_Data):
    """A word of the field and what it means, in one sentence."""

    term: str
    text: str


class Reference(_Data):
    """A work that a method comes from. Names are `Last, F.`; `cited_in` holds ids of sections, `models` for classifiers."""

    key: str
    kind: Literal["article", "inproceedings", "incollection"]
    authors: list[str] = Field(min_length=1)
    title: str
    venue: str
    year: int
    volume: str = ""
    number: str = ""
    pages: str = ""
    doi: str = ""
    arxiv: str = ""
    cited_in: list[str] = []


class FileNote(_Data):
    """What lies where in the run folder; `count` files under `path`, a folder where it ends with a slash."""

    path: str
    count: int
    text: str


# --- images --------------------------------------------------------------------------------------


class Label(_Data):
    """The true class, and where it was read from (`file name`, `labels.csv`)."""

    index: int
    name: str
    source: str


class ClassProbability(_Data):
    index: int
    name: str
    probability: float


class Prediction(_Data):
    """The model's top-1 class; `top5` holds the five likeliest, likeliest first. Probabilities are softmax."""

    index: int
    name: str
    probability: float
    logit: float
    top5: list[ClassProbability]


class Target(_Data):
    """The class that every method explains on this image."""

    index: int
    name: str


class ImageRecord(BaseModel):
    """One image of the run. Each analysis adds its own numbers under its own name."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(description="posix path under the input folder")
    slug: str = Field(description="its folder in maps/ and masks/; unique in the run, safe on any file system")
    sha256: str
    width: int
    height: int
    picture: Picture = Field(description="what the model saw: the input frame; reduced where the image has no figures")
    label: Label | None
    prediction: Prediction
    target: Target
    correct: bool | None


class Shown(_Data):
    """Which images have figures of their own, and why. `reasons` (a word each) and `rule` are empty where all have."""

    of: int
    images: list[str]
    reasons: list[str] = []
    rule: str = ""

    @property
    def everything(self) -> bool:
        """Whether no image is left out."""
        return len(self.images) == self.of


# --- provenance ----------------------------------------------------------------------------------


class RuntimeRecord(_Data):
    name: str
    precision: str
    device: str
    note: str = ""


class ModelRecord(_Data):
    name: str
    source: str
    weights_sha256: str
    preprocessing: dict[str, Any]
    classes: int
    roles: list[str] = Field(default=[], description="the analyses that used it")


class AnalysisRecord(_Data):
    """An analysis: its version, and the hash of what its results depend on (settings, concept encoders and their weights)."""

    version: str
    settings_sha256: str


class TemplateRecord(_Data):
    """The template that the pages were made from, and the hash of all its files."""

    name: str
    sha256: str


class Provenance(_Data):
    """What is needed to repeat the run. Names neither the machine nor the user."""

    reportgen: str
    python: str
    packages: dict[str, str]
    command: list[str]
    created: str = Field(description="ISO 8601, UTC; SOURCE_DATE_EPOCH where it is set")
    seed: int
    runtime: RuntimeRecord
    models: list[ModelRecord]
    analyses: dict[str, AnalysisRecord] = {}
    inputs: dict[str, str] = Field(
        default={},
        description="SHA-256 of what was read besides images and weights: labels.csv, ground truth, probe set",
    )
    template: TemplateRecord | None = None


# --- the document --------------------------------------------------------------------------------


class Document(_Data):
    """What stands around the results, and how it looks. Empty and None: what the template says, or its default.

    `logo` is a picture of the run folder. `css` is the text of the user's own rules, not their path: the report
    renders from data alone. `language` is that of the pages' own words. `sections` holds ids of sections and of the
    page's own parts; empty: all of them.
    """

    authors: list[str] = []
    affiliation: str = ""
    course: str = ""
    logo: Picture | None = None
    accent: HexColor | None = None
    paper: Paper | None = None
    language: str | None = None
    css: str = ""
    sections: list[str] = []


class Report(BaseModel):
    """The whole report. Top-level extras (`dissection`) belong to the analysis of that name."""

    model_config = ConfigDict(frozen=True, extra="allow")

    schema_version: Literal[1] = 1
    title: str
    provenance: Provenance
    settings: dict[str, Any]
    document: Document = Document()
    images: list[ImageRecord]
    shown: Shown | None = Field(default=None, description="which images have figures; null: all")
    skipped: list[Skipped] = []
    sections: list[Section] = []
    findings: list[Finding] = []
    summary: Summary | None = None
    gates: list[Gate] = []
    rules: list[str] = Field(default=[], description="how verdicts are made, with the thresholds in force")
    warnings: list[Warning_] = []
    glossary: list[Term] = []
    references: list[Reference] = []
    files: list[FileNote] = Field(default=[], description="what the run folder holds beside the report itself")
    # Never serialised. A temporary folder lives as long as the report.
    _folder: Path | TemporaryDirectory[str] | None = PrivateAttr(None)

    @property
    def folder(self) -> Path | None:
        """The run folder that holds the figures; None where the report was read for its data alone."""
        return Path(self._folder.name) if isinstance(self._folder, TemporaryDirectory) else self._folder

    def with_folder(self, folder: Path | TemporaryDirectory[str] | None) -> Report:
        """This report, with its figures in `folder`."""
        report = self.model_copy()
        report._folder = folder
        return report


def named_pictures(report: Report) -> Iterator[str]:
    """Every picture that the report shows, as its path in the run folder; one shown twice comes twice."""
    if report.document.logo is not None:
        yield report.document.logo.file
    for image in report.images:
        yield image.picture.file
    for section in report.sections:
        for block in section.blocks:
            if isinstance(block, Figure):
                yield from (picture.file for picture in block.pictures)
                if isinstance(block.legend, ColorBar) and block.legend.file:
                    yield block.legend.file
