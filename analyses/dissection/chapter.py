"""What the chapter is made from: the labels that it is about, those that this run made, and what its images drive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from .driven import Driven, driven
from .labels import DissectedModel
from .origins import labelled_models, words_of
from .probing import DissectionRun, Probing, dissect, probe

Nearest = list[tuple[str, str, float]]


@dataclass(frozen=True)
class Chapter:
    """See above.

    Attributes:
        models: in the run's order, with the labels that the chapter is about.
        computed: by model the labels that this run made, of its images or of the probe set.
    """

    run: DissectionRun
    probing: Probing
    models: tuple[DissectedModel, ...]
    computed: Mapping[str, DissectedModel]

    @property
    def decisive(self) -> list[DissectedModel]:
        """The models whose labels rest on enough images to decide a claim."""
        return [model for model in self.models if not model.origin.exploratory]

    @property
    def exploratory(self) -> list[DissectedModel]:
        return [model for model in self.models if model.origin.exploratory]

    @property
    def given(self) -> list[DissectedModel]:
        """The models whose labels come from a table or a file."""
        return [model for model in self.models if not model.origin.computed]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The distinct classes of the run's images, labels where they are known, else predictions."""
        return tuple(dict.fromkeys((image.label or image.target).name for image in self.run.images))

    @cached_property
    def nearest(self) -> dict[str, Nearest]:
        """By model, for each of the images' classes: its name, the nearest of the concepts that its units were labelled with,
        and their cosine. A file that does not hold its concept set is asked for the concepts that label a unit."""
        return self._nearest_to(self.class_names)

    @cached_property
    def nearest_to_any(self) -> dict[str, tuple[str, ...]]:
        """By model the nearest concept of every class that the explained model knows."""
        return {
            model: tuple(concept for _, concept, _ in found)
            for model, found in self._nearest_to(self.run.classes.names).items()
        }

    def _nearest_to(self, names: tuple[str, ...]) -> dict[str, Nearest]:
        found: dict[tuple[str, ...] | None, Nearest] = {}
        of_model = {}
        for model in self.models:
            recipe = model.origin.recipe
            same = recipe is not None and recipe.concepts_sha256 == self.probing.concepts.sha256
            words = None if same else words_of(model.layers)
            if words not in found:
                found[words] = self.probing.nearest(names, words)
            of_model[model.model] = found[words]
        return of_model

    @cached_property
    def driven(self) -> dict[str, Driven]:
        """By model what the run's images drive in its last layer; only those for which that can be said."""
        return {model.model: found for model in self.models for found in driven(self.run, model, model.layers[-1:])}


def chapter(run: DissectionRun) -> Chapter:
    """Label every unit, or take its label from where the settings say."""
    probing = probe(run)
    computed = {model.model: model for model in dissect(run, probing, run.models)}
    return Chapter(run, probing, tuple(labelled_models(run, computed)), computed)
