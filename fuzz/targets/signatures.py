"""Signature files, and files of public keys."""

from __future__ import annotations

from datetime import datetime, timezone

from fuzz.harness import on_disk, refused
from reportgen.sharing.signing.keys import trusted_keys
from reportgen.sharing.signing.ssh_signature import BadSignature, parse

READERS = ("reportgen/sharing/signing/keys.py", "reportgen/sharing/signing/ssh_signature.py")
NOW = datetime(2026, 12, 1, tzinfo=timezone.utc)


def one(data: bytes) -> None:
    with refused(BadSignature):
        parse(data).fits(b"a message")
    with on_disk(data, "keys") as path, refused():
        for key in trusted_keys(str(path), NOW):
            assert len(key.key) == 32 and key.fingerprint.startswith("SHA256:")
