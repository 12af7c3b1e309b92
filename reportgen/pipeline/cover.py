"""Front matter: the settings group `document` -> what the report carries of it.

Logo and stylesheet are read before the work begins, so that a wrong path is said at once, and kept in the run
folder or in the data: `reportgen render` needs neither file again.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from reportgen.analysis.registry import installed
from reportgen.images.decode import UnreadableImage, read_image
from reportgen.images.files import InputFile
from reportgen.report.blocks import Picture
from reportgen.report.document import PAGE_PARTS, Document
from reportgen.settings.model import Settings
from reportgen.storage.run_folder import RunFolder
from reportgen.utils.errors import UsageError

LOGO = "figures/logo.png"
LOGO_PIXELS = (1200, 600)  # 300 dots an inch at 100 mm x 50 mm: more is never shown
CSS_BYTES = 200_000


@dataclass(frozen=True)
class FrontMatter:
    """What was read: the document but for its logo, and the logo as PNG bytes with its size."""

    document: Document = field(default_factory=Document)
    logo: tuple[bytes, int, int] | None = None

    def written(self, files: RunFolder) -> Document:
        """The document, with the logo as a picture of the run folder."""
        if self.logo is None:
            return self.document
        data, width, height = self.logo
        alt = f"Logo of {self.document.affiliation}" if self.document.affiliation else "Logo"
        picture = Picture(file=files.raw(LOGO, data), width=width, height=height, alt=alt)
        return self.document.model_copy(update={"logo": picture})


def read_front_matter(settings: Settings) -> FrontMatter:
    """Read what `settings.document` names.

    Raises:
        UsageError: the logo is no image that can be read, the stylesheet no text, or a section is unknown.
    """
    given = settings.document
    _check_sections(given.sections)
    document = Document(
        authors=list(given.authors),
        affiliation=given.affiliation,
        course=given.course,
        accent=given.accent,
        paper=given.paper,
        language=given.language,
        css=_read_css(Path(given.extra_css)) if given.extra_css else "",
        sections=list(given.sections),
    )
    return FrontMatter(document, _read_logo(Path(given.logo), settings.max_pixels) if given.logo else None)


def _check_sections(sections: Sequence[str]) -> None:
    known = [*installed(), *PAGE_PARTS]
    unknown = [name for name in sections if name not in known]
    if unknown:
        raise UsageError(f"setting document.sections: no section is called {unknown[0]!r}; use {', '.join(known)}")


def _read_css(path: Path) -> str:
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"setting document.extra_css: {path}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise UsageError(f"setting document.extra_css: {path}: not UTF-8 text") from None
    if len(data) > CSS_BYTES:
        raise UsageError(f"setting document.extra_css: {path}: {len(data)} bytes; at most {CSS_BYTES} are taken")
    return text.replace("\r\n", "\n")


def _read_logo(path: Path, max_pixels: int) -> tuple[bytes, int, int]:
    """The logo as an RGB PNG over white, whatever was in the file besides pixels left behind."""
    try:
        pixels = read_image(InputFile(path.name, path), max_pixels).pixels
    except UnreadableImage as error:
        raise UsageError(f"setting document.logo: {path}: {error.reason}") from None
    image = Image.fromarray(pixels)
    image.thumbnail(LOGO_PIXELS, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue(), image.width, image.height
