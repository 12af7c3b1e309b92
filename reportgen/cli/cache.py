"""`reportgen cache`: results kept from run to run."""

from __future__ import annotations

from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.terminal import Terminal

app = typer.Typer(help="Results kept from run to run.", no_args_is_help=True)


@app.command("info")
@mannered
def cache_info(terminal: Terminal) -> None:
    """Show where results are kept, how many there are, their size, and the limit."""
    from reportgen.storage import cache
    from reportgen.storage.store import cache_folder

    limit, held = cache.cache_limit(), cache.info(cache_folder())
    terminal.found(folder=cache_folder(), results=held.results, models=held.models, bytes=held.size, limit=limit)
    terminal.result(f"folder: {cache_folder()}")
    terminal.result(f"results: {held.results}")
    terminal.result(f"converted models: {held.models}")
    terminal.result(f"size: {cache.readable(held.size)}")
    terminal.result(f"limit: {cache.readable(limit)} ({cache.LIMIT_VARIABLE})")


@app.command("clear")
@mannered
def clear_cache(
    terminal: Terminal,
    older_than: Annotated[
        float | None, typer.Option(min=0, metavar="DAYS", help="Only what was not used for so many days.")
    ] = None,
) -> None:
    """Remove kept results and converted models; the next run computes them again."""
    from reportgen.storage import cache
    from reportgen.storage.store import cache_folder

    removed = cache.clear(cache_folder(), older_than)
    terminal.found(results=removed.results, models=removed.models, bytes=removed.size)
    terminal.result(
        f"{removed.results} results and {removed.models} converted models removed, {cache.readable(removed.size)}"
    )
