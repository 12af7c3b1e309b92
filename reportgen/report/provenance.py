"""Where a report comes from: versions, settings, models, inputs; what is needed to repeat the run; and what it comes to, in counts."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from reportgen.report.blocks import Data

# How a classifier's outputs are read: as probabilities that sum to 1; as one output with a class on either side; each by itself.
HeadKind = Literal["softmax", "binary", "multilabel"]


class RuntimeRecord(Data):
    name: str = Field(description="torch or openvino")
    precision: str = Field(description="exact or fast")
    device: str
    note: str = Field(default="", description="why this one was taken, or another was not")


class ModelRecord(Data):
    name: str = Field(description="as `--model` takes it")
    source: str = Field(description="where its weights come from")
    weights_sha256: str
    preprocessing: dict[str, Any]
    classes: int = Field(description="how many it tells apart")
    head: HeadKind = Field(default="softmax", description="how its outputs are read as probabilities")
    roles: list[str] = Field(default=[], description="the analyses that used it")


class AnalysisRecord(Data):
    """An analysis: its version, and the hash of what its results depend on (settings, concept encoders and their weights)."""

    version: str
    settings_sha256: str


class TemplateRecord(Data):
    """The template that the pages were made from, and the hash of all its files."""

    name: str
    sha256: str


class Provenance(Data):
    """What is needed to repeat the run. Names neither the machine nor the user."""

    reportgen: str
    python: str
    packages: dict[str, str] = Field(description="versions of what can change a result or a page")
    command: list[str] = Field(description="the command line, without folders")
    created: str = Field(description="ISO 8601, UTC; SOURCE_DATE_EPOCH where it is set")
    seed: int
    runtime: RuntimeRecord
    models: list[ModelRecord]
    analyses: dict[str, AnalysisRecord] = Field(default={})
    inputs: dict[str, str] = Field(
        default={},
        description="SHA-256 of what was read besides images and weights: labels.csv and other tables and lists of labels, "
        "labels (of folders), ground truth, probe set, and by setting the files that settings of analyses name (dissection.labels)",
    )
    template: TemplateRecord | None = None


class WarningCount(Data):
    """How many warnings of one kind a run has, where report.json has the first of them alone."""

    code: str
    count: int = Field(description="all warnings of this kind; each image's own stand in the file of records")
    sentences: int = Field(description="how many different ones there are")
    more: dict[str, int] = Field(description="sentence -> images that it is said of and that `warnings` does not name")


class Counts(Data):
    """What a run comes to, whichever of its images and warnings report.json holds."""

    images: int
    labelled: int
    correct: int
    warnings: int
