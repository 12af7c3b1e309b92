"""`reportgen validate`: a file of parameters that somebody wrote, checked, and scored on images with masks.

reportgen knows files, images, masks and models; the analysis that declares a `parameter_file` knows what an entry means.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from reportgen.analysis.parameter_file import CheckedParameters, ParameterFile
from reportgen.analysis.registry import load_analyses
from reportgen.analysis.view import View
from reportgen.images.decode import Reading, read_image
from reportgen.images.files import InputFile, UnreadableFile
from reportgen.images.find import find_images
from reportgen.images.frame import model_frame
from reportgen.images.ground_truth.annotation import mask_in_frame
from reportgen.images.ground_truth.masks import MASK_SUFFIX
from reportgen.images.names import slugs
from reportgen.images.sources.given import Images
from reportgen.models.classifiers import resolve
from reportgen.models.runtime import Engine, choose_runtime
from reportgen.settings.model import Settings
from reportgen.storage.cache import in_use
from reportgen.storage.store import cache_folder
from reportgen.utils.errors import CheckFailed, NothingToDo, UsageError
from reportgen.utils.plain_pickle import MAX_BYTES
from reportgen.utils.progress import Progress
from reportgen.utils.untrusted_files import is_file, is_folder, read_at_most


@dataclass(frozen=True)
class Scored:
    """One entry of the file on its image.

    Attributes:
        iou: of the method's mask and the given one in the model's frame; None where both are empty, or it was not scored.
        seconds: that the method took; only for the terminal.
        problem: why it was not scored.
    """

    entry: str
    image: str = ""
    iou: float | None = None
    seconds: float = 0.0
    problem: str | None = None


def read_parameters(file: Path) -> CheckedParameters:
    """Read and check a parameter file; nothing that it holds is run.

    Raises:
        UsageError: there is no such file.
        CheckFailed: nothing can be read from it, or it holds more than plain data.
    """
    data = read_at_most(file, MAX_BYTES)
    try:
        return _installed_format().check(data)
    except CheckFailed as error:
        raise CheckFailed(f"{file}: {error}") from None


def score_parameters(
    checked: CheckedParameters, images: Images, masks: Path, settings: Settings, progress: Progress
) -> Iterator[Scored]:
    """Apply each entry to its image with the first model of the settings, and compare with the mask that the user gives.

    Args:
        checked: a file without problems.
        masks: a folder of PNG files, what is not 0 is the object: `<slug>.png`, `<stem>.png` or `<stem>.mask.png`, as
            large as the upright image or as the model's frame.

    Raises:
        NothingToDo: no entry has both an image and a mask.
        UsageError: a folder or the model is missing.
    """
    if not is_folder(masks):
        raise UsageError(f"{masks}: no such folder of masks")
    method, found = _installed_format(), find_images(images)
    names = found.names
    files = dict(zip(method.keys(names), found.files, strict=True))
    places = {name: _mask_file(masks, name, slug) for name, slug in slugs(names).items()}
    if not any(places[file.name] for key, file in files.items() if key in checked.entries):
        counted = f"{len(names)} images found, {len(found.skipped)} skipped"
        raise NothingToDo(f"{masks}: no mask for any entry's image ({counted}); name it like the image, ending .png")
    with in_use(cache_folder()):  # a run that ends meanwhile sweeps the cache
        engine = _engine(settings)
        progress.stage("Scoring entries", len(checked.entries))
        for key, entry in checked.entries.items():
            if key not in files:
                yield Scored(key, problem="no image of that name in the folder")
            elif (mask := places[files[key].name]) is None:
                yield Scored(key, files[key].name, problem="no mask")
            else:
                try:
                    image = read_image(files[key], settings.max_pixels, Reading.of(settings))
                    iou, seconds = _iou(partial(method.mask, entry=entry), engine, image.pixels, mask)
                    yield Scored(key, image.name, iou, seconds)
                except (UnreadableFile, UsageError) as error:
                    yield Scored(key, files[key].name, problem=str(error))
            progress.step(key)


def _installed_format() -> ParameterFile:
    """The parameter file of the installed analyses: the first in the report's order that declares one."""
    for analysis in load_analyses():
        if analysis.parameter_file is not None:
            return analysis.parameter_file
    raise UsageError("no installed analysis has a parameter file to validate")


def _engine(settings: Settings) -> Engine:
    spec, models = resolve(settings.explained[0], settings), cache_folder() / "models"
    return Engine(spec, choose_runtime(spec, settings.runtime, settings.precision, models), models)


def _mask_file(folder: Path, name: str, slug: str) -> Path | None:
    stem = PurePosixPath(name).stem
    places = (folder / f"{slug}.png", folder / f"{stem}.png", folder / f"{stem}{MASK_SUFFIX}")
    return next((place for place in places if is_file(place)), None)


def _iou(
    select: Callable[[View, int], np.ndarray], engine: Engine, pixels: np.ndarray, mask: Path
) -> tuple[float | None, float]:
    """Of the model's own top class; and the seconds that the method took, the model's conversion not among them."""
    preprocessing = engine.spec.preprocessing
    truth = mask_in_frame(InputFile(mask.name, mask), pixels.shape[1], pixels.shape[0], preprocessing)
    view = View(model_frame(pixels, preprocessing), engine)
    target = int(view.forward.logits[0].argmax())
    start = time.perf_counter()
    selected = select(view, target)
    seconds = time.perf_counter() - start
    union = int((selected | truth).sum())
    return (int((selected & truth).sum()) / union if union else None), seconds
