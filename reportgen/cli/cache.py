"""`reportgen cache`: results kept from run to run."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Results kept from run to run.", no_args_is_help=True)


@app.command("info")
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


@app.command("clear")
def clear_cache(
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
