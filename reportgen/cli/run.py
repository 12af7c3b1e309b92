"""`reportgen run`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from reportgen.cli.manners import MANNERS, mannered
from reportgen.cli.options import Archive, Config, Formats, Template, known_models, known_tasks, split_formats
from reportgen.cli.outcome import tell_outcome
from reportgen.cli.progress import progress_of
from reportgen.cli.terminal import Terminal
from reportgen.utils.errors import UsageError

if TYPE_CHECKING:
    from reportgen.images.sources.given import Given
    from reportgen.images.sources.given import Images as GivenImages
    from reportgen.sharing.repeat import Repeat
    from reportgen.utils.json_types import JSON

Images = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="IMAGES",
        help="A folder of images; or images, folders, archives (.zip, .tar), quoted patterns, addresses; "
        "- for a list of paths on standard input.",
        show_default=False,
    ),
]
PathList = Annotated[
    str | None,
    typer.Option("--list", metavar="FILE", help="A text file of paths instead, one a line; - is standard input."),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="The run folder.")]
Preset = Annotated[
    Literal["embedded", "writeup"] | None,
    typer.Option(help="embedded: offline, the default; writeup: the write-up's models."),
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="A classifier; repeat it. The first is explained.", autocompletion=known_models),
]
Explain = Annotated[
    list[str] | None,
    typer.Option(
        "--explain", help="A classifier to explain; repeat it to compare several.", autocompletion=known_models
    ),
]
Tasks = Annotated[
    list[str] | None, typer.Option("--task", help="An analysis; repeat it. Default: all.", autocompletion=known_tasks)
]
Runtime = Annotated[Literal["auto", "torch", "openvino"] | None, typer.Option(help="What executes the network.")]
Precision = Annotated[
    Literal["exact", "fast"] | None, typer.Option(help="exact: fp32; fast: bf16 where there is hardware for it.")
]
Seed = Annotated[int | None, typer.Option(help="Seed of every random draw.")]
Probe = Annotated[
    Path | None, typer.Option(help="A folder of images to dissect units on. Default: the images of the run.")
]
AllowDownload = Annotated[
    bool, typer.Option("--allow-download", help="Fetch missing weights; never done without this.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 when an image was skipped.")]
From = Annotated[
    Path | None,
    typer.Option("--from", metavar="RUN", help="Make this run again: its settings, its images checked."),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Compute everything anew.")]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, max=64, show_default="one a core, up to 4", help="Images under way at once."),
]
StoreAt = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="DIR|ADDRESS",
        show_default="the cache folder, or REPORTGEN_STORE",
        help="Where results are kept: a folder, or an address such as s3://bucket/folder.",
    ),
]
EngineOption = Annotated[
    Literal["threads", "ray"],
    typer.Option("--engine", help="What explains the images: threads of this process, or a Ray cluster."),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT", help="Of a Ray cluster, with --engine ray. Default: Ray is started on this machine."
    ),
]

# Parameters that say where a report goes and how fast it comes: the report does not show them. What --config says stands
# in its settings.
_NOT_SHOWN = frozenset({"images", "out", "config", "fresh", "jobs", "store", "engine", "address", *MANNERS})
_NAMES_A_PLACE = frozenset({"template", "probe", "repeat", "path_list"})
# A shell makes hundreds of names of one pattern; a reader of the command line needs the first few.
_MOST_SHOWN = 8


@mannered
def run(
    terminal: Terminal,
    context: typer.Context,
    images: Images = None,
    path_list: PathList = None,
    out: Out = Path("report"),
    preset: Preset = None,
    models: Models = None,
    explain: Explain = None,
    tasks: Tasks = None,
    config: Config = None,
    template: Template = None,
    formats: Formats = None,
    runtime: Runtime = None,
    precision: Precision = None,
    seed: Seed = None,
    probe: Probe = None,
    allow_download: AllowDownload = False,
    archive: Archive = False,
    strict: Strict = False,
    repeat: From = None,
    fresh: Fresh = False,
    jobs: Jobs = None,
    store: StoreAt = None,
    engine: EngineOption = "threads",
    address: Address = None,
) -> None:
    """Explain a folder of images and write the report."""
    with progress_of(terminal) as progress:
        from reportgen.api import make_report
        from reportgen.report.manifest import MAIN_FILES
        from reportgen.settings.load import load

        flags = _flags(context.params)
        given = _given(images, path_list)
        first = _run_to_repeat(repeat, given, flags, config, out, terminal) if repeat else None
        to_explain = first.images if first else _required(given)
        settings = (first.loaded if first else load(flags, config)).settings
        shown = (first.command if first else None) or shown_command(context, to_explain)
        _tell_places(out, store, terminal)
        notes = first.report.document.notes if first else ()
        report = make_report(
            to_explain,
            out,
            settings,
            fresh=fresh,
            jobs=jobs,
            store=store,
            engine=engine,
            address=address,
            command=shown,
            progress=progress,
            notes=notes,
        )
    if first:
        terminal.say(first.outcome(report))
    files = [out / MAIN_FILES[name] for name in settings.formats]
    tell_outcome(report, out, files, terminal, strict=settings.strict)


def _flags(given: Mapping[str, Any]) -> dict[str, JSON]:
    """The settings among the options, by their names; None: it was not given."""
    plain = {name: given[name] for name in ("preset", "template", "runtime", "precision", "seed")}
    several = {name: tuple(given[name]) if given[name] else None for name in ("models", "explain", "tasks")}
    switches = {name: given[name] or None for name in ("allow_download", "archive", "strict")}
    probe = str(given["probe"]) if given["probe"] else None
    return {**plain, **several, **switches, "probe": probe, "formats": split_formats(given["formats"])}


def _given(images: list[str] | None, path_list: str | None) -> Given | None:
    """What the command line says to explain; None: nothing."""
    from reportgen.images.sources.given import STDIN, Given, read_list

    if images and path_list is not None:
        raise UsageError("--list and paths on the command line: give one of them")
    if images and STDIN in images and len(images) > 1:
        raise UsageError("- (a list on standard input) and other paths: give one of them")
    name = STDIN if images == [STDIN] else path_list
    if name is not None:
        return read_list(name, sys.stdin.buffer)
    return Given(tuple(images)) if images else None


def _required(given: Given | None) -> Given:
    if given is None:
        raise UsageError("Missing argument 'IMAGES': give the folder of images (see reportgen run --help)")
    return given


def shown_command(context: typer.Context, images: GivenImages) -> list[str]:
    """The command line as the report shows it: no output folder, no path that names a machine or a user."""
    from reportgen.images.sources.given import STDIN, given_of, last_part
    from reportgen.utils.encodings import as_text

    parts, given = ["reportgen", "run"], given_of(images)
    if not given.listed:
        parts += [last_part(path) for path in given.paths[:_MOST_SHOWN]]
        parts += ["…"] if len(given.paths) > _MOST_SHOWN else []
    elif context.params.get("path_list") is None:
        parts.append(STDIN)
    for parameter in context.command.params:
        name = str(parameter.name)
        flag, value = max(parameter.opts, key=len), context.params.get(name)
        if name in _NOT_SHOWN:
            continue
        for item in value if isinstance(value, list | tuple) else (value,):
            if item is True:
                parts.append(flag)
            elif item is not None and item is not False:
                parts += [flag, _without_folder(name, str(item))]
    return list(map(as_text, parts))


def _without_folder(parameter: str, value: str) -> str:
    """A place by its last part, a model without its folder (`without_folders`), any other value as it is."""
    from reportgen.settings.model import without_folders

    if parameter in _NAMES_A_PLACE and value != "-":
        return Path(value).resolve().name
    if parameter == "formats":
        return ",".join(split_formats(value) or ())
    return without_folders(value) if parameter in ("models", "explain") else value


def _run_to_repeat(
    source: Path, images: Given | None, flags: Mapping[str, JSON], config: Path | None, out: Path, terminal: Terminal
) -> Repeat:
    from reportgen.report.open import run_folder
    from reportgen.sharing.repeat import prepare

    prepared = prepare(source, images, flags, config)
    for note in prepared.notes:
        terminal.say(f"note: {note}")
    if out.resolve() == run_folder(source).resolve():
        raise UsageError(f"{out}: is the run to repeat; give another folder with -o")
    return prepared


def _tell_places(out: Path, store: str | None, terminal: Terminal) -> None:
    from reportgen.storage.store import shown_store

    terminal.detail(f"the report goes to {out.resolve()}, results are kept in {shown_store(store)}")
