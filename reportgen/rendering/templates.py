"""Templates as folders: which there are, what each says of itself, and in which folders its files are looked for."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reportgen.rendering.plain import Plain
from reportgen.rendering.sources import inside
from reportgen.report.document import HexColor, Paper
from reportgen.utils.errors import ReportgenError, UsageError
from reportgen.utils.hashing import digest_of, file_sha256
from reportgen.utils.untrusted_files import is_folder

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BASE = "writeup"
PAGE = "report.html"
OWN_FILE = "template.toml"
LARGEST_FILE = 65_536
# Shipped, and no templates: the folder that `templates new` copies, and the report that `templates check` renders.
STARTER, FIXTURE = "_starter", "_fixture"


class TemplateFile(BaseModel):
    """template.toml: what a template says of itself. The run's own settings win over all but `summary` and `base`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    summary: str = Field("", description="one line, shown by `reportgen templates list`")
    base: str = Field(BASE, description='the shipped template that "base/..." means')
    context_version: int | None = Field(None, description="the version of the context that it was written for")
    title: str = ""
    authors: list[str] = []
    affiliation: str = ""
    course: str = ""
    logo: str = Field("", description="a picture in the template's folder")
    accent: HexColor | None = None
    paper: Paper | None = Field(None, description="that of its base where it says none")
    papers: list[Paper] = Field([], description="those that it can be laid out on; empty: those of its base")
    language: str = Field("", description="of the words of the pages")
    words: Plain = Field({}, description="single words in place of the language's own")
    sections: list[str] = []


@dataclass(frozen=True)
class Template:
    """One template.

    Attributes:
        folders: where its files are looked for, first match wins; the last is the shipped `writeup`.
        file: its template.toml, or that of nothing where it has none.
        shipped: whether it came with reportgen; any other is rendered in a process of its own, within limits.
    """

    folders: tuple[Path, ...]
    file: TemplateFile
    shipped: bool


def shipped_templates() -> Path:
    """The folder of the templates that come with reportgen: in a wheel, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "templates", package.parent / "templates"):
        if (folder / BASE / PAGE).is_file():
            return folder
    raise ReportgenError("reportgen's own templates are missing: install it again")


def shipped_names() -> list[str]:
    """The names of the shipped templates, the default first."""
    folders = [path for path in shipped_templates().iterdir() if (path / PAGE).is_file()]
    names = [folder.name for folder in folders if not folder.name.startswith("_")]
    return sorted(names, key=lambda name: (name != BASE, name))


def find_template(template: str | Path) -> Template:
    """A template by the name of a shipped one, or by a folder of the user's own.

    Raises:
        UsageError: it is neither, or its template.toml is wrong.
    """
    names, shipped = shipped_names(), shipped_templates()
    if str(template) in names:
        own = shipped / str(template)
    elif is_folder(Path(template)):
        own = Path(template)
    else:
        raise UsageError(f"unknown template {str(template)!r}: use {', '.join(names)}, or a folder of your own")
    file = read_template_file(own)
    if file.base not in names:
        raise UsageError(f"{own / OWN_FILE}: base is {file.base!r}: use {', '.join(names)}")
    folders = dict.fromkeys([own, shipped / file.base, shipped / BASE])
    for base in list(folders)[1:]:
        inherited = read_template_file(base)
        file = file.model_copy(
            update={"paper": file.paper or inherited.paper, "papers": file.papers or inherited.papers}
        )
    return Template(tuple(folders), file, shipped=str(template) in names)


def require_paper(template: TemplateFile, wanted: Paper | None) -> None:
    """Whether a PDF can be laid out on the paper of the settings, or on that of template.toml.

    Raises:
        UsageError: the template is made for others.
    """
    paper = wanted or template.paper
    if paper is not None and template.papers and paper not in template.papers:
        raise UsageError(
            f"paper is {paper}, and this template is laid out on {' or '.join(template.papers)}: set document.paper to one of "
            "these, or use another template (poster is laid out on any paper)"
        )


def template_folders(template: str | Path) -> tuple[Path, ...]:
    """The folders of `find_template`."""
    return find_template(template).folders


def templates_among(paths: Iterable[str]) -> list[str]:
    """The templates that are named, or that files are of, in the order of their first mention, each once."""
    found: dict[str, None] = {}
    for path in paths:
        template = _template_of(Path(path)) if Path(path).is_file() else str(Path(path))
        if template is not None:
            found[template] = None
    return list(found)


def _template_of(file: Path) -> str | None:
    """The nearest folder around a file that is a template, up to the working folder for a relative path; None: there is none.

    A folder is one by its template.toml, or by a report.html that begins as templates do: that of a finished run is a page.
    """
    for folder in file.parents:
        if (folder / OWN_FILE).is_file():
            return str(folder)
        page = folder / PAGE
        if page.is_file():
            with page.open("rb") as start:
                if start.read(1000).lstrip().startswith((b"{%", b"{#")):
                    return str(folder)
    return None


def template_sha256(template: str | Path) -> str:
    """One SHA-256 for the files of a template: its own and those of the templates it extends.

    Raises:
        UsageError: see `find_template`.
    """
    listed = []
    for number, folder in enumerate(find_template(template).folders):
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            # Through a link only what a template may read: `inside` asks for the same folder.
            if not any(part.startswith(".") for part in path.relative_to(folder).parts) and inside(folder, name):
                listed.append([number, name, file_sha256(path)])
    return digest_of(listed)


def read_template_file(folder: Path) -> TemplateFile:
    """A folder's template.toml; all defaults where it has none.

    Raises:
        UsageError: it is not TOML, or a key or value is wrong.
    """
    path = folder / OWN_FILE
    try:
        return TemplateFile.model_validate(read_toml(folder, OWN_FILE))
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            raise UsageError(f"{path}: unknown key {key}; known: {', '.join(TemplateFile.model_fields)}") from None
        reason = problem["msg"].removeprefix("Value error, ")
        raise UsageError(f"{path}: {key}: {reason[0].lower()}{reason[1:]}; it is {problem['input']!r}") from None


def read_toml(folder: Path, name: str) -> Plain:
    """What a TOML file of a template's folder says; nothing where there is none.

    Raises:
        UsageError: it is not TOML, too large, or a link that leads out of the folder.
    """
    path = folder / name
    if not path.is_symlink() and not path.exists():
        return {}
    real = inside(folder, name)
    if real is None or real.stat().st_size > LARGEST_FILE:
        raise UsageError(f"{path}: not a file of this folder of at most {LARGEST_FILE} bytes")
    try:
        return tomllib.loads(real.read_bytes().decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
    except (ValueError, RecursionError) as error:  # a TOMLDecodeError, or an integer of more digits than Python reads
        raise UsageError(f"{path}: not valid TOML ({error})") from None


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean NAME?`, or nothing where no known name is near."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def new_template(folder: Path) -> list[Path]:
    """Write a small commented template that extends the base; returns its files.

    Raises:
        UsageError: there is something at `folder` already, or it cannot be written.
    """
    if folder.is_symlink() or folder.exists():
        if not folder.is_dir():
            raise UsageError(f"{folder}: is a file; give a folder that is empty or not there")
        if any(folder.iterdir()):
            raise UsageError(f"{folder}: is not empty; nothing was written")
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in sorted((shipped_templates() / STARTER).iterdir()):
            target = folder / source.name
            target.write_bytes(source.read_bytes())
            written.append(target)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({(error.strerror or str(error)).lower()})") from None
    return written
