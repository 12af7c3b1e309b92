"""Several explained models in one report: what an analysis says of one of them is told apart from what it says of the others.

The first model's ids and numbers stay where those of a single model stand; the others' have the model in their ids. Whatever a reader
might take for another model's names its own: titles, captions, descriptions of pictures, claims, warnings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from reportgen.analysis.protocol import Contribution
from reportgen.report.blocks import Block, Figure, Section, Table
from reportgen.report.document import Finding, ImageRecord, Warning_
from reportgen.report.ids import id_of, parts_of
from reportgen.utils.json_types import JSON


def told_apart(contribution: Contribution, model: str, *, first: bool) -> Contribution:
    """What an analysis contributes on one of several explained models.

    Args:
        first: whether it is the report's own model. Gates, and keys of the report, are its alone: a further model's keys stand
            under `models` and its name.
    """
    called: Callable[[str], str] = (lambda plain: plain) if first else (lambda plain: id_of(plain, model))
    section, further = contribution.section, contribution.report and {"models": {model: dict(contribution.report)}}
    return replace(
        contribution,
        section=None if section is None else _section(section, model, called, first=first),
        findings=[_finding(finding, model, called) for finding in contribution.findings],
        warnings=[named(warning, model) for warning in contribution.warnings],
        gates=contribution.gates if first else {},
        report=contribution.report if first else further,
    )


def named(warning: Warning_, model: str) -> Warning_:
    """A warning that says which model it is about."""
    return warning.model_copy(update={"text": _of(model, warning.text)})


def numbers_of_further(
    records: Mapping[str, Sequence[ImageRecord]], per_image: Mapping[str, Sequence[Mapping[str, JSON]]], position: int
) -> dict[str, JSON]:
    """What the further explained models say of one image, under `models` and their names; nothing where there are none.

    Args:
        records: by explained model, the report's own first.
        per_image: by contribution, under the id of analysis and model.
    """
    found: dict[str, JSON] = {}
    for model in list(records)[1:]:
        own = records[model][position].model_dump(mode="json", exclude=_SAME_FOR_EVERY_MODEL)
        numbers = {parts_of(name)[0]: of[position] for name, of in per_image.items() if parts_of(name)[1] == model}
        found[model] = {**own, **{name: dict(of) for name, of in numbers.items()}}
    return {"models": found} if found else {}


_SAME_FOR_EVERY_MODEL = {"name", "slug", "sha256", "width", "height"}


def _of(model: str, text: str) -> str:
    return f"{model}: {text}"


def _section(section: Section, model: str, called: Callable[[str], str], *, first: bool) -> Section:
    blocks = [_block(block, model, called, first=first) for block in section.blocks]
    title = f"{section.title}: {model}"
    return section.model_copy(update={"id": called(section.id), "title": title, "blocks": blocks})


def _block(block: Block, model: str, called: Callable[[str], str], *, first: bool) -> Block:
    if isinstance(block, Figure):
        pictures = [picture.model_copy(update={"alt": _of(model, picture.alt)}) for picture in block.pictures]
        return block.model_copy(
            update={"id": called(block.id), "caption": _of(model, block.caption), "pictures": pictures}
        )
    if isinstance(block, Table):
        update = {"id": called(block.id), "caption": _of(model, block.caption)}
        if first:
            return block.model_copy(update=update)
        # The few numbers beside an image's pictures are those of the report's own model.
        columns = [column.model_copy(update={"headline": False}) for column in block.columns]
        return block.model_copy(update={**update, "columns": columns})
    return block


def _finding(finding: Finding, model: str, called: Callable[[str], str]) -> Finding:
    evidence = [item.model_copy(update={"source": item.source and called(item.source)}) for item in finding.evidence]
    return finding.model_copy(
        update={
            "id": called(finding.id),
            "section": called(finding.section),
            "claim": _of(model, finding.claim),
            "evidence": evidence,
        }
    )
