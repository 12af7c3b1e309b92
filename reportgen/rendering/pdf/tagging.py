"""What PDF/UA-1 asks of a tagged PDF and WeasyPrint 70 leaves out: completed before the file is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reportgen.rendering.filters import filled, slug
from reportgen.rendering.plain import Plain
from reportgen.report.document import PAGE_PARTS

if TYPE_CHECKING:
    import pydyf


@contextmanager
def noting_languages() -> Iterator[dict[bytes, str]]:
    """The language of every structure element that WeasyPrint makes meanwhile, by reference.

    It lays text out by the attribute `lang`, and writes the language of the whole document alone. It offers no place to
    add that of an element, hence the function that is put in front of its own: see CONTRIBUTING.md, "A change to offer WeasyPrint".
    """
    from weasyprint.pdf import tags

    original = tags._build_box_tree
    noted: dict[bytes, str] = {}

    def build(box: Any, *others: Any) -> Iterator[pydyf.Dictionary]:
        for element in original(box, *others):
            noted.setdefault(element.reference, getattr(box, "_box", box).style["lang"])
            yield element

    tags._build_box_tree = build
    try:
        yield noted
    finally:
        tags._build_box_tree = original


def complete_tags(pdf: pydyf.PDF, labels: Mapping[str, str], languages: Mapping[bytes, str]) -> None:
    """Headers know their direction and names, each link is one link that says where it leads, parts say their language.

    Args:
        languages: see `noting_languages`.
        labels: anchor of a place in the report -> what a reader calls it, see `place_names`; the words of the anchor
            itself where it is not among them.
    """
    import pydyf

    objects = {item.reference: item for item in pdf.objects if isinstance(item, pydyf.Dictionary)}
    root = next((item for item in objects.values() if item.get("Type") == "/StructTreeRoot"), None)
    if root is None:
        return
    _scope_headers(pdf, root, objects)
    _one_annotation_a_link(root, objects)
    _say_languages(pdf.catalog["Lang"].string, languages, objects)
    for annotation in (item for item in objects.values() if item.get("Subtype") == "/Link"):
        target = annotation.get("Dest")
        if target is not None:
            words = target.string.replace("-", " ").capitalize()
            annotation["Contents"] = pydyf.String(labels.get(target.string, words))


def place_names(context: Plain) -> dict[str, str]:
    """Anchor -> name of every place of the page that a link may lead to, see `page_context`."""
    words = context["words"]
    parts = ("summary", "gates", "warnings", "images", *PAGE_PARTS)
    names = {part: words[part] for part in parts}
    for image in context["images"]:
        names[image["anchor"]] = filled(words["image"], {"name": image["name"]})
    for finding in context["findings"]:
        names[f"finding-{slug(finding['id'])}"] = filled(words["finding"], {"name": finding["id"]})
    for section in context["sections"]:
        names[section["anchor"]] = filled(words["section"], {"n": section["number"], "title": section["title"]})
        for block in section["blocks"]:
            if block["type"] in ("figure", "table"):
                names[block["anchor"]] = filled(words[block["type"]], {"n": block["number"]})
            elif block["type"] == "heading":
                names[block["anchor"]] = block["text"]
    return names


def _scope_headers(pdf: pydyf.PDF, root: pydyf.Dictionary, objects: Mapping[bytes, pydyf.Dictionary]) -> None:
    """Say of every table header whether it heads a column or a row, and index the names that cells know them by.

    WeasyPrint links cells to headers by name, but writes neither the scope nor the tree that finds a name
    (ISO 32000-1, tables 322 and 349).
    """
    import pydyf

    named = []
    for element in [item for item in objects.values() if item.get("S") == "/TH" and "A" in item]:
        group = objects[objects[element["P"]]["P"]]
        element["A"]["Scope"] = "/Column" if group["S"] == "/THead" else "/Row"
        if "ID" in element:
            named.append((element["ID"], element.reference))
    if named:
        named.sort(key=lambda pair: pair[0].data)
        tree = pydyf.Dictionary({"Names": pydyf.Array(part for pair in named for part in pair)})
        pdf.add_object(tree)
        root["IDTree"] = tree.reference


def _say_languages(whole: str, languages: Mapping[bytes, str], objects: Mapping[bytes, pydyf.Dictionary]) -> None:
    """Write the language of every element that speaks another than the one around it (ISO 32000-1, 14.9.2)."""
    import pydyf

    for reference, language in languages.items():
        if language and language != languages.get(objects[reference]["P"], whole):
            objects[reference]["Lang"] = pydyf.String(language)


def _one_annotation_a_link(root: pydyf.Dictionary, objects: Mapping[bytes, pydyf.Dictionary]) -> None:
    """Drop the annotations that WeasyPrint makes for every box inside a link beside the link's own.

    They lie inside the link's rectangle, and their structure elements are no links (ISO 14289-1, 7.18.5).
    """
    import pydyf

    dropped = {}
    for element in objects.values():
        if "K" in element and element.get("S") not in (None, "/Link"):
            for kid in list(_references(element["K"])):
                if objects.get(kid, {}).get("Type") == "/OBJR":
                    element["K"].remove(kid)
                    annotation = objects[kid]["Obj"]
                    dropped[annotation] = objects[annotation]["StructParent"]
                    objects[kid].clear()  # nothing refers to them any more
                    objects[annotation].clear()
    for page in [item for item in objects.values() if item.get("Type") == "/Page" and "Annots" in item]:
        page["Annots"] = pydyf.Array(item for item in page["Annots"] if item not in dropped)
    parents, gone = objects[root["ParentTree"]], set(dropped.values())
    pairs = zip(parents["Nums"][::2], parents["Nums"][1::2], strict=True)
    parents["Nums"] = pydyf.Array(part for pair in pairs if pair[0] not in gone for part in pair)


def _references(kids: Any) -> Iterator[bytes]:
    return (kid for kid in kids if isinstance(kid, bytes))
