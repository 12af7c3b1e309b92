"""`reportgen verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.terminal import Terminal
from reportgen.utils.errors import CheckFailed
from reportgen.utils.terminal_text import printable


@mannered
def verify(
    terminal: Terminal,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|FILE.zip|report.pdf", help="A run folder, a bundle, or the PDF.", show_default=False
        ),
    ],
    images: Annotated[
        str | None,
        typer.Option(help="The images, as they were given to run: are they those that were explained?"),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="It must be signed by this public key: a file (PEM, .pub, authorized_keys, allowed_signers) or 'ssh-ed25519 AAAA...'.",
        ),
    ] = None,
) -> None:
    """Check that a run is as it was made, with --by also who made it; exit with 1 where not."""
    from reportgen.sharing.signing.keys import trusted_keys
    from reportgen.sharing.verify import verify as verify_run

    found = verify_run(source, images, trusted=None if by is None else trusted_keys(by))
    signer = found.signer
    terminal.found(
        ok=found.ok,
        matched=found.matched,
        changed=found.changed,
        missing=found.missing,
        not_in_manifest=found.extra,
        notes=found.notes,
        signed_by=None
        if signer is None or signer.key is None
        else {"fingerprint": signer.key.fingerprint, "name": signer.key.name},
        unsigned=None if signer is None else signer.fault or None,
    )
    terminal.result(f"{found.matched} as they were made")
    for word, lines in (("changed", found.changed), ("missing", found.missing), ("not in the manifest", found.extra)):
        for line in lines:
            terminal.result(f"{word}: {printable(line)}")
    if signer is not None:
        terminal.result(printable(signer.line))
    for note in found.notes:
        terminal.result(printable(note))
    if not found.ok:
        raise CheckFailed(f"{source}: {found.summary}")
