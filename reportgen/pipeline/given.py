"""What the user gave to a run, looked through: the images, the probe set, and what is no part of either."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from reportgen.images.files import InputFile
from reportgen.images.find import find_images
from reportgen.images.folder import Folder
from reportgen.images.left_alone import PROBE, rest_reason
from reportgen.images.remarks import Remarks
from reportgen.images.sources.given import Images
from reportgen.settings.model import Settings
from reportgen.utils.terminal_text import first_of
from reportgen.utils.untrusted_files import is_folder, user_path

# Read by reportgen itself where a run is made in the folder of the images.
_OWN_FILES = frozenset({"reportgen.toml", "pyproject.toml"})


def look_through(
    images: Images, settings: Settings, remarks: Remarks, out: Path | None, say: Callable[[str], None]
) -> Folder:
    """The images of a run. The folders of the report and of a probe set are no part of them, though they lie below.

    Args:
        out: the run folder, whether it is there or not.
        say: tells the user a line.

    Raises:
        UsageError: something is missing, cannot be read, or is neither an image nor holds any.
    """
    probe = None if settings.probe is None else user_path(settings.probe)
    apart = {probe: PROBE} if probe is not None and is_folder(probe) else {}
    return find_images(images, remarks, apart=apart, out=out, allow_download=settings.allow_download, say=say)


def look_through_probe(settings: Settings, out: Path | None) -> Folder:
    """The probe set that the settings name; what is left alone in it is not told."""
    assert settings.probe is not None
    return find_images(settings.probe, out=out, allow_download=settings.allow_download)


def warn_of_shared(images: Folder, probe: Folder, remarks: Remarks) -> None:
    """Say that images of the run lie in the probe set, too."""
    of_probe = {_place(file) for file in probe.files}
    shared = [file.name for file in images.files if _place(file) in of_probe]
    if shared:
        remarks.warn(
            "images-in-probe-set",
            "Images that are in the probe set, too",
            f"{len(shared)} of {len(images.files)} images are also in the probe set that units are labelled on: "
            f"{first_of(shared, 3)}.",
        )


def _place(file: InputFile) -> object:
    return file.stored or file.path.resolve()


def leave_rest(folder: Folder, remarks: Remarks, settings: Settings, *, uses_truth: bool) -> None:
    """Name what no reader of labels or annotations used; to be called after all of them.

    Args:
        uses_truth: whether annotations and masks were read in this run.
    """
    seen, named = remarks.seen, _named_in(settings)
    for name, file in folder.beside.items():
        if name in seen or name in folder.neighbours or name in _OWN_FILES:
            continue
        if file.stored is None and file.path.resolve() in named:
            continue
        remarks.leave(name, rest_reason(name, uses_truth=uses_truth))


def _named_in(settings: Settings) -> Collection[Path]:
    """The files that settings name: what they are for is said there."""
    return {user_path(path).resolve() for _, path in settings.paths()}
