"""The Jinja environment: what a template may do."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from jinja2.exceptions import SecurityError, TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from reportgen.rendering.filters import FILTERS, TESTS, TRICKS, visible
from reportgen.rendering.plain import Plain
from reportgen.rendering.sources import inside
from reportgen.rendering.templates import PAGE
from reportgen.utils.errors import ReportgenError

# What one operator may make: longer than any text of a report, shorter than what would fill a memory.
LONGEST = 1_000_000
LARGEST_BITS = 4096


def environment(folders: tuple[Path, ...], url: Callable[[str], str], asset: Callable[[str], str]) -> Environment:
    """An environment in which a template can format data and name files, and nothing else. It is for one page.

    Args:
        folders: see `reportgen.rendering.templates.Template`.
        url: a picture of the run -> the address that the medium shows it by.
        asset: a file of the template -> the address that the medium loads it by.
    """
    loaders = [FolderLoader(folder) for folder in folders]
    shipped = {folder.name: FolderLoader(folder) for folder in folders[1:] or folders}
    base = ChoiceLoader(loaders[1:] or loaders)
    env = Sandbox(
        loader=ChoiceLoader([PrefixLoader({**shipped, "base": base}), *loaders]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        finalize=_without_tricks,
    )
    hold, held = _holding()
    env.filters.update(FILTERS, url=url, asset=asset, hold=hold, held=held)
    env.tests.update(TESTS)
    return env


def _holding() -> tuple[Callable[[str], str], Callable[[str], str]]:
    """Two filters by which a page carries the bytes of a picture once and draws it where it comes again.

    `hold`: a file -> the anchor that the page gives its bytes. `held`: the same, or empty where the page does not have them so far.
    No other anchor has a colon in it (`reportgen.rendering.filters.slug`).
    """
    anchors: dict[str, str] = {}
    return lambda file: anchors.setdefault(file, f"held:{len(anchors) + 1}"), lambda file: anchors.get(file, "")


def _without_tricks(value: Any) -> Any:
    """What an expression prints, with characters that hide or turn the text around them written out: `\\u202e`.

    Line ends and tabs stay; names show them as `\\n`, by the filter `visible`. Markup is a template's own.
    """
    return visible(value, TRICKS) if type(value) is str else value


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, in which no single operator fills the memory: `"a" * 10 ** 9` is an error."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "*":
            sizes = [(len(a), b) for a, b in ((left, right), (right, left)) if isinstance(a, (str, bytes, list, tuple))]
            if any(isinstance(times, int) and length * times > LONGEST for length, times in sizes):
                raise SecurityError(f"a text or list of more than {LONGEST} items")
        if all(isinstance(value, int) for value in (left, right)):
            bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
            if bits > LARGEST_BITS:
                raise SecurityError(f"a number of more than {LARGEST_BITS} bits")
        return super().call_binop(context, operator, left, right)


class FolderLoader(FileSystemLoader):
    """Templates of one folder; a link that leads out of it is not followed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder = folder

    def get_source(self, environment: Environment, template: str) -> Any:
        if inside(self._folder, template) is None:
            raise TemplateNotFound(template)
        return super().get_source(environment, template)


def page_chunks(env: Environment, context: Plain) -> Iterator[str]:
    """The page, piece by piece.

    Raises:
        ReportgenError: the template is wrong; names its file and line.
    """
    # Macros that are imported without the context know its words all the same.
    spoken = {name: context[name] for name in ("words", "language")}
    try:
        yield from env.get_template(PAGE, globals=spoken).generate(context)
    except ReportgenError as error:
        raise ReportgenError(f"{_place(error)}{error}") from error
    except TemplateSyntaxError as error:
        raise ReportgenError(f"template {error.name}, line {error.lineno}: {error.message}") from error
    except RecursionError as error:
        raise ReportgenError(f"{_place(error)}a macro, an include or an extends leads back to itself") from error
    except SyntaxError as error:  # of the Python that Jinja makes: loops nested too deep
        raise ReportgenError(f"template: cannot be compiled ({error.msg})") from error
    except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
        raise ReportgenError(f"{_place(error)}{_one_line(error)}") from error


def _one_line(error: BaseException) -> str:
    """The message of an error that a template caused; Jinja's "not found" may come with an empty one."""
    if isinstance(error, TemplateNotFound):
        return f"no such file in the template's folder or its base: {error.name}"
    return " ".join(str(error).split()) or type(error).__name__


def _place(error: BaseException) -> str:
    """The innermost template line of a traceback (Jinja writes its templates' lines into it)."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.endswith((".html", ".css")):
            path = Path(frame.filename)
            name = f"{path.parent.name}/{path.name}" if path.parent.name == "parts" else path.name
            return f"template {name}, line {frame.lineno}: "
    return "template: "
