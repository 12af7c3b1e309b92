"""manifest.json: SHA-256 and size of every file of a run, as bytes and back.

A finished run folder has one, and a PDF carries one without the report's own renderings, which cannot hold their own
hashes. No numpy here: a renderer reads it too.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from reportgen.report.columns import IMAGES_FILE
from reportgen.report.report_json import REPORT
from reportgen.utils.errors import UsageError
from reportgen.utils.files import write_file
from reportgen.utils.hashing import file_sha256
from reportgen.utils.untrusted_files import read_at_most

MANIFEST = "manifest.json"
SIGNATURE = f"{MANIFEST}.sig"  # as ssh-keygen -Y sign names it; no manifest lists it
LOCK = ".lock"  # there while a run writes the folder; no manifest lists it
UNFINISHED = ".unfinished"  # in its place while a run writes: the names of the files that it may find, a line each
# Format -> the file to open.
MAIN_FILES = {
    "pdf": "report.pdf",
    "html": "report.html",
    "docx": "report.docx",
    "md": "report.md",
    "tex": "tex/report.tex",
}
TEX = "tex/"
# What is always written where a format is; LaTeX has pictures of its own beside it.
RENDERED = frozenset({
    *MAIN_FILES.values(),
    *(TEX + name for name in ("body.tex", "appendix.tex", "preamble.tex", "bibliography.tex", "references.bib")),
})  # fmt: skip
TIMINGS = "timings.json"
# The folder of what a report holds for further explained models; there with several alone.
FURTHER_MODELS = "models"
# What every run calls its files and folders; a file of parameters is called as its analysis says.
OWN_NAMES = (
    REPORT,
    *sorted(RENDERED),
    "junit.xml",
    "references.bib",
    IMAGES_FILE,
    MANIFEST,
    SIGNATURE,
    TIMINGS,
    "figures",
    "tables",
    "maps",
    "masks",
    FURTHER_MODELS,
)
Entry = tuple[str, int]  # SHA-256, hexadecimal; size in bytes


def entry_of(data: bytes) -> Entry:
    """What a manifest says of a file with these bytes."""
    return hashlib.sha256(data).hexdigest(), len(data)


def file_entry(path: Path) -> Entry:
    """The same of a file, of any size."""
    return file_sha256(path), path.stat().st_size


def manifest_json(files: Mapping[str, Entry]) -> bytes:
    """The manifest of these files (posix path -> hash and size), in order of their names."""
    listed = {file: {"sha256": sha, "bytes": size} for file, (sha, size) in sorted(files.items())}
    return json.dumps({"schema_version": 1, "files": listed}, indent=1, ensure_ascii=False).encode()


def parse_manifest(data: bytes) -> dict[str, Entry] | None:
    """The files that a manifest lists; None where the bytes are no manifest of schema version 1."""
    try:
        content = json.loads(data)
        if content["schema_version"] != 1:
            return None
        files = {name: (entry["sha256"], entry["bytes"]) for name, entry in content["files"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return files if all(map(_well_formed, files.values())) else None


def read_manifest(run: Path) -> dict[str, Entry] | None:
    """The files of a finished run folder; None where it has no manifest."""
    try:
        return parse_manifest(read_at_most(run / MANIFEST))
    except UsageError:
        return None


def files_of_run(folder: Path) -> set[str] | None:
    """The files that a run, finished or cut off, left in `folder`; None where there was none."""
    entries = read_manifest(folder)
    if entries is not None:
        return {name for name in entries if stays_inside(name)}
    with contextlib.suppress(UsageError, ValueError, RecursionError):
        lines = read_at_most(folder / UNFINISHED).decode().splitlines(keepends=True)
        # A line without its end was being written when the run was cut off.
        names = [json.loads(line) for line in lines if line.endswith("\n")]
        return {name for name in names if stays_inside(name)}
    return None


def is_run(folder: Path) -> bool:
    """Whether a run wrote its report into `folder`, or was about to."""
    return not {REPORT, *RENDERED}.isdisjoint(files_of_run(folder) or ())


def stays_inside(name: object) -> bool:
    """Whether a name that a run lists is that of a file below its folder."""
    return isinstance(name, str) and not Path(name).is_absolute() and ".." not in Path(name).parts


def _well_formed(entry: tuple[object, object]) -> bool:
    sha, size = entry
    return isinstance(sha, str) and re.fullmatch("[0-9a-f]{64}", sha) is not None and type(size) is int and size >= 0


def is_rendered(name: str) -> bool:
    """Whether a file of a run is made from its report, and can be made again."""
    return name in RENDERED or name.startswith(TEX)


def renew_manifest(run: Path, written: Iterable[Path]) -> None:
    """List files that were written into a finished run folder again; a folder without a manifest stays without one."""
    files = read_manifest(run)
    if files is None:
        return
    for path in written:
        files[path.relative_to(run).as_posix()] = file_entry(path)
    write_file(run / MANIFEST, manifest_json(files))
