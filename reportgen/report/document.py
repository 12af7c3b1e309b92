"""What a report says, as data: the only thing a renderer sees.

Everything here is plain data that survives `model_dump(mode="json")` and back. This module imports
nothing of ours but `blocks` and `provenance`, and knows no explanation method: an analysis adds its own numbers to an image, or to the
report, under its own name (`extra="allow"`). Values of JSON are `Any` here: pydantic would have to check a recursive type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, field_validator

from reportgen.report.blocks import Browsed, Cell, Data, Displayed, Home, Picture, Placed, Section
from reportgen.report.provenance import Counts, Provenance, WarningCount

Verdict = Literal["supported", "contradicted", "undecided", "not measured"]
Paper = Literal["A4", "Letter", "A3", "A1"]
DEFAULT_TITLE = "Explainability report"
# What a page holds besides sections. Warnings and skipped files are not among them: they always stand.
PAGE_PARTS = ("findings", "images", "rules", "glossary", "references", "settings", "provenance", "files")


def _hex_color(color: str) -> str:
    if not re.fullmatch(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})", color):
        raise ValueError("use a CSS hex colour of three or six digits (for example #0b5a8c)")
    digits = color[1:].lower()
    return "#" + (digits if len(digits) == 6 else "".join(2 * digit for digit in digits))


HexColor = Annotated[str, AfterValidator(_hex_color)]


# --- findings, warnings --------------------------------------------------------------------------


class Evidence(Data):
    """One number behind a finding.

    Attributes:
        name: stable, for programs; words: what the number is, for people; pages show these.
        unit: of the value and of the interval; `%` is of a share in [0, 1], which pages multiply by 100.
        ci: 95 % interval; p: of this number's own test, before any correction.
        source: id of the table or figure that it stands in.
    """

    name: str
    value: Cell
    words: str = ""
    unit: str | None = None
    n: int | None = None
    ci: tuple[float, float] | None = None
    p: float | None = None
    source: str | None = None


class Finding(Displayed, Data):
    """A claim, its verdict on this run's data, and the sentence made from the evidence.

    Attributes:
        p: of the claim's test, or of its parts' tests together; None where it was decided by counting, or not at all.
        p_corrected: for all claims tested in the report (Holm); the verdict follows it.
        needed: images that would decide an undecided claim; None where it is decided, or no reasonable number would.
        note: what the two p and `needed` are, in sentences.
    """

    id: str = Field(description="stable: `C3`, for a further explained model `C3@MODEL`")
    section: str = Field(description="id of the section that it comes from")
    claim: str = Field(description="what is put to the test, in one sentence")
    verdict: Verdict
    text: str = Field(description="what this run's data say of the claim, made from the evidence")
    evidence: list[Evidence] = Field(default=[])
    p: float | None = None
    p_corrected: float | None = None
    needed: int | None = None
    note: str = ""

    def _told(self) -> Iterator[tuple[str | None, object]]:
        yield "id", self.id
        yield "verdict", self.verdict
        yield "claim", self.claim


class Summary(Data):
    """The first page: what a reader takes away who reads no further.

    Attributes:
        images: one sentence on what was explained and how often the model was right, the wrong images named.
        findings: ids of the findings that were decided and matter most, contradicted claims first.
        rest: one sentence on the claims that stand elsewhere in the report; empty where there is none.
    """

    images: str
    findings: list[str] = Field(default=[])
    rest: str = ""


class Warning_(Data):
    """Something that a reader must know before trusting a number.

    Attributes:
        code: stable, for programs; text: one sentence.
        name: what pages call warnings of this code; without one, the words that the code is made of.
    """

    code: str
    text: str
    image: str | None = Field(default=None, description="name of the image that it is about; null: the whole run")
    name: str = Field(default="", validate_default=True)

    @field_validator("name")
    @classmethod
    def _named(cls, name: str, others: ValidationInfo) -> str:
        return name or re.sub("[-_]+", " ", str(others.data.get("code", "")))


class Gate(Data):
    """A threshold of the settings, and whether this run's value passed it; `value` None: it could not be measured."""

    name: str = Field(description="the setting: `min_` or `max_` and the measure")
    measure: str = Field(description="what is measured, in words")
    bound: Literal["at least", "at most"]
    limit: float
    value: float | None
    passed: bool


class Skipped(Data):
    """A file of the input folder that could not be read, and why."""

    name: str = Field(description="posix path under the input folder")
    reason: str


class LeftAlone(Data):
    """Files of the input folder that the run did not use, and why: they are no images, and nothing else that is understood."""

    reason: str
    count: int
    names: list[str] = Field(description="the first few of them, posix paths under the input folder")


# --- words, works, files ---


class Term(Data):
    """A word of the field and what it means, in one sentence."""

    term: str
    text: str


class Reference(Data):
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
    cited_in: list[str] = Field(default=[])


class FileNote(Data):
    """What lies where in the run folder; `count` files under `path`, a folder where it ends with a slash."""

    path: str
    count: int
    text: str


# --- images --------------------------------------------------------------------------------------


class Label(Data):
    """The true class, and where it was read from: `labels.csv` or another table by its name, `folder`, `file name`."""

    index: int
    name: str
    source: str


class ClassProbability(Data):
    index: int
    name: str
    probability: float


class Prediction(Data):
    """The class of the largest logit; `top5` holds the five likeliest, likeliest first. What the probabilities are says the model's
    head (`ModelRecord.head`)."""

    index: int
    name: str
    probability: float
    logit: float
    top5: list[ClassProbability]


class Target(Data):
    """The class that every method explains on this image."""

    index: int
    name: str


class ImageRecord(Placed):
    """One image of the run. Each analysis adds its own numbers under its own name."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(description="posix path under the input folder")
    slug: str = Field(description="its folder in maps/ and masks/; unique in the run, safe on any file system")
    sha256: str = Field(description="of the file's bytes")
    width: int = Field(description="of the photograph, in pixels, as it is seen")
    height: int
    picture: Picture = Field(description="what the model saw: the input frame; reduced where the image has no figures")
    label: Label | None = Field(description="null: no true class is known")
    prediction: Prediction
    target: Target
    correct: bool | None = Field(description="whether the prediction is the label; null without one")

    def _told(self) -> Iterator[tuple[str | None, object]]:
        yield "name", self.name
        yield "prediction", self.prediction.name
        yield "probability", round(self.prediction.probability, 3)
        yield "correct", self.correct


class Shown(Data):
    """Which images have figures of their own, and why. `reasons` (a word each) and `rule` are empty where all have."""

    of: int
    images: list[str]
    reasons: list[str] = Field(default=[])
    rule: str = ""

    @property
    def everything(self) -> bool:
        """Whether no image is left out."""
        return len(self.images) == self.of


class Records(Data):
    """Where the images of a run of many stand, and what pages need of those that `images` leaves out."""

    file: Literal["images.parquet"] = Field("images.parquet", description="a row each, in the run's order")
    sha256: str = Field(description="of the file's bytes")
    bytes: int
    count: int = Field(description="images of the run")
    labelled: int = Field(description="images with a true class")
    correct: int = Field(description="of them, those that are predicted as labelled")
    label_sources: dict[str, int] = Field(description="where true classes were read from -> images")
    positions: list[int] = Field(description="of `images` in the run's order, from 0")
    cards: list[ImageRecord] = Field(
        description="the first images that are not in `images`, in the run's order, without the numbers of analyses"
    )
    warnings: list[WarningCount] = Field(description="the kinds of which `warnings` has the first alone")


# --- the document --------------------------------------------------------------------------------


class Note(Data):
    """The author's own words on one place of the report, as Markdown (`reportgen.notes`).

    Attributes:
        name: of its file, a posix path below the folder of notes.
        of: the id of the section or the name of the image that it is about; empty for introduction and conclusion.
    """

    name: str
    place: Literal["introduction", "conclusion", "section", "image"]
    of: str = ""
    text: str


class Document(Data):
    """What stands around the results, and how it looks. Empty and None: what the template says, or its default.

    `logo` is a picture of the run folder. `css` is the text of the user's own rules, not their path: the report
    renders from data alone. `language` is that of the pages' own words. `sections` holds ids of sections and of the
    page's own parts; empty: all of them. `notes` are the author's own words.
    """

    authors: list[str] = Field(default=[])
    affiliation: str = ""
    course: str = ""
    logo: Picture | None = None
    accent: HexColor | None = None
    paper: Paper | None = None
    language: str | None = None
    css: str = ""
    sections: list[str] = Field(default=[])
    notes: list[Note] = Field(default=[])


class Report(Browsed, BaseModel):
    """The whole report. Top-level extras (`dissection`) belong to the analysis of that name."""

    model_config = ConfigDict(frozen=True, extra="allow")

    schema_version: Literal[1] = 1
    title: str
    provenance: Provenance
    settings: dict[str, Any] = Field(description="every setting in force; those of an analysis under its name")
    document: Document = Document()
    images: list[ImageRecord] = Field(description="in full: all of the run, or with `records` those that have figures")
    records: Records | None = Field(default=None, description="where all images stand; null: in `images`")
    shown: Shown | None = Field(default=None, description="which images have figures; null: all")
    skipped: list[Skipped] = []
    left_alone: list[LeftAlone] = Field(default=[], description="what else lay in the input folder, by reason")
    sections: list[Section] = Field(default=[], description="the chapters, in their order on the page")
    findings: list[Finding] = []
    tested: list[str] = Field(default=[], description="ids of the claims that p_corrected is corrected for")
    summary: Summary | None = None
    gates: list[Gate] = []
    rules: list[str] = Field(default=[], description="how verdicts are made, with the thresholds in force")
    warnings: list[Warning_] = []
    glossary: list[Term] = []
    references: list[Reference] = []
    files: list[FileNote] = Field(default=[], description="what the run folder holds beside the report itself")
    # Never serialised. A temporary folder lives as long as the report.
    _folder: Path | TemporaryDirectory[str] | None = PrivateAttr(None)
    _records_in: TemporaryDirectory[str] | None = PrivateAttr(None)

    @cached_property
    def was_read(self) -> bool:
        """Whether it came from a file, which anybody may have written, and was not made by this process (`as_read`)."""
        return False

    def as_read(self) -> Report:
        """This report, known to come from a file."""
        report = self.model_copy()
        # No private attribute: two reports are equal by what they say.
        report.__dict__["was_read"] = True
        return report

    @property
    def counts(self) -> Counts:
        """How many images and warnings the run has; `images` and `warnings` may hold fewer (`records`)."""
        of = self.records
        if of is not None:
            rest = sum(kind.count for kind in of.warnings)
            bounded = {kind.code for kind in of.warnings}
            warnings = rest + sum(warning.code not in bounded for warning in self.warnings)
            return Counts(images=of.count, labelled=of.labelled, correct=of.correct, warnings=warnings)
        judged = [image.correct for image in self.images if image.correct is not None]
        return Counts(images=len(self.images), labelled=len(judged), correct=sum(judged), warnings=len(self.warnings))

    @property
    def records_folder(self) -> Path | None:
        """The folder that holds the file of records; None where there is none, or it was not carried along."""
        return self.folder if self._records_in is None else Path(self._records_in.name)

    def with_records(self, folder: TemporaryDirectory[str]) -> Report:
        """This report, read from a PDF or a bundle, with its file of records in `folder`."""
        report = self.model_copy()
        report._records_in = folder
        return report

    @property
    def folder(self) -> Path | None:
        """The run folder that holds the figures; None where the report was read for its data alone."""
        return Path(self._folder.name) if isinstance(self._folder, TemporaryDirectory) else self._folder

    def with_folder(self, folder: Path | TemporaryDirectory[str] | None) -> Report:
        """This report, with its figures in `folder`."""
        home = Home(folder)
        images, sections = ([part.placed(home) for part in parts] for parts in (self.images, self.sections))
        report = self.model_copy(update={"images": images, "sections": sections})
        report._folder = folder
        return report

    def _home_path(self) -> Path | None:
        return self.folder

    def _told(self) -> Iterator[tuple[str | None, object]]:
        yield "title", self.title
        yield "images", self.counts.images
        yield "sections", [section.id for section in self.sections]
        yield "findings", len(self.findings)
