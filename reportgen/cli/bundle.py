"""`reportgen bundle`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from reportgen.cli.manners import mannered
from reportgen.cli.options import FinishedRun, Template
from reportgen.cli.terminal import Terminal
from reportgen.utils.terminal_text import counted, printable


@mannered
def bundle(
    terminal: Terminal,
    run: FinishedRun,
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
    sign: Annotated[
        Path | None,
        typer.Option(metavar="KEY", help="Sign it with this private key: Ed25519, PEM or OpenSSH's own format."),
    ] = None,
) -> None:
    """Pack a run for a reader: report, data, parameters, settings and a README; equal runs give equal bytes."""
    from reportgen.report.open import read_report
    from reportgen.sharing.bundle import bundle as pack

    signing, signer = (None, None) if sign is None else _signing(sign)
    names = pack(
        run, out, anonymous=anonymous, max_pages=max_pages, template=template, allowed=allow or (), sign=signing
    )
    terminal.found(paths=[out], files=names, signer=signer)
    terminal.result(out)
    terminal.say(counted(len(names), "file"))
    if signer is not None:
        terminal.say(f"signed with the key {signer}")
    if anonymous and read_report(run).document.notes:
        terminal.say(
            "note: your own words are in it; names of the authors were looked for in them, whom else they name only you know"
        )


def _signing(key_file: Path) -> tuple[Callable[[bytes], bytes], str]:
    """What signs, and the fingerprint of its key."""
    from reportgen.sharing.signing.keys import private_key
    from reportgen.sharing.signing.ssh_signature import fingerprint, sign

    key = private_key(key_file, lambda: _passphrase(key_file))
    return lambda message: sign(message, key), fingerprint(key.public_key().public_bytes_raw())


def _passphrase(key_file: Path) -> str | None:
    """The passphrase of a key: from its variable, else asked for; None where there is nobody to ask."""
    from reportgen.sharing.signing.keys import PASSPHRASE_VARIABLE

    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given or not sys.stdin.isatty():
        return given or None
    from getpass import getpass

    return getpass(f"Passphrase of {printable(str(key_file), 200)}: ", sys.stderr)
