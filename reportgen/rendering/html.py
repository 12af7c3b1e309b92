"""The HTML report: one file that needs nothing else."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from reportgen.rendering.environment import environment, page_chunks
from reportgen.rendering.plain import Plain
from reportgen.rendering.sources import Sources, mime_type


def write_html(context: Plain, sources: Sources, target: Path) -> None:
    """Write the page with every picture, font and style inside it.

    Args:
        context: see `reportgen.rendering.context.page_context`, with medium "html".
    """
    env = environment(
        sources.folders,
        url=lambda file: data_uri(sources.picture(file)),
        asset=lambda name: data_uri(sources.asset(name)),
    )
    with target.open("w", encoding="utf-8", newline="\n") as page:
        page.writelines(page_chunks(env, context))


def data_uri(path: Path) -> str:
    """A file as an address that carries its own bytes."""
    return f"data:{mime_type(path)};base64,{b64encode(path.read_bytes()).decode('ascii')}"
