"""`run --from RUN`: the settings of a run that is there, its images checked, and what differs on this machine.

A report comes from strangers and names no folders: a file that its settings name is looked for by name in the working
folder, or has to be named again. Neither leave to download nor a larger limit on images is taken from it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reportgen.models.classifiers import resolve
from reportgen.rendering import shipped_names, template_sha256
from reportgen.report.diff import compare
from reportgen.report.document import Report
from reportgen.report.open import read_report
from reportgen.settings.load import Loaded, load
from reportgen.settings.model import BUILT_IN_CONCEPTS, CHECKPOINT, Settings
from reportgen.sharing.verify import Verification, compare_images
from reportgen.utils.errors import CheckFailed, Problems, UsageError
from reportgen.utils.versions import own_version, versions

MOST_NAMED = 5


@dataclass(frozen=True)
class Repeat:
    """A run to make again.

    Attributes:
        command: the first run's own, which the report shows where nothing but places differs; else None.
        notes: what differs on this machine, or in the settings, a line each.
    """

    report: Report
    images: Path
    loaded: Loaded
    command: list[str] | None
    notes: list[str]

    def outcome(self, again: Report) -> str:
        """One line: whether the repeated run found the same."""
        found = compare(self.report, again, 0.0)
        if found.same:
            return "repeated: every number, text and verdict is the same"
        return f"repeated, with {found.count} differences; reportgen diff shows them"


def prepare(source: Path, images: Path | None, flags: Mapping[str, Any], config: Path | None) -> Repeat:
    """Everything that the run needs, checked before any work.

    Args:
        images: None: a folder called as the first run's, here or beside it.
        flags, config: win over the first run's settings, and name its files again.

    Raises:
        Problems: a file has to be named again.
        UsageError: not a report, or its images are not found.
        CheckFailed: images, weights or the template are not those of the first run.
    """
    report = read_report(source)
    folder = images or _images_of(report, source)
    loaded = _settings(report, source, flags, config)
    _check_images(report, folder, source)
    _check_files(report, loaded.settings, source)
    changed = list(_changed(report.settings, loaded.settings.public()))
    command = None if changed else list(report.provenance.command)
    return Repeat(report, folder, loaded, command, [*changed, *_other_versions(report)])


def _changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key, value in _leaves(now):
        before = _at(then, key)
        if before != value and not (before is None and value == _default(key)):  # an older report lacks newer settings
            yield f"setting {'.'.join(key)}: {before!r} then, {value!r} now"


def _without_folder(model: str) -> str:
    """A checkpoint by its file's name alone, which no report of ours exceeds."""
    return CHECKPOINT + Path(model).name if model.startswith(CHECKPOINT) else model


def _images_of(report: Report, source: Path) -> Path:
    parts = report.provenance.command
    name = Path(parts[2]).name if len(parts) > 2 else ""
    for folder in (Path(name), source.parent / name) if name else ():
        if folder.is_dir():
            return folder
    called = f" (a folder called {name!r})" if name else ""
    raise UsageError(f"{source}: its images{called} are not here; say where: reportgen run IMAGES --from {source}")


def _settings(report: Report, source: Path, flags: Mapping[str, Any], config: Path | None) -> Loaded:
    """The first run's settings under the flags and the file; what names files is found here, or asked for."""
    base = copy.deepcopy(report.settings)
    base["models"] = [_without_folder(str(name)) for name in base.get("models") or ()]
    asked = list(_taken_out(base))
    # Only what the user says: the files that they name.
    loaded = load(dict(flags), config, base=base)
    lines = []
    for key, value in asked:
        if _at(loaded.settings.model_dump(mode="json"), key) not in (None, _default(key)):
            continue
        if key[-1] in ("allow_download", "max_pixels"):
            lines.append(
                f"{source}: was made with {'.'.join(key)} = {value}; say so again with --config, if you mean it"
            )
        elif Path(str(value)).name == value != ".." and Path(value).exists():
            _put(base, key, value)
        else:
            name = Path(str(value)).name
            lines.append(
                f"{source}: setting {'.'.join(key)} names the file {name!r}; run where it lies, or name it again: {_how(key)}"
            )
    if lines:
        raise Problems(lines)
    return load(dict(flags), config, base=base)


def _taken_out(settings: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Take out what is not to be had from a report alone: files, and what would let a stranger do more."""
    for group in ("weights", "classes"):
        if not isinstance(settings.get(group), dict):
            continue
        for name in list(settings[group]):
            yield (group, name), settings[group].pop(name)
    for key in (("probe",), ("document", "logo"), ("document", "extra_css"), ("dissection", "concepts"), ("template",)):
        value = _at(settings, key)
        if value in (None, *BUILT_IN_CONCEPTS, *(shipped_names() if key == ("template",) else ())):
            continue
        _pop(settings, key)
        yield key, value
    if settings.pop("allow_download", False):
        yield ("allow_download",), True
    if (pixels := settings.pop("max_pixels", None)) is not None and pixels != _default(("max_pixels",)):
        if isinstance(pixels, int) and pixels < _default(("max_pixels",)):
            settings["max_pixels"] = pixels
        else:
            yield ("max_pixels",), pixels


def _how(key: tuple[str, ...]) -> str:
    if key in (("probe",), ("template",)):
        return f"--{key[0]} FOLDER"
    *groups, last = key
    return f'--config FILE with [{".".join(groups)}] "{last}" = "PATH"'


def _check_images(report: Report, folder: Path, source: Path) -> None:
    found = Verification()
    compare_images(report, folder, found)
    lines = [f"{line} {word}" for word in ("changed", "missing", "extra") for line in getattr(found, word)]
    if lines:
        more = f" and {len(lines) - MOST_NAMED} more" if len(lines) > MOST_NAMED else ""
        raise CheckFailed(f"{folder}: not the images of {source}: {'; '.join(lines[:MOST_NAMED])}{more}")


def _check_files(report: Report, settings: Settings, source: Path) -> None:
    for model in report.provenance.models:
        if model.name in settings.models and resolve(model.name, settings).weights_sha256 != model.weights_sha256:
            raise CheckFailed(
                f"{model.name}: its weights are not those of {source} (SHA-256 {model.weights_sha256[:16]}…)"
            )
    template = report.provenance.template
    own = settings.template not in shipped_names()  # a shipped one differs with the version, which is told
    if template is not None and own and template_sha256(settings.template) != template.sha256:
        raise CheckFailed(f"{settings.template}: not the template of {source}: its files are others")


def _other_versions(report: Report) -> list[str]:
    made = report.provenance
    then, here = {"reportgen": made.reportgen, **made.packages}, {"reportgen": own_version(), **versions()}
    return [
        f"{name} {then.get(name, 'absent')} then, {here.get(name, 'absent')} now"
        for name in dict.fromkeys([*then, *here])
        if then.get(name) != here.get(name)
    ]


def _leaves(value: Mapping[str, Any], key: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _leaves(inner, (*key, name))
        else:
            yield (*key, name), inner


def _at(settings: Any, key: Sequence[str]) -> Any:
    for part in key:
        settings = settings.get(part) if isinstance(settings, Mapping) else None
    return settings


def _put(settings: dict[str, Any], key: Sequence[str], value: Any) -> None:
    for part in key[:-1]:
        settings = settings.setdefault(part, {})
    settings[key[-1]] = value


def _pop(settings: dict[str, Any], key: Sequence[str]) -> None:
    for part in key[:-1]:
        settings = settings[part]
    settings.pop(key[-1])


def _default(key: Sequence[str]) -> Any:
    return _at(Settings().model_dump(mode="json"), key)
