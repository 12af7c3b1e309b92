"""Pieces of WordprocessingML (ECMA-376, part 1, 17): elements from names and attributes, runs, fields, links, bookmarks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement


def element(tag: str, *children: BaseOxmlElement, **attributes: str | int) -> BaseOxmlElement:
    """`element("w:jc", val="right")`; an attribute is of the same namespace as the element."""
    made: BaseOxmlElement = OxmlElement(tag)
    for name, value in attributes.items():
        made.set(qn(f"{tag.partition(':')[0]}:{name.rstrip('_')}"), str(value))
    made.extend(children)
    return made


def paragraph(
    style: str,
    content: Iterable[BaseOxmlElement] = (),
    *properties: BaseOxmlElement,
) -> BaseOxmlElement:
    """A paragraph; `properties` in the order of the schema, behind the style."""
    return element("w:p", element("w:pPr", element("w:pStyle", val=style), *properties), *content)


def run(
    text: str, *, bold: bool = False, style: str = "", color: str = "", half_points: int = 0, language: str = ""
) -> BaseOxmlElement:
    """A piece of text; `style` is the id of a character style, `color` six hexadecimal digits."""
    properties = []
    if style:
        properties.append(element("w:rStyle", val=style))
    if bold:
        properties.append(element("w:b"))
    if color:
        properties.append(element("w:color", val=color))
    if half_points:
        properties += [element("w:sz", val=half_points), element("w:szCs", val=half_points)]
    if language:
        properties.append(element("w:lang", val=language))
    words = element("w:t")
    words.text = text
    words.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    return element("w:r", element("w:rPr", *properties), words)


def field(instruction: str, *result: BaseOxmlElement, dirty: bool = False) -> Iterator[BaseOxmlElement]:
    """A field with what it showed last; `dirty`: whoever opens the document is to make it anew."""
    words = element("w:instrText")
    words.text = f" {instruction} "
    words.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    begin = element("w:fldChar", fldCharType="begin", **({"dirty": "true"} if dirty else {}))
    yield element("w:r", begin)
    yield element("w:r", words)
    yield element("w:r", element("w:fldChar", fldCharType="separate"))
    yield from result
    yield element("w:r", element("w:fldChar", fldCharType="end"))


def link(bookmark: str, *content: BaseOxmlElement) -> BaseOxmlElement:
    """A link to a place in the document."""
    return element("w:hyperlink", *content, anchor=bookmark, history=1)


def bookmarked(name: str, number: int, content: Iterable[BaseOxmlElement]) -> Iterator[BaseOxmlElement]:
    """Content as a place with a name, which is unique, as its number is."""
    yield element("w:bookmarkStart", id=number, name=name)
    yield from content
    yield element("w:bookmarkEnd", id=number)


def table(
    style: str, widths: list[int], rows: Iterable[BaseOxmlElement], caption: str = "", *, head: bool = False
) -> BaseOxmlElement:
    """A table of columns so wide, in twentieths of a point."""
    properties = [
        element("w:tblStyle", val=style),
        element("w:tblW", w=sum(widths), type="dxa"),
        element("w:tblLayout", type="fixed"),
        element("w:tblLook", val="0420" if head else "0400", firstRow=int(head), noVBand=1, noHBand=0),
    ]
    if caption:
        properties.append(element("w:tblCaption", val=caption))
    grid = element("w:tblGrid", *(element("w:gridCol", w=width) for width in widths))
    return element("w:tbl", element("w:tblPr", *properties), grid, *rows)


def row(cells: Iterable[BaseOxmlElement], *, head: bool = False) -> BaseOxmlElement:
    """A row that no page end cuts; `head`: every page that the table reaches begins with it."""
    repeated = [element("w:tblHeader")] if head else []
    return element("w:tr", element("w:trPr", element("w:cantSplit"), *repeated), *cells)


def cell(width: int, content: Iterable[BaseOxmlElement]) -> BaseOxmlElement:
    return element("w:tc", element("w:tcPr", element("w:tcW", w=width, type="dxa")), *content)
