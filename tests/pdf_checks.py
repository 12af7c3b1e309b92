"""What a machine can check of an accessible PDF beside what pdfua knows: structure, headers, headings, content, fonts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pikepdf
from pdfua import Validator

PAINTS = frozenset(["Tj", "TJ", "'", '"', "Do", "S", "s", "f", "F", "f*", "B", "B*", "b", "b*", "sh"])
# pdfua 0.1.3 stops at a number in a /K array; headings are checked here.
STUMBLES = {"UA-14-001"}


def problems(path: Path) -> list[str]:
    """Everything that keeps a PDF from being PDF/UA-1, as far as a machine can tell; empty for a good one."""
    found = [
        f"pdfua {f.rule_id}: {f.message}"
        for outcome in Validator().validate(str(path)).outcomes
        for f in outcome.findings
    ]
    with pikepdf.open(path) as pdf:
        elements = list(_elements(pdf.Root.StructTreeRoot.K)) if "/StructTreeRoot" in pdf.Root else []
        found += [*_document(pdf), *_pictures(elements), *_tables(pdf, elements), *_headings(elements)]
        found += [*_links(pdf, elements), *_content(pdf), *_fonts(pdf)]
    return found


def _elements(node: Any) -> Iterator[Any]:
    """Structure elements in reading order."""
    if isinstance(node, pikepdf.Array):
        for kid in node:
            yield from _elements(kid)
    elif isinstance(node, pikepdf.Dictionary) and "/S" in node:
        yield node
        if "/K" in node:
            yield from _elements(node.K)


def _document(pdf: pikepdf.Pdf) -> Iterator[str]:
    root = pdf.Root
    if "/StructTreeRoot" not in root:
        yield "no structure tree"
    if not (root.get("/MarkInfo") or {}).get("/Marked"):
        yield "not marked as tagged"
    if not str(root.get("/Lang", "")):
        yield "no language"
    if not (root.get("/ViewerPreferences") or {}).get("/DisplayDocTitle"):
        yield "the title is not displayed"
    with pdf.open_metadata() as metadata:
        if not metadata.get("dc:title"):
            yield "no title"
    if b'pdfuaid:part="1"' not in root.Metadata.read_bytes():
        yield "does not say that it is PDF/UA-1"


def _pictures(elements: list[Any]) -> Iterator[str]:
    figures = [element for element in elements if element.S == "/Figure"]
    if not figures:
        yield "no figure at all"
    for figure in figures:
        if not str(figure.get("/Alt", "")).strip():
            yield "a figure has no alternative text"
        if "/A" not in figure or "/BBox" not in figure.A:
            yield "a figure has no place on its page"


def _tables(pdf: pikepdf.Pdf, elements: list[Any]) -> Iterator[str]:
    names = (pdf.Root.StructTreeRoot.get("/IDTree") or {}).get("/Names") or []
    known = {bytes(name): element for name, element in zip(list(names)[::2], list(names)[1::2], strict=True)}
    if list(known) != sorted(known):
        yield "the tree of header names is not sorted"
    for header in (element for element in elements if element.S == "/TH" and "/A" in element):
        if str(header.A.get("/Scope")) not in ("/Row", "/Column"):
            yield "a header has no scope"
        if "/ID" in header and known.get(bytes(header.ID)) != header:
            yield "a header is not found under its name"
    for cell in (element for element in elements if element.S == "/TD" and "/A" in element):
        headers = [bytes(name) for name in cell.A.get("/Headers") or []]
        if not headers or any(name not in known for name in headers):
            yield f"a cell has no header: {headers}"


def _headings(elements: list[Any]) -> Iterator[str]:
    levels = [int(str(element.S)[2:]) for element in elements if re.fullmatch("/H[1-6]", str(element.S))]
    if levels[:1] != [1] or levels.count(1) != 1:
        yield f"headings do not start with one of level 1: {levels[:5]}"
    if any(after > before + 1 for before, after in pairwise(levels)):
        yield f"headings skip a level: {levels}"


def _links(pdf: pikepdf.Pdf, elements: list[Any]) -> Iterator[str]:
    tagged = sum("/Obj" in kid for e in elements if e.S == "/Link" for kid in _dictionaries(e.K))
    links = 0
    for page in pdf.pages:
        for annotation in page.get("/Annots") or []:
            links += 1
            if not str(annotation.get("/Contents", "")):
                yield "a link says nothing"
            if "/StructParent" not in annotation:
                yield "a link is in no structure"
        if page.get("/Tabs") != "/S":
            yield "a page's tab order is not that of the structure"
    if links != tagged:
        yield f"{links} links, {tagged} of them tagged"


def _dictionaries(kids: Any) -> list[Any]:
    return [kid for kid in (kids if isinstance(kids, pikepdf.Array) else [kids]) if isinstance(kid, pikepdf.Dictionary)]


def _content(pdf: pikepdf.Pdf) -> Iterator[str]:
    """Whatever is painted is either tagged or an artifact."""
    for number, page in enumerate(pdf.pages, start=1):
        depth, loose = 0, set()
        for operands, operator in pikepdf.parse_content_stream(page):
            name = str(operator)
            if name in ("BDC", "BMC"):
                depth += 1
            elif name == "EMC":
                depth -= 1
            elif name in PAINTS and depth == 0:
                loose.add(f"{name} {[str(o)[:20] for o in operands]}")
        if loose:
            yield f"page {number} paints outside of any tag: {sorted(loose)[:4]}"


def _fonts(pdf: pikepdf.Pdf) -> Iterator[str]:
    for item in pdf.objects:
        if isinstance(item, pikepdf.Dictionary) and item.get("/Type") == "/FontDescriptor":
            if not any(key in item for key in ("/FontFile", "/FontFile2", "/FontFile3")):
                yield f"{item.FontName} is not embedded"
        elif isinstance(item, pikepdf.Dictionary) and item.get("/Subtype") == "/Type0" and "/ToUnicode" not in item:
            yield f"{item.BaseFont} does not say which characters it draws"
