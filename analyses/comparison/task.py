"""Several explained models, compared on the same images."""

from __future__ import annotations

from reportgen.analysis.protocol import Analysis, Contribution
from reportgen.analysis.run_view import RunView
from reportgen.analysis.view import Subject
from reportgen.settings.group import NoSettings
from reportgen.settings.model import Settings
from reportgen.utils.errors import UsageError

from ..cams.settings import CamSettings
from .measured import GRADCAM
from .rules import RULES
from .section import TITLE, reduce_comparison


class Comparison(Analysis[NoSettings, None]):
    """Every two explained models; it maps nothing, and reads what the others found for each."""

    name = "comparison"
    title = TITLE
    version = "1"
    concurrent = True
    order = 70
    requires = ("cams",)
    per_model = False
    rules = RULES

    def models(self, settings: Settings) -> tuple[str, ...]:
        return ()

    def applies(self, settings: Settings) -> bool:
        return len(settings.explained) > 1

    def require_settings(self, settings: Settings) -> None:
        if not self.applies(settings):
            raise UsageError("the comparison task needs two explained models: name them in explain, or drop the task")
        if GRADCAM not in settings.group("cams", CamSettings).methods:
            raise UsageError(
                "the comparison task compares Grad-CAM maps: add gradcam to cams.methods, or explain one model"
            )

    def map(self, subject: Subject[NoSettings]) -> None:
        """Nothing: it is mapped over no model."""

    def reduce(self, run: RunView[NoSettings]) -> Contribution:
        return reduce_comparison(run)


ANALYSIS = Comparison()
