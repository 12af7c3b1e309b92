"""`run --from RUN`: the settings of a run that is there, its images checked, and what differs on this machine.

A report may come from anybody, and names no folders: a file that its settings name is looked for by name in the working
folder, or has to be named again. Neither leave to download nor a larger limit on images is taken from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import takewhile
from pathlib import Path
from typing import TypeAlias

from reportgen.images.sources.given import Images, given_of
from reportgen.models.classifiers import resolve
from reportgen.rendering.templates import shipped_names, template_sha256
from reportgen.report.diff import compare
from reportgen.report.document import Report
from reportgen.report.open import read_report
from reportgen.settings.files import files_named_in
from reportgen.settings.group import paths_of
from reportgen.settings.load import Loaded, load
from reportgen.settings.model import Settings, settings_class, without_folders
from reportgen.sharing.verify import Verification, compare_images
from reportgen.utils.errors import CheckFailed, Problems, UsageError
from reportgen.utils.json_types import JSON
from reportgen.utils.terminal_text import first_of
from reportgen.utils.versions import own_version, versions

MOST_NAMED = 5
Key: TypeAlias = tuple[str, ...]  # of a setting, from the outermost group in
_LIMITS: tuple[Key, ...] = (("allow_download",), ("max_pixels",))


@dataclass(frozen=True)
class Repeat:
    """A run to make again.

    Attributes:
        command: the first run's own, which the report shows where nothing but places differs; else None.
        notes: what differs on this machine, or in the settings, a line each.
    """

    report: Report
    images: Images
    loaded: Loaded
    command: list[str] | None
    notes: list[str]

    def outcome(self, again: Report) -> str:
        """One line: whether the repeated run found the same."""
        found = compare(self.report, again, 0.0)
        if found.same:
            return "repeated: every number, text and verdict is the same"
        return f"repeated, with {found.count} differences; reportgen diff shows them"


def prepare(source: Path, images: Images | None, flags: Mapping[str, JSON], config: Path | None) -> Repeat:
    """Everything that the run needs, checked before any work.

    Args:
        images: None: what is called as the first run's images, here or beside it.
        flags, config: win over the first run's settings, and name its files again.

    Raises:
        Problems: a file has to be named again.
        UsageError: not a report, or its images are not found.
        CheckFailed: images, weights or the template are not those of the first run.
    """
    planned = plan(source, images, flags, config)
    allowed = planned.loaded.settings.allow_download
    require_same_images(planned.report, planned.images, source, allow_download=allowed)
    require_same_files(planned.report, planned.loaded.settings, source)
    return planned


def plan(source: Path, images: Images | None, flags: Mapping[str, JSON], config: Path | None) -> Repeat:
    """The run to make again, its images and weights not yet looked at: see `prepare`."""
    report = read_report(source)
    folder = images or _images_of(report, source)
    loaded = _settings(report, source, flags, config)
    changed = list(_changed(report.settings, loaded.settings.public()))
    command = None if changed else list(report.provenance.command)
    return Repeat(report, folder, loaded, command, [*changed, *_other_versions(report)])


def require_same_images(report: Report, images: Images, source: Path, *, allow_download: bool = False) -> None:
    """Require that what is given holds the images that the report explains, and no other.

    Raises:
        CheckFailed: it does not; the first few are named.
    """
    found = Verification()
    compare_images(report, images, found, allow_download=allow_download)
    groups = (("changed", found.changed), ("missing", found.missing), ("extra", found.extra))
    lines = [f"{line} {word}" for word, group in groups for line in group]
    if lines:
        first = first_of(lines, MOST_NAMED, "; ")
        raise CheckFailed(f"{given_of(images).shown}: not the images of {source}: {first}")


def require_same_files(report: Report, settings: Settings, source: Path) -> None:
    """Require that weights, a template of the user's own, and files that settings name as the report's do are those of the report.

    Raises:
        CheckFailed: one is not.
    """
    for model in report.provenance.models:
        if model.name in settings.named_models and resolve(model.name, settings).weights_sha256 != model.weights_sha256:
            raise CheckFailed(
                f"{model.name}: its weights are not those of {source} (SHA-256 {model.weights_sha256[:16]}…)"
            )
    then, now = report.settings, settings.public()
    for key, _ in settings.paths():
        # By another name it is another setting, which is told.
        before = report.provenance.inputs.get(".".join(key)) if _at(then, key) == _at(now, key) else None
        if before is not None and before != files_named_in(settings, key[:1]).get(".".join(key)):
            raise CheckFailed(f"{'.'.join(key)}: {_at(now, key)} is not the file of {source} (SHA-256 {before[:16]}…)")
    template = report.provenance.template
    own = settings.template not in shipped_names()  # a shipped one differs with the version, which is told
    if template is not None and own and template_sha256(settings.template) != template.sha256:
        raise CheckFailed(f"{settings.template}: not the template of {source}: its files are others")


def _changed(then: Mapping[str, JSON], now: Mapping[str, JSON]) -> Iterator[str]:
    for key, value in _leaves(now):
        before = _at(then, key)
        if before != value and not (before is None and value == _default(key)):  # an older report lacks newer settings
            yield f"setting {'.'.join(key)}: {before!r} then, {value!r} now"


def _images_of(report: Report, source: Path) -> Images:
    """What the command line of the report names, where it lies here or beside the report."""
    named = list(takewhile(lambda part: not part.startswith("-"), report.provenance.command[2:]))
    names = [Path(name).name for name in named]
    if all(names):
        for folder in (Path(), source.parent) if names else ():
            paths = [folder / name for name in names]
            if all(path.exists() for path in paths):
                return paths[0] if len(paths) == 1 else paths
    called = f" (called {', '.join(repr(name) for name in names[:MOST_NAMED])})" if names else ""
    raise UsageError(f"{source}: its images{called} are not here; say where: reportgen run IMAGES --from {source}")


# --- settings ------------------------------------------------------------------------------------


def _settings(report: Report, source: Path, flags: Mapping[str, JSON], config: Path | None) -> Loaded:
    """The first run's settings under the flags and the file; what names files is found here, or asked for."""
    named = {
        key: [without_folders(str(name)) for name in report.settings.get(key) or ()] for key in ("models", "explain")
    }
    own = {**report.settings, **named}
    asked = dict(_not_taken_over(own))
    base = reduce(_without, asked, own)
    # Only what the user says: the files that they name.
    said = load(flags, config, base=base).settings.model_dump(mode="json")
    lines = []
    for key, value in asked.items():
        if _at(said, key) not in (None, _default(key)):
            continue
        if key in _LIMITS:
            lines.append(
                f"{source}: was made with {'.'.join(key)} = {value}; say so again with --config, if you mean it"
            )
        elif _is_here(value):
            base = _with(base, key, value)
        else:
            name = Path(str(value)).name
            lines.append(
                f"{source}: setting {'.'.join(key)} names the file {name!r}; "
                f"run where it lies, or name it again: {_how_to_name(key)}"
            )
    if lines:
        raise Problems(lines)
    return load(flags, config, base=base)


def _not_taken_over(settings: Mapping[str, JSON]) -> Iterator[tuple[Key, JSON]]:
    """What is not to be had from a report alone: files, and what would let it do more on this machine."""
    yield from paths_of(settings_class(), settings)
    if settings.get("allow_download"):
        yield ("allow_download",), True
    pixels = settings.get("max_pixels")
    if pixels is not None and not (isinstance(pixels, int) and pixels <= Settings().max_pixels):
        yield ("max_pixels",), pixels


def _is_here(value: JSON) -> bool:
    """Whether a file is named without a folder, and lies in the working folder."""
    return isinstance(value, str) and Path(value).name == value != ".." and Path(value).exists()


def _how_to_name(key: Key) -> str:
    if key in (("probe",), ("template",)):
        return f"--{key[0]} FOLDER"
    *groups, last = key
    return f'--config FILE with [{".".join(groups)}] "{last}" = "PATH"'


def _other_versions(report: Report) -> list[str]:
    made = report.provenance
    then, here = {"reportgen": made.reportgen, **made.packages}, {"reportgen": own_version(), **versions()}
    return [
        f"{name} {then.get(name, 'absent')} then, {here.get(name, 'absent')} now"
        for name in dict.fromkeys([*then, *here])
        if then.get(name) != here.get(name)
    ]


# --- nested settings by their key ----------------------------------------------------------------


def _leaves(value: Mapping[str, JSON], key: Key = ()) -> Iterator[tuple[Key, JSON]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _leaves(inner, (*key, name))
        else:
            yield (*key, name), inner


def _at(settings: JSON, key: Key) -> JSON:
    """The value that stands there; None where nothing does."""
    for part in key:
        settings = settings.get(part) if isinstance(settings, Mapping) else None
    return settings


def _with(settings: Mapping[str, JSON], key: Key, value: JSON) -> dict[str, JSON]:
    """The settings with this value."""
    first, *rest = key
    inner = settings.get(first)
    if rest:
        value = _with(inner if isinstance(inner, Mapping) else {}, tuple(rest), value)
    return {**settings, first: value}


def _without(settings: Mapping[str, JSON], key: Key) -> dict[str, JSON]:
    """The settings without this value."""
    first, *rest = key
    inner = settings.get(first)
    if rest and isinstance(inner, Mapping):
        return {**settings, first: _without(inner, tuple(rest))}
    return {name: value for name, value in settings.items() if name != first or rest}


def _default(key: Key) -> JSON:
    return _at(Settings().model_dump(mode="json"), key)
