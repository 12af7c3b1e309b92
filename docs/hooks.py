"""What `mkdocs build` does besides: pages that lie outside docs/, links between them, the table of settings, notebooks.

CHANGELOG.md and its like stay where GitHub and pip look for them; here each becomes a page, and links that lead from one
to another are made to lead to those pages. A link to a source file loses its link, since the site has no sources.
"""

from __future__ import annotations

import json
import posixpath
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel
from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parent.parent
# Path in the repository -> page of the site.
OUTSIDE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "ARCHITECTURE.md": "architecture.md",
    "SECURITY.md": "security.md",
    "README.md": "index.md",
    "benchmarks/README.md": "benchmarks.md",
    "sample_images/README.md": "sample-images.md",
}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
SETTINGS_MARK = "<!-- settings -->"


def on_config(config: MkDocsConfig) -> None:
    """The settings are those of this checkout, whichever is installed."""
    sys.path.insert(0, str(ROOT))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages from outside, and one for every notebook."""
    for source, page in OUTSIDE.items():
        if files.get_file_from_path(page) is None:
            files.append(File.generated(config, page, content=(ROOT / source).read_text("utf-8")))
    for notebook in [file for file in files if file.src_uri.endswith(".ipynb")]:
        text = notebook_page(json.loads(notebook.content_string), posixpath.basename(notebook.src_uri))
        files.append(File.generated(config, f"{notebook.src_uri.removesuffix('.ipynb')}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Links as they have to be on the site, and the settings where a page asks for them."""
    here = page.file.src_uri
    source = next((path for path, site in OUTSIDE.items() if site == here and site != "index.md"), f"docs/{here}")
    text = outside_code(markdown, lambda prose: LINK.sub(lambda link: site_link(link, source, here), prose))
    return text.replace(SETTINGS_MARK, "\n".join(settings_tables())) if SETTINGS_MARK in text else text


def outside_code(markdown: str, change: Any) -> str:
    """The text, with what stands outside fenced blocks changed."""
    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.startswith("```") else change(part) for part in parts)


def site_link(link: re.Match[str], source: str, here: str) -> str:
    """A Markdown link of the file `source` of the repository, as it has to be on the page `here`."""
    picture, text, target = link.groups()
    path, hash_, anchor = target.partition("#")
    if not path or "://" in path or path.startswith("mailto:"):
        return link[0]
    meant = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    if not (ROOT / meant).exists():
        return link[0]  # mkdocs says so
    if meant.startswith("docs/"):
        place = meant.removeprefix("docs/")
    elif meant in OUTSIDE or f"{meant}/README.md" in OUTSIDE:
        place = OUTSIDE.get(meant) or OUTSIDE[f"{meant}/README.md"]
    else:
        return text
    return f"{picture}[{text}]({posixpath.relpath(place, posixpath.dirname(here) or '.')}{hash_}{anchor})"


def settings_tables() -> Iterator[str]:
    """A table of the core's settings and one for each group, from the very models that check them."""
    from reportgen.settings.model import settings_class

    fields = settings_class().model_fields
    groups = {name: field for name, field in fields.items() if is_group(field)}
    yield from table("Of the run as a whole", {name: field for name, field in fields.items() if name not in groups})
    for name, field in groups.items():
        assert isinstance(field.annotation, type)
        about = (field.annotation.__doc__ or "").strip().partition("\n")[0]
        yield from table(f"`[{name}]`", field.annotation.model_fields, about)


def is_group(field: FieldInfo) -> bool:
    """Whether a setting is a table of settings."""
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def table(title: str, fields: dict[str, FieldInfo], about: str = "") -> Iterator[str]:
    """A heading and the fields, one a row."""
    yield from (f"### {title}", "", re.sub(r"\(docs/(\w+\.md)([^)]*)\)", r"([\1](\1)\2)", about), "")
    yield from ("| setting | default | what it is |", "| --- | --- | --- |")
    for name, field in fields.items():
        text = " ".join((field.description or choices(field)).split()).replace("|", "\\|").replace("<", "&lt;")
        yield f"| `{name}` | {default(field)} | {text} |"
    yield ""


def default(field: FieldInfo) -> str:
    """A default as TOML writes it; null has no form there, and is said in words."""
    value = field.get_default(call_default_factory=True)
    value = list(value) if isinstance(value, tuple) else value
    if value is None:
        return "none"
    return "from the preset" if field.is_required() else f"`{json.dumps(value, ensure_ascii=False)}`"


def choices(field: FieldInfo) -> str:
    """The values of a setting that has a few, and no description."""
    found = re.findall(r"'([^']+)'", str(field.annotation)) if "Literal" in str(field.annotation) else []
    return ", ".join(f"`{value}`" for value in found)


def notebook_page(notebook: dict[str, Any], name: str) -> str:
    """A notebook as Markdown: its text, its code, and what the code printed."""
    parts = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(text)
        elif cell["cell_type"] == "code" and text:
            parts += [f"```python\n{text}\n```", *outputs(cell.get("outputs", []))]
    return "\n\n".join([*parts, f"[This page as a notebook]({name})"]) + "\n"


def outputs(found: list[dict[str, Any]]) -> Iterator[str]:
    """What a cell printed or returned, as text or as a picture."""
    for output in found:
        data = output.get("data", {})
        for kind in ("image/png", "image/jpeg"):
            if kind in data:
                yield f'<img src="data:{kind};base64,{"".join(data[kind]).strip()}" alt="Output of the cell above">'
                break
        else:
            text = "".join(output.get("text", data.get("text/plain", ""))).rstrip()
            if text:
                yield f"```text\n{text}\n```"
