"""The text of a first reportgen.toml: what was answered stands in it, what else can be said stands there as a comment.

Comments are the settings' own descriptions, so that none of them says what the settings do not.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from reportgen.settings.model import DocumentSettings, Settings, installed_groups
from reportgen.utils.errors import UsageError

HEAD = """\
# Settings of reportgen in this folder. Every line can go: what is not said is as `reportgen config show` says.
# A line behind # is not in force; it shows a value that is the default, or one that a setting could have.
# REPORTGEN_* variables, and flags of `reportgen run`, win over what stands here.
"""
# Settings of the core that are offered, in this order. Where the default is nothing, a value that it could have.
CORE: Mapping[str, object] = {
    "preset": None,
    "models": None,
    "explain": None,
    "tasks": None,
    "title": None,
    "geometry": "squash",
    "probe": "more_photos",
    "runtime": None,
    "precision": None,
    "seed": None,
    "strict": None,
    "template": None,
    "formats": None,
    "archive": None,
}
DOCUMENT: Mapping[str, object] = {
    "authors": None,
    "affiliation": None,
    "course": None,
    "language": "en",
    "paper": "A4",
    "accent": "#0b5a8c",
    "logo": "logo.png",
    "figures": None,
}
GATES = {"min_share_correct": 0.8, "max_skipped": 0}
WIDTH = 100


@dataclass(frozen=True)
class Answers:
    """What a user says of a first run; empty: the default."""

    models: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()


def starter(answers: Answers) -> str:
    """The file's text; without its comments it says no more than the answers.

    Raises:
        UsageError: an answer that no file can hold, or an analysis cannot be loaded.
    """
    said = {"models": answers.models, "tasks": answers.tasks}
    blocks = [HEAD, *_entries(Settings, CORE, said)]
    own = {"authors": answers.authors}
    blocks += ["[document]\n", *_entries(DocumentSettings, DOCUMENT, own)]
    gates = "".join(f"# {name} = {_toml(limit)}\n" for name, limit in GATES.items())
    blocks.append(f"[gates]\n{_comment(Settings.model_fields['gates'].description)}{gates}")
    for name, group in installed_groups().items():
        described = {key: None for key, field in group.model_fields.items() if field.description}
        entries = list(_entries(group, described, {}))
        if entries:
            blocks += [f"[{name}]\n", *entries]
    text = "\n".join(blocks)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(
            "an answer holds characters that are no text; give it in the terminal's own encoding"
        ) from None
    return text


def _entries(model: type[BaseModel], offered: Mapping[str, object], said: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Each setting with its description: in force where something was answered, else as a comment."""
    for name, example in offered.items():
        field, answer = model.model_fields[name], said.get(name)
        default = field.get_default(call_default_factory=True) if example is None else example
        if name == "models" and not answer:
            default = Settings().models
        if answer:
            yield f"{_comment(field.description)}{name} = {_toml(answer)}\n"
        elif not (default is None or isinstance(default, Mapping | BaseModel)):
            yield f"{_comment(field.description)}# {name} = {_toml(default)}\n"


def _comment(description: str | None) -> str:
    return "".join(f"# {line}\n" for line in textwrap.wrap(description or "", WIDTH))


def _toml(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
