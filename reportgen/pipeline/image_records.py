"""What a run records of each image before any analysis is reduced, and which images have figures and files of their own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image

from reportgen.analysis.protocol import AnyAnalysis
from reportgen.analysis.run_view import Files
from reportgen.analysis.shown import PROBABILITY, select
from reportgen.images.names import slugs
from reportgen.pipeline.map import Mapped
from reportgen.pipeline.mapped_folder import MappedFolder
from reportgen.pipeline.plan import Plan
from reportgen.report.blocks import Picture
from reportgen.report.bounds import carded
from reportgen.report.document import ImageRecord, Label, Shown, Target
from reportgen.storage.run_folder import FurtherModel, RunFolder
from reportgen.storage.unread import ArrayNotRead

THUMB_PX = 128


def choose_shown(made: Plan, mapped: Mapped, results: MappedFolder) -> Shown:
    """Which images have figures: ranked by what the last analysis that ranks images measured, or by probability."""
    names, chosen = results.names, made.settings.document
    own = [image.observations[made.explained] for image in mapped.images]
    scores: list[float | None] = [observation.prediction.probability for observation in own]
    measure = PROBABILITY
    ranking = [a for a in made.analyses if a.ranked_by and (a.name, made.explained) not in made.gaps]
    if ranking and len(names) > chosen.figures:
        analysis = ranking[-1]
        measure = analysis.ranked_by
        scores = [_score(analysis, results, i) for i in range(len(names))]
    return select(names, scores, measure, most=chosen.figures, asked=chosen.show)


def _score(analysis: AnyAnalysis, results: MappedFolder, position: int) -> float | None:
    """What an analysis ranks an image by; the arrays of its result are read where that takes them."""
    try:
        return analysis.rank(results.values(analysis.name, position, analysis.result))
    except ArrayNotRead:
        return analysis.rank(results.result(analysis.name, position, analysis.result))


def files_of(model: str, made: Plan, files: RunFolder) -> Files:
    """Where the files of an explained model go: the first one's where those of a single model do, any other's below a folder."""
    if model == made.explained:
        return files
    own = [analysis.parameter_file for analysis in made.analyses]
    return FurtherModel(files, slugs(made.every_explained)[model], {file.name for file in own if file is not None})


def record_every(
    made: Plan, mapped: Mapped, shown: Shown, results: MappedFolder, files: RunFolder
) -> dict[str, list[ImageRecord]]:
    """By explained model its records of the images, their pictures written."""
    return {
        model: record_images(
            model,
            mapped,
            made.labels_of(model),
            shown,
            results,
            files_of(model, made, files),
            made.settings.document.records,
        )
        for model in made.every_explained
    }


def record_images(
    model: str,
    mapped: Mapped,
    labels: Mapping[str, Label],
    shown: Shown,
    results: MappedFolder,
    files: Files,
    most: int,
) -> list[ImageRecord]:
    """One record an image; analyses add their numbers when the report is assembled.

    Args:
        most: of a run of more images (`document.records`) the pictures of those with figures or a card are written, and the records of
            those without files say under which keys the store has their results.
    """
    names = slugs([image.file.name for image in mapped.images])
    in_full, chosen = len(mapped.images) <= most, frozenset(shown.images)
    pictured = chosen | frozenset([] if in_full else carded(results.names, chosen))
    records = []
    for position, image in enumerate(mapped.images):
        name, observation = image.file.name, image.observations[model]
        prediction, slug, label = observation.prediction, names[name], labels.get(name)
        alt = f"Input image {name}, predicted {prediction.name} with probability {prediction.probability:.2f}."
        picture = Picture(file="", width=0, height=0, alt=alt)
        if in_full or name in pictured:
            pixels = _pictured(results.frame(position, model), full=name in chosen)
            picture = files.photo(f"figures/{slug}-input.jpg", pixels, alt=alt)
        extra: dict[str, object] = {}
        if observation.deviation is not None:
            extra["deviation"] = vars(observation.deviation)
        if not in_full and name not in chosen:
            extra["results"] = {analysis: key for (analysis, of), key in image.keys.items() if of == model and key}
        records.append(
            ImageRecord(
                name=name,
                slug=slug,
                sha256=image.sha256,
                width=observation.width,
                height=observation.height,
                picture=picture,
                label=label,
                prediction=prediction,
                target=Target(index=prediction.index, name=prediction.name),
                correct=None if label is None else label.index == prediction.index,
                **extra,
            )
        )
    return records


def _pictured(frame: np.ndarray, *, full: bool) -> np.ndarray:
    """The frame of an image that has figures; a small copy for the contact sheet of any other."""
    if full:
        return frame
    small = Image.fromarray(frame)
    small.thumbnail((THUMB_PX, THUMB_PX), Image.Resampling.LANCZOS)
    return np.asarray(small)
