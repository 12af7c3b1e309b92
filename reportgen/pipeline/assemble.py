"""The last step of the pipeline: sections, image records and provenance become one Report."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from reportgen.analysis import bibliography, wording
from reportgen.analysis.glossary import terms
from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.verdicts import RULES
from reportgen.pipeline.cover import FrontMatter
from reportgen.pipeline.gates import judged
from reportgen.pipeline.summary import summarise
from reportgen.report.document import (
    AnalysisRecord,
    FileNote,
    Finding,
    ImageRecord,
    ModelRecord,
    Provenance,
    Reference,
    Report,
    Skipped,
    Warning_,
)
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError
from reportgen.utils.hashing import digest_of
from reportgen.utils.versions import own_version, versions

if TYPE_CHECKING:
    from reportgen.pipeline.run import Run

# Words that every report uses, whatever ran.
COMMON_TERMS = ("forward pass", "logit", "probability", "target class")
# What lies where in a run folder.
CONTENTS = {
    "explain_params.pkl": "LIME's parameters, an entry an image; plain Python values",
    "figures/": "every picture of the report",
    "maps/": "saliency maps, a folder an image: float32 arrays (height, width) in [0, 1] in the model's input frame",
    "masks/": "masks, a folder an image: 8-bit grey PNG, 0 or 255, in the same frame",
    "references.bib": "the works cited, as BibTeX",
    "report.json": "everything that this report says, as data",
    "tables/": "every table at full precision, as CSV",
}


def assemble(
    run: Run,
    analyses: Sequence[Analysis],
    contributions: dict[str, Contribution],
    skipped: list[Skipped],
    command: Sequence[str],
    front: FrontMatter,
) -> Report:
    """The report of a run whose images are recorded and whose sections are written."""
    images = []
    for position, record in enumerate(run.images):
        extra = {name: c.per_image[position] for name, c in contributions.items() if c.per_image}
        images.append(ImageRecord(**{**dict(record), **extra}))
    findings = by_claim([finding for contribution in contributions.values() for finding in contribution.findings])
    extras: dict[str, Any] = {}
    for contribution in contributions.values():
        extras.update(contribution.report)
    references = _references(run, contributions)
    report = Report(
        title=run.settings.title,
        provenance=_provenance(run, analyses, command),
        settings=run.settings.public(),
        document=front.written(run.files),
        images=images,
        shown=None if run.shown.everything else run.shown,
        skipped=skipped,
        sections=[c.section for c in contributions.values() if c.section is not None],
        findings=findings,
        summary=summarise(images, findings, run.settings.models[0]),
        rules=list(RULES) if findings else [],
        warnings=[
            *_precision(images),
            *_wrong_predictions(images),
            *(w for c in contributions.values() for w in c.warnings),
        ],
        glossary=terms(name for c in contributions.values() for name in (*c.terms, *COMMON_TERMS)),
        references=references,
        files=_file_notes(run.files.written),
        **extras,
    )
    measured = {name: value for c in contributions.values() for name, value in c.gates.items()}
    return report.model_copy(update={"gates": judged(run.settings.gates, analyses, measured, report)})


def by_claim(findings: Iterable[Finding]) -> list[Finding]:
    """C1 before C2, whichever analysis tests them; the letters in the order in which they first come."""
    letters: dict[str, int] = {}

    def place(finding: Finding) -> tuple[int, int]:
        letter = finding.id.rstrip("0123456789")
        return letters.setdefault(letter, len(letters)), int(finding.id[len(letter) :][:9] or 0)

    return sorted(findings, key=place)


def _references(run: Run, contributions: dict[str, Contribution]) -> list[Reference]:
    """The works that sections and models rest on; also written as BibTeX."""
    by: dict[str, list[str | Reference]] = {
        c.section.id if c.section else name: list(c.references) for name, c in contributions.items()
    }
    by["models"] = [key for name in run.loaded for key in bibliography.of_model(name)]
    found = bibliography.cited(by)
    if found:
        run.files.raw(bibliography.REFERENCES_FILE, bibliography.bibtex(found))
    return found


def _file_notes(written: Iterable[str]) -> list[FileNote]:
    """What lies where in the run folder, by its first part, in order."""
    counts = Counter(
        f"{folder}/" if slash else folder for folder, slash, _ in (name.partition("/") for name in written)
    )
    counts["report.json"] = 1
    return [FileNote(path=path, count=counts[path], text=CONTENTS.get(path, "")) for path in sorted(counts)]


def _wrong_predictions(images: Sequence[ImageRecord]) -> Iterator[Warning_]:
    for image in images:
        if image.label is not None and image.correct is False:
            yield Warning_(
                code="wrong-prediction",
                image=image.name,
                text=f"The model says {image.prediction.name} (probability {image.prediction.probability:.2f}) "
                "where the label "
                f"is {image.label.name}; every map of this image explains {image.target.name}.",
            )


def _precision(images: Sequence[ImageRecord]) -> Iterator[Warning_]:
    """What `fast` cost, measured on these images; nothing where they were computed in exact precision."""
    measured = [extra["deviation"] for image in images if "deviation" in (extra := image.model_extra or {})]
    if measured:
        logits, probability = (max(d[key] for d in measured) for key in ("logits", "probability"))
        same = sum(d["same_class"] for d in measured)
        yield Warning_(
            code="fast-precision",
            text=f"Computed in reduced precision (bf16). Beside fp32, over {wording.count(len(measured), 'image')}: "
            f"logits differ by at most {100 * logits:.1f} % of the largest, probabilities by at most {probability:.3f}, "
            f"and the first choice is the same on {same} of {len(measured)}.",
        )


def _provenance(run: Run, analyses: Sequence[Analysis], command: Sequence[str]) -> Provenance:
    explained = run.model(run.settings.models[0])
    models = []
    asked = [name for name in run.settings.models if name in run.loaded]
    for name in dict.fromkeys([*asked, *run.loaded]):
        model = run.loaded[name]
        roles = [a.name for a in analyses if name in a.models(run.settings)]
        models.append(
            ModelRecord(
                name=name,
                source=model.spec.source,
                weights_sha256=model.spec.weights_sha256,
                preprocessing=model.spec.record(),
                classes=len(model.spec.classes),
                roles=roles,
            )
        )
    return Provenance(
        reportgen=own_version(),
        python=platform.python_version(),
        packages=versions(),
        command=list(command),
        created=created(),
        seed=run.settings.seed,
        runtime=explained.runtime,
        models=models,
        analyses={analysis.name: _identity(analysis, run.settings) for analysis in analyses},
        inputs=dict(sorted(run.inputs.items())),
    )


def _identity(analysis: Analysis, settings: Settings) -> AnalysisRecord:
    return AnalysisRecord(version=analysis.version, settings_sha256=digest_of(analysis.relevant(settings)))


def created() -> str:
    """The date of a report, ISO 8601 in UTC: now, or SOURCE_DATE_EPOCH.

    Raises:
        UsageError: SOURCE_DATE_EPOCH is no time.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    try:
        moment = datetime.fromtimestamp(int(epoch), timezone.utc) if epoch else datetime.now(timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"SOURCE_DATE_EPOCH is {epoch[:40]!r}: give whole seconds since 1970") from None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
