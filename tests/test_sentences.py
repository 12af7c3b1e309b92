"""The sentences of a report, pinned in one place: `tests/sentences/` holds what every analysis says of made-up results.

After a change of wording that is meant, write the files anew and read the difference: `PYTHONPATH=. python tests/test_sentences.py`.
"""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import singledispatch
from pathlib import Path

import pytest

import made_attribution
import made_chapters
import made_checks
import made_comparison
import made_dissection
from made_runs import image_record
from reportgen.analyses.agreement.findings import CLAIMS as AGREEMENT
from reportgen.analyses.attribution.findings import CLAIMS as ATTRIBUTION
from reportgen.analyses.cams.findings import CLAIMS as CAMS
from reportgen.analyses.comparison.findings import CLAIMS as COMPARISON
from reportgen.analyses.dissection.findings import CLAIMS as DISSECTION
from reportgen.analyses.faithfulness.findings import CLAIMS as FAITHFULNESS
from reportgen.analyses.lime.findings import CLAIM as LIME
from reportgen.analysis.glossary import TERMS, terms_of
from reportgen.analysis.heads import TARGETS, head_note, head_terms
from reportgen.analysis.protocol import Contribution
from reportgen.analysis.registry import load_analyses
from reportgen.analysis.rules import rules_with
from reportgen.analysis.verdicts import Claim
from reportgen.models.classifiers import ClassList
from reportgen.pipeline.summary import summarise
from reportgen.report.blocks import Block, Facts, Figure, Heading, Listing, Notice, Table, Text
from reportgen.report.document import Finding, ImageRecord, Label, Verdict
from reportgen.settings.model import StatisticsSettings

GOLDEN = Path(__file__).parent / "sentences"
COMMAND = "PYTHONPATH=. python tests/test_sentences.py"
Chapters = Callable[[Path], dict[str, Contribution]]
ANALYSES: dict[str, Chapters] = {
    "cams": made_chapters.cams,
    "lime": made_chapters.lime,
    "agreement": made_chapters.agreement,
    "faithfulness": made_checks.faithfulness,
    "sanity": made_checks.sanity,
    "dissection": made_dissection.dissection,
    "attribution": made_attribution.attribution,
    "comparison": made_comparison.comparison_chapters,
}


# --- what stands in a block ----------------------------------------------------------------------


@singledispatch
def said(block: Block) -> Iterator[str]:
    """Every sentence and word of a block, each after the place where it stands."""
    raise TypeError(f"no block of a section: {type(block).__name__}")


@said.register
def _(block: Heading) -> Iterator[str]:
    yield f"heading: {block.text}"


@said.register
def _(block: Text) -> Iterator[str]:
    yield f"{block.role}: {block.text}"


@said.register
def _(block: Listing) -> Iterator[str]:
    yield from (f"{block.role}, in a list: {item}" for item in block.items)


@said.register
def _(block: Notice) -> Iterator[str]:
    yield f"notice, {block.level}: {block.title}: {block.text}"


@said.register
def _(block: Facts) -> Iterator[str]:
    yield f"facts: {block.title}"
    yield from (f"fact, {label}: {value}" for label, value in block.items)


@said.register
def _(block: Figure) -> Iterator[str]:
    if block.title:
        yield f"figure {block.id}, title: {block.title}"
    yield f"figure {block.id}, caption: {block.caption}"
    for picture in block.pictures:
        name = Path(picture.file).name
        words = {"label": picture.label, "layer": picture.layer, "alt": picture.alt}
        yield from (f"picture {name}, {what}: {text}" for what, text in words.items() if text)
    if block.legend:
        legend = block.legend
        words = {"title": legend.title, "low": legend.low, "high": legend.high}
        yield from (f"figure {block.id}, legend {what}: {text}" for what, text in words.items() if text)
        yield from (f"figure {block.id}, legend: {name}" for _, name in legend.entries)


@said.register
def _(block: Table) -> Iterator[str]:
    yield f"table {block.id}, caption: {block.caption}"
    for i, column in enumerate(block.columns):
        unit = f" [{column.unit}]" if column.unit else ""
        yield f"table {block.id}, column {column.key}: {column.label}{unit}"
        words = dict.fromkeys(cell for row in [*block.rows, *block.summary] if isinstance(cell := row[i], str))
        if words and column.key != "image":
            yield f"table {block.id}, cells {column.key}: {' | '.join(words)}"


def chapter_lines(name: str, chapter: Contribution) -> Iterator[str]:
    """A headline, then what the section, the findings and the warnings say."""
    yield f"# {name}"
    if chapter.section is not None:
        yield f"section {chapter.section.id}: {chapter.section.title}"
        for block in chapter.section.blocks:
            yield from said(block)
    for finding in chapter.findings:
        yield f"finding {finding.id} in {finding.section}, claim: {finding.claim}"
        yield f"finding {finding.id} {finding.verdict}: {finding.text}"
        if isinstance(finding, Claim) and finding.needs:
            yield f"finding {finding.id}, to be decided: {finding.needs}"
    for warning in chapter.warnings:
        where = f", {warning.image}" if warning.image else ""
        yield f"warning {warning.code}{where}: {warning.text}"


def of_analysis(name: str, folder: Path) -> list[str]:
    """What one analysis says over all its made runs; what an earlier run has said in the same place is not repeated."""
    chapters = ANALYSES[name](folder)
    lines = (line for title, chapter in chapters.items() for line in chapter_lines(title, chapter))
    return list(dict.fromkeys(lines))


# --- what belongs to no chapter ------------------------------------------------------------------


def of_core(folder: Path) -> list[str]:
    """The summary, the rules of verdicts, the glossary, and what the analyses declare of themselves."""
    analyses = load_analyses(tuple(ANALYSES))
    further = [*head_terms(["softmax"]), *(term for analysis in analyses for term in analysis.terms)]
    terms = terms_of([*TERMS, *(term.term for term in further)], further)
    of_faithfulness = {id_: claim for id_, (_, claim) in FAITHFULNESS.items()}
    claims = {**DISSECTION, **ATTRIBUTION, **CAMS, **of_faithfulness, "L4": LIME, **AGREEMENT, **COMPARISON}
    return [
        "# summary",
        *summaries(),
        "# rules",
        *(
            f"rule: {rule}"
            for rule in rules_with(StatisticsSettings(), [rule for analysis in analyses for rule in analysis.rules])
        ),
        "# claims",
        *(f"claim {id_}: {claims[id_]}" for id_ in sorted(claims)),
        "# glossary",
        *(f"term {term.term}: {term.text}" for term in terms),
        "# heads",
        *heads(),
        "# analyses",
        *(f"analysis {analysis.name}, title: {analysis.title}" for analysis in analyses),
        *(f"analysis {analysis.name}, ranked by: {analysis.ranked_by}" for analysis in analyses if analysis.ranked_by),
        *(f"gate {name}: {text}" for analysis in analyses for name, text in analysis.gates.items()),
    ]


def summaries() -> Iterator[str]:
    """The first page of runs with and without labels and decided claims."""
    for correct in ([None], [True], [None, None], [True, False, None], [False, True, None, None], [False] * 9):
        images = [_image(f"image-{i}.jpg", known) for i, known in enumerate(correct)]
        yield f"summary of {len(images)}, images: {summarise(images, [], 'net').images}"
    verdicts: list[list[Verdict]] = [
        ["undecided"],
        ["supported"] * 6 + ["undecided", "contradicted", "not measured", "undecided"],
        ["not measured"] * 2 + ["supported"] * 8,
    ]
    for decided in verdicts:
        findings = [
            Finding(id=f"X{i}", section="s", claim="A claim.", verdict=verdict, text="A sentence.")
            for i, verdict in enumerate(decided)
        ]
        yield f"summary, rest: {summarise([_image('image.jpg', None)], findings, 'net').rest}"


def heads() -> Iterator[str]:
    """What is said where outputs are read otherwise than by a softmax."""
    classes = ClassList(("cat", "dog"))
    for kind in ("binary", "multilabel"):
        yield from (f"{kind}, approach: {text.text}" for text in head_note(kind, classes))
        yield f"{kind}, target: {TARGETS[kind]}"
        yield from (f"{kind}, term {term.term}: {term.text}" for term in head_terms([kind]))
    yield from (f"both, term {term.term}: {term.text}" for term in head_terms(["softmax", "multilabel", "softmax"]))
    for correct in ([None], [True], [True, False, None], [False, False]):
        images = [_image(f"image-{i}.jpg", known) for i, known in enumerate(correct)]
        said = summarise(images, [], "net", heads={"net": "multilabel"}).images
        yield f"multilabel, summary of {len(images)}, images: {said}"


def _image(name: str, correct: bool | None) -> ImageRecord:
    label = None if correct is None else Label(index=2 if correct else 1, name="class", source="labels.csv")
    return image_record(name).model_copy(update={"label": label, "correct": correct})


# --- the files -----------------------------------------------------------------------------------


def made(name: str, folder: Path) -> list[str]:
    """The lines of one file."""
    return of_core(folder) if name == "core" else of_analysis(name, folder)


def difference(expected: Sequence[str], found: Sequence[str], name: str) -> str:
    """A unified diff with no lines around, or nothing."""
    return "\n".join(difflib.unified_diff(expected, found, f"sentences/{name}.txt", "said now", lineterm="", n=0))


@pytest.mark.parametrize("name", [*ANALYSES, "core"])
def test_the_sentences_are_those_of_the_file(name: str, tmp_path: Path) -> None:
    found = made(name, tmp_path)
    assert not [line for line in found if len(line.splitlines()) != 1], "a sentence stands on one line"
    file = GOLDEN / f"{name}.txt"
    expected = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    assert found == expected, f"if this is meant: {COMMAND}\n{difference(expected, found, name)}"


def test_every_file_belongs_to_a_test() -> None:
    assert {file.name for file in GOLDEN.iterdir()} == {f"{name}.txt" for name in (*ANALYSES, "core")}


def main() -> None:
    """Write every file anew."""
    GOLDEN.mkdir(exist_ok=True)
    for name in (*ANALYSES, "core"):
        with tempfile.TemporaryDirectory() as folder:
            lines = made(name, Path(folder))
        (GOLDEN / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
