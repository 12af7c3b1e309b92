"""The document as a file: equal documents give equal bytes."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from pathlib import Path

from docx.document import Document

from reportgen.rendering.filters import moment
from reportgen.rendering.manuscript.parts import Manuscript

# The first time that a zip can hold: one that does not change. When the report was made says docProps/core.xml.
ZIP_TIME = (1980, 1, 1, 0, 0, 0)
LONG_AGO = datetime(1980, 1, 1)
LONGEST = 255  # letters of one property
THUMBNAIL = "docProps/thumbnail"


def set_properties(document: Document, manuscript: Manuscript) -> None:
    """What a file browser and a library's catalogue read: title, authors, language, dates of the run and not of today."""
    properties, cover = document.core_properties, manuscript.cover
    made = moment(manuscript.created)
    time = made.replace(tzinfo=None, microsecond=0) if made else LONG_AGO
    authors = "; ".join(cover.authors)[:LONGEST]
    properties.title, properties.subject = cover.title[:LONGEST], cover.lead[:LONGEST]
    properties.author = properties.last_modified_by = authors
    properties.language, properties.comments, properties.keywords = manuscript.language, "", ""
    properties.category, properties.revision = "", 1
    properties.created = properties.modified = time


def save(document: Document, target: Path) -> None:
    """Write the document with its parts in order of their names and without the time of day.

    The picture that shows python-docx's empty document is left out.
    """
    for key, relation in list(document.part.package.rels.items()):
        if not relation.is_external and str(relation.target_part.partname).startswith(f"/{THUMBNAIL}"):
            del document.part.package.rels[key]
    buffer = io.BytesIO()
    document.save(buffer)
    with zipfile.ZipFile(buffer) as made, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        # [Content_Types].xml first, as every reader expects it.
        for name in sorted(made.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            entry = zipfile.ZipInfo(name, ZIP_TIME)
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o600 << 16, 3
            package.writestr(entry, made.read(name))
