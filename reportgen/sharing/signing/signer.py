"""Whether a run is signed, and by whom: what `verify --by` asks of the signature beside a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reportgen.report.manifest import MANIFEST, SIGNATURE
from reportgen.sharing.signing.keys import PublicKey
from reportgen.sharing.signing.ssh_signature import BadSignature, fingerprint, parse

NOT_SIGNED = (
    "it is not signed: that its files belong together was checked; who made it, nobody can tell from it, since whoever changes a "
    "file can make a new manifest too"
)
NOT_ASKED = f"a signature lies beside it ({SIGNATURE}) and was not looked at, so who made it is open: give the signer's key with --by"
NOT_PROVEN = "the signature shows that the holder of this key signed these files; not when, and not that the run was an honest one"


@dataclass(frozen=True)
class Signer:
    """Who signed; or why that cannot be said.

    Attributes:
        key: the trusted key that the signature is by; None where there is none.
        fault: why the signature does not count; empty where it does.
    """

    key: PublicKey | None = None
    fault: str = ""

    @property
    def line(self) -> str:
        """`signed by: ann@example.org (SHA256:...)`, or `not signed by that key: ...`."""
        if self.key is None:
            return f"not signed by that key: {self.fault}"
        return (
            f"signed by: {self.key.name} ({self.key.fingerprint})"
            if self.key.name
            else f"signed by: {self.key.fingerprint}"
        )


def signer_of(manifest: bytes, signature: bytes | None, trusted: Sequence[PublicKey]) -> Signer:
    """Which of the trusted keys signed a manifest.

    Args:
        signature: the signature file; None where there is none.
    """
    if signature is None:
        return Signer(fault=f"there is no signature ({SIGNATURE}) beside its {MANIFEST}")
    try:
        found = parse(signature)
    except BadSignature as error:
        return Signer(fault=f"{SIGNATURE} {error}")
    known = next((key for key in trusted if key.key == found.key), None)
    if known is None:
        return Signer(fault=f"{SIGNATURE} names another key, {fingerprint(found.key)}")
    if not found.fits(manifest):
        return Signer(
            fault=f"{SIGNATURE} does not fit its {MANIFEST}: that was changed afterwards, or something else was signed"
        )
    return Signer(key=known)
