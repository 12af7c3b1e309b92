"""`python -m benchmarks resamples`: is what resamples of one draw say of LIME's stability what further draws say?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from reportgen.analyses.lime.settings import LimeSettings
from reportgen.analyses.lime.stability import Stability, repeats, resampled, stability
from reportgen.analyses.lime.surrogate import superpixels
from reportgen.analysis.view import View
from reportgen.images.decode import read_image
from reportgen.images.find import find_images
from reportgen.images.frame import model_frame
from reportgen.models.classifiers import resolve
from reportgen.models.runtime import Engine, choose_runtime
from reportgen.settings.model import Settings
from reportgen.storage.store import cache_folder

SAMPLES = Path(__file__).parent.parent / "sample_images"
# Draws that stand for the truth, of which three at a time are what `lime.repeats = 3` measures.
DRAWS, REPEATS, SEED = 8, 3, 1000
MEASURES = ("seeds", "half_samples", "half_features", "seeds_minus_half_samples", "seeds_minus_half_features")


@dataclass(frozen=True)
class Row:
    """The Jaccard indices of one image, in the order of MEASURES.

    Attributes:
        truth: over all draws; drawn: over three of them at a time; resampled: over the resamples of one of them at a time.
    """

    image: str
    superpixels: int
    truth: list[float]
    drawn: list[list[float]]
    resampled: list[list[float]]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks resamples", description=__doc__)
    parser.add_argument("--images", type=Path, default=SAMPLES)
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    rows = list(_rows(given.images, given.limit, given.model))
    if given.out:
        given.out.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    _print(rows)


def _rows(folder: Path, limit: int, model: str) -> Iterator[Row]:
    spec, models = resolve(model, Settings()), cache_folder() / "models"
    engine, settings = Engine(spec, choose_runtime(spec, "auto", "exact", models), models), LimeSettings(repeats=DRAWS)
    for file in find_images(folder).files[:limit]:
        view = View(model_frame(read_image(file, 10**8).pixels, spec.preprocessing), engine)
        target, segments = int(view.forward.logits[0].argmax()), superpixels(view.frame, settings)
        draws = repeats(view, segments, SEED, settings)
        held = [stability(segments, draws[i : i + REPEATS], target, settings) for i in (0, REPEATS)]
        again = [
            stability(segments, resampled(drawn, settings.resamples, number), target, settings)
            for number, drawn in enumerate(draws[:REPEATS])
        ]
        truth = _measured(stability(segments, draws, target, settings))
        row = Row(file.name, int(segments.max()) + 1, truth, [*map(_measured, held)], [*map(_measured, again)])
        print(row.image, *(f"{value:.3f}" for value in row.truth), flush=True)
        yield row


def _measured(held: Stability) -> list[float]:
    """NaN where all masks are empty."""
    found = [held.jaccard_seeds, held.jaccard_half_samples, held.jaccard_half_features]
    seeds, samples, features = (np.nan if value is None else value for value in found)
    return [seeds, samples, features, seeds - samples, seeds - features]


def _print(rows: Sequence[Row]) -> None:
    truth = np.array([row.truth for row in rows])
    print(f"\n{len(rows)} images; truth: {DRAWS} draws; bias, root mean square error, correlation over images")
    for name, found in (
        (f"{REPEATS} draws ({REPEATS * 500} passes)", [row.drawn for row in rows]),
        ("resamples of one draw (500 passes)", [row.resampled for row in rows]),
    ):
        print(name)
        estimates = np.array(found)
        for place, measure in enumerate(MEASURES):
            off = estimates[:, :, place] - truth[:, None, place]
            both = [estimates[:, :, place].ravel(), np.repeat(truth[:, place], estimates.shape[1])]
            r = float(np.corrcoef(both)[0, 1])
            print(f"  {measure:28}{np.nanmean(off):+.3f}  {np.sqrt(np.nanmean(off**2)):.3f}  {r:.2f}")
