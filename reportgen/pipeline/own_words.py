"""The author's own words in a run: found before the work and checked as far as can be, put into the report when it is made.

They change no result and key none: the same command goes on from the store where a note was wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reportgen.analysis.registry import installed
from reportgen.images.find import find_images
from reportgen.notes.check import require_known, require_possible
from reportgen.notes.folder import NOTES, NoteFile, find_notes, notes_folder
from reportgen.report.document import Note, Report
from reportgen.report.ids import id_of
from reportgen.settings.model import Settings
from reportgen.utils.errors import Problems, UsageError
from reportgen.utils.hashing import digest_of

INPUT = "notes"  # what the report calls them among what it was made from


@dataclass
class OwnWords:
    """The notes of one run.

    Attributes:
        images: the folder of images.
        given: the notes of the run that is repeated; they stand where the settings name no folder.
        say: tells the user a line; of a file that is left out once.
    """

    images: Path
    settings: Settings
    given: Sequence[Note] = ()
    say: Callable[[str], None] = lambda line: None
    _told: set[str] = field(default_factory=set)

    def require_possible(self) -> None:
        """Before any work: notes that cannot be read, or refer to what no run can give.

        Raises:
            Problems: a line for each thing that is wrong.
            UsageError: the settings name no folder, or it holds more notes than anybody writes.
        """
        folder = self._folder()
        if folder is None and not self.given:
            return
        names = [file.name for file in find_images(self.images)[0]]
        explained = self.settings.explained
        sections = [*installed(), *(id_of(name, model) for model in explained[1:] for name in installed())]
        notes = self._notes(folder, sections, names)
        require_possible(notes, names, installed(), _shown(folder))

    def added_to(self, report: Report) -> Report:
        """The report with its notes.

        Raises:
            Problems: a note refers to what the report does not have, a line each; nothing that was computed is lost.
        """
        folder = self._folder()
        if folder is None and not self.given:
            return report
        sections, images = [section.id for section in report.sections], [image.name for image in report.images]
        return with_notes(report, self._notes(folder, sections, images), _shown(folder), self.say)

    def _folder(self) -> Path | None:
        named = self.settings.document.notes
        return None if self.given and named is None else notes_folder(self.images, named)

    def _notes(self, folder: Path | None, sections: Sequence[str], images: Sequence[str]) -> list[Note]:
        if folder is None:
            return list(self.given)
        files, left_out = find_notes(folder, sections, images)
        for name in sorted(left_out.keys() - self._told):
            self.say(left_out[name])
        self._told.update(left_out)
        return read_all(files)


def with_notes(report: Report, notes: Sequence[Note], folder: str, say: Callable[[str], None]) -> Report:
    """The report with these notes in the place of its own.

    Args:
        folder: what messages call their folder.

    Raises:
        Problems: a note refers to what the report does not have, a line each.
    """
    for line in require_known(notes, report, folder):
        say(line)
    inputs = {name: sha for name, sha in report.provenance.inputs.items() if name != INPUT}
    if notes:
        inputs[INPUT] = digest_of({note.name: note.text for note in notes})
    provenance = report.provenance.model_copy(update={"inputs": dict(sorted(inputs.items()))})
    document = report.document.model_copy(update={"notes": list(notes)})
    return report.model_copy(update={"document": document, "provenance": provenance})


def read_all(files: Sequence[NoteFile]) -> list[Note]:
    """The notes, without those that say nothing.

    Raises:
        Problems: one that cannot be read, a line each.
    """
    notes, lines = [], []
    for file in files:
        try:
            notes.append(file.read())
        except UsageError as error:
            lines += error.lines
    if lines:
        raise Problems(lines)
    return [note for note in notes if note.text.strip()]


def _shown(folder: Path | None) -> str:
    return str(folder) if folder is not None else NOTES
