"""The manuscript as a document of Word: cover, contents, body, appendix, and a number on every page."""

from __future__ import annotations

from collections.abc import Mapping

import docx
from docx.document import Document
from docx.enum.section import WD_SECTION_START
from docx.oxml.ns import qn
from docx.shared import Cm

from reportgen.rendering.manuscript.parts import Heading, Manuscript
from reportgen.rendering.manuscript.walk import contents
from reportgen.rendering.office import styles
from reportgen.rendering.office.body import Body
from reportgen.rendering.office.package import set_properties
from reportgen.rendering.office.xml import element, field, paragraph, run

MODERN = "15"  # Word 2013 and later; less is opened in a mode of compatibility
LONGEST_TITLE = 70  # letters at the foot of a page
LOGO = 3.5 * 360_000, 1.8 * 360_000  # EMU


def make_document(manuscript: Manuscript, pictures: Mapping[str, bytes]) -> Document:
    """The document, not yet written.

    Args:
        pictures: the bytes of every picture, as a kind that Word shows, by its file in the run.
    """
    document = docx.Document()
    _set_page(document, manuscript)
    styles.set_styles(document, manuscript.accent.lstrip("#"), manuscript.language)
    set_properties(document, manuscript)
    _set_compatibility(document)
    body = Body(document, manuscript, pictures)
    end = document.element.body.sectPr
    cover = manuscript.cover
    parts = [paragraph("Title", [run(cover.title)]), paragraph("Subtitle", [run(cover.lead)])]
    if cover.logo:
        parts.insert(0, paragraph("Normal", [body.picture(cover.logo, *LOGO)]))
    lines = [", ".join(cover.authors), *cover.lines, cover.made, " · ".join(cover.counts), cover.language_note]
    parts += [paragraph("Normal", [run(line)]) for line in lines if line]
    parts += body.facts(cover.explained)
    parts.append(paragraph("FactsTitle", [run(str(manuscript.words["contents"]))], element("w:spacing", before=360)))
    parts += body.contents(contents(manuscript))
    for i, part in enumerate(manuscript.parts):
        made = list(body.elements(part))
        if i in (0, len(manuscript.body)) and isinstance(part, Heading):
            made[0].pPr.insert_element_before(element("w:pageBreakBefore"), "w:numPr", "w:spacing", "w:jc")
        parts += made
    for part in parts:
        end.addprevious(part)
    return document


def _set_page(document: Document, manuscript: Manuscript) -> None:
    section = document.sections[0]
    section.start_type = WD_SECTION_START.NEW_PAGE
    section.page_width, section.page_height = styles.PAPERS[manuscript.paper]
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = styles.MARGIN
    section.footer_distance = Cm(1.1)
    section.different_first_page_header_footer = True
    footer = section.footer.paragraphs[0]._p
    page, pages = field("PAGE", run("1", half_points=17)), field("NUMPAGES", run("1", half_points=17))
    name = manuscript.cover.title
    name = name if len(name) <= LONGEST_TITLE else f"{name[:LONGEST_TITLE]}…"
    title = run(f"{name}  ·  ", half_points=17)
    for piece in (title, *page, run(" / ", half_points=17), *pages):
        footer.append(piece)


def _set_compatibility(document: Document) -> None:
    settings = document.settings.element
    for setting in settings.iter(qn("w:compatSetting")):
        if setting.get(qn("w:name")) == "compatibilityMode":
            setting.set(qn("w:val"), MODERN)
    for preview in settings.findall(qn("w:savePreviewPicture")):
        settings.remove(preview)
