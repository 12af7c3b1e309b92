"""Stores that have addresses, `s3://bucket/folder`, by fsspec and the package that knows the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Protocol
from urllib.parse import urlsplit

from reportgen.utils.errors import UsageError

# Of fsspec's many, those of stores: none that reads this machine, runs a program, or takes another address apart.
STORES = frozenset({"s3", "gs", "gcs", "az", "abfs", "abfss", "hf"})
# Words in the names of errors, which every store has its own of.
_SAYING = (
    (("credential", "authentication", "token"), "no credentials that are accepted"),
    (("notfound", "nosuchbucket"), "nothing is there"),
    (("connect", "timeout", "servicerequest", "gaierror", "dns"), "its server cannot be reached"),
)


class FileSystem(Protocol):
    """What is used of fsspec's AbstractFileSystem."""

    def info(self, path: str) -> Mapping[str, object]: ...
    def find(self, path: str, *, detail: bool) -> Mapping[str, Mapping[str, object]]: ...
    def open(self, path: str, mode: str) -> IO[bytes]: ...
    def cat_file(self, path: str) -> bytes: ...
    def pipe_file(self, path: str, value: bytes) -> object: ...
    def unstrip_protocol(self, name: str) -> str: ...


def file_system(address: str) -> tuple[FileSystem, str]:
    """The store of an address, and the path in it; the same object for the same thread, which it is made for.

    Raises:
        UsageError: a package is missing.
        Exception: what the package says of the address.
    """
    try:
        from fsspec.core import url_to_fs

        store, path = url_to_fs(address)
        if urlsplit(address).scheme == "hf":
            # Every command keeps huggingface_hub from the network; this address was asked for.
            from huggingface_hub import constants

            constants.HF_HUB_OFFLINE = False
    except ImportError:
        scheme = urlsplit(address).scheme
        raise UsageError(f"{scheme}:// needs a further package: pip install 'reportgen[remote]'") from None
    return store, path


def plain(error: BaseException) -> str:
    """What a library's error says, in words without an address or a key in them."""
    if isinstance(error, FileNotFoundError):
        return "nothing is there"
    if isinstance(error, PermissionError):
        return "no permission"
    text, name = str(error), type(error).__name__
    if isinstance(error, OSError) and text.startswith(("the server says", "more than")):
        return text
    if type(error) is OSError:  # an answer of the server that its package has no other name for
        return "its server reports an error"
    return next((said for words, said in _SAYING if any(word in name.lower() for word in words)), name)
