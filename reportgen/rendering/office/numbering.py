"""Numbered lists that begin with 1."""

from __future__ import annotations

from docx.document import Document
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement

from reportgen.rendering.office.xml import element


def restarted(document: Document) -> BaseOxmlElement:
    """The property of paragraphs of a new list in the style List Number."""
    numbering = document.part.numbering_part.element
    style = document.styles["List Number"].element
    used = style.find(f"{qn('w:pPr')}/{qn('w:numPr')}/{qn('w:numId')}").get(qn("w:val"))
    abstract = next(num for num in numbering.num_lst if str(num.numId) == used).abstractNumId.val
    made = numbering.add_num(abstract)
    made.add_lvlOverride(ilvl=0).add_startOverride(1)
    return element("w:numPr", element("w:ilvl", val=0), element("w:numId", val=made.numId))
