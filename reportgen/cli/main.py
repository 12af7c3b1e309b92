"""The command line: parse, call one function, print. Results go to stdout, progress and messages to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reportgen.utils.errors import CheckFailed, NothingToDo, ReportgenError, UsageError
from reportgen.utils.terminal_text import printable

if TYPE_CHECKING:
    from reportgen.settings.load import Loaded
    from reportgen.sharing.repeat import Repeat
    from reportgen.sharing.validate import Scored

INTERRUPTED = 130
MOST_PROBLEMS = 50
MOST_CHARACTERS = 2000  # of one message: a name in a stranger's table may be as long as the table
# Read by huggingface_hub, which open_clip and timm import, and by what it may bring. OpenVINO: see runtime.quiet.
NO_TELEMETRY = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK")
app = typer.Typer(
    help="Turn a folder of images into an explainability report, HTML and PDF.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
templates_app = typer.Typer(help="Templates: shipped ones, and your own.", no_args_is_help=True)
config_app = typer.Typer(help="Effective settings.", no_args_is_help=True)
cache_app = typer.Typer(help="Results kept from run to run.", no_args_is_help=True)
models_app = typer.Typer(help="What can be loaded, from where, and whether its weights are here.")
app.add_typer(templates_app, name="templates")
app.add_typer(config_app, name="config")
app.add_typer(models_app, name="models")
app.add_typer(cache_app, name="cache")


class Preset(str, Enum):
    embedded = "embedded"
    writeup = "writeup"


class RuntimeName(str, Enum):
    auto = "auto"
    torch = "torch"
    openvino = "openvino"


class Precision(str, Enum):
    exact = "exact"
    fast = "fast"


Config = Annotated[Path | None, typer.Option(help="A TOML file with settings.")]
Format = Annotated[str | None, typer.Option("--format", help="pdf, html, or both separated by a comma.")]
Archive = Annotated[bool, typer.Option("--archive", help="Make the PDF for archives: PDF/A-3a, not PDF/UA-1.")]
Template = Annotated[
    str | None, typer.Option("--template", "-t", help="A shipped template's name, or a folder that extends one.")
]


@app.command()
def run(
    images: Annotated[Path | None, typer.Argument(help="The folder of images.", show_default=False)] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The run folder.")] = Path("report"),
    preset: Annotated[
        Preset | None, typer.Option(help="embedded: offline, the default; writeup: the write-up's models.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="A classifier; repeat it. The first is explained.")] = None,
    task: Annotated[list[str] | None, typer.Option(help="An analysis; repeat it. Default: all.")] = None,
    config: Config = None,
    template: Template = None,
    formats: Format = None,
    runtime: Annotated[RuntimeName | None, typer.Option(help="What executes the network.")] = None,
    precision: Annotated[
        Precision | None, typer.Option(help="exact: fp32; fast: bf16 where there is hardware for it.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random draw.")] = None,
    probe: Annotated[
        Path | None, typer.Option(help="A folder of images to dissect units on. Default: the images of the run.")
    ] = None,
    allow_download: Annotated[
        bool, typer.Option("--allow-download", help="Fetch missing weights; never done without this.")
    ] = False,
    archive: Archive = False,
    repeat: Annotated[
        Path | None,
        typer.Option("--from", metavar="RUN", help="Make this run again: its settings, its images checked."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when an image was skipped.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute everything anew.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", min=1, max=64, show_default="one a core, up to 4", help="Images under way at once."
        ),
    ] = None,
) -> None:
    """Explain a folder of images and write the report."""
    with _progress() as progress:
        from reportgen.api import make_report
        from reportgen.pipeline.gates import sentence
        from reportgen.report.report_json import run_folder

        flags = {
            "preset": preset and preset.value,
            "models": tuple(model) if model else None,
            "tasks": tuple(task) if task else None,
            "template": template,
            "formats": _formats(formats),
            "runtime": runtime and runtime.value,
            "precision": precision and precision.value,
            "seed": seed,
            "probe": str(probe) if probe else None,
            "allow_download": allow_download or None,
            "archive": archive or None,
            "strict": strict or None,
        }
        before = _repeat(repeat, images, flags, config) if repeat else None
        images = before.images if before else images
        if images is None:
            raise UsageError("Missing argument 'IMAGES': give the folder of images (see reportgen run --help)")
        if repeat and out.resolve() == run_folder(repeat).resolve():
            raise UsageError(f"{out}: is the run to repeat; give another folder with -o")
        loaded = before.loaded if before else _load(flags, config)
        command = before.command if before else None
        command = command or _command(images, {**flags, "from": str(repeat) if repeat else None})
        report = make_report(images, out, loaded.settings, fresh=fresh, jobs=jobs, command=command, progress=progress)
    if before:
        _say(before.outcome(report))
    for name in loaded.settings.formats:
        typer.echo(out / f"report.{name}")
    for skipped in report.skipped:
        _say(f"skipped {skipped.name!r}: {skipped.reason}")
    failed = [gate for gate in report.gates if not gate.passed]
    for gate in failed:
        _say(f"gate {sentence(gate)}")
    if failed:
        raise CheckFailed(f"{len(failed)} of {len(report.gates)} gates failed; see {out / 'junit.xml'}")
    if loaded.settings.strict and report.skipped:
        raise CheckFailed(
            f"{len(report.skipped)} of {len(report.skipped) + len(report.images)} images were skipped (--strict)"
        )


@app.command()
def render(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|report.json|report.pdf",
            help="A run folder, its report.json, or a PDF that reportgen made.",
            show_default=False,
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Default: beside the report.")] = None,
    template: Template = None,
    formats: Format = None,
    archive: Archive = False,
) -> None:
    """Make HTML and PDF again from a report's data; no model is loaded."""
    from reportgen.rendering import render as render_files
    from reportgen.report.open import opened
    from reportgen.report.report_json import run_folder

    with opened(source) as (report, folder):
        written = render_files(
            report,
            folder,
            out or run_folder(source),
            template or str(report.settings.get("template", "writeup")),
            _formats(formats) or ("pdf", "html"),
            archive=archive or bool(report.settings.get("archive")),
        )
    for file in written:
        typer.echo(file)


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context, config: Config = None) -> None:
    """List what can be loaded, from where, and whether its weights are here."""
    if context.invoked_subcommand is not None:
        return
    from reportgen.models import classifiers, encoders

    settings = _load({}, config).settings
    for row in [*classifiers.listed(settings), *encoders.listed(settings)]:
        presets = f" [{', '.join(row.presets)}]" if row.presets else ""
        where = (
            f"{row.source}; here" if row.missing is None else f"not here; {row.missing.removeprefix(f'{row.name}: ')}"
        )
        typer.echo(f"{row.name}{presets}: {where}")
    typer.echo("torchvision:NAME, timm:NAME: any classifier of these libraries with a convolutional feature map")
    typer.echo("checkpoint:PATH: your own weights, with architectures and classes in the settings")


@models_app.command("fetch")
def models_fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Models or encoders, as the list names them.")],
    config: Config = None,
) -> None:
    """Download weights that are not here, and check them."""
    from reportgen.models.download import fetch

    settings = _load({}, config).settings
    with _progress() as progress:
        fetched = {name: fetch(name, settings, progress) for name in names}
    for name, files in fetched.items():
        for file in files:
            typer.echo(file)
        if not files:
            _say(f"{name}: nothing to fetch, its weights are here")


@templates_app.command("list")
def templates_list() -> None:
    """List the shipped templates, what each is for, and the languages that it speaks."""
    from reportgen.rendering.templates import find_template, shipped_names
    from reportgen.rendering.words import languages

    for name in shipped_names():
        template = find_template(name)
        typer.echo(f"{name}: {template.file.summary} Languages: {', '.join(languages(template.folders))}.")


@templates_app.command("new")
def templates_new(folder: Annotated[Path, typer.Argument(metavar="DIR", help="An empty or new folder.")]) -> None:
    """Write a small commented template of your own that extends the base."""
    from reportgen.rendering.templates import new_template

    for file in new_template(folder):
        typer.echo(file)


@templates_app.command("check")
def templates_check(folder: Annotated[str, typer.Argument(metavar="DIR", help="The template's folder.")]) -> None:
    """Render a template on a made-up report, and say what is wrong with it, with file and line."""
    from reportgen.rendering.checking import check_template

    mistakes = check_template(folder)
    for mistake in mistakes:
        typer.echo(mistake)
    if mistakes:
        raise CheckFailed(f"{folder}: {len(mistakes)} {'mistake' if len(mistakes) == 1 else 'mistakes'} found")
    typer.echo(f"{folder}: no mistake found; HTML and PDF were made")


@config_app.command("show")
def config_show(config: Config = None) -> None:
    """Show every effective setting and where it came from."""
    loaded = _load({}, config)
    values = loaded.settings.model_dump(mode="json")
    for key in sorted(loaded.origins):
        value: Any = values
        for part in key.split("."):
            value = value[part]
        typer.echo(f"{key} = {value!r}  ({loaded.origins[key]})")


@app.command()
def doctor() -> None:
    """Check what on this machine would stop a run, and say how to mend it."""
    from reportgen.cli.doctor import checks

    problems = 0
    for check in checks():
        problems += check.problem is not None
        typer.echo(
            f"{'ok     ' if check.problem is None else 'PROBLEM'} "
            f"{check.name}{': ' + check.problem if check.problem else ''}"
        )
    if problems:
        raise CheckFailed(f"{problems} problem{'s' if problems > 1 else ''} found")


@app.command()
def validate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An explain_params.pkl.", show_default=False)],
    images: Annotated[Path | None, typer.Option(help="Score it: the folder of its images.")] = None,
    masks: Annotated[Path | None, typer.Option(help="Score it: a folder of PNG masks named like the images.")] = None,
    model: Annotated[str | None, typer.Option(help="The classifier to score it with.")] = None,
    config: Config = None,
) -> None:
    """Check a file of LIME parameters without running anything in it; score it on images with masks."""
    if (images is None) != (masks is None):
        raise UsageError("--images and --masks belong together: give both, or neither")
    from reportgen.sharing import validate as parameters

    checked = parameters.check(file)
    _table(checked.columns, checked.rows)
    for problem in checked.problems[:MOST_PROBLEMS]:
        typer.echo(f"PROBLEM {problem}")
    if checked.problems:
        raise CheckFailed(f"{file}: {len(checked.problems)} problem{'s' if len(checked.problems) > 1 else ''} found")
    if images is None or masks is None:
        return
    settings = _load({"models": (model,) if model else None}, config).settings
    with _progress() as progress:
        scored = list(parameters.score(checked, images, masks, settings, progress))
    _scores(scored)


@app.command()
def submit(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run folder.", show_default=False)],
    url: Annotated[str, typer.Option(help="Where to send it: http or https.", show_default=False)],
    file: Annotated[str, typer.Option(help="Which file of the run.")] = "explain_params.pkl",
) -> None:
    """Send a file of a run to an evaluation server; the token is read from REPORTGEN_TOKEN and from nowhere else."""
    from reportgen.sharing.submit import submit as send

    sent = send(run_folder, url, file, say=_say)
    for line in sent.lines:
        typer.echo(line)
    if not sent.accepted:
        raise CheckFailed(f"{sent.problem}{f'; the answer is kept in {sent.record}' if sent.record else ''}")


@app.command()
def bundle(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run folder.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE.zip", help="The zip.", show_default=False)],
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Leave out authors, paths, and what pictures hold besides pixels.")
    ] = False,
    max_pages: Annotated[int | None, typer.Option(min=1, help="Exit with 1 when the PDF has more.")] = None,
    template: Template = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORD", help="With --anonymous: a name of this machine, or what looks like a path, that may stand."
        ),
    ] = None,
) -> None:
    """Pack a run for a reader: report, data, parameters, settings and a README; equal runs give equal bytes."""
    from reportgen.sharing.bundle import bundle as pack

    names = pack(run, out, anonymous=anonymous, max_pages=max_pages, template=template, allowed=allow or ())
    typer.echo(out)
    _say(f"{len(names)} files")


@app.command()
def verify(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|FILE.zip|report.pdf", help="A run folder, a bundle, or the PDF.", show_default=False
        ),
    ],
    images: Annotated[
        Path | None, typer.Option(help="The folder of images: are they those that were explained?")
    ] = None,
) -> None:
    """Check that a run is as it was made; exit with 1 where something was changed or is missing."""
    from reportgen.sharing.verify import verify as check

    found = check(source, images)
    typer.echo(f"{found.matched} as they were made")
    for word, lines in (("changed", found.changed), ("missing", found.missing), ("not in the manifest", found.extra)):
        for line in lines:
            typer.echo(f"{word}: {printable(line)}")
    for note in found.notes:
        typer.echo(printable(note))
    if not found.ok:
        raise CheckFailed(f"{source}: {found.summary}")


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run folder, report.json, report.pdf or bundle.")],
    after: Annotated[Path, typer.Argument(metavar="RUN_B", help="The run to compare it with.")],
    tolerance: Annotated[
        float, typer.Option(min=0, help="Numbers that differ by no more, absolutely or relatively, are equal.")
    ] = 1e-6,
) -> None:
    """Show what differs between two runs: images, verdicts, gates, numbers. Exit with 1 where anything does."""
    from reportgen.report.diff import compare
    from reportgen.sharing.verify import read_any

    found = compare(read_any(before), read_any(after), tolerance)
    for line in (*found.images, *found.verdicts, *found.numbers, *found.other):
        typer.echo(printable(str(line)))
    for note in found.notes:
        _say(f"note: {note}")
    if not found.same:
        raise CheckFailed(f"{found.count} differences between {before} and {after}")
    typer.echo("same")


@cache_app.command("info")
def cache_info() -> None:
    """Show where results are kept, how many there are, their size, and the limit."""
    from reportgen.storage import cache
    from reportgen.storage.store import cache_folder

    limit, held = cache.cache_limit(), cache.info(cache_folder())
    typer.echo(f"folder: {cache_folder()}")
    typer.echo(f"results: {held.results}")
    typer.echo(f"converted models: {held.models}")
    typer.echo(f"size: {cache.readable(held.size)}")
    typer.echo(f"limit: {cache.readable(limit)} ({cache.LIMIT_VARIABLE})")


@cache_app.command("clear")
def cache_clear(
    older_than: Annotated[
        float | None, typer.Option(min=0, metavar="DAYS", help="Only what was not used for so many days.")
    ] = None,
) -> None:
    """Remove kept results and converted models; the next run computes them again."""
    from reportgen.storage import cache
    from reportgen.storage.store import cache_folder

    removed = cache.clear(cache_folder(), older_than)
    typer.echo(
        f"{removed.results} results and {removed.models} converted models removed, {cache.readable(removed.size)}"
    )


def main() -> None:
    """Entry point: every error that a user can cause is one line and an exit code."""
    for name in NO_TELEMETRY:
        os.environ.setdefault(name, "1")
    try:
        code = app(standalone_mode=False)  # the code of an Exit, or what the command returned: None
    except ReportgenError as error:
        for line in error.lines:
            _say(f"reportgen: {line}")
        sys.exit(error.exit_code)
    except typer.Exit as stop:
        code = stop.exit_code
    except (KeyboardInterrupt, typer.Abort):  # newer Typers make an Exit of it
        code = INTERRUPTED
    except OSError as error:
        from reportgen.utils.files import DISK_ERRORS

        if error.errno not in DISK_ERRORS:
            raise
        _say(f"reportgen: {error.filename or 'a file'}: {error.strerror}; what is finished is kept")
        sys.exit(ReportgenError.exit_code)
    except Exception as error:
        # Wrong usage, as Click (or the copy of it inside Typer) words it.
        if not hasattr(error, "format_message"):
            raise
        _say(f"reportgen: {error.format_message()} (see reportgen --help)")
        sys.exit(UsageError.exit_code)
    if code == INTERRUPTED:
        from reportgen.utils.concurrency import force_exit

        _say("reportgen: interrupted; finished results are kept, the same command goes on from there")
        force_exit(INTERRUPTED)
    if code:
        sys.exit(code)


def _say(message: str) -> None:
    """One line to stderr; what would move the cursor or hide text, in a stranger's file name, is escaped."""
    typer.echo(printable(" ".join(str(message).split("\n")), MOST_CHARACTERS), err=True)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[at]) for row in (columns, *rows)) for at in range(len(columns))]
    for row in (columns, *rows):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _scores(scored: Sequence[Scored]) -> None:
    """A line an entry, then the averages. Seconds stand here and in no file."""
    done = [entry for entry in scored if entry.problem is None]
    rows = [(printable(s.entry, 40), "none" if s.iou is None else f"{s.iou:.3f}", f"{s.seconds:.2f}") for s in done]
    _table(("entry", "IoU", "seconds"), rows)
    for entry in scored:
        if entry.problem is not None:
            _say(f"not scored {entry.entry!r}: {entry.problem}")
    values = [entry.iou for entry in done if entry.iou is not None]
    if not values:
        raise NothingToDo("no entry has an IoU: see the lines above")
    typer.echo(f"average IoU: {sum(values) / len(values):.3f} over {len(values)} of {len(scored)} entries")
    typer.echo(f"average time: {sum(entry.seconds for entry in done) / len(done):.2f} s")


def _load(flags: dict[str, Any], config: Path | None) -> Loaded:
    from reportgen.settings.load import load

    return load(flags, config)


def _repeat(source: Path, images: Path | None, flags: dict[str, Any], config: Path | None) -> Repeat:
    from reportgen.sharing.repeat import prepare

    prepared = prepare(source, images, flags, config)
    for note in prepared.notes:
        _say(f"note: {note}")
    return prepared


def _formats(text: str | None) -> tuple[str, ...] | None:
    return tuple(part.strip() for part in text.split(",") if part.strip()) if text else None


def _command(images: Path, flags: dict[str, Any]) -> list[str]:
    """The command as the report shows it: no output folder, no path that names a machine or a user."""
    parts = ["reportgen", "run", images.resolve().name]
    names = {"models": "model", "tasks": "task", "formats": "format"}
    for key, value in flags.items():
        if value is None:
            continue
        flag = f"--{names.get(key, key).replace('_', '-')}"
        if key == "formats":
            parts += [flag, ",".join(value)]
        elif isinstance(value, tuple):
            parts += [part for item in value for part in (flag, _without_folder(item))]
        elif value is True:
            parts.append(flag)
        else:
            parts += [flag, Path(value).resolve().name if key in ("template", "probe", "from") else str(value)]
    return parts


def _without_folder(name: str) -> str:
    """`checkpoint:PATH` as `checkpoint:FILE`; any other name as it is."""
    kind, colon, path = name.partition(":")
    return f"{kind}:{Path(path).name}" if kind == "checkpoint" and colon else name


@contextmanager
def _progress() -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        yield _Bars(bars)


class _Bars:
    """The pipeline's Progress as rich bars; where stderr is no terminal, one line a stage."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._task: Any = None

    def stage(self, name: str, total: int) -> None:
        if not self._bars.console.is_terminal:
            self._bars.console.print(f"{name} ({total})", markup=False, highlight=False)
        self._task = self._bars.add_task(name, total=total, detail="")

    def step(self, detail: str = "") -> None:
        from rich.markup import escape

        self._bars.update(self._task, advance=1, detail=escape(detail[-40:]))

    def say(self, message: str) -> None:
        self._bars.console.print(message, markup=False, highlight=False, soft_wrap=True)
