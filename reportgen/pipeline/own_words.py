"""The author's own words in a run: found before the work and checked as far as can be, put into the report when it is made.

They change no result and key none: the same command goes on from the store where a note was wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reportgen.images.find import find_images
from reportgen.images.sources.given import Images, given_of
from reportgen.notes.check import require_known, require_possible
from reportgen.notes.folder import NOTES, NoteFile, find_notes, notes_folder
from reportgen.report.document import Note, Report
from reportgen.report.ids import id_of
from reportgen.settings.model import Settings
from reportgen.utils.errors import Problems, UsageError
from reportgen.utils.hashing import digest_of

INPUT = "notes"  # what the report calls them among what it was made from


@dataclass(frozen=True)
class OwnWords:
    """The notes of one run.

    Attributes:
        images: what was given to explain; notes lie in it where it is one folder.
        given: the notes of the run that is repeated; they stand where the settings name no folder.
        analyses: names of the analyses of the run, whose sections and numbers a note may be about.
        say: tells the user a line.
    """

    images: Images
    settings: Settings
    analyses: Sequence[str]
    given: Sequence[Note] = ()
    say: Callable[[str], None] = lambda line: None

    def require_possible(self) -> None:
        """Before any work: notes that cannot be read, or refer to what no run can give.

        Raises:
            Problems: a line for each thing that is wrong.
            UsageError: the settings name no folder, or it holds more notes than anybody writes.
        """
        folder = self._folder()
        if folder is None and not self.given:
            return
        names = find_images(self.images, allow_download=self.settings.allow_download).names
        further = (id_of(name, model) for model in self.settings.explained[1:] for name in self.analyses)
        # What is left out is told when the run is made, for only then are its sections known.
        notes, _ = self._notes(folder, [*self.analyses, *further], names)
        require_possible(notes, names, self.analyses, _shown(folder))

    def added_to(self, report: Report) -> Report:
        """The report with its notes.

        Raises:
            Problems: a note refers to what the report does not have, a line each; nothing that was computed is lost.
        """
        folder = self._folder()
        if folder is None and not self.given:
            return report
        sections, images = [section.id for section in report.sections], [image.name for image in report.images]
        if report.records is not None:
            images = find_images(self.images, allow_download=self.settings.allow_download).names
        notes, left_out = self._notes(folder, sections, images)
        for line in left_out:
            self.say(line)
        return with_notes(report, notes, _shown(folder), self.say)

    def _folder(self) -> Path | None:
        named = self.settings.document.notes
        return None if self.given and named is None else notes_folder(given_of(self.images).folder, named)

    def _notes(
        self, folder: Path | None, sections: Sequence[str], images: Sequence[str]
    ) -> tuple[list[Note], list[str]]:
        if folder is None:
            return list(self.given), []
        files, left_out = find_notes(folder, sections, images)
        return read_all(files), left_out


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
    notes: list[Note] = []
    lines: list[str] = []
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
