"""Signatures of files as OpenSSH makes them (`ssh-keygen -Y sign`), with Ed25519 keys.

    armour       -----BEGIN SSH SIGNATURE-----, base64, -----END SSH SIGNATURE-----
    inside       "SSHSIG", version 1, public key, namespace, reserved, name of the hash, signature
    is signed    "SSHSIG", namespace, reserved, name of the hash, hash of the message

The namespace keeps a signature for one purpose from being passed off as one for another. Ed25519 is deterministic: equal
messages and keys give equal bytes. Source: OpenSSH, PROTOCOL.sshsig; the key's and the signature's own form: RFC 8709.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAMESPACE = "reportgen"
KIND = b"ssh-ed25519"
BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
MOST_BYTES = 64 * 2**10  # of a signature file; one by Ed25519 has about 300
KEY_BYTES, SIGNATURE_BYTES = 32, 64
_MAGIC, _VERSION, _LINE = b"SSHSIG", 1, 70
_HASHES = {b"sha512": hashlib.sha512, b"sha256": hashlib.sha256}


class BadSignature(ValueError):
    """Bytes that are no signature, or none that counts here; the message says why."""


@dataclass(frozen=True)
class Signature:
    """A signature as it was read; whether it fits a message is still to be asked.

    Attributes:
        key: the public key that it names, 32 bytes.
        namespace: what it was made for.
        signed: what was signed, without the message's hash at its end.
        digest: the name of the hash of the message.
        value: 64 bytes.
    """

    key: bytes
    namespace: bytes
    signed: bytes
    digest: bytes
    value: bytes

    def fits(self, message: bytes) -> bool:
        """Whether the holder of `key` signed this message."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            key = Ed25519PublicKey.from_public_bytes(self.key)
            key.verify(self.value, self.signed + _string(_HASHES[self.digest](message).digest()))
        except (InvalidSignature, ValueError):
            return False
        return True


def sign(message: bytes, key: Ed25519PrivateKey) -> bytes:
    """The signature file of a message, as `ssh-keygen -Y sign -n reportgen` writes it."""
    digest = b"sha512"
    fields = _string(NAMESPACE.encode()) + _string(b"") + _string(digest)
    value = key.sign(_MAGIC + fields + _string(hashlib.sha512(message).digest()))
    public = _string(KIND) + _string(key.public_key().public_bytes_raw())
    blob = _MAGIC + struct.pack(">I", _VERSION) + _string(public) + fields + _string(_string(KIND) + _string(value))
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    return "\n".join([BEGIN, *lines, END, ""]).encode()


def parse(data: bytes) -> Signature:
    """A signature file.

    Raises:
        BadSignature: it is none, of another kind, or made for another purpose.
    """
    blob = _Reader(_unarmoured(data))
    if blob.take(len(_MAGIC)) != _MAGIC:
        raise BadSignature("is no SSH signature")
    if blob.number() != _VERSION:
        raise BadSignature("is of a version of SSH signatures that is not known here")
    public, namespace, reserved, digest, value = (blob.string() for _ in range(5))
    blob.require_end()
    if namespace != NAMESPACE.encode():
        raise BadSignature(f"was made for another purpose ({namespace[:40]!r}, not {NAMESPACE})")
    if digest not in _HASHES:
        raise BadSignature("names a hash that no SSH signature uses")
    return Signature(
        _of_kind(public, KEY_BYTES),
        namespace,
        _MAGIC + _string(namespace) + _string(reserved) + _string(digest),
        digest,
        _of_kind(value, SIGNATURE_BYTES),
    )


def fingerprint(key: bytes) -> str:
    """`SHA256:...`, as ssh-keygen -l shows it, of a public key of 32 bytes."""
    digest = hashlib.sha256(_string(KIND) + _string(key)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def key_of_blob(blob: bytes) -> bytes:
    """The 32 bytes of a public key as SSH writes it.

    Raises:
        BadSignature: of another kind, or damaged.
    """
    return _of_kind(blob, KEY_BYTES)


def _unarmoured(data: bytes) -> bytes:
    if len(data) > MOST_BYTES:
        raise BadSignature(f"is larger than any signature ({len(data)} bytes)")
    try:
        lines = data.decode("ascii").split()
    except UnicodeDecodeError:
        raise BadSignature("is no SSH signature") from None
    begin, end = BEGIN.split(), END.split()
    if lines[:3] != begin:
        raise BadSignature("is no SSH signature")
    if lines[-3:] != end:
        raise BadSignature("is cut off")
    try:
        return base64.b64decode("".join(lines[3:-3]), validate=True)
    except binascii.Error:
        raise BadSignature("is damaged") from None


def _of_kind(blob: bytes, size: int) -> bytes:
    reader = _Reader(blob)
    kind = reader.string()
    if kind != KIND:
        raise BadSignature(f"is of another kind of key ({kind[:40]!r}); Ed25519 alone is checked")
    value = reader.string()
    reader.require_end()
    if len(value) != size:
        raise BadSignature("is damaged")
    return value


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


class _Reader:
    """SSH's wire format, read from the front."""

    def __init__(self, data: bytes) -> None:
        self._left = data

    def take(self, count: int) -> bytes:
        if count > len(self._left):
            raise BadSignature("is cut off")
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        return self.take(self.number())

    def require_end(self) -> None:
        if self._left:
            raise BadSignature("is damaged")
