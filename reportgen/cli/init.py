"""`reportgen init`: a first reportgen.toml, after three questions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.terminal import Terminal
from reportgen.utils.errors import UsageError

if TYPE_CHECKING:
    from reportgen.settings.starter import Answers

FILE = "reportgen.toml"
Folder = Annotated[
    Path, typer.Argument(metavar="[DIR]", help="The folder of the file, made where it is missing.", show_default=False)
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; what no option says is the default.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="Answers the first question; repeat it.")]
Tasks = Annotated[list[str] | None, typer.Option("--task", help="Answers the second question; repeat it.")]
Authors = Annotated[list[str] | None, typer.Option("--author", help="Answers the third question; repeat it.")]


@mannered
def init(
    terminal: Terminal,
    folder: Folder = Path(),
    yes: Yes = False,
    models: Models = None,
    tasks: Tasks = None,
    authors: Authors = None,
) -> None:
    """Write a commented reportgen.toml after three questions: which models, which tasks, whose report."""
    from reportgen.settings.starter import Answers, starter

    file = folder / FILE
    if file.exists() or file.is_symlink():
        raise UsageError(f"{file}: is there already, and stays as it is; change it, or give another folder")
    given = Answers(_parts(models), _parts(tasks), _parts(authors))
    _require_known(given, terminal)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("stdin is no terminal, and nobody can be asked; give --yes, and --model, --task, --author")
        given = _asked(given, terminal)
    text = starter(given)
    _write_new(file, text)
    terminal.found(paths=[file])
    terminal.result(file)
    terminal.say("reportgen config show says what is in force; reportgen run IMAGES uses it in this folder")


def _asked(given: Answers, terminal: Terminal) -> Answers:
    """The answers, and what the user says to those questions that no option has answered."""
    from reportgen.analysis.registry import load_analyses
    from reportgen.settings.model import Settings
    from reportgen.settings.starter import Answers

    tasks = ", ".join(analysis.name for analysis in load_analyses())
    questions = (
        ("models", "1. Models; the first is explained, commas between them", ", ".join(Settings().models)),
        ("tasks", f"2. Tasks; some of {tasks}", "all"),
        ("authors", "3. Authors; commas between them", "none"),
    )
    typer.echo("Three questions; Enter takes what stands in brackets.", err=True)
    answers = given
    for key, question, default in questions:
        if getattr(given, key):
            continue
        while True:
            said = _answer(question, default)
            chosen = () if said == default else _parts([said])
            answers = Answers(**{**vars(answers), key: chosen})
            try:
                _require_known(Answers(**{key: chosen}), terminal)
            except UsageError as error:
                terminal.say(error, "yellow")
                continue
            break
    return answers


def _answer(question: str, default: str) -> str:
    """What the user types. Asked on stderr, for stdout holds results alone; Typer's own prompt writes a space there."""
    typer.echo(f"{question} [{default}]: ", err=True, nl=False)
    line = sys.stdin.readline()
    if not line:
        raise UsageError("a question was left without an answer; nothing was written")
    return line.strip() or default


def _require_known(answers: Answers, terminal: Terminal) -> None:
    """Missing weights are no mistake, and only said: they can be fetched.

    Raises:
        UsageError: there is no such model or task.
    """
    from reportgen.analysis.registry import load_analyses
    from reportgen.models.classifiers import MissingWeights, resolve
    from reportgen.settings.model import Settings

    load_analyses(answers.tasks)
    if not answers.models:
        return
    settings = Settings(models=answers.models)
    for name in settings.models:
        try:
            resolve(name, settings)
        except MissingWeights as missing:
            terminal.say(f"note: {missing}", "yellow")


def _parts(given: list[str] | None) -> tuple[str, ...]:
    """`["a, b", "c"]` as `("a", "b", "c")`."""
    parts = (part.strip() for text in given or () for part in text.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def _write_new(file: Path, text: str) -> None:
    """Raises: UsageError: the file is there, or cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8", newline="\n") as written:
            written.write(text)
    except FileExistsError:
        raise UsageError(f"{file}: is there already, and stays as it is; change it, or give another folder") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot be written ({error.strerror})") from None
