"""Concept attribution: which labelled units carry a prediction, and whether their labels explain it."""

from __future__ import annotations

from collections.abc import Mapping

from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject
from reportgen.settings.model import Settings
from reportgen.utils.json_types import JSON

from .decomposition import decompose
from .result import AttributionResult
from .rules import RULES
from .section import TITLE, reduce_attribution
from .settings import AttributionSettings
from .terms import TERMS
from .works import WORKS


class Attribution(Analysis[AttributionSettings, AttributionResult]):
    """The logit of the target class as a sum over the units of the last feature map, added up by their labels."""

    name = "attribution"
    title = TITLE
    version = "2"
    concurrent = True
    order = 15
    requires = ("dissection",)
    needs = frozenset({"activations"})
    works = WORKS
    terms = TERMS
    rules = RULES

    def encoders(self, settings: Settings) -> tuple[str, ...]:
        return (self.own(settings).encoder,)

    def relevant(self, settings: Settings) -> Mapping[str, JSON]:
        return {}  # every setting is of the reduce

    def map(self, subject: Subject[AttributionSettings]) -> AttributionResult:
        with subject.timed("attribution"):
            return decompose(subject.view, subject.target)

    def reduce(self, run: RunView[AttributionSettings]) -> Contribution:
        return reduce_attribution(run)


ANALYSIS = Attribution()
