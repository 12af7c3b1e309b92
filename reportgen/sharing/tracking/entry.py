"""What a tracker is given of a finished run: names, numbers, words and files, the same for every tracker.

Metrics are what the run measured, params what it was made with, tags what it is found by. Each name is made of letters, digits,
underscores and slashes alone, which every tracker takes, and depends on nothing but what it names.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import TypeVar

from reportgen.report import digest
from reportgen.report.columns import IMAGES_FILE
from reportgen.report.document import DEFAULT_TITLE, Finding, Report
from reportgen.report.manifest import MANIFEST, RENDERED
from reportgen.report.report_json import REPORT
from reportgen.utils.json_types import JSON

T = TypeVar("T")
Parts = tuple[str, ...]
Scalar = str | int | float | bool

# What params begin with, so that none is taken for one of the training run that a report is attached to.
OWN = "reportgen"
FOLDER = "report"  # of the tracker's files of the run, in which those of the report lie
CHOSEN = frozenset({REPORT, IMAGES_FILE, MANIFEST, *RENDERED, "references.bib", "junit.xml"})
CHOSEN_FOLDERS = frozenset({"tables", "figures"})
# MLflow 3 takes 250, 6000 and 8000 characters; servers of version 1 and 2 take less.
MOST_NAME, MOST_PARAM, MOST_TAG = 250, 500, 5000


@dataclass(frozen=True)
class Entry:
    """A report as a tracker keeps it.

    Attributes:
        sha256: of report.json: what says that two entries are of one report.
        created: when the report was made, in milliseconds since 1970.
        note: a page of Markdown.
        files: of the run folder, as posix paths.
    """

    name: str
    sha256: str
    created: int
    note: str
    metrics: Mapping[str, float]
    params: Mapping[str, Scalar]
    tags: Mapping[str, str]
    files: tuple[str, ...]


def entry_of(report: Report, folder: Path, files: Mapping[str, str], name: str | None, *, everything: bool) -> Entry:
    """What is logged of a report.

    Args:
        files: SHA-256 by name, of every file of the run that the manifest lists.
        name: of the entry; None: the report's title, or its folder's name where nobody gave it one.
        everything: all files, and not only pages, data, tables and figures.
    """
    own_title = report.title if report.title != DEFAULT_TITLE else folder.resolve().name
    listed = sorted({*files, MANIFEST})
    return Entry(
        name=name or own_title,
        sha256=files[REPORT],
        created=_milliseconds(report.provenance.created),
        note=_cut(digest.markdown(report), MOST_TAG),
        metrics=legal(dict(_metrics(report))),
        params={key: _short(value) for key, value in legal(dict(_params(report))).items()},
        tags={key: _cut(value, MOST_TAG) for key, value in legal(dict(_tags(report))).items()},
        files=tuple(name for name in listed if everything or is_chosen(name)),
    )


def is_chosen(name: str) -> bool:
    """Whether a file is one that people look at: pages, report.json, tables, figures, also those of a further model."""
    return name in CHOSEN or PurePosixPath(name).parent.name in CHOSEN_FOLDERS


def legal(values: Mapping[Parts, T]) -> dict[str, T]:
    """Values by the names of trackers: parts joined by slashes, and an underscore for every other character.

    Where that makes two names one, or a name too long, each has a hash of what it stood for behind it.
    """
    plain = {parts: "/".join(re.sub(r"\W", "_", part, flags=re.ASCII) or "_" for part in parts) for parts in values}
    often = Counter(plain.values())
    named = {}
    for parts, name in plain.items():
        if often[name] > 1 or len(name) > MOST_NAME:
            name = f"{name[: MOST_NAME - 9]}_{hashlib.sha256(repr(parts).encode()).hexdigest()[:8]}"
        named[name] = values[parts]
    return named


def _metrics(report: Report) -> Iterator[tuple[Parts, float]]:
    """Numbers alone, and finite ones: what was not measured has no metric."""
    counts = report.counts
    yield ("images", "explained"), float(counts.images)
    yield ("images", "skipped"), float(len(report.skipped))
    if counts.labelled:
        yield ("images", "share_correct"), counts.correct / counts.labelled
    yield ("report", "warnings"), float(counts.warnings)
    for verdict, count in digest.verdict_counts(report).items():
        yield ("verdicts", digest.key(verdict)), float(count)
    for gate in report.gates:
        if gate.value is not None and math.isfinite(gate.value):
            yield ("gates", gate.name), gate.value
    for finding in report.findings:
        for name, number in _numbers(finding):
            if number is not None and math.isfinite(number):
                yield ("findings", finding.id, name), float(number)


def _numbers(finding: Finding) -> Iterator[tuple[str, float | None]]:
    """A finding's own numbers, and each of its evidence with its interval; None where there is none, or it is no number."""
    yield from (("p", finding.p), ("p_corrected", finding.p_corrected), ("needed", finding.needed))
    for evidence in finding.evidence:
        low, high = evidence.ci or (None, None)
        if isinstance(evidence.value, int | float) and not isinstance(evidence.value, bool):
            yield evidence.name, evidence.value
        yield from ((f"{evidence.name}_ci_low", low), (f"{evidence.name}_ci_high", high))


def _params(report: Report) -> Iterator[tuple[Parts, Scalar]]:
    made = report.provenance
    plain: dict[str, Scalar] = {"version": made.reportgen, "python": made.python, "seed": made.seed}
    plain |= {"runtime": made.runtime.name, "precision": made.runtime.precision, "device": made.runtime.device}
    if made.template is not None:
        plain |= {"template": made.template.name, "template_sha256": made.template.sha256}
    for name, value in plain.items():
        yield (OWN, name), value
    for package, version in made.packages.items():
        yield (OWN, "packages", package), version
    for model in made.models:
        yield (OWN, "models", model.name, "weights_sha256"), model.weights_sha256
        yield (OWN, "models", model.name, "source"), model.source
    for name, analysis in made.analyses.items():
        yield (OWN, "analyses", name, "version"), analysis.version
        yield (OWN, "analyses", name, "settings_sha256"), analysis.settings_sha256
    for name, sha256 in made.inputs.items():
        yield (OWN, "inputs", name), sha256
    # Front matter is of the page, not of the run; the seed stands above.
    settings = {name: value for name, value in report.settings.items() if name not in ("document", "seed", "template")}
    yield from _leaves((OWN, "settings"), settings)


def _leaves(parts: Parts, value: JSON) -> Iterator[tuple[Parts, Scalar]]:
    """Settings one by one; what nobody set (null, an empty list) is left out."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves((*parts, name), inner)
    elif isinstance(value, list) and value:
        yield parts, ", ".join(str(item) for item in value)
    elif isinstance(value, str | int | float):
        yield parts, value


def _tags(report: Report) -> Iterator[tuple[Parts, str]]:
    yield (OWN, "created"), report.provenance.created
    yield (OWN, "version"), report.provenance.reportgen
    yield (OWN, "gates"), digest.gates_state(report)
    for gate in report.gates:
        yield (OWN, "gate", gate.name), "passed" if gate.passed else "failed"
    for finding in report.findings:
        yield (OWN, "finding", finding.id), finding.verdict


def _milliseconds(created: str) -> int:
    """Of a report's date; 0 where somebody else's program wrote what is none."""
    try:
        moment = datetime.fromisoformat(created.replace("Z", "+00:00"))
        return int(moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0


def _short(value: Scalar) -> Scalar:
    return _cut(value, MOST_PARAM) if isinstance(value, str) else value


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
