"""What a run's classifiers cannot give its analyses: known before any work, and said.

An analysis declares what it `needs` of a classifier, a classifier's spec says what it `lacks` and why. What an analysis needs of
another one it names in `requires`; what it can do without stands in `optional` as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reportgen.analysis.protocol import AnyAnalysis
from reportgen.models.classifiers.base import ClassifierSpec
from reportgen.settings.model import Settings
from reportgen.utils.errors import Problems


@dataclass(frozen=True)
class LeftOut:
    """An analysis that is not made of a model.

    Attributes:
        why: in words that may follow a "because".
        whole: whether it is made of no model of the run.
    """

    analysis: AnyAnalysis
    model: str
    why: str
    whole: bool

    @property
    def sentence(self) -> str:
        return f"{self.analysis.title}: left out for {self.model}, because {self.why}."


@dataclass(frozen=True)
class Capabilities:
    """Which analyses are made of which models.

    Attributes:
        analyses: those that are made of at least one model.
        gaps: by analysis and model why it is not made of it.
        left_out: what a reader is told: analyses with a section of their own.
    """

    analyses: tuple[AnyAnalysis, ...]
    gaps: Mapping[tuple[str, str], str] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()


def capabilities(
    analyses: Sequence[AnyAnalysis], specs: Mapping[str, ClassifierSpec], settings: Settings
) -> Capabilities:
    """Decide what can be done.

    Raises:
        Problems: a task that is asked for by name can be done on no model.
    """
    gaps = _gaps(analyses, specs, settings)
    if not gaps:
        return Capabilities(tuple(analyses))
    gone = {analysis.name for analysis in analyses if _is_gone(analysis, gaps, settings)}
    for analysis in analyses:
        serves = [other for other in analyses if analysis.name in other.requires]
        if not analysis.has_section and serves and all(other.name in gone for other in serves):
            gone.add(analysis.name)
    by_name = {analysis.name: analysis for analysis in analyses}
    left_out = tuple(LeftOut(by_name[name], model, why, name in gone) for (name, model), why in gaps.items())
    refused = [one for one in left_out if one.whole and one.analysis.name in settings.tasks]
    if refused:
        raise Problems(
            [
                f"task {one.analysis.name} cannot be done on {one.model}, because {one.why}; drop the task, or explain another model"
                for one in refused
            ]
        )
    kept = tuple(analysis for analysis in analyses if analysis.name not in gone)
    return Capabilities(kept, gaps, left_out)


def _gaps(
    analyses: Sequence[AnyAnalysis], specs: Mapping[str, ClassifierSpec], settings: Settings
) -> dict[tuple[str, str], str]:
    """By analysis and model what is missing: of the model, or of another analysis."""
    found: dict[tuple[str, str], str] = {}
    for analysis in analyses:
        for model in analysis.models(settings):
            lacks = specs[model].lacks if model in specs else {}
            why = next((reason for need, reason in lacks.items() if need in analysis.needs), None)
            if why is not None:
                found[analysis.name, model] = why
    by_name = {analysis.name: analysis for analysis in analyses}
    before = -1
    while len(found) != before:  # what requires an analysis may be required itself
        before = len(found)
        for analysis in analyses:
            for model in analysis.models(settings) or settings.explained:
                needed = [
                    name for name in analysis.requires if name not in analysis.optional and (name, model) in found
                ]
                if needed:
                    found.setdefault((analysis.name, model), f"it needs {_named(by_name[needed[0]].title)}")
    return found


def _is_gone(analysis: AnyAnalysis, gaps: Mapping[tuple[str, str], str], settings: Settings) -> bool:
    """Whether an analysis is made of no model; one that looks at all explained models together needs every one of them."""
    models = analysis.models(settings)
    if not models:
        return any((analysis.name, model) in gaps for model in settings.explained)
    return all((analysis.name, model) in gaps for model in models)


def _named(title: str) -> str:
    """A chapter's title inside a sentence."""
    return title if title[:2].isupper() else f"{title[0].lower()}{title[1:]}"
