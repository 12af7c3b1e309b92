"""What is not meant in a source that lists all its files at once, as an archive does: the same that is left alone in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reportgen.images.files import UnreadableFile
from reportgen.images.left_alone import EARLIER_RUN, NOTES_UNREAD, path_reason
from reportgen.images.remarks import Remarks
from reportgen.images.sources.listed import Listed
from reportgen.images.sources.members import LEADS_OUT
from reportgen.notes.folder import ENDING, NOTES
from reportgen.report.manifest import MANIFEST, OWN_NAMES, RENDERED, parse_manifest
from reportgen.report.report_json import REPORT

_MOST_MANIFEST_BYTES = 64 << 20


def meant(files: Sequence[Listed], prefix: str, remarks: Remarks) -> Iterator[Listed]:
    """Those that may be images or describe them; the others are left alone.

    Args:
        prefix: what every name begins with, and the user wrote.
    """
    runs = {found for item in files if (found := _run(item)) is not None}
    notes = any(item.file.name.startswith(f"{prefix}{NOTES}/") and item.file.name.endswith(ENDING) for item in files)
    for item in files:
        name = item.file.name.removeprefix(prefix)
        reason = None if item.refusal == LEADS_OUT else path_reason(name)
        if reason is None and any(_own(item.file.name, run) for run in runs):
            reason = EARLIER_RUN
        if reason is None and notes and name.startswith(f"{NOTES}/"):
            reason = NOTES_UNREAD
        if reason is None:
            yield item
        else:
            remarks.leave(item.file.name, reason)


def _run(item: Listed) -> str | None:
    """The folder that a run wrote into, `album/`, where this is its manifest."""
    folder, _, name = item.file.name.rpartition("/")
    if name != MANIFEST or item.refusal is not None:
        return None
    try:
        files = parse_manifest(item.file.read(_MOST_MANIFEST_BYTES))
    except UnreadableFile:
        return None
    return (f"{folder}/" if folder else "") if not {REPORT, *RENDERED}.isdisjoint(files or ()) else None


def _own(name: str, run: str) -> bool:
    below = name.removeprefix(run)
    return name.startswith(run) and any(below == own or below.startswith(f"{own}/") for own in OWN_NAMES)
