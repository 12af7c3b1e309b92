"""The file that dissection makes of a probe set alone (`reportgen dissect`)."""

from __future__ import annotations

from typing import Any

from reportgen.analysis import wording
from reportgen.analysis.probe_file import MadeFile
from reportgen.analysis.run_view import ProbeView

from .label_file import FIRST, label_file
from .labels import Layer
from .probing import dissect, probe
from .settings import OWN, DissectionSettings


class LabelsOfUnits:
    """See `reportgen.analysis.probe_file.ProbeFile`."""

    description = "what each unit of a model responds to, with its controls, and what made the labels"
    begins = FIRST.encode()

    def own_settings(self, settings: DissectionSettings, model: str) -> DissectionSettings:
        """No file of labels is read to make one, and layers of other models do not matter."""
        layers = {name: layers for name, layers in settings.layers.items() if name == model}
        return settings.model_copy(update={"labels": OWN, "layers": layers})

    def make(self, run: ProbeView[Any]) -> MadeFile:
        """The labels of the first model's units."""
        probing = probe(run)
        (model,) = dissect(run, probing, run.models[:1])
        recipe = model.origin.recipe
        assert recipe is not None  # this run made the labels
        notes = [f"{skipped.name}: left out, {skipped.reason}" for skipped in run.probe.skipped]
        copies = len(run.probe.names) - probing.n_images
        if copies:
            notes.append(f"{wording.count(copies, 'copy', 'copies')} of other images left out")
        if recipe.exploratory:
            notes.append(
                f"{wording.count(recipe.probe_images, 'image')} for K = {recipe.top_k}: so few that the labels describe these images; "
                "reports will stamp them exploratory"
            )
        return MadeFile(
            data=label_file(model, recipe),
            columns=("layer", "units", "labelled", "threshold", "halves agree", "by chance"),
            rows=[_row(layer) for layer in model.layers],
            notes=tuple(notes),
        )


def _row(layer: Layer) -> tuple[str, ...]:
    agreement = ("", "") if layer.agreement is None else tuple(wording.percent(share) for share in layer.agreement)
    threshold = "" if layer.control is None else f"{layer.control.lift:.3f}"
    return (layer.name, str(layer.n_units), str(layer.n_labelled), threshold, *agreement)


LABELS_OF_UNITS = LabelsOfUnits()
