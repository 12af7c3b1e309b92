"""Which files a rendering may read: the run's own pictures and the template's assets, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reportgen.report.document import Report
from reportgen.report.pictures import named_pictures
from reportgen.utils.errors import ReportgenError

# A picture of a report is some hundred pixels a side; a logo, or a chart of 100,000 points, may weigh some MB.
MOST_BYTES = 64 * 2**20
MIME_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True)
class Sources:
    """The files of one rendering.

    Attributes:
        run: the run folder, in which the report's pictures lie.
        pictures: the posix paths in it that the report names.
        folders: the template's folders, the user's own before the shipped one.
        data: what a PDF carries beside the pictures, by name; see `reportgen.rendering.pdf.attachments`.
        archive: a PDF is PDF/A-3a instead of PDF/UA-1.
    """

    run: Path
    pictures: frozenset[str]
    folders: tuple[Path, ...]
    data: Mapping[str, bytes] = field(default_factory=dict)
    archive: bool = False

    def picture(self, file: str) -> Path:
        """The real path of a picture that the report names.

        Raises:
            ReportgenError: the report names no such picture, it is missing or too large, or it leads out of the run.
        """
        if file not in self.pictures:
            raise ReportgenError(f"{file}: the report names no such picture, so it is not read")
        path = inside(self.run, file)
        if path is None:
            raise ReportgenError(f"{file}: no such picture in {self.run}; render from a complete run folder")
        if path.stat().st_size > MOST_BYTES:
            raise ReportgenError(f"{file}: more than {MOST_BYTES >> 20} MiB, which no picture of a report has")
        return path

    def asset(self, name: str) -> Path:
        """The real path of a font or picture of the template; the user's own folder comes first.

        Raises:
            ReportgenError: no folder of the template has it.
        """
        for folder in self.folders:
            path = inside(folder, name)
            if path is not None:
                return path
        raise ReportgenError(f"{name}: the template has no such asset (looked in its own folder and the base)")


def sources(report: Report, run: Path, folders: tuple[Path, ...]) -> Sources:
    return Sources(run, frozenset(named_pictures(report)), folders)


def mime_type(path: Path) -> str:
    """The media type by ending.

    Raises:
        ReportgenError: neither a picture nor a font that a report may show.
    """
    try:
        return MIME_TYPES[path.suffix.lower()]
    except KeyError:
        raise ReportgenError(f"{path.name}: a report shows only {', '.join(sorted(MIME_TYPES))}") from None


def inside(root: Path, name: str) -> Path | None:
    """The file `name` of the folder `root`, links followed; None if it is missing or leads out of `root`."""
    try:
        real_root = root.resolve(strict=True)
        path = (real_root / name).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        return None
    return path if path.is_relative_to(real_root) and path.is_file() else None
