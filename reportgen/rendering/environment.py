"""The Jinja environment: where templates are found, and what they may do."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from jinja2.exceptions import TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from reportgen.errors import ReportgenError, UsageError
from reportgen.inputs import is_folder
from reportgen.rendering.filters import FILTERS, TESTS
from reportgen.rendering.sources import inside

BASE = "writeup"
PAGE = "report.html"


def shipped_templates() -> Path:
    """The folder of the templates that come with reportgen: in a wheel, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "templates", package.parent / "templates"):
        if (folder / BASE / PAGE).is_file():
            return folder
    raise ReportgenError("reportgen's own templates are missing: install it again")


def template_folders(template: str | Path) -> tuple[Path, ...]:
    """The folders to look in, first match wins; the last is always the base.

    Args:
        template: the name of a shipped template, or a folder of the user's own.

    Raises:
        UsageError: neither.
    """
    shipped = shipped_templates()
    names = sorted(folder.name for folder in shipped.iterdir() if (folder / PAGE).is_file())
    if str(template) in names:
        own = shipped / str(template)
    elif is_folder(Path(template)):
        own = Path(template)
    else:
        raise UsageError(f"unknown template {str(template)!r}: use {', '.join(names)}, or a folder of your own")
    base = shipped / BASE
    return (own,) if own == base else (own, base)


def environment(folders: tuple[Path, ...], url: Callable[[str], str], asset: Callable[[str], str]) -> Environment:
    """An environment in which a template can format data and name files, and nothing else.

    Args:
        folders: see `template_folders`.
        url: a picture of the run -> the address that the medium shows it by.
        asset: a file of the template -> the address that the medium loads it by.
    """
    loaders = [FolderLoader(folder) for folder in folders]
    env = ImmutableSandboxedEnvironment(
        loader=ChoiceLoader([*loaders, PrefixLoader({"base": loaders[-1]})]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    env.filters.update(FILTERS, url=url, asset=asset)
    env.tests.update(TESTS)
    return env


class FolderLoader(FileSystemLoader):
    """Templates of one folder; a link that leads out of it is not followed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder = folder

    def get_source(self, environment: Environment, template: str) -> Any:
        if inside(self._folder, template) is None:
            raise TemplateNotFound(template)
        return super().get_source(environment, template)


def page_chunks(env: Environment, context: dict[str, Any]) -> Iterator[str]:
    """The page, piece by piece.

    Raises:
        ReportgenError: the template is wrong; names its file and line.
    """
    try:
        yield from env.get_template(PAGE).generate(context)
    except ReportgenError as error:
        raise ReportgenError(f"{_place(error)}{error}") from error
    except TemplateSyntaxError as error:
        raise ReportgenError(f"template {error.name}, line {error.lineno}: {error.message}") from error
    except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
        raise ReportgenError(f"{_place(error)}{error}") from error


def _place(error: BaseException) -> str:
    """The innermost template line of a traceback (Jinja writes its templates' lines into it)."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.endswith((".html", ".css")):
            return f"template {Path(frame.filename).name}, line {frame.lineno}: "
    return "template: "
