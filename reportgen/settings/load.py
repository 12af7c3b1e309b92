"""Where settings come from: layers merged in order, each value with its origin, unknown keys answered with the nearest known one."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from reportgen.utils.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib
from reportgen.settings.model import Settings, preset_values, settings_class

ENV_PREFIX = "REPORTGEN_"
# Environment variables that are no settings: secrets, where results are kept, and limits; none belongs in a report.
ENV_RESERVED = frozenset(
    {"REPORTGEN_TOKEN", "REPORTGEN_SIGN_PASSPHRASE", "REPORTGEN_CACHE_DIR", "REPORTGEN_CACHE_LIMIT", "REPORTGEN_STORE"}
    | {"REPORTGEN_RENDER_SECONDS", "REPORTGEN_RENDER_MIB", "REPORTGEN_RENDER_OUTPUT_MIB"}
)


@dataclass(frozen=True)
class Loaded:
    """The effective settings, and for every dotted key the place its value came from."""

    settings: Settings
    origins: dict[str, str]


def load(
    flags: Mapping[str, object] | None = None,
    config: Path | None = None,
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
    base: Mapping[str, object] | None = None,
) -> Loaded:
    """Merge every layer into one `Settings`.

    Args:
        flags: values given on the command line, nested as in `Settings`; None values are not given.
        config: the file of `--config`.
        folder: the working folder, searched for reportgen.toml and pyproject.toml.
        environ: the environment; `REPORTGEN_LIME__NUM_SAMPLES=200` sets `lime.num_samples`.
        base: the settings of a run to repeat; they stand in the place of working folder and environment.

    Raises:
        UsageError: a file is missing or not TOML, a key is unknown, a value does not validate.
    """
    folder = folder or Path.cwd()
    environ = os.environ if environ is None else environ
    file = [_toml_layer(config, config.name)] if config else []
    if base is None:
        layers = [*_working_folder_layers(folder), *file, (_environment_layer(environ), "environment")]
    else:
        layers = [(dict(base), "the run to repeat"), *file]
    layers.append((_without_none(flags or {}), "flag"))
    model = settings_class()
    merged: dict[str, object] = {}
    origins: dict[str, str] = {}
    for values, origin in layers:
        _check_keys(values, model, origin)
        for key, value in _leaves(values, model):
            _assign(merged, key, value)
            origins[".".join(key)] = origin
    try:
        settings = model(**merged)
    except ValidationError as error:
        raise UsageError(_first_problem(error, origins)) from None
    preset_keys = {key for key, _ in _leaves(preset_values(model, settings.preset), model)}
    for key, _ in _leaves(settings.model_dump(), model):
        origins.setdefault(".".join(key), f"preset {settings.preset}" if key in preset_keys else "default")
    return Loaded(settings, origins)


def _working_folder_layers(folder: Path) -> Iterator[tuple[dict[str, object], str]]:
    pyproject, own = folder / "pyproject.toml", folder / "reportgen.toml"
    if pyproject.is_file():
        tools = _read_toml(pyproject).get("tool")
        table = tools.get("reportgen") if isinstance(tools, Mapping) else None
        if table is not None and not isinstance(table, Mapping):
            raise UsageError(f"{pyproject}: tool.reportgen is not a table: write [tool.reportgen] and its keys")
        if table is not None:
            yield dict(table), "pyproject.toml"
    if own.is_file():
        yield _toml_layer(own, own.name)


def _toml_layer(path: Path, origin: str) -> tuple[dict[str, object], str]:
    return _read_toml(path), origin


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such settings file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
    except RecursionError:
        raise UsageError(f"{path}: not valid TOML (nested too deep)") from None
    except ValueError as error:  # a TOMLDecodeError, or an integer of more digits than Python reads
        raise UsageError(f"{path}: not valid TOML ({error})") from None


def _environment_layer(environ: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name in sorted(environ):
        if name.startswith(ENV_PREFIX) and name not in ENV_RESERVED:
            key = tuple(name[len(ENV_PREFIX) :].lower().split("__"))
            alone: dict[str, object] = {}
            _assign(alone, key, value := _from_text(environ[name], key))
            _check_keys(alone, settings_class(), "environment")  # one by one: two of them may contradict each other
            _assign(values, key, value)
    return values


def _from_text(text: str, key: tuple[str, ...]) -> object:
    """An environment value: a list where the setting is one, `null` where that is meant, else the text."""
    if _field_annotation(key).startswith("tuple"):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return None if text == "null" else text


def _field_annotation(key: tuple[str, ...]) -> str:
    model: type[BaseModel] | None = settings_class()
    for part in key[:-1]:
        model = _group_of(model, part) if model else None
    field = model.model_fields.get(key[-1]) if model else None
    return str(field.annotation) if field else ""


def _group_of(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The group that a key names, or None where it names a value."""
    annotation = model.model_fields[key].annotation if key in model.model_fields else None
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _without_none(values: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if value is not None and value != ()}


def _leaves(
    values: Mapping[str, object], model: type[BaseModel], prefix: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every value by its key; a setting that maps names of the user's own to values is one value."""
    for key, value in values.items():
        group = _group_of(model, key)
        if group is not None and isinstance(value, Mapping):
            yield from _leaves(value, group, (*prefix, key))
        else:
            yield (*prefix, key), value


def _assign(values: dict[str, object], key: tuple[str, ...], value: object) -> None:
    for part in key[:-1]:
        inner = values.get(part)
        if not isinstance(inner, dict):
            inner = values[part] = {}
        values = inner
    values[key[-1]] = value


def _check_keys(values: Mapping[str, object], model: type[BaseModel], origin: str, prefix: str = "") -> None:
    for key, value in values.items():
        if key not in model.model_fields:
            raise UsageError(f"unknown setting {prefix}{key!s} ({origin}){_nearest(key, model.model_fields)}")
        annotation, group = model.model_fields[key].annotation, _group_of(model, key)
        if group is not None:
            if not isinstance(value, Mapping):
                raise UsageError(f"setting {prefix}{key} ({origin}) is a group: write [{prefix}{key}] and its keys")
            _check_keys(value, group, origin, f"{prefix}{key}.")
        elif isinstance(value, Mapping) and "dict[" not in str(annotation):
            raise UsageError(f"setting {prefix}{key} ({origin}) is one value, not a group of keys")


def _nearest(key: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(key, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(sorted(known))}"


def _first_problem(error: ValidationError, origins: Mapping[str, str]) -> str:
    problem = error.errors()[0]
    # Of a setting of either kind (`head`) pydantic adds which kind it tried.
    parts = [part for part in map(str, problem["loc"]) if not part.startswith(("literal[", "dict["))]
    key = ".".join(parts)
    within = (".".join(parts[:n]) for n in range(len(parts), 0, -1))  # a value may be a table of tables
    origin = next((origins[k] for k in within if k in origins), "default")
    reason = problem["msg"].removeprefix("Value error, ")
    return f"setting {key} ({origin}): {reason[0].lower()}{reason[1:]}; it is {problem['input']!r}"
