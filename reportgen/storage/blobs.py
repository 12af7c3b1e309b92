"""Where a store's bytes lie, by names such as `ab/abcd.json`: files of a folder, or objects in a store that has an address."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from reportgen.storage.cache import touch
from reportgen.utils.errors import ReportgenError, UsageError
from reportgen.utils.files import write_file
from reportgen.utils.object_stores import STORES, file_system, plain
from reportgen.utils.secrets import is_address, shown_address
from reportgen.utils.untrusted_files import opened

# A hub makes a commit of every write; the memory of this process is no store far away, and serves its threads.
WRITTEN = (STORES - {"hf"}) | {"memory"}
_CONTAINER_FIRST = frozenset({"az", "abfs", "abfss"})
CHECK = "reportgen-store.txt"  # written and read before any work
_CHECK_BYTES = b"Results of reportgen, by what made them.\n"


class Blobs(Protocol):
    """Bytes by name, each written whole. Several threads, processes and machines may use the same at once."""

    def read(self, name: str) -> bytes | None:
        """The bytes under a name; None where there are none.

        Raises:
            ReportgenError: they cannot be had, and whether they are there is not known.
        """

    def write(self, name: str, data: bytes) -> None:
        """Keep bytes under a name; whoever reads sees all of them or none.

        Raises:
            ReportgenError: they cannot be written.
        """

    def used(self, name: str) -> None:
        """Note that what is under a name was of use now, where something is ever removed for its age."""

    def require_usable(self) -> None:
        """Write a few bytes, and read them again.

        Raises:
            ReportgenError: one line with the place, and what is wrong there.
        """


@dataclass(frozen=True)
class FolderBlobs:
    """Files of a folder. A write is a temporary file and a rename.

    Attributes:
        aged: what was not used for long is removed some day (`reportgen.storage.cache`), so that each use is noted.
    """

    folder: Path
    aged: bool = True

    def read(self, name: str) -> bytes | None:
        try:
            with opened(self.folder / name) as file:
                return file.read()
        except OSError:  # what cannot be read is made again, and the write says what is wrong
            return None

    def write(self, name: str, data: bytes) -> None:
        write_file(self.folder / name, data)

    def used(self, name: str) -> None:
        if self.aged:
            touch(self.folder / name)

    def require_usable(self) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise UsageError(f"{self.folder}: is a file; give a folder for the store")
        self.write(CHECK, _CHECK_BYTES)


@dataclass(frozen=True)
class AddressBlobs:
    """Objects below an address, `s3://bucket/folder`, through fsspec, which tries again what fails for a moment.

    An object is written by one request, and there is no rename. The address may hold a secret, and is never shown whole.
    """

    address: str = field(repr=False)

    def read(self, name: str) -> bytes | None:
        try:
            store, top = file_system(self.address)
            return store.cat_file(f"{top.rstrip('/')}/{name}")
        except FileNotFoundError:
            return None
        except ReportgenError:
            raise
        except Exception as error:  # every store has errors of its own
            raise ReportgenError(f"{self._shown}: cannot be read: {plain(error)}") from None

    def write(self, name: str, data: bytes) -> None:
        try:
            store, top = file_system(self.address)
            store.pipe_file(f"{top.rstrip('/')}/{name}", data)
        except ReportgenError:
            raise
        except FileNotFoundError:
            raise ReportgenError(f"{self._shown}: cannot be written: there is no such bucket") from None
        except Exception as error:  # every store has errors of its own
            raise ReportgenError(f"{self._shown}: cannot be written: {plain(error)}") from None

    def used(self, name: str) -> None:
        """Nothing is removed from a store far away."""

    def require_usable(self) -> None:
        # A name that never is: some stores refuse to say that something is absent, unless one may list it.
        self.read(f"{CHECK}-none")
        self.write(CHECK, _CHECK_BYTES)
        if self.read(CHECK) != _CHECK_BYTES:
            raise ReportgenError(f"{self._shown}: what was written there does not read back; give another store")

    @property
    def _shown(self) -> str:
        return shown_address(self.address)


def blobs_at(place: str | Path) -> Blobs:
    """A folder by its path, or what lies below an address.

    Raises:
        UsageError: an address of another kind.
    """
    text = str(place)
    if not isinstance(place, str) or not is_address(text):
        return FolderBlobs(Path(place).expanduser().absolute(), aged=False)
    shown = shown_address(text)
    try:
        parts = urlsplit(text)
    except ValueError:  # "s3://[": no host
        parts = urlsplit("")
    if parts.scheme not in WRITTEN or "::" in text:
        known = ", ".join(f"{name}://" for name in ("s3", "gs", "az"))
        raise UsageError(f"{shown}: no store that results can be kept in; give a folder, or an address of {known}")
    user, at, host = parts.netloc.rpartition("@")
    # abfs://CONTAINER@ACCOUNT.dfs.core.windows.net is no name and password.
    secret = bool(at) and (":" in user or parts.scheme not in _CONTAINER_FIRST)
    if not host or secret or parts.query or parts.fragment:
        raise UsageError(
            f"{shown}: give a store as {parts.scheme}://BUCKET/FOLDER and no more; keys stand in variables of the store's own"
        )
    return AddressBlobs(text)
