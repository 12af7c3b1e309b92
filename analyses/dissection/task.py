"""Task 1: network dissection. Which concept does each unit of the last five stages respond to?"""

from __future__ import annotations

from collections.abc import Mapping

from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject, View
from reportgen.models.encoders.registry import resolve_encoder
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError
from reportgen.utils.json_types import JSON

from .origins import file_owner, given_file, require_fit
from .result import DissectionResult, EmbeddingResult, SharedLabels
from .rules import RULES
from .section import reduce_dissection
from .settings import DissectionSettings
from .terms import TERMS
from .unit_table import LABELS_OF_UNITS
from .works import WORKS


class Embedding(Analysis[DissectionSettings, EmbeddingResult]):
    """The image side of the concept encoder. It serves dissection and has no section: the encoder may read another classifier
    than those dissected, and its result must outlive a change of theirs."""

    name = "embedding"
    settings_name = "dissection"
    title = "Concept embedding"
    version = "1"
    concurrent = True
    order = 5
    over = "probe"
    has_section = False
    per_model = False

    def models(self, settings: Settings) -> tuple[str, ...]:
        return (resolve_encoder(self.own(settings).encoder, settings).classifier or settings.models[0],)

    def encoders(self, settings: Settings) -> tuple[str, ...]:
        return (self.own(settings).encoder,)

    def relevant(self, settings: Settings) -> Mapping[str, JSON]:
        return resolve_encoder(self.own(settings).encoder, settings).identity()

    def map(self, subject: Subject[DissectionSettings]) -> EmbeddingResult:
        encoder = subject.encoder(subject.settings.encoder)
        with subject.timed("embedding"):
            return EmbeddingResult(encoder.observe(subject.view.frame, subject.view.forward.logits[0]))

    def reduce(self, run: RunView[DissectionSettings]) -> Contribution:
        return Contribution(section=None)


class Dissection(Analysis[DissectionSettings, DissectionResult]):
    """The spatially averaged activation of every unit, image by image, and the label that they add up to."""

    name = "dissection"
    title = "Network dissection"
    version = "2"
    concurrent = True
    shares = SharedLabels
    order = 10
    requires = ("embedding",)
    needs = frozenset({"stages"})
    over = "probe"
    per_model = False
    works = WORKS
    terms = TERMS
    rules = RULES
    probe_file = LABELS_OF_UNITS

    def models(self, settings: Settings) -> tuple[str, ...]:
        return settings.models

    def require_settings(self, settings: Settings) -> None:
        unknown = [name for name in self.own(settings).layers if name not in settings.models]
        if unknown:
            raise UsageError(f"dissection.layers names {unknown[0]}, which is not among the models of this run")
        file = given_file(self.own(settings))
        if file is not None:
            file_owner(file, settings.models, settings.explained[0])

    def relevant(self, settings: Settings) -> Mapping[str, JSON]:
        return {"layers": {name: list(layers) for name, layers in self.own(settings).layers.items()}}

    def map(self, subject: Subject[DissectionSettings]) -> DissectionResult:
        engine = subject.view.engine
        layers = subject.settings.layers.get(engine.spec.name, ())
        with subject.timed(f"dissection {engine.spec.name}"):
            means = engine.stage_means(subject.view.input[None], layers)
        _require_fit(subject, {stage: rows.shape[1] for stage, rows in means.items()})
        return DissectionResult({stage: rows[0] for stage, rows in means.items()})

    def check(self, view: View) -> dict[str, str | None]:
        try:
            means = view.engine.stage_means(view.input[None])
        except UsageError as error:
            return {"layers": str(error)}
        return {f"{stage} ({rows.shape[1]} units)": None for stage, rows in means.items()}

    def reduce(self, run: RunView[DissectionSettings]) -> Contribution:
        return reduce_dissection(run)


def _require_fit(subject: Subject[DissectionSettings], units: Mapping[str, int]) -> None:
    """Stop at the first image where the user's labels are not this model's: the chapter, which asks again, comes last.

    Raises:
        UsageError: see `origins.require_fit`.
    """
    file, spec = given_file(subject.settings), subject.view.engine.spec
    if file is not None and spec.name == file.owner(subject.explained):
        require_fit(file, spec.name, spec.weights_sha256, units)


EMBEDDING = Embedding()
ANALYSIS = Dissection()
