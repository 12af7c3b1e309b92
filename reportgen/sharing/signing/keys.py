"""Keys from files: a private one to sign with, public ones that are trusted.

    private   PEM (PKCS #8) or OpenSSH's own format, Ed25519, also under a passphrase
    public    PEM; or lines as in id_ed25519.pub, authorized_keys and allowed_signers, of which those that are no Ed25519 keys are
              passed over, and so are authorities (`cert-authority`) and keys that are bound to other purposes or another time

Sources: sshd(8), AUTHORIZED_KEYS FILE FORMAT; ssh-keygen(1), ALLOWED SIGNERS.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.sharing.signing.ssh_signature import KIND, NAMESPACE, BadSignature, fingerprint, key_of_blob
from reportgen.utils.errors import UsageError
from reportgen.utils.untrusted_files import read_at_most

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PASSPHRASE_VARIABLE = "REPORTGEN_SIGN_PASSPHRASE"
MOST_BYTES = 2**20  # of a file of keys
_LINE_START = f"{KIND.decode()} "
# A word of a line of keys: quoted parts may hold blanks.
_WORD = re.compile(r'(?:[^\s"]|"(?:\\.|[^"\\])*")+')
_OPTION = re.compile(r'([A-Za-z-]+)="((?:\\.|[^"\\])*)"')


@dataclass(frozen=True)
class PublicKey:
    """A key that is trusted.

    Attributes:
        key: 32 bytes.
        name: what its file says of its holder: the comment behind it, else what stands before it; may be empty.
    """

    key: bytes
    name: str

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.key)


def require_cryptography() -> None:
    """
    Raises:
        UsageError: the library is not installed.
    """
    try:
        import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401
    except ImportError:
        raise UsageError("signatures need a further package: pip install 'reportgen[sign]'") from None


def private_key(path: Path, passphrase: Callable[[], str | None]) -> Ed25519PrivateKey:
    """The key of a file.

    Args:
        passphrase: asked where the file has one; None: there is nobody to ask.

    Raises:
        UsageError: no such file, no private key in it, one of another kind, no passphrase or a wrong one.
    """
    require_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    data = read_at_most(path, MOST_BYTES)
    if b"PRIVATE KEY-----" not in data:
        is_public = data.startswith(b"ssh-") or b"PUBLIC KEY-----" in data
        hint = "is a public key; a signature is made with the private one" if is_public else "holds no private key"
        raise UsageError(f"{path}: {hint} (PEM or OpenSSH, Ed25519)")
    load = load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY" in data else load_pem_private_key
    secret: bytes | None = None
    try:
        try:
            key = load(data, None)
        except TypeError:  # a passphrase is needed
            secret = _passphrase(path, passphrase)
            key = load(data, secret)
    except UnsupportedAlgorithm as error:
        missing = ": pip install 'reportgen[sign]'" if "bcrypt" in str(error) else ""
        raise UsageError(f"{path}: cannot be read ({error}){missing}") from None
    except (ValueError, TypeError):
        why = "the passphrase is wrong, or the file is damaged" if secret is not None else "the file is damaged"
        raise UsageError(f"{path}: no private key can be read from it; {why}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path}: is no Ed25519 key; make one with ssh-keygen -t ed25519")
    return key


def _passphrase(path: Path, passphrase: Callable[[], str | None]) -> bytes:
    given = passphrase()
    if not given:
        raise UsageError(
            f"{path}: needs its passphrase; sign on a terminal, where it is asked for, or put it into {PASSPHRASE_VARIABLE}"
        )
    return given.encode("utf-8", "surrogateescape")


def trusted_keys(given: str, now: datetime | None = None) -> list[PublicKey]:
    """The keys that a file holds, or that the text itself is (`ssh-ed25519 AAAA...`).

    Args:
        now: the time that a key has to be valid at; default: this moment.

    Raises:
        UsageError: no such file, or no Ed25519 key in it that is trusted for this.
    """
    require_cryptography()
    if given.startswith(_LINE_START):
        text, shown = given, "--by"
    else:
        data, shown = read_at_most(Path(given), MOST_BYTES), given
        if b"PRIVATE KEY-----" in data:
            raise UsageError(f"{given}: is a private key, which its holder keeps; give the public one")
        if b"BEGIN PUBLIC KEY-----" in data:
            return [_of_pem(data, given)]
        text = data.decode("utf-8", "replace")
    moment = now or datetime.now(timezone.utc)
    keys = [key for line in text.splitlines() if (key := _of_line(line, moment)) is not None]
    if not keys:
        raise UsageError(
            f"{shown}: holds no Ed25519 key that counts here; give a PEM file, or lines such as {_LINE_START}AAAA... NAME"
        )
    return keys


def _of_pem(data: bytes, shown: str) -> PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise UsageError(f"{shown}: no public key can be read from it; the file is damaged") from None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{shown}: is no Ed25519 key, and none other is checked")
    return PublicKey(key.public_bytes_raw(), "")


def _of_line(line: str, now: datetime) -> PublicKey | None:
    """The key of a line; None where there is none, or none that counts."""
    if line.lstrip().startswith("#"):
        return None
    words = [match.group() for match in _WORD.finditer(line)]
    if KIND.decode() not in words:
        return None
    at = words.index(KIND.decode())
    before, after = words[:at], words[at + 1 :]
    if not after or not _counts(",".join(before), now):
        return None
    try:
        key = key_of_blob(base64.b64decode(after[0], validate=True))
    except (binascii.Error, BadSignature, ValueError):
        return None
    return PublicKey(key, " ".join(after[1:]) or (before[0] if before and "=" not in before[0] else ""))


def _counts(before: str, now: datetime) -> bool:
    """Whether what stands before a key lets it sign a report now: it is no authority, and bound to no other purpose or time."""
    options: Mapping[str, str] = {name.lower(): value for name, value in _OPTION.findall(before)}
    if "cert-authority" in _OPTION.sub("", before).lower().split(","):
        return False
    if "namespaces" in options and not any(fnmatchcase(NAMESPACE, one) for one in options["namespaces"].split(",")):
        return False
    moment = now.astimezone(timezone.utc)
    for name, value in options.items():
        if name not in ("valid-after", "valid-before", "expiry-time"):
            continue
        limit = _time(value)
        if limit is None or (moment < limit if name == "valid-after" else moment > limit):
            return False
    return True


def _time(text: str) -> datetime | None:
    """`20261130`, `202611302159`, `20261130215930`: local time, or UTC with a Z behind it."""
    digits = text.removesuffix("Z")
    form = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(digits))
    if form is None:
        return None
    try:
        moment = datetime.strptime(digits, form)
        return moment.replace(tzinfo=timezone.utc) if text.endswith("Z") else moment.astimezone()
    except (ValueError, OverflowError, OSError):
        return None
