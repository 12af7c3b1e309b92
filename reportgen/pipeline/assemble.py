"""The last step of the pipeline: sections, image records and provenance become one Report. Of a run of many images the file of its
records is written here, and no other."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reportgen.analysis import bibliography, wording
from reportgen.analysis.glossary import terms_of
from reportgen.analysis.heads import head_terms
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.rules import rules_with
from reportgen.analysis.settle import Observed, settled
from reportgen.analysis.verdicts import Claim
from reportgen.images.copies import Copies
from reportgen.pipeline.gates import judged
from reportgen.pipeline.models import Model
from reportgen.pipeline.plan import Plan
from reportgen.pipeline.records import Assembled, held
from reportgen.pipeline.several import named
from reportgen.pipeline.summary import summarise
from reportgen.report.columns import IMAGES_FILE
from reportgen.report.document import (
    Document,
    FileNote,
    Finding,
    ImageRecord,
    Label,
    Prediction,
    Reference,
    Report,
    Shown,
    Skipped,
    Warning_,
)
from reportgen.report.ids import listed_ids, parts_of
from reportgen.report.json_text import Misplaced
from reportgen.report.manifest import FURTHER_MODELS
from reportgen.report.provenance import AnalysisRecord, HeadKind, ModelRecord, Provenance
from reportgen.report.soundness import require_sound
from reportgen.storage.run_folder import RunFolder
from reportgen.utils.dates import created
from reportgen.utils.hashing import digest_of
from reportgen.utils.json_types import JSON
from reportgen.utils.versions import own_version, versions

# Words that every report uses, whatever ran.
COMMON_TERMS = ("forward pass", "logit", "probability", "target class")
# What lies where in a run folder.
CONTENTS = {
    "figures/": "every picture of the report",
    "maps/": "saliency maps, a folder an image: float32 arrays (height, width) in [0, 1] in the model's input frame",
    "masks/": "masks, a folder an image: 8-bit grey PNG, 0 or 255, in the same frame",
    f"{FURTHER_MODELS}/": "maps, masks, figures and tables of the further explained models, a folder each",
    IMAGES_FILE: "every image, a row each: its numbers as columns, and all that report.json would say of it",
    "references.bib": "the works cited, as BibTeX",
    "report.json": "everything that this report says, as data",
    "tables/": "every table at full precision, as CSV",
}


@dataclass(frozen=True)
class Reduced:
    """A run whose images are recorded and whose sections are written.

    Attributes:
        models: by name, those that were used.
        records: by explained model, of the images, without what analyses add to them.
        skipped: files of the image folder that could not be read.
        inputs: what was read besides images and weights, with a SHA-256.
        contributions: by analysis, in the report's order; those of a further explained model under the id of both.
        copies: groups of images that are the same picture; observed: what counts as one observation.
        pictures: what a reader must know of how pictures were read.
        document: what stands around the results.
    """

    plan: Plan
    models: Mapping[str, Model]
    records: Mapping[str, Sequence[ImageRecord]]
    shown: Shown
    skipped: Sequence[Skipped]
    inputs: Mapping[str, str]
    contributions: Mapping[str, Contribution]
    copies: Copies
    observed: Observed
    pictures: Sequence[Warning_]
    references: Sequence[Reference]
    document: Document


def assemble(run: Reduced, command: Sequence[str], files: RunFolder) -> Report:
    """The report of a run.

    Args:
        command: the command line as the report shows it.
        files: receives the records of a run of many images.

    Raises:
        UsageError: an analysis has made what could not be read back (`reportgen.report.soundness`); says where.
    """
    settings, contributions = run.plan.settings, run.contributions
    per_image, first = {name: c.per_image for name, c in contributions.items() if c.per_image}, run.plan.explained
    claims = by_claim(claim for contribution in contributions.values() for claim in contribution.findings)
    findings, tested = settled(claims, run.observed)
    extras: dict[str, JSON] = {}
    for contribution in contributions.values():
        extras.update(contribution.report)
    kept = held(Assembled(run.records, per_image), run.shown, _warnings(run), settings.document.records, files)
    report = Report(
        title=settings.title,
        provenance=_provenance(run, command),
        settings=settings.public(),
        document=run.document,
        images=kept.images,
        records=kept.records,
        shown=None if run.shown.everything else run.shown,
        skipped=sorted(run.skipped, key=lambda file: file.name),
        left_alone=run.plan.remarks.left_alone,
        sections=[c.section for c in contributions.values() if c.section is not None],
        findings=findings,
        tested=tested,
        summary=summarise(
            run.records[first],
            findings,
            first,
            run.records,
            {name: run.plan.specs[name].head_kind for name in run.records},
        ),
        rules=_rules(run.plan, tested) if findings else [],
        warnings=kept.warnings,
        glossary=terms_of(
            (name for c in contributions.values() for name in (*c.terms, *COMMON_TERMS)),
            [
                *head_terms(run.plan.specs[name].head_kind for name in run.records),
                *(term for analysis in run.plan.analyses for term in analysis.terms),
            ],
        ),
        references=list(run.references),
        files=_file_notes(run, list(files.written)),
        **extras,  # keys of the analyses' own
    )
    measured = {name: value for c in contributions.values() for name, value in c.gates.items()}
    report = report.model_copy(update={"gates": judged(settings.gates, run.plan.analyses, measured, report)})
    try:
        require_sound(report)  # what an analysis has made wrong is found here, and not by whoever reads the report
    except Misplaced as error:
        raise RuntimeError(f"what the analyses made is no report (at {error})") from error
    return report


def _warnings(run: Reduced) -> list[Warning_]:
    return [
        *(Warning_(code="left-out", name="Analyses left out", text=one.sentence) for one in run.plan.left_out),
        *run.plan.remarks.warnings,
        *run.pictures,
        *_of_predictions(run),
        *_copies(run),
        *(w for c in run.contributions.values() for w in c.warnings),
    ]


def _rules(made: Plan, tested: Sequence[str]) -> list[str]:
    names = [analysis.name for analysis in made.analyses]
    further = [rule for analysis in made.analyses for rule in analysis.rules_beside(names)]
    if tested:
        further.append(f"The claims tested in this report, and corrected for one another: {listed_ids(tested)}.")
    return rules_with(made.settings.statistics, further)


def by_claim(findings: Iterable[Claim | Finding]) -> list[Claim | Finding]:
    """C1 before C2, whichever analysis tests them; the letters, and the models of one claim, in the order in which they first come."""
    letters: dict[str, int] = {}

    def place(finding: Claim | Finding) -> tuple[int, int]:
        claim, _ = parts_of(finding.id)
        letter = claim.rstrip("0123456789")
        return letters.setdefault(letter, len(letters)), int(claim[len(letter) :][:9] or 0)

    return sorted(findings, key=place)


def cite(made: Plan, contributions: Mapping[str, Contribution]) -> list[Reference]:
    """The works that sections and models rest on; of the sections of one analysis, a model each, the first that cites a work."""
    by = {}
    for name, c in contributions.items():
        of_first = contributions.get(parts_of(name)[0]) if parts_of(name)[1] else None
        first = of_first.references if of_first else ()
        by[c.section.id if c.section else name] = [key for key in c.references if key not in first]
    by["models"] = [key for name in made.specs for key in bibliography.of_model(name)]
    return bibliography.cited(by, [work for analysis in made.analyses for work in analysis.works])


def _file_notes(run: Reduced, written: Sequence[str]) -> list[FileNote]:
    """What lies where in the run folder, by its first part, in order. `written`: the names of all files in it."""
    files = [analysis.parameter_file for analysis in run.plan.analyses]
    texts = {**CONTENTS, **{file.name: file.description for file in files if file is not None}}
    counts = Counter(
        f"{folder}/" if slash else folder for folder, slash, _ in (name.partition("/") for name in written)
    )
    counts["report.json"] = 1
    return [FileNote(path=path, count=counts[path], text=texts.get(path, "")) for path in sorted(counts)]


def _of_predictions(run: Reduced) -> Iterator[Warning_]:
    """What a reader must know of the explained models' answers; of several each warning says which."""
    for model, images in run.records.items():
        for warning in (*_precision(images), *_wrong_predictions(images, run.plan.specs[model].head_kind)):
            yield named(warning, model) if len(run.records) > 1 else warning


def _wrong_predictions(images: Sequence[ImageRecord], head: HeadKind) -> Iterator[Warning_]:
    # A multi-label head may well say the label too.
    code, name, text = (
        ("label-not-largest", "The label is not the first choice", _not_largest)
        if head == "multilabel"
        else ("wrong-prediction", "Wrong predictions", _wrong)
    )
    for image in images:
        if image.label is not None and image.correct is False:
            maps = f"every map of this image explains {image.target.name}."
            yield Warning_(
                code=code, name=name, image=image.name, text=f"{text(image.prediction, image.label)}; {maps}"
            )


def _wrong(says: Prediction, label: Label) -> str:
    return f"The model says {says.name} (probability {says.probability:.2f}) where the label is {label.name}"


def _not_largest(says: Prediction, label: Label) -> str:
    listed = next((f", whose probability is {of.probability:.2f}" for of in says.top5 if of.index == label.index), "")
    return f"The model gives its largest probability, {says.probability:.2f}, to {says.name}, and not to the label {label.name}{listed}"


def _copies(run: Reduced) -> Iterator[Warning_]:
    names = [record.name for record in run.records[run.plan.explained]]
    for code, name, groups, text in (
        (
            "repeated-images",
            "The same file more than once",
            run.copies.equal,
            "Byte-equal files: {names}. They count as one observation in every statistic.",
        ),
        (
            "near-equal-images",
            "Nearly the same picture more than once",
            run.copies.near,
            "Nearly the same picture, scaled or stored again: {names}. "
            + (
                "They count as one observation in every statistic."
                if run.plan.settings.statistics.fold_near
                else "Each counts as an observation of its own; statistics.fold_near = true counts them once."
            ),
        ),
    ):
        for group in groups:
            yield Warning_(code=code, name=name, text=text.format(names=wording.listed([names[i] for i in group])))


def _precision(images: Sequence[ImageRecord]) -> Iterator[Warning_]:
    """What `fast` cost, measured on these images; nothing where they were computed in exact precision."""
    measured = [extra["deviation"] for image in images if "deviation" in (extra := image.model_extra or {})]
    if measured:
        logits, probability = (max(d[key] for d in measured) for key in ("logits", "probability"))
        same = sum(d["same_class"] for d in measured)
        yield Warning_(
            code="fast-precision",
            name="Computed in reduced precision",
            text=f"Computed in reduced precision (bf16). Beside fp32, over {wording.count(len(measured), 'image')}: "
            f"logits differ by at most {100 * logits:.1f} % of the largest, probabilities by at most {probability:.3f}, "
            f"and the first choice is the same on {same} of {len(measured)}.",
        )


def _provenance(run: Reduced, command: Sequence[str]) -> Provenance:
    settings, analyses = run.plan.settings, run.plan.analyses
    asked = [name for name in (*settings.explained, *settings.models) if name in run.models]
    models = [run.models[name] for name in dict.fromkeys([*asked, *run.models])]
    return Provenance(
        reportgen=own_version(),
        python=platform.python_version(),
        packages=versions(),
        command=list(command),
        created=created(),
        seed=settings.seed,
        runtime=run.models[run.plan.explained].runtime,
        models=[
            ModelRecord(
                name=model.spec.name,
                source=model.spec.source,
                weights_sha256=model.spec.weights_sha256,
                preprocessing=model.spec.record(),
                classes=len(model.spec.classes),
                head=model.spec.head_kind,
                roles=[a.name for a in analyses if model.spec.name in run.plan.models_of(a)],
            )
            for model in models
        ],
        analyses={
            a.name: AnalysisRecord(version=a.version, settings_sha256=digest_of(run.plan.relevant[a.name]))
            for a in analyses
        },
        inputs=dict(sorted(run.inputs.items())),
    )
