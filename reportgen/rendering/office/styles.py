"""The look of the document: Word's own styles, set, and a few of ours, so that a reader changes them in one place."""

from __future__ import annotations

from docx.document import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_TAB_ALIGNMENT, WD_TAB_LEADER
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from docx.styles.style import ParagraphStyle

from reportgen.rendering.office.xml import element

TEXT, HEADINGS, CODE = "Calibri", "Calibri", "Consolas"
INK, RULE, PALE = "1B2530", "B8C0C8", "F2F4F6"
ACCENT = "1F4E79"
VERDICTS = {"supported": "1B7F4B", "contradicted": "B3261E", "undecided": "8A6100", "not measured": "5F6B76"}
TABLE, GRID, FACTS = "ReportTable", "ReportGrid", "ReportFacts"  # ids of tables' styles
CELL, LABEL, FINDING, NOTICE, FIGURE, FACTS_TITLE = (
    "TableText", "PictureLabel", "Finding", "Notice", "Figure", "FactsTitle",
)  # fmt: skip
CODE_RUN, LINK_RUN = "Code", "Hyperlink"
PAPERS = {"A4": (Cm(21), Cm(29.7)), "Letter": (Cm(21.59), Cm(27.94))}
MARGIN = Cm(2.2)
# Name, size in points, space before and after, and whether it is bold.
SIZES = (
    ("Title", 26, 60, 6, True), ("Subtitle", 13, 0, 10, False),
    ("Heading 1", 18, 22, 8, True), ("Heading 2", 13, 14, 4, True), ("Heading 3", 11, 10, 3, True),
    ("Caption", 9, 3, 12, False), ("List Bullet", 10.5, 0, 3, False), ("List Number", 10.5, 0, 3, False),
)  # fmt: skip


def set_styles(document: Document, accent: str, language: str) -> None:
    """Give the document its look.

    Args:
        accent: six hexadecimal digits, for headings and links; empty: ours.
        language: of everything that says no other.
    """
    styles, accent = document.styles, accent or ACCENT
    normal = styles["Normal"]
    _font(normal, TEXT, 10.5)
    normal.paragraph_format.space_after, normal.paragraph_format.line_spacing = Pt(6), 1.12
    defaults = styles.element.find(f"{qn('w:docDefaults')}/{qn('w:rPrDefault')}/{qn('w:rPr')}")
    for known in defaults.findall(qn("w:lang")):
        defaults.remove(known)
    defaults.append(element("w:lang", val=language, eastAsia="ja-JP", bidi="ar-SA"))
    for name, size, before, after, bold in SIZES:
        style = styles[name]
        _font(style, HEADINGS, size, bold)
        style.paragraph_format.space_before, style.paragraph_format.space_after = Pt(before), Pt(after)
        style.font.italic = False
        for spacing in style.element.rPr.findall(qn("w:spacing")):  # between letters
            style.element.rPr.remove(spacing)
        headed = name.startswith(("Title", "Heading"))
        style.font.color.rgb = RGBColor.from_string(accent if headed else INK)
        style.paragraph_format.keep_with_next = headed
    border = styles["Title"].element.find(f"{qn('w:pPr')}/{qn('w:pBdr')}")
    if border is not None:
        border.getparent().remove(border)
    _own(document, accent)
    _tables(document)


def _own(document: Document, accent: str) -> None:
    """Styles that Word does not bring."""
    cell = _paragraph_style(document, CELL, 8.5, after=1)
    cell.paragraph_format.space_before = Pt(1)
    label = _paragraph_style(document, LABEL, 8, after=2)
    label.paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER
    figure = _paragraph_style(document, FIGURE, 8, after=2)
    figure.paragraph_format.space_before = Pt(8)
    figure.paragraph_format.keep_with_next = True
    title = _paragraph_style(document, FACTS_TITLE, 10.5, after=3)
    title.font.bold, title.paragraph_format.keep_with_next = True, True
    _paragraph_style(document, FINDING, 10, after=0).paragraph_format.left_indent = Cm(0.35)
    notice = _paragraph_style(document, NOTICE, 10, after=8)
    notice.paragraph_format.left_indent = notice.paragraph_format.right_indent = Cm(0.2)
    sides = (
        element(f"w:{side}", val="single", sz=6, space=6, color=RULE) for side in ("top", "left", "bottom", "right")
    )
    properties = notice.element.get_or_add_pPr()
    properties.insert_element_before(element("w:pBdr", *sides), "w:shd", "w:spacing", "w:ind")
    properties.insert_element_before(element("w:shd", val="clear", color="auto", fill=PALE), "w:spacing", "w:ind")
    entry = _paragraph_style(document, "toc 1", 10.5, after=2)
    entry.element.styleId = "TOC1"
    entry.paragraph_format.tab_stops.add_tab_stop(text_width(document), WD_TAB_ALIGNMENT.RIGHT, WD_TAB_LEADER.DOTS)
    code = document.styles.add_style(CODE_RUN, WD_STYLE_TYPE.CHARACTER)
    _font(code, CODE, 0)
    link = document.styles.add_style(LINK_RUN, WD_STYLE_TYPE.CHARACTER)
    link.font.color.rgb = RGBColor.from_string(accent)


def text_width(document: Document) -> int:
    """How wide the text is, in EMU."""
    section = document.sections[0]
    return int(section.page_width or 0) - int(section.left_margin or 0) - int(section.right_margin or 0)


def _paragraph_style(document: Document, name: str, size: float, after: float) -> ParagraphStyle:
    style: ParagraphStyle = document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
    style.base_style = document.styles["Normal"]
    style.font.size = Pt(size)
    style.paragraph_format.space_after = Pt(after)
    return style


def _font(style: ParagraphStyle, name: str, size: float, bold: bool | None = None) -> None:
    style.font.name = name
    if size:
        style.font.size = Pt(size)
    if bold is not None:
        style.font.bold = bold
    fonts = style.element.get_or_add_rPr().find(qn("w:rFonts"))
    for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{theme}"), None)
    fonts.set(qn("w:cs"), name)


def _tables(document: Document) -> None:
    """A table with rules above, below and under its head; pairs with thin rules between; a grid of pictures without any."""
    thick: dict[str, str | int] = {"val": "single", "sz": 8, "space": 0, "color": INK}
    thin: dict[str, str | int] = {"val": "single", "sz": 4, "space": 0, "color": RULE}
    borders = {
        TABLE: (element("w:top", **thick), element("w:bottom", **thick), element("w:insideH", **thin)),
        FACTS: (element("w:top", **thin), element("w:bottom", **thin), element("w:insideH", **thin)),
        GRID: (),
    }
    for name, lines in borders.items():
        style = document.styles.add_style(name, WD_STYLE_TYPE.TABLE)
        style.base_style = document.styles["Normal Table"]
        margins = (element(f"w:{side}", w=60, type="dxa") for side in ("left", "right"))
        own = element("w:tblPr", element("w:tblBorders", *lines), element("w:tblCellMar", *margins))
        style.element.append(own)
        if name == TABLE:
            bold = element("w:rPr", element("w:b"))
            under = element("w:tcBorders", element("w:bottom", **thick))
            fill = element("w:shd", val="clear", color="auto", fill=PALE)
            first = element("w:tblStylePr", bold, element("w:tcPr", under, fill), type="firstRow")
            style.element.append(first)
